//! A message's head: its first line, its headers, and how long its body is.

use crate::rtsp::message::{Headers, Method, Status};

/// How long its parts may be.
const MOST_URI: usize = 2048;
const MOST_METHOD: usize = 64;
const MOST_KEY: usize = 512;
const MOST_VALUE: usize = 2048;
const MOST_FIELDS: usize = 255;

/// What an HTTP client's request comes to.
pub(super) const NO_RTSP: &str = "HTTP on the port for RTSP";

/// What is wrong with it, and what to answer.
pub(super) type Wrong = (&'static str, Status);

pub(super) struct Head {
    /// Absent where the first line is neither a request's nor a response's.
    pub(super) start: Option<Start>,
    pub(super) headers: Headers,
    pub(super) wrong: Option<Wrong>,
}

pub(super) enum Start {
    Request { method: Method, uri: String, version: String },
    Response { status: Status },
}

/// Where the head ends: behind the first empty line, of CRLF or bare LF. The first `searched` bytes
/// hold no end.
pub(super) fn head_length(bytes: &[u8], searched: usize, longest: usize) -> Option<usize> {
    let newlines = bytes.iter().enumerate().take(longest).skip(searched).filter(|(_, byte)| **byte == b'\n');
    newlines.map(|(index, _)| index).find_map(|index| {
        let line = bytes[..index].strip_suffix(b"\r").unwrap_or(&bytes[..index]);
        line.ends_with(b"\n").then_some(index + 1)
    })
}

pub(super) fn parse_head(text: &str) -> Head {
    let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
    let first = lines.next().unwrap_or_default();
    let mut headers = Headers::default();
    let mut wrong = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Err(what) = field(line, &mut headers) {
            wrong = wrong.or(Some((what, Status(400))));
        }
    }
    let (start, broken) = match start_line(first) {
        Ok(start) => (Some(start), None),
        Err(broken) => (None, Some(broken)),
    };
    let wrong = broken.or(wrong).or_else(|| single_values(&headers).map(|what| (what, Status(400))));
    Head { start, headers, wrong }
}

fn start_line(line: &str) -> Result<Start, Wrong> {
    if line.starts_with("RTSP/") {
        let code = line.split_ascii_whitespace().nth(1).and_then(|code| code.parse().ok());
        let code = code.ok_or(("no status in the response", Status(400)))?;
        return Ok(Start::Response { status: Status(code) });
    }
    // An unescaped blank in a URL is seen in the wild: the first and last word are what they are.
    let (method, rest) = line.split_once(' ').ok_or(("no URI in the request line", Status(400)))?;
    let (uri, version) =
        rest.trim().rsplit_once(' ').ok_or(("no version in the request line", Status(400)))?;
    if method.len() > MOST_METHOD {
        return Err(("the method is too long", Status(400)));
    }
    if has_control(uri) {
        return Err(("a control character in the URI", Status(400)));
    }
    if uri.len() > MOST_URI {
        return Err(("the URI is too long", Status(414)));
    }
    if !version.starts_with("RTSP/") {
        return Err((if version.starts_with("HTTP/") { NO_RTSP } else { "no RTSP version" }, Status(400)));
    }
    if version != "RTSP/1.0" {
        return Err(("only RTSP/1.0 is spoken here", Status(505)));
    }
    Ok(Start::Request {
        method: Method::parse(method),
        uri: uri.trim().to_owned(),
        version: version.to_owned(),
    })
}

/// A bare CR or a NUL, which a reply that repeats it (Timestamp, Content-Base) would carry to others.
fn has_control(text: &str) -> bool {
    text.chars().any(|character| character.is_control() && character != '\t')
}

fn field(line: &str, headers: &mut Headers) -> Result<(), &'static str> {
    if has_control(line) {
        return Err("a control character in a header");
    }
    if line.starts_with([' ', '\t']) {
        let folded = headers.fold(line.trim(), MOST_VALUE);
        return if folded {
            Ok(())
        } else {
            Err("a folded line without a header before it, or one too long")
        };
    }
    let (key, value) = line.split_once(':').ok_or("a header without a colon")?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() || key.len() > MOST_KEY || value.len() > MOST_VALUE || headers.len() >= MOST_FIELDS {
        return Err("a header is too long, empty, or one too many");
    }
    headers.push(key.to_owned(), value.to_owned());
    Ok(())
}

/// Twice the same is a repetition, twice different is an attack or a bug.
fn single_values(headers: &Headers) -> Option<&'static str> {
    ["CSeq", "Session", "Content-Length"].into_iter().find_map(|name| {
        let mut values = headers.all(name);
        let first = values.next()?;
        values
            .any(|value| value != first)
            .then_some("CSeq, Session or Content-Length twice with different values")
    })
}

/// Two lengths that differ leave it open where the next request begins.
pub(super) fn body_length(headers: &Headers, most: usize) -> Result<usize, Wrong> {
    let Some(text) = headers.get("Content-Length") else { return Ok(0) };
    if headers.all("Content-Length").any(|other| other != text) {
        return Err(("Content-Length twice with different values", Status(400)));
    }
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<usize>() {
        Ok(length) if digits && length <= most => Ok(length),
        _ if digits => Err(("the body is too long", Status(413))),
        _ => Err(("Content-Length is no number", Status(400))),
    }
}

/// The CSeq, if it can be repeated without harm: no control characters.
pub(in crate::rtsp) fn repeatable(headers: &Headers) -> Option<String> {
    let text = headers.get("CSeq")?;
    (!text.is_empty() && text.chars().all(|character| !character.is_control())).then(|| text.to_owned())
}

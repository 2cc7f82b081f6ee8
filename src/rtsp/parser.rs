//! Bytes into messages and interleaved frames, whatever the pieces they come in.
//!
//! Nothing is allocated by an announced length: what is held is what has arrived, and that is bounded.

use super::message::{Headers, Method, Request, Response, Status};

/// How long a head may be, and a request's.
const MOST_HEAD: usize = 32 << 10;
const MOST_ASKED_HEAD: usize = 16 << 10;
const MOST_URI: usize = 2048;
const MOST_METHOD: usize = 64;
const MOST_KEY: usize = 512;
const MOST_VALUE: usize = 2048;
const MOST_FIELDS: usize = 255;
/// A response's, which is a description.
const MOST_BODY: usize = 128 << 10;
/// A request's, and a frame's of who asks: parameters and receivers' reports. Whoever has not signed in can hold as much.
const MOST_ASKED: usize = 4 << 10;

/// What an HTTP client's request comes to.
const NO_RTSP: &str = "HTTP on the port for RTSP";

/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// Bytes that are neither a frame nor a letter, skipped in one go at most.
const MOST_GARBAGE: usize = 4096;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
    /// An interleaved frame ([RFC 2326 section 10.12](https://www.rfc-editor.org/rfc/rfc2326#section-10.12)).
    Interleaved {
        /// Which channel.
        channel: u8,
        /// Its payload.
        data: Vec<u8>,
    },
    /// Something that is no request.
    Invalid(Invalid),
}

/// Why something is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Where: bytes since the connection began.
    pub position: u64,
    /// What is wrong.
    pub what: &'static str,
    /// What to answer.
    pub status: Status,
    /// Its CSeq, if it had one that can be repeated.
    pub cseq: Option<String>,
    /// The next request's start cannot be found: the connection has to end.
    pub fatal: bool,
    /// What the peer speaks instead of RTSP, if that is known.
    pub foreign: Option<Foreign>,
}

/// Another protocol on this port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// An HTTP request.
    Http,
    /// A TLS handshake.
    Tls,
}

/// The demultiplexer of one connection.
#[derive(Debug, Default)]
pub struct Parser {
    /// It reads what clients send.
    of_clients: bool,
    /// Bytes to come of a frame that is too long to be kept.
    passed_over: usize,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are done with.
    taken: usize,
    position: u64,
    garbage: usize,
    failed: bool,
    /// Pending bytes that were searched in vain for the end of a head.
    searched: usize,
    /// Pending bytes that the next item needs, once that is known: a body in a thousand pieces is
    /// looked at once.
    needed: usize,
}

impl Parser {
    /// The beginning of a connection to a server: its bodies have up to 128 KB.
    pub fn new() -> Self {
        Self::default()
    }

    /// The beginning of a client's connection: heads of more than 16 KB and bodies of more than 4 KB are refused, and
    /// frames of more than that passed over.
    pub fn of_client() -> Self {
        Self { of_clients: true, ..Self::default() }
    }

    /// Bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.buffer.extend(bytes);
        }
    }

    /// Bytes that wait to be understood.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// The next item, if it has wholly come.
    pub fn poll(&mut self) -> Option<Item> {
        if self.pending() == 0 && !self.buffer.is_empty() {
            // Most connections are silent most of the time.
            (self.buffer, self.taken) = (Vec::new(), 0);
        }
        loop {
            if self.failed {
                return None;
            }
            if self.passed_over > 0 {
                let passed = self.passed_over.min(self.pending());
                self.passed_over -= passed;
                self.take(passed);
            }
            let rest = &self.buffer[self.taken..];
            if rest.len() < self.needed {
                return None;
            }
            match rest.first()? {
                &TLS_HANDSHAKE if self.position == 0 => return self.handshake(),
                b'$' => match self.frame()? {
                    Some(frame) => return Some(frame),
                    None => continue,
                },
                b'\r' | b'\n' => self.take(1),
                letter if letter.is_ascii_alphabetic() => return self.message(),
                _ => {
                    self.take(1);
                    self.garbage += 1;
                    if self.garbage > MOST_GARBAGE {
                        return Some(self.fail("neither a request nor an interleaved frame", Status(400)));
                    }
                }
            }
        }
    }

    fn take(&mut self, bytes: usize) {
        self.taken += bytes;
        self.position += bytes as u64;
        (self.searched, self.needed) = (0, 0);
    }

    fn fail(&mut self, what: &'static str, status: Status) -> Item {
        self.failed = true;
        let position = self.position;
        Item::Invalid(Invalid { position, what, status, cseq: None, fatal: true, foreign: None })
    }

    /// A connection that begins like a TLS record ([RFC 8446 section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)).
    fn handshake(&mut self) -> Option<Item> {
        let version = self.buffer.get(self.taken + 1)?;
        if *version != 3 {
            self.take(1);
            return self.poll();
        }
        self.failed = true;
        let what = "a TLS handshake on the port for plain RTSP";
        Some(Item::Invalid(Invalid {
            position: 0,
            what,
            status: Status(400),
            cseq: None,
            fatal: true,
            foreign: Some(Foreign::Tls),
        }))
    }

    /// A frame, or none where it is too long to be kept; nothing where more has to come.
    fn frame(&mut self) -> Option<Option<Item>> {
        let &[_, channel, high, low, ref rest @ ..] = &self.buffer[self.taken..] else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if self.of_clients && length > MOST_ASKED {
            self.take(4);
            self.passed_over = length;
            return Some(None);
        }
        let data = rest.get(..length)?.to_vec();
        self.garbage = 0;
        self.take(4 + length);
        Some(Some(Item::Interleaved { channel, data }))
    }

    fn message(&mut self) -> Option<Item> {
        let rest = &self.buffer[self.taken..];
        let longest = if self.of_clients { MOST_ASKED_HEAD } else { MOST_HEAD };
        let Some(head) = head_length(rest, self.searched, longest) else {
            let too_long = rest.len() > longest;
            let status = if rest.iter().take(longest).any(|byte| *byte == b'\n') { 413 } else { 414 };
            self.searched = rest.len();
            return too_long.then(|| self.fail("the message is too long", Status(status)));
        };
        // Latin-1 in a header is somebody's name or path: kept readable, never an error.
        let text = String::from_utf8_lossy(&rest[..head]);
        let Head { start, headers, wrong } = parse_head(&text);
        let foreign = matches!(wrong, Some((NO_RTSP, _))).then_some(Foreign::Http);
        let most = if self.of_clients { MOST_ASKED } else { MOST_BODY };
        let body = match body_length(&headers, most) {
            Ok(length) if foreign.is_none() => length,
            fatal => {
                self.failed = true;
                let (what, status) = fatal.err().or(wrong).unwrap_or((NO_RTSP, Status(400)));
                let (position, cseq) = (self.position, repeatable(&headers));
                return Some(Item::Invalid(Invalid { position, what, status, cseq, fatal: true, foreign }));
            }
        };
        let Some(bytes) = rest.get(head..head + body) else {
            self.needed = head + body;
            return None;
        };
        let bytes = bytes.to_vec();
        let position = self.position;
        self.garbage = 0;
        self.take(head + body);
        Some(match (start, wrong) {
            // What a server writes is read as far as it can be: cameras write headers without a colon.
            (Some(Start::Response { status }), _) => {
                Item::Response(Response { status, headers, body: bytes })
            }
            (Some(Start::Request { method, uri, version }), None) => {
                Item::Request(Request { method, uri, version, headers, body: bytes })
            }
            (_, wrong) => {
                let (what, status) = wrong.unwrap_or(("no request", Status(400)));
                let cseq = repeatable(&headers);
                Item::Invalid(Invalid { position, what, status, cseq, fatal: false, foreign: None })
            }
        })
    }
}

type Wrong = (&'static str, Status);

struct Head {
    /// Absent where the first line is neither a request's nor a response's.
    start: Option<Start>,
    headers: Headers,
    wrong: Option<Wrong>,
}

enum Start {
    Request { method: Method, uri: String, version: String },
    Response { status: Status },
}

/// Where the head ends: behind the first empty line, of CRLF or bare LF. The first `searched` bytes
/// hold no end.
fn head_length(bytes: &[u8], searched: usize, longest: usize) -> Option<usize> {
    let newlines = bytes.iter().enumerate().take(longest).skip(searched).filter(|(_, byte)| **byte == b'\n');
    newlines.map(|(index, _)| index).find_map(|index| {
        let line = bytes[..index].strip_suffix(b"\r").unwrap_or(&bytes[..index]);
        line.ends_with(b"\n").then_some(index + 1)
    })
}

fn parse_head(text: &str) -> Head {
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
fn body_length(headers: &Headers, most: usize) -> Result<usize, Wrong> {
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
pub(super) fn repeatable(headers: &Headers) -> Option<String> {
    let text = headers.get("CSeq")?;
    (!text.is_empty() && text.chars().all(|character| !character.is_control())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"\r\nOPTIONS * RTSP/1.0\r\ncseq : 1\r\n\r\n$\x01\x00\x03abc\
        SET_PARAMETER rtsp://h/x RTSP/1.0\nCSeq: 2\nContent-Length: 5\n\nhello$\x00\x00\x00\
        RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\nDESCRIBE rtsp://h/a b RTSP/1.0\r\nCSeq: 3\r\nAccept: a,\r\n b\r\n\r\n";

    fn items(pieces: &[&[u8]]) -> Vec<Item> {
        let mut parser = Parser::new();
        let mut items = Vec::new();
        for piece in pieces {
            parser.push(piece);
            while let Some(item) = parser.poll() {
                items.push(item);
            }
        }
        items
    }

    #[test]
    fn every_split_gives_the_same() {
        let whole = items(&[STREAM]);
        assert_eq!(whole.len(), 6);
        for at in 0..STREAM.len() {
            assert_eq!(items(&[&STREAM[..at], &STREAM[at..]]), whole, "split at {at}");
        }
        assert_eq!(items(&STREAM.chunks(1).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn bodies_blanks_and_folded_lines_are_read() {
        let whole = items(&[STREAM]);
        assert!(matches!(&whole[2], Item::Request(request) if request.body == b"hello"));
        assert!(matches!(&whole[5], Item::Request(request)
            if request.uri == "rtsp://h/a b" && request.headers.get("accept") == Some("a, b")));
    }

    #[test]
    fn bad_requests_are_told_with_their_cseq() {
        let long = format!("DESCRIBE rtsp://h/{} RTSP/1.0\r\nCSeq: 1\r\n\r\n", "x".repeat(3000));
        let endless = "x".repeat(40_000);
        let cases: [(&str, u16, Option<&str>, bool); 13] = [
            ("DESCRIBE RTSP/1.0\r\nCSeq: 7\r\n\r\n", 400, Some("7"), false),
            ("OPTIONS * RTSP/2.0\r\nCSeq: 7\r\n\r\n", 505, Some("7"), false),
            ("GET / HTTP/1.1\r\n\r\n", 400, None, true),
            ("OPTIONS * RTSP/3.7\nCSeq: 7\nContent-Length: 9\n\nOPTIONS *", 505, Some("7"), false),
            ("OPTIONS *\nno colon\nCSeq: 7\nContent-Length: 9\n\nOPTIONS *", 400, Some("7"), false),
            ("OPTIONS * RTSP/1.0\nCSeq: 7\nContent-Length: 9\nContent-Length: 8\n\n", 400, Some("7"), true),
            ("\x16\x03\x01\x02\0\x01\0", 400, None, true),
            ("OPTIONS * RTSP/1.0\r\nCSeq: 1\0\r\nno colon\r\n\r\n", 400, None, false),
            ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nCSeq: 2\r\n\r\n", 400, Some("1"), false),
            ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n", 400, Some("1"), true),
            (
                "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 18446744073709551615\r\n\r\n",
                413,
                Some("1"),
                true,
            ),
            (&long, 414, Some("1"), false),
            (&endless, 414, None, true),
        ];
        for (text, status, cseq, fatal) in cases {
            let all = items(&[text.as_bytes()]);
            let [Item::Invalid(invalid)] = &all[..] else { panic!("{text:.40}: {all:?}") };
            assert_eq!(
                (invalid.status.0, invalid.cseq.as_deref(), invalid.fatal),
                (status, cseq, fatal),
                "{text:.60}"
            );
        }
    }

    #[test]
    fn what_a_reply_repeats_holds_no_control_character() {
        for text in [
            "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nTimestamp: 17\rX: y\r\n\r\n",
            "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nRequire: a\0b\r\n\r\n",
            "DESCRIBE rtsp://h\r/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        ] {
            let all = items(&[text.as_bytes()]);
            assert!(
                matches!(&all[..], [Item::Invalid(Invalid { status: Status(400), fatal: false, .. })]),
                "{all:?}"
            );
        }
    }

    #[test]
    fn a_folded_value_has_no_blank_at_its_ends_and_the_length_of_any_other() {
        let folded = |value: &str| {
            let text = format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nAccept:{value}\r\n\r\n");
            items(&[text.as_bytes()]).remove(0)
        };
        for value in ["\r\n a\r\n b", " a\r\n \r\n\tb", "a\r\n b\r\n \t"] {
            let item = folded(value);
            assert!(
                matches!(&item, Item::Request(request) if request.headers.get("accept") == Some("a b")),
                "{item:?}"
            );
        }
        let long = format!("\r\n {}", "x".repeat(MOST_VALUE / 2)).repeat(3);
        assert!(matches!(folded(&long), Item::Invalid(Invalid { status: Status(400), .. })));
    }

    #[test]
    fn a_server_s_body_may_be_long_and_is_looked_at_once() {
        let head = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {MOST_BODY}\r\n\r\n");
        let mut pieces = vec![head.as_bytes()];
        pieces.extend(std::iter::repeat_n(&b"x"[..], MOST_BODY));
        let all = items(&pieces);
        assert!(matches!(&all[..], [Item::Response(response)] if response.body.len() == MOST_BODY));
    }

    #[test]
    fn of_a_client_nothing_long_is_kept() {
        let mut parser = Parser::of_client();
        for _ in 0..2 {
            parser.push(b"$\x00\xff\xff");
            for _ in 0..16 {
                parser.push(&[b'$'; 4000]);
                assert_eq!((parser.poll(), parser.pending()), (None, 0));
            }
            parser.push(&[b'$'; 65_535 - 64_000]);
            parser.push(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4096\r\n\r\n");
            parser.push(&[b' '; 4096]);
            assert!(matches!(parser.poll(), Some(Item::Request(request)) if request.body.len() == 4096));
        }
        parser.push(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4097\r\n\r\n");
        assert!(matches!(
            parser.poll(),
            Some(Item::Invalid(Invalid { status: Status(413), fatal: true, .. }))
        ));
    }

    #[test]
    fn garbage_is_skipped_up_to_a_bound() {
        assert_eq!(items(&[&[0xff; 4000], b"$\x00\x00\x01x"]).len(), 1);
        assert!(matches!(&items(&[&[0xff; 5000]])[..], [Item::Invalid(Invalid { fatal: true, .. })]));
    }
}

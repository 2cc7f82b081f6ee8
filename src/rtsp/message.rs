//! Requests and responses ([RFC 2326 sections 6 and 7](https://www.rfc-editor.org/rfc/rfc2326#section-6)).

use std::borrow::Cow;
use std::fmt;

use zeroize::Zeroize;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum Method {
    Options,
    Describe,
    Announce,
    Setup,
    Play,
    Pause,
    Teardown,
    GetParameter,
    SetParameter,
    Record,
    Redirect,
    /// One that RFC 2326 does not know.
    Other(String),
}

impl Method {
    /// The method of that name; names are case-sensitive.
    pub fn parse(name: &str) -> Self {
        match name {
            "OPTIONS" => Self::Options,
            "DESCRIBE" => Self::Describe,
            "ANNOUNCE" => Self::Announce,
            "SETUP" => Self::Setup,
            "PLAY" => Self::Play,
            "PAUSE" => Self::Pause,
            "TEARDOWN" => Self::Teardown,
            "GET_PARAMETER" => Self::GetParameter,
            "SET_PARAMETER" => Self::SetParameter,
            "RECORD" => Self::Record,
            "REDIRECT" => Self::Redirect,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The name as it is written.
    pub fn name(&self) -> &str {
        match self {
            Self::Options => "OPTIONS",
            Self::Describe => "DESCRIBE",
            Self::Announce => "ANNOUNCE",
            Self::Setup => "SETUP",
            Self::Play => "PLAY",
            Self::Pause => "PAUSE",
            Self::Teardown => "TEARDOWN",
            Self::GetParameter => "GET_PARAMETER",
            Self::SetParameter => "SET_PARAMETER",
            Self::Record => "RECORD",
            Self::Redirect => "REDIRECT",
            Self::Other(name) => name,
        }
    }
}

/// Header fields in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Text, Text)>);

/// Most of what a server says is always the same.
type Text = Cow<'static, str>;

impl Headers {
    /// The first field of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Every field of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Adds a field.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds all fields of others.
    pub(super) fn append(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    /// Puts those of a lower rank first; those of the same stay in their order.
    pub(super) fn arrange(&mut self, rank: impl Fn(&str) -> u8) {
        self.0.sort_by_key(|(name, _)| rank(name));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Continues the last field's value ([RFC 2326 section 4.2](https://www.rfc-editor.org/rfc/rfc2326#section-4.2));
    /// says whether there is one, still no longer than `most`.
    pub(super) fn fold(&mut self, more: &str, most: usize) -> bool {
        let Some((_, value)) = self.0.last_mut() else { return false };
        let blank = if value.is_empty() || more.is_empty() { "" } else { " " };
        let text = value.to_mut();
        let length = text.len() + blank.len() + more.len();
        if text.capacity() < length {
            // What grows by itself leaves a copy behind, which may hold a password.
            let mut longer = String::with_capacity(2 * length);
            longer.push_str(text);
            text.zeroize();
            *text = longer;
        }
        text.extend([blank, more]);
        text.len() <= most
    }
}

/// Basic says the password as it is, in base64.
impl Drop for Headers {
    fn drop(&mut self) {
        let secret = |name: &str| name.eq_ignore_ascii_case("Authorization");
        self.0.iter_mut().filter(|(name, _)| secret(name)).for_each(|(_, value)| wipe(value));
    }
}

fn wipe(text: &mut Text) {
    if let Cow::Owned(text) = text {
        text.zeroize();
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of what: as it was written.
    pub uri: String,
    /// The protocol version as it was written: `RTSP/1.0`.
    pub version: String,
    /// Its header fields.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// As it goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = format!("{} {} {}\r\n", self.method.name(), self.uri, self.version);
        to_bytes(start, &self.headers, &self.body)
    }
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// How it went.
    pub status: Status,
    /// Its header fields.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without fields or body.
    pub fn new(status: Status) -> Self {
        Self { status, headers: Headers::default(), body: Vec::new() }
    }

    /// The answer with one more field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// As it goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = format!("RTSP/1.0 {} {}\r\n", self.status.0, self.status.reason());
        to_bytes(start, &self.headers, &self.body)
    }
}

/// Room for the last field and the end of the head.
const LENGTH: usize = "Content-Length: 1000000\r\n\r\n".len();

fn to_bytes(mut text: String, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let fields = headers.iter().map(|(name, value)| name.len() + value.len() + 4);
    text.reserve(fields.sum::<usize>() + body.len() + LENGTH);
    for (name, value) in &headers.0 {
        text.extend([&**name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend(body);
    bytes
}

/// A status code ([RFC 2326 section 7.1.1](https://www.rfc-editor.org/rfc/rfc2326#section-7.1.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// The words that go with the code.
    pub fn reason(self) -> &'static str {
        match self.0 {
            200 => "OK",
            301 => "Moved Permanently",
            302 => "Moved Temporarily",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            408 => "Request Timeout",
            413 => "Request Entity Too Large",
            414 => "Request-URI Too Large",
            451 => "Parameter Not Understood",
            453 => "Not Enough Bandwidth",
            454 => "Session Not Found",
            455 => "Method Not Valid in This State",
            457 => "Invalid Range",
            459 => "Aggregate Operation Not Allowed",
            460 => "Only Aggregate Operation Allowed",
            461 => "Unsupported Transport",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            503 => "Service Unavailable",
            505 => "RTSP Version Not Supported",
            551 => "Option Not Supported",
            _ => "Error",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}

/// A packet as an interleaved frame ([RFC 2326 section 10.12](https://www.rfc-editor.org/rfc/rfc2326#section-10.12)):
/// at most 65 535 octets, which every datagram keeps to.
pub fn framed(channel: u8, packet: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(4 + packet.len());
    frame.extend([b'$', channel]);
    frame.extend((packet.len() as u16).to_be_bytes());
    frame.extend(packet);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::parser::{Item, Parser};

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let mut parser = Parser::new();
        parser.push(&framed(3, &[0xab; 300]));
        let Some(Item::Interleaved { channel, data }) = parser.poll() else { panic!("a frame") };
        assert_eq!((channel, data.len(), parser.pending()), (3, 300, 0));
    }
}

//! Bytes into messages and interleaved frames, whatever the pieces they come in.
//!
//! Nothing is allocated by an announced length: what is held is what has arrived, and that is bounded. What clients sent
//! may hold a password (Basic): it is wiped where it is done with.

mod head;

use std::borrow::Cow;

use zeroize::Zeroize;

use self::head::{Head, NO_RTSP, Start, body_length, head_length, parse_head};
use super::message::{Request, Response, Status};
pub(super) use head::repeatable;

/// How long a head may be, and a request's.
const MOST_HEAD: usize = 32 << 10;
const MOST_ASKED_HEAD: usize = 16 << 10;
/// A response's, which is a description.
const MOST_BODY: usize = 128 << 10;
/// A request's, and a frame's of who asks: parameters and receivers' reports. Whoever has not signed in can hold as much.
const MOST_ASKED: usize = 4 << 10;

/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// Bytes that are neither a frame nor a letter, skipped in one go at most.
const MOST_GARBAGE: u16 = 4096;

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
    failed: bool,
    /// Bytes to come of a frame that is too long to be kept.
    passed_over: u16,
    garbage: u16,
    /// Pending bytes that were searched in vain for the end of a head.
    searched: u32,
    /// Pending bytes that the next item needs, once that is known: a body in a thousand pieces is
    /// looked at once.
    needed: u32,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are done with.
    taken: usize,
    position: u64,
}

impl Parser {
    /// The beginning of a connection to a server: its bodies have up to 128 KB.
    pub fn new() -> Self {
        Self::default()
    }

    /// The beginning of a client's connection: heads of more than 16 KB and bodies of more than 4 KB are refused, and
    /// frames of more than that passed over.
    pub fn of_client() -> Self {
        let mut parser = Self::new();
        parser.of_clients = true;
        parser
    }

    /// Bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.make_room(bytes.len());
            self.buffer.extend(bytes);
        }
    }

    /// Lets go of what is done with.
    fn make_room(&mut self, more: usize) {
        if !self.of_clients {
            self.buffer.drain(..self.taken);
        } else if self.taken > 0 || self.buffer.capacity() < self.buffer.len() + more {
            // What moves or grows leaves a copy behind.
            let mut buffer = Vec::with_capacity((self.pending() + more).max(2 * self.pending()));
            buffer.extend_from_slice(&self.buffer[self.taken..]);
            self.buffer[self.taken..].zeroize();
            self.buffer = buffer;
        }
        self.taken = 0;
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
                let passed = usize::from(self.passed_over).min(self.pending());
                self.passed_over -= passed as u16;
                self.take(passed);
            }
            let rest = &self.buffer[self.taken..];
            if rest.len() < self.needed as usize {
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
        if self.of_clients {
            self.buffer[self.taken..][..bytes].zeroize();
        }
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
        let announced = u16::from_be_bytes([high, low]);
        let length = usize::from(announced);
        if self.of_clients && length > MOST_ASKED {
            self.take(4);
            self.passed_over = announced;
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
        let Some(head) = head_length(rest, self.searched as usize, longest) else {
            let too_long = rest.len() > longest;
            let status = if rest.iter().take(longest).any(|byte| *byte == b'\n') { 413 } else { 414 };
            self.searched = rest.len() as u32;
            return too_long.then(|| self.fail("the message is too long", Status(status)));
        };
        // Latin-1 in a header is somebody's name or path: kept readable, never an error.
        let text = readable(&rest[..head]);
        let Head { start, headers, wrong } = parse_head(&text);
        if let Cow::Owned(mut text) = text {
            text.zeroize();
        }
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
            self.needed = (head + body) as u32;
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

/// Text, whatever it is; of what is none the whole room from the beginning, since what grows leaves a copy behind.
fn readable(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len() * char::REPLACEMENT_CHARACTER.len_utf8());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text.into()
}

impl Drop for Parser {
    fn drop(&mut self) {
        if self.of_clients {
            self.buffer.zeroize();
        }
    }
}

#[cfg(test)]
mod tests;

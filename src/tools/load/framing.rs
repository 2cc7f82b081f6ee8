//! Interleaved frames and RTSP messages told apart in what a connection brings, without a copy of the media
//! ([RFC 2326 section 10.12](https://www.rfc-editor.org/rfc/rfc2326#section-10.12)).

/// Of a frame that comes in pieces this much is kept: `$`, channel, length, the RTP header and the payload's first
/// bytes.
const HEAD: usize = 64;

/// A line of a message is looked at up to here: enough for `Content-Length`.
const LINE: usize = 64;

/// A longer body is no RTSP; the parser behind says so.
const MOST_BODY: usize = 1 << 20;

/// What a piece of the connection is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A frame of `length` bytes: what is at hand of them, always the first ones, all but rarely all.
    Frame { channel: u8, length: usize, start: &'a [u8] },
    /// A piece of a message.
    Message(&'a [u8]),
}

/// The demultiplexer of one connection.
#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    head: [u8; HEAD],
    line: [u8; LINE],
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before a frame or message.
    Between,
    /// In a frame of which this much of the head is kept.
    Head(usize),
    /// Bytes of a frame that nobody looks at.
    Skip(usize),
    /// In a line of a message's head, which is so long by now; and the body's length as far as it is known.
    Line(usize, usize),
    /// In a body with so many bytes to come.
    Body(usize),
}

impl Framing {
    pub(super) fn new() -> Self {
        Self { state: State::Between, head: [0; HEAD], line: [0; LINE] }
    }

    /// Takes bytes apart.
    pub(super) fn handle(&mut self, mut bytes: &[u8], mut each: impl FnMut(Part<'_>)) {
        while !bytes.is_empty() {
            let taken = match self.state {
                State::Between => self.begin(bytes, &mut each),
                State::Head(kept) => self.head(kept, bytes, &mut each),
                State::Skip(left) => {
                    let taken = left.min(bytes.len());
                    self.state = if taken == left { State::Between } else { State::Skip(left - taken) };
                    taken
                }
                State::Line(length, body) => self.line(length, body, bytes, &mut each),
                State::Body(left) => {
                    let taken = left.min(bytes.len());
                    each(Part::Message(&bytes[..taken]));
                    self.state = if taken == left { State::Between } else { State::Body(left - taken) };
                    taken
                }
            };
            bytes = &bytes[taken..];
        }
    }

    fn begin(&mut self, bytes: &[u8], each: &mut impl FnMut(Part<'_>)) -> usize {
        match *bytes {
            [b'$', channel, high, low, ref rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                match rest.get(..length) {
                    Some(start) => {
                        each(Part::Frame { channel, length, start });
                        4 + length
                    }
                    None => {
                        self.state = State::Head(0);
                        0
                    }
                }
            }
            [b'$', ..] => {
                self.state = State::Head(0);
                0
            }
            [letter, ..] if letter.is_ascii_alphabetic() => {
                self.state = State::Line(0, 0);
                0
            }
            // Blank lines between messages; of garbage the parser says what it is.
            _ => {
                each(Part::Message(&bytes[..1]));
                1
            }
        }
    }

    /// Keeps a frame's head until there is enough of it.
    fn head(&mut self, kept: usize, bytes: &[u8], each: &mut impl FnMut(Part<'_>)) -> usize {
        let wanted = if kept < 4 { 4 } else { (4 + self.length()).min(HEAD) };
        let taken = (wanted - kept).min(bytes.len());
        self.head[kept..kept + taken].copy_from_slice(&bytes[..taken]);
        let kept = kept + taken;
        self.state = State::Head(kept);
        if kept >= 4 && kept == (4 + self.length()).min(HEAD) {
            let (length, start) = (self.length(), &self.head[4..kept]);
            each(Part::Frame { channel: self.head[1], length, start });
            let left = 4 + length - kept;
            self.state = if left == 0 { State::Between } else { State::Skip(left) };
        }
        taken
    }

    fn length(&self) -> usize {
        usize::from(u16::from_be_bytes([self.head[2], self.head[3]]))
    }

    fn line(&mut self, length: usize, body: usize, bytes: &[u8], each: &mut impl FnMut(Part<'_>)) -> usize {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        each(Part::Message(&bytes[..taken]));
        for byte in bytes[..taken].iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).enumerate() {
            if let Some(place) = self.line.get_mut(length + byte.0) {
                *place = *byte.1;
            }
        }
        let length = length + bytes[..taken].iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).count();
        self.state = match end {
            None => State::Line(length, body),
            Some(_) if length == 0 && body == 0 => State::Between,
            Some(_) if length == 0 => State::Body(body),
            Some(_) => State::Line(0, self.body_length(length).unwrap_or(body)),
        };
        taken
    }

    /// What `Content-Length: n` says, if the line is that.
    fn body_length(&self, length: usize) -> Option<usize> {
        let line = std::str::from_utf8(self.line.get(..length)?).ok()?;
        let (key, value) = line.split_once(':')?;
        let length: usize = value.trim().parse().ok()?;
        (key.trim().eq_ignore_ascii_case("content-length") && length <= MOST_BODY).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-length : 5\r\n\r\n$\0\0\x01x";

    fn stream() -> Vec<u8> {
        let long = [&b"$\x02\x01\x00"[..], &[7; 256]].concat();
        [b"$\0\0\x03abc", REPLY, &long, b"\r\n$\x01\0\0", b"RTSP/1.0 200 OK\nCSeq: 4\n\n", b"$\0\0\x01z"]
            .concat()
    }

    type Frame = (u8, usize, Vec<u8>);

    fn told(pieces: &[&[u8]]) -> (Vec<Frame>, Vec<u8>) {
        let (mut framing, mut frames, mut text) = (Framing::new(), Vec::new(), Vec::new());
        for piece in pieces {
            framing.handle(piece, |part| match part {
                Part::Frame { channel, length, start } => {
                    frames.push((channel, length, start[..start.len().min(60)].to_vec()));
                }
                Part::Message(bytes) => text.extend(bytes),
            });
        }
        (frames, text)
    }

    #[test]
    fn frames_and_messages_are_told_apart_wherever_the_pieces_end() {
        let stream = stream();
        let whole = told(&[&stream]);
        let frame = |channel, bytes: &[u8]| (channel, bytes.len(), bytes.to_vec());
        let long = (2, 256, vec![7; 60]);
        assert_eq!(whole.0, [frame(0, b"abc"), long, frame(1, b""), frame(0, b"z")]);
        assert_eq!(whole.1, [REPLY, b"\r\n", b"RTSP/1.0 200 OK\nCSeq: 4\n\n"].concat());
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(told(&pieces), whole, "{first} {second}");
            }
        }
    }
}

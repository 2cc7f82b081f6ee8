//! The parser of a connection's bytes.

use lenslet::rtsp::message::Request;
use lenslet::rtsp::parser::{Item, Parser};

use super::input::{Input, cuts};

/// A head, a body and what the last read brought: more is never held.
const MOST_HELD: usize = (32 << 10) + (128 << 10) + (64 << 10);

fn items<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Item> {
    let mut parser = Parser::new();
    let mut items = Vec::new();
    for piece in pieces {
        parser.push(piece);
        items.extend(std::iter::from_fn(|| parser.poll()));
        assert!(parser.pending() <= MOST_HELD);
    }
    items
}

/// Whatever the pieces, the same items; a request written out again is the same request.
pub(crate) fn parser(data: &[u8]) {
    let whole = items([data]);
    for at in cuts(data) {
        assert_eq!(items([&data[..at], &data[at..]]), whole, "cut at {at}");
    }
    if data.len() < 4096 {
        assert_eq!(items(data.chunks(1)), whole, "byte by byte");
    }
    for item in &whole {
        if let Item::Request(request) = item {
            let bytes = written(request);
            // What was no UTF-8 has grown.
            if bytes.len() < 16 << 10 {
                assert_eq!(items([&bytes[..]]), std::slice::from_ref(item));
            }
        }
    }
}

fn written(request: &Request) -> Vec<u8> {
    let mut text = format!("{} {} {}\r\n", request.method.name(), request.uri, request.version);
    for (name, value) in request.headers.iter() {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    [text.as_bytes(), &request.body].concat()
}

/// Frames between requests, line ends and garbage arrive as they were sent, in whatever pieces.
pub(crate) fn demultiplexer(data: &[u8]) {
    let mut input = Input(data);
    let (mut stream, mut sent) = (Vec::new(), Vec::new());
    let size = 1 + usize::from(input.word());
    while let Some(kind) = input.byte() {
        match kind % 4 {
            0 => {
                let channel = input.byte().unwrap_or_default();
                let length = usize::from(input.word());
                let payload = input.take(length).to_vec();
                stream.extend([b'$', channel]);
                stream.extend((payload.len() as u16).to_be_bytes());
                stream.extend(&payload);
                sent.push(Some((channel, payload)));
            }
            1 => {
                let length = usize::from(input.byte().unwrap_or_default());
                let body = input.take(length);
                stream
                    .extend(format!("SET_PARAMETER * RTSP/1.0\nContent-Length: {}\n\n", body.len()).bytes());
                stream.extend(body);
                sent.push(None);
            }
            2 => stream.extend([b'\r', b'\n']),
            _ => {
                // Garbage is neither a letter nor a frame.
                let byte = 0x80 | input.byte().unwrap_or_default();
                stream.extend([byte; 9]);
                if sent.len() < stream.len() / 4096 {
                    break;
                }
            }
        }
    }
    let got: Vec<_> = items(stream.chunks(size))
        .into_iter()
        .map(|item| match item {
            Item::Interleaved { channel, data } => Some((channel, data)),
            Item::Request(_) => None,
            other => panic!("nobody sent {other:?}"),
        })
        .collect();
    assert_eq!(got, sent);
}

//! Listens in on a client's connections to a server.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// So much of what each side says is kept.
const KEPT: usize = 64 << 10;

/// A place in front of a server that clients connect to instead.
pub(super) struct Tap {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    over: Arc<AtomicBool>,
}

/// What was said over a connection.
#[derive(Default)]
struct Heard {
    /// Both ends, to be cut off.
    ends: Vec<TcpStream>,
    by_client: Vec<u8>,
    by_server: Vec<u8>,
}

/// What there was of it that matters.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Of all replies, in their order.
    pub(super) statuses: Vec<u16>,
    /// Replies that call an answer right and its nonce over.
    pub(super) stale: usize,
    /// Whether the server told what the mount is.
    pub(super) described: bool,
    /// Every request's `Authorization`.
    pub(super) answers: Vec<Answer>,
    /// How many of them have a nonce that was answered on an earlier connection.
    pub(super) old: usize,
}

/// A request's `Authorization`.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) method: String,
    pub(super) fields: BTreeMap<String, String>,
}

impl Tap {
    pub(super) fn before(server: SocketAddr) -> Self {
        Self::holding_back(server, Duration::ZERO)
    }

    /// In front of a server over a network that takes so long with what a mount is.
    pub(super) fn holding_back(server: SocketAddr, held: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let hearing = heard.clone();
        let over: Arc<AtomicBool> = Arc::default();
        let ending = over.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                let server = TcpStream::connect(server).unwrap();
                let number = {
                    let mut heard = hearing.lock().unwrap();
                    heard.push(Heard::default());
                    heard.len() - 1
                };
                let (mut back, mut forth) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                hearing.lock().unwrap()[number].ends =
                    vec![back.try_clone().unwrap(), forth.try_clone().unwrap()];
                let (asked, told) = (hearing.clone(), hearing.clone());
                let mut server = server;
                std::thread::spawn(move || {
                    pass(&mut client, &mut server, |bytes| {
                        keep(&mut asked.lock().unwrap()[number].by_client, bytes)
                    });
                });
                std::thread::spawn(move || {
                    pass(&mut back, &mut forth, |bytes| {
                        if !held.is_zero() && memchr::memmem::find(bytes, b"m=video").is_some() {
                            std::thread::sleep(held);
                        }
                        keep(&mut told.lock().unwrap()[number].by_server, bytes)
                    });
                });
            }
        });
        Self { address, heard, over }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there were so far.
    pub(super) fn connections(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    /// Closes all that there are, to both sides.
    pub(super) fn cut(&self) {
        for heard in self.heard.lock().unwrap().iter() {
            for end in &heard.ends {
                // It may be closed already.
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }

    /// What was said so far.
    pub(super) fn talk(&self) -> Talk {
        let mut talk = Talk::default();
        for heard in self.heard.lock().unwrap().iter() {
            let (asked, told) = (said(&heard.by_client), said(&heard.by_server));
            let status = |line: &str| line.strip_prefix("RTSP/1.0 ")?.get(..3)?.parse::<u16>().ok();
            talk.statuses.extend(told.lines().filter_map(status));
            let stale = |line: &&str| line.starts_with("WWW-Authenticate: ") && line.contains("stale=TRUE");
            // Each has one of SHA-256 and one of MD5.
            talk.stale += told.lines().filter(stale).count() / 2;
            talk.described |= told.contains("m=video");
            let earlier = talk.answers.len();
            let mut method = "";
            for line in asked.lines() {
                if let Some(request) = line.strip_suffix(" RTSP/1.0") {
                    method = request.split(' ').next().unwrap_or_default();
                } else if let Some(value) = line.strip_prefix("Authorization: Digest ") {
                    talk.answers.push(Answer { method: method.to_owned(), fields: fields(value) });
                }
            }
            let nonce = |answer: &Answer| answer.fields.get("nonce").cloned();
            let here: Vec<_> = talk.answers[earlier..].iter().filter_map(nonce).collect();
            let before: Vec<_> = talk.answers[..earlier].iter().filter_map(nonce).collect();
            talk.old += here.iter().filter(|nonce| before.contains(nonce)).count();
        }
        talk
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

/// The text of one side: packets between messages (RFC 2326, 10.12) may hold anything, line ends and spaces too. No
/// message here has a body that could begin a line with the packets' `$`.
fn said(bytes: &[u8]) -> String {
    let (mut left, mut text) = (bytes, Vec::new());
    while let Some(first) = left.first() {
        let length = match (first, left) {
            (b'$', [_, _, high, low, ..]) => 4 + usize::from(u16::from_be_bytes([*high, *low])),
            (b'$', _) => break,
            _ => left.iter().position(|byte| *byte == b'\n').map_or(left.len(), |end| end + 1),
        };
        let (one, rest) = left.split_at(length.min(left.len()));
        if *first != b'$' {
            text.extend_from_slice(one);
        }
        left = rest;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// `name="value"` by names; none of the values here holds a comma.
fn fields(value: &str) -> BTreeMap<String, String> {
    let field = |field: &str| {
        let (name, value) = field.trim().split_once('=')?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    };
    value.split(',').filter_map(field).collect()
}

fn pass(from: &mut TcpStream, to: &mut TcpStream, mut heard: impl FnMut(&[u8])) {
    let mut bytes = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        heard(&bytes[..read]);
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    // The other side is gone, or soon is.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = KEPT.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(&bytes[..room]);
}

#[test]
fn packets_are_passed_over_whatever_they_hold() {
    let packet = b"$\x01\x00\x09A \r\n$B\r\n ";
    let request = b"PLAY rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    let cut = b"$\x00\xff\xffPLAY";
    let both = [&packet[..], request, packet, request, cut].concat();
    assert_eq!(said(&both).as_bytes(), [&request[..], request].concat());
}

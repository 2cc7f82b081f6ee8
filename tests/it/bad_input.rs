//! What must not hurt: nobody else is disturbed, and nothing of it is left behind.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::support::{Client, Incoming, PATIENCE, Server};

/// A well-behaved reader of a mount, that notices every packet lost or out of order.
struct Watcher {
    client: Client,
    last: Option<u16>,
}

impl Watcher {
    fn new(server: &Server) -> Self {
        let mut client = Client::connect(server);
        let url = server.url("test");
        let session = client.set_up_tcp(&url);
        let line = format!("PLAY {url} RTSP/1.0");
        assert_eq!(client.ask(&[&line, &format!("Session: {session}")]).status, 200);
        Self { client, last: None }
    }

    fn watch(&mut self, pictures: usize) {
        let mut seen = 0;
        while seen < pictures {
            let packet = self.client.next_frame(0);
            let seq = u16::from_be_bytes([packet[2], packet[3]]);
            assert!(self.last.is_none_or(|last| seq == last.wrapping_add(1)), "{:?}, then {seq}", self.last);
            self.last = Some(seq);
            seen += usize::from(packet[1] & 0x80 != 0);
        }
    }
}

/// Plays, so that there is media on the connection.
fn playing(server: &Server) -> Client {
    let mut watcher = Watcher::new(server);
    watcher.watch(1);
    watcher.client
}

/// Bytes that repeat late, and are the same in every run.
fn garbage(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn pipelined() -> (Vec<u8>, Vec<String>) {
    let text: String = (1..=20)
        .map(|number| match number % 3 {
            0 => format!("OPTIONS * RTSP/1.0\r\nCSeq: {number}\r\n\r\n"),
            1 => format!("DESCRIBE /test RTSP/1.0\r\nCSeq: {number}\r\n\r\n"),
            _ => format!("SET_PARAMETER * RTSP/1.0\r\nCSeq: {number}\r\nContent-Length: 2\r\n\r\n\r\n"),
        })
        .collect();
    (text.into_bytes(), (1..=20).map(|number| number.to_string()).collect())
}

#[test]
fn twenty_requests_in_one_piece_or_a_hundred_are_answered_in_order_each_once() {
    let server = Server::start();
    let (bytes, cseqs) = pipelined();
    for pieces in [1, 2, 100, bytes.len()] {
        let mut client = Client::connect(&server);
        for piece in bytes.chunks(bytes.len().div_ceil(pieces)) {
            client.send(piece);
        }
        client.socket().shutdown(Shutdown::Write).unwrap();
        let mut answered = Vec::new();
        while let Some(reply) = client.next_reply() {
            assert_eq!(reply.status, 200, "{reply:?}");
            answered.push(reply.header("cseq").unwrap().to_owned());
        }
        assert_eq!(answered, cseqs, "in {pieces} pieces");
    }
}

#[test]
fn a_handshake_of_tls_is_closed_within_a_second() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    let began = Instant::now();
    client.send(b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03");
    assert!(matches!(client.next(), Incoming::Closed));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

/// One client each that does something bad, and how.
type Misdeed = (&'static str, fn(&Server));

const MISDEEDS: [Misdeed; 8] = [
    ("64 kB of garbage", |server| {
        for seed in 0..8 {
            let mut client = Client::connect(server);
            client.send(&garbage(seed, 64 << 10));
            // Closed by the server, or still waiting for the end of something: then we go.
            client.socket().shutdown(Shutdown::Write).unwrap();
            while client.next_reply().is_some() {}
        }
    }),
    ("garbage among the frames of a player", |server| {
        let mut client = playing(server);
        client.send(&[0xff; 5000]);
        while !matches!(client.next(), Incoming::Closed) {}
    }),
    ("the longest frames, on every channel", |server| {
        let mut client = playing(server);
        for channel in 0..=255 {
            client.send(&[b'$', channel, 0xff, 0xff]);
            client.send(&garbage(u64::from(channel), 65535));
        }
        assert_eq!(client.ask(&["OPTIONS * RTSP/1.0"]).status, 200);
    }),
    ("a frame cut off", |server| {
        let mut client = playing(server);
        client.send(b"$\x01\xff\xffabc");
        client.socket().shutdown(Shutdown::Write).unwrap();
        while !matches!(client.next(), Incoming::Closed) {}
    }),
    ("a reset in the middle of a request, and of media", |server| {
        for _ in 0..20 {
            let mut client = playing(server);
            client.send(b"SETUP rtsp://h/test/trackID=0 RTSP/1.0\r\nCSe");
            socket2::SockRef::from(client.socket()).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }),
    ("half-closed players", |server| {
        for _ in 0..5 {
            let mut client = playing(server);
            client.socket().shutdown(Shutdown::Write).unwrap();
            while !matches!(client.next(), Incoming::Closed) {}
        }
    }),
    ("connections that ask nothing, or slowly", |server| {
        let mut clients: Vec<Client> = (0..100).map(|_| Client::connect(server)).collect();
        for byte in b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: " {
            clients.iter_mut().take(50).for_each(|client| client.send(&[*byte]));
        }
    }),
    ("SETUPs by the hundred, good and bad", |server| {
        let url = server.url("test");
        let mut client = Client::connect(server);
        let line = format!("SETUP {url}/trackID=0 RTSP/1.0");
        let taken = client.set_up_udp(&url);
        let port = taken.1.local_addr().unwrap().port();
        let taken = format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
        for _ in 0..300 {
            let mut other = Client::connect(server);
            assert_eq!(other.ask(&[&line, &taken]).status, 461);
            assert_eq!(other.ask(&[&line, "Transport: RTP/AVP/TCP;interleaved=0-9"]).status, 400);
            assert_eq!(other.ask(&[&line, "Transport: RTP/AVP/TCP"]).status, 200);
        }
        let session = client.ask(&["OPTIONS * RTSP/1.0"]);
        assert_eq!(session.status, 200);
        let line = format!("TEARDOWN {url} RTSP/1.0");
        assert_eq!(client.ask(&[&line]).status, 200);
    }),
];

#[test]
fn whatever_is_sent_the_others_go_on_and_nothing_is_left() {
    let server = Server::start();
    let mut watcher = Watcher::new(&server);
    watcher.watch(10);
    // What is made once, at first use, is no leak: both kinds of misdeed run once before counting.
    MISDEEDS.iter().for_each(|(_, commit)| commit(&server));
    watcher.watch(10);
    let (descriptors, memory) = settled(&server, &mut watcher, usize::MAX);
    for (what, commit) in MISDEEDS {
        commit(&server);
        watcher.watch(5);
        let (now, _) = settled(&server, &mut watcher, descriptors);
        assert!(now <= descriptors, "{what}: {descriptors} descriptors, then {now}");
    }
    let (_, now) = settled(&server, &mut watcher, descriptors);
    assert!(now <= memory + 4096, "{memory} kB resident, then {now} kB");
}

/// Descriptors and resident kB, once there are no more than `wanted` or patience is over.
fn settled(server: &Server, watcher: &mut Watcher, wanted: usize) -> (usize, u64) {
    let began = Instant::now();
    loop {
        watcher.watch(3);
        let descriptors = server.descriptors();
        // Without a wish: until what was dropped has been seen to be dropped.
        let calm = if wanted == usize::MAX { descriptors < 20 } else { descriptors <= wanted };
        if calm || began.elapsed() > PATIENCE {
            return (descriptors, server.resident());
        }
    }
}

#[test]
fn thousands_of_failed_setups_leave_nothing_behind() {
    let server = Server::start();
    let url = server.url("test");
    let (_session, rtp, _rtcp) = Client::connect(&server).set_up_udp(&url);
    let port = rtp.local_addr().unwrap().port();
    let taken = format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
    let line = format!("SETUP {url}/trackID=0 RTSP/1.0");
    let mut client = Client::connect(&server);
    let mut fail = |times| (0..times).for_each(|_| assert_eq!(client.ask(&[&line, &taken]).status, 461));
    fail(200);
    let before = server.resident();
    fail(3000);
    assert!(server.resident() <= before + 512, "{before} kB, then {} kB", server.resident());
}

#[test]
fn places_of_sessions_that_went_wrong_are_free_again() {
    const PLACES: usize = 5;
    let server = Server::on("127.0.0.1", &format!("max_sessions: {PLACES},"), crate::support::MOUNTS);
    let url = server.url("test");
    for _ in 0..3 {
        let clients: Vec<Client> = (0..PLACES).map(|_| playing(&server)).collect();
        let line = format!("SETUP {url}/trackID=0 RTSP/1.0");
        let mut late = Client::connect(&server);
        assert_eq!(late.ask(&[&line, "Transport: RTP/AVP/TCP"]).status, 453);
        for (number, client) in clients.into_iter().enumerate() {
            if number % 2 == 0 {
                socket2::SockRef::from(client.socket()).set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
        (0..PLACES).for_each(|_| drop(server.logged(&["session over"])));
    }
}

#[test]
fn a_connection_that_never_stops_sending_holds_nobody_up() {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};

    let server = Server::start();
    for flood in [&b"\r\n"[..], b"$\x4d\0\0", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"] {
        let answered = AtomicBool::new(false);
        let mut flooding = Client::connect(&server).socket().try_clone().unwrap();
        let mut reading = flooding.try_clone().unwrap();
        std::thread::scope(|scope| {
            // It reads what it is answered: nothing but its haste is wrong with it.
            scope.spawn(move || std::io::copy(&mut reading, &mut std::io::sink()));
            let flooder = scope.spawn(|| {
                let bytes = flood.repeat((1 << 20) / flood.len());
                let began = Instant::now();
                flooding.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
                while !answered.load(Ordering::SeqCst) && began.elapsed() < Duration::from_secs(5) {
                    if flooding.write_all(&bytes).is_err() {
                        break;
                    }
                }
                let _ = flooding.shutdown(Shutdown::Both);
                answered.load(Ordering::SeqCst)
            });
            std::thread::sleep(Duration::from_millis(500));
            let reply = Client::connect(&server).ask(&["OPTIONS * RTSP/1.0"]);
            answered.store(true, Ordering::SeqCst);
            assert_eq!(reply.status, 200);
            assert!(
                flooder.join().unwrap(),
                "others were answered only when {:?} stopped",
                String::from_utf8_lossy(flood)
            );
        });
    }
}

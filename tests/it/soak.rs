//! What thousands of clients leave behind: nothing.
//!
//! `LENSLET_SOAK` says how many of each kind; `.ci/long` takes 10 000.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::support::{Client, MOUNTS, PATIENCE, Reply, Server, udp_pair};

/// Those that nobody ends are over after this and half as much. There is room for all of them at once.
const SETTINGS: &str = "session_timeout: 1, max_sessions: 30000,";

/// Those who come first, of each kind, that as many sessions overlap as later: the allocator keeps what the
/// most of them took, and what is made once is made.
const FIRST: usize = 2000;

/// Resident kB that may stay more than after those: what the allocator scatters. Of 30 000 clients that is
/// 70 bytes each, less than any record of a session or a connection.
const MEMORY: u64 = 2048;

/// Threads of each kind, that clients overlap.
const AT_ONCE: usize = 4;

/// Below those that the kernel chooses; no two sessions at a time have the same. Nobody listens there:
/// nothing is sent before PLAY.
const FIRST_PORT: usize = 10_000;
const PAIRS: usize = 11_000;

fn port(number: usize) -> u16 {
    (FIRST_PORT + number % PAIRS * 2) as u16
}

fn count() -> usize {
    std::env::var("LENSLET_SOAK").map_or(300, |count| count.parse().unwrap())
}

/// SETUP of a mount's first track by UDP to this port and the one above.
fn set_up(client: &mut Client, url: &str, rtp: u16) -> Reply {
    let transport = format!("Transport: RTP/AVP;unicast;client_port={rtp}-{}", rtp + 1);
    client.ask(&[&format!("SETUP {url}/trackID=0 RTSP/1.0"), &transport])
}

/// The same to sockets of ours; gives the session.
fn set_up_sockets(client: &mut Client, url: &str) -> (String, UdpSocket, UdpSocket) {
    let address = client.socket().local_addr().unwrap().ip();
    let mut refused = Vec::new();
    loop {
        let (rtp, rtcp) = udp_pair(address);
        let reply = set_up(client, url, rtp.local_addr().unwrap().port());
        match reply.status {
            200 => {
                let session = reply.header("session").unwrap().split(';').next().unwrap().to_owned();
                return (session, rtp, rtcp);
            }
            // The kernel chose what one of those had who went away: their session is not over yet.
            461 => refused.push((rtp, rtcp)),
            _ => panic!("{reply:?}"),
        }
    }
}

/// Asks for what is not there, or names it badly.
fn describe_in_vain(server: &Server, number: usize) {
    let (url, status) = match number % 3 {
        0 => (server.url("nowhere"), 404),
        1 => (server.url("absent"), 503),
        _ => ("rtsp://[::1".to_owned(), 404),
    };
    let reply = Client::connect(server).ask(&[&format!("DESCRIBE {url} RTSP/1.0")]);
    assert_eq!(reply.status, status, "{url}");
}

/// Sets a session up and goes away.
fn abandon(server: &Server, number: usize) {
    let mut client = Client::connect(server);
    let url = server.url("live/cam");
    if number.is_multiple_of(2) {
        client.set_up_tcp(&url);
    } else {
        assert_eq!(set_up(&mut client, &url, port(number)).status, 200);
    }
    close(&client, (number / 2).is_multiple_of(2));
}

/// Plays a packet and goes away without TEARDOWN.
fn drop_while_playing(server: &Server, number: usize) {
    let mut client = Client::connect(server);
    let url = server.url("live/cam");
    let by_udp = number % 2 == 1;
    let (session, sockets) = if by_udp {
        let (session, rtp, rtcp) = set_up_sockets(&mut client, &url);
        (session, Some((rtp, rtcp)))
    } else {
        (client.set_up_tcp(&url), None)
    };
    let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
    assert_eq!(reply.status, 200, "{reply:?}");
    match &sockets {
        Some((rtp, _)) => drop(rtp.recv(&mut [0; 2048]).unwrap()),
        None => drop(client.next_frame(0)),
    }
    close(&client, (number / 2).is_multiple_of(2));
}

/// Makes the drop that follows a FIN or a RST.
fn close(client: &Client, reset: bool) {
    if reset {
        socket2::SockRef::from(client.socket()).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// So many of each kind, the kinds side by side; gives how many sessions they had.
fn visit(server: &Server, count: usize) -> usize {
    let kinds: [fn(&Server, usize); 3] = [describe_in_vain, abandon, drop_while_playing];
    std::thread::scope(|scope| {
        for (kind, thread) in kinds.iter().flat_map(|kind| (0..AT_ONCE).map(move |thread| (kind, thread))) {
            scope.spawn(move || (thread..count).step_by(AT_ONCE).for_each(|number| kind(server, number)));
        }
    });
    2 * count
}

/// Waits until the sessions are over.
fn wait_for_the_end(server: &Server, sessions: usize) {
    for _ in 0..sessions {
        server.logged(&["session over"]);
    }
}

/// What a server holds when all have gone, as soon as that is what `expected` says or patience is at its end.
fn descriptors(server: &Server, expected: Option<usize>) -> usize {
    let began = Instant::now();
    let mut last = usize::MAX;
    loop {
        // A round of its executor, in which it sees who has gone.
        assert_eq!(Client::connect(server).ask(&["OPTIONS * RTSP/1.0"]).status, 200);
        let now = server.descriptors();
        if expected.map_or(now == last, |expected| now <= expected) || began.elapsed() > PATIENCE {
            return now;
        }
        last = now;
    }
}

#[test]
fn thousands_of_clients_leave_nothing_behind() {
    let server = Server::on("127.0.0.1", SETTINGS, MOUNTS);
    let count = count();
    let sessions = visit(&server, count.min(FIRST));
    wait_for_the_end(&server, sessions);
    let began = Instant::now();
    let (before, resident) = (descriptors(&server, None), server.resident());
    let sessions = visit(&server, count);
    let most = (server.descriptors(), server.resident());
    wait_for_the_end(&server, sessions);
    let after = descriptors(&server, Some(before));
    println!(
        "{count} of each kind in {:.1} s: descriptors {before}, {}, {after}; resident {resident}, {}, {} kB",
        began.elapsed().as_secs_f64(),
        most.0,
        most.1,
        server.resident()
    );
    assert!(after <= before, "{after} descriptors, {before} before");
    let grown = server.resident().saturating_sub(resident);
    assert!(grown <= MEMORY, "{grown} kB more");
    // Ports that sessions were sent to are nobody's again.
    let mut client = Client::connect(&server);
    for number in (1..count.min(100)).step_by(2) {
        let mut client = Client::connect(&server);
        assert_eq!(set_up(&mut client, &server.url("live/cam"), port(number)).status, 200, "{number}");
    }
    // And it serves on.
    let session = client.set_up_tcp(&server.url("test"));
    let play = format!("PLAY {} RTSP/1.0", server.url("test"));
    assert_eq!(client.ask(&[&play, &format!("Session: {session}")]).status, 200);
    client.next_frame(0);
    assert!(server.stop());
}

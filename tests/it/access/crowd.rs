//! Two thousand attempts a second from many addresses of a private network, none of which is this machine's own: each limit is met,
//! who watches goes on, who comes finds a place, and nothing is left of it.
//!
//! `LENSLET_FLOOD_SECONDS` says how long, as for [`super::flood`].

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Visitor;
use super::flood::{PER_SECOND, connect, seconds, settled, watch};
use crate::sending::{alone, ip};
use crate::support::{Client, Incoming, MOUNTS, Server};
use crate::users::wait;

/// Attackers at once, each from so many addresses of its own.
const ATTACKERS: usize = 4;
const ADDRESSES: usize = 8;
/// Connections that each keeps open, for as long as it can: more than its addresses may.
const HELD: usize = 100;
/// Of connections there may be fewer than all of them may have, so that some make way; of sessions more.
const SETTINGS: &str = "max_connections: 200, max_per_address: 8, max_sessions: 400, session_timeout: 2,";
/// Resident kB that may stay: what the allocator scatters.
const MEMORY: u64 = 2048;

/// What somebody heard before he was gone: each reply's status, and whether it says when to come again.
fn heard(mut stream: TcpStream) -> Vec<(u16, bool)> {
    let mut said = [0; 4096];
    let read = stream.set_nonblocking(true).and_then(|()| stream.read(&mut said)).unwrap_or(0);
    let text = String::from_utf8_lossy(&said[..read]);
    let reply = |reply: &str| Some((reply.get(..3)?.parse().ok()?, reply.contains("Retry-After: ")));
    text.split("RTSP/1.0 ").skip(1).filter_map(reply).collect()
}

/// So many attempts, at most as many a second as this attacker's share; how many heard what.
fn attack(to: SocketAddr, attacker: usize, attempts: usize) -> BTreeMap<(u16, bool), usize> {
    let (began, mut held, mut told) = (Instant::now(), VecDeque::new(), BTreeMap::new());
    let share = (PER_SECOND / ATTACKERS) as f64;
    for number in 0..attempts {
        let due = Duration::from_secs_f64(number as f64 / share);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let from = [10, 7, 1 + attacker as u8, 1 + (number % ADDRESSES) as u8];
        // A full queue of the kernel's is an attempt too.
        let Ok(mut stream) = connect(to, from) else { continue };
        let port = 20_000 + 2 * (number % 10_000);
        // Half of the addresses set sessions up, the others say nothing, or half of it.
        let _ = match (number % 2, number / ADDRESSES % 2) {
            (0, 0) => Ok(()),
            (0, _) => stream.write_all(b"DESCRIBE rtsp://h/test RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: half"),
            // A session by UDP outlives its connection.
            _ => write!(
                stream,
                "SETUP rtsp://h/test/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port={port}-{}\r\n\r\n",
                port + 1
            ),
        };
        held.push_back(stream);
        if held.len() > HELD {
            held.pop_front()
                .map_or(Vec::new(), heard)
                .into_iter()
                .for_each(|reply| *told.entry(reply).or_default() += 1);
        }
    }
    told
}

fn flood(to: SocketAddr, attempts: usize) -> BTreeMap<(u16, bool), usize> {
    std::thread::scope(|scope| {
        let attackers: Vec<_> = (0..ATTACKERS)
            .map(|attacker| scope.spawn(move || attack(to, attacker, attempts / ATTACKERS)))
            .collect();
        let mut all = BTreeMap::new();
        for told in attackers.into_iter().flat_map(|attacker| attacker.join().unwrap()) {
            *all.entry(told.0).or_default() += told.1;
        }
        all
    })
}

/// Comes from an address of his own and watches a picture.
fn plays(server: &Server, from: &str) -> Visitor {
    let mut visitor = Visitor::over(Client::connect_from(server.address, from), "", "");
    visitor.play(&server.url("test"));
    visitor
}

/// Two who begin a request and never end it, from an address of their own.
fn slow(server: &Server) -> [Client; 2] {
    [(); 2].map(|()| {
        let mut client = Client::connect_from(server.address, "10.7.9.9");
        client.send(b"DESCRIBE rtsp://h/test RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: slow");
        client
    })
}

#[test]
fn each_limit_is_met_by_a_flood_from_a_private_network_and_who_watches_goes_on() {
    if !alone("access::crowd::each_limit_is_met_by_a_flood_from_a_private_network_and_who_watches_goes_on") {
        return;
    }
    // All of it is here then, and none of it is the machine's own for the limits.
    ip("address add 10.7.0.1/16 dev lo");
    let server = Server::on("10.7.0.1", SETTINGS, MOUNTS);
    let mut good = plays(&server, "10.7.8.1");
    // What is made once is made.
    flood(server.address, PER_SECOND);
    wait(&server, |status| status.connections == 1 && status.sessions.len() == 1);
    let baseline = (settled(&server), server.resident());
    let mut slow = slow(&server);
    let (over, began, attempts) = (AtomicBool::new(false), Instant::now(), PER_SECOND * seconds() as usize);
    let (told, took, longest, came) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&mut good.client, &over));
        let coming = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !over.load(Ordering::SeqCst) {
                let began = Instant::now();
                drop(plays(&server, "10.7.8.2"));
                longest = longest.max(began.elapsed());
            }
            longest
        });
        let told = flood(server.address, attempts);
        let took = began.elapsed();
        over.store(true, Ordering::SeqCst);
        (told, took, watching.join().unwrap(), coming.join().unwrap())
    });
    println!(
        "{attempts} attempts, {:.0} a second: {told:?}; the good client's longest wait {longest:?}, a new one's {came:?}",
        attempts as f64 / took.as_secs_f64()
    );
    assert!(told.keys().all(|(status, again)| *again == matches!(status, 453 | 503)), "{told:?}");
    for client in &mut slow {
        client.socket().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        assert!(matches!(client.next(), Incoming::Closed));
    }
    let left = wait(&server, |status| status.connections == 1 && status.sessions.len() == 1);
    let counters = &left.access.counters;
    let times =
        |what: &str| counters.iter().find(|counter| counter.what == what).map_or(0, |counter| counter.times);
    for limit in [
        "connections of an address",
        "connections that made way",
        "sessions of an address",
        "sessions that never played",
    ] {
        assert!(times(limit) > 0, "{limit}: {counters:?}");
    }
    // Those two: whoever else is slow has made way before.
    assert!(times("slow requests") >= 2, "{counters:?}");
    assert_eq!((times("sessions"), times("connections")), (0, 0), "whoever came found a place: {counters:?}");
    assert!(told[&(453, true)] > 0 && told[&(503, true)] > 0, "{told:?}");
    super::wait(|| settled(&server) == baseline.0);
    let left = server.resident();
    println!("afterwards: resident {left} kB after {} kB", baseline.1);
    assert!(left <= baseline.1 + MEMORY, "{left} kB after {baseline:?}");
}

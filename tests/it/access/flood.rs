//! Two thousand attempts a second: limits hold, who watches goes on, and nothing is left of it.
//!
//! `LENSLET_FLOOD_SECONDS` says how long; `.ci/long` takes 30.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{PASSWORD, Visitor};
use crate::sending::alone;
use crate::support::{Client, Incoming, MOUNTS, Rtp, Server};
use crate::users::{by_daemon, status, wait};

pub(super) const PER_SECOND: usize = 2000;
/// Attackers at once, each from addresses of its own.
const ATTACKERS: usize = 4;
/// Fewer than they hold.
const LIMIT: usize = 200;
/// Half requests that each keeps open, for as long as it can.
const HELD: usize = 100;
/// Resident kB that may stay: what the allocator scatters.
const MEMORY: u64 = 2048;

pub(super) fn seconds() -> u64 {
    std::env::var("LENSLET_FLOOD_SECONDS").map_or(3, |seconds| seconds.parse().unwrap())
}

/// A connection from that address. Its end is a reset: the kernel is not to run out of ports.
pub(super) fn connect(to: SocketAddr, from: [u8; 4]) -> std::io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

/// Whether it was told that it has no place, or has it no more.
fn refused(mut stream: TcpStream) -> bool {
    let mut said = [0; 64];
    let read = stream.set_nonblocking(true).and_then(|()| stream.read(&mut said)).unwrap_or(0);
    said[..read].starts_with(b"RTSP/1.0 503 ")
}

/// So many attempts, at most as many a second as this attacker's share; how many of those it looked at were told that
/// there is no place.
fn attack(to: SocketAddr, attacker: usize, attempts: usize) -> usize {
    let (began, mut held, mut no_place) = (Instant::now(), VecDeque::new(), 0);
    let share = (PER_SECOND / ATTACKERS) as f64;
    for number in 0..attempts {
        let due = Duration::from_secs_f64(number as f64 / share);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let from = 10 + (attacker + number % 8 * ATTACKERS) as u8;
        // A full queue of the kernel's is an attempt too.
        let Ok(mut stream) = connect(to, [127, 0, 0, from]) else { continue };
        let guess = "Authorization: Digest username=\"anna\", realm=\"Lenslet\", nonce=\"0\", uri=\"/test\", \
                     response=\"00000000000000000000000000000000\"\r\n";
        let _ = match number % 4 {
            0 => Ok(()),
            1 => stream.write_all(b"DESCRIBE rtsp://h/test RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: half"),
            2 => {
                stream.write_all(b"SETUP rtsp://h/test RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n")
            }
            _ => stream
                .write_all(format!("DESCRIBE rtsp://h/test RTSP/1.0\r\nCSeq: 1\r\n{guess}\r\n").as_bytes()),
        };
        held.push_back(stream);
        if held.len() > HELD {
            no_place += usize::from(held.pop_front().is_some_and(refused));
        }
    }
    no_place
}

fn flood(to: SocketAddr, attempts: usize) -> usize {
    std::thread::scope(|scope| {
        let attackers: Vec<_> = (0..ATTACKERS)
            .map(|attacker| scope.spawn(move || attack(to, attacker, attempts / ATTACKERS)))
            .collect();
        attackers.into_iter().map(|attacker| attacker.join().unwrap()).sum()
    })
}

/// Plays on until it is over; each packet has to come. The longest time between two.
pub(crate) fn watch(client: &mut Client, over: &AtomicBool) -> Duration {
    let (mut last, mut at, mut longest) = (None, Instant::now(), Duration::ZERO);
    while !over.load(Ordering::SeqCst) {
        let Incoming::Frame { channel, data } = client.next() else { panic!("it ended") };
        if channel != 0 {
            continue;
        }
        let seq = Rtp::parse(&data).seq;
        assert!(last.is_none_or(|last: u16| seq == last.wrapping_add(1)), "{last:?}, then {seq}");
        (last, longest) = (Some(seq), longest.max(at.elapsed()));
        at = Instant::now();
    }
    longest
}

/// Descriptors, without that of whoever asked for the status and is not gone at once.
pub(super) fn settled(server: &Server) -> usize {
    let look = |_| {
        std::thread::sleep(Duration::from_millis(10));
        server.descriptors()
    };
    (0..20).map(look).min().unwrap()
}

#[test]
fn limits_hold_under_two_thousand_attempts_a_second_and_nothing_is_left_of_them() {
    if !alone("access::flood::limits_hold_under_two_thousand_attempts_a_second_and_nothing_is_left_of_them") {
        return;
    }
    let server = Server::on("127.0.0.1", &format!("max_connections: {LIMIT},"), MOUNTS);
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
    let mut good = Visitor::over(Client::connect(&server), "anna", PASSWORD);
    good.play(&server.url("test"));
    // What is made once is made, and the attackers who guess are banned.
    flood(server.address, PER_SECOND);
    wait(&server, |status| status.connections == 1);
    let baseline = (settled(&server), server.resident());
    let (over, began, attempts) = (AtomicBool::new(false), Instant::now(), PER_SECOND * seconds() as usize);
    let (no_place, took, longest, most) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&mut good.client, &over));
        let looking = scope.spawn(|| {
            let mut most = (0, 0);
            while !over.load(Ordering::SeqCst) {
                most = (most.0.max(server.descriptors()), most.1.max(server.resident()));
                std::thread::sleep(Duration::from_millis(20));
            }
            most
        });
        let no_place = flood(server.address, attempts);
        let took = began.elapsed();
        over.store(true, Ordering::SeqCst);
        (no_place, took, watching.join().unwrap(), looking.join().unwrap())
    });
    let rate = attempts as f64 / took.as_secs_f64();
    println!(
        "{attempts} attempts, {rate:.0} a second, {no_place} seen refused; the good client's longest wait {longest:?}; \
         descriptors {} then at most {}, resident {} kB then at most {} kB",
        baseline.0, most.0, baseline.1, most.1
    );
    assert!(no_place > 0, "the limit was reached");
    // A few are accepted only to be told that there is no place.
    assert!(most.0 <= baseline.0 + LIMIT + 64, "{most:?}");
    assert!(most.1 <= baseline.1 + (20 << 10), "{most:?} after {baseline:?}");
    let began = Instant::now();
    let mut next = Visitor::over(Client::connect(&server), "anna", PASSWORD);
    next.play(&server.url("test"));
    println!("a new good client's first picture after {:?}", began.elapsed());
    let left = wait(&server, |status| status.connections == 2);
    assert_eq!(left.sessions.len(), 2);
    let told = |what: &str| {
        left.access.counters.iter().find(|counter| counter.what == what).map_or(0, |counter| counter.times)
    };
    assert!(
        told("connections that made way") > 0 && told("bans") > 0 && told("signed in") == 2,
        "{:?}",
        left.access.counters
    );
    drop(next);
    wait(&server, |status| status.connections == 1);
    assert_eq!(status(&server).sessions.len(), 1);
    super::wait(|| settled(&server) == baseline.0);
    let left = server.resident();
    println!("afterwards: descriptors {}, resident {left} kB", server.descriptors());
    assert!(left <= baseline.1 + MEMORY, "{left} kB after {baseline:?}");
}

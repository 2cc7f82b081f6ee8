//! Readers that do their worst beside three good ones: who loses nothing and waits for nothing, whereas the bad one is
//! closed in time and leaves nothing behind.
//!
//! How late pictures are is compared with a server of the same mount at the same time, without the bad one: a busy
//! machine is busy for both.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::media::waits::pictures_of;
use crate::sending::{alone, ip};
use crate::support::{Client, Incoming, PATIENCE, Receiver, Rtp, Server};

/// Pictures a second, of 8 kB: 2 Mbit/s.
const FPS: usize = 30;
const PICTURE: usize = 8000;

/// A reader that makes no progress is closed after 15 s; kernels hold some seconds of media before that.
const CLOSED_AFTER: std::ops::RangeInclusive<usize> = 14..=30;

/// Resident kB that may stay more than before: what the allocator scatters.
const MEMORY: u64 = 4096;

/// Pictures that good readers have seen: the clock of those that wait.
#[derive(Default)]
struct Clock {
    pictures: Mutex<usize>,
    ticked: Condvar,
}

impl Clock {
    fn now(&self) -> usize {
        *self.pictures.lock().unwrap()
    }

    fn tick(&self) {
        *self.pictures.lock().unwrap() += 1;
        self.ticked.notify_all();
    }

    fn wait(&self, pictures: usize) {
        let until = self.now() + pictures;
        let waits = |seen: &mut usize| *seen < until;
        let seen = self.pictures.lock().unwrap();
        let patience = PATIENCE + Duration::from_millis(pictures as u64 * 100);
        let (_seen, waited) = self.ticked.wait_timeout_while(seen, patience, waits).unwrap();
        assert!(!waited.timed_out(), "the good readers see nothing any more");
    }
}

/// A reader that does as it should.
struct Good {
    client: Client,
    udp: Option<(UdpSocket, UdpSocket)>,
    receiver: Receiver,
    next: Option<u16>,
    missing: u32,
    /// Of each picture its time in ticks, and when it was here.
    pictures: Vec<(u32, Instant)>,
}

impl Good {
    fn play(server: &Server, url: &str, by_udp: bool) -> Self {
        let mut client = Client::connect(server);
        let (session, udp) = if by_udp {
            let (session, rtp, rtcp) = client.set_up_udp(url);
            // As much as may be: this thread may have to wait for its turn.
            let _ = socket2::SockRef::from(&rtp).set_recv_buffer_size(1 << 20);
            (session, Some((rtp, rtcp)))
        } else {
            (client.set_up_tcp(url), None)
        };
        play(&mut client, url, &session);
        Self { client, udp, receiver: Receiver::new(), next: None, missing: 0, pictures: Vec::new() }
    }

    /// Reads a whole picture.
    fn picture(&mut self) {
        loop {
            let packet = match &self.udp {
                None => Rtp::parse(&self.client.next_frame(0)),
                Some((rtp, rtcp)) => {
                    let mut bytes = [0; 2048];
                    let (length, from) = rtp.recv_from(&mut bytes).expect("a datagram in time");
                    if self.pictures.len().is_multiple_of(FPS) {
                        // It lives.
                        rtcp.send_to(&self.receiver.report(), (from.ip(), from.port() + 1)).unwrap();
                    }
                    Rtp::parse(&bytes[..length])
                }
            };
            self.receiver.handle_rtp(&packet);
            self.missing += u32::from(packet.seq.wrapping_sub(self.next.unwrap_or(packet.seq)));
            self.next = Some(packet.seq.wrapping_add(1));
            if packet.marker {
                return self.pictures.push((packet.timestamp, Instant::now()));
            }
        }
    }

    /// Nothing is missing but what this machine had no room for once it was here.
    fn is_whole(&self, what: &str) {
        let dropped = self.udp.as_ref().map_or(0, |(rtp, _)| overflows(rtp));
        let (missing, lost) = (self.missing, self.receiver.lost());
        assert!(missing <= dropped, "{what}: {missing} packets are missing, and {dropped} came too fast");
        assert!(lost <= dropped as i32, "{what}: {lost} are lost by its own count");
        for pair in self.pictures.windows(2).skip(2 * FPS) {
            let ticks = pair[1].0.wrapping_sub(pair[0].0);
            assert!(dropped > 0 || ticks <= 3000 + 1, "{what}: {ticks} ticks from one picture to the next");
        }
    }

    /// How late each picture is, in milliseconds, beside the one that was least late: without the first two seconds,
    /// in which a backlog comes.
    fn lateness(&self) -> Vec<f64> {
        let pictures = &self.pictures[2 * FPS..];
        let (first, began) = pictures[0];
        let late = |(timestamp, arrived): &(u32, Instant)| {
            let media = f64::from(timestamp.wrapping_sub(first)) / 90.0;
            arrived.duration_since(began).as_secs_f64() * 1000.0 - media
        };
        let least = pictures.iter().map(late).fold(f64::INFINITY, f64::min);
        pictures.iter().map(|picture| late(picture) - least).collect()
    }
}

fn play(client: &mut Client, url: &str, session: &str) {
    let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Datagrams that the kernel had no room for in this socket.
fn overflows(socket: &UdpSocket) -> u32 {
    let port = format!(":{:04X} ", socket.local_addr().unwrap().port());
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let of_port = table.lines().filter(|line| line.contains(&port));
    of_port.filter_map(|line| line.split_whitespace().last()?.parse::<u32>().ok()).sum()
}

/// How late the pictures of all are: nine of ten, and the latest.
fn late(readers: &[Good]) -> (f64, f64) {
    let mut late: Vec<f64> = readers.iter().flat_map(Good::lateness).collect();
    late.sort_by(f64::total_cmp);
    (late[late.len() * 9 / 10], late[late.len() - 1])
}

/// Who does their worst: a name, and how.
type Misdeed = (&'static str, fn(&Scene<'_>));

/// Where it is done.
struct Scene<'a> {
    server: &'a Server,
    url: String,
    clock: &'a Clock,
}

impl Scene<'_> {
    /// A reader that plays and has seen one picture; gives its session, as logs tell it.
    fn playing(&self, mut client: Client) -> (Client, String) {
        let session = client.set_up_tcp(&self.url);
        play(&mut client, &self.url, &session);
        while client.next_frame(0)[1] & 0x80 == 0 {}
        (client, session[..8].to_owned())
    }

    fn stuck(&self) -> (Client, String) {
        self.playing(Client::connect_narrow(self.server))
    }

    /// Waits until the session is over, doing something every now and then.
    fn until_over(&self, session: &str, every: Duration, mut meanwhile: impl FnMut()) {
        let began = self.clock.now();
        while self.server.logged_within(every, &["session over", session]).is_none() {
            let seconds = (self.clock.now() - began) / FPS;
            assert!(seconds <= *CLOSED_AFTER.end(), "it is not closed after {seconds} s of pictures");
            meanwhile();
        }
    }

    /// It is closed when it was to be: neither at once nor never.
    fn closed_in_time(&self, session: &str, every: Duration, meanwhile: impl FnMut()) {
        let began = self.clock.now();
        self.until_over(session, every, meanwhile);
        let seconds = (self.clock.now() - began).div_ceil(FPS);
        assert!(CLOSED_AFTER.contains(&seconds), "closed after {seconds} s of pictures");
    }
}

const SECOND: Duration = Duration::from_secs(1);

const MISDEEDS: [Misdeed; 9] = [
    ("stalls", |scene| {
        let (_client, session) = scene.stuck();
        scene.closed_in_time(&session, SECOND, || {});
    }),
    ("reads a byte a second", |scene| {
        let (client, session) = scene.stuck();
        let mut socket = client.socket();
        scene.closed_in_time(&session, SECOND, || drop(socket.read(&mut [0])));
    }),
    ("makes its window small and stalls", |scene| {
        let (mut client, session) = scene.playing(Client::connect(scene.server));
        (0..100).for_each(|_| drop(client.next_frame(0)));
        socket2::SockRef::from(client.socket()).set_recv_buffer_size(1).unwrap();
        scene.closed_in_time(&session, SECOND, || {});
    }),
    ("resets while it is written to", |scene| {
        let clients: Vec<_> = (0..8).map(|_| scene.stuck()).collect();
        scene.clock.wait(4 * FPS);
        for (client, session) in clients {
            socket2::SockRef::from(client.socket()).set_linger(Some(Duration::ZERO)).unwrap();
            drop(client);
            scene.server.logged(&["session over", &session]);
        }
    }),
    ("asks without end and reads no answer", |scene| {
        let (client, session) = scene.stuck();
        let mut socket = client.socket();
        socket.set_nonblocking(true).unwrap();
        let requests = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(100);
        scene.until_over(&session, Duration::from_millis(50), || drop(socket.write(&requests)));
    }),
    ("stalls in the middle of a request", |scene| {
        let (mut client, session) = scene.stuck();
        client.send(b"PLAY rtsp://h/heavy RTSP/1.0\r\nCSe");
        // The rest of it is waited for less long than room in its window.
        scene.until_over(&session, SECOND, || {});
    }),
    ("sends a megabyte of junk", |scene| {
        for seed in 0..4 {
            let (mut client, session) = scene.playing(Client::connect(scene.server));
            let mut sending = client.socket().try_clone().unwrap();
            std::thread::scope(|scope| {
                scope.spawn(move || sending.write_all(&junk(seed, 1 << 20)));
                while !matches!(client.next(), Incoming::Closed) {}
            });
            scene.server.logged(&["session over", &session]);
        }
    }),
    ("sends frames of channels that nobody has, and junk for reports", |scene| {
        let (mut client, session) = scene.playing(Client::connect(scene.server));
        for number in 0..200 {
            for channel in [0, 1, 2, 77, 255] {
                let frame = junk(number << 8 | u64::from(channel), 4 + number as usize * 7);
                let [high, low] = (frame.len() as u16).to_be_bytes();
                client.send(&[&[b'$', channel, high, low], &frame[..]].concat());
            }
            // Empty, of a wrong length, and one that says goodbye.
            client.send(b"$\x01\0\0$\x01\0\x04\x81\xc9\xff\xff$\x01\0\x08\x81\xcb\0\x01abcd");
            client.next_frame(0);
        }
        assert_eq!(client.ask(&["OPTIONS * RTSP/1.0"]).status, 200, "its own harm is none either");
        client.next_frame(0);
        drop(client);
        scene.server.logged(&["session over", &session]);
    }),
    ("sends datagrams of junk", |scene| {
        let mut client = Client::connect(scene.server);
        let (session, rtp, rtcp) = client.set_up_udp(&scene.url);
        play(&mut client, &scene.url, &session);
        let mut bytes = [0; 2048];
        for number in 0..200 {
            let (_, from) = rtp.recv_from(&mut bytes).unwrap();
            for (socket, length) in [(&rtp, number), (&rtcp, number), (&rtcp, 1400), (&rtcp, 0)] {
                for port in [from.port(), from.port() + 1] {
                    let _ = socket.send_to(&junk(number as u64, length), (from.ip(), port));
                }
            }
        }
        let goodbye = format!("TEARDOWN {} RTSP/1.0", scene.url);
        assert_eq!(client.ask(&[&goodbye, &format!("Session: {session}")]).status, 200);
        scene.server.logged(&["session over", &session[..8]]);
    }),
];

/// Bytes that repeat late, and are the same in every run.
fn junk(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A server, its three good readers and who is bad to it. They read until `over`.
fn watched(server: &Server, over: &AtomicBool, act: impl FnOnce(&Scene<'_>)) -> Vec<Good> {
    let url = server.url("heavy");
    let clock = Clock::default();
    let mut readers = [false, true, true].map(|by_udp| Good::play(server, &url, by_udp));
    std::thread::scope(|scope| {
        let mut counts = true;
        for reader in &mut readers {
            // The first one's pictures are the clock.
            let counts = std::mem::take(&mut counts);
            let clock = &clock;
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    reader.picture();
                    if counts {
                        clock.tick();
                    }
                }
            });
        }
        // Whatever becomes of it, the others stop.
        let _stop = Stop(over);
        clock.wait(3 * FPS);
        act(&Scene { server, url, clock: &clock });
    });
    readers.into()
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Commits a misdeed beside good readers, and looks at what is left of it.
fn commit(server: &Server, what: &str, misdeed: fn(&Scene<'_>)) -> Vec<Good> {
    watched(server, &AtomicBool::new(false), |scene| {
        let (descriptors, memory) = (server.descriptors(), server.resident());
        misdeed(scene);
        // A connection that has no session any more is closed after the session timeout.
        let until = scene.clock.now() + 20 * FPS;
        while server.descriptors() > descriptors && scene.clock.now() < until {
            scene.clock.wait(1);
        }
        let (now, kept) = (server.descriptors(), server.resident());
        assert!(now <= descriptors, "{what}: {descriptors} descriptors, then {now}");
        assert!(kept <= memory + MEMORY, "{what}: {memory} kB resident, then {kept} kB");
        // And they go on.
        scene.clock.wait(FPS);
    })
}

/// Commits all of these, each against a server of its own.
fn nobody_else_notices(misdeeds: &[Misdeed], serve: impl Fn() -> Server + Sync) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let quiet = scope.spawn(|| {
            let server = serve();
            watched(&server, &AtomicBool::new(false), |scene| {
                while !over.load(Ordering::SeqCst) {
                    scene.clock.wait(1);
                }
            })
        });
        let threads: Vec<_> = misdeeds
            .iter()
            .map(|(what, misdeed)| {
                let serve = &serve;
                let commit = move || {
                    let server = serve();
                    (*what, commit(&server, what, *misdeed))
                };
                // Named: a panic tells who.
                std::thread::Builder::new().name((*what).to_owned()).spawn_scoped(scope, commit).unwrap()
            })
            .collect();
        let stop = Stop(&over);
        let done: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        drop(stop);
        let quiet = quiet.join().unwrap();
        quiet.iter().for_each(|reader| reader.is_whole("nobody"));
        let (usual, longest) = late(&quiet);
        for (what, readers) in done {
            readers.iter().for_each(|reader| reader.is_whole(what));
            let (most, latest) = late(&readers);
            println!("{what}: {most:.1} ms late, {latest:.1} at most; without: {usual:.1}, {longest:.1}");
            // Who is waited for is waited for by the second.
            assert!(most <= usual + 50.0, "{what}: {most:.1} ms late, {usual:.1} without");
            assert!(latest <= longest + 1000.0, "{what}: {latest:.1} ms late, {longest:.1} without");
        }
    });
}

#[test]
fn whatever_a_reader_does_the_others_have_every_picture_in_time() {
    let file = pictures_of(PICTURE);
    let mounts = format!("mounts: {{ \"heavy\": File(path: {:?}, fps: {FPS}) }}", file.path());
    nobody_else_notices(&MISDEEDS, || Server::with(&mounts));
}

/// Where the server is, and addresses of clients that will be lost.
const HERE: &str = "10.9.9.1";
const LOST: [&str; 3] = ["10.9.9.7", "10.9.9.8", "10.9.9.9"];

/// The client's address is behind a link that swallows everything.
fn lose(address: &str) {
    ip(&format!("addr del {address}/32 dev lo"));
    ip(&format!("route add {address}/32 dev away src {HERE}"));
    ip(&format!("neighbour replace {address} lladdr 02:00:00:00:00:09 dev away"));
}

const VANISHING: [Misdeed; 3] = [
    ("vanishes, by TCP", |scene| {
        let (_client, session) = scene.playing(Client::connect_from(scene.server.address, LOST[0]));
        lose(LOST[0]);
        scene.closed_in_time(&session, SECOND, || {});
    }),
    ("vanishes, by UDP", |scene| {
        let mut client = Client::connect_from(scene.server.address, LOST[1]);
        let (session, rtp, _rtcp) = client.set_up_udp(&scene.url);
        play(&mut client, &scene.url, &session);
        rtp.recv(&mut [0; 2048]).unwrap();
        lose(LOST[1]);
        // By its session's timeout; nobody can know that it does not merely listen.
        scene.until_over(&session[..8], SECOND, || {});
    }),
    ("has no way to it any more, by UDP and TCP", |scene| {
        let (_stays, by_tcp) = scene.playing(Client::connect_from(scene.server.address, LOST[2]));
        let mut client = Client::connect_from(scene.server.address, LOST[2]);
        let (session, rtp, _rtcp) = client.set_up_udp(&scene.url);
        play(&mut client, &scene.url, &session);
        rtp.recv(&mut [0; 2048]).unwrap();
        ip(&format!("addr del {}/32 dev lo", LOST[2]));
        // Refused for five seconds it is let go.
        scene.until_over(&session[..8], SECOND, || {});
        scene.until_over(&by_tcp, SECOND, || {});
    }),
];

#[test]
fn whoever_vanishes_without_a_word_takes_nothing_from_the_others() {
    if !alone("hostile::whoever_vanishes_without_a_word_takes_nothing_from_the_others") {
        return;
    }
    ip("link add away type veth peer name nowhere");
    ip("link set away up");
    ip("link set nowhere up");
    [HERE].iter().chain(&LOST).for_each(|address| ip(&format!("addr add {address}/32 dev lo")));
    let file = pictures_of(PICTURE);
    let mounts = format!("mounts: {{ \"heavy\": File(path: {:?}, fps: {FPS}) }}", file.path());
    nobody_else_notices(&VANISHING, || Server::on(HERE, "session_timeout: 10,", &mounts));
}

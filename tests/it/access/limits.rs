//! Limits: each is held, counted with its reason, and who is refused is told when to come again.

use std::time::{Duration, Instant};

use lenslet::access::{Policy, Rules};
use lenslet::server::{MountSettings, Settings};

use super::{House, PASSWORD, Visitor, rules, wait};
use crate::sending::{alone, ip};
use crate::support::{Client, Incoming, MOUNTS, Server};
use crate::users::by_daemon;

const TCP: &str = "Transport: RTP/AVP/TCP";

fn open(settings: Settings) -> House {
    House::with(Rules::default(), settings)
}

fn set_up(house: &House) -> (Client, u16, bool) {
    let mut visitor = Visitor::new(house, "", "");
    let reply = visitor.say("SETUP", &house.url("cam/trackID=0"), &[TCP]);
    (visitor.client, reply.status, reply.header("retry-after").is_some())
}

#[test]
fn a_connection_too_many_is_told_when_to_come_again() {
    let house = open(Settings { max_connections: 3, ..Settings::default() });
    let held: Vec<_> = (0..3).map(|_| set_up(&house)).collect();
    let mut refused = Client::at(house.address);
    let reply = refused.next_reply().unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    assert!(reply.body.contains("max_connections"), "{reply:?}");
    assert!(matches!(refused.next(), Incoming::Closed));
    assert_eq!(house.refused("connections"), 1);
    drop(held);
    wait(|| house.handle.connections() == 0);
    assert_eq!(Client::at(house.address).ask(&["OPTIONS * RTSP/1.0"]).status, 200);
}

/// Strangers from addresses of their own, each with what it says first.
fn strangers(house: &House, numbers: std::ops::Range<u8>, says: &str) -> Vec<Client> {
    let stranger = |number| {
        let mut client = Client::connect_from(house.address, &format!("127.0.0.{number}"));
        client.send(says.as_bytes());
        client
    };
    numbers.map(stranger).collect()
}

/// Whether it was told that it made way, as the last it heard.
fn made_way(client: &mut Client) -> bool {
    let Some(told) = client.next_reply() else { return false };
    assert!(matches!(client.next(), Incoming::Closed));
    told.status == 503
        && told.header("retry-after") == Some("5")
        && told.body.contains("makes way for others")
}

#[test]
fn who_signs_in_finds_a_place_among_strangers_and_loses_it_to_none() {
    let house = House::with(rules(), Settings { max_connections: 8, ..Settings::default() });
    let url = house.url("cam");
    let (mut by_tcp, mut by_udp) = (Visitor::alice(&house), Visitor::alice(&house));
    by_tcp.play(&url);
    let (session, rtp, _rtcp) = by_udp.play_udp(&url);
    let mut signed_in = Visitor::new(&house, "bob", "bob's");
    assert_eq!(signed_in.ask("DESCRIBE", &url, &[]).status, 200);
    let mut held = strangers(&house, 10..15, "");
    wait(|| house.handle.connections() == 8);
    let began = Instant::now();
    let mut good = Visitor::alice(&house);
    good.play(&url);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(made_way(&mut held[0]), "the oldest");
    assert_eq!((house.refused("connections that made way"), house.refused("connections")), (1, 0));
    // However many come, what they say and what it costs them: they push out each other.
    let half = format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n");
    let guess = format!("{half}Authorization: Basic x\r\nAuthorization: y\r\n\r\n");
    for says in ["", half.as_str(), guess.as_str(), "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"] {
        let before = house.refused("connections that made way");
        let _come = strangers(&house, 20..60, says);
        // All but those that found a free place.
        wait(|| house.refused("connections that made way") >= before + 36);
    }
    (0..5).for_each(|_| drop((by_tcp.client.next_frame(0), good.client.next_frame(0))));
    rtp.recv(&mut [0; 2048]).unwrap();
    assert_eq!(by_udp.ask("GET_PARAMETER", &url, &[&format!("Session: {session}")]).status, 200);
    assert_eq!(signed_in.ask("DESCRIBE", &url, &[]).status, 200);
    assert_eq!(house.refused("connections"), 0);
}

#[test]
fn who_waits_for_what_a_wrong_password_costs_makes_way_at_once() {
    let policy = Policy { free: 0, delay: Duration::from_secs(60), ..Policy::default() };
    let house =
        House::with(Rules { policy, ..rules() }, Settings { max_connections: 1, ..Settings::default() });
    let guess = format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: x\r\n\r\n", house.url("cam"));
    let mut guessing = strangers(&house, 10..11, &guess);
    wait(|| house.counted("wrong user or password") == 1);
    let began = Instant::now();
    Visitor::alice(&house).play(&house.url("cam"));
    assert!(made_way(&mut guessing[0]));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn sessions_too_many_are_told_when_to_come_again() {
    let house = open(Settings { max_sessions: 2, ..Settings::default() });
    let held = [set_up(&house), set_up(&house)];
    let (_client, status, told) = set_up(&house);
    assert_eq!((status, told, house.refused("sessions")), (453, true, 1));
    drop(held);
    house.wait_for_sessions(0);
    assert!(
        house.handle.change_mount("cam", MountSettings { max_readers: Some(1), ..MountSettings::default() })
    );
    let _held = set_up(&house);
    let (_client, status, told) = set_up(&house);
    assert_eq!((status, told, house.refused("readers of a mount")), (453, true, 1));
}

/// ffmpeg falls back from UDP to TCP by a SETUP without a word of the session that it has: it takes that one's place.
#[test]
fn who_sets_up_anew_has_a_place_already() {
    let settings = Settings { max_sessions: 2, ..Settings::default() };
    let house = open(settings.clone());
    let (url, listen) = (house.url("cam"), vec![house.address]);
    let (_other, status, _) = set_up(&house);
    let mut visitor = Visitor::new(&house, "", "");
    let (session, rtp, _rtcp) = visitor.play_udp(&url);
    let setup = format!("{url}/trackID=0");
    house.handle.change(&Settings { listen, max_sessions: 1, ..settings }).unwrap();
    assert_eq!((status, visitor.say("SETUP", &setup, &[TCP]).status), (200, 200));
    assert_eq!(visitor.say("GET_PARAMETER", &url, &[&format!("Session: {session}")]).status, 454);
    house.wait_for_sessions(2);
    // What was in its place is sent nothing any more, by whichever way.
    rtp.set_nonblocking(true).unwrap();
    while rtp.recv(&mut [0; 2048]).is_ok() {}
    assert_eq!(visitor.say("PLAY", &url, &[]).status, 200);
    (0..10).for_each(|_| drop(visitor.client.next_frame(0)));
    assert!(rtp.recv(&mut [0; 2048]).is_err());
    drop(visitor);
    house.wait_for_sessions(1);
}

#[test]
fn an_address_has_so_many_and_this_machine_as_many_as_there_are() {
    if !alone("access::limits::an_address_has_so_many_and_this_machine_as_many_as_there_are") {
        return;
    }
    ["10.7.7.7", "10.7.7.8"].iter().for_each(|address| ip(&format!("addr add {address}/32 dev lo")));
    let listen = vec![([0, 0, 0, 0], 0).into()];
    let house = open(Settings { listen, max_per_address: 2, ..Settings::default() });
    let server = ([10, 7, 7, 7], house.address.port()).into();
    let of = |from: &str| {
        let mut visitor = Visitor::over(Client::connect_from(server, from), "", "");
        visitor.client.socket().set_nodelay(true).unwrap();
        let first = visitor.say("SETUP", &house.url("cam/trackID=0"), &[TCP]).status;
        (visitor.client, first)
    };
    let mut held = vec![of("10.7.7.7"), of("10.7.7.7")];
    let mut refused = Client::connect_from(server, "10.7.7.7");
    assert_eq!(refused.next_reply().unwrap().status, 503);
    assert_eq!(house.refused("connections of an address"), 1);
    held.push(of("10.7.7.8"));
    let here = ([127, 0, 0, 1], house.address.port()).into();
    held.extend((0..4).map(|_| {
        let mut client = Client::at(here);
        let status = client.ask(&[&format!("SETUP {} RTSP/1.0", house.url("cam/trackID=0")), TCP]).status;
        (client, status)
    }));
    assert!(held.iter().all(|(_, status)| *status == 200));
}

#[test]
fn a_customer_of_ipv6_is_one_address() {
    if !alone("access::limits::a_customer_of_ipv6_is_one_address") {
        return;
    }
    let addresses = ["2001:db8:7::7", "2001:db8:7::8", "2001:db8:7::9", "2001:db8:7:1::1"];
    // At home everybody has the same 64 bits, and each host is one.
    let private = ["fd00:7::7", "fd00:7::8", "fd00:7::9"];
    for address in addresses.iter().chain(&private) {
        ip(&format!("-6 addr add {address}/128 dev lo nodad"));
    }
    let listen = vec![(std::net::Ipv6Addr::UNSPECIFIED, 0).into()];
    let settings = Settings { listen, max_per_address: 2, ..Settings::default() };
    let house = House::with(Rules { open_to_world: true, ..Rules::default() }, settings);
    let server = |address: &str| (address.parse::<std::net::IpAddr>().unwrap(), house.address.port()).into();
    let of = |to: &str, from: &str| {
        let mut client = Client::connect_from(server(to), from);
        let status = client.ask(&[&format!("SETUP {} RTSP/1.0", house.url("cam/trackID=0")), TCP]).status;
        (client, status)
    };
    let mut held: Vec<_> = addresses[..2].iter().map(|from| of(addresses[0], from)).collect();
    assert_eq!(Client::connect_from(server(addresses[0]), addresses[2]).next_reply().unwrap().status, 503);
    assert_eq!(house.refused("connections of an address"), 1);
    held.push(of(addresses[0], addresses[3]));
    held.extend(private.iter().chain(&private).map(|from| of(private[0], from)));
    assert!(held.iter().all(|(_, status)| *status == 200));
    assert_eq!(Client::connect_from(server(private[0]), private[1]).next_reply().unwrap().status, 503);
}

/// Sends that again and again until the connection ends; how long that took.
fn held_by(client: &mut Client, bytes: &[u8]) -> Duration {
    let began = Instant::now();
    let mut writing = client.socket().try_clone().unwrap();
    client.socket().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            use std::io::Write;
            while writing.write_all(bytes).is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        // What makes no sense is told so.
        while !matches!(client.next(), Incoming::Closed) {}
        // The writer sees it at its next word.
        let _ = client.socket().shutdown(std::net::Shutdown::Both);
    });
    began.elapsed()
}

#[test]
fn what_is_no_request_keeps_no_connection() {
    let house = open(Settings { session_timeout: Duration::from_secs(4), ..Settings::default() });
    let words: [&[u8]; 4] = [b"\r\n", b"\r", b"$\x00\x00\x04abcd", b"$\x00\x00\x01a\r\n\r\n$\x00\x00"];
    std::thread::scope(|scope| {
        for asked in [false, true] {
            for word in words {
                let house = &house;
                scope.spawn(move || {
                    let mut client = Client::at(house.address);
                    if asked {
                        assert_eq!(client.ask(&["OPTIONS * RTSP/1.0"]).status, 200);
                    }
                    let took = held_by(&mut client, word);
                    let most = if asked { 6 } else { 10 };
                    assert!((most - 2..most + 8).contains(&took.as_secs()), "{word:?} {asked} {took:?}");
                });
            }
        }
    });
    assert_eq!(house.refused("slow requests"), words.len() as u64);
}

#[test]
fn a_request_has_ten_seconds_whatever_comes_of_it_byte_by_byte() {
    let house = open(Settings::default());
    let began = Instant::now();
    let mut silent = Client::at(house.address);
    let mut slow = Client::at(house.address);
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut writing = slow.socket().try_clone().unwrap();
        let until = &over;
        scope.spawn(move || {
            use std::io::Write;
            for byte in b"OPTIONS * RTSP/1.0\r\nX: ".iter().chain(std::iter::repeat(&b'x')) {
                if until.load(std::sync::atomic::Ordering::SeqCst) || writing.write_all(&[*byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        for client in [&mut silent, &mut slow] {
            client.socket().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            assert!(matches!(client.next(), Incoming::Closed));
        }
        over.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    let took = began.elapsed();
    assert!((9..20).contains(&took.as_secs()), "{took:?}");
    assert_eq!(house.refused("slow requests"), 2);
}

#[test]
fn what_is_too_large_is_refused_and_counted() {
    let house = open(Settings::default());
    let long = "x".repeat(3000);
    let body = 200 << 10;
    for (text, status) in [
        (format!("OPTIONS rtsp://h/{long} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), 414),
        (format!("SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {body}\r\n\r\n"), 413),
        (format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: {}", "\r\nY: z".repeat(10_000)), 413),
    ] {
        let mut client = Client::at(house.address);
        client.send(text.as_bytes());
        assert_eq!(client.next_reply().unwrap().status, status);
    }
    assert_eq!(house.refused("large requests"), 3);
}

#[test]
fn a_session_that_never_plays_ends_though_its_client_is_alive() {
    let house = open(Settings { session_timeout: Duration::from_secs(1), ..Settings::default() });
    let (mut client, _, _) = set_up(&house);
    wait(|| {
        client.ask(&["OPTIONS * RTSP/1.0"]);
        house.refused("sessions that never played") == 1
    });
    house.wait_for_sessions(0);
}

#[test]
fn five_hundred_slow_connections_cost_little_and_hold_nobody_up() {
    let server = Server::on("127.0.0.1", "max_connections: 600,", MOUNTS);
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
    let good = || Visitor::over(Client::connect(&server), "anna", PASSWORD);
    // What is made once is made.
    good().play(&server.url("test"));
    let before = server.resident();
    let mut held: Vec<Client> = (0..500).map(|_| Client::connect(&server)).collect();
    crate::users::wait(&server, |status| status.connections >= 500);
    for client in held.iter_mut().skip(250) {
        client.send(b"DESCRIBE rtsp://h/test RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: slow");
    }
    let began = Instant::now();
    let mut next = good();
    next.play(&server.url("test"));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let cost = server.resident().saturating_sub(before);
    println!("500 slow connections: {cost} kB of {before}; the good one's first picture after {took:?}");
    assert!(cost < 20 << 10, "{cost} kB");
}

#[test]
fn five_hundred_who_send_all_that_may_be_sent_cost_little() {
    let server = Server::on("127.0.0.1", "max_connections: 600,", MOUNTS);
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
    Visitor::over(Client::connect(&server), "anna", PASSWORD).play(&server.url("test"));
    let before = server.resident();
    let whole = "DESCRIBE rtsp://h/test RTSP/1.0\r\nCSeq: 1\r\n";
    let field = "x: ".to_owned() + &"y".repeat(1000) + "\r\n";
    for worst in [
        format!("{whole}Content-Length: 131072\r\n\r\n{}", "z".repeat(130_000)).into_bytes(),
        format!("{whole}Content-Length: 4096\r\n\r\n{}", "z".repeat(4095)).into_bytes(),
        format!("{whole}{}", field.repeat(16)).into_bytes(),
        [&b"$\0\xff\xff"[..], &[b'$'; 65_000]].concat(),
    ] {
        let held: Vec<Client> = (0..500).map(|_| Client::connect(&server)).collect();
        for client in &held {
            // Who is refused already hears it.
            let _ = std::io::Write::write_all(&mut client.socket(), &worst);
        }
        // What was sent before is read when this is answered.
        assert_eq!(Client::connect(&server).ask(&["OPTIONS * RTSP/1.0"]).status, 200);
        let cost = server.resident().saturating_sub(before);
        println!("500 of {} bytes: {cost} kB of {before}", worst.len());
        assert!(cost < 20 << 10, "{cost} kB of {} bytes", worst.len());
        drop(held);
        crate::users::wait(&server, |status| status.connections < 10);
    }
}

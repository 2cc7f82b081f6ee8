//! From where: before anything is read.

use std::io::Read;
use std::net::SocketAddr;

use lenslet::access::Rules;
use lenslet::server::Settings;

use super::{House, PASSWORD, Visitor, networks, rules, wait};
use crate::sending::{alone, ip};
use crate::support::{Client, Incoming};

/// What who says nothing at all is told.
fn told_at_once(client: &mut Client) -> (u16, String) {
    let reply = client.next_reply().expect("a word");
    assert!(matches!(client.next(), Incoming::Closed));
    (reply.status, reply.body)
}

#[test]
fn networks_are_looked_at_before_anything_is_read() {
    let house = House::new(Rules { networks: networks(&["127.0.0.0/8"], &["127.0.0.2"]), ..rules() });
    let mut denied = Client::connect_from(house.address, "127.0.0.2");
    assert_eq!(told_at_once(&mut denied), (403, "Your network is not allowed here.\r\n".to_owned()));
    assert_eq!(
        Visitor::from(&house, "127.0.0.3", "alice", PASSWORD).ask("DESCRIBE", &house.url("cam"), &[]).status,
        200
    );
    house.gate.replace(Rules { networks: networks(&["10.0.0.0/8"], &[]), ..rules() });
    assert_eq!(told_at_once(&mut Client::at(house.address)).0, 403);
    assert_eq!(house.counted("network not allowed"), 2);
    // Who is connected already is not let in either.
    house.gate.replace(rules());
    let mut alice = Visitor::alice(&house);
    assert_eq!(alice.ask("DESCRIBE", &house.url("cam"), &[]).status, 200);
    house.gate.replace(Rules { networks: networks(&["10.0.0.0/8"], &[]), ..rules() });
    assert_eq!(alice.ask("DESCRIBE", &house.url("cam"), &[]).status, 403);
}

#[test]
fn a_mount_has_networks_of_its_own_which_strangers_are_not_told() {
    let mut only = rules();
    only.mounts.insert("door".into(), networks(&["127.0.0.9"], &[]));
    let house = House::new(only);
    let mut bob = Visitor::new(&house, "bob", "bob's");
    assert_eq!(bob.say("DESCRIBE", &house.url("door"), &[]).status, 401);
    for path in ["door", "Streaming/Channels/1"] {
        assert_eq!(bob.ask("DESCRIBE", &house.url(path), &[]).status, 403, "{path}");
    }
    assert_eq!(bob.ask("DESCRIBE", &house.url("cam"), &[]).status, 200);
    let mut inside = Visitor::from(&house, "127.0.0.9", "bob", "bob's");
    assert_eq!(inside.ask("DESCRIBE", &house.url("Streaming/Channels/1"), &[]).status, 200);
    assert_eq!(house.counted("network not allowed to the mount"), 2);
}

/// Addresses of the world and of private networks, on this machine alone.
const WORLD: [&str; 2] = ["203.0.113.7", "8.8.8.8"];
const PRIVATE: [&str; 4] = ["192.168.7.7", "10.7.7.7", "172.16.7.7", "100.64.7.7"];

#[test]
fn without_users_the_world_is_refused_with_a_sentence() {
    if !alone("access::networks::without_users_the_world_is_refused_with_a_sentence") {
        return;
    }
    WORLD.iter().chain(&PRIVATE).for_each(|address| ip(&format!("addr add {address}/32 dev lo")));
    ip("addr add fd00::7/128 dev lo");
    ip("addr add 2001:db8::7/128 dev lo");
    let listen = vec![([0, 0, 0, 0], 0).into(), "[::]:0".parse().unwrap()];
    let house = House::with(Rules::default(), Settings { listen, ..Settings::default() });
    let port = |ipv6| {
        let of = |address: &&SocketAddr| address.is_ipv6() == ipv6;
        house.handle.addresses().iter().find(of).map(SocketAddr::port).unwrap()
    };
    let at = |address: &str, ipv6| SocketAddr::new(address.parse().unwrap(), port(ipv6));
    let come = |address: &str| Client::connect_from(at(address, false), address);
    let sentence =
        "This server has no users yet: until then it answers its own and private networks alone.\r\n";
    for address in WORLD {
        assert_eq!(told_at_once(&mut come(address)), (403, sentence.to_owned()), "{address}");
    }
    for address in PRIVATE {
        let reply = come(address).ask(&["DESCRIBE rtsp://h/cam RTSP/1.0"]);
        assert_eq!(reply.status, 200, "{address}");
    }
    // The kernel takes the address that it connects to for its own.
    assert_eq!(told_at_once(&mut Client::at(at("2001:db8::7", true))).0, 403);
    assert_eq!(Client::at(at("fd00::7", true)).ask(&["DESCRIBE rtsp://h/cam RTSP/1.0"]).status, 200);
    assert_eq!(house.counted("no users yet, not a private address"), 3);
    let (events, _) = house.gate.take_events();
    assert!(events.iter().any(|event| event.peer == Some(WORLD[0].parse().unwrap())), "{events:?}");
    house.gate.replace(Rules { open_to_world: true, ..Rules::default() });
    assert_eq!(come(WORLD[0]).ask(&["DESCRIBE rtsp://h/cam RTSP/1.0"]).status, 200, "an explicit word");
    house.gate.replace(rules());
    let mut alice = Visitor::over(come(WORLD[0]), "alice", PASSWORD);
    assert_eq!(
        alice.ask("DESCRIBE", "rtsp://h/cam", &[]).status,
        200,
        "who has a password may come from there"
    );
}

#[test]
fn who_is_refused_at_the_door_leaves_nothing() {
    let house = House::new(Rules { networks: networks(&[], &["127.0.0.2"]), ..rules() });
    for _ in 0..500 {
        let client = Client::connect_from(house.address, "127.0.0.2");
        let mut word = Vec::new();
        // Reset or closed, whichever comes first.
        let _ = client.socket().read_to_end(&mut word);
    }
    wait(|| house.counted("network not allowed") == 500);
    wait(|| house.handle.connections() == 0);
    let (events, lost) = house.gate.take_events();
    assert_eq!((events.len(), events[0].times, lost), (1, 500, 0), "one line for all of them");
}

//! Nobody is sent anything that he did not ask for: the server cannot be turned against others.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use lenslet::access::Rules;
use lenslet::server::Settings;

use super::{House, Visitor, rules, session};

fn silent(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    matches!(socket.recv(&mut [0; 2048]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn packets_go_to_who_asked_whatever_destination_is_named() {
    let house = House::new(rules());
    let url = house.url("cam");
    let (asker, _reports) = crate::support::udp_pair([127, 0, 0, 1].into());
    let port = asker.local_addr().unwrap().port();
    let victim = UdpSocket::bind(("127.0.0.9", port)).unwrap();
    let mut alice = Visitor::alice(&house);
    for named in
        ["destination=127.0.0.9", "destination=\"127.0.0.9\"", "source=127.0.0.9;destination=127.0.0.9;ttl=9"]
    {
        let transport = format!("Transport: RTP/AVP;unicast;{named};client_port={port}-{}", port + 1);
        let reply = alice.ask("SETUP", &format!("{url}/trackID=0"), &[&transport]);
        assert_eq!(reply.status, 200, "{named}");
        assert!(!reply.header("transport").unwrap().contains("127.0.0.9"), "{reply:?}");
        let named_session = format!("Session: {}", session(&reply));
        assert_eq!(alice.ask("PLAY", &url, &[&named_session]).status, 200);
        for _ in 0..10 {
            asker.recv(&mut [0; 2048]).unwrap();
        }
        assert_eq!(alice.ask("TEARDOWN", &url, &[&named_session]).status, 200);
        assert!(silent(&victim), "{named}");
    }
    for multicast in ["RTP/AVP;multicast;destination=224.1.1.1;port=5000-5001", "RTP/AVP;multicast"] {
        let reply = alice.ask("SETUP", &format!("{url}/trackID=0"), &[&format!("Transport: {multicast}")]);
        assert_eq!(reply.status, 461, "{multicast}");
    }
}

#[test]
fn no_port_below_1024_is_sent_to() {
    let house = House::new(rules());
    let setup = format!("{}/trackID=0", house.url("cam"));
    let mut alice = Visitor::alice(&house);
    for ports in ["53-54", "1023-1024", "0-1", "1024-1023", "5000-123", "53", "0", "123-5000"] {
        let transport = format!("Transport: RTP/AVP;unicast;client_port={ports}");
        let status = alice.ask("SETUP", &setup, &[&transport]).status;
        assert!([400, 461].contains(&status), "{ports}: {status}");
    }
    house.wait_for_sessions(0);
}

#[test]
fn who_cannot_be_reached_is_sent_nothing_after_five_seconds() {
    let house = House::new(rules());
    let mut alice = Visitor::alice(&house);
    let (_session, rtp, rtcp) = alice.play_udp(&house.url("cam"));
    house.wait_for_sessions(1);
    let (port, closed) = (rtp.local_addr().unwrap(), Instant::now());
    // Nobody is there any more: the kernel says so for each packet.
    drop((rtp, rtcp));
    house.wait_for_sessions(0);
    assert!(closed.elapsed() < Duration::from_secs(5), "{:?}", closed.elapsed());
    // Pictures of another reader later, nothing goes there.
    let listening = UdpSocket::bind(port).unwrap();
    let mut other = Visitor::alice(&house);
    other.play(&house.url("cam"));
    (0..10).for_each(|_| drop(other.client.next_frame(0)));
    assert!(silent(&listening));
}

#[test]
fn who_shows_no_life_is_sent_nothing_after_the_timeout() {
    let settings = Settings { session_timeout: Duration::from_secs(1), ..Settings::default() };
    let house = House::with(Rules::default(), settings);
    let (_session, rtp, _rtcp) = Visitor::new(&house, "", "").play_udp(&house.url("cam"));
    house.wait_for_sessions(0);
    rtp.set_nonblocking(true).unwrap();
    while rtp.recv(&mut [0; 2048]).is_ok() {}
    // Pictures of another reader later, nothing has come.
    let mut other = Visitor::new(&house, "", "");
    other.play(&house.url("cam"));
    (0..5).for_each(|_| drop(other.client.next_frame(0)));
    assert!(silent(&rtp));
}

#[test]
fn what_is_asked_of_the_server_is_more_than_what_strangers_get() {
    let house = House::new(rules());
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    let mut alice = Visitor::alice(&house);
    let (_session, rtp, _rtcp) = alice.play_udp(&house.url("cam"));
    let (_, from) = rtp.recv_from(&mut [0; 2048]).unwrap();
    // RTP's and RTCP's ports answer nobody.
    for port in [from.port(), from.port() + 1] {
        for bytes in [&b"OPTIONS * RTSP/1.0\r\n\r\n"[..], &[0x80, 201, 0, 1, 1, 2, 3, 4], &[0; 12]] {
            stranger.send_to(bytes, (from.ip(), port)).unwrap();
        }
    }
    for _ in 0..10 {
        rtp.recv(&mut [0; 2048]).unwrap();
    }
    assert!(silent(&stranger));
}

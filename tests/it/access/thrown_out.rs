//! Who watches and may no more, and who watches on.

use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime};

use lenslet::access::{Guest, Memory, Rules};

use super::{House, PASSWORD, Visitor, now, rules, users, wait};
use crate::support::{Client, Incoming, MOUNTS, Server};
use crate::users::{by_daemon, run};

/// RTCP's packet type of BYE (RFC 3550 section 12.1).
const BYE: u8 = 203;

/// Whether one of a compound's packets is a BYE.
fn says_goodbye(compound: &[u8]) -> bool {
    let mut rest = compound;
    while let [_, kind, high, low, ..] = *rest {
        if kind == BYE {
            return true;
        }
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

/// Reads to the connection's end; whether goodbye was said on the channel of reports.
fn ends_with_goodbye(client: &mut Client) -> bool {
    let (mut said, began) = (false, Instant::now());
    loop {
        assert!(began.elapsed() < crate::support::PATIENCE, "it does not end");
        match client.next() {
            Incoming::Frame { channel: 1, data } => said |= says_goodbye(&data),
            Incoming::Closed => return said,
            _ => {}
        }
    }
}

fn is_told_goodbye(rtcp: &UdpSocket) {
    rtcp.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    let mut bytes = [0; 2048];
    while let Ok(length) = rtcp.recv(&mut bytes) {
        if says_goodbye(&bytes[..length]) {
            return;
        }
    }
    panic!("no goodbye came");
}

/// Anna plays by TCP and UDP, then she may no more by what is done: both of hers end, and bob's goes on.
fn throws_out(words: &[&str], piped: &str, by_verb: bool) {
    let server = Server::on("127.0.0.1", "", MOUNTS);
    let url = server.url("test");
    for name in ["anna", "bob"] {
        by_daemon(&server, &["user", "add", name, "--password-stdin"], PASSWORD);
    }
    let mut bob = Visitor::over(Client::connect(&server), "bob", PASSWORD);
    let session = bob.play(&url);
    let mut by_tcp = Visitor::over(Client::connect(&server), "anna", PASSWORD);
    by_tcp.play(&url);
    let mut by_udp = Visitor::over(Client::connect(&server), "anna", PASSWORD);
    let (_session, _rtp, rtcp) = by_udp.play_udp(&url);
    if by_verb {
        by_daemon(&server, words, piped);
    } else {
        // As a person does who has no daemon to ask, or restores a file.
        let nowhere = server.state().join("none.sock");
        assert!(run(server.state(), &nowhere, words, piped).status.success());
    }
    assert!(ends_with_goodbye(&mut by_tcp.client), "{words:?}");
    is_told_goodbye(&rtcp);
    server.logged(&["INFO", "may no more", "anna"]);
    assert_eq!(bob.say("GET_PARAMETER", &url, &[&format!("Session: {session}")]).status, 200);
    bob.client.next_frame(0);
}

const PASSWD: [&str; 4] = ["user", "passwd", "anna", "--password-stdin"];

#[test]
fn another_password_ends_what_was_let_in_by_the_former() {
    throws_out(&PASSWD, "another", true);
}

#[test]
fn another_password_in_the_file_ends_what_was_let_in_by_the_former() {
    throws_out(&PASSWD, "another", false);
}

#[test]
fn rights_that_are_taken_away_end_what_they_let_in() {
    throws_out(&["user", "rights", "anna", "--may-read", "live/*"], "", true);
}

#[test]
fn a_user_who_is_removed_watches_no_more() {
    throws_out(&["user", "remove", "anna"], "", true);
}

#[test]
fn a_user_who_is_removed_from_the_file_watches_no_more() {
    throws_out(&["user", "remove", "anna"], "", false);
}

#[test]
fn a_session_of_a_former_password_is_not_held_by_its_connection() {
    let house = House::new(rules());
    let url = house.url("cam");
    let mut alice = Visitor::alice(&house);
    let session = alice.play(&url);
    let mut changed = users();
    changed.set_password("alice", "another").unwrap();
    house.gate.replace(Rules { users: changed, ..rules() });
    // Before the second is over in which it is ended, too.
    let mut others = alice.client;
    others.send(format!("PAUSE {url} RTSP/1.0\r\nCSeq: 9\r\nSession: {session}\r\n\r\n").as_bytes());
    assert!(others.next_reply().is_none_or(|reply| reply.status == 401));
}

#[test]
fn who_plays_when_the_last_user_is_removed_plays_on_from_a_private_network() {
    let server = Server::on("127.0.0.1", "", MOUNTS);
    let url = server.url("test");
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
    let anna = || Visitor::over(Client::connect(&server), "anna", PASSWORD);
    let (mut by_tcp, mut by_udp) = (anna(), anna());
    let session = format!("Session: {}", by_tcp.play(&url));
    let (udp_session, rtp, _rtcp) = by_udp.play_udp(&url);
    let udp_session = format!("Session: {udp_session}");
    by_daemon(&server, &["user", "remove", "anna"], "");
    for (visitor, session) in [(&mut by_tcp, &session), (&mut by_udp, &udp_session)] {
        for method in ["GET_PARAMETER", "PAUSE", "PLAY"] {
            assert_eq!(visitor.ask(method, &url, &[session]).status, 200, "{method}");
        }
    }
    by_tcp.client.next_frame(0);
    rtp.recv(&mut [0; 2048]).unwrap();
    // Also by another connection of the same peer.
    let mut other = Visitor::over(Client::connect(&server), "", "");
    assert_eq!(other.ask("TEARDOWN", &url, &[&session]).status, 454, "that one is its connection's");
    assert_eq!(other.ask("TEARDOWN", &url, &[&udp_session]).status, 200);
    // Whoever is the first user then ends what nobody signed in for.
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
    assert!(ends_with_goodbye(&mut by_tcp.client));
}

#[test]
fn who_watches_on_one_connection_for_long_was_here_lately() {
    let house = House::new(rules());
    let mut alice = Visitor::alice(&house);
    alice.play(&house.url("cam"));
    let long_ago = now().wall - Duration::from_secs(6 * 24 * 3600);
    let network = "127.0.0.1".parse().unwrap();
    let guest = Guest { network, user: "alice".into(), at: long_ago, manners: Vec::new() };
    house.gate.restore(Memory { guests: vec![guest], ..Memory::default() }, now());
    let last = || -> SystemTime { house.gate.memory(now()).guests[0].at };
    wait(|| last() > long_ago + Duration::from_secs(6 * 24 * 3600 - 60));
}

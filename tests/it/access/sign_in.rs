//! Users, passwords and rights.

use std::time::Duration;

use lenslet::access::Rules;

use super::{House, PASSWORD, Visitor, challenges, networks, rules, session, users, wait};
use crate::support::{Incoming, Reply};

#[test]
fn both_challenges_come_in_the_form_that_clients_understand() {
    let house = House::new(rules());
    let reply = Visitor::alice(&house).say("DESCRIBE", &house.url("cam"), &[]);
    let told = challenges(&reply);
    let [sha256, md5] = &told[..] else { panic!("{reply:?}") };
    assert_eq!(reply.status, 401);
    assert!(md5.starts_with("Digest realm=\"Lenslet\", nonce=\"") && md5.ends_with('"'), "{md5}");
    assert_eq!(*sha256, format!("{md5}, algorithm=SHA-256"));
    house.gate.replace(Rules { basic: true, ..rules() });
    let with_basic = challenges(&Visitor::alice(&house).say("DESCRIBE", &house.url("cam"), &[]));
    assert_eq!((with_basic[0].as_str(), with_basic.len()), ("Basic realm=\"Lenslet\"", 3));
}

#[test]
fn who_knows_the_password_watches_by_either_hash_and_either_transport() {
    let house = House::new(rules());
    let url = house.url("cam");
    // Whose ports are closed is let go: wrong passwords take their time.
    let mut plays = Vec::new();
    for sha256 in [true, false] {
        let of = |user, password| {
            let visitor = Visitor::new(&house, user, password);
            if sha256 { visitor.by_sha256() } else { visitor }
        };
        let mut alice = of("alice", PASSWORD);
        assert_eq!(alice.ask("DESCRIBE", &url, &[]).status, 200);
        alice.play(&url);
        let (_session, rtp, rtcp) = of("empty", "").play_udp(&url);
        rtp.recv(&mut [0; 2048]).unwrap();
        plays.push((rtp, rtcp));
        for (user, password) in [("alice", "x"), ("alice", ""), ("mallory", PASSWORD), ("", "")] {
            let reply = of(user, password).ask("DESCRIBE", &url, &[]);
            assert_eq!(reply.status, 401, "{user}");
            assert_eq!(challenges(&reply).len(), 2);
        }
    }
    assert_eq!(house.counted("wrong user or password"), 8);
    let sessions = smol::block_on(house.handle.sessions());
    let users: Vec<_> = sessions.iter().map(|session| session.user.as_deref().unwrap()).collect();
    assert_eq!(users.iter().filter(|user| **user == "empty").count(), 2, "{users:?}");
}

#[test]
fn strangers_are_told_the_same_of_what_there_is_and_what_there_is_not() {
    let house = House::new(rules());
    for method in
        ["DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "X"]
    {
        let told: Vec<_> = ["cam", "nowhere", "", "Streaming/Channels/1", "%zz", "../x", "cam/trackID=9"]
            .map(|path| {
                let headers = ["Transport: RTP/AVP/TCP", "Session: 00112233445566778899aabbccddeeff"];
                let reply = Visitor::alice(&house).say(method, &house.url(path), &headers);
                let names: Vec<_> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
                (reply.status, names, reply.body)
            })
            .into();
        assert_eq!(told[0].0, 401, "{method}");
        assert!(told.iter().all(|each| *each == told[0]), "{method}: {told:?}");
    }
    // Who is in is told the truth.
    let mut bob = Visitor::new(&house, "bob", "bob's");
    assert_eq!(bob.ask("DESCRIBE", &house.url("nowhere"), &[]).status, 404);
    // Clients ask it before they have a password, and whether it is alive.
    assert_eq!(Visitor::alice(&house).say("OPTIONS", &house.url("cam"), &[]).status, 200);
    assert_eq!(house.counted("wrong user or password"), 0, "to be asked is no failure");
}

#[test]
fn rights_are_of_the_mount_by_whatever_name() {
    let house = House::new(rules());
    let mut alice = Visitor::alice(&house);
    assert_eq!(alice.ask("DESCRIBE", &house.url("cam"), &[]).status, 200);
    for path in ["door", "Streaming/Channels/1", "Streaming/Channels/1?x=1", "nowhere"] {
        assert_eq!(alice.ask("DESCRIBE", &house.url(path), &[]).status, 403, "{path}");
        let setup = alice.ask("SETUP", &house.url(path), &["Transport: RTP/AVP/TCP"]);
        assert_eq!(setup.status, 403, "{path}");
    }
    let mut bob = Visitor::new(&house, "bob", "bob's");
    bob.play(&house.url("Streaming/Channels/1"));
    assert_eq!(house.counted("no right to the mount"), 8);
}

/// `/` is another name of the door, where she may not: `*` is none.
#[test]
fn a_star_is_of_no_mount_though_the_root_is() {
    let house = House::new(rules());
    let url = house.url("cam");
    let mut alice = Visitor::alice(&house);
    let named = format!("Session: {}", alice.play(&url));
    assert_eq!(alice.ask("DESCRIBE", &house.url(""), &[]).status, 403);
    for method in ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"] {
        assert_eq!(alice.ask(method, "*", &[]).status, 200, "{method}");
        assert_eq!(alice.ask(method, "*", &[&named]).status, 200, "{method} of her session");
    }
    let asked = alice.answer("GET_PARAMETER", "*").unwrap();
    let text = format!(
        "GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\n{named}\r\nAuthorization: {asked}\r\nContent-Length: 16\r\n\r\nbehind_live_ms\r\n"
    );
    alice.client.send(text.as_bytes());
    assert_eq!(alice.client.next_reply().unwrap().status, 200, "nor is it of another mount than her session");
    let mut bob = Visitor::new(&house, "bob", "bob's");
    bob.play(&house.url(""));
}

#[test]
fn what_changes_something_needs_the_right_to_change() {
    let house = House::new(rules());
    for (user, password, status) in [("alice", PASSWORD, 403), ("bob", "bob's", 451)] {
        let mut visitor = Visitor::new(&house, user, password);
        assert_eq!(visitor.ask("DESCRIBE", &house.url("cam"), &[]).status, 200);
        let url = house.url("cam");
        let answer = visitor.answer("SET_PARAMETER", &url).unwrap();
        let text = format!(
            "SET_PARAMETER {url} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: {answer}\r\nContent-Length: 10\r\n\r\nbitrate: 1"
        );
        visitor.client.send(text.as_bytes());
        assert_eq!(visitor.client.next_reply().unwrap().status, status, "{user}");
        assert_eq!(visitor.ask("SET_PARAMETER", &url, &[]).status, 200, "a keep-alive changes nothing");
    }
}

#[test]
fn basic_is_taken_where_the_configuration_allows_it_alone() {
    let house = House::new(rules());
    // alice and her password.
    let value = format!("Authorization: Basic {}", base64_of(&format!("alice:{PASSWORD}")));
    let url = house.url("cam");
    assert_eq!(Visitor::alice(&house).say("DESCRIBE", &url, &[&value]).status, 401);
    assert_eq!(house.counted("wrong user or password"), 0, "it was not looked at");
    house.gate.replace(Rules { basic: true, ..rules() });
    assert_eq!(Visitor::alice(&house).say("DESCRIBE", &url, &[&value]).status, 200);
    let wrong = format!("Authorization: Basic {}", base64_of("alice:x"));
    assert_eq!(Visitor::alice(&house).say("DESCRIBE", &url, &[&wrong]).status, 401);
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn an_answer_that_counts_is_taken_once() {
    let house = House::new(rules());
    let url = house.url("cam");
    let mut alice = Visitor::alice(&house);
    let challenge = challenges(&alice.say("DESCRIBE", &url, &[])).pop().unwrap();
    let mut client =
        http_auth::PasswordClient::try_from(format!("{challenge}, qop=\"auth\"").as_str()).unwrap();
    let mut next = || {
        let parameters = http_auth::PasswordParams {
            username: "alice",
            password: PASSWORD,
            uri: &url,
            method: "DESCRIBE",
            body: Some(&[]),
        };
        format!("Authorization: {}", client.respond(&parameters).unwrap())
    };
    let (first, second) = (next(), next());
    assert!(first.contains("nc=00000001"), "{first}");
    assert_eq!(alice.say("DESCRIBE", &url, &[&first]).status, 200);
    let again = alice.say("DESCRIBE", &url, &[&first]);
    assert_eq!(again.status, 401);
    assert!(challenges(&again).iter().all(|challenge| challenge.contains(", stale=TRUE")), "{again:?}");
    assert_eq!(alice.say("DESCRIBE", &url, &[&second]).status, 200);
}

/// Two players behind one router that count, and come within a second: neither's first use is the other's second.
#[test]
fn those_who_count_are_told_apart_behind_one_address() {
    let house = House::new(rules());
    let url = house.url("cam");
    for _ in 0..10 {
        let mut alice = Visitor::alice(&house);
        let challenge = challenges(&alice.say("DESCRIBE", &url, &[])).pop().unwrap();
        alice.challenge = Some(format!("{challenge}, qop=\"auth\""));
        let answer = alice.answer("DESCRIBE", &url).unwrap();
        assert!(answer.contains("nc=00000001"), "{answer}");
        assert_eq!(alice.say("DESCRIBE", &url, &[&format!("Authorization: {answer}")]).status, 200);
    }
}

/// retina takes any 401 after its first answer for the last word: who plays for hours, and then another time, is not asked again.
#[test]
fn who_signed_in_is_not_asked_again_on_his_connection_however_old_his_nonce_is() {
    let house = House::new(Rules { nonce_lives: Duration::from_secs(1), ..rules() });
    let url = house.url("cam");
    let setup = format!("{url}/trackID=0");
    let mut alice = Visitor::alice(&house);
    assert_eq!(alice.ask("DESCRIBE", &url, &[]).status, 200);
    let describe = format!("Authorization: {}", alice.answer("DESCRIBE", &url).unwrap());
    let is_over = |reply: &Reply| challenges(reply).iter().any(|challenge| challenge.contains("stale=TRUE"));
    // A nonce begins with the second in which it was made.
    let made = |nonce: &str| u32::from_str_radix(&nonce.split('"').nth(3).unwrap()[..8], 16).unwrap();
    let hers = made(alice.challenge.as_deref().unwrap());
    let mut asks = Visitor::alice(&house);
    wait(|| made(&challenges(&asks.say("DESCRIBE", &url, &[]))[0]) > hers + 2);
    let (rtp, _rtcp) = crate::support::udp_pair([127, 0, 0, 1].into());
    let port = rtp.local_addr().unwrap().port();
    let by_udp = format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
    for transport in ["Transport: RTP/AVP/TCP;interleaved=0-1", by_udp.as_str(), "Transport: RTP/AVP/TCP"] {
        let mut say = |method: &str, url: &str, header: &str| {
            let answer = format!("Authorization: {}", alice.answer(method, url).unwrap());
            let reply = alice.say(method, url, &[header, &answer]);
            assert_eq!(reply.status, 200, "{method} {transport}: {reply:?}");
            reply
        };
        say("DESCRIBE", &url, "Accept: application/sdp");
        let named = format!("Session: {}", session(&say("SETUP", &setup, transport)));
        for method in ["PLAY", "GET_PARAMETER", "TEARDOWN"] {
            say(method, &url, &named);
        }
    }
    assert!(
        is_over(&Visitor::alice(&house).say("DESCRIBE", &url, &[&describe])),
        "it is hers on her connection alone"
    );
}

/// Without `qop` an answer is the same each time; who hears it has his own connection.
#[test]
fn an_answer_that_was_heard_is_worth_nothing_on_another_connection() {
    let house = House::new(rules());
    let url = house.url("cam");
    for sha256 in [false, true] {
        let alice = Visitor::alice(&house);
        let mut alice = if sha256 { alice.by_sha256() } else { alice };
        assert_eq!(alice.ask("DESCRIBE", &url, &[]).status, 200);
        let heard = format!("Authorization: {}", alice.answer("DESCRIBE", &url).unwrap());
        for _ in 0..3 {
            let reply = Visitor::new(&house, "", "").say("DESCRIBE", &url, &[&heard]);
            let told = challenges(&reply);
            assert!(reply.status == 401 && told.iter().all(|told| told.contains("stale=TRUE")), "{reply:?}");
        }
        assert_eq!(alice.say("DESCRIBE", &url, &[&heard]).status, 200, "on hers it will do");
        let (session, _rtp, _rtcp) = alice.play_udp(&url);
        let named = format!("Session: {session}");
        let heard = format!("Authorization: {}", alice.answer("TEARDOWN", &url).unwrap());
        assert_eq!(Visitor::new(&house, "", "").say("TEARDOWN", &url, &[&named, &heard]).status, 401);
    }
    assert_eq!(house.counted("wrong user or password"), 0, "her password was right");
}

/// RFC 2326 section 9 lets a client have a connection for each request: none of its answers comes on the connection of its challenge.
#[test]
fn who_has_a_connection_for_each_request_is_let_in() {
    let house = House::new(rules());
    let url = house.url("cam");
    let mut alice = Visitor::alice(&house);
    for _ in 0..3 {
        // Once with an answer to an older challenge, which is stale, and once to that.
        let mut tries = 0;
        loop {
            let answer = alice.answer("DESCRIBE", &url).map(|answer| format!("Authorization: {answer}"));
            let headers: Vec<&str> = answer.as_deref().into_iter().collect();
            let mut once = Visitor::alice(&house);
            let reply = once.say("DESCRIBE", &url, &headers);
            tries += 1;
            if reply.status == 200 {
                break;
            }
            assert!(tries < 2, "{reply:?}");
            alice.challenge = challenges(&reply).pop();
        }
    }
}

#[test]
fn a_nonce_is_of_the_address_that_it_was_given_to() {
    let house = House::new(rules());
    let url = house.url("cam");
    let mut here = Visitor::alice(&house);
    assert_eq!(here.ask("DESCRIBE", &url, &[]).status, 200);
    let heard = format!("Authorization: {}", here.answer("DESCRIBE", &url).unwrap());
    let mut thief = Visitor::from(&house, "127.0.0.2", "", "");
    let reply = thief.say("DESCRIBE", &url, &[&heard]);
    assert!(reply.status == 401 && challenges(&reply)[0].contains("stale=TRUE"), "{reply:?}");
    // On her own address it is good for requests of that method to that mount alone.
    assert_eq!(Visitor::alice(&house).say("PLAY", &url, &[&heard]).status, 401);
    assert_eq!(Visitor::alice(&house).say("DESCRIBE", &house.url("door"), &[&heard]).status, 401);
}

/// Keep-alives come without a password from some clients, and Media3 gives up when one is refused.
#[test]
fn a_session_is_ruled_on_its_connection_without_asking_again() {
    let house = House::new(rules());
    let url = house.url("cam");
    let mut alice = Visitor::alice(&house);
    let session = alice.play(&url);
    let named = format!("Session: {session}");
    for method in ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "PAUSE", "PLAY", "TEARDOWN"] {
        assert_eq!(alice.say(method, &url, &[&named]).status, 200, "{method}");
    }
    assert_eq!(alice.say("DESCRIBE", &url, &[]).status, 401, "it has none any more");
}

#[test]
fn a_udp_session_is_its_users_from_his_address() {
    let house = House::new(rules());
    let url = house.url("cam");
    let mut alice = Visitor::alice(&house);
    let (session, rtp, _rtcp) = alice.play_udp(&url);
    let named = format!("Session: {session}");
    let mut stranger = Visitor::alice(&house);
    let mut bob = Visitor::new(&house, "bob", "bob's");
    let mut elsewhere = Visitor::from(&house, "127.0.0.2", "alice", PASSWORD);
    for method in ["OPTIONS", "GET_PARAMETER", "PAUSE", "TEARDOWN"] {
        assert_eq!(stranger.say(method, &url, &[&named]).status, 401, "{method}");
        assert_eq!(bob.ask(method, &url, &[&named]).status, 454, "{method}");
        assert_eq!(elsewhere.ask(method, &url, &[&named]).status, 454, "{method}");
    }
    rtp.recv(&mut [0; 2048]).unwrap();
    let mut again = Visitor::alice(&house);
    assert_eq!(again.ask("OPTIONS", &url, &[&named]).status, 200);
    assert_eq!(again.ask("TEARDOWN", &url, &[&named]).status, 200);
}

#[test]
fn who_may_no_more_plays_no_more() {
    let house = House::new(rules());
    let url = house.url("cam");
    let mut alice = Visitor::alice(&house);
    alice.play(&url);
    let mut bob = Visitor::new(&house, "bob", "bob's");
    bob.play(&url);
    let mut others = users();
    others.remove("alice").unwrap();
    house.gate.replace(Rules { users: others, ..rules() });
    while !matches!(alice.client.next(), Incoming::Closed) {}
    bob.client.next_frame(0);
    house.gate.replace(Rules { networks: networks(&[], &["127.0.0.0/8"]), ..rules() });
    while !matches!(bob.client.next(), Incoming::Closed) {}
    house.wait_for_sessions(0);
}

#[test]
fn one_connection_may_change_its_user_and_has_nothing_of_the_other_one() {
    let house = House::new(rules());
    let mut bob = Visitor::new(&house, "bob", "bob's");
    let named = format!("Session: {}", bob.play(&house.url("cam")));
    // Where she got the challenge does not matter: it is of her address.
    let mut alice = Visitor::alice(&house);
    assert_eq!(alice.ask("DESCRIBE", &house.url("cam"), &[]).status, 200);
    alice.client = bob.client;
    for method in ["PAUSE", "TEARDOWN", "GET_PARAMETER"] {
        assert_eq!(alice.ask(method, &house.url("cam"), &[&named]).status, 454, "{method}");
    }
    assert_eq!(alice.say("TEARDOWN", &house.url("cam"), &[]).status, 454, "she is the last who signed in");
}

#[test]
fn without_users_nobody_is_asked_on_a_private_network() {
    let house = House::new(Rules::default());
    let mut anybody = Visitor::new(&house, "", "");
    let reply = anybody.say("SETUP", &house.url("cam/trackID=0"), &["Transport: RTP/AVP/TCP"]);
    assert_eq!(reply.status, 200);
    let named = format!("Session: {}", session(&reply));
    assert_eq!(anybody.say("PLAY", &house.url("cam"), &[&named]).status, 200);
    // With the first user they are asked who they are.
    house.gate.replace(rules());
    while !matches!(anybody.client.next(), Incoming::Closed) {}
    assert_eq!(Visitor::alice(&house).say("DESCRIBE", &house.url("cam"), &[]).status, 401);
}

//! Wrong passwords, and what they cost whom.

use std::time::{Duration, Instant};

use lenslet::access::{Policy, Reason, Rules, What};

use super::{House, PASSWORD, Visitor, challenges, now, rules, wait};
use crate::support::{Client, Incoming, Server};
use crate::users::by_daemon;

/// Without what makes a test slow.
fn swift() -> Rules {
    let policy = Policy { delay: Duration::from_millis(300), ..Policy::default() };
    Rules { policy, ..rules() }
}

fn guess(house: &House, from: &str, user: &'static str) -> Option<u16> {
    let mut client = Client::connect_from(house.address, from);
    let url = house.url("cam");
    client.send(format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n").as_bytes());
    let reply = client.next_reply()?;
    let challenge = challenges(&reply).pop();
    let Some(challenge) = challenge else { return Some(reply.status) };
    let mut visitor = Visitor::over(client, user, "guessed");
    visitor.challenge = Some(challenge);
    let answer = visitor.answer("DESCRIBE", &url).unwrap();
    let text = format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 2\r\nAuthorization: {answer}\r\n\r\n");
    visitor.client.send(text.as_bytes());
    Some(visitor.client.next_reply()?.status)
}

#[test]
fn guesses_end_in_a_ban_of_that_address_alone_which_can_be_lifted() {
    let house = House::new(swift());
    let statuses: Vec<_> = (0..10).map(|_| guess(&house, "127.0.0.2", "alice")).collect();
    assert_eq!(statuses[..9], [Some(401); 9]);
    assert_eq!(statuses[9], Some(403));
    let mut banned = Client::connect_from(house.address, "127.0.0.2");
    let reply = banned.next_reply().unwrap();
    assert_eq!(reply.status, 403);
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((290..=300).contains(&seconds), "{seconds}");
    assert!(matches!(banned.next(), Incoming::Closed));
    let mut other = Visitor::from(&house, "127.0.0.3", "alice", PASSWORD);
    assert_eq!(other.ask("DESCRIBE", &house.url("cam"), &[]).status, 200);
    let bans = house.gate.list_bans(now());
    assert_eq!((bans.len(), bans[0].network.to_string().as_str()), (1, "127.0.0.2"));
    let (events, _) = house.gate.take_events();
    let guessed = |what: &What| matches!(what, What::Refused { reason: Reason::WrongPassword, .. });
    let guesses: u32 = events.iter().filter(|event| guessed(&event.what)).map(|event| event.times).sum();
    assert_eq!(guesses, 10);
    assert!(events.iter().any(|event| matches!(event.what, What::Banned(_))), "{events:?}");
    assert!(!format!("{events:?}").contains("guessed"), "no password is in the audit");
    assert!(house.gate.lift("127.0.0.2".parse().unwrap(), now()));
    let mut forgiven = Visitor::from(&house, "127.0.0.2", "alice", PASSWORD);
    assert_eq!(forgiven.ask("DESCRIBE", &house.url("cam"), &[]).status, 200);
}

#[test]
fn a_wrong_user_and_a_wrong_password_are_told_the_same_in_the_same_time() {
    let house = House::new(swift());
    let mut told = Vec::new();
    for (from, user) in [("127.0.0.2", "alice"), ("127.0.0.3", "mallory")] {
        let mut visitor = Visitor::from(&house, from, user, "guessed");
        let mut replies = Vec::new();
        for _ in 0..5 {
            let began = Instant::now();
            let reply = visitor.ask("DESCRIBE", &house.url("cam"), &[]);
            let late = began.elapsed() >= Duration::from_millis(300);
            let names: Vec<_> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
            replies.push((reply.status, names, challenges(&reply).len(), reply.body, late));
        }
        told.push(replies);
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0][4].4 && told[0][0].0 == 401, "{told:?}");
}

/// Also what a thief does who shares an address with a good client: behind one router they are one.
#[test]
fn beside_a_thief_on_her_address_who_watches_goes_on_and_comes_back() {
    let house = House::new(swift());
    let url = house.url("cam");
    let mut watching = Visitor::alice(&house);
    let session = watching.play(&url);
    let (udp_session, rtp, _rtcp) = Visitor::alice(&house).play_udp(&url);
    while house.gate.list_bans(now()).is_empty() {
        guess(&house, "127.0.0.1", "admin");
    }
    // He goes on.
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::SeqCst) {
                    guess(&house, "127.0.0.1", "admin");
                }
            });
        }
        for _ in 0..50 {
            watching.client.next_frame(0);
            rtp.recv(&mut [0; 2048]).unwrap();
        }
        let named = format!("Session: {session}");
        assert_eq!(watching.say("GET_PARAMETER", &url, &[&named]).status, 200, "what plays goes on");
        let mut back = Visitor::alice(&house);
        let reply = back.ask("SETUP", &format!("{url}/trackID=0"), &["Transport: RTP/AVP/TCP"]);
        assert_eq!(reply.status, 200, "one attempt is hers");
        let mut once = Visitor::alice(&house);
        assert_eq!(once.ask("DESCRIBE", &url, &[]).status, 403, "once in ten seconds");
        assert_eq!(watching.ask("TEARDOWN", &url, &[&named]).status, 200);
        over.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    drop(udp_session);
}

/// Her name is no secret behind the same router. Her player is: he speaks as his tool does.
#[test]
fn beside_a_thief_who_guesses_at_her_of_all_people_she_comes_back() {
    let house = House::new(swift());
    let url = house.url("cam");
    let comes = || {
        let mut visitor = Visitor::alice(&house);
        visitor
            .ask("DESCRIBE", &url, &["User-Agent: LibVLC/3.0.20 (LIVE555 Streaming Media v2016.11.28)"])
            .status
    };
    assert_eq!(comes(), 200);
    while house.gate.list_bans(now()).is_empty() {
        guess(&house, "127.0.0.1", "alice");
    }
    let banned = house.counted("banned");
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::SeqCst) {
                    guess(&house, "127.0.0.1", "alice");
                }
            });
        }
        // What he has of her attempts he has had.
        wait(|| house.counted("banned") > banned + 20);
        let back = comes();
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(back, 200);
    });
    assert!(
        house.counted("wrong user or password") <= 12,
        "nor does he guess more than that: {:?}",
        house.gate.counters()
    );
}

#[test]
fn an_exempt_address_is_never_banned() {
    let policy = Policy { exempt: vec!["127.0.0.2".parse().unwrap()], ..Policy::default() };
    let house = House::new(Rules { policy, ..rules() });
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(guess(&house, "127.0.0.2", "alice"), Some(401));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "nor late");
    assert!(house.gate.list_bans(now()).is_empty());
}

#[test]
fn what_is_asked_without_a_password_is_no_guess() {
    let house = House::new(swift());
    for _ in 0..100 {
        assert_eq!(Visitor::alice(&house).say("DESCRIBE", &house.url("cam"), &[]).status, 401);
    }
    assert_eq!(Visitor::alice(&house).ask("DESCRIBE", &house.url("cam"), &[]).status, 200);
    wait(|| house.counted("wrong user or password") == 0);
}

#[test]
fn a_ban_outlives_the_power_that_fails_right_after_it() {
    let mut server = Server::start();
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
    let url = server.url("test");
    // What was written just now is no reason to wait.
    assert_eq!(
        Visitor::over(Client::connect(&server), "anna", PASSWORD).ask("DESCRIBE", &url, &[]).status,
        200
    );
    let kept = server.state().join("bans.ron");
    wait(|| std::fs::read_to_string(&kept).is_ok_and(|text| text.contains("anna")));
    let guess = format!(
        "DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest username=\"anna\", realm=\"Lenslet\", nonce=\"0\", \
         uri=\"{url}\", response=\"{:032}\"\r\n\r\n",
        0
    );
    let mut guessing: Vec<Client> =
        (0..10).map(|_| Client::connect_from(server.address, "127.0.0.2")).collect();
    guessing.iter_mut().for_each(|client| client.send(guess.as_bytes()));
    let told: Vec<u16> = guessing.iter_mut().map(|client| client.next_reply().unwrap().status).collect();
    assert_eq!(told.iter().filter(|status| **status == 403).count(), 1, "{told:?}");
    server.kill_and_restart();
    assert_eq!(Client::connect_from(server.address, "127.0.0.2").next_reply().unwrap().status, 403);
    assert!(by_daemon(&server, &["ban", "list"], "").contains("127.0.0.2"));
}

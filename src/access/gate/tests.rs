use super::*;
use crate::access::{Policy, Rights};

const URI: &str = "rtsp://h:8554/cam";
const PEER: &str = "203.0.113.7";
const PASSWORD: &str = "päss:w@rd% ";

fn at(seconds: u64) -> Now {
    let steady = Duration::from_secs(1_000_000 + seconds);
    Now { wall: SystemTime::UNIX_EPOCH + steady, steady }
}

fn rules() -> Rules {
    let mut rules = Rules::default();
    let rights = Rights { read: vec!["cam".into()], control: Vec::new() };
    rules.users.add("alice", PASSWORD, rights).unwrap();
    rules.users.add("bob", "bob's", Rights { read: vec!["*".into()], control: vec!["*".into()] }).unwrap();
    rules
}

fn gate() -> Gate {
    Gate::new(rules(), [7; 32])
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn describe(authorization: Option<&str>) -> Attempt<'_> {
    Attempt {
        peer: ip(PEER),
        connection: 1,
        method: "DESCRIBE",
        uri: URI,
        mount: Some("cam"),
        is_mount: true,
        right: Right::Read,
        authorization,
        agent: None,
        held: None,
        own_session: false,
    }
}

fn alice() -> Identity {
    Identity { name: "alice".into(), password: 0 }
}

fn granted(user: &str) -> Ruling {
    Ruling::Granted(Some(Identity { name: user.into(), password: 0 }))
}

fn nonce(ruling: Ruling) -> String {
    let Ruling::Challenge { headers, .. } = ruling else { panic!("{ruling:?}") };
    headers.last().unwrap().clone()
}

/// All of it but which nonce it is.
fn told(ruling: &Ruling) -> Ruling {
    let Ruling::Challenge { headers, delay } = ruling else { return ruling.clone() };
    let without = |header: &String| {
        let (before, rest) = header.split_once(", nonce=\"").unwrap();
        format!("{before}{}", &rest[rest.find('"').unwrap()..])
    };
    Ruling::Challenge { headers: headers.iter().map(without).collect(), delay: *delay }
}

/// The answer to the last challenge of what the gate says to nobody.
fn answer(gate: &Gate, user: &str, password: &str, now: Now) -> String {
    let challenge = Challenger::with(&gate.current().challenger, "Lenslet", false);
    let challenge = challenge.challenges(ip(PEER), now.steady, false).pop().unwrap();
    let mut client = http_auth::PasswordClient::try_from(challenge.as_str()).unwrap();
    let parameters =
        http_auth::PasswordParams { username: user, password, uri: URI, method: "DESCRIBE", body: Some(&[]) };
    client.respond(&parameters).unwrap()
}

fn guess(gate: &Gate, user: &str, second: u64) -> Ruling {
    let value = answer(gate, user, "a guess", at(second));
    gate.sign_in(&describe(Some(&value)), at(second))
}

fn comes_in(gate: &Gate, user: &str, password: &str, second: u64) -> Ruling {
    let value = answer(gate, user, password, at(second));
    gate.sign_in(&describe(Some(&value)), at(second))
}

#[test]
fn who_says_nothing_is_asked_and_who_knows_the_password_is_in() {
    let gate = gate();
    assert_eq!(gate.admit(ip(PEER), at(0)), Ok(()));
    assert!(nonce(gate.sign_in(&describe(None), at(0))).starts_with("Digest realm=\"Lenslet\", nonce=\""));
    assert_eq!(comes_in(&gate, "alice", PASSWORD, 1), granted("alice"));
    let value = answer(&gate, "alice", PASSWORD, at(2));
    let other = Attempt { mount: Some("other"), ..describe(Some(&value)) };
    assert_eq!(gate.sign_in(&other, at(2)), Ruling::Forbidden(Reason::Rights(Right::Read)));
    let changes = Attempt { right: Right::Control, ..describe(Some(&value)) };
    assert_eq!(gate.sign_in(&changes, at(2)), Ruling::Forbidden(Reason::Rights(Right::Control)));
    let counted = gate.counters();
    assert_eq!((counted["signed in"], counted["no right to the mount"]), (3, 2));
    assert_eq!(counted.get("wrong user or password"), None, "to be asked is no failure");
}

#[test]
fn a_wrong_user_and_a_wrong_password_are_told_the_same() {
    let gate = gate();
    let other = Gate::new(rules(), [7; 32]);
    for _ in 0..20 {
        let (wrong, nobody) = (guess(&gate, "alice", 0), guess(&other, "mallory", 0));
        assert_eq!(told(&wrong), told(&nobody));
        if let Ruling::Challenge { headers, .. } = wrong {
            let asked = Ruling::Challenge { headers, delay: Duration::ZERO };
            assert_eq!(told(&asked), told(&gate.sign_in(&describe(None), at(0))));
        }
    }
}

#[test]
fn guesses_cost_a_delay_and_then_a_ban_of_attempts() {
    let gate = gate();
    let delays: Vec<u64> = (0..9)
        .map(|_| match guess(&gate, "alice", 0) {
            Ruling::Challenge { delay, .. } => delay.as_secs(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(delays, [0, 0, 0, 2, 2, 2, 2, 2, 2]);
    assert_eq!(gate.admit(ip(PEER), at(0)), Ok(()));
    let banned = Ruling::Banned { delay: Duration::from_secs(2) };
    assert_eq!(guess(&gate, "alice", 0), banned);
    let refused = gate.admit(ip(PEER), at(1)).unwrap_err();
    assert_eq!(refused.reason, Reason::Banned(at(300).wall));
    assert_eq!(refused.retry_after, Some(Duration::from_secs(299)));
    assert_eq!(comes_in(&gate, "alice", PASSWORD, 1), banned, "not even told that it is right");
    assert_eq!(gate.sign_in(&describe(None), at(1)), banned);
    assert_eq!(gate.admit(ip("203.0.113.8"), at(1)), Ok(()));
    let (events, _) = gate.take_events();
    assert!(events.iter().any(|event| matches!(event.what, What::Banned(_))), "{events:?}");
    assert!(gate.lift(PEER.parse().unwrap(), at(2)));
    assert_eq!(comes_in(&gate, "alice", PASSWORD, 2), granted("alice"));
}

#[test]
fn beside_a_thief_who_plays_goes_on_and_can_come_back() {
    let gate = gate();
    let alice = &alice();
    assert!(matches!(comes_in(&gate, "alice", PASSWORD, 0), Ruling::Granted(_)));
    (0..10).for_each(|_| drop(guess(&gate, "admin", 1)));
    assert_eq!(gate.admit(ip(PEER), at(2)), Ok(()), "who it is has to be read");
    let held = Attempt { held: Some(alice), own_session: true, ..describe(None) };
    assert!(matches!(gate.sign_in(&held, at(2)), Ruling::Granted(_)), "she plays");
    assert!(matches!(gate.sign_in(&describe(None), at(2)), Ruling::Challenge { .. }));
    for _ in 0..100 {
        assert!(matches!(guess(&gate, "admin", 2), Ruling::Banned { .. }));
    }
    assert!(matches!(comes_in(&gate, "alice", PASSWORD, 2), Ruling::Granted(_)), "she comes back");
    assert!(matches!(comes_in(&gate, "bob", "bob's", 2), Ruling::Banned { .. }), "he was never here");
    assert!(matches!(guess(&gate, "alice", 3), Ruling::Banned { .. }));
    assert!(matches!(comes_in(&gate, "alice", PASSWORD, 3), Ruling::Banned { .. }), "once in ten seconds");
    assert!(matches!(comes_in(&gate, "alice", PASSWORD, 12), Ruling::Granted(_)));
}

#[test]
fn who_is_in_may_use_an_old_nonce_on_his_connection_alone() {
    let gate = gate();
    let alice = &alice();
    let value = answer(&gate, "alice", PASSWORD, at(0));
    let bob = Identity { name: "bob".into(), password: 0 };
    for own_session in [true, false] {
        let own = Attempt { held: Some(alice), own_session, ..describe(Some(&value)) };
        assert!(matches!(gate.sign_in(&own, at(100_000)), Ruling::Granted(_)));
    }
    let of_another = answer(&Gate::new(rules(), [8; 32]), "alice", PASSWORD, at(0));
    for other in [
        describe(Some(&value)),
        Attempt { held: Some(alice), ..describe(Some(&of_another)) },
        Attempt { held: Some(&bob), ..describe(Some(&value)) },
        Attempt { held: Some(&bob), own_session: true, ..describe(Some(&value)) },
    ] {
        assert!(nonce(gate.sign_in(&other, at(601))).ends_with(", stale=TRUE"), "{other:?}");
    }
    let no_session = Attempt { held: Some(alice), ..describe(None) };
    assert!(matches!(gate.sign_in(&no_session, at(0)), Ruling::Challenge { .. }));
}

#[test]
fn other_rules_hold_at_once_for_those_who_are_in_too() {
    let gate = gate();
    let alice = &alice();
    assert_eq!(gate.still(ip(PEER), Some(alice), "cam"), Ok(()));
    let (held, changes) =
        (Attempt { held: Some(alice), own_session: true, ..describe(None) }, gate.changes());
    let mut other = rules();
    other.users.remove("alice").unwrap();
    gate.replace(other);
    assert_ne!(gate.changes(), changes);
    assert_eq!(gate.still(ip(PEER), Some(alice), "cam"), Err(Reason::Outdated));
    assert!(matches!(gate.sign_in(&held, at(0)), Ruling::Challenge { .. }));
    gate.replace(Rules::default());
    assert_eq!(gate.sign_in(&describe(None), at(0)), Ruling::Forbidden(Reason::NoUsers));
    assert_eq!(gate.admit(ip(PEER), at(0)).unwrap_err().reason, Reason::NoUsers);
    let here = Attempt { peer: ip("192.168.1.1"), ..describe(Some("Basic x")) };
    assert_eq!(gate.sign_in(&here, at(0)), Ruling::Granted(None), "nobody is asked");
    gate.replace(Rules { open_to_world: true, ..Rules::default() });
    assert_eq!(gate.sign_in(&describe(None), at(0)), Ruling::Granted(None));
}

#[test]
fn with_another_password_a_user_has_to_sign_in_anew() {
    let gate = gate();
    let alice = &alice();
    let old = answer(&gate, "alice", PASSWORD, at(0));
    let held = Attempt { held: Some(alice), own_session: true, ..describe(None) };
    let mut other = rules();
    other.basic = true;
    gate.replace(other.clone());
    assert_eq!(gate.still(ip(PEER), Some(alice), "cam"), Ok(()), "it is as it was");
    assert!(matches!(gate.sign_in(&held, at(0)), Ruling::Granted(_)));
    other.users.set_password("alice", "another").unwrap();
    gate.replace(other.clone());
    assert_eq!(gate.still(ip(PEER), Some(alice), "cam"), Err(Reason::Outdated));
    assert!(matches!(gate.sign_in(&held, at(0)), Ruling::Challenge { .. }));
    let own = Attempt { authorization: Some(&old), ..held };
    assert!(matches!(gate.sign_in(&own, at(0)), Ruling::Challenge { .. }));
    let Ruling::Granted(Some(anew)) = comes_in(&gate, "alice", "another", 1) else { panic!("not let in") };
    assert_eq!(gate.still(ip(PEER), Some(&anew), "cam"), Ok(()));
    // Nor is somebody of the same name who came after he went.
    let mut none = other.clone();
    none.users.remove("alice").unwrap();
    gate.replace(none);
    gate.replace(other);
    assert_eq!(gate.still(ip(PEER), Some(&anew), "cam"), Err(Reason::Outdated));
}

#[test]
fn who_is_exempt_is_never_banned() {
    let policy = Policy { exempt: vec![PEER.parse().unwrap()], ..Policy::default() };
    let gate = Gate::new(Rules { policy, ..rules() }, [7; 32]);
    for _ in 0..100 {
        assert!(matches!(guess(&gate, "alice", 0), Ruling::Challenge { delay: Duration::ZERO, .. }));
    }
}

#[test]
fn bans_are_kept_by_who_keeps_them() {
    let gate = gate();
    gate.ban("203.0.113.0/24".parse().unwrap(), Duration::from_secs(60), "by hand", at(0));
    let other = Gate::new(rules(), [8; 32]);
    other.restore(gate.memory(at(1)), at(1));
    assert_eq!(other.admit(ip(PEER), at(59)).unwrap_err().reason, Reason::Banned(at(60).wall));
    assert_eq!(other.admit(ip(PEER), at(60)), Ok(()));
    assert_eq!(other.list_bans(at(1)), gate.list_bans(at(1)));
}

#[test]
fn a_ban_does_not_tell_whose_names_are_known_there() {
    let gate = gate();
    assert!(matches!(comes_in(&gate, "alice", PASSWORD, 0), Ruling::Granted(_)));
    (0..10).for_each(|_| drop(guess(&gate, "admin", 1)));
    assert_eq!(guess(&gate, "mallory", 2), guess(&gate, "alice", 2));
    assert!(matches!(comes_in(&gate, "alice", PASSWORD, 3), Ruling::Banned { .. }), "that was her attempt");
    assert!(matches!(comes_in(&gate, "alice", PASSWORD, 12), Ruling::Granted(_)));
}

#[test]
fn an_old_nonce_costs_who_comes_back_no_attempt() {
    let gate = gate();
    let old = answer(&gate, "alice", PASSWORD, at(0));
    assert!(matches!(comes_in(&gate, "alice", PASSWORD, 0), Ruling::Granted(_)));
    (0..10).for_each(|_| drop(guess(&gate, "admin", 700)));
    let asked_again = gate.sign_in(&describe(Some(&old)), at(701));
    assert!(nonce(asked_again).ends_with(", stale=TRUE"));
    assert!(matches!(comes_in(&gate, "alice", PASSWORD, 701), Ruling::Granted(_)));
    assert!(matches!(gate.sign_in(&describe(Some(&old)), at(702)), Ruling::Banned { .. }), "nor tells more");
}

#[test]
fn a_mount_is_named_if_there_is_one_and_quoted_where_it_could_be_misread() {
    let gate = gate();
    for (mount, is_mount, told) in [
        ("floor1/cam-2_b.x", true, "floor1/cam-2_b.x"),
        ("cam: banned", true, "\"cam: banned\""),
        ("anna:secret@h", false, "a mount that there is not"),
    ] {
        let attempt = Attempt { mount: Some(mount), is_mount, ..describe(Some("Digest username=\"x\"")) };
        gate.sign_in(&attempt, at(0));
        let (events, _) = gate.take_events();
        let What::Refused { mount, .. } = &events[0].what else { panic!("{events:?}") };
        assert_eq!(mount.as_deref(), Some(told));
    }
}

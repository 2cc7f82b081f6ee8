use std::time::Duration;

use super::credentials::Credentials;
use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));
const URI: &str = "rtsp://h:8554/cam";

fn now(seconds: u64) -> Duration {
    Duration::from_secs(1_000_000 + seconds)
}

fn asked<'a>(method: &'a str, uri: &'a str, seconds: u64) -> Asked<'a> {
    Asked { method, uri, peer: PEER, connection: 1, now: now(seconds) }
}

fn secrets(user: &str) -> Option<Secret> {
    match user {
        "alice" => Some(Secret::of("alice", "Lenslet", "päss:w@rd%\"\\ ")),
        "empty" => Some(Secret::of("empty", "Lenslet", "")),
        _ => None,
    }
}

fn challenger() -> Challenger {
    Challenger::new("Lenslet", [7; 32], false)
}

/// The answer of a client that does as RFC 7616 says, by the crate that our own client answers with.
fn answer(challenge: &str, user: &str, password: &str, method: &str, uri: &str) -> String {
    let mut client = http_auth::PasswordClient::try_from(challenge).unwrap();
    let parameters = http_auth::PasswordParams { username: user, password, uri, method, body: Some(&[]) };
    client.respond(&parameters).unwrap()
}

#[test]
fn the_examples_of_the_rfc_are_right() {
    // RFC 7616 section 3.9.1.
    let secret = Secret::of("Mufasa", "http-auth@example.org", "Circle of Life");
    for response in [
        "8ca523f5e9506fed4657c9700eebdbec",
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    ] {
        let value = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=MD5, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let Some(Credentials::Digest(digest)) = Credentials::parse(&value) else { panic!("{value}") };
        assert!(bool::from(digest.is_right(&secret, "GET")), "{response}");
        assert!(!bool::from(digest.is_right(&secret, "PUT")), "{response}");
    }
}

#[test]
fn challenges_stand_in_the_order_that_clients_understand() {
    let told = challenger().challenges(PEER, now(0), false);
    let [sha256, md5] = &told[..] else { panic!("{told:?}") };
    let nonce = md5.strip_prefix("Digest realm=\"Lenslet\", nonce=\"").unwrap().strip_suffix('"').unwrap();
    assert_eq!(*sha256, format!("{md5}, algorithm=SHA-256"));
    assert_eq!(nonce.len(), 48);
    let stale = challenger().challenges(PEER, now(0), true);
    assert_eq!(stale[1], format!("{md5}, stale=TRUE"));
    let with_basic = Challenger::new("Lenslet", [7; 32], true).challenges(PEER, now(0), false);
    assert_eq!((with_basic[0].as_str(), with_basic.len()), ("Basic realm=\"Lenslet\"", 3));
}

#[test]
fn right_answers_are_known_and_all_others_told_alike() {
    let challenger = &challenger();
    let password = "päss:w@rd%\"\\ ";
    for challenge in challenger.challenges(PEER, now(0), false) {
        let alice = answer(&challenge, "alice", password, "DESCRIBE", URI);
        let known = Verdict::Known("alice".to_owned());
        let wrong = |user: &str| Verdict::Wrong(Some(user.to_owned()));
        assert_eq!(challenger.check(&alice, &asked("DESCRIBE", URI, 0), secrets), known);
        assert_eq!(
            challenger.check(&alice, &asked("PLAY", URI, 0), secrets),
            wrong("alice"),
            "another method"
        );
        assert_eq!(challenger.check(&alice, &asked("DESCRIBE", "rtsp://h/x", 0), secrets), wrong("alice"));
        let empty = answer(&challenge, "empty", "", "DESCRIBE", URI);
        assert_eq!(
            challenger.check(&empty, &asked("DESCRIBE", URI, 0), secrets),
            Verdict::Known("empty".into())
        );
        for (user, guess) in [("alice", "x"), ("alice", ""), ("bob", password), ("", "")] {
            let value = answer(&challenge, user, guess, "DESCRIBE", URI);
            assert_eq!(challenger.check(&value, &asked("DESCRIBE", URI, 0), secrets), wrong(user));
        }
    }
    let foreign = answer("Digest realm=\"Other\", nonce=\"x\"", "alice", password, "DESCRIBE", URI);
    assert_eq!(
        challenger.check(&foreign, &asked("DESCRIBE", URI, 0), secrets),
        Verdict::Wrong(Some("alice".into()))
    );
}

#[test]
fn a_nonce_is_its_peers_and_has_its_time() {
    let challenger = &challenger();
    let challenge = challenger.challenges(PEER, now(0), false).pop().unwrap();
    let value = answer(&challenge, "alice", "päss:w@rd%\"\\ ", "PLAY", URI);
    let at = |asked: Asked<'_>| challenger.check(&value, &asked, secrets);
    assert_eq!(at(asked("PLAY", URI, 600)), Verdict::Known("alice".to_owned()));
    assert_eq!(at(asked("PLAY", URI, 601)), Verdict::Old("alice".to_owned()));
    assert_eq!(
        at(Asked { now: Duration::from_secs(999_999), ..asked("PLAY", URI, 0) }),
        Verdict::Stale("alice".to_owned()),
        "of the future"
    );
    let mapped: IpAddr = "::ffff:10.0.0.7".parse().unwrap();
    assert_eq!(at(Asked { peer: mapped, ..asked("PLAY", URI, 1) }), Verdict::Known("alice".to_owned()));
    let other = "10.0.0.8".parse().unwrap();
    assert_eq!(at(Asked { peer: other, ..asked("PLAY", URI, 1) }), Verdict::Stale("alice".to_owned()));
    let forged =
        answer("Digest realm=\"Lenslet\", nonce=\"000f4240\"", "alice", "päss:w@rd%\"\\ ", "PLAY", URI);
    assert_eq!(
        challenger.check(&forged, &asked("PLAY", URI, 0), secrets),
        Verdict::Stale("alice".to_owned())
    );
}

/// Two players of one house that count, and begin within a second: neither's first answer is the other's second.
#[test]
fn each_challenge_has_a_nonce_of_its_own() {
    let challenger = &challenger();
    for _ in 0..3 {
        let challenge = challenger.challenges(PEER, now(0), false).pop().unwrap();
        let value = answer(&format!("{challenge}, qop=\"auth\""), "empty", "", "PLAY", URI);
        assert!(value.contains("nc=00000001"), "{value}");
        let check = || challenger.check(&value, &asked("PLAY", URI, 0), secrets);
        assert_eq!(check(), Verdict::Known("empty".to_owned()));
        assert_eq!(check(), Verdict::Stale("empty".to_owned()));
        // Another way of writing it is none.
        let nonce = challenge.split('"').nth(3).unwrap();
        let other = value.replace(nonce, &nonce.to_uppercase());
        assert_ne!(challenger.check(&other, &asked("PLAY", URI, 0), secrets), Verdict::Known("empty".into()));
    }
}

#[test]
fn what_is_counted_is_taken_once() {
    let challenger = &challenger();
    let challenge = challenger.challenges(PEER, now(0), false).pop().unwrap();
    let mut client =
        http_auth::PasswordClient::try_from(format!("{challenge}, qop=\"auth\"").as_str()).unwrap();
    let mut next = || {
        let parameters = http_auth::PasswordParams {
            username: "empty",
            password: "",
            uri: URI,
            method: "PLAY",
            body: Some(&[]),
        };
        client.respond(&parameters).unwrap()
    };
    let values: Vec<String> = (0..80).map(|_| next()).collect();
    let take = |index: usize| challenger.check(&values[index], &asked("PLAY", URI, 0), secrets);
    let good = Verdict::Known("empty".to_owned());
    let stale = Verdict::Stale("empty".to_owned());
    assert_eq!(take(2), good);
    assert_eq!(take(2), stale, "again");
    assert_eq!(take(4), good);
    assert_eq!(take(3), good, "two connections came across each other");
    for used in [3, 4, 2] {
        assert_eq!(take(used), stale, "{used}");
    }
    assert_eq!(take(79), good);
    assert_eq!(take(5), stale, "too far back to know");
    assert_eq!(take(78), good);
}

#[test]
fn the_hashed_uri_may_be_written_as_clients_write_it() {
    for (hashed, asked, is) in [
        ("rtsp://h/cam", "rtsp://h/cam", true),
        ("rtsp://h/cam/", "rtsp://h/cam/trackID=0", true),
        ("rtsp://h:554/cam", "rtsp://h/cam/", true),
        ("/cam", "rtsp://h/cam", true),
        ("rtsp://h/cam?q=1", "rtsp://h/cam?q=1/trackID=0", true),
        ("rtsp://h/cam", "rtsp://h/cam?q=1", true),
        ("rtsp://h/cam/trackID=0", "rtsp://h/cam", true),
        ("*", "*", true),
        ("rtsp://h/cam", "rtsp://h/camera", false),
        ("rtsp://h/other", "rtsp://h/cam", false),
    ] {
        assert_eq!(concerns(hashed, asked), is, "{hashed} for {asked}");
    }
}

#[test]
fn basic_is_taken_where_it_is_allowed_alone() {
    let known = || Verdict::Known("alice".to_owned());
    let value = "Basic YWxpY2U6cMOkc3M6d0ByZCUiXCA="; // alice:päss:w@rd%"\ 
    let allowed = Challenger::new("Lenslet", [7; 32], true);
    assert_eq!(allowed.check(value, &asked("PLAY", URI, 0), secrets), known());
    assert_eq!(
        allowed.check("basic ZW1wdHk6", &asked("PLAY", URI, 0), secrets),
        Verdict::Known("empty".to_owned())
    );
    assert_eq!(
        allowed.check("Basic YWxpY2U6eA==", &asked("PLAY", URI, 0), secrets),
        Verdict::Wrong(Some("alice".into()))
    );
    assert_eq!(
        allowed.check("Basic Ym9iOg==", &asked("PLAY", URI, 0), secrets),
        Verdict::Wrong(Some("bob".into()))
    );
    assert_eq!(challenger().check(value, &asked("PLAY", URI, 0), secrets), Verdict::Unasked);
    assert_eq!(challenger().with("Lenslet", true).check(value, &asked("PLAY", URI, 0), secrets), known());
}

#[test]
fn what_is_no_answer_is_refused() {
    let whole = "Digest username=\"a\", realm=\"Lenslet\", nonce=\"n\", uri=\"u\", \
                 response=\"00000000000000000000000000000000\"";
    assert!(Credentials::parse(whole).is_some());
    for value in [
        "",
        "Basic",
        "Basic =",
        "Basic ####",
        "Basic YWxpY2U=",
        "Basic /////w==",
        "Digest",
        "Digest ",
        "Digest username",
        "Digest username=\"a",
        "Digest username=\"a\\",
        "Bearer x",
        &whole.replace("\"n\"", "\"n\", nonce=\"m\""),
        &whole.replace("response=\"0", "response=\"g"),
        &whole.replace("\"00000000000000000000000000000000\"", "\"00\""),
        &format!("{whole}, qop=auth-int, nc=1, cnonce=\"x\""),
        &format!("{whole}, qop=auth, nc=zz, cnonce=\"x\""),
        &format!("{whole}, qop=auth"),
    ] {
        assert!(Credentials::parse(value).is_none(), "{value}");
        assert_eq!(
            challenger().check(value, &asked("PLAY", URI, 0), secrets),
            Verdict::Wrong(None),
            "{value}"
        );
    }
    let many = format!("Digest {}", "username=\"x\", ".repeat(100_000));
    assert!(Credentials::parse(&many).is_none());
}

#[test]
fn a_secret_is_not_shown() {
    let shown = format!("{:?}", secrets("alice"));
    assert_eq!(shown, "Some(Secret(..))");
}

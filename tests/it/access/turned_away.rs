//! What people are told by our own client when they are not let in.

use std::time::Duration;

use lenslet::access::Rules;
use lenslet::server::Settings;

use super::{House, PASSWORD, now, rules};
use crate::support::{Client, lenslet};

/// What `lenslet receive` complains of.
fn complaint(url: &str) -> String {
    let output = lenslet().args(["receive", url, "--seconds", "1"]).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Whoever is faster, the server that hangs up or the client that asks: several times over.
const TIMES: usize = 10;

#[test]
fn who_is_banned_is_told_so_and_for_how_long() {
    let house = House::new(rules());
    assert!(house.gate.ban("127.0.0.0/8".parse().unwrap(), Duration::from_secs(1000), "a test", now()));
    for _ in 0..TIMES {
        let said = complaint(&house.url("cam").replace("//", "//alice:x@"));
        let told = "with 403 Forbidden: Your address is banned for now. (again in 99";
        assert!(said.contains("the server answers OPTIONS ") && said.contains(told), "{said}");
    }
}

#[test]
fn who_finds_no_place_is_told_which_limit_it_is() {
    let house = House::with(Rules::default(), Settings { max_connections: 1, ..Settings::default() });
    let mut held = Client::at(house.address);
    let setup = format!("SETUP {} RTSP/1.0", house.url("cam/trackID=0"));
    assert_eq!(held.ask(&[&setup, "Transport: RTP/AVP/TCP"]).status, 200);
    for _ in 0..TIMES {
        let said = complaint(&house.url("cam"));
        let told = "with 503 Service Unavailable: the server has 1 connection: `max_connections` allows no more. (again in 5 s)";
        assert!(said.contains(told), "{said}");
    }
    drop(held);
}

#[test]
fn who_may_not_is_told_what_was_refused() {
    let house = House::new(rules());
    let of = |user: &str, path: &str| complaint(&house.url(path).replace("//", &format!("//{user}@")));
    let password = PASSWORD.replace('%', "%25").replace(':', "%3A").replace('@', "%40").replace(' ', "%20");
    assert!(
        of(&format!("alice:{password}"), "door").contains("the server answers DESCRIBE with 403 Forbidden")
    );
    assert!(of("alice:guess", "cam").contains("the server does not take this user and password"));
    assert!(complaint(&house.url("cam")).contains("the server asks for a user and a password"));
}

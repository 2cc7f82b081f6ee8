//! Clients that send garbage, half lines, lines without an end; that vanish, or do not read.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::sync::atomic::Ordering;

use lenslet::control::protocol::Reply;

use super::fake::Fake;
use super::sockets::At;
use super::{Pair, answer, line, refusal};

const STATUS: &str = "{\"v\":1,\"id\":1,\"do\":\"alarms\"}\n";

/// That it serves others is what counts.
fn serves(at: &At) {
    let mut client = at.client();
    client.get_ref().write_all(STATUS.as_bytes()).unwrap();
    assert!(matches!(answer(&mut client).outcome, Ok(Reply::Alarms(_))));
}

#[test]
fn garbage_is_refused_line_by_line_and_the_next_request_answered() {
    let at = At::new(Fake::new());
    let mut client = at.client();
    let garbage: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    for piece in [&garbage[..], b"\n\n  \r\n", b"{}\n", b"null\n", b"\xff\xfe\n", STATUS.as_bytes()] {
        client.get_ref().write_all(piece).unwrap();
    }
    let words: Vec<String> = (0..4).map(|_| refusal(&mut client)).collect();
    assert_eq!(words, ["not-json", "other-version", "not-json", "not-json"]);
    assert!(answer(&mut client).outcome.is_ok());
    serves(&at);
}

#[test]
fn a_deep_line_is_refused_and_not_recursed_into() {
    let mut pair = Pair::new(Fake::new());
    pair.send(&format!("{}\n", "[".repeat(60_000)));
    assert_eq!(refusal(&mut pair.reader), "not-json");
}

#[test]
fn a_line_of_a_hundred_megabytes_is_refused_long_before_its_end() {
    let at = At::new(Fake::new());
    let mut client = at.client();
    let piece = vec![b'x'; 1 << 20];
    let mut sent = 0;
    // It is closed in our face.
    let error = loop {
        match client.get_ref().write(&piece) {
            Ok(written) => sent += written,
            Err(error) => break error,
        }
        assert!(sent < 100 << 20, "it takes all of it");
    };
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    assert!(sent < 4 << 20, "{sent} bytes were taken");
    assert_eq!(refusal(&mut client), "line-too-long");
    serves(&at);
}

#[test]
fn a_line_as_long_as_allowed_is_taken_and_a_longer_one_not() {
    let line_of = |length: usize| {
        let request = STATUS.trim_end();
        format!("{}{request}\n", " ".repeat(length - request.len()))
    };
    let mut pair = Pair::new(Fake::new());
    pair.send(&line_of(1 << 20));
    assert!(answer(&mut pair.reader).outcome.is_ok());
    pair.send(&line_of((1 << 20) + 1));
    assert_eq!(refusal(&mut pair.reader), "line-too-long");
    assert_eq!(line(&mut pair.reader), None);
}

#[test]
fn a_line_may_come_byte_by_byte_and_several_at_once() {
    let mut pair = Pair::new(Fake::new());
    for byte in STATUS.bytes() {
        pair.send(std::str::from_utf8(&[byte]).unwrap());
    }
    assert!(answer(&mut pair.reader).outcome.is_ok());
    pair.send(&(1..=9).map(|id| format!("{{\"v\":1,\"id\":{id},\"do\":\"mounts\"}}\n")).collect::<String>());
    let mut ids: Vec<_> = (0..9).map(|_| answer(&mut pair.reader).id.unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=9).collect::<Vec<_>>());
}

#[test]
fn half_a_line_is_not_taken_and_what_was_asked_before_is_answered() {
    let mut pair = Pair::new(Fake::new());
    pair.send(STATUS);
    pair.send("{\"v\":1,\"id\":2,\"do\":\"shutd");
    pair.reader.get_ref().shutdown(Shutdown::Write).unwrap();
    let (first, second) = (answer(&mut pair.reader), answer(&mut pair.reader));
    let (refused, answered) = if first.id.is_none() { (first, second) } else { (second, first) };
    assert_eq!((refused.outcome.unwrap_err().what.as_str(), answered.id), ("half-line", Some(1)));
    assert_eq!(line(&mut pair.reader), None);
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let fake = Fake::new();
    let at = At::new(fake.clone());
    // More than are let in at once: each place is free again.
    for round in 0..100 {
        let client = at.client();
        let ask = if round % 2 == 0 { "status\",\"every_ms\":100" } else { "log\",\"follow\":true" };
        // One that was closed in between could not take this.
        let _ = write!(client.get_ref(), "{{\"v\":1,\"id\":1,\"do\":\"{ask}}}\n{{\"v\":1,");
    }
    // Those who came last may have been turned away; they are gone, and who comes now is not.
    loop {
        let mut client = at.client();
        let _ = client.get_ref().write_all(STATUS.as_bytes());
        if answer(&mut client).outcome.is_ok() {
            break;
        }
    }
}

#[test]
fn who_does_not_read_is_told_less_often_and_harms_nobody() {
    let fake = Fake::new();
    fake.crowd.store(500, Ordering::SeqCst);
    let at = At::new(fake.clone());
    let sleeper = at.client();
    sleeper.get_ref().write_all(b"{\"v\":1,\"id\":1,\"do\":\"status\",\"every_ms\":100}\n").unwrap();
    // Another looks as often and is served; the sleeper's statuses, of more than the socket holds, are not made.
    let mut watcher = at.client();
    fake.crowd.store(5000, Ordering::SeqCst);
    watcher.get_ref().write_all(b"{\"v\":1,\"id\":1,\"do\":\"status\",\"every_ms\":100}\n").unwrap();
    for _ in 0..10 {
        assert!(answer(&mut watcher).more);
    }
    let asked = fake.asked.load(Ordering::SeqCst);
    assert!(asked < 16, "{asked} statuses were made: the sleeper's too");
    drop(sleeper);
}

#[test]
fn who_leaves_too_much_unread_is_dropped() {
    let fake = Fake::new();
    fake.crowd.store(5000, Ordering::SeqCst);
    let at = At::new(fake);
    let client = at.client();
    // Each answer is about 2 MB, and none is read.
    let asks: String = (0..30).map(|id| format!("{{\"v\":1,\"id\":{id},\"do\":\"sessions\"}}\n")).collect();
    client.get_ref().write_all(asks.as_bytes()).unwrap();
    serves(&at);
    // It ends: what the socket held comes, and nothing more.
    let mut bytes = Vec::new();
    let done = std::io::Read::read_to_end(&mut client.get_ref(), &mut bytes);
    assert!(bytes.len() < 16 << 20, "{} bytes: it was not dropped", bytes.len());
    assert!(done.is_ok_and(|read| read == bytes.len()));
}

#[test]
fn a_panic_is_the_requests_own() {
    let mut pair = Pair::new(Fake::new());
    pair.send("{\"v\":1,\"id\":1,\"do\":\"kick\",\"session\":\"panics\"}\n");
    let why = answer(&mut pair.reader).outcome.unwrap_err();
    assert_eq!(why.what, "panic");
    assert!(why.why.contains("as it was asked to"), "{why}");
    pair.send(STATUS);
    assert!(answer(&mut pair.reader).outcome.is_ok());
}

#[test]
fn requests_are_answered_as_they_come_and_bounded() {
    let fake = Fake::new();
    let mut pair = Pair::new(fake.clone());
    let slow = |id: u32| format!("{{\"v\":1,\"id\":{id},\"do\":\"kick\",\"session\":\"slow\"}}\n");
    pair.send(&slow(100));
    pair.send(STATUS);
    assert_eq!(answer(&mut pair.reader).id, Some(1), "it does not wait for the slow one");
    pair.send(&slow(100));
    assert_eq!(refusal(&mut pair.reader), "id-in-use");
    pair.send(&(101..=132).map(slow).collect::<String>());
    assert_eq!(refusal(&mut pair.reader), "too-many-requests");
    (100..132).for_each(|_| fake.let_go());
    let mut ids: Vec<_> = (100..132).map(|_| answer(&mut pair.reader).id.unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (100..132).collect::<Vec<_>>());
}

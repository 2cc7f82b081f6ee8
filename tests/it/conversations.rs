//! Whole conversations of several clients with one house: requests, reports, garbage and farewells in any order. What has
//! to hold stands with the fuzz target, which finds the bytes; here the requests are whole, so that readers play.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::corpora::targets::connection::{LATER, LEAVES, OTHER_CLIENT, REPORT, connection};

/// How the target's sessions are named: sixteen times 01, then 02, ...
fn session(number: u8) -> String {
    format!("{number:02x}").repeat(16)
}

fn request(method: &str, url: &str, fields: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} rtsp://h/{url} RTSP/1.0\r\nCSeq: 7\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn asks() -> impl Strategy<Value = Vec<u8>> {
    let method =
        prop::sample::select(vec!["OPTIONS", "DESCRIBE", "PLAY", "PLAY", "PAUSE", "TEARDOWN", "RECORD"]);
    let url = prop::sample::select(vec!["cam", "cam/trackID=0", "cam/trackID=1", "other"]);
    (method, url, 1..7_u8).prop_map(|(method, url, number)| {
        request(method, url, &format!("Session: {}\r\n", session(number)), "")
    })
}

fn sets_up() -> impl Strategy<Value = Vec<u8>> {
    let transport = prop::sample::select(vec![
        "RTP/AVP/TCP;unicast;interleaved=0-1",
        "RTP/AVP/TCP;unicast;interleaved=2-3",
        "RTP/AVP;unicast;client_port=4000-4001",
        "RTP/AVP;unicast;client_port=4002-4003",
        "RTP/AVP;multicast",
    ]);
    let url = prop::sample::select(vec!["cam/trackID=0", "cam/trackID=1", "other/trackID=0"]);
    (transport, url, prop::option::of(1..7_u8)).prop_map(|(transport, url, number)| {
        let named = number.map_or_else(String::new, |number| format!("Session: {}\r\n", session(number)));
        request("SETUP", url, &format!("{named}Transport: {transport}\r\n"), "")
    })
}

fn parameters() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::sample::select(vec!["", "jitter\r\n", "nothing\r\n"]);
    (body, 1..7_u8).prop_map(|(body, number)| {
        request("GET_PARAMETER", "cam", &format!("Session: {}\r\n", session(number)), body)
    })
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), vec(any::<u8>(), 0..40)).prop_map(|(channel, data)| {
        // A mark in it would cut it: the rest of the conversation is garbage then.
        [&[b'$', channel, 0, data.len() as u8], &data[..]].concat()
    })
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![4 => sets_up(), 6 => asks(), 1 => parameters(), 2 => frame()];
    let mark =
        prop::sample::select(vec![OTHER_CLIENT, OTHER_CLIENT, OTHER_CLIENT, LATER, LEAVES, LEAVES, REPORT]);
    prop_oneof![
        12 => whole.clone(),
        4 => mark.prop_map(|mark| vec![mark]),
        // It goes in the middle of a request.
        1 => (whole, any::<prop::sample::Index>()).prop_map(|(mut bytes, at)| {
            bytes.truncate(at.index(bytes.len()));
            bytes.push(LEAVES);
            bytes
        }),
        1 => vec(any::<u8>(), 0..30),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_clients_say_each_is_answered_and_nobodys_session_is_left(
        house in any::<u8>(),
        pieces in vec(piece(), 1..60),
    ) {
        connection(&[&[house], &pieces.concat()[..]].concat());
    }
}

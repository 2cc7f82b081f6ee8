use super::*;

const STREAM: &[u8] = b"\r\nOPTIONS * RTSP/1.0\r\ncseq : 1\r\n\r\n$\x01\x00\x03abc\
    SET_PARAMETER rtsp://h/x RTSP/1.0\nCSeq: 2\nContent-Length: 5\n\nhello$\x00\x00\x00\
    RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\nDESCRIBE rtsp://h/a b RTSP/1.0\r\nCSeq: 3\r\nAccept: a,\r\n b\r\n\r\n";

fn items(pieces: &[&[u8]]) -> Vec<Item> {
    let mut parser = Parser::new();
    let mut items = Vec::new();
    for piece in pieces {
        parser.push(piece);
        while let Some(item) = parser.poll() {
            items.push(item);
        }
    }
    items
}

#[test]
fn every_split_gives_the_same() {
    let whole = items(&[STREAM]);
    assert_eq!(whole.len(), 6);
    for at in 0..STREAM.len() {
        assert_eq!(items(&[&STREAM[..at], &STREAM[at..]]), whole, "split at {at}");
    }
    assert_eq!(items(&STREAM.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn bodies_blanks_and_folded_lines_are_read() {
    let whole = items(&[STREAM]);
    assert!(matches!(&whole[2], Item::Request(request) if request.body == b"hello"));
    assert!(matches!(&whole[5], Item::Request(request)
        if request.uri == "rtsp://h/a b" && request.headers.get("accept") == Some("a, b")));
}

#[test]
fn bad_requests_are_told_with_their_cseq() {
    let long = format!("DESCRIBE rtsp://h/{} RTSP/1.0\r\nCSeq: 1\r\n\r\n", "x".repeat(3000));
    let endless = "x".repeat(40_000);
    let cases: [(&str, u16, Option<&str>, bool); 13] = [
        ("DESCRIBE RTSP/1.0\r\nCSeq: 7\r\n\r\n", 400, Some("7"), false),
        ("OPTIONS * RTSP/2.0\r\nCSeq: 7\r\n\r\n", 505, Some("7"), false),
        ("GET / HTTP/1.1\r\n\r\n", 400, None, true),
        ("OPTIONS * RTSP/3.7\nCSeq: 7\nContent-Length: 9\n\nOPTIONS *", 505, Some("7"), false),
        ("OPTIONS *\nno colon\nCSeq: 7\nContent-Length: 9\n\nOPTIONS *", 400, Some("7"), false),
        ("OPTIONS * RTSP/1.0\nCSeq: 7\nContent-Length: 9\nContent-Length: 8\n\n", 400, Some("7"), true),
        ("\x16\x03\x01\x02\0\x01\0", 400, None, true),
        ("OPTIONS * RTSP/1.0\r\nCSeq: 1\0\r\nno colon\r\n\r\n", 400, None, false),
        ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nCSeq: 2\r\n\r\n", 400, Some("1"), false),
        ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n", 400, Some("1"), true),
        (
            "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 18446744073709551615\r\n\r\n",
            413,
            Some("1"),
            true,
        ),
        (&long, 414, Some("1"), false),
        (&endless, 414, None, true),
    ];
    for (text, status, cseq, fatal) in cases {
        let all = items(&[text.as_bytes()]);
        let [Item::Invalid(invalid)] = &all[..] else { panic!("{text:.40}: {all:?}") };
        assert_eq!(
            (invalid.status.0, invalid.cseq.as_deref(), invalid.fatal),
            (status, cseq, fatal),
            "{text:.60}"
        );
    }
}

#[test]
fn what_a_reply_repeats_holds_no_control_character() {
    for text in [
        "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nTimestamp: 17\rX: y\r\n\r\n",
        "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nRequire: a\0b\r\n\r\n",
        "DESCRIBE rtsp://h\r/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    ] {
        let all = items(&[text.as_bytes()]);
        assert!(
            matches!(&all[..], [Item::Invalid(Invalid { status: Status(400), fatal: false, .. })]),
            "{all:?}"
        );
    }
}

#[test]
fn a_folded_value_has_no_blank_at_its_ends_and_the_length_of_any_other() {
    let folded = |value: &str| {
        let text = format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nAccept:{value}\r\n\r\n");
        items(&[text.as_bytes()]).remove(0)
    };
    for value in ["\r\n a\r\n b", " a\r\n \r\n\tb", "a\r\n b\r\n \t"] {
        let item = folded(value);
        assert!(
            matches!(&item, Item::Request(request) if request.headers.get("accept") == Some("a b")),
            "{item:?}"
        );
    }
    let long = format!("\r\n {}", "x".repeat(2048 / 2)).repeat(3);
    assert!(matches!(folded(&long), Item::Invalid(Invalid { status: Status(400), .. })));
}

#[test]
fn a_server_s_body_may_be_long_and_is_looked_at_once() {
    let head = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {MOST_BODY}\r\n\r\n");
    let mut pieces = vec![head.as_bytes()];
    pieces.extend(std::iter::repeat_n(&b"x"[..], MOST_BODY));
    let all = items(&pieces);
    assert!(matches!(&all[..], [Item::Response(response)] if response.body.len() == MOST_BODY));
}

#[test]
fn of_a_client_nothing_long_is_kept() {
    let mut parser = Parser::of_client();
    for _ in 0..2 {
        parser.push(b"$\x00\xff\xff");
        for _ in 0..16 {
            parser.push(&[b'$'; 4000]);
            assert_eq!((parser.poll(), parser.pending()), (None, 0));
        }
        parser.push(&[b'$'; 65_535 - 64_000]);
        parser.push(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4096\r\n\r\n");
        parser.push(&[b' '; 4096]);
        assert!(matches!(parser.poll(), Some(Item::Request(request)) if request.body.len() == 4096));
    }
    parser.push(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4097\r\n\r\n");
    assert!(matches!(parser.poll(), Some(Item::Invalid(Invalid { status: Status(413), fatal: true, .. }))));
}

#[test]
fn garbage_is_skipped_up_to_a_bound() {
    assert_eq!(items(&[&[0xff; 4000], b"$\x00\x00\x01x"]).len(), 1);
    assert!(matches!(&items(&[&[0xff; 5000]])[..], [Item::Invalid(Invalid { fatal: true, .. })]));
}

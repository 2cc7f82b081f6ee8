//! What holds a password is wiped before its memory is given back: looked at block by block, for what is given back is soon
//! another's, and whoever looks into the whole process later finds nothing by luck.

use lenslet::backup::{self, Contents};
use lenslet::control::protocol::RequestLine;

use crate::allocations::given_back_with;

const MARKER: &str = "marker-6d1f0c83";

/// As clients write it, and with what JSON has other letters for: its reader copies such a text, and wipes no copy.
const PASSWORDS: [&str; 4] = [
    "marker-6d1f0c83",
    "a much longer word of somebody who is careful, marker-6d1f0c83",
    "with \"quotes\" and \\ and a tab\t, marker-6d1f0c83",
    "p\u{e4}ss \u{1f408} marker-6d1f0c83 and more",
];

/// It stays where it is: who gives it back is not looked at.
fn kept(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[test]
fn what_is_given_back_with_a_text_in_it_is_seen() {
    let count = |work: fn()| given_back_with(MARKER, work);
    assert_eq!(count(|| drop(MARKER.to_owned())), 1);
    assert_eq!(count(|| drop([MARKER, "x"].concat())), 1);
    assert_eq!(count(|| drop(vec![0_u8; 100])), 0);
    let grows = || {
        let mut text = String::with_capacity(MARKER.len());
        text.push_str(MARKER);
        text.reserve_exact(1 << 20);
        text.clear();
        text.extend(std::iter::repeat_n('x', 100));
    };
    assert_eq!(count(grows), 1, "what grew left it behind");
}

#[test]
fn no_memory_of_a_request_is_given_back_with_its_password() {
    for password in PASSWORDS {
        let written = serde_json::to_string(password).unwrap();
        let all_escaped: String = password.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        for written in [written, format!("\"{all_escaped}\"")] {
            for (what, fields, good) in [
                ("user add", "", true),
                ("user passwd", "", true),
                ("user add", ",\"oops\":1", false),
                ("user adt", "", false),
                ("user add", ",,", false),
            ] {
                let line = kept(format!(
                    "{{\"v\":1,\"id\":1,\"do\":\"{what}\",\"name\":\"carl\",\"password\":{written}{fields}}}\n"
                ));
                let found = given_back_with(MARKER, || {
                    let read = RequestLine::read(line.as_bytes());
                    assert_eq!(read.is_ok(), good, "{line}");
                    // And as a client writes it.
                    drop(read.map(|read| read.write()));
                });
                assert_eq!(found, 0, "{line}");
            }
        }
    }
}

#[test]
fn no_memory_of_a_backup_is_given_back_with_its_passphrase() {
    let contents = || Contents { config: Some("(mounts: {})".to_owned()), ..Contents::default() };
    for passphrase in PASSWORDS {
        let mut sealed = Vec::new();
        let found = given_back_with(MARKER, || {
            sealed = backup::written(contents(), Some(passphrase), std::time::UNIX_EPOCH).unwrap();
            backup::read(&sealed, "b".as_ref(), Some(passphrase)).unwrap();
            backup::read(&sealed, "b".as_ref(), Some(&passphrase[1..])).unwrap_err();
        });
        assert_eq!(found, 0, "{passphrase}");
    }
}

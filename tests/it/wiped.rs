//! What holds a password is wiped before its memory is given back: looked at block by block, for what is given back is soon
//! another's, and whoever looks into the whole process later finds nothing by luck.

use std::fmt::Write;
use std::time::Duration;

use lenslet::access::Users;
use lenslet::backup::{self, Contents, Devices, Place, Restore, Section};
use lenslet::config::store::{Store, replace_secret_for};
use lenslet::control::protocol::RequestLine;
use lenslet::daemon::{UserEdit, UsersFile};
use lenslet::rtsp::auth::{Asked, Challenger, Verdict, hex};

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

/// What a users' file has of a password is as good as that: MD5 and SHA-256 of it.
const HASHES: [&str; 2] =
    ["6d1f0c83a9e24b7750c1d2e3f4a5b6c7", "b6c7000000000000000000000000000000000000000000006d1f0c83a9e24b77"];

/// It is kept behind what has to be written otherwise in JSON.
fn users_file() -> String {
    let [md5, sha256] = HASHES;
    format!(
        "// Of \"us\": \u{e4}\n(\n    realm: \"Porch\",\n    users: {{\n        \"anna\": (\n            md5: \"{md5}\",\n            \
         sha256: \"{sha256}\",\n        ),\n    }},\n)\n"
    )
}

#[test]
fn no_memory_of_a_restore_is_given_back_with_what_is_kept_of_passwords() {
    let users = kept(users_file());
    for hash in HASHES {
        for passphrase in [Some("a passphrase"), None] {
            let folder = tempfile::tempdir().unwrap();
            let section = || Section {
                name: "users",
                path: folder.path().join("users"),
                secret: true,
                is_right: |_| Ok(()),
            };
            let config = folder.path().join("lenslet.ron");
            let state = folder.path().join("state");
            let place = || Place {
                store: Store::new(config.clone(), &state),
                state: state.clone(),
                sections: vec![section()],
            };
            std::fs::write(&config, "(mounts: {})").unwrap();
            std::fs::write(folder.path().join("users"), users).unwrap();
            let mut made = Vec::new();
            let found = given_back_with(hash, || {
                let (contents, left_out) = place().contents(true).unwrap();
                assert_eq!(left_out, [""; 0]);
                made = backup::written(contents, passphrase, std::time::UNIX_EPOCH).unwrap();
            });
            assert_eq!(found, 0, "while it was made, {passphrase:?}");
            // Of what is here as well as of what comes, and of a restore that was begun before.
            for before in [Some("// Others.\n"), None] {
                let path = folder.path().join("users");
                match before {
                    Some(text) => std::fs::write(&path, text).unwrap(),
                    None => std::fs::remove_file(&path).unwrap(),
                }
                let found = given_back_with(hash, || {
                    let backup = backup::read(&made, "b".as_ref(), passphrase).unwrap();
                    let restore = Restore::of(&place(), &backup, Devices::Ours).unwrap();
                    assert_eq!(restore.sections().count(), 1);
                    restore.carry_out(&place()).unwrap();
                    assert!(Restore::of(&place(), &backup, Devices::Ours).unwrap().is_empty());
                    place().finish().unwrap();
                    // As the difference is told by.
                    drop(Users::parse(users).unwrap());
                });
                assert_eq!(found, 0, "{passphrase:?}, {before:?}");
                assert_eq!(std::fs::read_to_string(&path).unwrap(), users);
            }
        }
    }
}

/// The hashes of all users' passwords, as they are in memory: whose text is this, and in digits.
const BINARY: [&str; 2] = ["marker-6d1f0c83!", "and of thirty-two: 6d1f0c83a9e2!"];
const DIGITS: [&str; 2] =
    ["6d61726b65722d366431663063383321", "616e64206f66207468697274792d74776f3a2036643166306338336139653221"];

/// So many that the map of them grows and moves what is in it. Nothing of the text is given back while it is made.
fn many_users() -> &'static str {
    let [md5, sha256] = DIGITS;
    let mut text = String::with_capacity(1 << 14);
    text.push_str("(realm: \"Porch\", users: {");
    for number in 0..40 {
        write!(text, "\"user{number}\": (md5: \"{md5}\", sha256: \"{sha256}\"), ").unwrap();
    }
    text.push_str("})");
    kept(text)
}

#[test]
fn no_memory_of_users_is_given_back_with_what_is_known_of_their_passwords() {
    let text = many_users();
    for (binary, digits) in BINARY.into_iter().zip(DIGITS) {
        assert_eq!(hex(binary.as_bytes()), digits);
        for sought in [binary, digits] {
            let found = given_back_with(sought, || {
                let mut users = Users::parse(text).unwrap();
                let others = users.clone();
                assert!(others.secret("user7").is_some());
                users.set_password("user1", "another").unwrap();
                (2..30).for_each(|number| users.remove(&format!("user{number}")).unwrap());
                users.add("carl", "a password", Default::default()).unwrap();
                assert!(others.text().contains(digits));
            });
            assert_eq!(found, 0, "{sought}");
        }
    }
}

#[test]
fn no_memory_of_an_answer_is_given_back_with_the_hash_that_it_is_held_against() {
    let users = Users::parse(many_users()).unwrap();
    let challenger = Challenger::new("Porch", [7; 32], false);
    let peer = "192.168.1.9".parse().unwrap();
    let asked =
        Asked { method: "DESCRIBE", uri: "rtsp://porch/cam", peer, connection: 1, now: Duration::ZERO };
    let challenges = challenger.challenges(peer, Duration::ZERO, false);
    let nonce = challenges[0].split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    for (digits, sought) in [(64, DIGITS[1]), (32, DIGITS[0]), (64, BINARY[1]), (32, BINARY[0])] {
        for qop in ["", ", qop=auth, nc=00000001, cnonce=\"0a4f113b\""] {
            let answer = format!(
                "Digest username=\"user7\", realm=\"Porch\", nonce=\"{nonce}\", uri=\"rtsp://porch/cam\", response=\"{}\"{qop}",
                "0".repeat(digits)
            );
            let found = given_back_with(sought, || {
                let verdict = challenger.check(&answer, &asked, |user| users.secret(user));
                assert_eq!(verdict, Verdict::Wrong(Some("user7".to_owned())));
            });
            assert_eq!(found, 0, "{answer}");
        }
    }
}

#[test]
fn no_memory_of_the_users_file_is_given_back_with_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.ron");
    let file = UsersFile::new(&path, "Porch", folder.path());
    for sought in [DIGITS, BINARY].concat() {
        replace_secret_for(folder.path(), &path, many_users().as_bytes()).unwrap();
        let found = given_back_with(sought, || {
            file.change(&UserEdit::Remove { name: "user7".to_owned() }).unwrap();
            assert!(file.load().unwrap().secret("user8").is_some());
        });
        assert_eq!(found, 0, "{sought}");
        assert!(!kept(std::fs::read_to_string(&path).unwrap()).contains("user7"));
    }
}

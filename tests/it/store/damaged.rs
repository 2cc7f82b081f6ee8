//! Versions that are not as they were written: they are listed as that, and nobody goes back to one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use super::{NEW, PROGRAM, Place};
use crate::support::{Server, lenslet};

/// A version's file under a folder of what is kept.
fn version(state: &Path, number: u64) -> PathBuf {
    let of_file = fs::read_dir(state.join("history")).unwrap().next().unwrap().unwrap();
    of_file.path().join(format!("{number:06}.ron"))
}

/// What happens to a version's file.
type Damage = fn(&Path);

/// And what is said of it then.
const DAMAGES: [(&str, Damage, &str); 6] = [
    ("truncated", |path| cut(path, 20), "is damaged: it is not as it was written"),
    ("truncated within its first line", |path| cut(path, 200), "is damaged: it is not as it was written"),
    ("emptied", |path| fs::write(path, "").unwrap(), "is damaged: it is not as it was written"),
    ("edited", |path| edit(path, "Pattern", "Patterm"), "is damaged: it is not as it was written"),
    ("no text", |path| fs::write(path, [0xff; 4096]).unwrap(), "is damaged: it is not as it was written"),
    ("not to be read", instead, "cannot be read: Is a directory"),
];

/// Without its last bytes.
fn cut(path: &Path, bytes: usize) {
    let all = fs::read(path).unwrap();
    fs::write(path, &all[..all.len().saturating_sub(bytes)]).unwrap();
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replace(from, to)).unwrap();
}

/// A folder in its place: that nobody reads, root neither.
fn instead(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
}

/// By what people call: with a daemon, and without one.
#[test]
fn a_damaged_version_is_listed_and_never_gone_back_to() {
    for (name, damage, why) in DAMAGES {
        let server = Server::with("mounts: {\"a\": Pattern(width: 64, height: 48)}");
        let by_daemon = |words: &[&str]| {
            let output = lenslet().args(words).arg("--control").arg(server.control()).output().unwrap();
            let told = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            if output.status.success() { Ok(told(output.stdout)) } else { Err(told(output.stderr)) }
        };
        by_daemon(&["config", "set", "max_sessions", "7"]).unwrap();
        by_daemon(&["config", "set", "max_sessions", "8"]).unwrap();
        damage(&version(server.state(), 2));
        check(name, why, &|words| by_daemon(&[&["config"], words].concat()));
        let now = fs::read_to_string(server.config()).unwrap();
        assert!(now.contains("max_sessions: 8"), "{name}: {now}");

        let place = Place::with("( mounts: {\"a\": Pattern()})");
        for text in [NEW, "( mounts: {\"c\": Pattern()})"] {
            place.keep();
            fs::write(place.file(), text).unwrap();
        }
        place.keep();
        damage(&version(place.folder.path(), 2));
        check(name, why, &|words| place.config(words));
        assert!(fs::read_to_string(place.file()).unwrap().contains("\"c\""), "{name}");
    }
}

fn check(name: &str, why: &str, config: &dyn Fn(&[&str]) -> Result<String, String>) {
    let list = config(&["history"]).unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{name}: {list}");
    assert!(lines[1].starts_with("2 ") && lines[1].contains(why), "{name}: {list}");
    for right in [lines[0], lines[2]] {
        assert!(!right.contains("damaged") && !right.contains("cannot"), "{name}: {list}");
    }
    for words in [&["diff", "2"][..], &["diff", "1", "2"], &["rollback", "2"]] {
        let refused = config(words).unwrap_err();
        assert!(refused.contains("version 2 ") && refused.contains(why), "{name} {words:?}: {refused}");
    }
    assert!(config(&["diff", "1", "3"]).is_ok(), "{name}: the others are as they were");
}

/// Nobody is told that there are none who may not look.
#[test]
fn a_history_that_may_not_be_read_is_not_an_empty_one() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let place = Place::with(NEW);
    place.keep();
    let path = place.folder.path();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.file(), Permissions::from_mode(0o644)).unwrap();
    let folder = version(path, 1).parent().unwrap().to_owned();
    // Nobody's own copy: folders on the way to the other may be closed.
    let copy = path.join("program");
    fs::copy(PROGRAM, &copy).unwrap();
    let list = || {
        let mut command = place.command(copy.to_str().unwrap(), &["config", "history"]);
        let output = command.uid(65534).gid(65534).output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (done, said) = list();
    assert!(done && said.starts_with("1 ") && said.contains("Permission denied"), "{said}");
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let (done, said) = list();
    assert!(!done && said.contains(folder.to_str().unwrap()) && said.contains("sudo"), "{said}");
}

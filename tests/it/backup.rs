//! Backups: made, damaged, put back on another card.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lenslet::access::{Rights, Users};
use lenslet::config::store::{Store, Version};

use crate::support::{NO_DAEMONS, Network, lenslet};

const TEXT: &str = r#"( // the porch
    listen: ["127.0.0.1:0"], udp_ports: (0, 0),
    mounts: {
        "test": Pattern(width: 64, height: 48, fps: 10),
        "door": Camera(device: "/dev/nowhere0", enabled: false), // left one
    },
)
"#;
/// A file of users, of whom there are none, with what no backup that can be read may hold.
const USERS: &str = "(realm: \"a-secret-of-users\", users: {})";
const SECRET: &str = "a-secret-of-users";

/// A board's card.
struct Card {
    folder: tempfile::TempDir,
}

impl Card {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with(text: &str) -> Self {
        let card = Self::new();
        fs::write(card.config(), text).unwrap();
        card
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("lenslet.ron")
    }

    fn text(&self) -> Option<String> {
        fs::read_to_string(self.config()).ok()
    }

    fn on(&self, command: &mut Command) -> Output {
        command.env("STATE_DIRECTORY", self.path("state")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("RUNTIME_DIRECTORY", NO_DAEMONS);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.on(lenslet().args(arguments).arg("--config").arg(self.config()))
    }

    /// What was said, of what has to go well.
    fn well(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn history(&self) -> String {
        // No daemon runs: it is the files that are read.
        self.well(&["config", "history"])
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A card with a configuration of three versions and users, and its backups: readable, and encrypted.
fn backed_up() -> (Card, PathBuf, PathBuf) {
    let card = Card::with(TEXT);
    let control = card.path("no.sock");
    for workers in ["2", "3"] {
        let set = ["config", "set", "workers", workers, "--control", text_of(&control)];
        let output = card.run(&set);
        if !output.status.success() {
            // Without a daemon the file is edited by hand.
            let text = format!("( workers: {workers},{}", TEXT.strip_prefix('(').unwrap());
            fs::write(card.config(), text).unwrap();
        }
        card.well(&["check"]);
    }
    fs::create_dir_all(card.path("state")).unwrap();
    fs::write(card.path("state/users.ron"), USERS).unwrap();
    fs::set_permissions(card.path("state/users.ron"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(card.path("passphrase"), "correct horse\nsecond line").unwrap();
    let (plain, sealed) = (card.path("plain.backup"), card.path("sealed.backup"));
    card.well(&["backup", text_of(&plain)]);
    card.well(&["backup", text_of(&sealed), "--passphrase-file", text_of(&card.path("passphrase"))]);
    (card, plain, sealed)
}

#[test]
fn a_new_card_has_it_all_again() {
    let (old, _, sealed) = backed_up();
    let new = Card::new();
    let passphrase = old.path("passphrase");
    let restore = ["restore", text_of(&sealed), "--passphrase-file", text_of(&passphrase)];
    let said = new.well(&[&restore[..], &["--dry-run"]].concat());
    assert!(said.contains("+    mounts: {") && said.contains("this was a dry run"), "{said}");
    assert!(said.contains("mounts[\"door\"].device: /dev/nowhere0 is not here now"), "{said}");
    assert_eq!((new.text(), new.path("state").exists()), (None, false), "nothing was touched");
    new.well(&restore);
    assert_eq!(new.text(), old.text());
    assert_eq!(fs::read_to_string(new.path("state/users.ron")).unwrap(), USERS);
    assert_eq!(fs::metadata(new.path("state/users.ron")).unwrap().permissions().mode() & 0o777, 0o600);
    let said = new.well(&restore);
    assert!(said.contains("Everything is as in the backup"), "{said}");
}

/// Else nobody would be asked for a password any more.
#[test]
fn users_and_versions_are_put_where_the_restored_file_has_them() {
    let (old, ..) = backed_up();
    let elsewhere = old.path("elsewhere");
    let text = TEXT.replacen("(", &format!("(state_dir: {elsewhere:?},"), 1);
    fs::write(old.config(), &text).unwrap();
    fs::rename(old.path("state"), &elsewhere).unwrap();
    let (sealed, passphrase) = (old.path("moved.backup"), old.path("passphrase"));
    old.well(&["backup", text_of(&sealed), "--passphrase-file", text_of(&passphrase)]);
    fs::remove_dir_all(&elsewhere).unwrap();
    let new = Card::with("(state_dir: \"/nowhere\")");
    new.well(&["restore", text_of(&sealed), "--passphrase-file", text_of(&passphrase)]);
    assert_eq!(new.text().as_deref(), Some(&*text));
    assert_eq!(fs::read_to_string(elsewhere.join("users.ron")).unwrap(), USERS);
    assert!(!new.path("state").exists());
    assert!(new.history().contains("restore"), "{}", new.history());
}

#[test]
fn what_is_secret_is_in_no_backup_that_can_be_read() {
    let (card, plain, sealed) = backed_up();
    for path in [&plain, &sealed] {
        let bytes = fs::read(path).unwrap();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "{}", path.display());
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let output = card.run(&["backup", "-"]);
    assert!(stderr(&output).contains("users is secret and is left out"), "{}", stderr(&output));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["contents"]["config"], card.text().unwrap());
    assert_eq!(read["contents"]["devices"]["mounts[\"door\"].device"], "/dev/nowhere0");
}

/// Another program of the format, by PyPI.
#[test]
fn other_programs_open_what_is_encrypted() {
    let (_card, _, sealed) = backed_up();
    let program = "import sys, pyrage.passphrase as p\n\
        sys.stdout.buffer.write(p.decrypt(open(sys.argv[1], 'rb').read(), 'correct horse'))";
    let output = Command::new("python3").args(["-c", program]).arg(&sealed).output().unwrap();
    if !output.status.success() && stderr(&output).contains("No module named 'pyrage'") {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "pyrage is not there");
        println!("SKIPPED: no pyrage");
        return;
    }
    assert!(output.status.success(), "{}", stderr(&output));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["contents"]["sections"]["users"], USERS);
}

#[test]
fn what_cannot_be_used_is_refused_in_a_sentence_and_nothing_is_touched() {
    let (card, plain, sealed) = backed_up();
    let text = fs::read_to_string(&plain).unwrap();
    let sealed_bytes = fs::read(&sealed).unwrap();
    let right = card.path("passphrase");
    let right = text_of(&right);
    fs::write(card.path("other"), "incorrect horse").unwrap();
    fs::write(card.path("empty"), "\n").unwrap();
    let (other, empty) = (card.path("other"), card.path("empty"));
    let (other, empty) = (text_of(&other), text_of(&empty));
    // What it is, its bytes, the passphrase's file, the sentence.
    let table: [(&str, Vec<u8>, &str, &str); 11] = [
        ("cut", text.as_bytes()[..text.len() / 2].to_vec(), "", "it ends too early: it was not copied whole"),
        ("edited", text.replace("workers: 3", "workers: 4").into(), "", "its checksum does not fit"),
        ("of the future", text.replace("backup\": 1", "backup\": 9").into(), "", "it is of format 9"),
        ("a picture", b"\xff\xd8\xff\xe0".to_vec(), "", "this is no backup of Lenslet"),
        ("empty", Vec::new(), "", "this is no backup of Lenslet"),
        ("a configuration", TEXT.into(), "", "this is no backup of Lenslet"),
        ("sealed", sealed_bytes.clone(), "", "it is encrypted: name the file that its passphrase is in"),
        ("sealed, another passphrase", sealed_bytes.clone(), other, "the passphrase is wrong"),
        ("sealed, cut", sealed_bytes[..sealed_bytes.len() - 1].to_vec(), right, "it was changed or cut"),
        ("sealed, no passphrase in its file", sealed_bytes, empty, "its first line is empty"),
        (
            "plain, no such passphrase file",
            text.into(),
            "/nowhere/x",
            "cannot read the passphrase in /nowhere/x",
        ),
    ];
    for (what, bytes, passphrase, sentence) in table {
        let new = Card::with("()");
        let path = new.path("bad.backup");
        fs::write(&path, bytes).unwrap();
        let mut arguments = vec!["restore", text_of(&path)];
        if !passphrase.is_empty() {
            arguments.extend(["--passphrase-file", passphrase]);
        }
        let output = new.run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{what}");
        assert!(stderr(&output).contains(sentence), "{what}: {}", stderr(&output));
        assert_eq!(new.text().as_deref(), Some("()"), "{what}");
    }
    for (arguments, sentence) in [
        (vec!["backup", "/nowhere/x.backup"], "there is no folder /nowhere: is the disk mounted?"),
        (vec!["backup", "--keep", "3", "/nowhere"], "there is no folder /nowhere: is the disk mounted?"),
        (vec!["backup", "--keep", "none", "/tmp"], "is no number of backups"),
        (vec!["restore", "/nowhere/x"], "cannot read /nowhere/x"),
    ] {
        let output = card.run(&arguments);
        assert!(!output.status.success() && stderr(&output).contains(sentence), "{}", stderr(&output));
    }
}

#[test]
fn what_belongs_to_the_board_stays_unless_it_is_wished() {
    let (_card, plain, _) = backed_up();
    let ours = "(mounts: {\"door\": Camera(device: \"/dev/video9\")})";
    let board = Card::with(ours);
    let said = board.well(&["restore", text_of(&plain)]);
    assert!(said.contains("watch without a password, until `lenslet user add NAME`"), "{said}");
    assert!(said.contains("device stays /dev/video9 on this board (in the backup: /dev/nowhere0)"), "{said}");
    let text = board.text().unwrap();
    assert!(text.contains("\"/dev/video9\", enabled: false), // left one"), "{text}");
    assert!(board.history().lines().count() >= 2, "what was here is a version: {}", board.history());
    board.well(&["restore", text_of(&plain), "--devices"]);
    assert!(board.text().unwrap().contains("/dev/nowhere0"));
}

#[test]
fn what_becomes_of_users_is_told_by_their_names_and_nothing_else() {
    let users = |of: &[(&str, &str, &str)]| {
        let mut users = Users::new("Lenslet");
        for (name, password, mount) in of {
            let rights = Rights { read: vec![(*mount).to_owned()], control: Vec::new() };
            users.add(name, password, rights).unwrap();
        }
        users.text().to_string()
    };
    let theirs =
        users(&[("anna", "first", "*"), ("bob", "x", "*"), ("carl", "y", "cam"), ("dora", "z", "*")]);
    let ours = users(&[("anna", "second", "*"), ("carl", "y", "*"), ("dora", "z", "*"), ("emil", "w", "*")]);
    let (old, new) = (Card::with(TEXT), Card::with(TEXT));
    for (card, text) in [(&old, &theirs), (&new, &ours)] {
        fs::create_dir_all(card.path("state")).unwrap();
        fs::write(card.path("state/users.ron"), text).unwrap();
        fs::set_permissions(card.path("state/users.ron"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(old.path("passphrase"), "correct horse").unwrap();
    let (sealed, passphrase) = (old.path("sealed.backup"), old.path("passphrase"));
    let with = ["--passphrase-file", text_of(&passphrase)];
    old.well(&[&["backup", text_of(&sealed)][..], &with].concat());
    let said = new.well(&[&["restore", "--dry-run", text_of(&sealed)][..], &with].concat());
    let told: Vec<&str> = said.lines().filter(|line| line.starts_with("user ")).collect();
    let expected =
        ["user anna has another password", "user bob comes", "user carl has other rights", "user emil goes"];
    assert_eq!(told, expected, "{said}");
    let hash = |word: &str| word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(!said.split(|c: char| !c.is_ascii_alphanumeric()).any(hash), "{said}");
    assert_eq!(fs::read_to_string(new.path("state/users.ron")).unwrap(), ours);
}

/// Killed at each of the calls that change names on the disk, a restore has happened or has not, and what had begun is
/// finished by who comes next.
#[test]
fn a_restore_that_is_killed_is_whole_or_nothing() {
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "strace is not there");
        println!("SKIPPED: no strace");
        return;
    }
    let (old, _, sealed) = backed_up();
    let mut seen = [false; 3];
    for call in ["rename", "fsync", "unlink"] {
        for number in 1.. {
            let new = Card::with("()");
            fs::create_dir_all(new.path("state")).unwrap();
            let mut command = Command::new("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={call}"));
            command.arg("-e").arg(format!("inject={call}:signal=KILL:when={number}"));
            command.arg(env!("CARGO_BIN_EXE_lenslet")).args([
                "restore",
                text_of(&sealed),
                "--passphrase-file",
            ]);
            command.arg(old.path("passphrase")).arg("--config").arg(new.config());
            let output = new.on(&mut command);
            let killed = !output.status.success();
            let begun = new.path("state/restore.json").exists();
            // What comes next: another look at the same backup, which finishes what began.
            let arguments = ["restore", text_of(&sealed), "--dry-run", "--passphrase-file"];
            let said = new.well(&[&arguments[..], &[text_of(&old.path("passphrase"))]].concat());
            assert_eq!(new.path("state/restore.json").exists(), begun, "a dry run touches nothing: {said}");
            if begun {
                finish(&new);
            }
            let state = (new.text() == old.text(), new.path("state/users.ron").exists());
            assert!(state == (true, true) || state == (false, false), "{call} {number}: {state:?}");
            assert!(state.0 || new.text().as_deref() == Some("()"), "{call} {number}: {:?}", new.text());
            seen[usize::from(state.0) + usize::from(begun && state.0)] = true;
            if !killed {
                break;
            }
        }
    }
    assert_eq!(seen, [true; 3], "nothing done, all done, and finished by the next");
}

/// The daemon's start.
fn finish(card: &Card) {
    let mut command = lenslet();
    command.arg("serve").arg("--config").arg(card.config());
    command.env("STATE_DIRECTORY", card.path("state")).env("XDG_RUNTIME_DIR", card.path("run"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("listening"), "{line}");
    assert!(!card.path("state/restore.json").exists());
}

/// docs/recovery.md, block by block: what is typed before is typed on one card, what is typed after on another.
#[test]
fn the_page_about_recovery_is_walked_through() {
    let page = include_str!("../../docs/recovery.md");
    let (before, after) = page.split_once("\n## After\n").unwrap();
    // A port that stays: nobody listens there before the end.
    let text = TEXT.replace("127.0.0.1:0", "127.0.0.1:8554");
    let (old, stick) = (Card::with(&text), tempfile::tempdir().unwrap());
    fs::create_dir_all(old.path("state")).unwrap();
    fs::write(old.path("state/users.ron"), USERS).unwrap();
    let blocks = |text: &str| -> Vec<String> {
        text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
    };
    let type_in = |card: &Card, block: &str| {
        let bin = card.path("bin");
        fs::create_dir_all(&bin).unwrap();
        let shim = |name: &str, text: String| {
            let mut file = fs::File::create(bin.join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
        };
        // The card is a folder, and whoever runs the tests has its rights.
        let program = env!("CARGO_BIN_EXE_lenslet");
        shim("lenslet", format!("#!/bin/sh\nexec {program} \"$@\" --config {}\n", card.config().display()));
        shim("sudo", "#!/bin/sh\nexec \"$@\"\n".to_owned());
        let block = block.replace("/media/stick", text_of(stick.path()));
        let block = block.replace("/root/backup-passphrase", text_of(&stick.path().join("passphrase")));
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let output = card.on(Command::new("sh").args(["-e", "-c", &block]).env("PATH", path));
        assert!(output.status.success(), "{block}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    fs::write(stick.path().join("passphrase"), "correct horse\n").unwrap();
    let blocks_before = blocks(before);
    assert_eq!(blocks_before.len(), 2);
    for block in blocks_before {
        type_in(&old, &block);
    }
    let urls = type_in(&old, "lenslet urls");
    drop(old);
    let new = Card::new();
    // The service is another user than who types that.
    let nobody = nix::unistd::geteuid().is_root().then_some(65_534);
    std::os::unix::fs::chown(new.folder.path(), nobody, nobody).unwrap();
    let said: Vec<String> = blocks(after).iter().map(|block| type_in(&new, block)).collect();
    assert!(said[0].contains("this was a dry run") && said[1].contains("Restored."), "{said:?}");
    assert_eq!((urls.as_str(), said[2].as_str()), ("rtsp://127.0.0.1:8554/test\n", urls.as_str()));
    assert_eq!(new.text().as_deref(), Some(text.as_str()));
    // The same URL answers, in a network of its own: other tests have that port as well.
    let Some(network) = Network::new() else { return };
    network.ip("link set lo up");
    let program = env!("CARGO_BIN_EXE_lenslet");
    let mut command = network.command("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", program, "serve", "--config"])
        .arg(new.config());
    command.env("STATE_DIRECTORY", new.path("state")).env("XDG_RUNTIME_DIR", new.path("run"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert!(line.starts_with("listening on"), "{line}");
    let received =
        network.command(program).args(["receive", urls.trim(), "--seconds", "1"]).output().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(received.status.success(), "{}", stderr(&received));
}

#[test]
fn what_is_no_configuration_pushes_no_good_backup_out() {
    let (card, _, _) = backed_up();
    let folder = card.path("stick");
    fs::create_dir(&folder).unwrap();
    let keep = ["backup", "--keep", "1", text_of(&folder)];
    card.well(&keep);
    let there = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let good = there();
    let wrongs: [&dyn Fn(); 3] = [
        &|| fs::write(card.config(), "(mounts").unwrap(),
        &|| fs::write(card.config(), b"\xff\xfe").unwrap(),
        &|| fs::remove_file(card.config()).unwrap(),
    ];
    for wrong in wrongs {
        wrong();
        for arguments in [&keep[..], &["backup", "-"]] {
            let output = card.run(arguments);
            assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{output:?}");
            assert!(stderr(&output).contains("No backup was made"), "{output:?}");
            assert!(stderr(&output).contains(text_of(&card.config())), "{output:?}");
        }
        assert_eq!(there(), good);
    }
    card.well(&[&keep[..], &["--as-it-is"]].concat());
    assert_ne!(there(), good);
}

/// An upgrade is when a backup is wanted most.
#[test]
fn what_was_written_for_an_earlier_version_is_backed_up_as_well() {
    let card = Card::with("(schema: 0, mounts: {\"a\": Pattern()})");
    card.well(&["backup", text_of(&card.path("old.backup"))]);
}

#[test]
fn a_section_that_this_version_does_not_know_comes_back_as_a_comment() {
    let old = Card::with(
        "(\n    schema: 0,\n    films: (days: 7), // a week\n    mounts: {\"a\": Pattern()},\n)\n",
    );
    let backup = old.path("old.backup");
    old.well(&["backup", text_of(&backup)]);
    let new = Card::new();
    let said = new.well(&["restore", text_of(&backup)]);
    assert!(said.contains("this version has no section films: it is kept as a comment"), "{said}");
    assert!(
        new.text().unwrap().contains("\n    // films: (days: 7), // a week\n    mounts"),
        "{:?}",
        new.text()
    );
    new.well(&["check"]);
    assert!(new.history().contains("restore"), "{}", new.history());
}

/// What an earlier program made: `width` alone was passed over then.
#[test]
fn a_backup_of_an_earlier_version_is_translated_and_so_are_its_versions_when_they_are_gone_back_to() {
    let camera = |more: &str| {
        format!("// mine\n(schema: 0, mounts: {{\"a\": Camera(device: \"/dev/x\", {more}width: 640)}})\n")
    };
    let (first, second) = (camera(""), camera("fps: 5, "));
    let old = Card::with(&second);
    let kept = |number, text: &str| {
        let at = "2026-01-01T00:00:00Z".to_owned();
        (Version { number, at, author: "pi".to_owned(), bytes: 0, damage: None }, text.to_owned())
    };
    let store = Store::new(old.config(), &old.path("state"));
    assert!(store.adopt(&[kept(1, &first), kept(2, &second)]).unwrap());
    let backup = old.path("old.backup");
    old.well(&["backup", text_of(&backup)]);
    let new = Card::new();
    let said = new.well(&["restore", text_of(&backup)]);
    assert!(said.contains("2 earlier versions of the configuration come along"), "{said}");
    let now = "// mine\n(schema: 1, mounts: {\"a\": Camera(device: \"/dev/x\", fps: 5)})\n";
    assert_eq!(new.text().unwrap().replace(", )", ")"), now);
    new.well(&["check"]);
    new.well(&["config", "rollback", "1"]);
    assert_eq!(new.text().unwrap(), now.replace(", fps: 5", ""));
    assert!(new.well(&["config", "history"]).lines().count() >= 4);
}

#[test]
fn a_card_whose_configuration_is_no_text_any_more_is_restored_to_the_end() {
    let (_old, plain, _) = backed_up();
    let new = Card::new();
    fs::write(new.config(), b"\xff\xfe(\0m\0").unwrap();
    new.well(&["restore", text_of(&plain)]);
    assert!(new.text().unwrap().contains("the porch"));
    assert!(!new.path("state/restore.json").exists(), "nothing is left to be done");
    let said = new.well(&["restore", text_of(&plain)]);
    assert!(said.contains("Everything is as in the backup"), "{said}");
}

#[test]
fn a_file_that_begins_with_a_byte_order_mark_is_backed_up_with_its_devices() {
    let card = Card::with(&format!("\u{feff}{TEXT}"));
    let output = card.run(&["backup", "-"]);
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["contents"]["devices"]["mounts[\"door\"].device"], "/dev/nowhere0");
}

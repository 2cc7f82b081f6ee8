//! Restores that cannot be carried out to their end, and what becomes of them.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use lenslet::config::store;

use crate::support::lenslet;

struct Card(tempfile::TempDir);

impl Card {
    fn new() -> Self {
        let card = Self(tempfile::tempdir().unwrap());
        fs::write(card.path("old.ron"), "(mounts: {\"old\": Pattern()})").unwrap();
        let add = ["user", "add", "anna", "--password-stdin", "--config"];
        fs::write(card.path("password"), "secret").unwrap();
        fs::write(card.path("passphrase"), "a passphrase").unwrap();
        let mut command = lenslet();
        command.args(add).arg(card.path("old.ron")).stdin(fs::File::open(card.path("password")).unwrap());
        assert!(card.of(&mut command).status.success());
        card.well(&["backup", "backup", "--passphrase-file", "passphrase", "--config", "old.ron"]);
        fs::remove_dir_all(card.path("state")).unwrap();
        card
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn of(&self, command: &mut std::process::Command) -> Output {
        command.env("STATE_DIRECTORY", self.path("state")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.current_dir(self.0.path()).output().unwrap()
    }

    fn run(&self, words: &[&str]) -> Output {
        self.of(lenslet().args(words))
    }

    fn well(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn restore(&self, config: &str) -> Result<String, String> {
        let words = ["restore", "backup", "--passphrase-file", "passphrase", "--config", config];
        let output = self.run(&words);
        let told = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(told(output.stdout)) } else { Err(told(output.stderr)) }
    }
}

#[test]
fn a_restore_that_cannot_begin_leaves_nothing_to_be_finished() {
    let card = Card::new();
    fs::create_dir(card.path("folder.ron")).unwrap();
    let said = card.restore("folder.ron").unwrap_err();
    assert!(said.contains("folder.ron: Is a directory") && !said.contains("begun"), "{said}");
    assert!(!card.path("state/restore.json").exists() && !card.path("state/users.ron").exists());
    fs::write(card.path("mine.ron"), "(mounts: {\"mine\": Pattern()})").unwrap();
    let said = card.restore("mine.ron").unwrap();
    assert!(!said.contains("interrupted") && said.contains("Restored."), "{said}");
}

#[test]
fn what_was_begun_is_finished_for_its_own_file_and_for_no_other() {
    let card = Card::new();
    fs::write(card.path("mine.ron"), "(mounts: {\"mine\": Pattern()})").unwrap();
    fs::write(card.path("other.ron"), "(mounts: {\"other\": Pattern()})").unwrap();
    // What is written beside the file first cannot be: nothing shows that beforehand.
    let in_the_way = card.path(".mine.ron.new");
    fs::create_dir(&in_the_way).unwrap();
    let said = card.restore("mine.ron").unwrap_err();
    assert!(said.contains("The restore was begun") && card.path("state/restore.json").exists(), "{said}");
    let said = card.restore("other.ron").unwrap_err();
    assert!(said.contains("mine.ron was begun and is not finished"), "{said}");
    assert!(fs::read_to_string(card.path("other.ron")).unwrap().contains("other"));
    fs::remove_dir(&in_the_way).unwrap();
    let said = card.restore("mine.ron").unwrap();
    assert!(said.starts_with("A restore that was interrupted was finished first."), "{said}");
    assert!(fs::read_to_string(card.path("mine.ron")).unwrap().contains("old"));
    assert!(card.restore("other.ron").is_ok());
}

/// As the timer's service has it (`ProcSubset=pid`): there is no `/proc/sys`.
#[test]
fn a_backup_says_whose_it_is_where_little_is_seen_of_proc() {
    let card = Card::new();
    let named = |sees_little: bool| {
        let mut command = std::process::Command::new("unshare");
        let hide = if sees_little { "mount -t proc -o subset=pid proc /proc && " } else { "" };
        command.args(["--mount", "--pid", "--fork", "sh", "-c", &format!("{hide}exec \"$@\""), "sh"]);
        command.arg(lenslet().get_program()).args(["backup", "-", "--config", "old.ron"]);
        let output = card.of(&mut command);
        let told: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
        told.and_then(|told| told["host"].as_str().map(str::to_owned)).ok_or(output)
    };
    let Ok(seen) = named(false) else {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "this is not root");
        println!("SKIPPED: no namespaces");
        return;
    };
    assert_ne!(seen, "board", "this machine has a name");
    assert_eq!(named(true).unwrap(), seen);
}

/// A pipe, and what /dev/stdout is where a pipe is behind it: never the real one, which a mistake would replace.
#[test]
fn a_backup_goes_into_what_is_no_file_and_never_in_its_place() {
    let card = Card::new();
    let fifo = card.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let is_fifo = || fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo();
    let mut cat = std::process::Command::new("cat");
    let reader = cat.arg(&fifo).stdout(Stdio::piped()).spawn().unwrap();
    let said = card.well(&["backup", "fifo", "--config", "old.ron"]);
    let read = reader.wait_with_output().unwrap().stdout;
    assert!(serde_json::from_slice::<serde_json::Value>(&read).is_ok(), "{}", String::from_utf8_lossy(&read));
    assert!(is_fifo() && said.is_empty(), "{said}");
    let link = card.path("stdout");
    std::os::unix::fs::symlink("/proc/self/fd/1", &link).unwrap();
    let said = card.well(&["backup", "stdout", "--config", "old.ron"]);
    assert!(serde_json::from_str::<serde_json::Value>(&said).is_ok(), "{said}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    // What has to be a file is not written at all.
    for replaced in [
        store::replace(&fifo, b"text", 0o600),
        store::replace_for(&card.path("state"), &fifo, b"text", 0o600),
        store::replace_secret_for(&card.path("state"), &fifo, b"text"),
    ] {
        let said = replaced.unwrap_err().to_string();
        assert!(said.contains("no regular file") && is_fifo(), "{said}");
    }
}

#[test]
fn users_that_cannot_be_read_push_no_good_backup_out_and_are_not_restored() {
    let card = Card::new();
    assert!(card.restore("old.ron").is_ok());
    fs::create_dir(card.path("stick")).unwrap();
    let keep = ["backup", "--keep", "1", "stick", "--passphrase-file", "passphrase", "--config", "old.ron"];
    card.well(&keep);
    let there = || {
        fs::read_dir(card.path("stick")).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
    };
    let good = there();
    let users = fs::read_to_string(card.path("state/users.ron")).unwrap();
    let as_it_is =
        ["backup", "spoilt", "--as-it-is", "--passphrase-file", "passphrase", "--config", "old.ron"];
    for (file, text, why) in [
        ("state/users.ron", &users[..users.len() / 2], "this is no file of users"),
        ("state/bans.ron", "(bans: [", "these are no bans"),
    ] {
        let before = fs::read(card.path(file)).ok();
        fs::write(card.path(file), text).unwrap();
        let output = card.run(&keep);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && said.contains(why) && said.contains("No backup was made"),
            "{said}"
        );
        assert_eq!(there(), good);
        card.well(&as_it_is);
        match before {
            Some(before) => fs::write(card.path(file), before).unwrap(),
            None => fs::remove_file(card.path(file)).unwrap(),
        }
        let words = ["restore", "spoilt", "--passphrase-file", "passphrase", "--config", "old.ron"];
        let output = card.run(&words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(why) && said.contains("earlier backup"), "{said}");
        assert!(!card.path("state/restore.json").exists());
        assert_eq!(fs::read_to_string(card.path("state/users.ron")).unwrap(), users);
    }
}

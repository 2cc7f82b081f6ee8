//! Restores that cannot be carried out to their end, and what becomes of them.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

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

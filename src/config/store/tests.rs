use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;

const ONE: &str = "// mine\n(mounts: {\"one\": Pattern()})\n";
const TWO: &str = "(mounts: {\"two\": Pattern()})\n";

struct Place {
    folder: tempfile::TempDir,
    store: Store,
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn place(text: Option<&str>) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("etc/lenslet.ron");
    if let Some(text) = text {
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::write(&path, text).unwrap();
    }
    let store = Store::new(path, &folder.path().join("state"));
    Place { folder, store }
}

impl Place {
    /// A file among the versions.
    fn kept(&self, name: &str) -> PathBuf {
        let folder = fs::read_dir(self.folder.path().join("state/history")).unwrap().next().unwrap().unwrap();
        folder.path().join(name)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.store.path()).unwrap()
    }

    fn versions(&self) -> Vec<(u64, String, String)> {
        let text =
            |version: Version| (version.number, version.author, self.store.text(version.number).unwrap());
        self.store.history().unwrap().into_iter().map(text).collect()
    }

    fn mounts(&self) -> Vec<String> {
        self.store.load().unwrap().config.mounts.into_keys().collect()
    }
}

fn version(number: u64, author: &str, text: &str) -> (u64, String, String) {
    (number, author.to_owned(), text.to_owned())
}

#[test]
fn each_text_becomes_a_version() {
    let place = place(Some(ONE));
    let loaded = place.store.load().unwrap();
    assert_eq!((loaded.text.as_str(), loaded.from), (ONE, From::File));
    let saved = place.store.save(TWO, "tui alice\n", loaded.found.as_deref(), at(0)).unwrap();
    assert_eq!((saved, place.text().as_str()), (2, TWO));
    assert_eq!(place.versions(), [version(1, "by hand", ONE), version(2, "tui alice", TWO)]);
    assert_eq!(place.store.history().unwrap()[1].at, "1970-01-01T00:00:00Z");
    assert_eq!(place.store.rollback(1, "bob", at(1)).unwrap(), 3);
    assert_eq!((place.text().as_str(), place.versions()[2].clone()), (ONE, version(3, "bob", ONE)));
    place.store.load().unwrap();
    assert_eq!(place.versions().len(), 3, "looking makes no version");
    assert!(matches!(place.store.rollback(9, "bob", at(1)), Err(Error::NoVersion(9))));
}

#[test]
fn what_the_file_says_already_is_no_version_more() {
    let place = place(Some(ONE));
    place.store.load().unwrap();
    let made = |place: &Place| {
        let found = fs::metadata(place.store.path()).unwrap();
        (std::os::unix::fs::MetadataExt::ino(&found), place.versions().len())
    };
    let before = made(&place);
    assert_eq!(place.store.save(ONE, "bob", Some(ONE.as_bytes()), at(1)).unwrap(), 1);
    assert_eq!(place.store.rollback(1, "bob", at(1)).unwrap(), 1);
    assert_eq!(made(&place), before, "nothing is written");
    // A hand that wrote it is whose it is.
    fs::write(place.store.path(), TWO).unwrap();
    assert_eq!(place.store.save(TWO, "bob", Some(TWO.as_bytes()), at(1)).unwrap(), 2);
    assert_eq!(place.versions()[1], version(2, "by hand", TWO));
    // Damaged, and what it was again.
    fs::write(place.store.path(), "(mounts").unwrap();
    assert_eq!(place.store.rollback(2, "bob", at(1)).unwrap(), 2);
    assert_eq!((place.text().as_str(), place.versions().len()), (TWO, 2));
}

#[test]
fn without_a_file_there_is_none_to_change() {
    let place = place(None);
    let loaded = place.store.load().unwrap();
    assert_eq!(
        (loaded.from, loaded.found.clone(), loaded.config.discover_cameras),
        (From::Nothing, None, true)
    );
    place.store.save(TWO, "a", None, at(0)).unwrap();
    assert_eq!((place.mounts(), place.versions()), (vec!["two".to_owned()], vec![version(1, "a", TWO)]));
}

#[test]
fn a_change_by_another_is_kept_and_not_written_over() {
    let place = place(Some(ONE));
    let loaded = place.store.load().unwrap();
    let theirs = "(mounts: {\"three\": Pattern()})";
    fs::write(place.store.path(), theirs).unwrap();
    let refused = place.store.save(TWO, "a", loaded.found.as_deref(), at(0)).unwrap_err();
    assert!(matches!(refused, Error::Changed { newest: Some(2) }), "{refused}");
    assert_eq!(place.text(), theirs);
    assert_eq!(place.versions()[1], version(2, "by hand", theirs));
    let again = place.store.load().unwrap();
    assert_eq!(place.store.save(TWO, "a", again.found.as_deref(), at(0)).unwrap(), 3);
}

#[test]
fn what_is_no_configuration_is_not_saved() {
    let place = place(Some(ONE));
    let found = place.store.load().unwrap().found;
    let refused = place.store.save("(mounts: {\"a\": Patern()})", "a", found.as_deref(), at(0)).unwrap_err();
    assert!(refused.to_string().contains("lenslet.ron:1:"), "{refused}");
    assert_eq!((place.text().as_str(), place.versions().len()), (ONE, 1));
}

#[test]
fn a_damaged_file_is_stood_in_for_and_kept() {
    let place = place(Some(ONE));
    let found = place.store.load().unwrap().found;
    place.store.save(TWO, "a", found.as_deref(), at(0)).unwrap();
    for damage in [&b"(mounts: {\"tw"[..], b"", b"\xff\xfe(", &[0; 4096]] {
        fs::write(place.store.path(), damage).unwrap();
        let loaded = place.store.load().unwrap();
        let From::LastGood { why, .. } = &loaded.from else { panic!("{:?}", loaded.from) };
        assert!(why.contains("lenslet.ron:"), "{why}");
        assert_eq!((loaded.text.as_str(), loaded.found.as_deref()), (TWO, Some(damage)));
        place.store.save(TWO, "a", loaded.found.as_deref(), at(0)).unwrap();
        let aside = fs::read(place.kept("damaged.ron")).unwrap();
        assert_eq!((aside.as_slice(), place.text().as_str()), (damage, TWO));
    }
    // The newest version is damaged too: the one before it is taken.
    fs::write(place.store.path(), "(").unwrap();
    for version in place.store.history().unwrap().iter().skip(1) {
        fs::write(place.kept(&format!("{:06}.ron", version.number)), "x").unwrap();
    }
    assert_eq!(place.mounts(), ["one"]);
    fs::remove_dir_all(place.folder.path().join("state")).unwrap();
    assert!(place.store.load().unwrap_err().to_string().contains("lenslet.ron:1:"));
}

#[test]
fn mode_and_link_stay() {
    let place = place(Some(ONE));
    let real = place.folder.path().join("real.ron");
    fs::rename(place.store.path(), &real).unwrap();
    symlink(&real, place.store.path()).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o604)).unwrap();
    let found = place.store.load().unwrap().found;
    place.store.save(TWO, "a", found.as_deref(), at(0)).unwrap();
    assert!(fs::symlink_metadata(place.store.path()).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), TWO);
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o604);
    let names: Vec<_> =
        fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing is left beside it: {names:?}");
}

#[test]
fn fifty_versions_are_kept_and_numbers_only_grow() {
    let place = place(None);
    let mut found = None;
    for number in 0..60 {
        let text = format!("(mounts: {{\"m{number}\": Pattern()}})");
        place.store.save(&text, "a", found.as_deref(), at(0)).unwrap();
        found = Some(text.into_bytes());
    }
    let numbers: Vec<u64> = place.store.history().unwrap().iter().map(|version| version.number).collect();
    assert_eq!(numbers, (11..=60).collect::<Vec<_>>());
}

#[test]
fn a_folder_that_takes_nothing_is_told_and_changes_nothing() {
    for (kind, words) in [
        (io::ErrorKind::ReadOnlyFilesystem, "remount"),
        (
            io::ErrorKind::PermissionDenied,
            if nix::unistd::geteuid().is_root() { "not even root" } else { "sudo" },
        ),
        (io::ErrorKind::StorageFull, "make room"),
    ] {
        let said = Error::system("write", Path::new("/etc/lenslet/lenslet.ron"), kind.into()).to_string();
        assert!(
            said.starts_with("cannot write /etc/lenslet/lenslet.ron: ") && said.contains(words),
            "{said}"
        );
    }
    // A file where the folder would have to be: nobody can write there, root neither.
    let place = place(Some(ONE));
    fs::write(place.folder.path().join("state"), "").unwrap();
    let found = place.store.load().unwrap().found;
    let refused = place.store.save(TWO, "a", found.as_deref(), at(0)).unwrap_err();
    assert!(matches!(refused, Error::System { .. }), "{refused}");
    assert_eq!(place.text(), ONE);
}

#[test]
fn each_file_has_versions_of_its_own() {
    let one = place(Some(ONE));
    one.store.load().unwrap();
    let other = one.folder.path().join("etc/other.ron");
    fs::write(&other, "(").unwrap();
    let store = Store::new(&other, &one.folder.path().join("state"));
    assert!(store.load().is_err(), "another file's last right version is not its own");
}

#[test]
fn a_file_that_is_gone_or_cannot_be_read_is_stood_in_for() {
    let place = place(Some(ONE));
    place.store.load().unwrap();
    fs::remove_file(place.store.path()).unwrap();
    let loaded = place.store.load().unwrap();
    let From::LastGood { version: 1, why } = &loaded.from else { panic!("{:?}", loaded.from) };
    assert!(why.contains("gone") && loaded.text == ONE && loaded.found.is_none(), "{why}");
    place.store.save(TWO, "a", loaded.found.as_deref(), at(0)).unwrap();
    assert_eq!((place.text().as_str(), place.mounts()), (TWO, vec!["two".to_owned()]));
    fs::remove_file(place.store.path()).unwrap();
    fs::create_dir(place.store.path()).unwrap();
    assert_eq!(place.mounts(), ["two"]);
}

#[test]
fn a_version_that_is_not_as_it_was_written_is_none() {
    let place = place(Some(ONE));
    place.store.load().unwrap();
    let kept = place.kept("000001.ron");
    let damaged = fs::read_to_string(&kept).unwrap().replace("\"one\"", "\"onf\"");
    fs::write(&kept, damaged).unwrap();
    let damage: Vec<_> = place.store.history().unwrap().into_iter().map(|version| version.damage).collect();
    assert_eq!((damage, place.store.newest()), (vec![Some(Damage::Changed)], None));
    fs::write(place.store.path(), "(").unwrap();
    assert!(place.store.load().is_err(), "what nobody wrote is not served");
}

#[test]
fn a_long_path_has_versions_too() {
    let place = place(None);
    let path = place.folder.path().join("x".repeat(200)).join("y".repeat(200));
    let store = Store::new(path, &place.folder.path().join("state"));
    store.save(ONE, "a", None, at(0)).unwrap();
    assert_eq!(store.text(1).unwrap(), ONE);
}

/// Written when a `Camera` could have half a size.
const OLD: &str = "// mine\n(mounts: {\"one\": Camera(device: \"x\", width: 640)})\n";
const OLD_NOW: &str = "// mine\n(mounts: {\"one\": Camera(device: \"x\")}, schema: 1)\n";

/// A file that an earlier program served.
fn of_an_earlier_program() -> Place {
    let place = place(Some(OLD));
    let version = Version {
        number: 1,
        at: "2026-01-01T00:00:00Z".into(),
        author: "by hand".into(),
        bytes: 0,
        damage: None,
    };
    assert!(place.store.adopt(&[(version, OLD.to_owned())]).unwrap());
    place
}

#[test]
fn a_file_for_an_earlier_version_is_translated_at_the_start_and_kept_as_it_was() {
    let place = of_an_earlier_program();
    let loaded = place.store.load().unwrap();
    assert_eq!((loaded.text.as_str(), &loaded.from), (OLD_NOW, &From::File));
    assert_eq!(loaded.found.as_deref(), Some(OLD_NOW.as_bytes()));
    assert_eq!(place.text(), OLD_NOW);
    let expected = [version(1, "by hand", OLD), version(2, "translated for this version", OLD_NOW)];
    assert_eq!(place.versions(), expected);
    place.store.load().unwrap();
    assert_eq!(place.versions().len(), 2, "it is done once");
    // Back to it: again translated, which is what there is.
    assert_eq!(place.store.rollback(1, "me", at(1)).unwrap(), 2);
    assert_eq!(place.text(), OLD_NOW);
}

#[test]
fn a_mistake_of_today_is_told_and_not_taken_for_an_earlier_versions_file() {
    let place = place(Some(OLD));
    let refused = place.store.load().unwrap_err().to_string();
    assert!(refused.contains("lenslet.ron:2:") && refused.contains("a size has both"), "{refused}");
    assert_eq!(place.text(), OLD, "it is as it was");
    // Who says that it is old is believed.
    fs::write(place.store.path(), OLD.replace("(mounts", "(schema: 0, mounts")).unwrap();
    assert_eq!(place.mounts(), ["one"]);
    assert!(!place.text().contains("640"));
}

#[test]
fn sections_that_are_not_known_any_more_are_kept_in_the_file_and_whole_among_the_versions() {
    const OLD: &str = "(\n    schema: 0,\n    mounts: {\"one\": Pattern()},\n    films: (\n        days: 7, // a week\n    ),\n)\n";
    let place = place(Some(OLD));
    let loaded = place.store.load().unwrap();
    assert_eq!((&loaded.from, place.mounts()), (&From::File, vec!["one".to_owned()]));
    let commented = "\n    // films: (\n    //     days: 7, // a week\n    // ),\n)\n";
    assert!(place.text().ends_with(commented), "{}", place.text());
    assert_eq!(place.text(), loaded.text);
    let expected = [version(1, "by hand", OLD), version(2, "translated for this version", &loaded.text)];
    assert_eq!(place.versions(), expected);
    assert_eq!(place.store.rollback(1, "me", at(1)).unwrap(), 2, "as it is translated");
}

#[test]
fn an_earlier_file_that_cannot_be_written_is_served_translated() {
    let place = place(Some("(schema: 0, mounts: {\"one\": Camera(device: \"x\", width: 640)})"));
    // Nothing can be kept where a file stands in the folder's place.
    fs::write(place.folder.path().join("state"), "").unwrap();
    assert_eq!(place.mounts(), ["one"]);
    assert!(place.text().contains("width: 640"), "it is as it was");
}

#[test]
fn what_was_read_before_another_save_is_no_new_version() {
    let place = place(Some(ONE));
    let loaded = place.store.load().unwrap();
    place.store.save(TWO, "me", loaded.found.as_deref(), at(0)).unwrap();
    place.store.remember(ONE);
    assert_eq!(place.versions(), [version(1, "by hand", ONE), version(2, "me", TWO)]);
}

#[test]
fn who_was_interrupted_while_versions_were_adopted_goes_on_with_it() {
    let theirs: Vec<(Version, String)> = [(1, ONE), (2, TWO), (3, ONE)]
        .map(|(number, text)| {
            let (at, author) = ("2026-01-01T00:00:00Z".to_owned(), "pi".to_owned());
            (Version { number, at, author, bytes: 0, damage: None }, text.to_owned())
        })
        .into();
    let place = place(None);
    assert!(place.store.adopt(&theirs[..2]).unwrap());
    assert!(place.store.adopt(&theirs).unwrap(), "two of them are there");
    assert_eq!(place.versions().len(), 3);
    // One that is none of them is somebody's.
    place.store.save(TWO, "me", None, at(0)).unwrap();
    assert!(!place.store.adopt(&theirs).unwrap());
    // What is damaged is nobody's.
    for number in 1..=4 {
        fs::write(place.kept(&format!("{number:06}.ron")), "x").unwrap();
    }
    assert!(place.store.adopt(&theirs).unwrap());
    assert_eq!(place.store.history().unwrap().iter().filter(|version| version.damage.is_none()).count(), 3);
    assert_eq!(place.store.newest(), Some(3));
}

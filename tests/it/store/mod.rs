//! The configuration's file and its versions, by the program that people call.

mod crashes;
mod damaged;
mod full;
mod owner;
mod read_only;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lenslet::config::store::{Store, hash};
use lenslet::control::client::{Blocking, Error};
use lenslet::control::protocol::{Alarm, Ask, Base, ConfigOrigin, ConfigRequest, Reply};
use tempfile::TempDir;

use crate::support::{NO_DAEMONS, Server};

/// A folder of our own with a configuration and what is kept of it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn with(text: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(place.file(), text).unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("lenslet.ron")
    }

    /// `lenslet config ...`, where no daemon runs; what it says, or its complaint.
    fn config(&self, arguments: &[&str]) -> Result<String, String> {
        let arguments = [&["config"], arguments].concat();
        let done = self.command(PROGRAM, &arguments).output().unwrap();
        let told = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if done.status.success() { Ok(told(done.stdout)) } else { Err(told(done.stderr)) }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).arg("--config").arg(self.file());
        if arguments[0] == "serve" || self.control().exists() {
            command.arg("--control").arg(self.control());
        }
        command.env("STATE_DIRECTORY", self.folder.path()).env("XDG_RUNTIME_DIR", self.folder.path());
        command.env("RUNTIME_DIRECTORY", NO_DAEMONS);
        command
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    fn store(&self) -> Store {
        Store::new(self.file(), self.folder.path())
    }

    /// Has it kept as a version.
    fn keep(&self) {
        self.store().load().unwrap();
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_lenslet");

const OLD: &str = "// mine\n(\n    mounts: {\"old\": Pattern()},\n)\n";
const NEW: &str = "// mine\n(\n    mounts: {\"new\": Pattern()},\n)\n";

#[test]
fn that_nothing_is_kept_is_said() {
    let place = Place::with(OLD);
    let said = place.config(&["history"]).unwrap();
    let expected = format!("No versions are kept of {}: ", place.file().display());
    assert!(said.starts_with(&expected) && said.lines().count() == 1, "{said}");
}

#[test]
fn versions_are_compared_where_no_daemon_runs() {
    let place = Place::with(OLD);
    place.keep();
    assert_eq!(place.config(&["diff"]).unwrap(), "There is no difference.\n");
    fs::write(place.file(), NEW).unwrap();
    let expected = format!(
        "--- version 1\n+++ {}\n@@ -1,4 +1,4 @@\n // mine\n (\n-    mounts: {{\"old\": Pattern()}},\n+    mounts: {{\"new\": Pattern()}},\n )\n",
        place.file().display()
    );
    assert_eq!(place.config(&["diff"]).unwrap(), expected);
    place.keep();
    assert_eq!(place.config(&["diff"]).unwrap(), "There is no difference.\n");
    assert!(place.config(&["diff", "1", "2"]).unwrap().starts_with("--- version 1\n+++ version 2\n"));
    // A file that is wrong is compared as it is.
    fs::write(place.file(), "(mounts").unwrap();
    assert!(place.config(&["diff"]).unwrap().contains("\n+(mounts\n"));
    let none = place.config(&["diff", "7"]).unwrap_err();
    assert!(none.contains("there is no version 7: `lenslet config history` lists them"), "{none}");
}

#[test]
fn the_daemons_places_are_where_the_file_says_and_found_though_it_is_damaged() {
    let place = Place::with("");
    let path = |name: &str| place.folder.path().join(name);
    let text = format!(
        "(\n    state_dir: {:?},\n    control_socket: {:?},\n    listen: [\"127.0.0.1:0\"],\n    mounts: {{\"a\": Pattern()}},\n)\n",
        path("elsewhere"),
        path("c.sock")
    );
    fs::write(place.file(), &text).unwrap();
    let serve = || {
        let mut command = Command::new(PROGRAM);
        command.arg("serve").arg("--config").arg(place.file());
        command.env("STATE_DIRECTORY", place.folder.path()).env("XDG_RUNTIME_DIR", place.folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening"), "{line:?}");
        (child, Blocking::connect(&path("c.sock")).unwrap())
    };
    let end = |mut child: Child| {
        child.kill().unwrap();
        child.wait().unwrap();
    };
    let (child, mut control) = serve();
    assert!(path("elsewhere/history").is_dir() && !path("history").exists());
    let Reply::Status(status) = control.ask(Ask::Status { every_ms: None }).unwrap() else { panic!() };
    let disks: Vec<PathBuf> = status.board.disks.into_iter().map(|disk| disk.path.into()).collect();
    assert_eq!(
        disks,
        [place.folder.path().to_owned(), path("elsewhere")],
        "where it is kept, not where it would be"
    );
    let value = format!("{:?}", path("moved"));
    let set = ConfigRequest::Set { path: "state_dir".to_owned(), value, base: None };
    let Reply::Plan(plan) = control.ask(set).unwrap() else { panic!("no plan") };
    assert_eq!((plan.version, plan.after_restart), (Some(2), vec!["state_dir".to_owned()]));
    let Reply::Plan(back) = control.ask(ConfigRequest::Rollback { to: 1, base: None }).unwrap() else {
        panic!("no plan")
    };
    assert!(back.after_restart.is_empty(), "it is where it was when the daemon started: {back:?}");
    end(child);
    // A file that a hand has damaged still says where its versions are.
    fs::write(place.file(), text.replace(")},\n)", "{").replace("    mounts", "  }} mounts")).unwrap();
    assert_eq!(place.config(&["history"]).unwrap().lines().count(), 3);
    let (child, mut control) = serve();
    let Reply::Status(status) = control.ask(Ask::Status { every_ms: None }).unwrap() else { panic!() };
    assert_eq!(status.config.origin, ConfigOrigin::LastGood);
    end(child);
    // Of one that is lost altogether it is known where they were.
    fs::write(place.file(), [0; 100]).unwrap();
    assert_eq!(place.config(&["history"]).unwrap().lines().count(), 3);
    let (child, mut control) = serve();
    let Reply::Status(status) = control.ask(Ask::Status { every_ms: None }).unwrap() else { panic!() };
    assert_eq!(status.config.origin, ConfigOrigin::LastGood);
    end(child);
}

#[test]
fn what_keeps_an_earlier_versions_file_from_being_translated_is_told() {
    // As a slip of the pen; what is like nothing that is known is kept as a comment.
    let place = Place::with("(schema: 0, acess: (deny: []), mounts: {\"a\": Pattern()})");
    let mut command = Command::new(PROGRAM);
    command.arg("serve").arg("--config").arg(place.file()).env("STATE_DIRECTORY", place.folder.path());
    let output = command.env("XDG_RUNTIME_DIR", place.folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("not translated") && said.contains("acess"), "{said}");
}

/// Nothing that is lost could be gone back to: so there is no moment of such a save at which it could be killed.
#[test]
fn where_no_version_can_be_kept_nothing_is_written() {
    let server = Server::with("mounts: {\"a\": Pattern(width: 64, height: 48)}");
    let before = fs::read_to_string(server.config()).unwrap();
    let history = server.state().join("history");
    fs::remove_dir_all(&history).unwrap();
    fs::write(&history, "").unwrap();
    let mut control = Blocking::connect(&server.control()).unwrap();
    let set = ConfigRequest::Set { path: "max_sessions".to_owned(), value: "7".to_owned(), base: None };
    let Err(Error::Refused(refusal)) = control.ask(set) else { panic!("it is written") };
    assert_eq!(refusal.what, "not-written");
    assert!(refusal.why.contains(history.to_str().unwrap()), "{refusal:?}");
    assert_eq!(fs::read_to_string(server.config()).unwrap(), before);
    // With the folder's place free it is made anew.
    fs::remove_file(&history).unwrap();
    let set = ConfigRequest::Set { path: "max_sessions".to_owned(), value: "7".to_owned(), base: None };
    assert!(control.ask(set).is_ok());
    assert!(fs::read_to_string(server.config()).unwrap().contains("max_sessions: 7"));
}

/// What is said of the file, and whether that is an alarm now.
fn state(control: &mut Blocking) -> (ConfigOrigin, bool) {
    let Reply::Status(status) = control.ask(Ask::Status { every_ms: None }).unwrap() else {
        panic!("no status")
    };
    let alarmed = |alarm: &Alarm| alarm.id == "config/damaged" && alarm.ended_at.is_none();
    (status.config.origin, status.alarms.iter().any(alarmed))
}

#[test]
fn what_becomes_of_the_file_is_told_when_it_happens() {
    const ROUNDS: u32 = 5;
    let server = Server::with("mounts: {\"a\": Pattern(width: 64, height: 48)}");
    let right = fs::read_to_string(server.config()).unwrap();
    let mut control = Blocking::connect(&server.control()).unwrap();
    assert_eq!(state(&mut control), (ConfigOrigin::File, false));
    let began = Instant::now();
    let mut wait = |expected| {
        while state(&mut control) != expected {
            assert!(began.elapsed() < Duration::from_secs(60), "it is not told at all");
        }
    };
    let (damaged, whole) = ((ConfigOrigin::LastGood, true), (ConfigOrigin::File, false));
    for _ in 0..ROUNDS {
        // As editors do it: written over, and another in its place; and gone.
        fs::write(server.config(), "(mounts: {").unwrap();
        wait(damaged);
        fs::write(server.config(), &right).unwrap();
        wait(whole);
        let other = server.config().with_extension("new");
        fs::rename(server.config(), &other).unwrap();
        wait(damaged);
        fs::rename(&other, server.config()).unwrap();
        wait(whole);
    }
    // Who looked every five seconds would need 80.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn an_alarm_about_the_file_ends_with_the_command_that_mends_it() {
    let server = Server::with("mounts: {\"a\": Pattern(width: 64, height: 48)}");
    let mut control = Blocking::connect(&server.control()).unwrap();
    for round in 0..5 {
        fs::write(server.config(), "(mounts: {").unwrap();
        while state(&mut control) != (ConfigOrigin::LastGood, true) {}
        if round % 2 == 0 {
            control.ask(ConfigRequest::Rollback { to: 1, base: None }).unwrap();
        } else {
            let text = "(listen: [\"127.0.0.1:0\"], mounts: {\"b\": Pattern()})".to_owned();
            let base = Base::Hash(hash(b"(mounts: {"));
            control.ask(ConfigRequest::Apply { text, base }).unwrap();
        }
        assert_eq!(state(&mut control), (ConfigOrigin::File, false));
    }
}

#[test]
fn a_file_behind_a_link_is_read_again_when_it_is_written_and_when_the_link_leads_elsewhere() {
    let place = Place { folder: tempfile::tempdir().unwrap() };
    let text = |mount: &str| {
        format!(
            "(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {{\"{mount}\": Pattern(width: 64, height: 48)}})"
        )
    };
    let real = |name: &str, mount: &str| {
        let folder = place.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("real.ron"), text(mount)).unwrap();
        folder.join("real.ron")
    };
    std::os::unix::fs::symlink(real("one", "a"), place.file()).unwrap();
    let mut command = place.command(PROGRAM, &["serve"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut control = Blocking::connect(&place.control()).unwrap();
    let began = Instant::now();
    let mut wait = |mount: &str| loop {
        let Reply::Mounts(mounts) = control.ask(Ask::Mounts {}).unwrap() else { panic!("no mounts") };
        if mounts[0].name == mount {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{mount} does not come");
    };
    wait("a");
    real("one", "b");
    wait("b");
    let other = place.folder.path().join("other");
    std::os::unix::fs::symlink(real("two", "c"), &other).unwrap();
    fs::rename(&other, place.file()).unwrap();
    wait("c");
    real("two", "d");
    wait("d");
    child.kill().unwrap();
    child.wait().unwrap();
}

//! A disk of versions that is full, or read-only: what is told is true, and nothing of it is lost that need not be.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use lenslet::control::client::{Blocking, Error};
use lenslet::control::protocol::{Ask, ConfigRequest, Plan, Reply, Status};

use super::Place;
use crate::support::PATIENCE;

/// Has a small disk at `state` for the program that follows, and for nobody else.
const SMALL: &str = r#"mount -t tmpfs -o size=64k none "$1/state" && shift && exec "$@""#;

struct Daemon(Child, Blocking);

impl Daemon {
    /// None where nothing can be mounted, which is told.
    fn start(place: &Place) -> Option<Self> {
        let folder = place.folder.path();
        fs::create_dir(folder.join("state")).unwrap();
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "sh", "-c", SMALL, "sh"]).arg(folder);
        if !unshare.arg("true").output().is_ok_and(|done| done.status.success()) {
            assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "unshare cannot mount");
            println!("SKIPPED: unshare cannot mount here");
            return None;
        }
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", SMALL, "sh"]).arg(folder);
        command.arg(super::PROGRAM).arg("serve").arg("--control").arg(place.control());
        command.arg("--config").arg(place.file());
        command.env("STATE_DIRECTORY", folder.join("state")).env("XDG_RUNTIME_DIR", folder);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening"), "{line}");
        Some(Self(child, Blocking::connect(&place.control()).unwrap()))
    }

    fn inside(&self, script: &str, state: &Path) {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.0.id().to_string(), "-m", "sh", "-c", script, "sh"]).arg(state);
        assert!(command.stderr(Stdio::null()).status().unwrap().success(), "{script}");
    }

    fn set(&mut self, value: &str) -> Result<Plan, Error> {
        let set = ConfigRequest::Set { path: "max_sessions".into(), value: value.into(), base: None };
        self.1.ask(set).map(|reply| if let Reply::Plan(plan) = reply { plan } else { panic!("{reply:?}") })
    }

    fn status(&mut self) -> Status {
        let Reply::Status(status) = self.1.ask(Ask::Status { every_ms: None }).unwrap() else { panic!() };
        *status
    }

    fn history(&mut self) -> Vec<(u64, String)> {
        let Reply::History(all) = self.1.ask(ConfigRequest::History {}).unwrap() else { panic!() };
        all.into_iter().map(|version| (version.version, version.author)).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_unkept(status: &Status) -> bool {
    status.alarms.iter().any(|alarm| alarm.id == "config/unkept" && alarm.ended_at.is_none())
}

#[test]
fn where_the_disk_of_versions_is_full_a_change_holds_and_is_told_to_be_no_version() {
    let place = Place::with(
        "(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {\"a\": Pattern(width: 64, height: 48)})",
    );
    let state = place.folder.path().join("state");
    let Some(mut daemon) = Daemon::start(&place) else { return };
    assert_eq!(daemon.set("5").unwrap().version, Some(2));
    daemon.inside("dd if=/dev/zero of=\"$1/filling\" bs=1k; test -s \"$1/filling\"", &state);
    for value in ["6", "7"] {
        let plan = daemon.set(value).unwrap();
        let why = plan.unkept.unwrap();
        assert_eq!(plan.version, None, "{why}");
        assert!(why.contains("No space left") && why.contains("make room there"), "{why}");
        let status = daemon.status();
        assert_eq!(status.config.version, None);
        assert!(status.config.unkept.as_ref().is_some_and(|why| why.contains("No space left")), "{status:?}");
        assert!(is_unkept(&status), "{:?}", status.alarms);
        assert!(fs::read_to_string(place.file()).unwrap().contains(&format!("max_sessions: {value}")));
    }
    let said = |words: &[&str]| {
        let mut command = Command::new(super::PROGRAM);
        let output = command.args(words).arg("--control").arg(place.control()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let told = said(&["config", "set", "max_sessions", "8"]);
    assert!(told.contains("is no version") && !told.contains("This is version"), "{told}");
    let shown = said(&["status"]);
    assert!(
        shown.contains("is no version that can be gone back to") && !shown.contains(", version 2"),
        "{shown}"
    );
    let before = daemon.history();
    assert_eq!(before[0].0, 2);
    // It is kept as soon as that can be, as whose it is.
    daemon.inside("rm \"$1/filling\"", &state);
    let until = Instant::now() + PATIENCE;
    let status = loop {
        let status = daemon.status();
        if !is_unkept(&status) {
            break status;
        }
        assert!(Instant::now() < until, "{:?}", status.alarms);
    };
    assert_eq!((status.config.version, status.config.unkept), (Some(3), None));
    assert_eq!(daemon.history()[0], (3, before[0].1.clone()));
    // Where nothing can be written there, that is what is told.
    daemon.inside("mount -o remount,ro \"$1\"", &state);
    let Err(Error::Refused(refusal)) = daemon.set("9") else { panic!("it is written") };
    let told = daemon.status().config.read_only.unwrap();
    for said in [&refusal.why, &told] {
        assert!(said.contains("/state") && said.contains("read-only file system"), "{said}");
        assert!(!said.contains("the configuration is on"), "{said}");
    }
}

//! A daemon that is another user than who restores, rolls back and adds users: root's commands, and a service.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use lenslet::control::client::Blocking;
use lenslet::control::protocol::{Ask, ConfigRequest, OpenTo, Reply, Status};

use crate::support::{NO_DAEMONS, PATIENCE, lenslet};

const NOBODY: u32 = 65_534;
const TEXT: &str =
    "(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {\"a\": Pattern(width: 64, height: 48)})\n";
const OTHER: &str =
    "(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {\"old\": Pattern(width: 64, height: 48)})\n";

/// Whether this is root, who may be somebody else.
fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "this is not root");
        println!("SKIPPED: this is not root, who may be somebody else");
    }
    root
}

/// A machine with a service of nobody's.
struct Machine(tempfile::TempDir);

impl Machine {
    /// The configuration's folder belongs to this user; the folder of what is kept to the service's.
    fn new(configuration_of: u32) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(machine.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (name, user, mode) in
            [("etc", configuration_of, 0o755), ("state", NOBODY, 0o750), ("run", NOBODY, 0o755)]
        {
            fs::create_dir(machine.path(name)).unwrap();
            chown(machine.path(name), Some(user), Some(user)).unwrap();
            fs::set_permissions(machine.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("etc/lenslet.ron")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = lenslet();
        command.args(words).arg("--config").arg(self.config());
        command.env("STATE_DIRECTORY", self.path("state")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("RUNTIME_DIRECTORY", NO_DAEMONS).stdin(Stdio::null());
        command
    }

    /// As root.
    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn well(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// As root, who pipes a password in.
    fn add_user(&self, name: &str) -> Output {
        fs::write(self.path("password"), "secret").unwrap();
        let piped = fs::File::open(self.path("password")).unwrap();
        self.command(&["user", "add", name, "--password-stdin"]).stdin(piped).output().unwrap()
    }

    fn restore(&self, backup: &Backup) -> String {
        let (file, passphrase) = (backup.path("backup"), backup.path("passphrase"));
        self.well(&["restore", text_of(&file), "--passphrase-file", text_of(&passphrase)])
    }

    fn serve(&self) -> Service {
        let mut serve = self.command(&["serve"]);
        serve.arg("--control").arg(self.path("run/control.sock"));
        let mut child =
            serve.uid(NOBODY).gid(NOBODY).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).next();
        let log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        if !said.as_ref().is_some_and(|said| said.starts_with("listening on")) {
            panic!("it does not start: {said:?} {:?}", log.collect::<Vec<_>>());
        }
        std::thread::spawn(move || log.for_each(drop));
        Service { child, control: Blocking::connect(&self.path("run/control.sock")).unwrap() }
    }

    /// What belongs to another than the service, or is open to others, of all that it keeps.
    fn foreign(&self) -> Vec<String> {
        let mut foreign = Vec::new();
        let mut folders = vec![self.path("state")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                let meta = entry.metadata().unwrap();
                let is_open = meta.is_file() && meta.mode() & 0o077 != 0;
                if meta.uid() != NOBODY || meta.gid() != NOBODY || is_open {
                    foreign.push(format!(
                        "{:?} {}:{} {:o}",
                        entry.path(),
                        meta.uid(),
                        meta.gid(),
                        meta.mode()
                    ));
                }
                if meta.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        foreign
    }
}

/// The daemon, and a line to it.
struct Service {
    child: Child,
    control: Blocking,
}

impl Service {
    fn status(&mut self) -> Status {
        let Reply::Status(status) = self.control.ask(Ask::Status { every_ms: None }).unwrap() else {
            panic!()
        };
        *status
    }

    fn wait(&mut self, is_so: impl Fn(&Status) -> bool) -> Status {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if is_so(&status) {
                return status;
            }
            assert!(Instant::now() < until, "it does not come to that: {status:?}");
        }
    }

    fn set(&mut self, value: &str) -> Result<Reply, String> {
        let set = ConfigRequest::Set { path: "max_sessions".into(), value: value.into(), base: None };
        self.control.ask(set).map_err(|error| error.to_string())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A backup of another machine, with the user anna and a ban.
struct Backup(tempfile::TempDir);

impl Backup {
    fn new() -> Self {
        let (backup, old) = (Self(tempfile::tempdir().unwrap()), Machine::new(NOBODY));
        fs::write(old.config(), OTHER).unwrap();
        {
            let mut service = old.serve();
            service.set("8").unwrap();
            let ban = lenslet()
                .args(["ban", "add", "203.0.113.7", "--control"])
                .arg(old.path("run/control.sock"))
                .output();
            assert!(ban.unwrap().status.success());
        }
        assert!(old.add_user("anna").status.success());
        fs::write(backup.path("passphrase"), "a passphrase").unwrap();
        let (file, passphrase) = (backup.path("backup"), backup.path("passphrase"));
        old.well(&["backup", text_of(&file), "--passphrase-file", text_of(&passphrase)]);
        backup
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_root_restores_beside_a_service_is_the_services() {
    if !is_root() {
        return;
    }
    let backup = Backup::new();
    for etc in [0, NOBODY] {
        let machine = Machine::new(etc);
        fs::write(machine.config(), TEXT).unwrap();
        chown(machine.config(), Some(NOBODY), Some(NOBODY)).unwrap();
        let mut service = machine.serve();
        let said = machine.restore(&backup);
        assert!(said.contains("user anna comes") && said.contains("Restored."), "{said}");
        assert_eq!(machine.foreign(), [""; 0]);
        let restored = service.wait(|status| status.access.users == 1 && status.access.bans == 1);
        assert_eq!(restored.access.open_to, OpenTo::Users);
        drop(service);
        let mut service = machine.serve();
        let status = service.status();
        assert_eq!((status.access.users, status.access.bans), (1, 1));
        assert!(status.mounts.iter().any(|mount| mount.name == "old"), "{:?}", status.mounts);
    }
}

#[test]
fn what_root_does_while_the_service_is_stopped_is_the_services() {
    if !is_root() {
        return;
    }
    let backup = Backup::new();
    for etc in [0, NOBODY] {
        let machine = Machine::new(etc);
        machine.restore(&backup);
        assert_eq!(machine.foreign(), [""; 0], "restored");
        let mut service = machine.serve();
        assert_eq!(service.status().access.users, 1, "and it is read");
        if etc == NOBODY {
            let done = service.set("9");
            assert!(done.is_ok(), "{done:?}");
        }
        drop(service);
        machine.well(&["config", "rollback", "1"]);
        assert!(machine.add_user("bob").status.success());
        machine.well(&["ban", "lift", "203.0.113.7"]);
        assert_eq!(machine.foreign(), [""; 0], "gone back");
        let mut service = machine.serve();
        let status = service.status();
        assert_eq!((status.access.users, status.access.bans), (2, 0));
        let Reply::History(versions) = service.control.ask(ConfigRequest::History {}).unwrap() else {
            panic!()
        };
        assert!(
            versions.len() > 2 && versions.iter().all(|version| version.trouble.is_none()),
            "{versions:?}"
        );
    }
}

#[test]
fn what_root_began_the_service_finishes() {
    if !is_root() {
        return;
    }
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "strace is not there");
        println!("SKIPPED: no strace");
        return;
    }
    let backup = Backup::new();
    let mut finished = 0;
    for number in 1.. {
        let machine = Machine::new(NOBODY);
        fs::write(machine.config(), TEXT).unwrap();
        chown(machine.config(), Some(NOBODY), Some(NOBODY)).unwrap();
        let (file, passphrase) = (backup.path("backup"), backup.path("passphrase"));
        let program = env!("CARGO_BIN_EXE_lenslet");
        let words = [program, "restore", text_of(&file), "--passphrase-file", text_of(&passphrase)];
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=rename", "-e"]);
        command.arg(format!("inject=rename:signal=KILL:when={number}")).args(words);
        command.arg("--config").arg(machine.config()).stdin(Stdio::null());
        command.env("STATE_DIRECTORY", machine.path("state")).env("XDG_RUNTIME_DIR", machine.path("run"));
        let killed = !command.output().unwrap().status.success();
        let begun = machine.path("state/restore.json").exists();
        assert_eq!(machine.foreign(), [""; 0], "killed at {number}");
        let mut service = machine.serve();
        assert!(!machine.path("state/restore.json").exists(), "killed at {number}");
        let is_old = service.status().mounts.iter().any(|mount| mount.name == "old");
        assert_eq!(
            (is_old, service.status().access.users),
            if begun || !killed { (true, 1) } else { (false, 0) }
        );
        finished += u32::from(begun);
        if !killed {
            break;
        }
    }
    assert!(finished > 2, "{finished}");
}

/// As an earlier version left them, or a copy by hand.
#[test]
fn where_the_users_cannot_be_read_nobody_else_is_let_in_and_it_is_told_what_to_do() {
    if !is_root() {
        return;
    }
    let machine = Machine::new(NOBODY);
    fs::write(machine.config(), TEXT).unwrap();
    chown(machine.config(), Some(NOBODY), Some(NOBODY)).unwrap();
    let users = machine.path("state/users.ron");
    let alarm = |status: &Status| {
        let is_it = |alarm: &&lenslet::control::protocol::Alarm| {
            alarm.id == "access/users-file" && alarm.ended_at.is_none()
        };
        let found: Vec<String> = status
            .alarms
            .iter()
            .filter(is_it)
            .map(|alarm| format!("{}; {}", alarm.why, alarm.what_to_do))
            .collect();
        assert!(found.len() < 2, "{found:?}");
        found.first().cloned()
    };
    // It comes while nobody is asked for a password.
    let mut service = machine.serve();
    assert_eq!(service.status().access.open_to, OpenTo::Private);
    let closed = |service: &mut Service| {
        let status = service.wait(|status| alarm(status).is_some());
        let told = alarm(&status).unwrap();
        assert_eq!((status.access.users, status.access.open_to), (0, OpenTo::Users), "{told}");
        told
    };
    fs::write(&users, "(realm: \"Lenslet\", users: {})").unwrap();
    fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).unwrap();
    let told = closed(&mut service);
    for part in ["nobody but this machine", "belongs to root", "chown nobody", "users.ron"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    drop(service);
    // It was there before.
    let mut service = machine.serve();
    assert!(closed(&mut service).contains("chown nobody"));
    drop(service);
    // Who writes it anew as root mends it.
    assert!(machine.add_user("bob").status.success());
    let mut service = machine.serve();
    let status = service.status();
    assert_eq!((status.access.users, alarm(&status)), (1, None));
    drop(service);
    fs::write(&users, "(realm").unwrap();
    let mut service = machine.serve();
    assert!(closed(&mut service).contains("this is no file of users"));
}

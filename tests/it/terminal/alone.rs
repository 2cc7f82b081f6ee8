//! `lenslet` alone: the screen of the daemon that answers, else of one that is started with it. That one ends where it was
//! asked for and nowhere else.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;

use super::survives::line_and_end;
use super::{Daemon, PATIENCE, Terminal};
use crate::sending::alone;
use crate::support::{NO_DAEMONS, lenslet};

/// A user's own place, and what is run there. A server that is left in it ends with it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("XDG_RUNTIME_DIR", self.path()).env("STATE_DIRECTORY", self.path().join("state"));
        command.env("RUNTIME_DIRECTORY", NO_DAEMONS)
    }

    /// `lenslet` in a terminal.
    fn open(&self) -> Terminal {
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_lenslet")]).env("TERM", "xterm-256color");
        Terminal::run(self.to(&mut command), 24, 80)
    }

    /// A command beside it.
    fn says(&self, words: &[&str]) -> Output {
        self.to(lenslet().args(words)).stdin(Stdio::null()).output().unwrap()
    }

    fn serves(&self) -> bool {
        self.says(&["receive", "rtsp://127.0.0.1:8554/test", "--seconds", "1"]).status.success()
    }

    fn server(&self) -> Option<Pid> {
        let stream = UnixStream::connect(self.path().join("lenslet/control.sock")).ok()?;
        Some(Pid::from_raw(getsockopt(&stream, PeerCredentials).unwrap().pid()))
    }

    fn shuts_down(&self) {
        let server = self.server().expect("it went on");
        assert!(self.says(&["shutdown"]).status.success());
        until_gone(server);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(server) = self.server() {
            let _ = kill(server, Signal::SIGKILL);
        }
    }
}

fn until_gone(process: Pid) {
    let end = std::time::Instant::now() + PATIENCE;
    while kill(process, None).is_ok() {
        assert!(std::time::Instant::now() < end, "{process} still runs");
        std::thread::yield_now();
    }
}

#[test]
fn it_shows_the_daemon_that_answers() {
    let home = Home::new();
    let daemon = Daemon::start_in(home.path(), "127.0.0.1");
    let mut terminal = home.open();
    terminal.until_has("cam");
    terminal.type_in("q");
    let end = terminal.until_ended();
    assert!(!end.contains("goes on"), "it was not started here: {end}");
    assert!(daemon.serves("cam"));
}

#[test]
fn where_none_answers_it_starts_one_and_asks_at_the_end_whether_that_ends_too() {
    if !alone("terminal::alone::where_none_answers_it_starts_one_and_asks_at_the_end_whether_that_ends_too") {
        return;
    }
    let home = Home::new();
    let mut terminal = home.open();
    terminal.until_has("READERS");
    let server = home.server().unwrap();
    terminal.type_in("q");
    terminal.until_has("Esc stay");
    terminal.type_in("\x1b");
    terminal.until("the question is gone", |shown| !shown.contains("Esc stay"));
    terminal.type_in("q");
    terminal.until_has("Esc stay");
    terminal.type_in("n");
    assert!(terminal.until_ended().contains("Lenslet goes on"));
    assert!(home.serves());
    // It is found again, and is a daemon as any other.
    let mut terminal = home.open();
    terminal.until_has("READERS");
    assert_eq!(home.server(), Some(server));
    terminal.type_in("q");
    terminal.until_ended();
    home.shuts_down();
    let mut terminal = home.open();
    terminal.until_has("READERS");
    let server = home.server().unwrap();
    terminal.type_in("q");
    terminal.until_has("Esc stay");
    terminal.type_in("y");
    assert!(!terminal.until_ended().contains("goes on"));
    assert!(kill(server, None).is_err(), "its server has ended");
    assert!(!home.serves());
}

#[test]
fn a_line_that_is_lost_takes_the_screen_and_not_its_server() {
    if !alone("terminal::alone::a_line_that_is_lost_takes_the_screen_and_not_its_server") {
        return;
    }
    let home = Home::new();
    let mut terminal = home.open();
    terminal.until_has("READERS");
    let server = home.server().unwrap();
    let screen = |terminal: &Terminal| Pid::from_raw(terminal.child.id() as i32);
    // Killed; told that its line is gone.
    for signal in [Signal::SIGKILL, Signal::SIGHUP, Signal::SIGTERM] {
        kill(screen(&terminal), signal).unwrap();
        terminal.child.wait().unwrap();
        assert!(home.serves(), "{signal}");
        terminal = home.open();
        terminal.until_has("READERS");
        assert_eq!(home.server(), Some(server), "{signal}");
    }
    terminal.type_in("q");
    terminal.until_ended();
    home.shuts_down();
    // The terminal's other end is closed, as when sshd is killed: nothing is asked of whoever started it.
    let (mut line, slave) = line_and_end(24, 80);
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", env!("CARGO_BIN_EXE_lenslet")])
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8");
    let end = || Stdio::from(slave.try_clone().unwrap());
    let mut child = home.to(&mut command).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    super::survives::until_seen(&mut line, b"READERS");
    drop(line);
    child.wait().unwrap();
    assert!(home.serves());
    // It has no terminal and no session of those who left.
    let server = home.server().unwrap();
    assert_eq!(nix::unistd::getsid(Some(server)), Ok(server));
    home.shuts_down();
}

#[test]
fn a_user_without_a_runtime_folder_finds_it_again_too() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    if !nix::unistd::geteuid().is_root()
        || !alone("terminal::alone::a_user_without_a_runtime_folder_finds_it_again_too")
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    // Nobody makes a folder in it, and no daemon of the system's is in it.
    std::fs::create_dir(path("run")).unwrap();
    // Nobody's own copy: folders on the way to the other may be closed.
    std::fs::copy(env!("CARGO_BIN_EXE_lenslet"), path("lenslet")).unwrap();
    let nobody = |program: &str| {
        let mut command = Command::new(program);
        command.uid(65534).gid(65534).env("TMPDIR", folder.path()).env("HOME", path("home"));
        for gone in ["XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"] {
            command.env_remove(gone);
        }
        command.env("RUNTIME_DIRECTORY", path("run/lenslet"));
        command
    };
    let program = path("lenslet").into_os_string().into_string().unwrap();
    let open = || {
        let mut command = nobody("setsid");
        Terminal::run(command.args(["--ctty", &program]).env("TERM", "xterm-256color"), 24, 80)
    };
    // One that others could have laid there is not taken.
    std::fs::create_dir(path("lenslet-65534")).unwrap();
    let refused = open();
    refused.until_has("is not this user's alone");
    std::fs::remove_dir(path("lenslet-65534")).unwrap();
    let mut terminal = open();
    terminal.until_has("READERS");
    terminal.type_in("q");
    terminal.until_has("Esc stay");
    terminal.type_in("n");
    terminal.until_ended();
    let mode = std::fs::metadata(path("lenslet-65534")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let again = open();
    again.until_has("READERS");
    for words in ["status", "shutdown"] {
        let done = nobody(&program).arg(words).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{words}: {done:?}");
    }
    again.until_has("tried again");
}

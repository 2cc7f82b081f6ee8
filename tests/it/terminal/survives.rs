//! What may happen to a terminal: a panic, a line that is cut, nothing to read keys from, nothing to draw on.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};

use lenslet::tui::terminal::Taken;
use lenslet::tui::theme::Colours;
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{LocalFlags, tcgetattr};

use super::{Daemon, Terminal};
use crate::support::lenslet;

/// What is run inside a terminal by the test below: a screen that panics.
#[test]
fn a_screen_that_panics() {
    let Some(place) = std::env::var_os("LENSLET_PANICS") else { return };
    let (_taken, mut screen) = Taken::take(Colours::All).unwrap();
    screen.draw(|frame| frame.render_widget("drawn", frame.area())).unwrap();
    if place == "here" {
        panic!("it broke here");
    }
    std::thread::spawn(|| panic!("it broke elsewhere")).join().unwrap_err();
    unreachable!("a panic of another thread ends the program");
}

#[test]
fn a_panic_is_told_on_a_terminal_that_is_as_it_was() {
    let itself = std::env::current_exe().unwrap();
    for (place, code) in [("here", "101"), ("elsewhere", "101")] {
        let mut shell = Command::new("setsid");
        shell.args(["--ctty", "sh", "-c"]);
        shell.arg(r#"echo before; "$0" --exact "$1" --nocapture; echo "code $?"; echo after; read end"#);
        shell.arg(&itself).arg("terminal::survives::a_screen_that_panics");
        let terminal =
            Terminal::run(shell.env("TERM", "xterm-256color").env("LENSLET_PANICS", place), 40, 120);
        let shown = terminal.until_has("after");
        assert!(terminal.sent().contains("drawn"), "it was never there");
        // In the order in which they were said: nothing was written over.
        let said = format!("it broke {place}");
        let lines: Vec<_> = ["before", &said, &format!("code {code}"), "after"]
            .map(|part| shown.lines().position(|line| line.contains(part)))
            .into();
        assert!(lines.is_sorted() && lines.iter().all(Option::is_some), "{lines:?}\n{shown}");
        let mode = tcgetattr(terminal.keys.as_ref().unwrap()).unwrap().local_flags;
        assert!(
            mode.contains(LocalFlags::ICANON | LocalFlags::ECHO),
            "keys come as they are typed: {mode:?}"
        );
        let shown = terminal.shown.0.lock().unwrap();
        let screen = shown.parser.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }
}

/// A terminal whose line no other program has open too, whatever is started meanwhile.
pub(super) fn line_and_end(rows: u16, columns: u16) -> (File, File) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname_r(&master).unwrap();
    let sized = Command::new("stty")
        .args(["-F", &name, "rows", &rows.to_string(), "cols", &columns.to_string()])
        .status()
        .unwrap();
    assert!(sized.success());
    let flags = OFlag::O_NOCTTY.bits();
    let slave = File::options().read(true).write(true).custom_flags(flags).open(&name).unwrap();
    (File::from(OwnedFd::from(master)), slave)
}

/// Reads a line until it has brought this.
pub(super) fn until_seen(line: &mut File, part: &[u8]) {
    let mut seen = Vec::new();
    while !seen.windows(part.len()).any(|it| it == part) {
        let mut bytes = [0; 4096];
        let read = line.read(&mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..read]);
    }
}

#[test]
fn a_line_that_is_cut_ends_the_screen_and_no_daemon() {
    let daemon = Daemon::start("127.0.0.1");
    // With the signal that the kernel sends to whose terminal it was, and without it, as a program's that only writes there.
    for leader in [true, false] {
        let (mut line, slave) = line_and_end(24, 80);
        let mut command = Command::new("setsid");
        command.args(leader.then_some("--ctty"));
        command.args([env!("CARGO_BIN_EXE_lenslet"), "tui", "--control"]).arg(daemon.socket());
        let end = || Stdio::from(slave.try_clone().unwrap());
        let command = command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        until_seen(&mut line, b"cam");
        drop(line);
        let ended = child.wait().unwrap();
        assert!(ended.success(), "it leaves as by `q`: {ended}");
    }
    assert!(daemon.serves("cam"));
}

#[test]
fn without_a_whole_terminal_it_says_what_it_needs() {
    let daemon = Daemon::start("127.0.0.1");
    let socket = daemon.socket();
    let program = env!("CARGO_BIN_EXE_lenslet");
    // In a terminal, but for one end: closed, a file at its end, a pipe, output that goes elsewhere.
    for ends in ["<&-", "</dev/null", ">/dev/null", "| cat"] {
        let mut shell = Command::new("setsid");
        shell.args(["--ctty", "sh", "-c"]);
        shell.arg(format!("\"$0\" tui --control \"$1\" {ends}; echo \"ended $?\"; read end"));
        shell.arg(program).arg(&socket);
        let terminal = Terminal::run(shell.env("TERM", "xterm-256color"), 24, 80);
        let shown = terminal.until_has("ended");
        assert!(shown.contains("this needs a terminal: try `lenslet status --watch`"), "{ends}: {shown}");
        assert!(ends == "| cat" || shown.contains("ended 1"), "{ends}: {shown}");
        assert!(!terminal.sent().contains('\x1b'), "{ends}: nothing is done to a terminal");
    }
    // No terminal at all.
    let mut command = lenslet();
    let command = command.arg("tui").arg("--control").arg(&socket).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
}

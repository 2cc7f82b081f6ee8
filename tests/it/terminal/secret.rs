//! A password that is typed on the screen is forgotten with its form, and is in no core dump.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Daemon, Terminal};
use crate::access::image::times_in;

const MARKER: &str = "marker-41d9c0a7";

#[test]
fn what_is_typed_as_a_password_is_wiped_with_its_form_and_never_dumped() {
    let daemon = Daemon::start("127.0.0.1");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c unlimited && cd \"$0\" && exec setsid --ctty \"$@\""]).arg(&daemon.folder);
    command.args([env!("CARGO_BIN_EXE_lenslet"), "tui", "--control"]).arg(daemon.socket());
    let mut terminal = Terminal::run(command.env("TERM", "xterm-256color"), 24, 80);
    terminal.until_has("cam");
    terminal.type_in("4");
    terminal.until_has("Users and bans");
    terminal.type_in("Gk\r");
    terminal.until_has("There are none: a adds one.");
    terminal.type_in("a");
    terminal.until_has("Another user");
    terminal.type_in("anna\r");
    for round in 1..=2 {
        // As a person does, key by key: what the terminal hands over at once its library keeps for a while.
        for typed in 1..=MARKER.len() {
            terminal.type_in(&MARKER[typed - 1..typed]);
            let dots = |shown: &str| shown.matches('•').count();
            let expected = if round == 1 { typed } else { MARKER.len() + typed };
            terminal.until("a sign more", |shown| dots(shown) == expected);
        }
        assert!(times_in(terminal.child.id(), MARKER) > 0, "what is there is found");
        terminal.type_in("\r");
    }
    terminal.type_in("\r\r");
    terminal.until("the question", |shown| shown.contains("anna is the first user"));
    terminal.type_in("y");
    terminal.until("anna is there", |shown| shown.contains("anna") && !shown.contains("Another user"));
    assert_eq!(times_in(terminal.child.id(), MARKER), 0, "the screen's");
    assert_eq!(times_in(daemon.child.id(), MARKER), 0, "the daemon's");
    kill(Pid::from_raw(terminal.child.id() as i32), Signal::SIGABRT).unwrap();
    let ended = terminal.child.wait().unwrap();
    assert!(ended.signal().is_some() && !ended.core_dumped(), "{ended}");
}

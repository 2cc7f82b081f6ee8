//! Terminals that take pictures whole.

use super::{Daemon, Terminal};

#[test]
fn a_terminal_that_takes_sixels_is_sent_its_picture_so() {
    let daemon = Daemon::start("127.0.0.1");
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_sent(0, b"\x1b[c");
    terminal.type_in("\x1b[?62;4;22c");
    terminal.until_has("cam");
    terminal.type_in("3");
    terminal.until_sent(0, b"\x1bPq\"1;1;");
    // What lies over it takes it away: the screen is drawn anew.
    let before = terminal.shown.0.lock().unwrap().sent.len();
    terminal.type_in("?");
    terminal.until_has("Everywhere");
    terminal.until_sent(before, b"\x1b[2J");
    terminal.type_in(" ");
    terminal.leave();
}

#[test]
fn a_terminal_that_takes_kittys_pictures_is_sent_its_picture_so() {
    let daemon = Daemon::start("127.0.0.1");
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    // It is asked before what every terminal answers: who takes pictures so has said it by then.
    terminal.until_sent(0, b"\x1b[c");
    assert!(terminal.sent().contains("\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c"));
    terminal.type_in("\x1b_Gi=31;OK\x1b\\\x1b[?62;c");
    terminal.until_has("cam");
    terminal.type_in("3");
    terminal.until_sent(0, b"\x1b_Ga=T,f=24,i=1,q=2,C=1,s=240,v=180,");
    let before = terminal.shown.0.lock().unwrap().sent.len();
    terminal.type_in("?");
    terminal.until_has("Everywhere");
    terminal.until_sent(before, b"\x1b_Ga=d,d=I,i=1,q=2\x1b\\");
    terminal.type_in(" ");
    terminal.leave();
    // By its name it need not be asked.
    let mut terminal = Terminal::open(&daemon, "xterm-kitty", 40, 120);
    terminal.until_has("cam");
    terminal.type_in("3");
    terminal.until_sent(0, b"\x1b_Ga=T,f=24,");
    assert!(!terminal.sent().contains("\x1b[c"));
    terminal.leave();
}

/// Some draw a question that they do not know, where the first screen has nothing.
#[test]
fn what_a_terminal_may_have_drawn_of_a_question_is_gone_before_the_first_screen() {
    let daemon = Daemon::start("127.0.0.1");
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_sent(0, b"\x1b[c");
    terminal.type_in("\x1b[?62;c");
    terminal.until_has("cam");
    let sent = terminal.sent();
    let places = ["\x1b[c", "\x1b[2J", "Lenslet"].map(|part| sent.find(part));
    assert!(places.is_sorted() && places[0].is_some(), "{places:?}");
    terminal.leave();
}

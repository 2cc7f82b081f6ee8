//! What is changed on the screen holds outside of it.

use std::process::Stdio;

use super::{Daemon, Ffmpeg, Terminal};
use crate::support::lenslet;

#[test]
fn a_user_is_added_and_signs_in_and_a_ban_is_lifted() {
    let daemon = Daemon::start("127.0.0.1");
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 24, 80);
    terminal.until_has("cam");
    let mut watching = lenslet()
        .args(["receive", &format!("{}/cam", daemon.url), "--seconds", "60"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    terminal.type_in("2");
    terminal.until_has("playing");
    terminal.type_in("4");
    terminal.until_has("Users and bans");
    // What stands right before the mounts.
    terminal.type_in("Gk\r");
    terminal.until_has("There are none: a adds one.");
    terminal.type_in("a");
    terminal.until_has("Another user");
    terminal.type_in("anna\r");
    terminal.type_in("open sesame\ropen sesame\r");
    let shown = terminal.until_has("•••••••••••");
    assert!(!shown.contains("sesame"), "{shown}");
    terminal.type_in("\r\r");
    // Whom it interrupts is told before.
    terminal.until("the question", |shown| {
        shown.contains("anna is the first user") && shown.contains("127.0.0.1:")
    });
    assert!(watching.try_wait().unwrap().is_none(), "it is interrupted already");
    terminal.type_in("y");
    watching.wait().unwrap();
    terminal.until("anna is there", |shown| shown.contains("anna") && !shown.contains("Another user"));
    let url = daemon.url.replace("rtsp://", "rtsp://anna:open%20sesame@");
    let output = lenslet().args(["receive", &format!("{url}/cam"), "--seconds", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!daemon.serves("cam"), "who has no password is not let in");
    terminal.type_in("b");
    terminal.until_has("An address that is let in no more");
    terminal.type_in("192.0.2.7\r\r\r");
    terminal
        .until("the ban is there", |shown| shown.contains("192.0.2.7") && shown.contains("by the screen"));
    terminal.type_in("Gx");
    terminal.until_has("Sure?");
    terminal.type_in("y");
    terminal.until_has("None is: b bans one.");
    terminal.leave();
}

#[test]
fn a_mount_is_added_by_the_wizard_played_and_rolled_back() {
    let daemon = Daemon::start("127.0.0.1");
    let before = daemon.text();
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_has("cam");
    terminal.type_in("4");
    terminal.until_has("Server");
    terminal.type_in("a");
    terminal.until_has("What is to be served?");
    // The first kind is the test picture.
    terminal.type_in("\r");
    terminal.until_has("it fits");
    terminal.type_in("\x15second");
    terminal.until("the name fits", |shown| shown.contains("> second") && shown.contains("it fits"));
    terminal.type_in("\r");
    // Its form is open; its first setting is the width: neither side is right alone, and an odd one never.
    terminal.until("the form", |shown| shown.contains("width") && !shown.contains("> second"));
    terminal.type_in("\r");
    terminal.until_has("type a value");
    terminal.type_in("\x15321x240");
    let shown =
        terminal.until("321x240 is refused", |shown| shown.contains("> 321x240") && shown.contains("✖ "));
    assert!(!shown.contains("it fits"), "{shown}");
    terminal.type_in("\x15160x120");
    terminal.until_has("it fits");
    terminal.type_in("\r");
    terminal.until_has("160");
    assert_eq!(daemon.text(), before, "nothing holds before it is applied");
    terminal.type_in("w");
    let shown = terminal.until_has("second: comes");
    assert!(shown.contains("+") && shown.contains("1 mount stays: their viewers miss nothing"), "{shown}");
    terminal.type_in("y");
    terminal.until_has("It is served as version");
    let text = daemon.text();
    assert!(text.contains("\"second\": Pattern(width: 160, height: 120),"), "{text}");
    assert!(text.contains("( // the porch") && text.contains("// left one"), "{text}");
    let played = Ffmpeg::decodes(&format!("{}/second", daemon.url));
    assert!(played.is_none_or(|pictures| pictures >= 3), "{played:?}");
    assert!(daemon.serves("second"));
    terminal.type_in("v");
    terminal.until_has("Versions of the file");
    // The newest is at the top: the one before it is the file as it was.
    terminal.type_in("j\r");
    terminal.until("what it would do", |shown| {
        shown.contains("What going back to version 1") && shown.contains("second: goes")
    });
    terminal.type_in("y");
    terminal.until("it is as it was", |_| daemon.text() == before);
    terminal.until_has("It is served as version");
    assert!(daemon.serves("cam") && !daemon.serves("second"));
    terminal.leave();
}

/// Two screens and an editor beside them, all at one file: nobody writes over what he has not seen.
#[test]
fn two_screens_and_a_hand_edit_the_same_file() {
    let daemon = Daemon::start("127.0.0.1");
    let by_hand = |from: &str, to: &str| {
        let text = daemon.text();
        assert!(text.contains(from), "{text}");
        std::fs::write(daemon.folder.join("lenslet.ron"), text.replace(from, to)).unwrap();
    };
    let open = || {
        let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 160);
        terminal.until_has("cam");
        terminal.type_in("4");
        terminal.until_has("addresses, limits");
        terminal
    };
    let (mut first, mut second) = (open(), open());
    first.type_in("e");
    first.until_has("it is right");
    // What was not touched is the file's.
    by_hand("fps: 15", "fps: 10");
    let shown = first.until_has("fps: 10");
    assert!(shown.contains("The file was changed"), "{shown}");
    // What was typed stays, in what the other screen has written meanwhile.
    first.type_in("// mine\r");
    first.until("a line more", |shown| shown.contains("// mine") && shown.contains("it is right"));
    second.until_has("The file was changed");
    second.type_in("e");
    second.until_has("it is right");
    second.type_in("// yours\r\x13");
    second.until_has("addresses, limits");
    second.type_in("w");
    second.until_has("+// yours");
    second.type_in("y");
    second.until_has("It is served");
    // Both are the first line: which is above the other is the first screen's to say.
    let shown = first.until_has("another wrote at the same place");
    assert!(shown.contains("// yours") && shown.contains("// mine"), "{shown}");
    // It is taken once it is known to be right; what is typed before that is text.
    first.type_in("\x13");
    first.until_has("addresses, limits");
    first.type_in("w");
    first.until("what it would do", |shown| {
        shown.contains("-// yours") && shown.contains("+// mine") && !shown.contains("+    listen")
    });
    first.type_in("\x1b");
    first.until_has("addresses, limits");
    first.type_in("e");
    first.until_has("it is right");
    first.type_in("// yours\r\x13");
    first.until_has("addresses, limits");
    first.type_in("w");
    first.until("both", |shown| shown.contains("+// mine") && !shown.contains("-// yours"));
    first.type_in("y");
    first.until_has("It is served");
    let text = daemon.text();
    assert!(text.contains("// mine") && text.contains("// yours") && text.contains("fps: 10"), "{text}");
    assert!(text.contains("( // the porch") && text.contains("// left one"), "{text}");
    second.until_has("The file was changed");
    first.leave();
    second.leave();
}

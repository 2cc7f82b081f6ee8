//! What each key does, as data: the screen and what is pressed, then what is asked of the daemon or what changed.

use std::collections::BTreeSet;

use lenslet::control::protocol::Reply;
use lenslet::tui::bindings::bindings;
use lenslet::tui::effect::Effect;
use lenslet::tui::keys::EVERYWHERE;
use lenslet::tui::message::Asked;
use lenslet::tui::model::{Model, Overlay, Tab};

use super::support::{controls, draw, key, log, press, seen, status, tell};

/// A screen of an ordinary day that everything has been told to.
pub(super) fn day() -> Model {
    let mut model = seen(&status("typical"));
    press(&mut model, "3");
    tell(&mut model, Asked::Controls("door".into()), Ok(Reply::Controls(controls())));
    press(&mut model, "5");
    log(&mut model, 100);
    press(&mut model, "1");
    draw(&mut model, 100, 30);
    model
}

/// What is asked, as the daemon reads it, without the screens' own questions.
pub(super) fn asked(effects: &[Effect]) -> String {
    let line = |effect: &Effect| match effect {
        Effect::Ask { request, .. } => serde_json::to_string(request).unwrap(),
        Effect::Leave => "leave".to_owned(),
        Effect::End => "end".to_owned(),
        Effect::Redraw => "redraw".to_owned(),
        Effect::Cancel(_) => "cancel".to_owned(),
    };
    effects.iter().map(line).collect::<Vec<_>>().join(" ")
}

/// What a key may change, in a line.
pub(super) fn state(model: &Model) -> String {
    let panes = &model.panes;
    let overlay = match &model.overlay {
        None => "",
        Some(Overlay::Help(_)) => " help",
        Some(Overlay::Question(_)) => " question",
        Some(Overlay::Prompt { .. }) => " prompt",
        Some(Overlay::Url(_)) => " url",
        Some(Overlay::Text { .. }) => " text",
    };
    let here = match model.tab {
        Tab::Dashboard => format!("{}", panes.dashboard.cursor.chosen),
        Tab::Sessions => {
            let (open, sort) = (panes.sessions.open.as_deref().unwrap_or("-"), panes.sessions.sort.name());
            let order = if panes.sessions.reversed { " reversed" } else { "" };
            format!("{} {open} by {sort}{order} {:?}", panes.sessions.cursor.chosen, panes.sessions.filter)
        }
        Tab::Mount => {
            let live = if panes.mount.live { " live" } else { "" };
            format!("{} {}{live}", panes.mount.name.as_deref().unwrap_or("-"), panes.mount.cursor.chosen)
        }
        Tab::Config => String::new(),
        Tab::Logs => {
            let logs = &panes.logs;
            let flags = [(logs.paused, " paused"), (logs.follows, " follows")];
            let flags: String = flags.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            let room = logs.room.as_deref().unwrap_or("all");
            format!("{} {:?} {room} {:?}{flags}", logs.cursor.chosen, logs.level, logs.search)
        }
        Tab::Alarms => format!("{}", panes.alarms.cursor.chosen),
    };
    format!("{:?} {here}{overlay}", model.tab)
}

/// Keys before, the key, what is asked, what is shown then.
type Case = (&'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    // Everywhere.
    ("", "2", "", "Sessions 0 - by time \"\""),
    ("1", "6", "", "Alarms 0"),
    ("1", "Tab", "", "Sessions 0 - by time \"\""),
    ("1", "Shift-Tab", "", "Alarms 0"),
    ("6", "Tab", "", "Dashboard 0"),
    ("6", "1", "", "Dashboard 0"),
    ("1", "?", "", "Dashboard 0 help"),
    ("1", "F1", "", "Dashboard 0 help"),
    ("1 ?", "q", "", "Dashboard 0"),
    ("1", "q", "leave", "Dashboard 0"),
    ("1", "^C", "leave", "Dashboard 0"),
    ("1", "^L", "redraw", "Dashboard 0"),
    ("6", "Esc", "", "Dashboard 0"),
    ("6", "Backspace", "", "Dashboard 0"),
    // The dashboard.
    ("1", "Down", "", "Dashboard 1"),
    ("1", "j", "", "Dashboard 1"),
    ("1 j", "Up", "", "Dashboard 0"),
    ("1 j", "k", "", "Dashboard 0"),
    ("1", "End", "", "Dashboard 6"),
    ("1", "G", "", "Dashboard 6"),
    ("1 G", "Home", "", "Dashboard 0"),
    ("1 G", "g", "", "Dashboard 0"),
    ("1", "PgDn", "", "Dashboard 6"),
    ("1", "^F", "", "Dashboard 6"),
    ("1 G", "PgUp", "", "Dashboard 0"),
    ("1 G", "^B", "", "Dashboard 0"),
    ("1 j", "s", "", "Sessions 0 - by time \"mount:gate\""),
    ("1", "f", "{\"do\":\"keyframe\",\"mount\":\"door\"}", "Dashboard 0"),
    ("1", "d", "", "Dashboard 0 question"),
    ("1 d", "y", "{\"do\":\"mount disable\",\"mount\":\"door\"}", "Dashboard 0"),
    ("1 d", "n", "", "Dashboard 0"),
    ("1 d", "Esc", "", "Dashboard 0"),
    ("1 G", "d", "{\"do\":\"mount enable\",\"mount\":\"attic\"}", "Dashboard 6"),
    ("1", "a", "", "Alarms 0"),
    // The sessions.
    ("2", "j", "", "Sessions 1 - by time \"\""),
    ("2", "Down", "", "Sessions 1 - by time \"\""),
    ("2 j", "k", "", "Sessions 0 - by time \"\""),
    ("2 j", "Up", "", "Sessions 0 - by time \"\""),
    ("2", "G", "", "Sessions 6 - by time \"\""),
    ("2", "End", "", "Sessions 6 - by time \"\""),
    ("2 G", "g", "", "Sessions 0 - by time \"\""),
    ("2 G", "Home", "", "Sessions 0 - by time \"\""),
    ("2", "PgDn", "", "Sessions 6 - by time \"\""),
    ("2", "^F", "", "Sessions 6 - by time \"\""),
    ("2 G", "PgUp", "", "Sessions 0 - by time \"\""),
    ("2 G", "^B", "", "Sessions 0 - by time \"\""),
    ("2", "Enter", "", "Sessions 0 62aa by time \"\""),
    ("2", "s", "", "Sessions 0 - by mount \"\""),
    ("2", "r", "", "Sessions 0 - by time reversed \"\""),
    ("2 r", "s", "", "Sessions 0 - by mount \"\""),
    ("2", "/", "", "Sessions 0 - by time \"\" prompt"),
    ("2 / v l", "c", "", "Sessions 0 - by time \"vlc\" prompt"),
    ("2 / v l c", "Enter", "", "Sessions 0 - by time \"vlc\""),
    ("2 / v l c", "Backspace", "", "Sessions 0 - by time \"vl\" prompt"),
    ("2 / v l c", "^U", "", "Sessions 0 - by time \"\" prompt"),
    ("2 / v l c", "Esc", "", "Sessions 0 - by time \"vlc\""),
    ("2 / v l c Enter", "Esc", "", "Sessions 0 - by time \"\""),
    ("2", "x", "", "Sessions 0 - by time \"\" question"),
    ("2 x", "y", "{\"do\":\"kick\",\"session\":\"62aa\"}", "Sessions 0 - by time \"\""),
    ("2 j x", "y", "{\"do\":\"kick\",\"session\":\"62ab\"}", "Sessions 1 - by time \"\""),
    ("2", "B", "", "Sessions 0 - by time \"\" prompt"),
    (
        "2 B",
        "Enter",
        "{\"do\":\"ban add\",\"address\":\"192.168.1.9\",\"seconds\":3600,\"why\":\"by the screen\"} \
         {\"do\":\"kick\",\"session\":\"62aa\"}",
        "Sessions 0 - by time \"\"",
    ),
    ("2 B ^U", "Enter", "", "Sessions 0 - by time \"\" prompt"),
    ("2", "u", "", "Sessions 0 - by time \"\" url"),
    ("2 u", "j", "", "Sessions 0 - by time \"\""),
    // One of them.
    ("2 Enter", "n", "", "Sessions 1 62ab by time \"\""),
    ("2 Enter n", "p", "", "Sessions 0 62aa by time \"\""),
    ("2 Enter", "x", "", "Sessions 0 62aa by time \"\" question"),
    ("2 Enter", "B", "", "Sessions 0 62aa by time \"\" prompt"),
    ("2 Enter", "u", "", "Sessions 0 62aa by time \"\" url"),
    ("2 Enter", "Esc", "", "Sessions 0 - by time \"\""),
    ("2 Enter n", "Backspace", "", "Sessions 1 - by time \"\""),
    // A mount.
    (
        "1",
        "Enter",
        "{\"do\":\"controls\",\"mount\":\"door\"} {\"do\":\"snapshot\",\"mount\":\"door\",\"max_width\":320}",
        "Mount door 0",
    ),
    ("3", "j", "", "Mount door 1"),
    ("3", "Down", "", "Mount door 1"),
    ("3 j", "k", "", "Mount door 0"),
    ("3 j", "Up", "", "Mount door 0"),
    ("3", "+", "{\"do\":\"set bitrate\",\"mount\":\"door\",\"bitrate_bps\":4200000}", "Mount door 0"),
    ("3", "=", "{\"do\":\"set bitrate\",\"mount\":\"door\",\"bitrate_bps\":4200000}", "Mount door 0"),
    ("3", "Left", "{\"do\":\"set bitrate\",\"mount\":\"door\",\"bitrate_bps\":3800000}", "Mount door 0"),
    ("3", "L", "{\"do\":\"set bitrate\",\"mount\":\"door\",\"bitrate_bps\":6000000}", "Mount door 0"),
    ("3", "H", "{\"do\":\"set bitrate\",\"mount\":\"door\",\"bitrate_bps\":2000000}", "Mount door 0"),
    ("3 +", "+", "{\"do\":\"set bitrate\",\"mount\":\"door\",\"bitrate_bps\":4410000}", "Mount door 0"),
    ("3 +", "0", "{\"do\":\"set bitrate\",\"mount\":\"door\",\"bitrate_bps\":4000000}", "Mount door 0"),
    ("3 j +", "0", "{\"do\":\"set gop\",\"mount\":\"door\",\"pictures\":60}", "Mount door 1"),
    ("3 j", "+", "{\"do\":\"set gop\",\"mount\":\"door\",\"pictures\":63}", "Mount door 1"),
    ("3 j", "L", "{\"do\":\"set gop\",\"mount\":\"door\",\"pictures\":90}", "Mount door 1"),
    ("3 j -", "h", "{\"do\":\"set gop\",\"mount\":\"door\",\"pictures\":55}", "Mount door 1"),
    ("3 j H", "H", "{\"do\":\"set gop\",\"mount\":\"door\",\"pictures\":20}", "Mount door 1"),
    (
        "3 j j",
        "Right",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"brightness\",\"value\":11} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 2",
    ),
    (
        "3 j j",
        "l",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"brightness\",\"value\":11} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 2",
    ),
    (
        "3 j j",
        "h",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"brightness\",\"value\":9} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 2",
    ),
    (
        "3 j j",
        "-",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"brightness\",\"value\":9} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 2",
    ),
    (
        "3 j j",
        "0",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"brightness\",\"value\":0} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 2",
    ),
    (
        "3 j j j j j j",
        "l",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"auto_exposure\",\"value\":1} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 6",
    ),
    (
        "3 j j j j j j j",
        "l",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"exposure_time_absolute\",\"value\":256} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 7",
    ),
    (
        "3 j j j j j j j j",
        "Enter",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"horizontal_flip\",\"value\":true} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 8",
    ),
    (
        "3 j j j j j j j j Enter",
        "Space",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"horizontal_flip\",\"value\":false} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 8",
    ),
    (
        "3 j j j j j j j j j",
        "Enter",
        "{\"do\":\"set control\",\"mount\":\"door\",\"control\":\"focus_once\",\"value\":1} {\"do\":\"controls\",\"mount\":\"door\"}",
        "Mount door 9",
    ),
    ("3", "f", "{\"do\":\"keyframe\",\"mount\":\"door\"}", "Mount door 0"),
    ("3", "p", "{\"do\":\"snapshot\",\"mount\":\"door\",\"max_width\":320}", "Mount door 0"),
    ("3", "v", "", "Mount door 0 live"),
    ("3 v", "v", "", "Mount door 0"),
    ("3", "u", "", "Mount door 0 url"),
    ("3", "s", "", "Sessions 0 - by time \"mount:door\""),
    ("3", "d", "", "Mount door 0 question"),
    (
        "3",
        "n",
        "{\"do\":\"controls\",\"mount\":\"gate\"} {\"do\":\"snapshot\",\"mount\":\"gate\",\"max_width\":320}",
        "Mount gate 0",
    ),
    (
        "3",
        "]",
        "{\"do\":\"controls\",\"mount\":\"gate\"} {\"do\":\"snapshot\",\"mount\":\"gate\",\"max_width\":320}",
        "Mount gate 0",
    ),
    (
        "3 n",
        "b",
        "{\"do\":\"controls\",\"mount\":\"door\"} {\"do\":\"snapshot\",\"mount\":\"door\",\"max_width\":320}",
        "Mount door 0",
    ),
    (
        "3 n",
        "[",
        "{\"do\":\"controls\",\"mount\":\"door\"} {\"do\":\"snapshot\",\"mount\":\"door\",\"max_width\":320}",
        "Mount door 0",
    ),
    ("3", "Esc", "", "Dashboard 0"),
    // From a session to its mount.
    (
        "2 Enter",
        "m",
        "{\"do\":\"controls\",\"mount\":\"door\"} {\"do\":\"snapshot\",\"mount\":\"door\",\"max_width\":320}",
        "Mount door 0",
    ),
    // The log: it was asked for before.
    ("5 k", "Enter", "", "Logs 98 Trace all \"\" text"),
    ("5 k Enter", "Esc", "", "Logs 98 Trace all \"\""),
    ("5", "k", "", "Logs 98 Trace all \"\""),
    ("5", "Up", "", "Logs 98 Trace all \"\""),
    ("5 k", "j", "", "Logs 99 Trace all \"\" follows"),
    ("5 k", "Down", "", "Logs 99 Trace all \"\" follows"),
    ("5", "g", "", "Logs 0 Trace all \"\""),
    ("5", "Home", "", "Logs 0 Trace all \"\""),
    ("5 g", "G", "", "Logs 99 Trace all \"\" follows"),
    ("5 g", "End", "", "Logs 99 Trace all \"\" follows"),
    ("5 g", "F", "", "Logs 99 Trace all \"\" follows"),
    ("5", "l", "", "Logs 99 Debug all \"\" follows"),
    ("5 l", "l", "", "Logs 82 Info all \"\" follows"),
    ("5 l l l l", "l", "", "Logs 99 Trace all \"\" follows"),
    ("5", "o", "", "Logs 15 Trace config \"\" follows"),
    ("5 o o o", "o", "", "Logs 99 Trace all \"\" follows"),
    ("5", "p", "", "Logs 99 Trace all \"\" paused follows"),
    ("5", "Space", "", "Logs 99 Trace all \"\" paused follows"),
    ("5 p", "p", "", "Logs 99 Trace all \"\" follows"),
    ("5", "/", "", "Logs 99 Trace all \"\" follows prompt"),
    ("5 / h d", "m", "", "Logs 94 Trace all \"hdm\" prompt"),
    ("5 / h d m Enter", "n", "", "Logs 88 Trace all \"hdm\""),
    ("5 / h d m Enter", "N", "", "Logs 4 Trace all \"hdm\""),
    ("5 / h d m Enter", "Esc", "", "Logs 94 Trace all \"\""),
    // The alarms.
    ("6", "j", "", "Alarms 1"),
    ("6 j", "k", "", "Alarms 0"),
    ("6", "G", "", "Alarms 2"),
    ("6 G", "g", "", "Alarms 0"),
    (
        "6",
        "Enter",
        "{\"do\":\"controls\",\"mount\":\"shed\"} {\"do\":\"snapshot\",\"mount\":\"shed\",\"max_width\":320}",
        "Mount shed 0",
    ),
    // There is no key for this.
    ("1", "z", "", "Dashboard 0"),
];

#[test]
fn each_key_does_what_the_table_says() {
    let mut wrong = Vec::new();
    for (before, key, asks, shows) in CASES {
        let mut model = day();
        if !before.is_empty() {
            for part in before.split(' ') {
                press(&mut model, part);
                draw(&mut model, 100, 30);
            }
        }
        let effects = press(&mut model, key);
        let got = (asked(&effects), state(&model));
        if got != ((*asks).to_owned(), (*shows).to_owned()) {
            wrong.push(format!("{before:?} {key:?}: {got:?}, not {:?}", (asks, shows)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Keys that do the same on several screens are tried on one of them.
#[test]
fn each_key_of_each_screen_is_in_the_table() {
    let mut missed = BTreeSet::new();
    for (screen, keys) in [("1", "1"), ("2", "2"), ("2 Enter", "2 Enter"), ("3", "3"), ("5", "5"), ("6", "6")]
    {
        let mut model = day();
        press(&mut model, keys);
        for binding in bindings(&model).chain(EVERYWHERE) {
            let tried = |key_: &lenslet::tui::keys::Key| CASES.iter().any(|(_, it, ..)| key(it) == *key_);
            for key in binding.keys.iter().filter(|key| !tried(key)) {
                missed.insert(format!("{screen}: {key:?}"));
            }
        }
    }
    // Screens by their number: three of six are tried.
    missed.retain(|it| !it.contains("Sign('3')") && !it.contains("Sign('4')") && !it.contains("Sign('5')"));
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn no_two_keys_of_a_screen_are_the_same() {
    for keys in ["1", "2", "2 Enter", "3", "4", "5", "6"] {
        let mut model = day();
        press(&mut model, keys);
        let mut seen = Vec::new();
        for key in bindings(&model).flat_map(|binding| binding.keys) {
            assert!(!seen.contains(key), "{keys}: {key:?}");
            seen.push(*key);
        }
    }
}

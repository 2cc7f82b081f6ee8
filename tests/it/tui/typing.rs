//! What is typed into a box that is smaller than it: one sees where one is and what stands around that, whatever it is made of.

use std::fmt::Write;

use lenslet::tui::message::Message;
use lenslet::tui::update::update;
use lenslet::tui::words::{sign_by_sign, wide};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyModifiers;
use ratatui::layout::Position;

use super::config::Screen;
use super::hostile::{holds, texts};
use super::support::{draw_with_cursor, key};

/// All places where a line is typed: the keys that lead there, and what stands before the line there.
const BOXES: &[(&str, &str, &str)] = &[
    ("which sessions are shown", "2 /", ": "),
    ("what is looked for in the log", "5 /", ": "),
    ("how long somebody is banned", "2 B ^U", ": "),
    ("a value", "4 G k Enter LABEL Enter ^U", "> "),
    ("a mount's name", "4 a Enter ^U", "> "),
    ("a user's name", "4 ACCESS a", "Name "),
    ("a password", "4 ACCESS a x Enter", "Password "),
    ("why an address is banned", "4 ACCESS b 1 9 2 . 0 . 2 . 1 Enter Enter", "Why "),
];
const SIZES: [(u16, u16); 2] = [(40, 10), (80, 24)];

fn open(keys: &str) -> Screen {
    let mut screen = Screen::new();
    for name in keys.split(' ') {
        match name {
            "LABEL" => screen.to("label"),
            "ACCESS" => {
                let listed = screen.model.panes.config.listed();
                let access = listed.iter().position(|it| format!("{it:?}") == "Access").unwrap();
                (0..access).for_each(|_| screen.press("j"));
                screen.press("Enter");
            }
            name => screen.press(name),
        }
    }
    screen
}

/// As from the clipboard: nothing is asked of a daemon.
fn paste(screen: &mut Screen, text: &str) {
    update(&mut screen.model, Message::Pasted(text.to_owned()));
}

/// `^Left` and `Alt-b` are keys too.
fn press(screen: &mut Screen, name: &str) {
    let with = |name, modifier| {
        let mut event = key(name).event();
        event.modifiers |= modifier;
        event
    };
    let event = match (name.strip_prefix("Alt-"), name.strip_prefix('^')) {
        (Some(name), _) => with(name, KeyModifiers::ALT),
        (_, Some(name)) if name.len() > 1 => with(name, KeyModifiers::CONTROL),
        _ => key(name).event(),
    };
    update(&mut screen.model, Message::Key(event));
}

/// The signs of these columns of a line.
fn cells(buffer: &Buffer, y: u16, columns: std::ops::Range<u16>) -> String {
    let (mut text, mut hidden) = (String::new(), 0);
    for x in columns {
        let symbol = buffer[(x, y)].symbol();
        if hidden == 0 {
            text += symbol;
        }
        hidden = if hidden == 0 { wide(symbol).saturating_sub(1) } else { hidden - 1 };
    }
    text
}

/// What stands left and right of the cursor in its box.
fn around(buffer: &Buffer, cursor: Position, before: &str) -> (String, String) {
    let left = cells(buffer, cursor.y, 0..cursor.x);
    let left = left.rsplit('│').next().unwrap_or_default();
    let (_, left) =
        left.split_once(before).unwrap_or_else(|| panic!("the cursor is not behind {before:?}: {left:?}"));
    let left = left.trim_start().trim_start_matches('…').trim_start();
    let right = cells(buffer, cursor.y, cursor.x..buffer.area.width);
    let right = right.split('│').next().unwrap_or_default().trim_end().trim_end_matches('…').trim_end();
    (left.to_owned(), right.to_owned())
}

/// So much of it is seen at least, in columns.
const LEFT: usize = 7;
const RIGHT: usize = 2;

#[test]
fn the_cursor_is_seen_with_what_stands_around_it() {
    let numbered: String = (0..30).map(|number| format!("{number:02}-")).collect();
    let ideographs: String = (0x4e00..0x4e00 + 50).filter_map(char::from_u32).collect();
    let marked: String = ('a'..='z').cycle().take(60).flat_map(|sign| [sign, '\u{301}']).collect();
    for (name, keys, before) in BOXES {
        let mut screen = open(keys);
        for (width, height) in SIZES {
            for text in ["", "short", &numbered, &ideographs, &marked] {
                press(&mut screen, "End");
                press(&mut screen, "^U");
                paste(&mut screen, text);
                let whole = match *name {
                    "a password" => "•".repeat(text.chars().count()),
                    _ => sign_by_sign(text).collect::<String>(),
                };
                let (mut at, mut shown, mut moved) = (whole.chars().count(), None, 0);
                loop {
                    let (buffer, cursor) = draw_with_cursor(&mut screen.model, width, height);
                    let what = || format!("{name}, {width}x{height}, {at} of {text:?}");
                    assert!(buffer.area.contains(cursor), "{}", what());
                    holds(&buffer, &what());
                    let split = whole.char_indices().nth(at).map_or(whole.len(), |(byte, _)| byte);
                    let (left, right) = around(&buffer, cursor, before);
                    assert!(whole[..split].ends_with(&left), "{}: {left:?}", what());
                    assert!(whole[split..].starts_with(&right), "{}: {right:?}", what());
                    assert!(wide(&left) >= LEFT.min(wide(&whole[..split])), "{}: {left:?}", what());
                    assert!(wide(&right) >= RIGHT.min(wide(&whole[split..])), "{}: {right:?}", what());
                    let line = cells(&buffer, cursor.y, 0..width);
                    moved += usize::from(shown.replace(line.clone()).is_some_and(|it| it != line));
                    if at == 0 {
                        break;
                    }
                    press(&mut screen, "Left");
                    // A mark goes with its letter.
                    at -= if text == marked { 2 } else { 1 };
                }
                // It jumps by a quarter of the box, which has 18 columns at least.
                assert!(moved <= wide(&whole) / 4 + 1, "{name}, {width}x{height}, {text:?}: {moved}");
            }
        }
    }
}

/// What the clipboard may hold is no more dangerous here than elsewhere.
#[test]
fn what_is_pasted_steers_no_terminal_and_stands_in_its_box() {
    for (name, keys, _) in BOXES {
        let mut screen = open(keys);
        for (what, text) in texts() {
            press(&mut screen, "End");
            press(&mut screen, "^U");
            paste(&mut screen, &text);
            for (width, height) in SIZES {
                for keys in ["End", "Left", "Left", "^A", "Right"] {
                    press(&mut screen, keys);
                    let (buffer, cursor) = draw_with_cursor(&mut screen.model, width, height);
                    holds(&buffer, &format!("{name}, {what}, {width}x{height}, {keys}"));
                    assert!(buffer.area.contains(cursor), "{name}, {what}");
                }
            }
        }
    }
}

/// The keys of a line, as shells and readline have them. `|` is the cursor.
#[test]
fn keys_of_a_line() {
    let path =
        "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920-video-index0 \u{524d}\u{95e8} cafe\u{301} of the porch";
    let mut table = String::new();
    for (name, keys) in [("which sessions are shown", "2 /"), ("a value", "4 G k Enter LABEL Enter ^U")] {
        let mut screen = open(keys);
        paste(&mut screen, path);
        let _ = writeln!(table, "== {name}");
        for keys in [
            "End",
            "Left",
            "Backspace",
            "Delete",
            "^W",
            "^W",
            "^Y",
            "^A",
            "Right",
            "^F",
            "x",
            "^E",
            "^B",
            "Home",
            "^K",
            "^Y",
            "^Left",
            "^Left",
            "^Left",
            "^Left",
            "Alt-b",
            "Alt-f",
            "^Right",
            "Alt-Backspace",
            "Alt-d",
            "^D",
            "^U",
            "^E",
            "^U",
        ] {
            press(&mut screen, keys);
            let (buffer, cursor) = draw_with_cursor(&mut screen.model, 60, 16);
            let line = format!(
                "{}|{}",
                cells(&buffer, cursor.y, 0..cursor.x),
                cells(&buffer, cursor.y, cursor.x..60)
            );
            let _ = writeln!(table, "{keys:<14}{}", line.trim_end());
        }
    }
    insta::assert_snapshot!("keys-of-a-line", table);
}

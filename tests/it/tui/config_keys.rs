//! What each key of the configuration's screens does, with a real daemon behind them: a table that is made by pressing every
//! key that the help has, and those of what is typed or chosen. It is kept as a snapshot.

use std::fmt::Write;

use lenslet::tui::bindings::{bindings, everywhere};
use lenslet::tui::keys::{EVERYWHERE, Key};
use lenslet::tui::message::Message;
use lenslet::tui::model::{Model, Overlay, Tab};
use lenslet::tui::panes::config::Screen as Shown;
use lenslet::tui::panes::config::editor::Editor;
use lenslet::tui::update::update;

use super::config::Screen;
use super::support::{draw, key, text};

/// The screens, by the keys that lead there from the sections. `DOWN` and `UP` have somewhere to go.
const SCREENS: &[(&str, &str)] = &[
    ("sections", "G k"),
    ("form", "G k Enter j"),
    ("form of a camera", "G Enter"),
    ("review", "G k x w"),
    ("versions", "v j"),
    ("text", "e"),
    ("users and bans", "ACCESS j"),
];

/// What is typed or chosen, by the keys that lead there, and its own keys.
const EDITORS: &[(&str, &str, &str)] = &[
    ("a line", "G Enter j j Enter", "5 Left Right Home End ^A ^E ^U ^W Backspace Up Down F1 Esc Enter"),
    ("a choice", "a", "j k Up Down g G 1 q F1 Esc Enter"),
    ("a new mount's name", "a Enter", "x ^U Up Down Esc Enter"),
    ("steps of a user", "ACCESS a", "x ^U Up Down Tab Shift-Tab Esc Enter"),
    ("steps of a ban", "ACCESS b", "1 ^U Esc Enter"),
    (
        "a text",
        "e",
        "x Enter Backspace Tab Up Down Left Right Home End PgUp PgDn ^A ^E ^K ^J ^W ^U ^R Esc ^S",
    ),
];

fn press(screen: &mut Screen, keys: &str) {
    for name in keys.split(' ') {
        match name {
            "ACCESS" => {
                let listed = screen.model.panes.config.listed();
                let access = listed.iter().position(|it| format!("{it:?}") == "Access").unwrap();
                for _ in 0..access {
                    screen.press("j");
                }
                screen.press("Enter");
            }
            name => screen.press(name),
        }
        draw(&mut screen.model, 100, 30);
    }
    screen.asked.clear();
}

/// What a key may change, in a line.
fn state(model: &Model) -> String {
    let config = &model.panes.config;
    let mut said = match &config.screen {
        _ if model.tab != Tab::Config => format!("{:?}", model.tab),
        Shown::Sections => format!("sections {}", config.sections.chosen),
        Shown::Form(form) => format!("form of {:?} {}", form.section, form.cursor.chosen),
        Shown::Review(_) => "review".to_owned(),
        Shown::History => format!("versions {}", config.version.chosen),
        Shown::Raw(raw) => format!("text at {:?} of {} lines", raw.area.cursor(), raw.area.lines().len()),
        Shown::Access => format!("access {}", config.access.cursor.chosen),
    };
    match &config.editor {
        None => {}
        Some(Editor::Line(line)) => {
            let _ = write!(said, ", line {:?} at {}", line.input.value(), line.input.cursor());
        }
        Some(Editor::Choice(choice)) => {
            let _ = write!(said, ", choice {}", choice.chosen);
        }
        Some(Editor::Steps(_)) => said += ", steps",
    }
    if config.draft.changed() {
        said += ", changed";
    }
    if let Some(overlay) = &model.overlay {
        said += match overlay {
            Overlay::Help(_) => ", help",
            Overlay::Question(_) => ", question",
            Overlay::Prompt { .. } => ", prompt",
            Overlay::Text { .. } => ", text",
            Overlay::Url(_) => ", url",
        };
    }
    if let Some(notice) = &model.notice {
        let _ = write!(said, ", {:?}", notice.said);
    }
    said
}

/// A line of the table.
fn row(name: &str, keys: &str, pressed: Key) -> (String, bool) {
    let mut screen = Screen::new();
    press(&mut screen, keys);
    let (before, looked) = (state(&screen.model), text(&draw(&mut screen.model, 100, 30)));
    let effects = update(&mut screen.model, Message::Key(pressed.event()));
    screen.perform(effects);
    let (after, looks) = (state(&screen.model), text(&draw(&mut screen.model, 100, 30)));
    let idle = before == after && looked == looks && screen.asked.is_empty();
    let pressed = match pressed {
        Key::Sign(sign) => format!("{sign:?}"),
        Key::Control(sign) => format!("^{}", sign.to_ascii_uppercase()),
        Key::Code(code) => format!("{code:?}"),
    };
    (format!("{name:<20} {pressed:<12} {:<40} {after}\n", screen.asked.join(" ")), idle)
}

#[test]
fn each_key_of_the_configuration_does_what_the_table_says() {
    let (mut table, mut idle) = (String::new(), Vec::new());
    for (name, keys) in SCREENS {
        let mut screen = Screen::new();
        press(&mut screen, keys);
        let all: Vec<_> = bindings(&screen.model).chain(everywhere(&screen.model)).collect();
        for (binding, key) in all.iter().flat_map(|it| it.keys.iter().map(move |key| (it, key))) {
            // Tabs are tried on other screens.
            let elsewhere = EVERYWHERE.iter().any(|it| it.does == binding.does && it.shown.len() == 1);
            if elsewhere && !matches!(binding.shown, "?" | "1") {
                continue;
            }
            let (line, idles) = row(name, keys, *key);
            if idles {
                idle.push(line.clone());
            }
            table += &line;
        }
    }
    for (name, keys, pressed) in EDITORS {
        for pressed in pressed.split(' ') {
            table += &row(name, keys, key(pressed)).0;
        }
    }
    insta::assert_snapshot!("config-keys", table);
    assert!(idle.iter().all(|line| SILENT.iter().any(|silent| line.contains(silent))), "\n{}", idle.concat());
}

/// Keys that may change nothing where the table presses them: all that the review says has room; of the form of a camera one
/// is at the top, and of the other form one is not.
const SILENT: &[&str] = &["review ", "form of a camera "];

#[test]
fn lines_that_are_pasted_into_the_text_are_lines() {
    let mut screen = Screen::new();
    press(&mut screen, "e");
    // Terminals send what the key Enter sends; some the line's end of the text.
    for ends in ["\r", "\r\n", "\n"] {
        let before = lines(&screen);
        let pasted = Message::Pasted(format!("// one{ends}// \x1b[2Jtwo{ends}"));
        let effects = update(&mut screen.model, pasted);
        screen.perform(effects);
        let after = lines(&screen);
        assert_eq!(after.len(), before.len() + 2, "{ends:?}");
        assert!(after.contains(&"// [2Jtwo".to_owned()), "{after:?}");
    }
}

fn lines(screen: &Screen) -> Vec<String> {
    match &screen.model.panes.config.screen {
        Shown::Raw(raw) => raw.area.lines().to_vec(),
        _ => panic!("the text is not there"),
    }
}

//! What each screen shows, at the smallest usual size and at a larger one: nothing yet, an ordinary day, too much.

use lenslet::control::protocol::{Refusal, Reply, Status};
use lenslet::tui::message::{Asked, Message};
use lenslet::tui::model::{Model, Overlay, Tab};
use lenslet::tui::theme::{Colours, Glyphs, Ground, Theme};
use lenslet::tui::update::update;
use ratatui::style::Color;

use super::support::{controls, draw, log, overloaded, press, recorded, seen, snapshot, status, tell, text};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];
/// As large as a monitor.
const LARGE: [(u16, u16); 1] = [(200, 60)];

/// Holds a screen against what is kept.
pub(super) fn shows(name: &str, model: &mut Model) {
    shows_at(&SIZES, name, model);
}

/// The same on a large terminal.
pub(super) fn shows_large(name: &str, model: &mut Model) {
    shows_at(&LARGE, name, model);
}

fn shows_at(sizes: &[(u16, u16)], name: &str, model: &mut Model) {
    for (width, height) in sizes.iter().copied() {
        // As after the first draw: lists know their pages.
        draw(model, width, height);
        update(model, Message::Resized);
        insta::assert_snapshot!(format!("{name}-{width}x{height}"), text(&draw(model, width, height)));
    }
}

fn days() -> [(&'static str, Status); 3] {
    [("empty", status("empty")), ("typical", status("typical")), ("overloaded", overloaded())]
}

#[test]
fn the_dashboard() {
    for (day, status) in days() {
        shows(&format!("dashboard-{day}"), &mut seen(&status));
    }
}

#[test]
fn the_sessions() {
    for (day, status) in days() {
        let mut model = seen(&status);
        press(&mut model, "Tab");
        shows(&format!("sessions-{day}"), &mut model);
    }
}

#[test]
fn a_session() {
    for (day, status) in [("typical", status("typical")), ("overloaded", overloaded())] {
        let mut model = seen(&status);
        press(&mut model, "2 j Enter");
        shows(&format!("session-{day}"), &mut model);
    }
    // It ends while one looks at it.
    let mut model = seen(&status("typical"));
    press(&mut model, "2 j Enter");
    tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(status("empty")))));
    shows("session-empty", &mut model);
}

#[test]
fn a_large_terminal_is_used() {
    for (day, status) in days() {
        let mut model = seen(&status);
        shows_large(&format!("dashboard-{day}"), &mut model);
        press(&mut model, "2 j Enter");
        shows_large(&format!("session-{day}"), &mut model);
        press(&mut model, "Esc 3");
        if let Some(name) = model.panes.mount.name.clone() {
            tell(&mut model, Asked::Controls(name.clone()), Ok(Reply::Controls(controls())));
            tell(&mut model, Asked::Snapshot(name), Ok(Reply::Snapshot(snapshot())));
        }
        shows_large(&format!("mount-{day}"), &mut model);
    }
}

#[test]
fn a_session_whose_charts_have_no_room_says_what_they_lack() {
    let mut model = seen(&status("typical"));
    press(&mut model, "2 j Enter");
    let lacking = |model: &mut Model, height| {
        let shown = text(&draw(model, 80, height));
        let said = shown.lines().find(|line| line.contains("room for its charts"))?.to_owned();
        said.split("more").next()?.trim_matches(|sign: char| !sign.is_ascii_digit()).parse::<u16>().ok()
    };
    for height in [10, 12, 14] {
        let lines = lacking(&mut model, height).unwrap();
        assert!(lacking(&mut model, height + lines - 1).is_some() && lines > 0);
        assert_eq!(lacking(&mut model, height + lines), None);
        assert!(text(&draw(&mut model, 80, height + lines)).contains("Bitrate:"));
    }
    assert_eq!(lacking(&mut model, 24), None, "not at the smallest usual size");
}

/// In half blocks it has room at 80x24; where there are none, what it needs is said, and is true.
#[test]
fn a_code_that_has_no_room_says_what_it_needs() {
    let mut model = seen(&status("typical"));
    press(&mut model, "3 u");
    assert!(text(&draw(&mut model, 80, 24)).contains('▀'));
    model.theme.glyphs = Glyphs::Ascii;
    let shown = text(&draw(&mut model, 80, 24));
    assert!(shown.contains("rtsp://porch:8554/door") && shown.contains("this one is 80x24"), "{shown}");
    let said: Vec<&str> = shown.lines().filter(|line| line.contains("needs")).collect();
    let sizes: Vec<(u16, u16)> = said
        .concat()
        .split(|sign: char| !sign.is_ascii_digit() && sign != 'x')
        .filter_map(|word| word.split_once('x'))
        .filter_map(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .collect();
    let [(width, height), (80, 24), (half_width, half_height)] = sizes[..] else {
        panic!("{sizes:?}\n{shown}")
    };
    for (glyphs, width, height) in [(Glyphs::Ascii, width, height), (Glyphs::Utf8, half_width, half_height)] {
        model.theme.glyphs = glyphs;
        let coded = |model: &mut Model, width, height| {
            let shown = text(&draw(model, width, height));
            assert_eq!(shown.contains("needs a terminal of"), !shown.contains("scan it"), "{shown}");
            shown.contains("scan it")
        };
        assert!(coded(&mut model, width, height), "{width}x{height}");
        assert!(!coded(&mut model, width, height - 1));
        assert!(width == 40 || !coded(&mut model, width - 1, height), "the least that a screen needs is 40");
    }
}

#[test]
fn a_mount() {
    for (day, status) in days() {
        let mut model = seen(&status);
        press(&mut model, "3");
        if let Some(name) = model.panes.mount.name.clone() {
            tell(&mut model, Asked::Controls(name.clone()), Ok(Reply::Controls(controls())));
            tell(&mut model, Asked::Snapshot(name), Ok(Reply::Snapshot(snapshot())));
        }
        shows(&format!("mount-{day}"), &mut model);
    }
}

#[test]
fn the_log() {
    for (day, lines) in [("empty", 0), ("typical", 30), ("overloaded", 3000)] {
        let mut model = seen(&status("typical"));
        press(&mut model, "5");
        log(&mut model, lines);
        shows(&format!("log-{day}"), &mut model);
    }
}

#[test]
fn the_alarms() {
    for (day, status) in days() {
        let mut model = seen(&status);
        press(&mut model, "6");
        shows(&format!("alarms-{day}"), &mut model);
    }
}

#[test]
fn what_lies_over_a_screen() {
    let mut model = seen(&status("typical"));
    for (name, keys) in [
        ("help-dashboard", "1 ?"),
        ("help-sessions", "2 ?"),
        ("help-mount", "3 ?"),
        ("help-log", "5 ?"),
        ("question-kick", "2 x"),
        ("question-disable", "1 d"),
        ("prompt-filter", "2 / v l c"),
        ("prompt-ban", "2 Esc B"),
        ("url", "3 u"),
    ] {
        press(&mut model, keys);
        shows(name, &mut model);
        press(&mut model, "Esc");
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_told_of() {
    let why = "no Lenslet answers at /run/lenslet/control.sock: start it with `lenslet serve`";
    let mut model = Model::default();
    shows("waiting", &mut model);
    update(&mut model, Message::Lost(why.to_owned()));
    shows("absent", &mut model);
    let mut model = seen(&status("typical"));
    update(&mut model, Message::Lost(why.to_owned()));
    shows("lost", &mut model);
    update(&mut model, Message::Connected);
    assert!(model.link.lost.is_some(), "what can be connected to need not be a Lenslet");
    tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(status("typical")))));
    shows("back", &mut model);
}

#[test]
fn a_small_screen_says_what_it_needs() {
    let mut model = seen(&status("typical"));
    assert_eq!(text(&draw(&mut model, 20, 8)).trim(), "Lenslet needs 40x10;\nthis is 20x8. q\nleaves.");
    assert!(press(&mut model, "2").is_empty() && model.tab == Tab::Dashboard, "nothing is done unseen");
}

#[test]
fn what_is_small_shows_what_matters_most() {
    let mut model = seen(&status("typical"));
    for (width, height) in [(40, 10), (60, 16)] {
        let mut screens = String::new();
        for keys in ["1", "1 ?", "2", "2 Enter", "2 x", "3", "4", "5", "6"] {
            press(&mut model, keys);
            if keys == "3" {
                tell(&mut model, Asked::Controls("door".into()), Ok(Reply::Controls(controls())));
                tell(&mut model, Asked::Snapshot("door".into()), Ok(Reply::Snapshot(snapshot())));
            }
            if keys == "5" && model.panes.logs.lines.is_empty() {
                log(&mut model, 40);
            }
            draw(&mut model, width, height);
            update(&mut model, Message::Resized);
            screens += &format!("== {keys}\n{}", text(&draw(&mut model, width, height)));
            press(&mut model, "Esc");
            press(&mut model, "Esc");
        }
        insta::assert_snapshot!(format!("small-{width}x{height}"), screens);
    }
}

#[test]
fn no_size_is_too_odd_to_draw() {
    let mut model = seen(&overloaded());
    for keys in ["1", "2", "2 Enter", "3", "4", "5", "6", "?"] {
        press(&mut model, keys);
        for (width, height) in
            [(1, 1), (40, 10), (40, 80), (300, 10), (57, 11), (61, 23), (79, 13), (300, 100)]
        {
            draw(&mut model, width, height);
        }
    }
}

#[test]
fn a_picture_that_has_no_room_is_not_drawn() {
    let why = "the camera /dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920-video-index0 does not take that: ask it for less";
    for glyphs in [Glyphs::Utf8, Glyphs::Ascii] {
        for (width, height) in (40..60).flat_map(|width| (10..17).map(move |height| (width, height))) {
            let mut model = seen(&status("typical"));
            model.theme.glyphs = glyphs;
            press(&mut model, "3");
            tell(&mut model, Asked::Snapshot("door".into()), Ok(Reply::Snapshot(snapshot())));
            tell(&mut model, Asked::Deed, Err(Refusal::new("x", why, "ask it for less")));
            draw(&mut model, width, height);
        }
    }
}

#[test]
fn what_is_not_applied_is_not_forgotten_unsaid_on_a_screen_that_is_too_small() {
    let mut model = seen(&status("typical"));
    model.panes.config.draft.take("(workers: 2)".into());
    let shown = text(&draw(&mut model, 39, 9)).replace('\n', " ");
    let said = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("q leaves. What is not applied is forgotten then."), "{shown}");
    assert_eq!(press(&mut model, "q"), [lenslet::tui::effect::Effect::Leave]);
}

/// Who scans it wants dark on light, whichever of them the terminal's text is.
#[test]
fn a_code_is_dark_on_light_without_colours_too() {
    let mut corners = Vec::new();
    for ground in [Ground::Dark, Ground::Light] {
        let mut model = seen(&status("typical"));
        model.theme = Theme { ground, colours: Colours::None, ..Theme::default() };
        press(&mut model, "3 u");
        let shown = text(&draw(&mut model, 80, 24));
        // Below its title, the URL and an empty line.
        let edge = shown.lines().skip_while(|line| !line.contains("scan it")).nth(3).unwrap();
        // The light frame around it: blocks where text is light.
        corners.push(edge.chars().filter(|sign| *sign == '█').count() > 25);
    }
    assert_eq!(corners, [true, false]);
}

/// Draws all that there is, for each of what terminals can.
fn every_screen(mut model: Model, mut look: impl FnMut(&ratatui::buffer::Buffer)) {
    for keys in ["1", "1 ?", "2", "2 Enter", "2 x", "3", "3 u", "4", "5", "6"] {
        press(&mut model, keys);
        if keys == "3" {
            tell(&mut model, Asked::Controls("door".into()), Ok(Reply::Controls(controls())));
            tell(&mut model, Asked::Snapshot("door".into()), Ok(Reply::Snapshot(snapshot())));
        }
        if keys == "5" {
            log(&mut model, 40);
        }
        look(&draw(&mut model, 100, 50));
        press(&mut model, "Esc");
        press(&mut model, "Esc");
    }
}

/// What a real daemon said, three times: on a day without anybody, an ordinary one, and with 16 mounts and 500 readers.
#[test]
fn every_screen_shows_what_a_real_daemon_says() {
    for day in ["empty", "typical", "overloaded"] {
        for (width, height) in SIZES {
            let (mut model, mut screens) = (recorded(day), String::new());
            for keys in ["1", "2", "2 j Enter", "3", "5", "6"] {
                press(&mut model, "Esc Esc");
                press(&mut model, keys);
                tell_recorded(&mut model, day);
                draw(&mut model, width, height);
                update(&mut model, Message::Resized);
                screens += &format!("== {keys}\n{}", text(&draw(&mut model, width, height)));
            }
            insta::assert_snapshot!(format!("recorded-{day}-{width}x{height}"), screens);
        }
    }
}

/// Gives the answers to what a screen asks for when one comes to it.
fn tell_recorded(model: &mut Model, day: &str) {
    let Some(name) = model.panes.mount.name.clone() else { return };
    for (to, outcome) in super::support::answers(day) {
        match to.as_str() {
            "controls" => drop(tell(model, Asked::Controls(name.clone()), outcome)),
            "snapshot" => drop(tell(model, Asked::Snapshot(name.clone()), outcome)),
            _ => {}
        }
    }
}

/// Each place's look as a letter, and what the letters mean: how the screen is coloured, not what it says.
fn looks(buffer: &ratatui::buffer::Buffer) -> String {
    let mut known = Vec::new();
    let mut lines = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let look = (cell.fg, cell.bg, cell.modifier);
            let plain = look == (Color::Reset, Color::Reset, ratatui::style::Modifier::empty());
            // Pictures have any colour.
            line.push(match look {
                _ if plain => ' ',
                (Color::Rgb(..), ..) => '#',
                look => {
                    let place = known.iter().position(|other| *other == look).unwrap_or(known.len());
                    if place == known.len() {
                        known.push(look);
                    }
                    char::from(b'a' + place as u8)
                }
            });
        }
        lines += &format!("{}\n", line.trim_end());
    }
    for (letter, (fg, bg, modifier)) in ('a'..).zip(known) {
        lines += &format!("{letter}: {fg} on {bg} {modifier:?}\n");
    }
    lines
}

#[test]
fn colours_are_those_that_the_terminal_has() {
    let light = Theme { ground: Ground::Light, ..Theme::default() };
    let eight = Theme { colours: Colours::Eight, ..Theme::default() };
    let none = Theme { colours: Colours::None, ..Theme::default() };
    for (name, theme) in [("dark", Theme::default()), ("light", light), ("eight", eight), ("none", none)] {
        let mut model = seen(&status("typical"));
        model.theme = theme;
        log(&mut model, 30);
        let mut screens = String::new();
        for keys in ["1", "2", "2 j Enter", "2 x", "3", "5", "6", "6 ?"] {
            press(&mut model, "Esc Esc");
            press(&mut model, keys);
            if keys == "3" {
                tell(&mut model, Asked::Controls("door".into()), Ok(Reply::Controls(controls())));
                tell(&mut model, Asked::Snapshot("door".into()), Ok(Reply::Snapshot(snapshot())));
            }
            let buffer = draw(&mut model, 80, 24);
            // What is light is not read on a light ground.
            let unread = [Color::Yellow, Color::White, Color::LightYellow, Color::LightCyan, Color::Gray];
            let light = buffer.content().iter().find(|cell| name == "light" && unread.contains(&cell.fg));
            assert_eq!(light, None, "{keys}");
            screens += &format!("== {keys}\n{}", looks(&buffer));
        }
        insta::assert_snapshot!(format!("looks-{name}"), screens);
    }
}

#[test]
fn a_terminal_without_utf8_is_sent_ascii() {
    let mut model = seen(&status("typical"));
    model.theme.glyphs = Glyphs::Ascii;
    every_screen(model, |buffer| {
        let text = text(buffer);
        assert!(text.is_ascii(), "{:?}\n{text}", text.chars().find(|sign| !sign.is_ascii()));
    });
}

#[test]
fn a_terminal_without_colours_is_sent_none() {
    let mut model = seen(&status("typical"));
    model.theme.colours = Colours::None;
    every_screen(model, |buffer| {
        let coloured =
            buffer.content().iter().find(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert_eq!(coloured, None, "\n{}", text(buffer));
    });
}

#[test]
fn a_terminal_of_eight_colours_is_sent_no_others() {
    let mut model = seen(&status("typical"));
    model.theme.colours = Colours::Eight;
    let plain = [
        Color::Reset,
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::White,
        Color::Gray,
    ];
    every_screen(model, |buffer| {
        let other =
            buffer.content().iter().find(|cell| !plain.contains(&cell.fg) || !plain.contains(&cell.bg));
        assert_eq!(other, None, "\n{}", text(buffer));
    });
}

#[test]
fn what_peers_say_cannot_command_the_terminal() {
    let mut evil = status("typical");
    let text_of = "\x1b[2J\x1b]0;mine\x07";
    for session in &mut evil.sessions {
        (session.client, session.user) = (Some(text_of.to_owned()), Some(text_of.to_owned()));
    }
    for mount in &mut evil.mounts {
        (mount.label, mount.why) = (Some(text_of.to_owned()), Some(text_of.to_owned()));
    }
    every_screen(seen(&evil), |buffer| {
        assert!(buffer.content().iter().all(|cell| !cell.symbol().contains(char::is_control)));
    });
}

#[test]
fn nothing_is_said_twice() {
    let mut status = status("typical");
    let mut other = status.board.disks[0].clone();
    other.path = "/var/lib/lenslet".into();
    status.board.disks.push(other);
    let door = status.mounts.iter_mut().find(|mount| mount.name == "door").unwrap();
    door.kind = "pattern".into();
    door.chain.push("H.264 1280x720".into());
    let mut model = seen(&status);
    assert!(!text(&draw(&mut model, 120, 40)).contains("/var/lib/lenslet"));
    press(&mut model, "3");
    let refusal = Refusal::new("no-camera", "door is no camera", "ask for a camera's mount");
    tell(&mut model, Asked::Controls("door".into()), Err(refusal));
    let shown = text(&draw(&mut model, 120, 40));
    assert_eq!(shown.matches("H.264 1280x720").count(), 1, "{shown}");
    assert!(shown.contains("It is no camera") && !shown.contains("ask for"), "{shown}");
}

#[test]
fn a_question_stays_until_it_is_answered() {
    let mut model = seen(&status("typical"));
    press(&mut model, "2 x Enter Space j");
    assert!(matches!(model.overlay, Some(Overlay::Question(_))));
    assert!(press(&mut model, "n").is_empty());
    assert!(model.overlay.is_none());
}

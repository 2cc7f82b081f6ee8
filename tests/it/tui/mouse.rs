//! What clicks, the wheel and a button that is held do.

use lenslet::tui::effect::Effect;
use lenslet::tui::message::Message;
use lenslet::tui::model::{Model, Overlay};
use lenslet::tui::update::update;
use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::keys::{asked, day, state};
use super::support::{draw, press, text};

pub(super) fn click(model: &mut Model, column: u16, row: u16) -> Vec<Effect> {
    let kind = MouseEventKind::Down(MouseButton::Left);
    update(model, Message::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
}

pub(super) fn place(model: &mut Model, part: &str) -> (u16, u16) {
    let screen = text(&draw(model, 100, 30));
    let (row, line) = screen.lines().enumerate().find(|(_, line)| line.contains(part)).unwrap();
    (line.split(part).next().unwrap().chars().count() as u16, row as u16)
}

#[test]
fn the_mouse_does_what_keys_do() {
    let mut model = day();
    let (x, y) = place(&mut model, "gate");
    assert!(click(&mut model, x, y).is_empty());
    assert_eq!(state(&model), "Dashboard 1");
    assert!(asked(&click(&mut model, x, y)).contains("controls"));
    assert_eq!(state(&model), "Mount gate 0");
    let (x, y) = place(&mut model, "2 Sessions");
    click(&mut model, x, y);
    assert_eq!(state(&model), "Sessions 0 - by time \"\"");
    let wheel = |kind| Message::Mouse(MouseEvent { kind, column: 3, row: 9, modifiers: KeyModifiers::NONE });
    update(&mut model, wheel(MouseEventKind::ScrollDown));
    assert_eq!(state(&model), "Sessions 3 - by time \"\"");
    update(&mut model, wheel(MouseEventKind::ScrollUp));
    assert_eq!(state(&model), "Sessions 0 - by time \"\"");
    let (x, y) = place(&mut model, "leave");
    assert_eq!(click(&mut model, x, y), [Effect::Leave]);
}

#[test]
fn a_click_on_a_columns_head_sorts_by_it() {
    let mut model = day();
    press(&mut model, "2");
    for (head, by) in [
        ("LOSS%", "loss"),
        ("LOSS%<", "loss reversed"),
        ("FROM", "address"),
        ("MOUNT", "mount"),
        ("DROPS", "drops"),
        ("BITRATE", "bitrate"),
    ] {
        let (x, y) = place(&mut model, head);
        click(&mut model, x, y);
        assert_eq!(state(&model), format!("Sessions {} - by {by} \"\"", model.panes.sessions.cursor.chosen));
    }
}

#[test]
fn a_question_is_answered_by_a_click() {
    let asks = |model: &Model| matches!(model.overlay, Some(Overlay::Question(_)));
    for (answer, asked_of_it) in [("y yes", true), ("n Esc no", false)] {
        let mut model = day();
        press(&mut model, "1 d");
        let (column, row) = place(&mut model, answer);
        assert!(click(&mut model, column - 2, row).is_empty() && asks(&model), "beside it is no answer");
        let effects = click(&mut model, column, row);
        assert!(!asks(&model));
        assert_eq!(effects.len(), usize::from(asked_of_it));
    }
}

#[test]
fn the_mouse_sets_sliders_and_switches() {
    let mut model = day();
    press(&mut model, "3");
    // Where a line's slider begins, its row and how wide it is.
    let bar = |model: &mut Model, name: &str| {
        let (_, row) = place(model, name);
        let screen = text(&draw(model, 100, 30));
        let line: Vec<char> = screen.lines().nth(row.into()).unwrap().chars().collect();
        let is_bar = |sign: &char| "█░".contains(*sign);
        let from = line.iter().position(is_bar).unwrap();
        (from as u16, row, line[from..].iter().take_while(|sign| is_bar(sign)).count() as u16)
    };
    let drag = |model: &mut Model, column, row| {
        let kind = MouseEventKind::Drag(MouseButton::Left);
        update(model, Message::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
    };
    let (x, y, wide) = bar(&mut model, "bitrate  ");
    let set = |effects: Vec<Effect>| asked(&effects);
    assert!(set(click(&mut model, x + wide - 1, y)).contains("\"bitrate_bps\":50000000"));
    assert_eq!(set(drag(&mut model, x + wide - 1, y)), "", "it is so already");
    assert!(set(drag(&mut model, x, y)).contains("\"bitrate_bps\":50000}"));
    let (x, y, wide) = bar(&mut model, "GOP, pictures");
    assert!(set(click(&mut model, x, y)).contains("\"pictures\":1}"));
    assert!(set(click(&mut model, x + wide - 1, y)).contains("\"pictures\":1000}"));
    let (x, y, wide) = bar(&mut model, "brightness");
    assert!(set(click(&mut model, x, y)).contains("\"value\":-64}"));
    assert!(set(drag(&mut model, x + wide - 1, y)).contains("\"value\":64}"));
    assert_eq!(state(&model), "Mount door 2");
    assert_eq!(set(drag(&mut model, x + wide, y)), "", "beside it nothing slides");
    // A second click on a line is as Enter.
    let (x, y) = place(&mut model, "horizontal_flip");
    assert_eq!(set(click(&mut model, x, y)), "");
    assert!(set(click(&mut model, x, y)).contains("\"control\":\"horizontal_flip\",\"value\":true"));
}

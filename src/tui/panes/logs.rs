//! The log.

use ratatui::crossterm::event::KeyCode;
use tui_input::Input;

use super::super::effect::Effect;
use super::super::keys::{self, Binding, Key, key};
use super::super::message::{Asked, Command};
use super::super::model::{Model, Overlay, Prompt};
use super::super::state::logs::KEPT;
use super::Effects;
use crate::control::protocol::{Ask, Level, LogEvent, LogWish};

/// Its keys.
pub const KEYS: &[Binding] = &[
    keys::UP,
    keys::DOWN,
    keys::PAGE_UP,
    keys::PAGE_DOWN,
    keys::FIRST,
    keys::LAST,
    key(&[Key::Code(KeyCode::Enter)], "Enter", Command::Open, "the whole line").with_footer("whole"),
    key(&[Key::Sign('l')], "l", Command::Level, "fewer lines, then all again").with_footer("level"),
    key(&[Key::Sign('o')], "o", Command::Room, "one room's, the next's, all").with_footer("room"),
    key(&[Key::Sign('/')], "/", Command::Search, "look for a text").with_footer("search"),
    key(&[Key::Sign('n')], "n", Command::NextMatch, "the next place of it, upwards"),
    key(&[Key::Sign('N')], "N", Command::PreviousMatch, "and back"),
    key(&[Key::Sign('p'), Key::Sign(' ')], "p Space", Command::Pause, "stand still, or go on")
        .with_footer("pause"),
    key(&[Key::Sign('F')], "F", Command::Follow, "the newest line, and stay").with_footer("follow"),
];

/// Asks for the log when one comes to it first.
pub fn enter(model: &mut Model) -> Effects {
    if std::mem::replace(&mut model.panes.logs.asked, true) { Vec::new() } else { vec![ask()] }
}

/// Asks again, of a daemon that came back.
pub fn again(model: &mut Model) -> Effects {
    if !model.panes.logs.asked {
        return Vec::new();
    }
    let logs = &mut model.panes.logs;
    // Who stands still may read what was said before the end.
    logs.outdated = logs.paused;
    if !logs.paused {
        logs.lines.clear();
    }
    logs.waiting.clear();
    logs.missed = 0;
    vec![ask()]
}

fn ask() -> Effect {
    let wish = LogWish { level: Level::Trace, rooms: Vec::new(), last: KEPT as u32, follow: true };
    Effect::ask(Asked::Log, Ask::Log(wish))
}

/// Takes what came.
pub fn came(model: &mut Model, event: LogEvent) {
    let logs = &mut model.panes.logs;
    match event {
        LogEvent::Line(line) => logs.add(line),
        LogEvent::Missed(lines) => logs.missed = logs.missed.saturating_add(lines),
    }
    stay(model);
}

/// To the newest line, where it is followed.
fn stay(model: &mut Model) {
    let logs = &mut model.panes.logs;
    if logs.follows {
        let length = logs.shown().len();
        logs.cursor.set(length.saturating_sub(1), length, model.places.page);
    }
}

/// Does what a key asks for.
pub fn command(model: &mut Model, command: Command) -> Effects {
    let page = model.places.page;
    let logs = &mut model.panes.logs;
    match command {
        Command::Level => {
            logs.level = match logs.level {
                Level::Trace => Level::Debug,
                Level::Debug => Level::Info,
                Level::Info => Level::Warn,
                Level::Warn => Level::Error,
                Level::Error => Level::Trace,
            };
        }
        Command::Room => logs.next_room(),
        Command::Open => {
            let line =
                logs.shown().get(logs.cursor.chosen).map(|it| format!("{} {}: {}", it.at, it.room, it.text));
            model.overlay = line.map(|text| Overlay::Text { text, from: 0 });
            return Vec::new();
        }
        Command::Search => {
            let input = Input::new(logs.search.clone());
            model.overlay = Some(Overlay::Prompt { what: Prompt::SearchLog, input });
            return Vec::new();
        }
        Command::Back => logs.search.clear(),
        Command::Pause => {
            logs.paused = !logs.paused;
            if !logs.paused {
                if std::mem::take(&mut logs.outdated) {
                    logs.lines.clear();
                }
                std::mem::take(&mut logs.waiting).into_iter().for_each(|line| logs.add(line));
            }
        }
        Command::Follow => logs.follows = true,
        Command::NextMatch | Command::PreviousMatch => find(model, command == Command::NextMatch),
        command => {
            let length = logs.shown().len();
            if logs.cursor.go(command, length, page) {
                logs.follows = logs.cursor.chosen + 1 == length && command != Command::Up;
            }
        }
    }
    stay(model);
    Vec::new()
}

/// Whether the line that keys act on is one that is looked for, or nothing is.
pub fn is_found(model: &Model) -> bool {
    let logs = &model.panes.logs;
    logs.search.is_empty() || logs.shown().get(logs.cursor.chosen).is_some_and(|line| logs.found(line))
}

/// To the next line that is looked for, upwards or downwards, round and round.
pub fn find(model: &mut Model, upwards: bool) {
    let logs = &model.panes.logs;
    let shown = logs.shown();
    let length = shown.len();
    let step = if upwards { length.saturating_sub(1) } else { 1 };
    let places = (1..=length).map(|steps| (logs.cursor.chosen + steps * step) % length);
    let place = places.into_iter().find(|place| shown.get(*place).is_some_and(|line| logs.found(line)));
    if let Some(place) = place {
        let page = model.places.page;
        let logs = &mut model.panes.logs;
        logs.follows = false;
        logs.cursor.set(place, length, page);
    }
}

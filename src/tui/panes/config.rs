//! The configuration.

use super::super::effect::Effect;
use super::super::keys::{self, Binding, Key, key};
use super::super::message::{self, Asked as Question};
use super::super::model::{Model, Notice};
use ratatui::crossterm::event::KeyEvent;

use super::Effects;
use super::cursor::Cursor;
use crate::control::protocol::{ConfigRequest, ConfigText, Outcome, Reply};

/// What the configuration's pane remembers.
#[derive(Debug, Default)]
pub struct State {
    /// The file, as the daemon gave it last.
    pub file: Option<ConfigText>,
    /// The line that keys act on.
    pub cursor: Cursor,
}

/// What of the configuration was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The file's text.
    Text,
}

/// What keys of this pane alone ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The file is read again.
    Read,
}

const KEYS: &[Binding] = &[
    keys::UP.with_footer("scroll"),
    keys::DOWN,
    keys::PAGE_UP,
    keys::PAGE_DOWN,
    keys::FIRST,
    keys::LAST,
    key(&[Key::Sign('R')], "R", message::Command::Config(Command::Read), "read the file again")
        .with_footer("read again"),
];

/// Its keys.
pub fn keys(_: &State) -> &'static [Binding] {
    KEYS
}

/// Asks for what the pane shows when one comes to it.
pub fn enter(_: &mut Model) -> Effects {
    vec![Effect::ask(Question::Config(Asked::Text), ConfigRequest::Get { path: None })]
}

/// Does what a key asks for.
pub fn command(model: &mut Model, command: message::Command) -> Effects {
    if command == message::Command::Config(Command::Read) {
        return enter(model);
    }
    let length = model.panes.config.file.as_ref().map_or(0, |file| file.text.lines().count());
    model.panes.config.cursor.go(command, length, model.places.page);
    Vec::new()
}

/// Takes an answer.
pub fn answered(model: &mut Model, _: &Asked, outcome: Outcome) -> Effects {
    match outcome {
        Ok(Reply::Config(file)) => model.panes.config.file = Some(file),
        Ok(_) => {}
        Err(refusal) => model.notice = Some(Notice::refused(refusal.to_string())),
    }
    Vec::new()
}

/// Whether a key belongs to what is being typed here, whatever it does elsewhere.
pub fn takes(_: &Model, _: KeyEvent) -> bool {
    false
}

/// Takes a key that [`takes`] claimed.
pub fn typed(_: &mut Model, _: KeyEvent) -> Effects {
    Vec::new()
}

/// A line was clicked.
pub fn clicked(model: &mut Model, place: usize) -> Effects {
    model.panes.config.cursor.chosen = place;
    Vec::new()
}

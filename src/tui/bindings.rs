//! Which keys there are where one is: a table a screen, and those that all have.

use ratatui::crossterm::event::KeyEvent;

use super::command::Command;
use super::keys::{Binding, EVERYWHERE, Key, TYPING};
use super::model::{Model, Tab};
use super::panes;

/// What a key does here, where no line is being typed.
pub fn command(model: &Model, event: KeyEvent) -> Option<Command> {
    let key = Key::of(event)?;
    let mut here = bindings(model).chain(everywhere(model));
    here.find(|binding| binding.keys.contains(&key)).map(|binding| binding.does)
}

/// The keys of the screen that one is on, without those that all screens have.
pub fn bindings(model: &Model) -> impl Iterator<Item = &'static Binding> {
    let table: &[Binding] = match model.tab {
        Tab::Dashboard => panes::dashboard::KEYS,
        Tab::Sessions if model.panes.sessions.open.is_some() => panes::session::KEYS,
        Tab::Sessions => panes::sessions::KEYS,
        Tab::Mount => panes::mount::KEYS,
        Tab::Config => panes::config::keys(&model.panes.config),
        Tab::Logs => panes::logs::KEYS,
        Tab::Alarms => panes::alarms::KEYS,
    };
    table.iter()
}

/// The keys that all screens have; where something is being typed, those that mean nothing in a text.
pub fn everywhere(model: &Model) -> &'static [Binding] {
    if panes::config::types(model) { TYPING } else { EVERYWHERE }
}

//! What is or was wrong, and what to do.

use super::super::keys::{self, Binding};
use super::super::message::Command;
use super::super::model::Model;
use super::Effects;
use super::mount;

/// Its keys.
pub const KEYS: &[Binding] = &[
    keys::UP.with_footer("choose"),
    keys::DOWN,
    keys::PAGE_UP,
    keys::PAGE_DOWN,
    keys::FIRST,
    keys::LAST,
    keys::OPEN.with_footer("its mount"),
];

/// Does what a key asks for.
pub fn command(model: &mut Model, command: Command) -> Effects {
    let alarms = model.status.as_ref().map_or(&[][..], |status| &status.alarms);
    let (length, cursor) = (alarms.len(), &mut model.panes.alarms.cursor);
    if command == Command::Open {
        let mount = alarms.get(cursor.chosen).and_then(|alarm| alarm.mount.clone());
        return mount.map_or_else(Vec::new, |name| mount::open(model, name));
    }
    cursor.go(command, length, model.places.page);
    Vec::new()
}

//! Mounts, the box and what is wrong.

use super::super::effect::Effect;
use super::super::keys::{self, Binding, Key, key};
use super::super::message::{Asked, Command};
use super::super::model::{Model, Tab};
pub use super::mounts::chosen;
use super::{Effects, mount, mounts, sessions};
use crate::control::protocol::Act;

/// Its keys.
pub const KEYS: &[Binding] = &[
    keys::UP.with_footer("choose"),
    keys::DOWN,
    keys::PAGE_UP,
    keys::PAGE_DOWN,
    keys::FIRST,
    keys::LAST,
    keys::OPEN,
    key(&[Key::Sign('s')], "s", Command::Viewers, "who watches this mount").with_footer("viewers"),
    key(&[Key::Sign('f')], "f", Command::Keyframe, "have it make a keyframe").with_footer("keyframe"),
    key(&[Key::Sign('d')], "d", Command::Toggle, "serve it no longer, or again").with_footer("disable"),
    key(&[Key::Sign('a')], "a", Command::Show(Tab::Alarms), "all alarms").with_footer("alarms"),
];

/// Does what a key asks for.
pub fn command(model: &mut Model, command: Command) -> Effects {
    let length = model.status.as_ref().map_or(0, |status| status.mounts.len());
    let name = chosen(model).map(|mount| mount.name.clone());
    match (command, name) {
        (Command::Open, Some(name)) => return mount::open(model, name),
        (Command::Viewers, Some(name)) => sessions::of_mount(model, &name),
        (Command::Keyframe, Some(mount)) => return vec![Effect::ask(Asked::Deed, Act::Keyframe { mount })],
        (Command::Toggle, Some(_)) => {
            return chosen(model).cloned().map_or_else(Vec::new, |it| mounts::toggle(model, &it));
        }
        (command, _) => {
            model.panes.dashboard.cursor.go(command, length, model.places.page);
        }
    }
    Vec::new()
}

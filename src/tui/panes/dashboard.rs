//! Mounts, the box and what is wrong.

use super::super::effect::Effect;
use super::super::keys::{self, Binding, Key, key};
use super::super::message::{Asked, Command};
use super::super::model::{Deed, Model, Overlay, Question, Tab};
use super::cursor::Cursor;
use super::{Effects, mount, sessions};
use crate::control::protocol::{Act, MountState, MountStatus};

/// What the dashboard remembers.
#[derive(Debug, Default)]
pub struct State {
    /// The mount that keys act on.
    pub cursor: Cursor,
}

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

/// The mount that keys act on.
pub fn chosen(model: &Model) -> Option<&MountStatus> {
    let mounts = &model.status.as_ref()?.mounts;
    mounts.get(model.panes.dashboard.cursor.chosen.min(mounts.len().saturating_sub(1)))
}

/// Does what a key asks for.
pub fn command(model: &mut Model, command: Command) -> Effects {
    let length = model.status.as_ref().map_or(0, |status| status.mounts.len());
    let name = chosen(model).map(|mount| mount.name.clone());
    match (command, name) {
        (Command::Open, Some(name)) => return mount::open(model, name),
        (Command::Viewers, Some(name)) => sessions::of_mount(model, &name),
        (Command::Keyframe, Some(mount)) => return vec![Effect::ask(Asked::Deed, Act::Keyframe { mount })],
        (Command::Toggle, Some(_)) => {
            return chosen(model).cloned().map_or_else(Vec::new, |it| toggle(model, &it));
        }
        (command, _) => {
            model.panes.dashboard.cursor.go(command, length, model.places.page);
        }
    }
    Vec::new()
}

/// Serves a mount again, or asks whether it is to be served no longer.
pub fn toggle(model: &mut Model, mount: &MountStatus) -> Effects {
    let name = mount.name.clone();
    if mount.state == MountState::Disabled {
        return vec![Effect::ask(Asked::Deed, Act::MountEnable { mount: name })];
    }
    let viewers = match mount.readers {
        0 => "Nobody watches it".to_owned(),
        1 => "Its one viewer is told goodbye".to_owned(),
        readers => format!("Its {readers} viewers are told goodbye"),
    };
    model.overlay = Some(Overlay::Question(Question::sure(
        format!("Serve {name} no longer, until it is enabled or the daemon starts again? {viewers}."),
        Deed::Act(Act::MountDisable { mount: name }),
    )));
    Vec::new()
}

//! One session.

use super::super::keys::{Binding, Key, key};
use super::super::message::Command;
use super::super::model::Model;
use super::{Effects, sessions};

/// Its keys.
pub const KEYS: &[Binding] = &[
    key(&[Key::Sign('x')], "x", Command::Kick, "end this session").with_footer("kick"),
    sessions::BAN,
    key(&[Key::Sign('u')], "u", Command::Url, "its URL, as text and QR code").with_footer("URL"),
    key(&[Key::Sign('m')], "m", Command::Open, "its mount").with_footer("mount"),
    key(&[Key::Sign('n')], "n", Command::Down, "the next session").with_footer("next"),
    key(&[Key::Sign('p')], "p", Command::Up, "the session before"),
];

/// Does what a key asks for.
pub fn command(model: &mut Model, command: Command) -> Effects {
    match command {
        Command::Back => model.panes.sessions.open = None,
        Command::Up | Command::Down => {
            sessions::go(model, command);
            model.panes.sessions.open = model.panes.sessions.chosen.clone();
        }
        Command::Open => {
            let mount = sessions::chosen(model).map(|session| session.mount.clone());
            return mount.map_or_else(Vec::new, |name| super::mount::open(model, name));
        }
        Command::Kick | Command::Ban | Command::Url => return sessions::command(model, command),
        _ => {}
    }
    Vec::new()
}

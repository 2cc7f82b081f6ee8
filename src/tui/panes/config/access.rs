//! Users and bans. They are no part of the file: what is done to them holds at once.

use ratatui::crossterm::event::KeyCode;

use super::super::super::command::{AccessCommand as Command, ConfigCommand};
use super::super::super::effect::Effect;
use super::super::super::keys::{self, Binding, Key};
use super::super::super::message::{Asked as Question, ConfigAsked as Asked};
use super::super::super::model::{Deed, Model, Notice, Overlay, Question as Sure};
pub use super::super::super::state::config::access::{Access, Row};
use super::super::super::state::config::editor::Editor;
use super::super::super::state::config::steps::{Goal, Steps};
use super::super::super::state::config::{Screen, State};
use super::super::Effects;
use super::asks::own;
use crate::control::protocol::{AccessRequest, BanEntry, Outcome, Reply, UserEntry};

const fn key(keys: &'static [Key], shown: &'static str, does: Command, help: &'static str) -> Binding {
    own(keys, shown, ConfigCommand::Access(does), help)
}

/// Its keys.
pub const KEYS: &[Binding] = &[
    keys::UP,
    keys::DOWN,
    keys::PAGE_UP,
    keys::PAGE_DOWN,
    keys::FIRST,
    keys::LAST,
    key(&[Key::Sign('a')], "a", Command::Add, "add a user").with_footer("add user"),
    key(&[Key::Code(KeyCode::Enter), Key::Sign('r')], "Enter r", Command::Rights, "what the user may")
        .with_footer("rights"),
    key(&[Key::Sign('p')], "p", Command::Password, "another password for the user").with_footer("password"),
    key(&[Key::Sign('x'), Key::Code(KeyCode::Delete)], "x Del", Command::Remove, "remove it, lift the ban")
        .with_footer("remove"),
    key(&[Key::Sign('b')], "b", Command::Ban, "ban an address").with_footer("ban"),
];

/// Asks for both lists.
pub(super) fn ask(model: &mut Model) -> Effects {
    model.panes.config.access.counted = counted(model);
    let ask = |to, request| Effect::ask(Question::Config(to), request);
    vec![ask(Asked::Users, AccessRequest::UserList {}), ask(Asked::Bans, AccessRequest::BanList {})]
}

fn counted(model: &Model) -> (u32, u32) {
    model.status.as_ref().map_or((0, 0), |status| (status.access.users, status.access.bans))
}

/// Asks again where a status says that there are more or fewer than there were.
pub fn tick(model: &mut Model) -> Effects {
    let seen = matches!(model.panes.config.screen, Screen::Access);
    if seen && counted(model) != model.panes.config.access.counted { ask(model) } else { Vec::new() }
}

/// Does what a key asks for.
pub(super) fn command(model: &mut Model, command: Command) -> Effects {
    let access = &model.panes.config.access;
    let steps = match (command, access.chosen()) {
        (Command::Show, _) => {
            model.panes.config.screen = Screen::Access;
            return ask(model);
        }
        (Command::Add, _) => Steps::new(Goal::Add),
        (Command::Ban, _) => Steps::new(Goal::Ban),
        (Command::Rights, Some(Row::User(user))) => Steps::rights(user),
        (Command::Password, Some(Row::User(user))) => Steps::new(Goal::Password(user.name.clone())),
        (Command::Remove, Some(row)) => {
            let question = remove(row);
            model.overlay = Some(Overlay::Question(question));
            return Vec::new();
        }
        (Command::Rights | Command::Password, Some(Row::Ban(_))) => {
            model.notice = Some(Notice::refused("That is an address: x lifts its ban."));
            return Vec::new();
        }
        (_, None) => {
            model.notice = Some(Notice::refused("There is nobody yet: a adds a user."));
            return Vec::new();
        }
    };
    model.panes.config.editor = Some(Editor::Steps(Box::new(steps)));
    Vec::new()
}

fn remove(row: Row<'_>) -> Sure {
    match row {
        Row::User(UserEntry { name, .. }) => Sure::sure(
            format!("Is {name} no user any more? What {name} watches ends."),
            Deed::Access(AccessRequest::UserRemove { name: name.clone() }),
        ),
        Row::Ban(BanEntry { address, why, .. }) => Sure::sure(
            format!("Look at what comes from {address} again? It was banned for this: {why}"),
            Deed::Access(AccessRequest::BanLift { address: address.clone() }),
        ),
    }
}

/// Asks for a deed.
pub fn does(model: &mut Model, request: AccessRequest) -> Effects {
    if let Some(Editor::Steps(steps)) = &mut model.panes.config.editor {
        steps.sent = true;
    }
    vec![Effect::ask(Question::Config(Asked::Access), request)]
}

/// Does what was typed, or asks first where it does more than it says.
pub(super) fn done(model: &mut Model, request: AccessRequest) -> Effects {
    let Some(Editor::Steps(steps)) = &model.panes.config.editor else { return does(model, request) };
    let mut asks = steps.doubts(&mounts(model));
    if let AccessRequest::UserAdd { name, .. } = &request
        && model.panes.config.access.users.as_ref().is_some_and(Vec::is_empty)
    {
        asks.insert(0, first_user(model, name));
    }
    if asks.is_empty() {
        return does(model, request);
    }
    asks.push("Do it?".to_owned());
    model.overlay = Some(Overlay::Question(Sure::sure(asks.join(" "), Deed::Access(request))));
    Vec::new()
}

/// The mounts that there are now.
pub fn mounts(model: &Model) -> Vec<String> {
    let mounts = model.status.iter().flat_map(|status| &status.mounts);
    mounts.map(|mount| mount.name.clone()).collect()
}

/// Those who are named in a question; the rest is counted.
const NAMED: usize = 3;

/// What becomes of those who watch without a password once there is a user.
fn first_user(model: &Model, name: &str) -> String {
    let sessions = model.status.iter().flat_map(|status| &status.sessions);
    let whom: Vec<String> = sessions
        .filter(|session| session.user.is_none())
        .map(|session| format!("{} on {}", session.address, session.mount))
        .collect();
    let more = match whom.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let ends = match whom.len() {
        0 => "Nobody watches now.".to_owned(),
        _ => format!("What these watch ends: {}{more}.", whom[..whom.len().min(NAMED)].join(", ")),
    };
    format!(
        "{name} is the first user: from now on everybody is asked for a password, and whoever knows one is answered from outside \
         private networks too, unless access.allow says otherwise. {ends}"
    )
}

/// Takes an answer.
pub(super) fn answered(model: &mut Model, asked: &Asked, outcome: Outcome) -> Effects {
    let State { access, editor, .. } = &mut model.panes.config;
    match (asked, outcome) {
        (Asked::Users, Ok(Reply::Users(users))) => access.users = Some(users),
        (Asked::Bans, Ok(Reply::Bans(bans))) => access.bans = Some(bans),
        (Asked::Access, Ok(reply)) => {
            if matches!(editor, Some(Editor::Steps(_))) {
                *editor = None;
            }
            if let Reply::Done { said } = reply {
                model.notice = Some(Notice::done(said));
            }
            return ask(model);
        }
        (Asked::Access, Err(refusal)) => match editor {
            Some(Editor::Steps(steps)) => {
                (steps.wrong, steps.sent) = (Some(refusal.to_string()), false);
            }
            _ => model.notice = Some(Notice::refused(refusal.to_string())),
        },
        (_, Err(refusal)) => model.notice = Some(Notice::refused(refusal.to_string())),
        _ => {}
    }
    Vec::new()
}

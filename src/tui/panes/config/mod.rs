//! The configuration: forms, a wizard for mounts, the text itself, what a change would do, and the versions.
//!
//! Everything is done to a [`draft`]; the daemon makes each edit of it, so that comments and layout stay and a mistake is
//! told while one types. Nothing holds before it is applied, which shows first what starts anew and whom that interrupts.
//!
//! ```text
//! sections -> a form -> a line or a choice -> (the draft)      w: what it would do -> y: apply
//!          -> a: what, called what, from where                 v: versions -> back to one
//!          -> e: the text                                      u, Ctrl-R: undo, redo    R: forget it all
//!          -> users and bans, which are no part of the file: what is done to them holds at once
//! ```

pub mod access;
mod another;
mod answers;
mod asks;
mod deeds;

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::super::command::Command as Any;
pub use super::super::command::ConfigCommand as Command;
use super::super::effect::Effect;
use super::super::keys::{self, Binding, Key, key};
use super::super::message::Asked as Question;
pub use super::super::message::ConfigAsked as Asked;
use super::super::model::{Model, Tab};
use super::super::state::config::editor::Editor;
pub use super::super::state::config::review::{Part, Review, marked, review};
pub use super::super::state::config::{Screen, State, draft, editor, form, raw, schema, steps};
use super::Effects;
use crate::control::protocol::{ConfigRequest, Look};
pub use another::tick;
pub use answers::answered;
use asks::{own, values};

const ADD: Binding = own(&[Key::Sign('a')], "a", Command::Add, "add a mount").with_footer("add");
const REMOVE: Binding =
    own(&[Key::Sign('x'), Key::Code(KeyCode::Delete)], "x Del", Command::Remove, "take the mount out");
const RENAME: Binding = own(&[Key::Sign('n')], "n", Command::Rename, "rename the mount");
const RESET: Binding =
    own(&[Key::Sign('d'), Key::Code(KeyCode::Delete)], "d Del", Command::Reset, "as it is by default")
        .with_footer("default");
const UNDO: Binding = own(&[Key::Sign('u')], "u", Command::Undo, "undo the last change").with_footer("undo");
const REDO: Binding = own(&[Key::Control('r')], "^R", Command::Redo, "redo it");
const REVIEW: Binding =
    own(&[Key::Sign('w')], "w", Command::Review, "see what the changes would do, and apply them")
        .with_footer("apply");
const TEXT: Binding = own(&[Key::Sign('e')], "e", Command::Edit, "edit the file's text").with_footer("text");
const HISTORY: Binding =
    own(&[Key::Sign('v')], "v", Command::History, "the versions that are kept").with_footer("versions");
const READ: Binding =
    own(&[Key::Sign('R')], "R", Command::Read, "read the file again and forget the changes");
const APPLY: Binding = own(&[Key::Sign('y')], "y", Command::Apply, "apply it").with_footer("apply");
const ROLLBACK: Binding = own(
    &[Key::Code(KeyCode::Enter), Key::Sign('r')],
    "Enter r",
    Command::Rollback,
    "see what going back to it would do",
)
.with_footer("back to it");

macro_rules! list {
    ($($more:expr),* $(,)?) => {
        &[keys::UP, keys::DOWN, keys::PAGE_UP, keys::PAGE_DOWN, keys::FIRST, keys::LAST, $($more),*]
    };
}

const SECTIONS: &[Binding] = list![keys::OPEN, ADD, REVIEW, UNDO, REMOVE, RENAME, REDO, TEXT, HISTORY, READ];
const FORM: &[Binding] = list![
    key(&[Key::Code(KeyCode::Enter), Key::Sign(' ')], "Enter", Any::Open, "change it").with_footer("change"),
    RESET,
    REVIEW,
    UNDO,
    REDO,
    TEXT,
    HISTORY,
];
const REVIEWED: &[Binding] = list![APPLY];
const VERSIONS: &[Binding] = list![ROLLBACK];

/// What keys do in it that are not text; `Raw::typed` does it.
const RAW: &[Binding] = &[
    own(&[Key::Control('s'), Key::Code(KeyCode::F(2))], "^S F2", Command::TakeText, "take the text")
        .with_footer("take it"),
    own(&[Key::Code(KeyCode::Esc), Key::Control('c')], "Esc ^C", Command::CloseText, "leave it as it was")
        .with_footer("leave it"),
    own(&[], "^U ^R", Command::CloseText, "undo, redo"),
    own(&[], "^A ^E", Command::CloseText, "to the line's beginning, its end"),
    own(&[], "^K ^J", Command::CloseText, "take away to the line's end, its beginning"),
    own(&[], "^W", Command::CloseText, "take away the word before"),
    own(&[], "PgUp PgDn", Command::CloseText, "a page up, down"),
];

/// Its keys.
pub fn keys(state: &State) -> &'static [Binding] {
    match &state.screen {
        // What is being typed or chosen has its own beside it.
        _ if state.editor.is_some() => &[],
        Screen::Sections => SECTIONS,
        Screen::Form(_) => FORM,
        Screen::Review(..) => REVIEWED,
        Screen::History => VERSIONS,
        Screen::Raw(_) => RAW,
        Screen::Access => access::KEYS,
    }
}

/// Asks for what the pane shows when one comes to it. What is being worked on stays.
pub fn enter(model: &mut Model) -> Effects {
    let state = &model.panes.config;
    let mut effects = Vec::new();
    if state.schema.is_none() {
        effects.push(Effect::ask(Question::Config(Asked::Schema), ConfigRequest::Schema {}));
    }
    if !state.draft.changed() && !matches!(state.screen, Screen::Raw(_)) {
        effects.push(Effect::ask(Question::Config(Asked::Text), ConfigRequest::Get { path: None }));
    } else if state.draft.values.is_none() {
        effects.push(values(&state.draft));
    }
    effects.push(Effect::ask(Question::Config(Asked::Probe), Look::Probe {}));
    if matches!(state.screen, Screen::Access) {
        effects.extend(access::ask(model));
    }
    effects
}

/// The daemon is another: what was asked before is answered no more.
pub fn connected(model: &mut Model) {
    (model.panes.config.applying, model.panes.config.noticed) = (None, None);
}

/// Does what a key asks for.
pub fn command(model: &mut Model, command: Any) -> Effects {
    match command {
        Any::Config(own) => deeds::command(model, own),
        Any::Open => deeds::open(model),
        Any::Back => {
            back(model);
            Vec::new()
        }
        other => {
            let (page, rows) = (model.places.page, model.places.lines);
            if let (Some(cursor), length) = model.panes.config.list(rows) {
                cursor.go(other, length, page);
            }
            Vec::new()
        }
    }
}

/// To where one came from.
fn back(model: &mut Model) {
    let state = &mut model.panes.config;
    match state.screen {
        Screen::Sections => model.tab = Tab::Dashboard,
        Screen::Review(Review { back_to: Some(_), .. }) => state.screen = Screen::History,
        _ => state.screen = Screen::Sections,
    }
}

/// Whether something is being typed or chosen here: keys belong to that, whatever they do elsewhere.
pub fn types(model: &Model) -> bool {
    let state = &model.panes.config;
    model.tab == Tab::Config && (state.editor.is_some() || matches!(state.screen, Screen::Raw(_)))
}

/// Whether a key belongs to what is being typed; that for help means nothing in a text.
pub fn takes(model: &Model, key: KeyEvent) -> bool {
    types(model) && (model.panes.config.editor.is_some() || key.code != KeyCode::F(1))
}

/// Takes a key that [`takes`] claimed.
pub fn typed(model: &mut Model, key: KeyEvent) -> Effects {
    deeds::typed(model, key)
}

/// Takes text from the terminal's clipboard.
pub fn pasted(model: &mut Model, text: &str) -> Effects {
    deeds::pasted(model, text)
}

/// A line was clicked: it is chosen, and opened where it was.
pub fn clicked(model: &mut Model, place: usize) -> Effects {
    let (page, rows) = (model.places.page, model.places.lines);
    let state = &mut model.panes.config;
    match &mut state.editor {
        Some(Editor::Choice(choice)) => {
            let place = place.min(choice.choices.len().saturating_sub(1));
            let before = std::mem::replace(&mut choice.chosen, place);
            return if before == place { deeds::chosen(state) } else { Vec::new() };
        }
        Some(Editor::Steps(steps)) => {
            steps.go_to(place);
            return Vec::new();
        }
        Some(Editor::Line(_)) => return Vec::new(),
        None => {}
    }
    let (Some(cursor), length) = state.list(rows) else { return Vec::new() };
    let before = cursor.chosen;
    cursor.set(place, length, page);
    if before == place && !matches!(state.screen, Screen::History) { deeds::open(model) } else { Vec::new() }
}

#[cfg(test)]
mod tests;

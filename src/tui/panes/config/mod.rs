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
mod answers;
mod deeds;
pub mod draft;
pub mod editor;
pub mod form;
pub mod probed;
pub mod raw;
mod review;
pub mod schema;
pub mod steps;

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::super::effect::Effect;
use super::super::keys::{self, Binding, Key, key};
use super::super::message::{self, Asked as Question};
use super::super::model::{Model, Tab};
use super::Effects;
use super::cursor::Cursor;
use crate::control::protocol::{ConfigRequest, Look, VersionEntry};
use access::Access;
pub use answers::answered;
use draft::Draft;
use editor::Editor;
use form::{Form, Section, Setting};
use probed::Probed;
use raw::Raw;
pub use review::{Part, Review, marked, review};
use schema::Schema;

/// What the configuration's pane remembers.
#[derive(Debug, Default)]
pub struct State {
    /// What is shown.
    pub screen: Screen,
    /// What the file is to become.
    pub draft: Draft,
    /// What may be written.
    pub schema: Option<Schema>,
    /// What the board has.
    probed: Probed,
    /// The section that keys act on.
    pub sections: Cursor,
    /// A value that is being made.
    pub editor: Option<Editor>,
    /// The versions that are kept, the newest first.
    pub versions: Vec<VersionEntry>,
    /// The version that keys act on.
    pub version: Cursor,
    /// Users and bans.
    pub access: Access,
}

/// What is shown.
#[derive(Debug, Default)]
pub enum Screen {
    /// The sections of the file.
    #[default]
    Sections,
    /// The settings of one.
    Form(Form),
    /// What the draft would do, or going back to a version.
    Review(Review),
    /// The versions.
    History,
    /// The text.
    Raw(Box<Raw>),
    /// Users and bans.
    Access,
}

/// What of the configuration was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The file's text.
    Text,
    /// What may be written.
    Schema,
    /// What the board has.
    Probe,
    /// What is written in the draft.
    Values,
    /// Whether what is being typed fits.
    Try,
    /// What is to be known of what fits.
    Warn,
    /// The draft with a change.
    Change,
    /// What the draft would do.
    Preview,
    /// The draft is applied.
    Apply,
    /// The file's text, which another has changed meanwhile.
    Rebase,
    /// What is wrong with the text that is being edited.
    Check,
    /// The versions.
    History,
    /// Who may watch what.
    Users,
    /// Whose attempts are not looked at.
    Bans,
    /// Something was to be done to users or bans.
    Access,
}

/// What keys of this pane alone ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The file is read again; what was changed is forgotten, after a question.
    Read,
    /// The same, without one.
    ReadNow,
    /// Another mount.
    Add,
    /// A mount goes from the draft.
    Remove,
    /// A mount is called otherwise.
    Rename,
    /// A setting is as it is by default.
    Reset,
    /// One step back.
    Undo,
    /// And forth.
    Redo,
    /// What the draft would do.
    Review,
    /// The draft becomes the file.
    Apply,
    /// The text.
    Edit,
    /// What was typed in it is taken, if nothing is wrong with it.
    TakeText,
    /// What was typed in it is forgotten, after a question.
    CloseText,
    /// The same, without one.
    LeaveText,
    /// The versions.
    History,
    /// What going back to a version would do.
    Rollback,
    /// Of users and bans.
    Access(access::Command),
}

const fn own(keys: &'static [Key], shown: &'static str, does: Command, help: &'static str) -> Binding {
    key(keys, shown, message::Command::Config(does), help)
}

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
    key(&[Key::Code(KeyCode::Enter), Key::Sign(' ')], "Enter", message::Command::Open, "change it")
        .with_footer("change"),
    RESET,
    REVIEW,
    UNDO,
    REDO,
    TEXT,
    HISTORY,
];
const REVIEWED: &[Binding] = list![APPLY];
const VERSIONS: &[Binding] = list![ROLLBACK];

/// Its keys.
pub fn keys(state: &State) -> &'static [Binding] {
    match &state.screen {
        // What is being typed or chosen has its own beside it.
        _ if state.editor.is_some() => &[],
        Screen::Sections => SECTIONS,
        Screen::Form(_) => FORM,
        Screen::Review(..) => REVIEWED,
        Screen::History => VERSIONS,
        Screen::Raw(_) => raw::KEYS,
        Screen::Access => access::KEYS,
    }
}

impl State {
    /// The sections that are listed.
    pub fn listed(&self) -> Vec<Section> {
        match (&self.schema, &self.draft.values) {
            (Some(schema), Some(values)) => form::sections(schema, values),
            _ => Vec::new(),
        }
    }

    /// The settings of the form that is open.
    pub fn settings(&self) -> Vec<Setting<'_>> {
        match (&self.screen, &self.schema, &self.draft.values) {
            (Screen::Form(form), Some(schema), Some(values)) => form::settings(&form.section, schema, values),
            _ => Vec::new(),
        }
    }

    /// The section that keys act on: the one that is open, or is chosen in the list.
    pub fn section(&self) -> Option<Section> {
        match &self.screen {
            Screen::Form(form) => Some(form.section.clone()),
            Screen::Sections => {
                let listed = self.listed();
                listed.get(self.sections.chosen.min(listed.len().saturating_sub(1))).cloned()
            }
            _ => None,
        }
    }

    fn mount(&self) -> Option<String> {
        match self.section()? {
            Section::Mount(name) => Some(name),
            _ => None,
        }
    }

    /// The list that keys act on: its place and its length. `rows` were drawn last where lines have several.
    fn list(&mut self, rows: usize) -> (Option<&mut Cursor>, usize) {
        let length = match &self.screen {
            Screen::Sections => self.listed().len(),
            Screen::Form(_) => self.settings().len(),
            Screen::Review(_) => rows,
            Screen::History => self.versions.len(),
            Screen::Access => self.access.length(),
            Screen::Raw(_) => 0,
        };
        let cursor = match &mut self.screen {
            Screen::Sections => Some(&mut self.sections),
            Screen::Form(form) => Some(&mut form.cursor),
            Screen::Review(it) => Some(&mut it.cursor),
            Screen::History => Some(&mut self.version),
            Screen::Access => Some(&mut self.access.cursor),
            Screen::Raw(_) => None,
        };
        (cursor, length)
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

/// What is written in the draft, asked.
fn values(draft: &Draft) -> Effect {
    Effect::ask(Question::Config(Asked::Values), ConfigRequest::Values { text: Some(draft.text.clone()) })
}

/// Does what a key asks for.
pub fn command(model: &mut Model, command: message::Command) -> Effects {
    match command {
        message::Command::Config(own) => deeds::command(model, own),
        message::Command::Open => deeds::open(model),
        message::Command::Back => {
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

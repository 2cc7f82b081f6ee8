//! The configuration: forms, a wizard for mounts, the text itself, what a change would do, and the versions.
//!
//! Everything is done to a [`draft`]; the daemon makes each edit of it, so that comments and layout stay and a mistake is
//! told while one types. Nothing holds before it is applied, which shows first what starts anew and whom that interrupts.
//!
//! ```text
//! sections -> a form -> a line or a choice -> (the draft)      w: what it would do -> y: apply
//!          -> a: what, called what, from where                 v: versions -> back to one
//!          -> e: the text                                      u, Ctrl-R: undo, redo    D: forget it all
//! ```

mod answers;
mod deeds;
pub mod draft;
pub mod editor;
pub mod form;
pub mod probed;
pub mod raw;
pub mod schema;

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::super::effect::Effect;
use super::super::keys::{self, Binding, Key, key};
use super::super::message::{self, Asked as Question};
use super::super::model::{Model, Tab};
use super::Effects;
use super::cursor::Cursor;
use crate::control::protocol::{ConfigRequest, Look, Plan, VersionEntry};
pub use answers::answered;
use draft::Draft;
use editor::Editor;
use form::{Form, Section, Setting};
use probed::Probed;
use raw::Raw;
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
}

/// What is shown.
#[derive(Debug, Default)]
pub enum Screen {
    /// The sections of the file.
    #[default]
    Sections,
    /// The settings of one.
    Form(Form),
    /// What the draft would do; none: it is being asked.
    Review(Option<Plan>, Cursor),
    /// The versions.
    History,
    /// The text.
    Raw(Box<Raw>),
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
    /// The draft with a change.
    Change,
    /// What the draft would do.
    Preview,
    /// The draft is applied.
    Apply,
    /// What is wrong with the text that is being edited.
    Check,
    /// The versions.
    History,
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
    /// What was typed in it is forgotten.
    LeaveText,
    /// The versions.
    History,
    /// A version becomes the file again, after a question.
    Rollback,
    /// The same, without one.
    RollbackTo(u64),
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
    "write that version into the file again",
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
        Screen::Sections => SECTIONS,
        Screen::Form(_) => FORM,
        Screen::Review(..) => REVIEWED,
        Screen::History => VERSIONS,
        Screen::Raw(_) => &[],
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

    /// The list that keys act on: its place and its length.
    fn list(&mut self) -> (Option<&mut Cursor>, usize) {
        let length = match &self.screen {
            Screen::Sections => self.listed().len(),
            Screen::Form(_) => self.settings().len(),
            Screen::Review(plan, _) => plan.as_ref().map_or(0, |plan| review(plan).len()),
            Screen::History => self.versions.len(),
            Screen::Raw(_) => 0,
        };
        let cursor = match &mut self.screen {
            Screen::Sections => Some(&mut self.sections),
            Screen::Form(form) => Some(&mut form.cursor),
            Screen::Review(_, cursor) => Some(cursor),
            Screen::History => Some(&mut self.version),
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
            let page = model.places.page;
            if let (Some(cursor), length) = model.panes.config.list() {
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
        _ => state.screen = Screen::Sections,
    }
}

/// Whether a key belongs to what is being typed here, whatever it does elsewhere.
pub fn takes(model: &Model, _: KeyEvent) -> bool {
    let state = &model.panes.config;
    model.tab == Tab::Config && (state.editor.is_some() || matches!(state.screen, Screen::Raw(_)))
}

/// Takes a key that [`takes`] claimed.
pub fn typed(model: &mut Model, key: KeyEvent) -> Effects {
    deeds::typed(model, key)
}

/// A line was clicked: it is chosen, and opened where it was.
pub fn clicked(model: &mut Model, place: usize) -> Effects {
    let page = model.places.page;
    let state = &mut model.panes.config;
    if let Some(Editor::Choice(choice)) = &mut state.editor {
        choice.chosen = place.min(choice.choices.len().saturating_sub(1));
        return Vec::new();
    }
    let (Some(cursor), length) = state.list() else { return Vec::new() };
    let before = cursor.chosen;
    cursor.set(place, length, page);
    if before == place && !matches!(state.screen, Screen::History) { deeds::open(model) } else { Vec::new() }
}

/// What a draft would do, line by line: first what becomes of mounts and server, then the text's difference.
pub fn review(plan: &Plan) -> Vec<String> {
    use crate::control::protocol::Change;
    let mut lines = Vec::new();
    for mount in plan.mounts.iter().filter(|mount| mount.change != Change::Kept) {
        let becomes = match mount.change {
            Change::Kept => "nothing",
            Change::Changed => "changes while it runs: nobody is interrupted",
            Change::Restarted => "starts anew: its viewers see a gap",
            Change::Added => "comes",
            Change::Removed => "goes: its viewers are sent away",
            Change::Refused => "cannot be served",
        };
        let why = mount.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        let whom = match mount.interrupts.len() {
            0 => String::new(),
            1 => ", 1 viewer now".to_owned(),
            viewers => format!(", {viewers} viewers now"),
        };
        lines.push(format!("! {}: {becomes}{whom}{why}", mount.mount));
    }
    let kept = plan.mounts.iter().filter(|mount| mount.change == Change::Kept).count();
    if kept > 0 {
        let mounts = if kept == 1 { "1 mount stays" } else { &format!("{kept} mounts stay") };
        lines.push(format!("  {mounts}: their viewers miss nothing"));
    }
    if !plan.changed.is_empty() {
        lines.push(format!("! server, at once: {}", plan.changed.join(", ")));
    }
    if !plan.after_restart.is_empty() {
        lines.push(format!("! server, when it starts next: {}", plan.after_restart.join(", ")));
    }
    lines.push(String::new());
    // Which file it is stands above them.
    let file = |line: &&str| !line.starts_with("--- ") && !line.starts_with("+++ ");
    lines.extend(plan.diff.lines().filter(file).map(str::to_owned));
    lines
}

#[cfg(test)]
mod tests;

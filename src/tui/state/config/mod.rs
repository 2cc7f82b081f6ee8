//! What the configuration's pane remembers: the draft, what is shown of it, and the value that is being made.

pub mod access;
pub mod draft;
pub mod editor;
pub mod form;
pub mod merge;
pub mod probed;
pub mod raw;
pub mod review;
mod ribbon;
pub mod schema;
pub mod steps;
pub mod suggestion;
mod usual;

use super::cursor::Cursor;
use crate::control::protocol::VersionEntry;
use access::Access;
use draft::Draft;
use editor::Editor;
use form::{Form, Section, Setting};
use probed::Probed;
use raw::Raw;
use review::Review;
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
    pub(in crate::tui) probed: Probed,
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
    /// Why it cannot be told what is written in the draft, in a sentence: its brackets do not match.
    pub unread: Option<String>,
    /// The file that a status told of last, and that was asked for.
    pub(in crate::tui) noticed: Option<String>,
    /// What is being applied and not answered yet.
    pub(in crate::tui) applying: Option<Applying>,
}

/// What the daemon is making the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applying {
    /// A draft's text.
    Draft(String),
    /// A version, whose text is not known here.
    Version,
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

    /// The mount that keys act on, where it is one.
    pub(in crate::tui) fn mount(&self) -> Option<String> {
        match self.section()? {
            Section::Mount(name) => Some(name),
            _ => None,
        }
    }

    /// The list that keys act on: its place and its length. `rows` were drawn last where lines have several.
    pub(in crate::tui) fn list(&mut self, rows: usize) -> (Option<&mut Cursor>, usize) {
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

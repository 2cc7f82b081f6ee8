//! What is known and where one is.

use std::collections::HashMap;

use ratatui::layout::Rect;
use tui_input::Input;

use super::command::{Command, ConfigCommand};
use super::history::History;
use super::state::Panes;
pub use super::tab::Tab;
use super::theme::Theme;
use crate::control::protocol::{AccessRequest, Act, Status};

/// All that the screen shows.
#[derive(Debug, Default)]
pub struct Model {
    /// How it looks.
    pub theme: Theme,
    /// Whose daemon it is, and whether it answers.
    pub link: Link,
    /// What it said last; none: nothing yet.
    pub status: Option<Box<Status>>,
    /// The last minutes.
    pub past: Past,
    /// Where one is.
    pub tab: Tab,
    /// What lies over it.
    pub overlay: Option<Overlay>,
    /// What was done or refused, until a key is pressed or time has passed.
    pub notice: Option<Notice>,
    /// What each pane remembers.
    pub panes: Panes,
    /// Where things were drawn last, for the mouse and for pages.
    pub places: Places,
}

/// The state of the line to the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Why it does not answer now, in a sentence.
    pub lost: Option<String>,
    /// Whether it was started with this terminal: who leaves is asked whether it ends too.
    pub ours: bool,
}

/// What lies over a screen.
#[derive(Debug)]
pub enum Overlay {
    /// Its keys, from this line on.
    Help(u16),
    /// A question that is answered by yes or no.
    Question(Question),
    /// A line is being typed.
    Prompt {
        /// What for.
        what: Prompt,
        /// The line.
        input: Input,
    },
    /// A URL as text and QR code.
    Url(String),
    /// A text that a list has no room for, whole.
    Text {
        /// It.
        text: String,
        /// The first of its lines that is seen.
        from: u16,
    },
}

/// What is asked before it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// In sentences.
    pub asks: String,
    /// What yes does.
    pub yes: Deed,
    /// What no does; none: nothing, as Esc.
    pub no: Option<Deed>,
}

impl Question {
    /// Of which no does nothing.
    pub fn sure(asks: impl Into<String>, yes: Deed) -> Self {
        Self { asks: asks.into(), yes, no: None }
    }
}

/// What can be done once yes was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// The daemon is asked for it.
    Act(Act),
    /// The terminal ends.
    Leave,
    /// The daemon ends, and the terminal.
    End,
    /// Something to users or bans.
    Access(AccessRequest),
    /// Something of the configuration.
    Config(ConfigCommand),
}

/// What a line is typed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// The sessions that are shown.
    FilterSessions,
    /// A text in the log.
    SearchLog,
    /// For how long an address is not let in; its session ends.
    Ban {
        /// The session.
        session: String,
        /// From where it came, without its port.
        address: String,
    },
}

/// What was done or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// In a sentence.
    pub said: String,
    /// It was not done.
    pub refused: bool,
    /// So many more statuses see it.
    pub left: u32,
}

impl Notice {
    /// Something was done.
    pub fn done(said: impl Into<String>) -> Self {
        Self { said: said.into(), refused: false, left: 24 }
    }

    /// Something was not done.
    pub fn refused(said: impl Into<String>) -> Self {
        Self { said: said.into(), refused: true, left: 60 }
    }
}

/// Figures over time.
#[derive(Debug, Default)]
pub struct Past {
    /// Of mounts, by their names: bitrate, pictures a second, readers.
    pub mounts: HashMap<String, History<3>>,
    /// Of sessions, by theirs: bitrate, loss, jitter, round trip, behind live, pictures left out.
    pub sessions: HashMap<String, History<6>>,
    /// The daemon's uptime at the newest sample.
    pub at_s: Option<u64>,
}

/// Where things are on the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// What a click does, the topmost last.
    pub spots: Vec<(Rect, Spot)>,
    /// Lines that the list which keys act on has room for.
    pub page: u16,
    /// Rows that it has, where its lines are wrapped.
    pub lines: usize,
    /// Where a picture belongs that is not made of signs.
    pub picture: Option<Rect>,
    /// Lines of the help, or of a text, that there is no room for.
    pub hidden: u16,
    /// Nothing of it is seen: the terminal is too small.
    pub too_small: bool,
}

/// What is somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A click is that key.
    Command(Command),
    /// An entry of the list that keys act on.
    Row(usize),
    /// A place of a slider: of which line, which of how many.
    Slider(usize, u16, u16),
    /// Yes, or no, to a question.
    Answer(bool),
    /// Nothing: what lies under it is not there.
    Nothing,
}

impl Model {
    /// A mount's status, by its name.
    pub fn mount(&self, name: &str) -> Option<&crate::control::protocol::MountStatus> {
        self.status.as_ref()?.mounts.iter().find(|mount| mount.name == name)
    }

    /// A session's status, by its name.
    pub fn session(&self, id: &str) -> Option<&crate::control::protocol::SessionStatus> {
        self.status.as_ref()?.sessions.iter().find(|session| session.id == id)
    }
}

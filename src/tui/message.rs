//! What happens.

use ratatui::crossterm::event::{KeyEvent, MouseEvent};

pub use super::command::Command;
use crate::control::protocol::Outcome;

/// From one status to the next, in milliseconds.
pub const EVERY_MS: u32 = 250;

/// Everything that the screen can change by.
#[derive(Clone, Debug)]
pub enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was clicked, or its wheel turned.
    Mouse(MouseEvent),
    /// Text came from the terminal's clipboard.
    Pasted(String),
    /// The terminal has another size.
    Resized,
    /// The daemon answers.
    Connected,
    /// It does not, for a reason in a sentence; it is tried again.
    Lost(String),
    /// It answered.
    Answered {
        /// What.
        to: Asked,
        /// What it said.
        outcome: Outcome,
    },
    /// The terminal is gone, or somebody wants the end.
    End,
}

/// What was asked: an answer is known by it. Of two questions that are equal, the later one's answers count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The status, four times a second.
    Status,
    /// The log, as it comes.
    Log,
    /// The controls of a mount's camera.
    Controls(String),
    /// A mount's picture.
    Snapshot(String),
    /// Something was to be done; what the daemon says of it is told.
    Deed,
    /// Something about the configuration.
    Config(ConfigAsked),
}

/// What of the configuration was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigAsked {
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
    /// The file's text, which another has changed before what was changed here could be applied.
    Rebase,
    /// The file's text, which another has changed while it is shown here.
    Another,
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

//! What happens.

use ratatui::crossterm::event::{KeyEvent, MouseEvent};

use super::panes;
use crate::control::protocol::Outcome;

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
    Config(panes::config::Asked),
}

/// What a key or a click asks for. `keys` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ends the terminal, never a daemon.
    Leave,
    /// Shows the keys of this screen.
    Help,
    /// Draws everything anew.
    Redraw,
    /// Shows a screen, by its tab.
    Show(super::model::Tab),
    /// The next screen.
    NextTab,
    /// The screen before.
    PreviousTab,
    /// Back to where one came from; closes what is open.
    Back,
    /// To the line above.
    Up,
    /// To the line below.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
    /// Less, or to the left.
    Left,
    /// More, or to the right.
    Right,
    /// Opens what the line is about.
    Open,
    /// Shows only what has a text in it.
    Filter,
    /// Sorts by the next column.
    Sort,
    /// Sorts by this column, or by it the other way round.
    SortBy(panes::sessions::Sort),
    /// Sorts the other way round.
    Reverse,
    /// Shows who watches the mount.
    Viewers,
    /// Ends the session.
    Kick,
    /// Ends the session and lets its address in no more, for a time.
    Ban,
    /// Shows the URL as text and as a QR code.
    Url,
    /// Has the mount make a keyframe.
    Keyframe,
    /// Serves the mount again, or no longer.
    Toggle,
    /// Takes a new picture.
    Picture,
    /// New pictures again and again, or no more.
    Live,
    /// A little less.
    Less,
    /// A little more.
    More,
    /// As it was made.
    Default,
    /// The mount before.
    PreviousMount,
    /// The next mount.
    NextMount,
    /// Stops the lines where they are, or lets them go on.
    Pause,
    /// To the newest line, and on with those that come.
    Follow,
    /// Shows lines that matter more, then all again.
    Level,
    /// Shows one room's lines, then the next's, then all again.
    Room,
    /// Looks for a text.
    Search,
    /// To the next place of it.
    NextMatch,
    /// To the one before.
    PreviousMatch,
    /// Of the configuration.
    Config(panes::config::Command),
}

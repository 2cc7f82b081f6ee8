//! What keys and clicks ask for.

use super::sort::Sort;
use super::tab::Tab;

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
    Show(Tab),
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
    SortBy(Sort),
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
    Config(ConfigCommand),
}

/// What keys of the configuration alone ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigCommand {
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
    Access(AccessCommand),
}

/// What keys of users and bans alone ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessCommand {
    /// Shows it.
    Show,
    /// Another user.
    Add,
    /// What a user may.
    Rights,
    /// Another password.
    Password,
    /// A user is none any more, or a ban ends; after a question.
    Remove,
    /// An address is let in no more.
    Ban,
}

//! What the sessions remember.

use super::super::sort::Sort;
use super::cursor::Cursor;

/// What the sessions remember.
#[derive(Debug, Default)]
pub struct State {
    /// Where the chosen session was when it was last looked.
    pub cursor: Cursor,
    /// The session that keys act on, wherever it is now.
    pub chosen: Option<String>,
    /// The session that is shown alone.
    pub open: Option<String>,
    /// What is in those that are shown.
    pub filter: String,
    /// What they are sorted by.
    pub sort: Sort,
    /// The other way round.
    pub reversed: bool,
}

//! What the dashboard remembers.

use super::cursor::Cursor;

/// What the dashboard remembers.
#[derive(Debug, Default)]
pub struct State {
    /// The mount that keys act on.
    pub cursor: Cursor,
}

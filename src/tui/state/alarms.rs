//! What the alarms remember.

use super::cursor::Cursor;

/// What the alarms remember.
#[derive(Debug, Default)]
pub struct State {
    /// The alarm that keys act on.
    pub cursor: Cursor,
}

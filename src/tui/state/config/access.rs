//! Users and bans, as far as they are known.

use super::super::cursor::Cursor;
use crate::control::protocol::{BanEntry, UserEntry};

/// What is known of users and bans.
#[derive(Debug, Default)]
pub struct Access {
    /// Who may watch what; none: it is being asked.
    pub users: Option<Vec<UserEntry>>,
    /// Whose attempts are not looked at; none: it is being asked.
    pub bans: Option<Vec<BanEntry>>,
    /// The user or ban that keys act on: first users, then bans.
    pub cursor: Cursor,
    /// How many there were by the status when it was asked last.
    pub(in crate::tui) counted: (u32, u32),
}

/// What a line of the list is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Row<'a> {
    /// A user.
    User(&'a UserEntry),
    /// A ban.
    Ban(&'a BanEntry),
}

impl Access {
    /// All that can be chosen.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let users = self.users.iter().flatten().map(Row::User);
        users.chain(self.bans.iter().flatten().map(Row::Ban)).collect()
    }

    /// How many those are.
    pub fn length(&self) -> usize {
        self.rows().len()
    }

    /// The one that keys act on.
    pub fn chosen(&self) -> Option<Row<'_>> {
        let rows = self.rows();
        rows.get(self.cursor.chosen.min(rows.len().saturating_sub(1))).copied()
    }
}

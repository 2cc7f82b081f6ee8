//! What the log remembers.

use std::collections::VecDeque;

use super::cursor::Cursor;
use crate::control::protocol::{Level, LogLine};

/// So many lines are kept here.
pub const KEPT: usize = 2000;

/// What the log remembers.
#[derive(Debug)]
pub struct State {
    /// The lines that came, the oldest first.
    pub lines: VecDeque<LogLine>,
    /// Lines that came while the log stands still.
    pub waiting: VecDeque<LogLine>,
    /// Lines that came too fast and are not kept anywhere.
    pub missed: u64,
    /// Lines that matter less are not shown.
    pub level: Level,
    /// The room whose lines are shown; none: all.
    pub room: Option<String>,
    /// What is looked for.
    pub search: String,
    /// It stands still.
    pub paused: bool,
    /// The lines are those of a daemon that is gone: they go when it stands still no longer.
    pub(in crate::tui) outdated: bool,
    /// It stays at the newest line.
    pub follows: bool,
    /// The line that keys act on.
    pub cursor: Cursor,
    /// It was asked for.
    pub asked: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
            waiting: VecDeque::new(),
            missed: 0,
            level: Level::Trace,
            room: None,
            search: String::new(),
            paused: false,
            outdated: false,
            follows: true,
            cursor: Cursor::default(),
            asked: false,
        }
    }
}

impl State {
    /// The lines that are shown, the oldest first.
    pub fn shown(&self) -> Vec<&LogLine> {
        let room = |line: &LogLine| self.room.as_ref().is_none_or(|room| line.room == *room);
        self.lines.iter().filter(|line| line.level <= self.level && room(line)).collect()
    }

    /// Whether a line is one that is looked for.
    pub fn found(&self, line: &LogLine) -> bool {
        !self.search.is_empty() && line.text.to_lowercase().contains(&self.search.to_lowercase())
    }

    /// The rooms that said something, by name.
    pub(in crate::tui) fn rooms(&self) -> Vec<&String> {
        let mut rooms: Vec<&String> = self.lines.iter().map(|line| &line.room).collect();
        rooms.sort();
        rooms.dedup();
        rooms
    }

    /// To the next room's lines, or all.
    pub(in crate::tui) fn next_room(&mut self) {
        let rooms = self.rooms();
        let after = match &self.room {
            None => rooms.first(),
            Some(room) => rooms.iter().find(|other| **other > room),
        };
        self.room = after.map(|room| (*room).clone());
    }

    /// Takes a line that came.
    pub(in crate::tui) fn add(&mut self, line: LogLine) {
        let lines = if self.paused { &mut self.waiting } else { &mut self.lines };
        if lines.len() == KEPT {
            lines.pop_front();
            // What is read stays where it is.
            if !self.paused && !self.follows {
                self.cursor.chosen = self.cursor.chosen.saturating_sub(1);
            }
        }
        lines.push_back(line);
    }
}

//! Lines that say the same again.

use std::time::{Duration, Instant};

use super::Level;

/// A line that says the same as one of the last this long is counted instead of written.
pub const REPEATS: Duration = Duration::from_secs(10);

/// Different lines that are kept in mind; with more of them at once some are written that were before.
const KEPT: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Repeats(Vec<Said>);

#[derive(Debug)]
struct Said {
    level: Level,
    room: &'static str,
    text: String,
    since: Instant,
    again: u32,
}

/// What is written of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Write,
    Leave,
}

/// A line that came again and was left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) level: Level,
    pub(super) room: &'static str,
    pub(super) text: String,
}

impl Repeats {
    /// Whether a line is new. What was left out and is no longer kept in mind is to be written first.
    pub(super) fn look(
        &mut self,
        level: Level,
        room: &'static str,
        text: &str,
        now: Instant,
    ) -> (Vec<Counted>, Verdict) {
        let counted = self.forget(now);
        // Who wants to see every request wants to see every one.
        if level > Level::Info {
            return (counted, Verdict::Write);
        }
        if let Some(said) = self.0.iter_mut().find(|said| said.is(level, room, text)) {
            said.again = said.again.saturating_add(1);
            return (counted, Verdict::Leave);
        }
        let mut counted = counted;
        if self.0.len() >= KEPT {
            counted.extend(self.0.remove(0).counted());
        }
        self.0.push(Said { level, room, text: text.to_owned(), since: now, again: 0 });
        (counted, Verdict::Write)
    }

    /// Lines whose time is over, of those that came again.
    pub(super) fn forget(&mut self, now: Instant) -> Vec<Counted> {
        let over = |said: &mut Said| now.saturating_duration_since(said.since) >= REPEATS;
        self.0.extract_if(.., over).filter_map(Said::counted).collect()
    }

    /// The same of all.
    pub(super) fn forget_all(&mut self) -> Vec<Counted> {
        self.0.drain(..).filter_map(Said::counted).collect()
    }
}

impl Said {
    fn is(&self, level: Level, room: &'static str, text: &str) -> bool {
        self.level == level && self.room == room && self.text == text
    }

    fn counted(self) -> Option<Counted> {
        let times = match self.again {
            0 => return None,
            1 => "once more".to_owned(),
            again => format!("{again} times more"),
        };
        Some(Counted { level: self.level, room: self.room, text: format!("{} ({times})", self.text) })
    }
}

//! How often bans are written: a new one at once, or it would be lost with the power; but cards wear, and an attacker with many
//! addresses has new bans as often as he likes.

use std::time::{Duration, Instant};

/// What can wait is written so long after what was written before, and a write at once has cost its share after so long.
const REST: Duration = Duration::from_secs(30);
/// Writes at once, of those that come together.
const AT_ONCE: u32 = 8;

/// When was written.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    /// Writes that have not cost their share yet, and since when the oldest of them does.
    spent: u32,
    since: Option<Instant>,
}

impl Pace {
    /// Whether it may be written now.
    pub(super) fn may(&mut self, is_urgent: bool, now: Instant) -> bool {
        self.settle(now);
        let rests = self.last.is_some_and(|last| now.saturating_duration_since(last) < REST);
        !rests || is_urgent && self.spent < AT_ONCE
    }

    /// It is written, or was tried to be: neither is done again at once.
    pub(super) fn writes(&mut self, now: Instant) {
        self.settle(now);
        if self.spent == 0 {
            self.since = Some(now);
        }
        self.spent = (self.spent + 1).min(AT_ONCE);
        self.last = Some(now);
    }

    fn settle(&mut self, now: Instant) {
        let Some(since) = self.since else { return };
        let over = now.saturating_duration_since(since).as_secs() / REST.as_secs();
        let over = u32::try_from(over).unwrap_or(u32::MAX);
        self.spent = self.spent.saturating_sub(over);
        self.since = (self.spent > 0).then(|| since + REST * over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of the first so many in which something was written that was there all the time.
    fn written(is_urgent: bool, seconds: u64) -> Vec<u64> {
        #[expect(clippy::disallowed_methods, reason = "any instant to begin with")]
        let begin = Instant::now();
        let mut pace = Pace::default();
        let mut write = |second: &u64| {
            let now = begin + Duration::from_secs(*second);
            let may = pace.may(is_urgent, now);
            may.then(|| pace.writes(now)).is_some()
        };
        (0..seconds).filter(|second| write(second)).collect()
    }

    #[test]
    fn new_bans_are_written_at_once_and_many_no_more_often_than_the_rest() {
        assert_eq!(written(false, 100), [0, 30, 60, 90]);
        assert_eq!(written(true, 100), [0, 1, 2, 3, 4, 5, 6, 7, 30, 60, 90]);
        assert_eq!(written(true, 24 * 3600).len(), 7 + 24 * 120);
    }

    #[test]
    fn after_a_while_as_many_are_written_at_once_again() {
        #[expect(clippy::disallowed_methods, reason = "any instant to begin with")]
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        let mut pace = Pace::default();
        let mut count = |second| {
            let writes = |_: &u32| {
                let may = pace.may(true, at(second));
                may.then(|| pace.writes(at(second))).is_some()
            };
            (0..100).filter(writes).count()
        };
        assert_eq!((count(0), count(29), count(30), count(89), count(10_000)), (8, 0, 1, 1, 8));
    }
}

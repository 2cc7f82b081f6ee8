//! Wrong passwords of an address within a day: who guesses slowly is no better than who does it fast.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is counted as one number.
const HOUR: Duration = Duration::from_secs(3600);
/// How many of them are remembered.
const DAY: u64 = 24;

/// How many there were in which hour, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries(Vec<(u64, u32)>);

impl Tries {
    /// So many more; how many there were within a day, the hour that has begun included.
    pub(super) fn add(&mut self, at: SystemTime, times: u32, now: SystemTime) -> u32 {
        let (hour, current) = (hour_of(at), hour_of(now));
        match self.0.iter_mut().find(|(known, _)| *known == hour) {
            Some((_, known)) => *known = known.saturating_add(times),
            None => self.0.push((hour, times)),
        }
        // Those of a time to come are of a clock that was set back since.
        self.0.retain(|(hour, _)| *hour <= current && current - *hour < DAY);
        self.sum(now)
    }

    /// One of them was a slip.
    pub(super) fn forgive(&mut self) {
        if let Some((_, times)) = self.0.last_mut() {
            *times = times.saturating_sub(1);
        }
        self.0.retain(|(_, times)| *times > 0);
    }

    /// How many there were within a day.
    pub(super) fn sum(&self, now: SystemTime) -> u32 {
        let current = hour_of(now);
        let counts = self.0.iter().filter(|(hour, _)| current.saturating_sub(*hour) < DAY);
        counts.fold(0, |sum: u32, (_, times)| sum.saturating_add(*times))
    }

    /// When each hour began, and how many there were in it.
    pub(super) fn hours(&self) -> impl Iterator<Item = (SystemTime, u32)> {
        self.0.iter().map(|(hour, times)| (UNIX_EPOCH + HOUR * u32::try_from(*hour).unwrap_or(0), *times))
    }
}

fn hour_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / HOUR.as_secs()
}

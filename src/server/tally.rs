//! Why readers were not sent everything, counted.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Why an access unit was left out or cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The reader was more than a second behind the newest picture.
    BehindLive,
    /// The ring no longer had what the reader was to be sent next.
    Evicted,
    /// The UDP socket took no more.
    SocketFull,
    /// The kernel or the link's queue had no room (`ENOBUFS`).
    NoBuffers,
    /// A firewall of this machine forbids it.
    Forbidden,
    /// There is no way to the reader.
    Unreachable,
}

impl Reason {
    const ALL: [Self; 6] = [
        Self::BehindLive,
        Self::Evicted,
        Self::SocketFull,
        Self::NoBuffers,
        Self::Forbidden,
        Self::Unreachable,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::BehindLive => "behind live",
            Self::Evicted => "no longer kept",
            Self::SocketFull => "socket full",
            Self::NoBuffers => "no buffers",
            Self::Forbidden => "forbidden by a firewall",
            Self::Unreachable => "unreachable",
        }
    }
}

/// Access units that were left out or cut short, by reason: of one reader, or of all of a mount.
#[derive(Debug, Default)]
pub(super) struct Tally([AtomicU32; Reason::ALL.len()]);

impl Tally {
    pub(super) fn add(&self, reason: Reason, units: u32) {
        self.0[reason as usize].fetch_add(units, Ordering::Relaxed);
    }

    pub(super) fn of(&self, reason: Reason) -> u32 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }

    /// The reasons that there were, with their counts.
    pub(super) fn told(&self) -> Vec<(&'static str, u32)> {
        let told = Reason::ALL.into_iter().map(|reason| (reason.name(), self.of(reason)));
        told.filter(|(_, count)| *count > 0).collect()
    }

    /// How many reasons there were.
    fn kinds(&self) -> usize {
        Reason::ALL.into_iter().filter(|reason| self.of(*reason) > 0).count()
    }

    /// Of all reasons.
    pub(super) fn sum(&self) -> u32 {
        Reason::ALL.into_iter().map(|reason| self.of(reason)).fold(0, u32::wrapping_add)
    }
}

impl std::fmt::Display for Tally {
    /// The reasons that there were, with their counts.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let there = Reason::ALL.into_iter().filter(|reason| self.of(*reason) > 0);
        for (index, reason) in there.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} {}", self.of(reason), reason.name())?;
        }
        Ok(())
    }
}

/// What is counted for a reason that was told before is told at most this often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What of a tally was told, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    at: Option<Instant>,
    sum: u32,
    kinds: usize,
}

impl Told {
    /// Whether there is something to tell: at once where there is a reason that was not told yet, else by the minute.
    pub(super) fn is_due(&mut self, tally: &Tally, now: Instant) -> bool {
        let sum = tally.sum();
        // Most pictures: nothing new, and no reasons to be counted.
        if sum == self.sum {
            return false;
        }
        let kinds = tally.kinds();
        let early = self.at.is_some_and(|at| now.saturating_duration_since(at) < TELL_EVERY);
        let due = kinds > self.kinds || !early;
        if due {
            *self = Self { at: Some(now), sum, kinds };
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_apart_and_told_together() {
        let tally = Tally::default();
        Reason::ALL.into_iter().for_each(|reason| tally.add(reason, 0));
        assert_eq!((tally.sum(), tally.to_string().as_str()), (0, ""));
        tally.add(Reason::SocketFull, 2);
        tally.add(Reason::Unreachable, 1);
        tally.add(Reason::SocketFull, 3);
        assert_eq!((tally.sum(), tally.to_string().as_str()), (6, "5 socket full, 1 unreachable"));
    }

    #[test]
    fn a_reason_is_told_at_once_and_what_there_is_more_of_it_by_the_minute() {
        let (tally, mut told, start) = (Tally::default(), Told::default(), crate::clock::now());
        let mut after = |seconds, reasons: &[Reason]| {
            reasons.iter().for_each(|reason| tally.add(*reason, 1));
            told.is_due(&tally, start + Duration::from_secs(seconds))
        };
        assert!(!after(0, &[]));
        assert!(after(1, &[Reason::Evicted]));
        assert!(!after(2, &[Reason::Evicted]));
        assert!(after(3, &[Reason::SocketFull]), "a reason that was not told");
        assert!(!after(4, &[Reason::SocketFull, Reason::Evicted]));
        assert!(!after(62, &[]));
        assert!(after(63, &[]));
        assert!(!after(200, &[]), "nothing new");
    }
}

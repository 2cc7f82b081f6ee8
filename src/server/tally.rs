//! Why readers were not sent everything, counted.

use std::sync::atomic::{AtomicU32, Ordering};

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
}

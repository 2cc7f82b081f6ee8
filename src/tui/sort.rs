//! What sessions are sorted by.

use std::cmp::Ordering;

use crate::control::protocol::SessionStatus;

/// What sessions are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The longest first.
    #[default]
    Since,
    /// By the mount's name.
    Mount,
    /// By the address.
    Address,
    /// By the program.
    Client,
    /// The most first.
    Bitrate,
    /// The worst first.
    Loss,
    /// The worst first.
    Jitter,
    /// The worst first.
    RoundTrip,
    /// The worst first.
    Behind,
    /// The worst first.
    Drops,
}

impl Sort {
    /// All, in the order of the columns.
    pub const ALL: [Self; 10] = [
        Self::Since,
        Self::Mount,
        Self::Address,
        Self::Client,
        Self::Bitrate,
        Self::Loss,
        Self::Jitter,
        Self::RoundTrip,
        Self::Behind,
        Self::Drops,
    ];

    /// What is said of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Since => "time",
            Self::Mount => "mount",
            Self::Address => "address",
            Self::Client => "program",
            Self::Bitrate => "bitrate",
            Self::Loss => "loss",
            Self::Jitter => "jitter",
            Self::RoundTrip => "round trip",
            Self::Behind => "behind live",
            Self::Drops => "drops",
        }
    }

    pub(super) fn next(self) -> Self {
        let here = Self::ALL.iter().position(|sort| *sort == self).unwrap_or_default();
        Self::ALL[(here + 1) % Self::ALL.len()]
    }

    pub(super) fn compare(self, a: &SessionStatus, b: &SessionStatus) -> Ordering {
        let most = |a: f64, b: f64| b.total_cmp(&a);
        let some = |value: Option<f32>| value.map_or(-1.0, f64::from);
        match self {
            Self::Since => b.duration_s.cmp(&a.duration_s),
            Self::Mount => a.mount.cmp(&b.mount),
            Self::Address => a.address.cmp(&b.address),
            Self::Client => a.client.cmp(&b.client),
            Self::Bitrate => b.bitrate_bps.cmp(&a.bitrate_bps),
            Self::Loss => most(some(a.loss_percent), some(b.loss_percent)),
            Self::Jitter => most(some(a.jitter_ms), some(b.jitter_ms)),
            Self::RoundTrip => most(some(a.round_trip_ms), some(b.round_trip_ms)),
            Self::Behind => b.behind_live_ms.cmp(&a.behind_live_ms),
            Self::Drops => dropped(b).cmp(&dropped(a)),
        }
    }
}

/// Pictures that a session was not sent.
pub fn dropped(session: &SessionStatus) -> u64 {
    session.dropped.iter().fold(0, |sum: u64, drop| sum.saturating_add(drop.pictures))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_come_first() {
        let (worse, better) =
            (SessionStatus { loss_percent: Some(1.5), ..SessionStatus::default() }, SessionStatus::default());
        assert_eq!(Sort::Loss.compare(&worse, &better), Ordering::Less);
        assert_eq!(Sort::Jitter.compare(&worse, &better), Ordering::Equal);
    }
}

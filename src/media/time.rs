//! Time on the media clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// An instant on the media clock: nanoseconds of `CLOCK_MONOTONIC`, the clock that
/// [V4L2 stamps buffers with](https://docs.kernel.org/userspace-api/media/v4l/buffer.html).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(u64);

impl MediaTime {
    /// The instant `nanos` nanoseconds after the clock's start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The instant `since` after the clock's start.
    pub const fn from_duration(since: Duration) -> Self {
        Self(since.as_nanos() as u64)
    }

    /// Nanoseconds since the clock's start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Ticks of a clock of `rate` Hz since the media clock's start, rounded to the nearest.
    pub const fn ticks(self, rate: u32) -> u64 {
        ((self.0 as u128 * rate as u128 + 500_000_000) / 1_000_000_000) as u64
    }

    /// How long `earlier` lies back; zero if it is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for MediaTime {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later.as_nanos() as u64))
    }
}

impl Sub<Duration> for MediaTime {
    type Output = Self;

    fn sub(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(earlier.as_nanos() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_exact_where_truncation_would_lose_one() {
        // 1/30 s is 33 333 333 ns: 2 999.99997 ticks of 90 kHz.
        assert_eq!(MediaTime::from_nanos(33_333_333).ticks(90_000), 3_000);
        assert_eq!(MediaTime::from_nanos(1_000_000_000).ticks(90_000), 90_000);
    }

    #[test]
    fn a_century_of_uptime_does_not_overflow() {
        let century = MediaTime::from_duration(Duration::from_secs(100 * 366 * 86_400));
        assert_eq!(century.ticks(90_000), 100 * 366 * 86_400 * 90_000);
    }
}

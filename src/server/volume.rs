//! How much was sent, and how fast. No clock.

use std::time::{Duration, Instant};

/// Marks that are kept: a rate is that since the oldest.
const MARKS: usize = 2;

/// A rate is not taken of less time than this.
const LEAST: Duration = Duration::from_millis(250);

/// What was sent to a reader.
#[derive(Debug, Default)]
pub(super) struct Volume {
    packets: u64,
    bytes: u64,
    /// Bytes at some times, the oldest first.
    marks: [Option<(Instant, u64)>; MARKS],
}

impl Volume {
    pub(super) fn add(&mut self, packets: u32, bytes: u32) {
        self.packets += u64::from(packets);
        self.bytes += u64::from(bytes);
    }

    /// Remembers how much it is at this time.
    pub(super) fn mark(&mut self, now: Instant) {
        self.marks.rotate_left(1);
        self.marks[MARKS - 1] = Some((now, self.bytes));
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bits a second since the oldest mark; 0 without one.
    pub(super) fn bitrate(&self, now: Instant) -> u64 {
        let Some((at, bytes)) = self.marks.iter().flatten().next() else { return 0 };
        let time = now.saturating_duration_since(*at);
        if time < LEAST {
            return 0;
        }
        ((self.bytes - bytes) as f64 * 8.0 / time.as_secs_f64()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut volume = Volume::default();
        let start = crate::clock::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(volume.bitrate(at(0)), 0);
        for second in 0..10 {
            volume.add(10, 1000);
            volume.mark(at(second));
        }
        // Marks at 8 and 9 s.
        assert_eq!((volume.bytes(), volume.packets(), volume.bitrate(at(9))), (10_000, 100, 8000));
        assert_eq!(volume.bitrate(at(18)), 800);
    }
}

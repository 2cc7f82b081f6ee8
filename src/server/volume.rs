//! How much was sent, and how fast. No clock.

use std::time::{Duration, Instant};

use super::moment::Moment;

/// A rate is not taken of less time than this.
const LEAST: Duration = Duration::from_millis(250);

/// What was sent to a reader.
#[derive(Debug, Default)]
pub(super) struct Volume {
    packets: u64,
    bytes: u64,
    /// Bytes at two times, the older first: a rate is that since it. Of their number what is beyond 4 GB is left out.
    marks: [Option<Moment>; 2],
    marked: [u32; 2],
}

impl Volume {
    pub(super) fn add(&mut self, packets: u32, bytes: u32) {
        self.packets += u64::from(packets);
        self.bytes += u64::from(bytes);
    }

    /// Remembers how much it is at this time.
    pub(super) fn mark(&mut self, now: Instant) {
        self.marks = [self.marks[1], Some(now.into())];
        self.marked = [self.marked[1], self.bytes as u32];
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bits a second since the oldest mark; 0 without one.
    pub(super) fn bitrate(&self, now: Instant) -> u64 {
        let marks = self.marks.into_iter().zip(self.marked);
        let Some((at, marked)) = marks.filter_map(|(at, bytes)| Some((at?, bytes))).next() else { return 0 };
        let time = now.saturating_duration_since(at.into());
        if time < LEAST {
            return 0;
        }
        let bytes = (self.bytes as u32).wrapping_sub(marked);
        (f64::from(bytes) * 8.0 / time.as_secs_f64()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut volume = Volume::default();
        let start = crate::clock::now();
        volume.add(0, u32::MAX - 4000);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(volume.bitrate(at(0)), 0);
        for second in 0..10 {
            volume.add(10, 1000);
            volume.mark(at(second));
        }
        // Marks at 8 and 9 s.
        let bytes = u64::from(u32::MAX) + 6000;
        assert_eq!((volume.bytes(), volume.packets(), volume.bitrate(at(9))), (bytes, 100, 8000));
        assert_eq!(volume.bitrate(at(18)), 800);
    }
}

//! How much TCP sockets may hold unsent: a whole keyframe, so that one picture is one `write` on a link that
//! keeps up, and not much more, so that what is behind waits where it can be skipped.

use std::time::{Duration, Instant};

/// Half a second of 2 Mbit/s.
const LEAST: usize = 128 << 10;

/// Larger keyframes take more than one write.
const MOST: usize = 1 << 20;

/// A keyframe counts for at least as long, and at most for twice that.
const MEMORY: Duration = Duration::from_secs(60);

/// The largest keyframes of this minute and of the one before.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    largest: usize,
    before: usize,
    since: Option<Instant>,
}

impl Unsent {
    /// A keyframe of so many bytes goes out.
    pub(super) fn note(&mut self, bytes: usize, now: Instant) {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= MEMORY) {
            self.before = std::mem::take(&mut self.largest);
            self.since = Some(now);
        }
        self.largest = self.largest.max(bytes);
    }

    /// Bytes for each socket: a power of two, so that it seldom changes.
    pub(super) fn bytes(&self) -> u32 {
        let largest = self.largest.max(self.before);
        largest.clamp(LEAST, MOST).next_power_of_two() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_keyframe_of_the_last_minute_counts() {
        let mut unsent = Unsent::default();
        assert_eq!(unsent.bytes(), 128 << 10);
        let start = crate::clock::now();
        let mut after = |seconds, bytes| {
            unsent.note(bytes, start + Duration::from_secs(seconds));
            unsent.bytes() >> 10
        };
        assert_eq!([after(0, 1000), after(1, 200_000), after(2, 300_000)], [128, 256, 512]);
        assert_eq!([after(60, 1000), after(119, 1000)], [512, 512]);
        assert_eq!([after(120, 1000), after(121, 100 << 20)], [128, 1024]);
    }
}

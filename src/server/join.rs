//! Where a reader starts: at a fresh keyframe, at a forced one, or at the newest there is.

use std::time::{Duration, Instant};

/// A keyframe this young is worth starting at as it is.
pub(super) const FRESH: Duration = Duration::from_millis(250);

/// Backlog goes out this many times faster than it was captured.
pub(super) const CATCH_UP: u32 = 4;

/// Forced keyframes of a mount: one a second, two at once.
#[derive(Debug)]
pub(super) struct KeyframeBucket {
    tokens: f64,
    filled: Option<Instant>,
}

const BURST: f64 = 2.0;
const PER_SECOND: f64 = 1.0;

impl KeyframeBucket {
    pub(super) fn new() -> Self {
        Self { tokens: BURST, filled: None }
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = self.filled.map_or(Duration::ZERO, |filled| now.saturating_duration_since(filled));
        self.tokens = (self.tokens + since.as_secs_f64() * PER_SECOND).min(BURST);
        self.filled = Some(now);
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_are_forced_twice_at_once_and_then_once_a_second() {
        let mut bucket = KeyframeBucket::new();
        let start = crate::clock::now();
        let at = |millis| start + Duration::from_millis(millis);
        let taken: Vec<bool> =
            [0, 0, 0, 999, 1000, 1001, 5000, 5000, 5000].map(|millis| bucket.take(at(millis))).into();
        assert_eq!(taken, [true, true, false, false, true, false, true, true, false]);
    }
}

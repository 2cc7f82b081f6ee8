//! The clocks, read here and nowhere else: below the shells time is an argument.
#![allow(clippy::disallowed_methods, reason = "this is the one place that reads the clocks")]

use std::time::{Duration, Instant, SystemTime};

use nix::time::{ClockId, clock_gettime};

use crate::media::MediaTime;

/// The instant, for timers and timeouts.
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock: sender reports and `Date` headers.
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// The media clock: `CLOCK_MONOTONIC`, which is also what V4L2 stamps buffers with.
///
/// The kernel never refuses to read this clock; should it, the answer is zero.
pub fn media() -> MediaTime {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(|now| MediaTime::from_duration(Duration::from(now)))
        .unwrap_or_default()
}

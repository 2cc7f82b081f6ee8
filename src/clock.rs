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
///
/// It may step at any time, by decades where a board without a battery hears of the time: nothing but what is shown
/// to people, and what each sender report says anew, may depend on it.
pub fn wall() -> SystemTime {
    let wall = SystemTime::now();
    #[cfg(test)]
    let wall = stepped::of(wall);
    wall
}

/// The media clock: `CLOCK_MONOTONIC`, which is also what V4L2 stamps buffers with.
///
/// The kernel never refuses to read this clock; should it, the answer is zero.
pub fn media() -> MediaTime {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(|now| MediaTime::from_duration(Duration::from(now)))
        .unwrap_or_default()
}

/// A wall clock that a test sets, for the threads that follow it.
#[cfg(test)]
pub(crate) mod stepped {
    use std::cell::RefCell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::{Duration, SystemTime};

    thread_local! {
        static STEP: RefCell<Arc<AtomicI64>> = RefCell::default();
    }

    /// This thread's wall clock is so many seconds ahead from now on, or behind.
    pub(crate) fn follow(seconds: Arc<AtomicI64>) {
        STEP.set(seconds);
    }

    pub(super) fn of(wall: SystemTime) -> SystemTime {
        let seconds = STEP.with_borrow(|step| step.load(Ordering::SeqCst));
        let step = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { wall - step } else { wall + step }
    }
}

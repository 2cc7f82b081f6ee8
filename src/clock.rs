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

/// A time as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) writes it, in UTC and whole seconds; before 1970 it is
/// 1970.
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days are counted in eras of 400 years that begin on the first of March, so that a leap day is a year's last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_says() {
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), written);
        }
        assert_eq!(rfc3339(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
    }
}

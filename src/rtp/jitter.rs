//! Interarrival jitter ([RFC 3550 appendix A.8](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.8)).

use std::time::{Duration, Instant};

/// The jitter of one source.
#[derive(Clone, Debug)]
pub struct Jitter {
    clock_rate: u32,
    /// Any instant: only differences matter.
    start: Instant,
    transit: Option<u32>,
    /// In sixteenths of a tick.
    scaled: u64,
}

impl Jitter {
    /// A source of a clock rate in Hz (not 0) that was not heard yet; `start` is any instant.
    pub fn new(clock_rate: u32, start: Instant) -> Self {
        Self { clock_rate, start, transit: None, scaled: 0 }
    }

    /// A packet came.
    pub fn heard(&mut self, timestamp: u32, now: Instant) {
        let since = now.saturating_duration_since(self.start).as_nanos();
        let arrival = (since * u128::from(self.clock_rate) / 1_000_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(last) = self.transit.replace(transit) {
            let difference = u64::from((transit.wrapping_sub(last) as i32).unsigned_abs());
            // Rounded as in the RFC's integer example.
            self.scaled = self.scaled + difference - ((self.scaled + 8) >> 4);
        }
    }

    /// In ticks.
    pub fn ticks(&self) -> u32 {
        u32::try_from(self.scaled >> 4).unwrap_or(u32::MAX)
    }

    /// As a time.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(
            (u128::from(self.scaled >> 4) * 1_000_000_000 / u128::from(self.clock_rate)) as u64,
        )
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any instant to count from")]
mod tests {
    use super::*;

    /// What packets sent 3000 ticks (33.3 ms) apart give that come after so many milliseconds each.
    fn of(intervals: &[u64]) -> u32 {
        let mut now = Instant::now();
        let mut jitter = Jitter::new(90_000, now);
        let mut timestamp = u32::MAX - 1000;
        jitter.heard(timestamp, now);
        for interval in intervals {
            now += Duration::from_micros(*interval);
            timestamp = timestamp.wrapping_add(3000);
            jitter.heard(timestamp, now);
        }
        jitter.ticks()
    }

    #[test]
    fn a_sixteenth_of_each_deviation_counts() {
        // 43.3 ms instead of 33.3: 900 ticks; 900/16 = 56.25.
        assert_eq!(of(&[43_334]), 56);
        // Early deviates as late does; in sixteenths 900, then 900 + 900 - 56.
        assert_eq!(of(&[43_334, 23_334]), 109);
        assert_eq!(of(&[33_333; 100]), 0);
        // It settles where every packet deviates alike.
        assert_eq!(of(&[43_333; 500]) / 10, 89);
    }
}

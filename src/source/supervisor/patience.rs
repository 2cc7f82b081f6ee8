//! How long to wait until a source that failed is tried again. Pure.

use std::time::{Duration, Instant};

/// A source that fails is tried again after this time, doubled up to [`LONGEST`] each time that it gives no picture, or
/// none for longer than this.
pub(super) const FIRST: Duration = Duration::from_secs(1);
/// One that ran well before is tried after this time, and then after it doubled: cameras that refuse the first two
/// attempts after a fault are back within a second. So is one for which a device came: it may be ready in a moment.
const SOON: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);
/// For so long after it gave pictures for longer than [`FIRST`] it is tried that often at least: it is back soon after what
/// ails it is over.
const HOPEFUL: Duration = Duration::from_secs(30);
/// What gave pictures for so long ran well; what fails after that fails anew, and not still.
pub(in super::super) const WELL: Duration = Duration::from_secs(10);

/// How long to wait before the next attempt.
pub(super) struct Patience {
    pause: Duration,
    /// When it failed last after pictures for longer than [`FIRST`].
    played: Option<Instant>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { pause: FIRST, played: None }
    }
}

impl Patience {
    /// The pause after a fault of a source that gave pictures for so long before it: what fails again and again as soon as
    /// it gave one is tried less and less.
    pub(super) fn failed(&mut self, played: Option<Duration>, now: Instant) -> Duration {
        let played = played.unwrap_or_default();
        if played > FIRST {
            self.played = Some(now);
            self.pause = if played >= WELL { SOON } else { self.pause.min(FIRST) };
        }
        self.pause
    }

    /// The pause is over, or a device `came` meanwhile.
    pub(super) fn waited(&mut self, came: bool, now: Instant) {
        let hopeful = self.played.is_some_and(|played| now.duration_since(played) < HOPEFUL);
        self.pause = if came { SOON } else { (self.pause * 2).min(if hopeful { FIRST } else { LONGEST }) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// The pauses, in milliseconds, of a source whose next run gives pictures for so many milliseconds.
    fn pauses(runs: &[u64]) -> Vec<u128> {
        let mut patience = Patience::default();
        let mut now = clock::now();
        let run = |&played| {
            let played = Some(Duration::from_millis(played)).filter(|played| !played.is_zero());
            now += played.unwrap_or_default();
            let pause = patience.failed(played, now);
            now += pause;
            patience.waited(false, now);
            pause.as_millis()
        };
        runs.iter().map(run).collect()
    }

    #[test]
    fn what_ran_well_is_back_within_a_second_though_two_attempts_fail() {
        assert!(SOON + SOON * 2 < Duration::from_secs(1));
        assert_eq!(pauses(&[10_000, 0, 0, 0]), [250, 500, 1000, 1000]);
        let long = pauses(&[&[10_000][..], &[0; 36]].concat());
        assert!(long[..30].iter().all(|pause| *pause <= 1000));
        assert_eq!(
            long[33..],
            [4000, 8000, 10_000, 10_000],
            "what does not come back is tried less and less"
        );
    }

    #[test]
    fn what_flaps_is_not_run_all_the_time_and_what_played_is_hoped_for() {
        assert_eq!(pauses(&[0; 6]), [1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(pauses(&[0, 900, 1000, 900]), [1000, 2000, 4000, 8000], "as soon as it gave a picture");
        assert_eq!(pauses(&[0, 0, 3000, 3000]), [1000, 2000, 1000, 1000]);
        // Again and again something else ails it, each a second or two after it was back: it is back soon after each.
        let ails = [&[10_000][..], &[2000, 0, 0, 0].repeat(10)].concat();
        assert!(pauses(&ails).iter().all(|pause| *pause <= 1000), "{:?}", pauses(&ails));
    }
}

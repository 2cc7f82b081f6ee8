//! What became of pictures, counted.

use std::fmt;
use std::time::{Duration, Instant};

use super::super::gaps::missing;
use crate::amount::amount;
use crate::hub::Outlet;

/// Pictures that are late are told of so often, at most: a camera that is faster than its encoder is so for
/// as long as it runs.
const PAUSE: Duration = Duration::from_secs(60);

/// Why they are not coded: missed, late, left out.
const REASONS: [&str; 3] =
    ["lost before they were taken", "overtaken by the next one", "left out by the encoder"];

/// Counts of one run, from the camera's start to its rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Pictures given to the encoder where the camera left them.
    pub(super) shared: u64,
    /// Pictures copied to the encoder, and their bytes.
    pub(super) copied: u64,
    pub(super) copied_bytes: u64,
    /// Coded pictures, their bytes as the encoder gave them, and those that were copied of them.
    pub(super) coded: u64,
    pub(super) coded_bytes: u64,
    pub(super) coded_copied: u64,
    /// Pictures that the driver had no buffer for, by its numbers.
    pub(super) missed: u64,
    /// Pictures for which the encoder was not ready before a newer one came.
    pub(super) late: u64,
    /// Pictures that the encoder left out to keep its bitrate.
    pub(super) left_out: u64,
    /// Coded buffers that were no picture of this run's: headers, what came before the first keyframe.
    pub(super) strays: u64,
    /// The driver's number of the last picture.
    sequence: Option<u32>,
    /// Those that the mount has counted: missed, late, left out.
    counted: [u64; 3],
    /// Those told of.
    told: u64,
    told_at: Option<Instant>,
}

impl Counts {
    /// The driver's next picture came, with this number.
    pub(super) fn came(&mut self, sequence: u32) {
        let missing = self.sequence.replace(sequence).map_or(0, |last| missing(last, sequence));
        self.missed += u64::from(missing);
    }

    /// Has the mount count those that came since the last call.
    pub(super) fn count_in(&mut self, outlet: &Outlet) {
        let now = [self.missed, self.late, self.left_out];
        for ((reason, now), counted) in REASONS.into_iter().zip(now).zip(&mut self.counted) {
            outlet.lost(reason, now - std::mem::replace(counted, now));
        }
    }

    /// What to say of pictures that are missing, once in a while.
    pub(super) fn tell(&mut self, now: Instant) -> Option<String> {
        let lost = self.missed + self.late + self.left_out;
        let recently = self.told_at.is_some_and(|told| now.saturating_duration_since(told) < PAUSE);
        if lost == self.told || recently {
            return None;
        }
        (self.told, self.told_at) = (lost, Some(now));
        let Self { missed, late, left_out, .. } = self;
        Some(format!(
            "{} not coded so far ({missed} missed by the driver, {late} late, {left_out} left out by the encoder)",
            amount(lost, "picture")
        ))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shared, copied, copied_bytes, coded, coded_bytes, coded_copied, .. } = self;
        let Self { missed, late, left_out, strays, .. } = self;
        write!(
            f,
            "{shared} pictures coded without a copy, {copied} copied ({copied_bytes} bytes); {coded} coded \
             ({coded_bytes} bytes, {coded_copied} copied); {missed} missed, {late} late, {left_out} left out, {strays} strays"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_the_drivers_numbers_are_pictures_missed() {
        let mut counts = Counts::default();
        for sequence in [7, 8, 11, 12, 0, 1, u32::MAX, 0, 3, 7003, 14_003] {
            counts.came(sequence);
        }
        assert_eq!(
            counts.missed,
            2 + 2,
            "9 and 10, 1 and 2: beginning anew, or counting otherwise, is no gap"
        );
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "some instant to count from")]
    fn missing_pictures_are_told_once_a_minute() {
        let (mut counts, start) = (Counts::default(), Instant::now());
        assert_eq!(counts.tell(start), None);
        counts.late = 3;
        assert!(counts.tell(start).unwrap().starts_with("3 pictures not coded so far (0 missed"));
        counts.left_out = 2;
        assert_eq!(counts.tell(start + PAUSE / 2), None);
        assert!(counts.tell(start + PAUSE).is_some());
        assert_eq!(counts.tell(start + PAUSE * 2), None, "nothing new");
    }
}

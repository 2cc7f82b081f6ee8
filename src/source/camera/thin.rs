//! A camera that is faster than it was asked to be: which of its pictures are coded. Pure.

use crate::media::MediaTime;

/// With room for 30.0003.
const UNASKED: f64 = 30.5;
/// Rates so near are one.
const NEAR: f64 = 1.05;
/// A stamp may be early by this part of the time between the camera's pictures and still be the one that is due.
const EARLY: f64 = 0.4;

/// Pictures a second that are coded of a camera that gives so many: the others would only make the encoder late.
pub(super) fn left(asked: f64, given: f64) -> f64 {
    if is_thinned(asked, given) { asked } else { given }
}

/// Pictures a second that are coded where nobody says how many: up to 30, one of two or of three of a camera that gives more.
pub(super) fn unasked(given: f64) -> f64 {
    given / (given / UNASKED).ceil().max(1.0)
}

/// Whether not all are coded.
pub(super) fn is_thinned(asked: f64, given: f64) -> bool {
    asked > 0.0 && given > asked * NEAR
}

/// Says of each picture whether it is to be coded: time is cut into slots as long as the pictures are to be apart,
/// and the first picture of each slot is. So 20 of 30 are coded, two of three, and all of those that a camera
/// gives more slowly than its driver says, in the dark.
#[derive(Debug)]
pub(super) struct Thin {
    slots: Option<Slots>,
    /// The time of the first picture, and the slot of the last that was due.
    last: Option<(MediaTime, u64)>,
    due: bool,
}

#[derive(Clone, Copy, Debug)]
struct Slots {
    /// A second.
    rate: f64,
    /// Part of a slot by which pictures may be early.
    early: f64,
}

impl Thin {
    /// So many pictures a second are asked of a camera that gives so many, if its driver says so.
    pub(super) fn new(asked: Option<f64>, given: Option<f64>) -> Self {
        let rates = asked.zip(given).filter(|(asked, given)| is_thinned(*asked, *given));
        let slots = rates.map(|(asked, given)| Slots { rate: asked, early: EARLY * asked / given });
        Self { slots, last: None, due: false }
    }

    /// Another picture came, which was taken then; it may be overtaken before it is coded.
    pub(super) fn came(&mut self, taken: MediaTime) {
        let Some(slots) = self.slots else {
            self.due = true;
            return;
        };
        // Whoever goes back in time begins anew.
        let Some((first, last)) = self.last.filter(|(first, _)| taken >= *first) else {
            (self.last, self.due) = (Some((taken, 0)), true);
            return;
        };
        let slot = (taken.since(first).as_secs_f64() * slots.rate + slots.early) as u64;
        if slot > last {
            (self.last, self.due) = (Some((first, slot)), true);
        }
    }

    /// Whether the newest one is to be coded, or one that will be newer.
    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// The same, and that one is coded now.
    pub(super) fn take(&mut self) -> bool {
        std::mem::take(&mut self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the pictures that are coded of so many at `rate` a second, each later than it should be
    /// by so many milliseconds by turns.
    fn coded(asked: f64, given: f64, rate: f64, count: u64, late: &[u64]) -> Vec<u64> {
        let mut thin = Thin::new(Some(asked), Some(given));
        let jitter = late.iter().cycle();
        let taken = (0..count).zip(jitter).filter(|(number, late)| {
            let nanos = (*number as f64 / rate * 1e9) as u64 + **late * 1_000_000;
            thin.came(MediaTime::from_nanos(7_000_000_000 + nanos));
            thin.take()
        });
        taken.map(|(number, _)| number).collect()
    }

    #[test]
    fn as_many_as_were_asked_for_are_coded_evenly_spaced() {
        for (asked, given, in_ten_seconds, gaps) in [
            (20.0, 30.0, 200, &[1, 2][..]),
            (15.0, 30.0, 150, &[2]),
            (25.0, 30.0, 250, &[1, 2]),
            (15.0, 60.0, 150, &[4]),
            (29.0, 60.0, 290, &[2, 3]),
            (12.5, 90.0, 125, &[7, 8]),
            (1.0, 30.0, 10, &[30]),
            (30.0, 30.0003, 300, &[1]),
            (30.0, 5.0, 50, &[1]),
        ] {
            let count = (given * 10.0) as u64;
            let coded = coded(asked, given, given, count, &[0]);
            assert!(coded.len().abs_diff(in_ten_seconds) <= 1, "{asked} of {given}: {}", coded.len());
            let seen: std::collections::BTreeSet<u64> = coded.windows(2).map(|two| two[1] - two[0]).collect();
            assert!(seen.iter().all(|gap| gaps.contains(gap)), "{asked} of {given}: {seen:?}");
        }
    }

    #[test]
    fn unasked_there_are_as_many_as_30_evenly_spaced() {
        for (given, coded) in [
            (60.0, 30.0),
            (50.0, 25.0),
            (59.94, 29.97),
            (90.0, 30.0),
            (30.0003, 30.0003),
            (24.0, 24.0),
            (0.0, 0.0),
        ] {
            assert_eq!(unasked(given), coded);
        }
    }

    #[test]
    fn stamps_that_are_not_exact_change_nothing() {
        let even = coded(30.0, 60.0, 60.0, 600, &[0]);
        assert_eq!(coded(30.0, 60.0, 60.0, 600, &[3, 0, 5, 1, 6]), even);
        let even = coded(20.0, 30.0, 30.0, 300, &[0]);
        assert_eq!(coded(20.0, 30.0, 30.0, 300, &[1, 0, 2, 3]), even);
    }

    #[test]
    fn a_camera_that_became_slower_than_its_driver_says_loses_nothing() {
        assert_eq!(coded(20.0, 30.0, 15.0, 150, &[0]).len(), 150);
    }

    #[test]
    fn where_a_rate_is_not_known_all_are_coded() {
        for (asked, given) in [(Some(30.0), None), (None, Some(60.0)), (Some(0.0), Some(30.0))] {
            let mut thin = Thin::new(asked, given);
            for _ in 0..3 {
                thin.came(MediaTime::default());
                assert!(thin.take());
            }
        }
        assert_eq!((left(20.0, 30.0), left(30.0, 30.0003), left(30.0, 5.0)), (20.0, 30.0003, 5.0));
    }

    #[test]
    fn a_picture_is_coded_for_each_that_is_due_though_it_is_overtaken() {
        let mut thin = Thin::new(Some(10.0), Some(30.0));
        let mut number = 0;
        let mut taken = Vec::new();
        for came in [1, 1, 1, 1, 1, 4, 1] {
            for _ in 0..came {
                thin.came(MediaTime::from_nanos(number * 33_333_333));
                number += 1;
            }
            taken.push(thin.take());
        }
        assert_eq!(taken, [true, false, false, true, false, true, true]);
    }

    #[test]
    fn a_clock_that_goes_back_begins_anew() {
        let mut thin = Thin::new(Some(10.0), Some(30.0));
        for (millis, due) in [(5_000, true), (5_033, false), (5_100, true), (1_000, true), (1_033, false)] {
            thin.came(MediaTime::from_nanos(millis * 1_000_000));
            assert_eq!(thin.take(), due, "{millis}");
        }
    }
}

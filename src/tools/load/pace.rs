//! Pictures a second by the time that their timestamps tell: a server that catches up sends no more of them, one that
//! leaves some out sends fewer.

use std::time::Duration;

/// Pictures a second say something from this time on.
const LONG_ENOUGH: f64 = 0.5;

/// Timestamps that jump so far are of another time, as those of a file that is played from its beginning again.
const FORWARD: Duration = Duration::from_secs(15);
const BACK: Duration = Duration::from_secs(1);

/// Of one track. Between the newest pictures alone is it counted: coded behind others that are shown later, a picture
/// has a timestamp before theirs.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    clock_rate: f64,
    newest: Option<u32>,
    /// Pictures since the newest.
    since: u64,
    counted: Counted,
    marked: Option<Counted>,
}

/// Pictures, and the time that they take.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    pictures: u64,
    ticks: u64,
}

impl Pace {
    pub(super) fn new(clock_rate: u32) -> Self {
        let clock_rate = f64::from(clock_rate.max(1));
        Self { clock_rate, newest: None, since: 0, counted: Counted::default(), marked: None }
    }

    /// A picture ended.
    pub(super) fn add(&mut self, timestamp: u32) {
        let Some(newest) = self.newest else { return self.newest = Some(timestamp) };
        let step = f64::from(timestamp.wrapping_sub(newest) as i32) / self.clock_rate;
        if step > FORWARD.as_secs_f64() || step < -BACK.as_secs_f64() {
            (self.newest, self.since) = (Some(timestamp), 0);
            return;
        }
        self.since += 1;
        if step > 0.0 {
            self.counted.pictures += std::mem::take(&mut self.since);
            self.counted.ticks += u64::from(timestamp.wrapping_sub(newest));
            self.newest = Some(timestamp);
        }
    }

    /// Timestamps are others from now on.
    pub(super) fn begin_anew(&mut self) {
        (self.newest, self.since) = (None, 0);
    }

    /// What is asked for is counted from here.
    pub(super) fn mark(&mut self) {
        self.marked = Some(self.counted);
    }

    /// Pictures a second since then, if that says something.
    pub(super) fn rate(&self) -> Option<f64> {
        self.since(self.marked?)
    }

    /// Likewise, of all.
    pub(super) fn whole_rate(&self) -> Option<f64> {
        self.since(Counted::default())
    }

    /// The time that all take.
    pub(super) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.counted.ticks as f64 / self.clock_rate)
    }

    fn since(&self, before: Counted) -> Option<f64> {
        let seconds = (self.counted.ticks - before.ticks) as f64 / self.clock_rate;
        (seconds >= LONG_ENOUGH).then(|| (self.counted.pictures - before.pictures) as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of pictures with these timestamps, in thirtieths of a second.
    fn rate(thirtieths: impl IntoIterator<Item = u32>) -> Option<f64> {
        let mut pace = Pace::new(90_000);
        thirtieths.into_iter().for_each(|number| pace.add((number * 3000).wrapping_sub(100_000)));
        pace.whole_rate()
    }

    #[test]
    fn pictures_are_counted_by_their_own_time() {
        assert_eq!(rate(0..100), Some(30.0));
        assert_eq!(rate((0..100).filter(|number| number % 3 != 1)), Some(20.0));
        assert_eq!(rate(0..15), None, "less than half a second");
        assert_eq!(rate(0..16), Some(30.0));
    }

    #[test]
    fn pictures_that_are_shown_before_one_that_came_first_are_no_more_than_they_are() {
        // P B B P B B: as coded.
        let mut pace = Pace::new(90_000);
        for group in 0..20 {
            [3, 1, 2].iter().for_each(|number| pace.add((group * 3 + number) * 3000));
            if group == 3 {
                pace.mark();
            }
        }
        assert_eq!(pace.rate(), Some(30.0));
    }

    #[test]
    fn a_jump_is_no_time() {
        assert_eq!(rate((0..40).chain(10_000..10_040)), Some(30.0));
        assert_eq!(rate((400..440).chain(0..40)), Some(30.0));
        // Of what was left out while it stood still for some seconds it is.
        assert_eq!(rate((0..30).chain(180..210)), Some(59.0 / (209.0 / 30.0)));
    }

    #[test]
    fn the_rate_is_that_since_the_mark() {
        let mut pace = Pace::new(1000);
        assert_eq!(pace.rate(), None);
        (0..30).for_each(|number| pace.add(number * 10));
        pace.mark();
        assert_eq!(pace.rate(), None);
        (1..=40).for_each(|number| pace.add(290 + number * 50));
        assert_eq!(pace.rate(), Some(20.0));
        assert_eq!(pace.time(), Duration::from_millis(2290));
    }

    #[test]
    fn a_mark_before_the_first_picture_is_one() {
        let mut pace = Pace::new(1000);
        pace.mark();
        (0..=40).for_each(|number| pace.add(number * 50));
        assert_eq!(pace.rate(), Some(20.0));
    }
}

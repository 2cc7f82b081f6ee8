//! Frames in the order of decoding, with times: Matroska has those of presentation alone.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroU32;

use crate::source::file::rounds::Times;

/// Nanoseconds.
const SCALE: NonZeroU32 = NonZeroU32::new(1_000_000_000).expect("is not 0");

/// A decoder holds at most 16 pictures for others to be shown first (ITU-T H.264 section A.3.1, H.265 A.4.1).
const DEPTH: usize = 16;

/// How long a picture lasts where nothing says it.
const DURATION: i64 = 40_000_000;

/// A frame where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) offset: u64,
    pub(super) size: u64,
    /// Nanoseconds from the segment's beginning.
    pub(super) shown: i64,
    /// Nanoseconds, where its block says it.
    pub(super) duration: Option<i64>,
}

/// A track's frames on their way from the order of the file, which is that of decoding.
///
/// A picture is decoded at the time at which one is shown: the first at the least, and so on. So pictures are
/// sent evenly, as other containers have them.
#[derive(Debug)]
pub(super) struct Order {
    frames: VecDeque<Frame>,
    /// When the frames are shown that have no time of decoding yet: those that wait.
    shown: BinaryHeap<Reverse<i64>>,
    /// Frames that have to be known after one.
    depth: usize,
    /// When the last one was decoded.
    last: Option<i64>,
    /// Between it and the one before.
    step: Option<i64>,
    /// What every frame lasts.
    duration: Option<i64>,
}

impl Order {
    /// The order of pictures, which may come out of order, or of sound; of frames of this duration.
    pub(super) fn new(pictures: bool, duration: Option<i64>) -> Self {
        let depth = if pictures { DEPTH } else { 0 };
        Self { frames: VecDeque::new(), shown: BinaryHeap::new(), depth, last: None, step: None, duration }
    }

    /// Takes the next frame of the file.
    pub(super) fn push(&mut self, frame: Frame) {
        self.shown.push(Reverse(frame.shown));
        self.frames.push_back(frame);
    }

    /// How many frames wait.
    pub(super) fn waiting(&self) -> usize {
        self.frames.len()
    }

    /// Whether the next frame's time is known although the file goes on.
    pub(super) fn is_ready(&self) -> bool {
        self.frames.len() > self.depth
    }

    /// When the next frame is decoded.
    pub(super) fn decoded(&self) -> Option<i64> {
        let least = self.shown.peek()?.0;
        Some(self.last.map_or(least, |last| last.max(least)))
    }

    /// The next frame.
    pub(super) fn pop(&mut self) -> Option<(Frame, Times)> {
        let decoded = self.decoded()?;
        let frame = self.frames.pop_front()?;
        self.shown.pop();
        if let Some(last) = self.last.filter(|last| *last < decoded) {
            self.step = Some(decoded.saturating_sub(last));
        }
        self.last = Some(decoded);
        let duration = frame.duration.or(self.duration).or(self.step).unwrap_or(DURATION);
        Some((frame, Times { decoded, shown: frame.shown, duration, scale: SCALE }))
    }
}

/// Times that are multiples of a step, which a file has rounded to its ticks: most have ticks of a millisecond.
///
/// Times that are off by more begin another row: a gap, or pictures at no steady rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Nanoseconds of `per` steps.
    nanos: i128,
    per: i128,
    /// What rounding may have moved a time by, and another.
    tick: i128,
    origin: Option<i128>,
}

impl Grid {
    /// Of `per` steps in `nanos` nanoseconds, both more than 0, in a file with ticks of `tick` nanoseconds.
    pub(super) fn new(nanos: u64, per: u32, tick: u64) -> Self {
        Self { nanos: i128::from(nanos), per: i128::from(per), tick: i128::from(tick), origin: None }
    }

    /// The exact time of what the file has at this time.
    pub(super) fn exact(&mut self, time: i128) -> i128 {
        // Where ticks are as coarse as steps nothing can be told.
        if self.nanos < self.tick * self.per * 4 {
            return time;
        }
        let origin = *self.origin.get_or_insert(time);
        let exact = origin + self.after(self.steps(time - origin));
        if (exact - time).abs() <= self.tick {
            return exact;
        }
        self.origin = Some(time);
        time
    }

    /// How long `steps` steps are.
    pub(super) fn after(&self, steps: i128) -> i128 {
        (steps * self.nanos).div_euclid(self.per)
    }

    /// The nearest number of steps.
    fn steps(&self, time: i128) -> i128 {
        (2 * time * self.per + self.nanos).div_euclid(2 * self.nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(shown: &[i64], depth: usize) -> Vec<(i64, i64, i64)> {
        let mut order = Order { depth, ..Order::new(true, None) };
        let mut all = Vec::new();
        let mut take = |order: &mut Order| {
            let (frame, times) = order.pop().unwrap();
            assert_eq!(frame.shown, times.shown);
            all.push((times.decoded, times.shown, times.duration));
        };
        for shown in shown {
            order.push(Frame { offset: 0, size: 1, shown: *shown, duration: None });
            while order.is_ready() {
                take(&mut order);
            }
        }
        while order.waiting() > 0 {
            take(&mut order);
        }
        assert!(order.pop().is_none());
        all
    }

    #[test]
    fn pictures_are_decoded_evenly_whatever_the_order_in_which_they_are_shown() {
        let shown = [0, 4, 2, 1, 3, 8, 6, 5, 7];
        let times = order(&shown, 3);
        assert_eq!(times.iter().map(|times| times.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(times.iter().map(|times| times.1).collect::<Vec<_>>(), shown);
        assert_eq!(times[8].2, 1, "as the one before it");
    }

    #[test]
    fn time_of_decoding_never_goes_back() {
        // Deeper than the order can look ahead.
        let times = order(&[10, 20, 30, 0, 5, 40], 1);
        assert!(times.is_sorted_by_key(|times| times.0), "{times:?}");
        assert_eq!(times.len(), 6);
        assert_eq!(order(&[7], 16), [(7, 7, DURATION)]);
    }

    #[test]
    fn rounded_times_are_made_exact() {
        // 29.97 pictures a second and 48 kHz sound, an hour in milliseconds.
        for (nanos, per) in [(33_366_666, 1), (1024 * 1_000_000_000, 48_000), (1024 * 1_000_000_000, 44_100)]
        {
            let mut grid = Grid::new(nanos, per, 1_000_000);
            let true_time = |number: i128| 7_000_000 + number * i128::from(nanos) / i128::from(per);
            let rounded = |time: i128| (time + 500_000) / 1_000_000 * 1_000_000;
            // Pictures out of order, two at a time.
            let numbers =
                (0..100_000).map(|number| if number % 2 == 1 { number + 1 } else { number.max(1) - 1 });
            for number in numbers {
                assert_eq!(grid.exact(rounded(true_time(number))), true_time(number), "{number}");
            }
        }
    }

    #[test]
    fn times_that_are_on_no_grid_stay_as_they_are() {
        let mut grid = Grid::new(40_000_000, 1, 1_000_000);
        for time in [0, 40_000_000, 55_000_000, 94_000_000, 250_000_000] {
            let exact = grid.exact(time);
            assert!((exact - time).abs() <= 1_000_000, "{time}: {exact}");
        }
        assert_eq!(grid.exact(291_000_000), 290_000_000, "on the last one's grid");
        let mut coarse = Grid::new(3_000_000, 1, 1_000_000);
        assert_eq!([7, 9_900_000].map(|time| coarse.exact(time)), [7, 9_900_000]);
    }
}

//! The figures of the last minutes, for charts.

use std::collections::VecDeque;

/// From one sample to the next, in seconds.
pub const STEP_S: u64 = 2;
/// So many are kept: five minutes.
pub const KEPT: usize = 150;

/// Room is made for so many at once: where it doubles, 500 sessions of five minutes take 3 MB instead of 2.
const ROOM: usize = 30;

/// Figures over time, `N` at a time; what is not known is NaN.
#[derive(Clone, Debug)]
pub struct History<const N: usize> {
    samples: VecDeque<[f32; N]>,
    /// So many came, those that are forgotten too.
    came: usize,
}

impl<const N: usize> Default for History<N> {
    fn default() -> Self {
        Self { samples: VecDeque::new(), came: 0 }
    }
}

impl<const N: usize> History<N> {
    /// Adds the newest.
    pub fn add(&mut self, sample: [f32; N]) {
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        } else if self.samples.len() == self.samples.capacity() {
            self.samples.reserve_exact(ROOM);
        }
        self.samples.push_back(sample);
        self.came += 1;
    }

    /// One figure of all samples that are kept, the oldest first.
    pub fn of(&self, figure: usize) -> impl DoubleEndedIterator<Item = f32> + ExactSizeIterator + '_ {
        self.samples.iter().map(move |sample| sample.get(figure).copied().unwrap_or(f32::NAN))
    }

    /// One figure over all the time that is kept, as so many bars at most: the mean of what is in each. Once all
    /// that is kept came, bars stay as they are while they move on; what is not known is no bar.
    pub fn bars(&self, figure: usize, columns: usize) -> Vec<u64> {
        let each = self.samples.len().div_ceil(columns.max(1)).max(1);
        let forgotten = self.came - self.samples.len();
        let (first, last) = (forgotten / each, self.came.saturating_sub(1) / each);
        let mut sums = vec![(0.0f64, 0u32); last + 1 - first];
        for (place, value) in self.of(figure).enumerate().filter(|(_, value)| value.is_finite()) {
            let bar = &mut sums[(forgotten + place) / each - first];
            *bar = (bar.0 + f64::from(value), bar.1 + 1);
        }
        let bars = sums.iter().map(|(sum, count)| (sum / f64::from((*count).max(1))).max(0.0) as u64);
        bars.skip(sums.len().saturating_sub(columns)).collect()
    }
}

/// A figure that may be unknown.
pub fn figure(value: Option<impl Into<f64>>) -> f32 {
    value.map_or(f32::NAN, |value| value.into() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let mut history = History::default();
        for number in 0..KEPT + 2 {
            history.add([number as f32, f32::NAN]);
        }
        assert_eq!((history.of(0).next(), history.of(0).len()), (Some(2.0), KEPT));
        assert!(history.samples.capacity() <= KEPT, "{}", history.samples.capacity());
        assert_eq!(history.bars(1, 1), [0]);
    }

    #[test]
    fn bars_stay_as_they_are_while_they_move_on() {
        let mut history = History::default();
        assert_eq!(history.bars(0, 5), [0]);
        let mut bars = Vec::new();
        for number in 0..KEPT * 2 {
            history.add([(number / 30) as f32]);
            bars = history.bars(0, 5);
        }
        assert_eq!(bars, [5, 6, 7, 8, 9]);
        history.add([10.0]);
        assert_eq!(history.bars(0, 5), [6, 7, 8, 9, 10]);
    }
}

//! The figures of the last minutes, for charts.

use std::collections::VecDeque;

/// From one sample to the next, in seconds.
pub const STEP_S: u64 = 2;
/// So many are kept: five minutes.
pub const KEPT: usize = 150;

/// Figures over time, `N` at a time; what is not known is NaN.
#[derive(Clone, Debug)]
pub struct History<const N: usize> {
    samples: VecDeque<[f32; N]>,
}

impl<const N: usize> Default for History<N> {
    fn default() -> Self {
        Self { samples: VecDeque::new() }
    }
}

impl<const N: usize> History<N> {
    /// Adds the newest.
    pub fn add(&mut self, sample: [f32; N]) {
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// One figure of all samples that are kept, the oldest first.
    pub fn of(&self, figure: usize) -> impl DoubleEndedIterator<Item = f32> + ExactSizeIterator + '_ {
        self.samples.iter().map(move |sample| sample.get(figure).copied().unwrap_or(f32::NAN))
    }

    /// The newest `count` of one figure as bars from 0 on; what is not known is no bar.
    pub fn bars(&self, figure: usize, count: usize) -> Vec<u64> {
        let bar = |value: f32| if value.is_finite() { value.max(0.0) as u64 } else { 0 };
        let skipped = self.samples.len().saturating_sub(count);
        self.of(figure).skip(skipped).map(bar).collect()
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
        assert_eq!(history.bars(0, 2), [KEPT as u64, KEPT as u64 + 1]);
        assert_eq!(history.bars(1, 1), [0]);
    }
}

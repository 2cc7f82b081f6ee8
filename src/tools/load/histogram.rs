//! Distributions over readers: exact, since there are thousands of values and not millions.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Where buckets end, in milliseconds; the last one has no end.
const ENDS: [u32; 12] = [5, 10, 20, 50, 100, 200, 300, 500, 1000, 2000, 5000, 10_000];

/// How values are spread: by nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    /// How many there are.
    pub(super) count: usize,
    /// The least.
    pub(super) min: f64,
    /// The median.
    pub(super) p50: f64,
    /// 99 of 100 are not above it.
    pub(super) p99: f64,
    /// The greatest.
    pub(super) max: f64,
}

/// How many values are at most so great, and greater than the bucket before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Bucket {
    /// The bucket's end in milliseconds; `None` for those beyond the last.
    pub(super) to_ms: Option<u32>,
    /// How many.
    pub(super) count: usize,
}

impl Spread {
    /// Of times, in milliseconds.
    pub(super) fn of_times(times: impl IntoIterator<Item = Duration>) -> Option<Self> {
        Self::of(times.into_iter().map(|time| time.as_secs_f64() * 1000.0))
    }

    /// `None` where there is nothing.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let at = |hundredths: usize| {
            let rank = (values.len() * hundredths).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or(max)
        };
        let (p50, p99) = (at(50), at(99));
        Some(Self { count: values.len(), min: round(min), p50: round(p50), p99: round(p99), max: round(max) })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "median {:.1}, p99 {:.1}, max {:.1}", self.p50, self.p99, self.max)
    }
}

/// The buckets from the first to the last that hold something.
pub(super) fn histogram(times: impl IntoIterator<Item = Duration>) -> Vec<Bucket> {
    let mut counts = [0; ENDS.len() + 1];
    for time in times {
        let bucket = ENDS.iter().position(|end| time <= Duration::from_millis(u64::from(*end)));
        counts[bucket.unwrap_or(ENDS.len())] += 1;
    }
    let buckets = counts
        .iter()
        .enumerate()
        .map(|(index, count)| Bucket { to_ms: ENDS.get(index).copied(), count: *count });
    let last = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
    buckets.take(last).skip_while(|bucket| bucket.count == 0).collect()
}

/// To a thousandth.
pub(super) fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_values_that_were_there() {
        let spread = Spread::of((1..=200).map(f64::from)).unwrap();
        let expected = Spread { count: 200, min: 1.0, p50: 100.0, p99: 198.0, max: 200.0 };
        assert_eq!(spread, expected);
        let one = Spread::of([7.0]).unwrap();
        assert_eq!((one.min, one.p50, one.p99, one.max), (7.0, 7.0, 7.0, 7.0));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn buckets_hold_what_is_not_beyond_their_end() {
        let told = histogram([5, 6, 10, 30, 60_000].map(Duration::from_millis));
        let counts: Vec<_> =
            told.iter().filter(|bucket| bucket.count > 0).map(|b| (b.to_ms, b.count)).collect();
        assert_eq!(counts, [(Some(5), 1), (Some(10), 2), (Some(50), 1), (None, 1)]);
        assert_eq!((told.len(), histogram([]).len()), (ENDS.len() + 1, 0));
    }
}

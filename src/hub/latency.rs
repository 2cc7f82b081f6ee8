//! How long pictures take, stage by stage: counted without an allocation, read at any time.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::media::{Journey, MediaTime};

/// Buckets an octave: each is at most a quarter wider than what is in it.
const PARTS: u32 = 4;
/// From 1 µs to beyond a minute.
const OCTAVES: u32 = 27;
const BUCKETS: usize = (OCTAVES * PARTS) as usize;

/// What is measured of a picture. What is read from a file counts from when it is due instead of a driver's stamp: how late
/// it was read, and passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the driver's stamp until it was taken from the driver's queue.
    Captured,
    /// From the driver's stamp until it was coded.
    Coded,
    /// From the driver's stamp until the kernel had its first packet to any reader.
    First,
    /// From the driver's stamp until the kernel had its last packet to the last reader that it was sent to at once.
    Last,
    /// From coded until the kernel had its first packet: what the server itself takes.
    Handover,
    /// By how much the last packet of a large picture was planned to be later than at once, for being spread over
    /// time; of pictures that were spread alone. [`Last`](Self::Last) has none of it.
    Spread,
}

impl Stage {
    /// All, on a picture's way.
    pub const ALL: [Self; 6] =
        [Self::Captured, Self::Coded, Self::First, Self::Last, Self::Handover, Self::Spread];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Coded => "coded",
            Self::First => "first packet out",
            Self::Last => "last packet out",
            Self::Handover => "coded to first packet",
            Self::Spread => "spread over",
        }
    }
}

/// A mount's pictures, stage by stage, since the start.
#[derive(Debug, Default)]
pub struct Latency([Histogram; Stage::ALL.len()]);

impl Latency {
    /// Counts a picture whose first and last packets the kernel had at these instants.
    pub fn count(&self, journey: &Journey, first: MediaTime, last: MediaTime) {
        let Journey { taken, captured, coded } = *journey;
        for (stage, from, to) in [
            (Stage::Captured, taken, captured),
            (Stage::Coded, taken, coded),
            (Stage::First, taken, first),
            (Stage::Last, taken, last),
            (Stage::Handover, coded, first),
        ] {
            self.of(stage).count(to.since(from));
        }
    }

    /// Counts a large picture that is spread over time, its last packet so much later than at once.
    pub fn count_spread(&self, delay: Duration) {
        self.of(Stage::Spread).count(delay);
    }

    /// One stage's times.
    pub fn of(&self, stage: Stage) -> &Histogram {
        &self.0[stage as usize]
    }

    /// Pictures that were counted.
    pub fn pictures(&self) -> u64 {
        self.of(Stage::First).total()
    }
}

impl fmt::Display for Latency {
    /// Median and 99th percentile of each stage, in milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pictures = self.pictures();
        write!(f, "{pictures} picture{}", if pictures == 1 { "" } else { "s" })?;
        for stage in Stage::ALL {
            let millis = |part| self.of(stage).quantile(part).unwrap_or_default().as_secs_f64() * 1e3;
            write!(f, ", {} {:.2}/{:.2} ms", stage.name(), millis(0.5), millis(0.99))?;
        }
        Ok(())
    }
}

/// How times are spread, in buckets of which four are an octave.
#[derive(Debug)]
pub struct Histogram([AtomicU32; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU32::new(0) }; BUCKETS])
    }
}

impl Histogram {
    /// Counts a time.
    pub fn count(&self, time: Duration) {
        self.0[bucket(time)].fetch_add(1, Ordering::Relaxed);
    }

    /// Times that were counted.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).sum()
    }

    /// The buckets that are not empty: where each ends, and how many times are in it.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let counts = self.0.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).enumerate();
        counts.filter(|(_, count)| *count > 0).map(|(bucket, count)| (end(bucket), count))
    }

    /// What such a part of all times (0.99) does not exceed, up to a quarter too much; none if there are none.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        quantile(&self.counts().0, part)
    }

    /// The same of the times that were counted since `seen`, which becomes what is counted now.
    pub fn quantile_since(&self, seen: &mut Counts, part: f64) -> Option<Duration> {
        let now = self.counts();
        let before = std::mem::replace(seen, now.clone());
        let mut new = now.0;
        new.iter_mut().zip(before.0).for_each(|(count, before)| *count = count.wrapping_sub(before));
        quantile(&new, part)
    }

    fn counts(&self) -> Counts {
        Counts(std::array::from_fn(|bucket| self.0[bucket].load(Ordering::Relaxed)))
    }
}

/// What a histogram had counted at some time; nothing at first.
#[derive(Clone, Debug)]
pub struct Counts([u32; BUCKETS]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

fn quantile(counts: &[u32], part: f64) -> Option<Duration> {
    let total: u64 = counts.iter().copied().map(u64::from).sum();
    let rank = ((total as f64 * part).ceil() as u64).max(1);
    let mut seen = 0;
    let at = counts.iter().position(|count| {
        seen += u64::from(*count);
        seen >= rank
    });
    at.filter(|_| total > 0).map(end)
}

fn bucket(time: Duration) -> usize {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let octave = micros.checked_ilog2().unwrap_or_default();
    // The two bits behind the highest.
    let part = if octave >= 2 { (micros >> (octave - 2)) & 3 } else { (micros << (2 - octave)) & 3 };
    let place = octave * PARTS + part as u32;
    (place as usize).min(BUCKETS - 1)
}

/// Where a bucket ends.
fn end(bucket: usize) -> Duration {
    let (octave, part) = (bucket as u32 / PARTS, bucket as u32 % PARTS);
    let nanos = (1000_u64 << octave) / u64::from(PARTS) * u64::from(PARTS + part + 1);
    Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_at_most_a_quarter_above_what_is_in_it() {
        for micros in (1..5_000).chain([33_333, 1_000_000, 59_999_999]) {
            let time = Duration::from_micros(micros);
            let end = end(bucket(time));
            assert!(end > time && end <= time * 5 / 4 + Duration::from_micros(1), "{time:?}: {end:?}");
        }
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_those_of_what_was_counted() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.99), None);
        for millis in 1..=1000 {
            histogram.count(Duration::from_millis(millis));
        }
        for (part, exact) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let (told, exact) = (histogram.quantile(part).unwrap(), Duration::from_millis(exact));
            assert!(told >= exact && told <= exact * 5 / 4 + Duration::from_micros(1), "{part}: {told:?}");
        }
    }

    #[test]
    fn a_while_is_told_apart_from_what_was_before() {
        let (histogram, mut seen) = (Histogram::default(), Counts::default());
        let mut ninth = |times: &[u64]| {
            times.iter().for_each(|millis| histogram.count(Duration::from_millis(*millis)));
            histogram.quantile_since(&mut seen, 0.9).map(|time| time.as_millis())
        };
        assert_eq!(ninth(&[]), None);
        assert_eq!(ninth(&[400; 30]), Some(458));
        assert_eq!(ninth(&[1; 10]), Some(1));
        assert_eq!(ninth(&[]), None);
        assert_eq!(ninth(&[1, 1, 1, 1, 1, 1, 1, 1, 400, 400]), Some(458));
    }

    #[test]
    fn stages_are_counted_from_the_instant_at_which_the_picture_was_taken() {
        let at = |millis: u64| MediaTime::from_nanos(millis * 1_000_000);
        let latency = Latency::default();
        latency.count(&Journey::new(at(100), at(110), at(140)), at(141), at(150));
        let told = |stage| latency.of(stage).quantile(0.5).unwrap_or_default().as_millis();
        let stages = Stage::ALL.map(told);
        // The ends of buckets: 8.2..10.2, 32.8..41, 41..49.2, 49.2..57.3, 0.9..1.02 ms.
        assert_eq!(stages, [10, 40, 49, 57, 1, 0], "none was spread");
        latency.count_spread(Duration::from_millis(20));
        assert_eq!((told(Stage::Spread), latency.pictures()), (20, 1));
        assert!(latency.to_string().starts_with("1 picture, captured 10.24/10.24 ms"), "{latency}");
    }
}

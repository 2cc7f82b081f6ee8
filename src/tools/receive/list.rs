//! Every picture, a line each: for whoever looks into a camera's timing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use super::save::{begin, open};
use crate::client::Unit;

/// A table of comma-separated values.
pub(super) struct List {
    file: BufWriter<File>,
    tracks: BTreeMap<usize, Clock>,
}

/// A track's time, without the wrap of its timestamps.
struct Clock {
    began: Instant,
    last: u32,
    ticks: i64,
}

impl List {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: open(path)?, tracks: BTreeMap::new() })
    }

    /// Seconds are those of the sender's clock from the track's first picture on, arrival those of ours.
    pub(super) fn add(&mut self, track: usize, clock_rate: u32, unit: &Unit) -> io::Result<()> {
        let Unit { timestamp, arrival, ref data, keyframe, damaged } = *unit;
        if self.tracks.is_empty() {
            begin(&self.file)?;
            writeln!(self.file, "track,seconds,arrival,bytes,keyframe,damaged")?;
        }
        let clock = self.tracks.entry(track).or_insert(Clock { began: arrival, last: timestamp, ticks: 0 });
        clock.ticks += i64::from(timestamp.wrapping_sub(clock.last) as i32);
        clock.last = timestamp;
        let seconds = clock.ticks as f64 / f64::from(clock_rate.max(1));
        let arrived = arrival.saturating_duration_since(clock.began).as_secs_f64();
        writeln!(self.file, "{track},{seconds:.6},{arrived:.6},{},{keyframe},{damaged}", data.len())?;
        // Who looks on sees it when it comes.
        self.file.flush()
    }
}

//! Looks once a second at how the server is doing, and has nobody new let in while that would cost those who watch.

use std::collections::BTreeMap;
use std::time::Duration;

use super::house::House;
use super::memory::Memory;
use super::pressure::{Pressure, Second, Turn};
use crate::hub::{Counts, Stage};

/// What nine of ten pictures do not exceed.
const MOST: f64 = 0.9;

pub(super) struct Lookout {
    memory: Memory,
    /// By mount: pictures that were looked at.
    seen: BTreeMap<String, Counts>,
    pressure: Pressure,
}

impl Lookout {
    pub(super) fn new() -> Self {
        Self { memory: Memory::here(), seen: BTreeMap::new(), pressure: Pressure::default() }
    }

    /// A second is over, and was noticed `late`.
    pub(super) fn look(&mut self, house: &House, late: Duration) {
        let watched = !house.sessions().is_empty();
        let lag = self.lag(house).unwrap_or_default().max(late);
        // Without viewers nobody suffers, and the first one is let in whatever comes.
        let second = watched.then(|| Second { lag, memory: self.memory.room() }).unwrap_or_default();
        let Some(turn) = self.pressure.note(second) else { return };
        let strain = self.pressure.strain();
        let refused = house.let_in(strain);
        match turn {
            Turn::Begins(_) => house.tell_strain(),
            Turn::Over => tracing::info!(refused, "viewers are let in again"),
        }
    }

    /// How long pictures waited in the last second, of the mount where they waited longest.
    fn lag(&mut self, house: &House) -> Option<Duration> {
        let waited = house.feeds().into_iter().filter_map(|feed| {
            let name = feed.mount.name();
            if !self.seen.contains_key(name) {
                self.seen.insert(name.to_owned(), Counts::default());
            }
            let seen = self.seen.get_mut(name)?;
            feed.mount.latency().of(Stage::Handover).quantile_since(seen, MOST)
        });
        waited.max()
    }
}

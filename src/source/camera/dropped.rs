//! Pictures that are left out are counted, and told of now and then.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::hub::Outlet;

/// A camera with a bad cable breaks pictures by the hundred.
const PAUSE: Duration = Duration::from_secs(1);

/// How many were left out, by the reason, since it was told last.
#[derive(Debug)]
pub(super) struct Dropped {
    /// What kind of pictures they are.
    kind: &'static str,
    reasons: BTreeMap<&'static str, u64>,
    /// What the mount has not counted yet.
    fresh: Vec<(&'static str, u64)>,
    told: Option<Instant>,
}

impl Dropped {
    /// Of pictures that are called so: broken, late.
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, reasons: BTreeMap::new(), fresh: Vec::new(), told: None }
    }

    /// One more.
    pub(super) fn add(&mut self, reason: &'static str) {
        self.add_many(reason, 1);
    }

    /// So many more.
    pub(super) fn add_many(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.reasons.entry(reason).or_default() += count;
            self.fresh.push((reason, count));
        }
    }

    /// Has the mount count those that came since the last call.
    pub(super) fn count_in(&mut self, outlet: &Outlet) {
        self.fresh.drain(..).for_each(|(reason, count)| outlet.lost(reason, count));
    }

    /// What to tell now, at most once a second: `3 broken pictures left out (2 cut short, 1 sent twice)`.
    pub(super) fn tell(&mut self, now: Instant) -> Option<String> {
        if self.reasons.is_empty()
            || self.told.is_some_and(|told| now.saturating_duration_since(told) < PAUSE)
        {
            return None;
        }
        self.told = Some(now);
        let reasons = std::mem::take(&mut self.reasons);
        let list: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let (count, list) = (reasons.values().sum::<u64>(), list.join(", "));
        let plural = if count == 1 { "" } else { "s" };
        Some(format!("{count} {} picture{plural} left out ({list})", self.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "some instant to count from")]
    fn a_thousand_broken_pictures_are_two_lines() {
        let (mut dropped, start) = (Dropped::new("broken"), Instant::now());
        assert_eq!(dropped.tell(start), None);
        dropped.add("cut short");
        assert_eq!(dropped.tell(start).as_deref(), Some("1 broken picture left out (1 cut short)"));
        for number in 0..999_u64 {
            dropped.add(if number % 3 == 0 { "sent twice" } else { "cut short" });
            assert_eq!(dropped.tell(start + Duration::from_micros(number)), None);
        }
        let told = dropped.tell(start + PAUSE);
        assert_eq!(told.as_deref(), Some("999 broken pictures left out (666 cut short, 333 sent twice)"));
        assert_eq!(dropped.tell(start + PAUSE * 2), None);
    }
}

//! Packets put back into their order.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::receiver::Arrived;
use super::sequence::MAX_MISORDER;

/// Holds what stands behind a gap until the gap is filled or given up.
#[derive(Debug)]
pub(super) struct Reorder {
    wait: Duration,
    /// What comes next; sequence numbers with their cycles, here as in `held`.
    next: i64,
    held: BTreeMap<i64, Arrived>,
    ready: VecDeque<Arrived>,
    restarted: bool,
}

impl Reorder {
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, next: 0, held: BTreeMap::new(), ready: VecDeque::new(), restarted: false }
    }

    /// A stream begins with this number, the first or `another`: what was held of the last one is waited
    /// for no longer.
    pub(super) fn restart(&mut self, first: u16, another: bool) {
        while let Some((sequence, packet)) = self.held.pop_first() {
            self.give(sequence, packet);
        }
        self.next = i64::from(first);
        self.restarted = another;
    }

    /// Whether the packet is taken: those behind it may have been given out already.
    pub(super) fn insert(&mut self, sequence: i64, packet: Arrived) -> bool {
        let in_time = sequence >= self.next;
        if in_time {
            self.held.insert(sequence, packet);
        }
        in_time
    }

    pub(super) fn poll(&mut self, now: Instant) -> Option<Arrived> {
        self.release(now);
        self.ready.pop_front()
    }

    /// Makes ready what is in order, and what stands behind a gap that is given up.
    pub(super) fn release(&mut self, now: Instant) {
        while let Some((&first, _)) = self.held.first_key_value() {
            if first != self.next && !self.gives_up(now) {
                break;
            }
            if let Some(packet) = self.held.remove(&first) {
                self.give(first, packet);
            }
        }
    }

    /// When the first gap is given up.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.known()?.checked_add(self.wait)
    }

    /// Since when the first gap is known: any packet behind it told.
    fn known(&self) -> Option<Instant> {
        self.held.values().map(|packet| packet.arrival).min()
    }

    fn gives_up(&self, now: Instant) -> bool {
        // What is missing would no longer be recognized.
        let hopeless =
            self.held.last_key_value().is_some_and(|(last, _)| last - self.next >= i64::from(MAX_MISORDER));
        hopeless || self.known().is_some_and(|known| now.saturating_duration_since(known) >= self.wait)
    }

    fn give(&mut self, sequence: i64, mut packet: Arrived) {
        packet.restarted = std::mem::take(&mut self.restarted);
        let missing = u16::try_from(sequence - self.next).unwrap_or(u16::MAX);
        packet.lost = missing.max(u16::from(packet.restarted));
        self.next = sequence + 1;
        self.ready.push_back(packet);
    }
}

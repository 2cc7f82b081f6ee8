//! Access units of NAL units out of packets.

use std::collections::VecDeque;

use super::Format;
use super::unit::{Head, Unit};
use crate::rtp::depacketizer::{DepacketizedUnit, Dropped};

/// Puts a track's access units together from payloads in sequence order. A unit ends at the marker, or
/// where the timestamp changes. Poll it after every packet.
///
/// ```text
/// no unit -> unit open <-> fragment open
///                      -> given out (marker, next timestamp)
/// ```
#[derive(Debug)]
pub(in crate::rtp) struct Depacketizer<F> {
    open: Option<Unit<F>>,
    ended: VecDeque<DepacketizedUnit>,
    /// A packet has come.
    begun: bool,
    /// Something is missing that no unit given out since is marked with.
    broken: bool,
    dropped: Dropped,
}

impl<F: Format> Depacketizer<F> {
    /// A track of which nothing came yet.
    pub(in crate::rtp) fn new() -> Self {
        Self { open: None, ended: VecDeque::new(), begun: false, broken: false, dropped: Dropped::default() }
    }

    /// The next packet: `lost` packets are missing right before it.
    pub(in crate::rtp) fn handle_packet(&mut self, timestamp: u32, marker: bool, lost: u16, payload: &[u8]) {
        if let Some(open) = &mut self.open {
            if lost > 0 {
                // The open unit's rest may have been among them.
                open.damage();
            }
            if open.timestamp() != timestamp {
                self.end();
            }
        }
        self.broken |= lost > 0;
        let head = match (lost, std::mem::replace(&mut self.begun, true)) {
            (0, false) => Head::Unseen,
            (0, true) => Head::Known,
            _ => Head::Lost,
        };
        let unit = self.open.get_or_insert_with(|| Unit::new(timestamp, head));
        F::handle_payload(unit, payload);
        // There are cameras that mark an SEI before the slices, and fragments before the last.
        if marker && unit.has_slices() && !unit.in_fragment() {
            self.end();
        }
    }

    /// The next unit that has ended.
    pub(in crate::rtp) fn poll_unit(&mut self) -> Option<DepacketizedUnit> {
        self.ended.pop_front()
    }

    /// What was thrown away so far.
    pub(in crate::rtp) fn dropped(&self) -> Dropped {
        let open = self.open.as_ref().map_or(0, Unit::dropped);
        Dropped { payloads: self.dropped.payloads + open, ..self.dropped }
    }

    fn end(&mut self) {
        let Some(unit) = self.open.take() else { return };
        let unit = unit.end();
        self.dropped.payloads += unit.dropped;
        self.dropped.units += u64::from(unit.too_long);
        if unit.data.is_empty() {
            self.broken |= unit.damaged;
            return;
        }
        let damaged = unit.damaged || self.broken && !unit.keyframe;
        self.broken = false;
        self.ended.push_back(DepacketizedUnit {
            timestamp: unit.timestamp,
            data: unit.data,
            keyframe: unit.keyframe,
            damaged,
        });
    }
}

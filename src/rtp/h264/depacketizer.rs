//! H.264 out of packets, as senders are, not only as [RFC 6184](https://www.rfc-editor.org/rfc/rfc6184)
//! would have them.

use std::collections::VecDeque;

use super::unit::Unit;

/// [Fragmentation unit](https://www.rfc-editor.org/rfc/rfc6184#section-5.8): its header's bits.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// A coded picture as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepacketizedUnit {
    /// The RTP timestamp.
    pub timestamp: u32,
    /// Its whole NAL units as Annex B, each with a start code of four bytes; never empty.
    pub data: Vec<u8>,
    /// It has a slice of an IDR picture.
    pub keyframe: bool,
    /// Packets of it are or may be missing; or those of units before it of which nothing is given out,
    /// if it is no keyframe. Decoding goes on at the next keyframe that is not damaged.
    pub damaged: bool,
}

/// What was thrown away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Payloads, or NAL units in them: malformed, of a kind that packetization mode 1 does not have, or
    /// fragments of which others are missing.
    pub payloads: u64,
    /// Access units above 8 MB.
    pub units: u64,
}

/// Puts a track's access units together from payloads in sequence order. A unit ends at the marker, or
/// where the timestamp changes. Poll it after every packet.
///
/// ```text
/// no unit -> unit open <-> fragment open
///                      -> given out (marker, next timestamp)
/// ```
#[derive(Debug, Default)]
pub struct Depacketizer {
    open: Option<Unit>,
    ended: VecDeque<DepacketizedUnit>,
    /// Something is missing that no unit given out since is marked with.
    broken: bool,
    dropped: Dropped,
}

impl Depacketizer {
    /// A track of which nothing came yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next packet: `lost` packets are missing right before it.
    pub fn handle_packet(&mut self, timestamp: u32, marker: bool, lost: u16, payload: &[u8]) {
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
        let unit = self.open.get_or_insert_with(|| Unit::new(timestamp, lost > 0));
        handle_payload(unit, payload);
        // There are cameras that mark an SEI before the slices, and fragments before the last.
        if marker && unit.has_slices() && !unit.in_fragment() {
            self.end();
        }
    }

    /// The next unit that has ended.
    pub fn poll_unit(&mut self) -> Option<DepacketizedUnit> {
        self.ended.pop_front()
    }

    /// What was thrown away so far.
    pub fn dropped(&self) -> Dropped {
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

/// By [packet type](https://www.rfc-editor.org/rfc/rfc6184#section-5.2).
fn handle_payload(unit: &mut Unit, payload: &[u8]) {
    match payload {
        // Keeps a stream alive.
        [] => {}
        // Annex B as it came out of the encoder.
        [0, 0, 1, ..] | [0, 0, 0, 1, ..] => unit.whole(payload),
        [header, rest @ ..] => match header & 0x1f {
            1..=23 => unit.whole(payload),
            24 => aggregate(unit, rest),
            28 => fragment(unit, *header, rest),
            // STAP-B, MTAP16, MTAP24, FU-B: only with interleaving, which no SDP of ours agrees to.
            25..=27 | 29 => unit.refuse(),
            // Reserved: to be ignored.
            _ => unit.ignore(),
        },
    }
}

/// [STAP-A](https://www.rfc-editor.org/rfc/rfc6184#section-5.7.1): sizes of 16 bits, each with a NAL unit.
fn aggregate(unit: &mut Unit, mut rest: &[u8]) {
    while let [high, low, behind @ ..] = rest {
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((nal, next)) = behind.split_at_checked(size) else {
            return unit.refuse();
        };
        if !nal.is_empty() {
            unit.whole(nal);
        }
        rest = next;
    }
}

/// [FU-A](https://www.rfc-editor.org/rfc/rfc6184#section-5.8), in packetization mode 0 too.
fn fragment(unit: &mut Unit, indicator: u8, rest: &[u8]) {
    let [header, bytes @ ..] = rest else {
        return unit.refuse();
    };
    if header & FU_START != 0 {
        unit.start_fragment(indicator & 0xe0 | header & 0x1f);
    }
    // The later ones' type says nothing: there are cameras that write others there.
    unit.continue_fragment(bytes, header & 0x1f);
    if header & FU_END != 0 {
        unit.end_fragment();
    }
}

//! Packets into access units, however cameras cut them.

use std::collections::VecDeque;

use super::{FU_A, FU_END, FU_START, STAP_A};
use crate::media::h264::{NalType, nal_units};

/// An access unit longer than this is no H.264 that anybody sends.
const MOST: usize = 8 << 20;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// An access unit as it came together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Annex B.
    pub data: Vec<u8>,
    /// An IDR picture.
    pub keyframe: bool,
    /// Something of it is missing.
    pub damaged: bool,
}

/// Puts a track's access units together, from packets in order.
#[derive(Debug, Default)]
pub struct Depacketizer {
    /// The access unit being received.
    timestamp: u32,
    data: Vec<u8>,
    damaged: bool,
    /// A NAL unit of which the last fragment is still to come: where it begins in `data`.
    fragment: Option<usize>,
    /// Packets were missing right before this access unit.
    after_loss: bool,
    ready: VecDeque<Unit>,
}

impl Depacketizer {
    /// A track of which nothing came yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next packet, behind `lost` missing ones. Call [`Depacketizer::poll_unit`] after each.
    pub fn handle_packet(&mut self, timestamp: u32, marker: bool, lost: u16, payload: &[u8]) {
        if timestamp != self.timestamp {
            // No marker came: it was lost, or this camera sets none.
            self.damaged |= lost > 0 && !self.data.is_empty();
            self.close();
            self.timestamp = timestamp;
        } else if lost > 0 && !self.data.is_empty() {
            self.damaged = true;
        }
        if lost > 0 {
            self.drop_fragment();
            self.after_loss |= self.data.is_empty();
        }
        self.add(payload);
        if self.data.len() > MOST {
            self.data.clear();
            self.fragment = None;
            self.damaged = true;
        }
        // A marker on what is no picture is a camera's mistake.
        if marker && has_slice(&self.data) {
            self.close();
        }
    }

    /// The access unit that is whole now.
    pub fn poll_unit(&mut self) -> Option<Unit> {
        self.ready.pop_front()
    }

    fn add(&mut self, payload: &[u8]) {
        let Some(&indicator) = payload.first() else { return };
        match indicator & 0x1f {
            FU_A => self.add_fragment(payload),
            kind => {
                self.drop_fragment();
                match kind {
                    STAP_A => self.add_aggregate(&payload[1..]),
                    // A whole byte stream in one packet, start code and all.
                    0 if payload.starts_with(&START_CODE[1..]) || payload.starts_with(&START_CODE) => {
                        nal_units(payload).for_each(|nal| self.add_nal(nal));
                    }
                    1..=23 => self.add_nal(payload),
                    // STAP-B, MTAP and FU-B belong to a mode that nobody sends; the others to nobody.
                    _ => self.damaged = true,
                }
            }
        }
    }

    fn add_nal(&mut self, nal: &[u8]) {
        self.data.extend(START_CODE);
        self.data.extend(nal);
    }

    fn add_aggregate(&mut self, mut rest: &[u8]) {
        while let [high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some((nal, after)) = after.split_at_checked(length) else {
                self.damaged = true;
                return;
            };
            if !nal.is_empty() {
                self.add_nal(nal);
            }
            rest = after;
        }
    }

    fn add_fragment(&mut self, payload: &[u8]) {
        let &[indicator, header, ref bytes @ ..] = payload else {
            self.damaged = true;
            return;
        };
        if header & FU_START != 0 {
            self.drop_fragment();
            self.fragment = Some(self.data.len());
            self.data.extend(START_CODE);
            // The first fragment's type counts: some cameras write another into later ones.
            self.data.push(indicator & 0xe0 | header & 0x1f);
        }
        if self.fragment.is_none() {
            self.damaged = true;
            return;
        }
        self.data.extend(bytes);
        if header & FU_END != 0 {
            self.fragment = None;
        }
    }

    /// A NAL unit whose end did not come is left out.
    fn drop_fragment(&mut self) {
        if let Some(start) = self.fragment.take() {
            self.data.truncate(start);
            self.damaged = true;
        }
    }

    fn close(&mut self) {
        self.drop_fragment();
        if !has_slice(&self.data) {
            // Parameter sets with a timestamp of their own belong to the picture behind them.
            return;
        }
        let data = std::mem::take(&mut self.data);
        let headless = self.after_loss && !begins_picture(&data);
        let keyframe = nal_units(&data).any(|nal| NalType::of(nal) == NalType::Idr);
        let damaged = std::mem::take(&mut self.damaged) || headless;
        self.after_loss = false;
        self.ready.push_back(Unit { timestamp: self.timestamp, data, keyframe, damaged });
    }
}

fn has_slice(annex_b: &[u8]) -> bool {
    nal_units(annex_b).any(|nal| NalType::of(nal).is_slice())
}

/// Whether the first slice is its picture's first: `first_mb_in_slice` is 0 where the first bit is 1.
fn begins_picture(annex_b: &[u8]) -> bool {
    let first = nal_units(annex_b).find(|nal| NalType::of(nal).is_slice());
    first.and_then(|nal| nal.get(1)).is_some_and(|byte| byte & 0x80 != 0)
}

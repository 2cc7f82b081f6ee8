//! An access unit while its packets come.

use std::marker::PhantomData;

use memchr::memmem;

use super::{Format, Meaning};
use crate::media::h264::nal_units;
use crate::rtp::depacketizer::MOST;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

#[derive(Debug)]
pub(in crate::rtp) struct Unit<F> {
    format: PhantomData<F>,
    built: Built,
    /// Where the fragmented NAL unit's start code stands.
    fragment: Option<usize>,
    head: Head,
    /// A slice, or a part of one, has come.
    slices: bool,
}

/// What is known of the packets right before a unit's first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Head {
    /// They were another unit's.
    #[default]
    Known,
    /// They are missing, and may be of this unit.
    Lost,
    /// Reception began with this one.
    Unseen,
}

/// What an access unit came to.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) timestamp: u32,
    /// Annex B; empty when nothing whole came.
    pub(super) data: Vec<u8>,
    pub(super) keyframe: bool,
    pub(super) damaged: bool,
    pub(super) too_long: bool,
    /// Payloads thrown away.
    pub(super) dropped: u64,
}

impl<F: Format> Unit<F> {
    pub(super) fn new(timestamp: u32, head: Head) -> Self {
        let built = Built { timestamp, ..Built::default() };
        Self { format: PhantomData, built, fragment: None, head, slices: false }
    }

    pub(super) fn timestamp(&self) -> u32 {
        self.built.timestamp
    }

    pub(super) fn has_slices(&self) -> bool {
        self.slices
    }

    pub(super) fn in_fragment(&self) -> bool {
        self.fragment.is_some()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.built.dropped
    }

    /// Packets are missing here.
    pub(super) fn damage(&mut self) {
        self.built.damaged = true;
        self.abandon();
    }

    /// A payload that cannot be used; a slice may have been in it.
    pub(in crate::rtp) fn refuse(&mut self) {
        self.built.dropped += 1;
        self.slices = true;
        self.damage();
    }

    /// A payload that means nothing.
    pub(in crate::rtp) fn ignore(&mut self) {
        self.built.dropped += 1;
    }

    /// A whole NAL unit, or several with start codes between them.
    pub(in crate::rtp) fn whole(&mut self, nal: &[u8]) {
        self.abandon();
        let start = self.built.data.len();
        self.append(&START_CODE);
        self.append(nal);
        self.complete(start);
    }

    pub(in crate::rtp) fn start_fragment(&mut self, header: &[u8]) {
        self.abandon();
        self.fragment = Some(self.built.data.len());
        self.append(&START_CODE);
        self.append(header);
    }

    /// `header` is the NAL unit's as this fragment has it: of use if the first did not come.
    pub(in crate::rtp) fn continue_fragment(&mut self, bytes: &[u8], header: &[u8]) {
        if self.fragment.is_some() {
            self.append(bytes);
        } else {
            self.slices |= F::meaning(header).is_some_and(|meaning| meaning.slice);
            self.built.dropped += 1;
            self.built.damaged = true;
        }
    }

    pub(in crate::rtp) fn end_fragment(&mut self) {
        if let Some(start) = self.fragment.take() {
            self.complete(start);
        }
    }

    pub(super) fn end(mut self) -> Built {
        self.abandon();
        self.built.damaged |= self.head == Head::Lost || self.built.too_long;
        self.built
    }

    /// The rest of a fragmented NAL unit did not come: what came of it cannot be decoded.
    fn abandon(&mut self) {
        if let Some(start) = self.fragment.take() {
            let header = self.built.data.get(start + START_CODE.len()..).unwrap_or_default();
            self.slices |= F::meaning(header).is_some_and(|meaning| meaning.slice);
            self.built.data.truncate(start);
            self.built.dropped += 1;
            self.built.damaged = true;
        }
    }

    /// The NAL unit behind this start code has come whole.
    fn complete(&mut self, start: usize) {
        let from = start + START_CODE.len();
        let Some(nal) = self.built.data.get(from..).filter(|_| !self.built.too_long) else { return };
        // No NAL unit has a start code inside (ITU-T H.264 section 7.4.1.1): those are cameras that send
        // an encoder's whole output as one.
        if memmem::find(nal, &START_CODE[1..]).is_some() {
            let stream = self.built.data.split_off(start);
            for nal in nal_units(&stream) {
                let start = self.built.data.len();
                self.built.data.extend(START_CODE);
                self.built.data.extend(nal);
                self.note(start);
            }
        } else {
            let length = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            self.built.data.truncate(from + length);
            self.note(start);
        }
    }

    /// Takes in what the last NAL unit says of the access unit; out with it if it is none.
    fn note(&mut self, start: usize) {
        let nal = self.built.data.get(start + START_CODE.len()..).unwrap_or_default();
        let Some(Meaning { slice, keyframe, begins, continues }) = F::meaning(nal) else {
            self.built.data.truncate(start);
            self.built.dropped += 1;
            return;
        };
        self.slices |= slice;
        self.built.keyframe |= keyframe;
        self.built.damaged |= match std::mem::take(&mut self.head) {
            Head::Known => false,
            Head::Lost => !begins,
            Head::Unseen => continues,
        };
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.built.too_long || self.built.data.len() + bytes.len() > MOST {
            self.built.too_long = true;
            self.built.data = Vec::new();
        } else {
            self.built.data.extend(bytes);
        }
    }
}

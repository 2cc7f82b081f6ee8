//! Access units as readers need them, whatever the encoder leaves out or puts in.

use std::sync::Arc;

use super::sets::{InForce, Sets};
use super::slice::{order, pps_of};
use super::{NalType, ParameterSets, nal_units};
use crate::media::Link;
use crate::media::h264::SliceHeader;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// `BLA_W_RADL`: what a CRA picture is where its stream is cut and joined to another
/// (ITU-T H.265 section 3.21): the syntax is the same, and a decoder counts anew.
const BLA_W_RADL: u8 = 17;

/// Normalizes a track's access units, one after the other: takes out delimiters, filler, ends of sequence
/// and reserved types, remembers parameter sets by their ids and puts those that an IRAP picture needs
/// before it, each once. RASL pictures are left out behind the IRAP picture that decoding starts at: what
/// they need is not there.
#[derive(Debug, Default)]
pub struct Assembler {
    sets: Sets,
    described: Option<ParameterSets>,
    order: Option<SliceHeader>,
    /// An IRAP picture was given since the start.
    started: bool,
    /// The stream went on behind what was given: another part of it, or the end of a sequence.
    cut: bool,
    /// RASL pictures cannot be decoded now.
    rasl_lost: bool,
}

impl Assembler {
    /// A track of which nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The VPS, SPS and PPS that the last IRAP picture named, as long as they are in force: one of each.
    pub fn parameter_sets(&self) -> Option<&ParameterSets> {
        self.described.as_ref()
    }

    /// What the access unit that was assembled last says of its place in the order of display, as
    /// [`DisplayOrder`](crate::media::h264::DisplayOrder) takes it; `None` if it cannot be read.
    pub fn slice(&self) -> Option<&SliceHeader> {
        self.order.as_ref()
    }

    /// Forgets where it was, but not the parameter sets: the next to be given is an IRAP picture. One that
    /// was coded to follow other pictures (CRA) is marked as one that follows none (BLA).
    pub fn restart(&mut self) {
        self.cut |= self.started;
        self.started = false;
    }

    /// The access unit, normalized, as Annex B; nothing before the first IRAP picture that can be decoded,
    /// nothing for RASL pictures that cannot, and nothing for an access unit without a slice.
    pub fn assemble(&mut self, annex_b: &[u8]) -> Option<(Arc<[u8]>, Link)> {
        let (mut first, mut ends) = (None, false);
        for nal in nal_units(annex_b) {
            self.sets.learn(nal);
            let kind = NalType::of(nal);
            first = first.or(kind.is_slice().then_some((nal, kind)));
            ends |= kind == NalType::End;
        }
        let unit = first.and_then(|(first, kind)| self.unit(annex_b, first, kind));
        // An IRAP picture is next (section 7.4.2.4.4): those after it are decoded without those before.
        self.cut |= ends;
        unit
    }

    fn unit(&mut self, annex_b: &[u8], first: &[u8], kind: NalType) -> Option<(Arc<[u8]>, Link)> {
        if !self.started && !kind.is_irap() || self.rasl_lost && kind == NalType::Rasl {
            return None;
        }
        let mut out = Vec::with_capacity(annex_b.len() + 128);
        let named = if kind.is_irap() { Some(self.begin(first, &mut out)?) } else { None };
        let enters = kind.is_irap() && (self.cut || !self.started);
        let joins = enters && self.cut && kind == NalType::Cra;
        if kind.is_irap() {
            self.rasl_lost = enters || kind == NalType::Bla;
            (self.started, self.cut) = (true, false);
        }
        self.order = order(first, &self.sets).map(|order| SliceHeader { idr: order.idr || joins, ..order });
        for nal in nal_units(annex_b) {
            let kind = NalType::of(nal);
            // Those in force stand before the IRAP picture already.
            if kind.is_sent() && !named.is_some_and(|named| self.sets.replaced(nal, named)) {
                let at = out.len() + START_CODE.len();
                append(&mut out, nal);
                if joins && kind == NalType::Cra {
                    out[at] = out[at] & 0x81 | BLA_W_RADL << 1;
                }
            }
        }
        Some((out.into(), if kind.is_irap() { Link::Start } else { Link::Follows }))
    }

    /// Puts the parameter sets in force before an IRAP picture; gives the PPS that it names.
    fn begin(&mut self, slice: &[u8], out: &mut Vec<u8>) -> Option<u8> {
        let named = pps_of(slice)?;
        self.sets.settle(named);
        let sets = self.sets.in_force(named)?;
        append(out, sets.vps);
        append(out, sets.sps);
        sets.pps.iter().for_each(|pps| append(out, pps));
        let holds = |known: &ParameterSets| {
            known.vps() == sets.vps && known.sps() == sets.sps && sets.pps.contains(&known.pps())
        };
        if !self.described.as_ref().is_some_and(holds) {
            let InForce { vps, sps, named, .. } = sets;
            self.described = Some(ParameterSets::new(vps, sps, named));
        }
        Some(named)
    }
}

fn append(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend(START_CODE);
    out.extend(nal);
}

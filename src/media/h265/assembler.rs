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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::h265::Splitter;

    const SLICE: &[u8] = &[0x02, 1, 0xd0];
    const RASL: &[u8] = &[0x12, 1, 0xd0];
    const DELIMITER: &[u8] = &[0x46, 1, 0x50];
    const END: &[u8] = &[0x48, 1];

    fn stream(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter().flat_map(|nal| [&START_CODE[..], nal].concat()).collect()
    }

    /// The parameter sets and the CRA picture (PPS 0) of a real stream.
    fn fixture() -> [Vec<u8>; 4] {
        let file = std::fs::read("tests/fixtures/bitstreams/open-gop.h265").unwrap();
        let find = |kind| nal_units(&file).find(|nal| NalType::of(nal) == kind).unwrap().to_vec();
        let cra = vec![0x2a, 1, 0xac, 0x09];
        [find(NalType::Vps), find(NalType::Sps), find(NalType::Pps), cra]
    }

    #[test]
    fn parameter_sets_stand_before_every_irap_picture_once() {
        let [vps, sps, pps, cra] = &fixture();
        let whole = stream(&[vps, sps, pps, cra]);
        let mut assembler = Assembler::new();
        assert!(assembler.assemble(&stream(&[SLICE])).is_none(), "nothing before the first IRAP picture");
        assert!(assembler.assemble(&stream(&[cra])).is_none(), "no parameter sets");
        let (first, link) = assembler.assemble(&stream(&[DELIMITER, pps, sps, vps, cra])).unwrap();
        assert_eq!((&*first, link), (&*whole, Link::Start));
        let (later, link) = assembler.assemble(&stream(&[DELIMITER, sps, cra, &[0x4c, 1, 0xff]])).unwrap();
        assert_eq!((&*later, link), (&*whole, Link::Start));
        let (follows, link) = assembler.assemble(&stream(&[DELIMITER, SLICE])).unwrap();
        assert_eq!((&*follows, link), (&*stream(&[SLICE]), Link::Follows));
        assert_eq!(assembler.parameter_sets(), Some(&ParameterSets::new(vps, sps, pps)));
    }

    #[test]
    fn rasl_pictures_are_left_out_where_decoding_starts() {
        let [vps, sps, pps, cra] = &fixture();
        let mut assembler = Assembler::new();
        assembler.assemble(&stream(&[vps, sps, pps, cra])).unwrap();
        assert!(assembler.assemble(&stream(&[RASL])).is_none());
        assert!(assembler.assemble(&stream(&[SLICE])).is_some());
        assembler.assemble(&stream(&[cra])).unwrap();
        assert!(assembler.assemble(&stream(&[RASL])).is_some(), "what it needs was given");
        for restart in [true, false] {
            if restart {
                assembler.restart();
                assert!(assembler.assemble(&stream(&[SLICE])).is_none());
            } else {
                assembler.assemble(&stream(&[SLICE, END])).unwrap();
            }
            let (joined, _) = assembler.assemble(&stream(&[cra])).unwrap();
            assert_eq!(NalType::of(nal_units(&joined).last().unwrap()), NalType::Bla);
            assert!(assembler.assemble(&stream(&[RASL])).is_none());
        }
    }

    #[test]
    fn a_changed_sps_is_in_force_at_once() {
        let [vps, sps, pps, cra] = &fixture();
        let mut assembler = Assembler::new();
        assembler.assemble(&stream(&[vps, sps, pps, cra])).unwrap();
        let mut other = sps.clone();
        *other.last_mut().unwrap() |= 0x0c;
        let (unit, _) = assembler.assemble(&stream(&[&other, cra])).unwrap();
        assert_eq!(&*unit, stream(&[vps, &other, pps, cra]));
        assert_eq!(assembler.parameter_sets().map(ParameterSets::sps), Some(&other[..]));
    }

    proptest! {
        #[test]
        fn damaged_streams_harm_nobody(damage in prop::collection::vec((0..4000_usize, any::<u8>()), 1..40)) {
            let mut file = std::fs::read("tests/fixtures/bitstreams/open-gop.h265").unwrap();
            for (at, byte) in damage {
                // More of it where the parameter sets are.
                let at = if byte % 2 == 0 { at % 120 } else { at };
                file[at] = byte;
            }
            let (mut splitter, mut assembler) = (Splitter::new(), Assembler::new());
            let mut order = crate::media::h264::DisplayOrder::new();
            splitter.push(&file, |unit| {
                if let Some((data, link)) = assembler.assemble(unit) {
                    order.push(data, link, assembler.slice());
                }
            }).unwrap();
            let _ = assembler.parameter_sets().map(ParameterSets::picture);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ParameterSets::new(&bytes, &bytes, &bytes).picture();
            let mut assembler = Assembler::new();
            for kind in [0x40, 0x42, 0x44, 0x2a] {
                let _ = assembler.assemble(&stream(&[&[&[kind, 1][..], &bytes].concat()]));
            }
        }
    }
}

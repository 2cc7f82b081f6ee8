//! Access units as readers need them, whatever the encoder leaves out or puts in.

use std::sync::Arc;

use super::{NalType, ParameterSets, nal_units};
use crate::media::Link;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Normalizes a track's access units, one after the other: takes out delimiters, filler and reserved
/// types, remembers parameter sets and puts them before every IDR picture that comes without.
#[derive(Debug, Default)]
pub struct Assembler {
    sps: Option<Vec<u8>>,
    pps: Option<Vec<u8>>,
    sets: Option<ParameterSets>,
    started: bool,
}

impl Assembler {
    /// A track of which nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The parameter sets in force, once both have come.
    pub fn parameter_sets(&self) -> Option<&ParameterSets> {
        self.sets.as_ref()
    }

    /// Forgets where it was, but not the parameter sets: the next to be given is an IDR picture.
    pub fn restart(&mut self) {
        self.started = false;
    }

    /// The access unit, normalized, as Annex B; nothing before the first IDR picture that can be decoded,
    /// and nothing for an access unit without a slice.
    pub fn assemble(&mut self, annex_b: &[u8]) -> Option<(Arc<[u8]>, Link)> {
        let (mut slices, mut idr) = (false, false);
        for nal in nal_units(annex_b) {
            match NalType::of(nal) {
                NalType::Sps => self.learn(nal, true),
                NalType::Pps => self.learn(nal, false),
                kind => {
                    slices |= kind.is_slice();
                    idr |= kind == NalType::Idr;
                }
            }
        }
        let sets = self.sets.as_ref()?;
        if !slices || !(self.started || idr) {
            return None;
        }
        self.started = true;
        let mut out = Vec::with_capacity(annex_b.len() + sets.sps().len() + sets.pps().len() + 16);
        if idr {
            append(&mut out, sets.sps());
            append(&mut out, sets.pps());
        }
        for nal in nal_units(annex_b) {
            match NalType::of(nal) {
                NalType::Dropped => {}
                // Those in force stand before the IDR picture already.
                NalType::Sps | NalType::Pps if idr && (nal == sets.sps() || nal == sets.pps()) => {}
                _ => append(&mut out, nal),
            }
        }
        Some((out.into(), if idr { Link::Start } else { Link::Follows }))
    }

    fn learn(&mut self, nal: &[u8], is_sps: bool) {
        let known = if is_sps { &mut self.sps } else { &mut self.pps };
        if known.as_deref() == Some(nal) {
            return;
        }
        *known = Some(nal.to_vec());
        if let (Some(sps), Some(pps)) = (&self.sps, &self.pps) {
            self.sets = Some(ParameterSets::new(sps, pps));
        }
    }
}

fn append(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend(START_CODE);
    out.extend(nal);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 1];
    const PPS: &[u8] = &[0x68, 2];
    const IDR: &[u8] = &[0x65, 0x88];
    const SLICE: &[u8] = &[0x41, 0x9a];

    fn stream(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter().flat_map(|nal| [&START_CODE[..], nal].concat()).collect()
    }

    #[test]
    fn parameter_sets_stand_before_every_idr_picture_once() {
        let mut assembler = Assembler::new();
        let first = assembler.assemble(&stream(&[SPS, PPS, IDR])).unwrap();
        assert_eq!((&*first.0, first.1), (&*stream(&[SPS, PPS, IDR]), Link::Start));
        let later = assembler.assemble(&stream(&[&[9, 0xf0], IDR, &[12, 0xff]])).unwrap();
        assert_eq!((&*later.0, later.1), (&*stream(&[SPS, PPS, IDR]), Link::Start));
        let follows = assembler.assemble(&stream(&[SLICE])).unwrap();
        assert_eq!((&*follows.0, follows.1), (&*stream(&[SLICE]), Link::Follows));
    }

    #[test]
    fn nothing_is_given_that_cannot_be_decoded() {
        let mut assembler = Assembler::new();
        assert!(assembler.assemble(&stream(&[IDR])).is_none(), "no parameter sets");
        assert!(assembler.assemble(&stream(&[SPS, PPS])).is_none(), "no slice");
        assert!(assembler.assemble(&stream(&[SLICE])).is_none(), "no IDR picture yet");
        assert!(assembler.assemble(&stream(&[IDR])).is_some());
        assembler.restart();
        assert!(assembler.assemble(&stream(&[SLICE])).is_none());
    }

    #[test]
    fn changed_parameter_sets_are_in_force_at_once() {
        let mut assembler = Assembler::new();
        assembler.assemble(&stream(&[SPS, PPS, IDR]));
        assembler.assemble(&stream(&[&[0x67, 9], IDR]));
        assert_eq!(assembler.parameter_sets().map(ParameterSets::sps), Some(&[0x67, 9][..]));
    }
}

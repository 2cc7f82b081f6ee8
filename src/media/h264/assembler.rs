//! Access units as readers need them, whatever the encoder leaves out or puts in.

use std::sync::Arc;

use super::sets::{InForce, Sets};
use super::slice::{SliceHeader, pps_of};
use super::{NalType, ParameterSets, nal_units};
use crate::media::Link;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Normalizes a track's access units, one after the other: takes out delimiters, filler and reserved
/// types, remembers parameter sets by their ids and puts those that an IDR picture's SPS has before it,
/// each once.
#[derive(Debug, Default)]
pub struct Assembler {
    sets: Sets,
    described: Option<ParameterSets>,
    slice: Option<SliceHeader>,
    started: bool,
    /// Bytes copied into access units.
    copied: u64,
}

impl Assembler {
    /// A track of which nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The SPS and PPS that the last IDR picture named, as long as they are in force: one of each, though
    /// the stream may have more PPS in band (Media3 refuses an SDP with others than two sets).
    pub fn parameter_sets(&self) -> Option<&ParameterSets> {
        self.described.as_ref()
    }

    /// The header of the first slice of the access unit that was assembled last, if it can be read.
    pub fn slice(&self) -> Option<&SliceHeader> {
        self.slice.as_ref()
    }

    /// Bytes that it copied so far.
    pub fn copied(&self) -> u64 {
        self.copied
    }

    /// Forgets where it was, but not the parameter sets: the next to be given is an IDR picture.
    pub fn restart(&mut self) {
        self.started = false;
    }

    /// The access unit, normalized, as Annex B; nothing before the first IDR picture that can be decoded,
    /// and nothing for an access unit without a slice.
    pub fn assemble(&mut self, annex_b: &[u8]) -> Option<(Arc<[u8]>, Link)> {
        self.assemble_pieces(&[annex_b])
    }

    /// The same for one that is in pieces, each of whole NAL units with their start codes. What it has is copied once.
    pub fn assemble_pieces(&mut self, pieces: &[&[u8]]) -> Option<(Arc<[u8]>, Link)> {
        let nals = || pieces.iter().flat_map(|piece| nal_units(piece));
        let (mut first, mut idr) = (None, false);
        for nal in nals() {
            match NalType::of(nal) {
                NalType::Sps => self.sets.learn_sps(nal),
                NalType::Pps => self.sets.learn_pps(nal),
                kind if kind.is_slice() => {
                    first = first.or(Some(nal));
                    idr |= kind == NalType::Idr;
                }
                _ => {}
            }
        }
        let first = first.filter(|_| self.started || idr)?;
        let mut out = Vec::new();
        let named = if idr { Some(self.begin(first, &mut out)?) } else { None };
        self.started = true;
        self.slice = SliceHeader::read(first, &self.sets);
        let link = if idr { Link::Start } else { Link::Follows };
        if let [piece] = pieces
            && goes_out_as_it_is(piece, &out)
        {
            // As one, not NAL unit by NAL unit.
            self.copied += piece.len() as u64;
            return Some(((*piece).into(), link));
        }
        let stays = |nal: &&[u8]| match NalType::of(nal) {
            NalType::Dropped => false,
            // Those in force stand before the IDR picture already.
            kind @ (NalType::Sps | NalType::Pps) => {
                !idr || !self.sets.replaced(nal, kind == NalType::Sps, named.unwrap_or_default())
            }
            _ => true,
        };
        let stay = || nals().filter(stays);
        let unit = joined(&out, stay)?;
        self.copied += unit.len() as u64;
        Some((unit, link))
    }

    /// Puts the parameter sets in force before an IDR picture; gives the PPS that it names.
    fn begin(&mut self, slice: &[u8], out: &mut Vec<u8>) -> Option<u8> {
        let named = pps_of(slice)?;
        self.sets.settle(named);
        let sets = self.sets.in_force(named)?;
        append(out, sets.sps);
        sets.pps.iter().for_each(|pps| append(out, pps));
        let holds = |known: &ParameterSets| known.sps() == sets.sps && sets.pps.contains(&known.pps());
        if !self.described.as_ref().is_some_and(holds) {
            let InForce { sps, named, .. } = sets;
            self.described = Some(ParameterSets::new(sps, named));
        }
        Some(named)
    }
}

/// Whether an access unit that is to have these parameter sets first has them, no others in a keyframe, nothing
/// that is left out, and each NAL unit behind four bytes of start code.
fn goes_out_as_it_is(annex_b: &[u8], sets: &[u8]) -> bool {
    let Some(rest) = annex_b.strip_prefix(sets) else { return false };
    let mut at = 0;
    let mut pass = |nal: &[u8]| {
        let (start, kind) = (rest.get(at..at + START_CODE.len()), NalType::of(nal));
        at += START_CODE.len();
        let here =
            start == Some(&START_CODE) && rest.get(at..).is_some_and(|rest| rest.as_ptr() == nal.as_ptr());
        at += nal.len();
        here && kind != NalType::Dropped && (sets.is_empty() || !matches!(kind, NalType::Sps | NalType::Pps))
    };
    nal_units(rest).all(&mut pass) && at == rest.len()
}

/// Parameter sets and NAL units behind them, each copied once: where they go is made first.
fn joined<'a, I: Iterator<Item = &'a [u8]>>(sets: &[u8], nals: impl Fn() -> I) -> Option<Arc<[u8]>> {
    let length = sets.len() + nals().map(|nal| START_CODE.len() + nal.len()).sum::<usize>();
    let mut unit: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
    // Nobody else has it yet.
    let (first, mut rest) = Arc::get_mut(&mut unit)?.split_at_mut_checked(sets.len())?;
    first.copy_from_slice(sets);
    for nal in nals() {
        let (code, behind) = rest.split_at_mut_checked(START_CODE.len())?;
        let (here, behind) = behind.split_at_mut_checked(nal.len())?;
        code.copy_from_slice(&START_CODE);
        here.copy_from_slice(nal);
        rest = behind;
    }
    Some(unit)
}

fn append(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend(START_CODE);
    out.extend(nal);
}

#[cfg(test)]
mod tests {
    use super::*;

    // Ids: ue(0) is the bit 1, ue(1) is 010, ue(2) is 011.
    const SPS: &[u8] = &[0x67, 66, 0xc0, 30, 0b1010_0000];
    const PPS: &[u8] = &[0x68, 0b1100_0001];
    /// First macroblock 0, type 7 (00100 0), PPS 0.
    const IDR: &[u8] = &[0x65, 0b1000_1000, 0b1000_0001];
    const SLICE: &[u8] = &[0x41, 0b1001_1011];
    /// PPS 1 and 2 of SPS 0, SPS 1 and its PPS 3 (00100).
    const PPS_1: &[u8] = &[0x68, 0b0101_0001];
    const PPS_2: &[u8] = &[0x68, 0b0111_0001];
    const SPS_1: &[u8] = &[0x67, 66, 0xc0, 30, 0b0101_0000];
    const PPS_3: &[u8] = &[0x68, 0b0010_0010, 0b0000_0001];
    const IDR_OF_PPS_1: &[u8] = &[0x65, 0b1000_1000, 0b0100_0001];
    const IDR_OF_PPS_3: &[u8] = &[0x65, 0b1000_1000, 0b0010_0001];

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
        let lengths = [first.0.len(), later.0.len(), follows.0.len()];
        assert_eq!(assembler.copied(), lengths.iter().sum::<usize>() as u64, "each byte of them once");
    }

    #[test]
    fn what_goes_out_as_it_is_is_told_from_what_does_not() {
        let sets = stream(&[SPS, PPS]);
        assert!(goes_out_as_it_is(&stream(&[SPS, PPS, IDR, IDR]), &sets));
        assert!(goes_out_as_it_is(&stream(&[SLICE, SLICE]), &[]));
        for (unit, sets) in [
            (stream(&[IDR]), &sets[..]),
            (stream(&[PPS, SPS, IDR]), &sets),
            (stream(&[SPS, PPS, PPS_1, IDR]), &sets),
            (stream(&[&[9, 0xf0], SLICE]), &[]),
            (stream(&[SLICE])[1..].to_vec(), &[]),
            ([stream(&[SLICE]), vec![0]].concat(), &[]),
            ([vec![0], stream(&[SLICE])].concat(), &[]),
        ] {
            assert!(!goes_out_as_it_is(&unit, sets), "{unit:?}");
        }
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
        const OTHER: &[u8] = &[0x67, 66, 0xc0, 31, 0b1010_0000];
        let mut assembler = Assembler::new();
        assembler.assemble(&stream(&[SPS, PPS, IDR]));
        let (unit, _) = assembler.assemble(&stream(&[OTHER, IDR])).unwrap();
        assert_eq!(assembler.parameter_sets().map(ParameterSets::sps), Some(OTHER));
        assert_eq!(&*unit, stream(&[OTHER, PPS, IDR]), "an encoder need not repeat the PPS");
    }

    #[test]
    fn all_pps_of_the_sps_in_use_stand_before_every_idr_picture_once() {
        let mut assembler = Assembler::new();
        let (first, _) = assembler.assemble(&stream(&[SPS, PPS_2, PPS, PPS_1, IDR])).unwrap();
        assert_eq!(&*first, stream(&[SPS, PPS, PPS_1, PPS_2, IDR]));
        let (later, _) = assembler.assemble(&stream(&[PPS_1, IDR_OF_PPS_1])).unwrap();
        assert_eq!(&*later, stream(&[SPS, PPS, PPS_1, PPS_2, IDR_OF_PPS_1]));
        assert_eq!(assembler.parameter_sets(), Some(&ParameterSets::new(SPS, PPS)), "as long as they hold");
    }

    #[test]
    fn sets_of_another_sps_stay_where_they_are() {
        let mut assembler = Assembler::new();
        let (first, _) = assembler.assemble(&stream(&[SPS, SPS_1, PPS, PPS_3, IDR])).unwrap();
        assert_eq!(&*first, stream(&[SPS, PPS, SPS_1, PPS_3, IDR]));
        let (other, _) = assembler.assemble(&stream(&[IDR_OF_PPS_3])).unwrap();
        assert_eq!(&*other, stream(&[SPS_1, PPS_3, IDR_OF_PPS_3]));
        assert_eq!(assembler.parameter_sets(), Some(&ParameterSets::new(SPS_1, PPS_3)));
        let (back, _) = assembler.assemble(&stream(&[IDR])).unwrap();
        assert_eq!(&*back, stream(&[SPS, PPS, IDR]));
    }

    #[test]
    fn pps_of_an_sps_that_was_replaced_are_forgotten() {
        const OTHER: &[u8] = &[0x67, 66, 0xc0, 31, 0b1010_0000];
        const OTHER_PPS: &[u8] = &[0x68, 0b1100_0011];
        let mut assembler = Assembler::new();
        assembler.assemble(&stream(&[SPS, PPS, PPS_1, IDR]));
        let (unit, _) = assembler.assemble(&stream(&[OTHER, OTHER_PPS, IDR])).unwrap();
        assert_eq!(&*unit, stream(&[OTHER, OTHER_PPS, IDR]));
    }

    #[test]
    fn an_idr_picture_that_names_an_unknown_pps_is_not_given() {
        let mut assembler = Assembler::new();
        assert!(assembler.assemble(&stream(&[SPS, PPS, IDR_OF_PPS_1])).is_none());
        assert!(assembler.assemble(&stream(&[PPS_1, IDR_OF_PPS_1])).is_some());
    }

    #[test]
    fn damaged_streams_harm_nobody() {
        use crate::media::h264::{DisplayOrder, Splitter};

        let mut random = 1_u64;
        for name in ["b-pictures", "fields", "three-pps"] {
            let whole = std::fs::read(format!("tests/fixtures/bitstreams/{name}.h264")).unwrap();
            for round in 0..40 {
                let mut stream = whole.clone();
                // The first parameter sets and slice headers, then anything.
                let reach = if round % 2 == 0 { 64 } else { stream.len() };
                for _ in 0..1 + round / 4 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    stream[(random >> 33) as usize % reach] = (random >> 24) as u8;
                }
                let (mut splitter, mut assembler) = (Splitter::new(), Assembler::new());
                let (mut order, mut places) = (DisplayOrder::new(), Vec::new());
                let mut take = |unit: &[u8]| {
                    if let Some((data, link)) = assembler.assemble(unit) {
                        order.push(data, link, assembler.slice());
                        places.extend(std::iter::from_fn(|| order.pop()).map(|frame| frame.place));
                    }
                };
                splitter.push(&stream, &mut take).unwrap();
                splitter.finish(&mut take);
                order.finish();
                places.extend(std::iter::from_fn(|| order.pop()).map(|frame| frame.place));
                places.sort_unstable();
                assert!(places.iter().copied().eq(0..places.len() as u64), "each place once");
            }
        }
    }
}

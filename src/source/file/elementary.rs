//! A container's samples as access units.

use std::num::NonZeroU32;
use std::sync::Arc;

use shiguredo_mp4::Decode;
use shiguredo_mp4::boxes::{AvccBox, HvccBox};

use crate::media::h264::SliceHeader;
use crate::media::{Codec, Link, aac, h264, h265};

/// Parameter sets take hundreds of bytes. One of no bytes takes twelve times its place in memory.
const LARGEST_RECORD: usize = 64 << 10;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// How the samples of one sample description are coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// NAL units behind their lengths (ISO/IEC 14496-15 sections 5.3.3 and 8.3.3).
    Pictures {
        pictures: Pictures,
        /// Bytes of a length.
        length_size: usize,
        /// The parameter sets, as Annex B.
        sets: Vec<u8>,
    },
    /// One access unit of AAC each.
    Aac(aac::Config),
}

impl Coding {
    /// What an `avcC` box says (ISO/IEC 14496-15 section 5.3.3.1); `None` if it is damaged.
    pub(super) fn avcc(whole: &[u8]) -> Option<Self> {
        let avcc: AvccBox = record(whole)?;
        let sets = avcc.sps_list.iter().chain(&avcc.pps_list);
        Some(Self::pictures(Pictures::H264, avcc.length_size_minus_one.get(), sets))
    }

    /// What an `hvcC` box says (ISO/IEC 14496-15 section 8.3.3.1); `None` if it is damaged.
    pub(super) fn hvcc(whole: &[u8]) -> Option<Self> {
        let hvcc: HvccBox = record(whole)?;
        let sets = hvcc.nalu_arrays.iter().flat_map(|array| &array.nalus);
        Some(Self::pictures(Pictures::H265, hvcc.length_size_minus_one.get(), sets))
    }

    fn pictures<'a>(
        pictures: Pictures,
        length_size_minus_one: u8,
        nals: impl Iterator<Item = &'a Vec<u8>>,
    ) -> Self {
        let mut sets = Vec::new();
        nals.for_each(|set| append(&mut sets, set));
        Self::Pictures { pictures, length_size: usize::from(length_size_minus_one) + 1, sets }
    }
}

fn record<T: Decode>(whole: &[u8]) -> Option<T> {
    (whole.len() <= LARGEST_RECORD).then(|| T::decode(whole))?.ok().map(|(record, _)| record)
}

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    H264,
    H265,
}

/// Makes access units of either.
#[derive(Debug)]
pub(super) enum Assembler {
    H264(h264::Assembler),
    H265(h265::Assembler),
}

impl Assembler {
    pub(super) fn new(pictures: Pictures) -> Self {
        match pictures {
            Pictures::H264 => Self::H264(h264::Assembler::new()),
            Pictures::H265 => Self::H265(h265::Assembler::new()),
        }
    }

    fn pictures(&self) -> Pictures {
        match self {
            Self::H264(_) => Pictures::H264,
            Self::H265(_) => Pictures::H265,
        }
    }

    /// See [`h264::Assembler::assemble`].
    pub(super) fn assemble(&mut self, annex_b: &[u8]) -> Option<(Arc<[u8]>, Link)> {
        match self {
            Self::H264(assembler) => assembler.assemble(annex_b),
            Self::H265(assembler) => assembler.assemble(annex_b),
        }
    }

    /// See [`h264::Assembler::slice`].
    pub(super) fn slice(&self) -> Option<&SliceHeader> {
        match self {
            Self::H264(assembler) => assembler.slice(),
            Self::H265(assembler) => assembler.slice(),
        }
    }

    fn restart(&mut self) {
        match self {
            Self::H264(assembler) => assembler.restart(),
            Self::H265(assembler) => assembler.restart(),
        }
    }

    /// What it is, once its parameter sets are known.
    pub(super) fn codec(&self) -> Option<Codec> {
        Some(match self {
            Self::H264(assembler) => Codec::H264(assembler.parameter_sets()?.clone()),
            Self::H265(assembler) => Codec::H265(assembler.parameter_sets()?.clone()),
        })
    }
}

/// One track's samples become access units.
#[derive(Debug)]
pub(super) struct Elementary {
    descriptions: Vec<Option<Coding>>,
    /// The description in force, and what is assembled by it.
    current: Option<(usize, Assembler)>,
}

impl Elementary {
    /// A track with these sample descriptions; `None` for one that is not served.
    pub(super) fn new(descriptions: Vec<Option<Coding>>) -> Self {
        Self { descriptions, current: None }
    }

    /// The access unit that a sample is, coded as the description of this number says; `None` if it holds
    /// nothing that can be decoded.
    pub(super) fn unit(&mut self, description: usize, sample: &[u8]) -> Option<(Arc<[u8]>, Link)> {
        let (pictures, length_size, sets) = match self.descriptions.get(description)?.as_ref()? {
            Coding::Pictures { pictures, length_size, sets } => (pictures, length_size, sets),
            Coding::Aac(_) => return (!sample.is_empty()).then(|| (sample.into(), Link::Alone)),
        };
        let (mut current, mut assembler) = match self.current.take() {
            Some((current, assembler)) if assembler.pictures() == *pictures => (Some(current), assembler),
            _ => (None, Assembler::new(*pictures)),
        };
        if current != Some(description) {
            // Nothing but parameter sets: they are remembered.
            let _none = assembler.assemble(sets);
            if current.is_some() {
                assembler.restart();
            }
            current = Some(description);
        }
        let unit = assembler.assemble(&annex_b(sample, *length_size));
        self.current = current.map(|current| (current, assembler));
        unit
    }

    /// How long an access unit of sound lasts, in ticks of a clock of `scale` Hz.
    pub(super) fn duration(&self, scale: NonZeroU32) -> Option<i64> {
        let Codec::Aac(config) = self.codec()? else { return None };
        let rate = u64::from(config.sample_rate().max(1));
        Some((u64::from(config.samples()) * u64::from(scale.get()) / rate) as i64)
    }

    /// What it carries, once that is known.
    pub(super) fn codec(&self) -> Option<Codec> {
        let audio = self.descriptions.iter().flatten().find_map(|coding| match coding {
            Coding::Aac(config) => Some(Codec::Aac(config.clone())),
            Coding::Pictures { .. } => None,
        });
        audio.or_else(|| self.current.as_ref()?.1.codec())
    }
}

/// Puts start codes in place of lengths; what does not fit its sample is left out.
pub(super) fn annex_b(mut sample: &[u8], length_size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(sample.len() + 16);
    while let Some((length, rest)) = sample.split_at_checked(length_size) {
        let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        let Some((nal, rest)) = rest.split_at_checked(length) else { break };
        append(&mut out, nal);
        // A length of no bytes would lead nowhere.
        if length_size == 0 {
            break;
        }
        sample = rest;
    }
    out
}

/// Appends a NAL unit with its start code.
fn append(out: &mut Vec<u8>, nal: &[u8]) {
    if !nal.is_empty() {
        out.extend(START_CODE);
        out.extend(nal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_become_start_codes() {
        for length_size in [1, 2, 4] {
            let mut sample = Vec::new();
            for nal in [&[0x65, 1, 2][..], &[], &[0x41]] {
                sample.extend(&(nal.len() as u32).to_be_bytes()[4 - length_size..]);
                sample.extend(nal);
            }
            let expected = [0, 0, 0, 1, 0x65, 1, 2, 0, 0, 0, 1, 0x41];
            assert_eq!(annex_b(&sample, length_size), expected, "{length_size}");
            for cut in 0..sample.len() {
                assert!(expected.starts_with(&annex_b(&sample[..cut], length_size)), "cut at {cut}");
            }
        }
        assert!(annex_b(&[0xff; 9], 4).is_empty());
    }

    #[test]
    fn a_record_of_absurdly_many_parameter_sets_is_refused() {
        let hvcc = |sets: u16| {
            // One array of VPS, all without a byte.
            let fields = [&[1; 21][..], &[0xff, 1, 32], &sets.to_be_bytes()].concat();
            let size = (8 + fields.len() + 2 * usize::from(sets)) as u32;
            [&size.to_be_bytes()[..], b"hvcC", &fields, &vec![0; 2 * usize::from(sets)]].concat()
        };
        assert!(Coding::hvcc(&hvcc(1000)).is_some());
        assert!(Coding::hvcc(&hvcc(u16::MAX)).is_none());
    }

    #[test]
    fn another_description_is_in_force_from_its_next_keyframe() {
        let sets = |level: u8| [0, 0, 0, 1, 0x67, 66, 0xc0, level, 0b1010_0000, 0, 0, 1, 0x68, 0b1100_0001];
        let coding = |level| {
            Some(Coding::Pictures { pictures: Pictures::H264, length_size: 1, sets: sets(level).to_vec() })
        };
        let mut track = Elementary::new(vec![coding(30), None, coding(31)]);
        let (idr, slice) = (&[3, 0x65, 0x88, 0x81][..], &[2, 0x41, 0x9b][..]);
        assert!(track.unit(0, slice).is_none());
        let (unit, link) = track.unit(0, idr).unwrap();
        assert_eq!((unit[7], link), (30, Link::Start));
        assert!(track.unit(0, slice).is_some());
        assert!(track.unit(1, idr).is_none() && track.unit(3, idr).is_none(), "not served, not there");
        assert!(track.unit(2, slice).is_none(), "it refers to the other one's pictures");
        assert_eq!(track.unit(2, idr).unwrap().0[7], 31);
        let Some(Codec::H264(described)) = track.codec() else { panic!() };
        assert_eq!(described.sps()[3], 31);
    }
}

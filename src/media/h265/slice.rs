//! The beginning of a slice segment's header (ITU-T H.265 section 7.3.6.1).

use super::nal::{HEADER, NalType};
use super::sets::Sets;
use crate::media::bits::Bits;
use crate::media::h264::{SliceHeader, SliceOrder};

/// The id of the PPS that a slice names.
pub(super) fn pps_of(nal: &[u8]) -> Option<u8> {
    named(&mut Bits::behind(HEADER, nal), nal)
}

fn named(bits: &mut Bits<'_>, nal: &[u8]) -> Option<u8> {
    let _first = bits.flag()?;
    if NalType::of(nal).is_irap() {
        let _no_output_of_prior_pictures = bits.flag()?;
    }
    bits.unsigned().and_then(|id| u8::try_from(id).ok())
}

/// What the first slice of a picture says of its place in the order of display; `None` if it cannot be
/// read or its parameter sets are not known.
pub(super) fn order(nal: &[u8], sets: &Sets) -> Option<SliceHeader> {
    let kind = NalType::of(nal);
    let mut bits = Bits::behind(HEADER, nal);
    let (pps, format) = sets.format(named(&mut bits, nal)?)?;
    let _reserved = bits.fixed(pps.extra_bits)?;
    let _slice_type = bits.unsigned()?;
    if pps.output_flag {
        let _shown = bits.flag()?;
    }
    if format.separate_planes {
        let _plane = bits.fixed(2)?;
    }
    let low = if kind == NalType::Idr { 0 } else { bits.fixed(format.count_bits)? };
    // An IRAP picture behind which nothing of before counts (section 8.3.1).
    let idr = matches!(kind, NalType::Idr | NalType::Bla);
    let order = SliceOrder::Count { low, limit: 1 << format.count_bits, bottom: 0 };
    Some(SliceHeader { idr, reference: anchors(nal), frame_num: 0, field: None, order })
}

/// Whether later counts are told from this picture's: it is of the lowest sub-layer, not leading, and
/// pictures of its sub-layer need it (`prevTid0Pic`, section 8.3.1).
fn anchors(nal: &[u8]) -> bool {
    let &[first, second, ..] = nal else { return false };
    let number = first >> 1;
    let unneeded = number <= 14 && number % 2 == 0;
    second & 7 == 1 && !unneeded && !(6..=9).contains(&number)
}

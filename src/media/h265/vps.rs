//! What a video parameter set says (ITU-T H.265 section 7.3.2.1).

use super::nal::HEADER;
use super::sps::{profile_tier_level, tick};
use crate::media::bits::Bits;

/// Its id: 0 to 15.
pub(super) fn id(nal: &[u8]) -> Option<u8> {
    Bits::behind(HEADER, nal).fixed(4).map(|id| id as u8)
}

/// Units in a tick and ticks a second; a picture a tick.
pub(super) fn timing(nal: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::behind(HEADER, nal);
    let _id_base_layer_layers = bits.fixed(4 + 2 + 6)?;
    let sub_layers = bits.fixed(3)?;
    let _nesting_reserved = bits.fixed(1 + 16)?;
    profile_tier_level(&mut bits, sub_layers)?;
    let each = bits.flag()?;
    for _ in if each { 0 } else { sub_layers }..=sub_layers {
        let _buffering_reorder_latency = [bits.unsigned()?, bits.unsigned()?, bits.unsigned()?];
    }
    let most_layer = bits.fixed(6)?;
    let layer_sets = bits.unsigned().filter(|sets| *sets < 1024)?;
    for _ in 0..layer_sets * (most_layer + 1) {
        let _included = bits.flag()?;
    }
    if bits.flag()? { tick(&mut bits) } else { None }
}

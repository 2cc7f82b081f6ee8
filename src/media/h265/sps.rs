//! What a sequence parameter set says (ITU-T H.265 section 7.3.2.2), as far as it matters here.

use super::nal::HEADER;
use crate::media::bits::Bits;

/// The ids, which every SPS has, and the rest if it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sps {
    pub(super) vps: u8,
    pub(super) id: u8,
    pub(super) format: Option<Format>,
}

/// How an SPS has pictures coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// Cropped, in pixels.
    pub(super) width: u32,
    /// Cropped, in pixels.
    pub(super) height: u32,
    pub(super) separate_planes: bool,
    /// Of the picture order count's low part.
    pub(super) count_bits: u32,
    /// Units in a tick and ticks a second; a picture a tick.
    pub(super) timing: Option<(u32, u32)>,
}

impl Sps {
    pub(super) fn read(nal: &[u8]) -> Option<Self> {
        let mut bits = Bits::behind(HEADER, nal);
        let vps = bits.fixed(4)? as u8;
        let sub_layers = bits.fixed(3)?;
        let _nesting = bits.flag()?;
        profile_tier_level(&mut bits, sub_layers)?;
        let id = bits.unsigned().filter(|id| *id <= 15)? as u8;
        Some(Self { vps, id, format: Format::read(&mut bits, sub_layers) })
    }
}

impl Format {
    fn read(bits: &mut Bits<'_>, sub_layers: u32) -> Option<Self> {
        let chroma = bits.unsigned().filter(|chroma| *chroma <= 3)?;
        let separate_planes = chroma == 3 && bits.flag()?;
        let (width, height) = (bits.unsigned()?, bits.unsigned()?);
        let (across, down) = if bits.flag()? { window(bits, chroma)? } else { (0, 0) };
        let size = |whole: u32, cropped: u64| {
            u32::try_from(u64::from(whole).checked_sub(cropped)?)
                .ok()
                .filter(|left| (1..=65_535).contains(left))
        };
        let (width, height) = (size(width, across)?, size(height, down)?);
        let _depths = [bits.unsigned()?, bits.unsigned()?];
        let count_bits = bits.unsigned().filter(|bits| *bits <= 12)? + 4;
        // What is behind is needed for the timing alone.
        let timing = timing(bits, sub_layers, count_bits);
        Some(Self { width, height, separate_planes, count_bits, timing })
    }
}

/// `profile_tier_level( 1, sub_layers )` (section 7.3.3) is passed over.
pub(super) fn profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    // Profile, its compatibility and constraints, level.
    skip(bits, 8 + 32 + 48 + 8)?;
    let mut present = [(false, false); 8];
    for present in present.iter_mut().take(sub_layers as usize) {
        *present = (bits.flag()?, bits.flag()?);
    }
    if sub_layers > 0 {
        let _reserved = bits.fixed(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        skip(bits, if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

/// Units in a tick and ticks a second, where both are there.
pub(super) fn tick(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let (units, scale) = (bits.fixed(32)?, bits.fixed(32)?);
    (units > 0 && scale > 0).then_some((units, scale))
}

/// A conformance window: what it takes off the width and the height.
fn window(bits: &mut Bits<'_>, chroma: u32) -> Option<(u64, u64)> {
    let (horizontal, vertical) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let mut edge = || bits.unsigned().map(u64::from);
    let (left, right, top, bottom) = (edge()?, edge()?, edge()?, edge()?);
    Some(((left + right) * horizontal, (top + bottom) * vertical))
}

fn timing(bits: &mut Bits<'_>, sub_layers: u32, count_bits: u32) -> Option<(u32, u32)> {
    let each = bits.flag()?;
    for _ in if each { 0 } else { sub_layers }..=sub_layers {
        let _buffering_reorder_latency = [bits.unsigned()?, bits.unsigned()?, bits.unsigned()?];
    }
    for _block_and_transform_sizes in 0..6 {
        bits.unsigned()?;
    }
    if bits.flag()? && bits.flag()? {
        scaling_lists(bits)?;
    }
    let _amp_sao = bits.fixed(2)?;
    if bits.flag()? {
        let _pcm = (bits.fixed(8)?, bits.unsigned()?, bits.unsigned()?, bits.flag()?);
    }
    short_term_sets(bits)?;
    if bits.flag()? {
        let long_term = bits.unsigned().filter(|count| *count <= 32)?;
        skip(bits, long_term * (count_bits + 1))?;
    }
    let _mvp_smoothing = bits.fixed(2)?;
    if bits.flag()? { vui(bits) } else { None }
}

/// `scaling_list_data( )` (section 7.3.4).
fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4_u32 {
        for _matrix in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !bits.flag()? {
                let _delta = bits.unsigned()?;
                continue;
            }
            if size > 1 {
                let _dc = bits.signed()?;
            }
            for _coefficient in 0..64.min(1 << (4 + 2 * size)) {
                bits.signed()?;
            }
        }
    }
    Some(())
}

/// `num_short_term_ref_pic_sets` and the sets (section 7.3.7): only how many pictures each has matters.
fn short_term_sets(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.unsigned().filter(|count| *count <= 64)?;
    let mut pictures = 0_u32;
    for index in 0..count {
        if index > 0 && bits.flag()? {
            let _delta = (bits.flag()?, bits.unsigned()?);
            let mut kept = 0;
            for _ in 0..=pictures {
                let used = bits.flag()?;
                kept += u32::from(used || bits.flag()?);
            }
            pictures = kept;
        } else {
            let (negative, positive) = (bits.unsigned()?, bits.unsigned()?);
            pictures = negative.checked_add(positive)?;
            for _ in 0..pictures {
                let _delta_used = (bits.unsigned()?, bits.flag()?);
            }
        }
        if pictures > 16 {
            return None;
        }
    }
    Some(())
}

/// `vui_parameters( )` (section E.2.1) up to the timing.
fn vui(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    const EXTENDED_SAR: u32 = 255;
    if bits.flag()? && bits.fixed(8)? == EXTENDED_SAR {
        let _sample_size = bits.fixed(32)?;
    }
    if bits.flag()? {
        let _overscan = bits.flag()?;
    }
    if bits.flag()? {
        let _format_range = bits.fixed(4)?;
        if bits.flag()? {
            let _colours = bits.fixed(24)?;
        }
    }
    if bits.flag()? {
        let _chroma_places = (bits.unsigned()?, bits.unsigned()?);
    }
    let _neutral_field_info = bits.fixed(3)?;
    if bits.flag()? {
        let _window = window(bits, 0)?;
    }
    if bits.flag()? { tick(bits) } else { None }
}

fn skip(bits: &mut Bits<'_>, count: u32) -> Option<()> {
    (0..count).try_for_each(|_| bits.flag().map(drop))
}

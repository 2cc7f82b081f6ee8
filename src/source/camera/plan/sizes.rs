//! Sizes and rates: which of those offered.

use super::super::board::{Offered, Size};
use super::coder::Coder;
use super::{Refusal, Wish};

/// The most that RTP carries of a JPEG's width and height ([RFC 2435 section 3.1](https://www.rfc-editor.org/rfc/rfc2435#section-3.1)).
const JPEG_SIDE: u32 = 2040;
/// Pictures a second below which a smaller picture is taken; with room for 24.97.
const FLUENT: f64 = 24.9;
/// The highest rate taken unasked, in pictures a second, with room for 30.0003.
const RATE: f64 = 30.5;
/// Rates so near are one: cameras round 29.97 in many ways.
const NEAR: f64 = 1.005;

/// How large pictures may be.
pub(super) enum Limit<'a> {
    /// What RTP carries of JPEGs.
    Rtp,
    /// Unasked no more pixels than this; asked, anything.
    Most(u64),
    /// What an encoder takes.
    Coder(Coder<'a>),
}

impl Limit<'_> {
    fn carries(&self, width: u32, height: u32) -> bool {
        match self {
            Self::Rtp => width.max(height) <= JPEG_SIDE,
            Self::Most(_) => true,
            Self::Coder(coder) => coder.takes(width, height),
        }
    }

    fn unasked(&self) -> u64 {
        match self {
            Self::Rtp => u64::MAX,
            Self::Most(pixels) => *pixels,
            Self::Coder(coder) => coder.unasked(),
        }
    }

    fn refusal(&self, what: String) -> Refusal {
        Refusal::TooLarge(
            what,
            match self {
                Self::Coder(coder) => coder.sizes(),
                _ => format!("RTP carries JPEG up to {JPEG_SIDE}x{JPEG_SIDE} (RFC 2435)"),
            },
        )
    }
}

/// None where neither the driver nor the wish says any.
pub(super) fn size(offer: &Offered, limit: &Limit<'_>, wish: &Wish) -> Result<Option<Size>, Refusal> {
    let asked = (wish.width, wish.height);
    let carried = |size: &&Size| limit.carries(size.width, size.height);
    if let (Some(width), Some(height)) = asked
        && !limit.carries(width, height)
    {
        return Err(limit.refusal(format!("{width}x{height} is configured")));
    }
    let sizes: Vec<&Size> = offer.sizes.iter().filter(carried).collect();
    if sizes.is_empty() && !offer.sizes.is_empty() {
        return Err(limit.refusal(format!("gives {} in other sizes only", offer.fourcc)));
    }
    Ok(match (asked, &offer.range) {
        ((None, None), _) => best(&sizes, limit.unasked(), wish.fps).cloned(),
        ((Some(width), Some(height)), Some(range)) => {
            let (width, height) = range.nearest(width, height);
            nearest(&sizes, asked).map(|size| Size { width, height, ..size.clone() })
        }
        ((Some(width), Some(height)), None) if sizes.is_empty() => {
            Some(Size { width, height, ..Size::default() })
        }
        _ => nearest(&sizes, asked).cloned(),
    })
}

/// The size taken unasked.
fn best<'a>(sizes: &[&'a Size], unasked: u64, fps: Option<f64>) -> Option<&'a Size> {
    let fitting: Vec<&Size> = sizes.iter().filter(|size| size.pixels() <= unasked).copied().collect();
    if fitting.is_empty() {
        // All are larger than what is taken unasked.
        return sizes.iter().copied().min_by_key(|size| size.pixels());
    }
    let least = fps.map_or(FLUENT, |fps| fps / NEAR);
    let by_size = |a: &&Size, b: &&Size| a.pixels().cmp(&b.pixels()).then(most(a).total_cmp(&most(b)));
    let fluent = fitting.iter().copied().filter(|size| most(size) >= least).max_by(by_size);
    fluent.or_else(|| {
        let by_rate = |a: &&Size, b: &&Size| most(a).total_cmp(&most(b)).then(by_size(a, b));
        fitting.iter().copied().max_by(by_rate)
    })
}

/// The highest rate of a size; a driver that does not say may be fast enough.
fn most(size: &Size) -> f64 {
    size.rates.iter().copied().max_by(f64::total_cmp).unwrap_or(f64::INFINITY)
}

/// The size nearest to what is configured; of two as near, the smaller.
fn nearest<'a>(sizes: &[&'a Size], (width, height): (Option<u32>, Option<u32>)) -> Option<&'a Size> {
    let one_side = width.is_none() || height.is_none();
    sizes.iter().copied().min_by_key(|size| {
        // Of sizes with the one side that is configured, the greatest.
        (off(size, (width, height)), if one_side { u64::MAX - size.pixels() } else { size.pixels() })
    })
}

/// How far a size is from what is configured, in pixels of both sides.
fn off(size: &Size, (width, height): (Option<u32>, Option<u32>)) -> u64 {
    let side = |have: u32, asked: Option<u32>| asked.map_or(0, |asked| u64::from(have.abs_diff(asked)));
    side(size.width, width) + side(size.height, height)
}

/// The highest rate offered up to the asked one (30 if none is), else the nearest.
pub(super) fn rate(size: Option<&Size>, asked: Option<f64>) -> Option<f64> {
    let offered = size.map_or(&[][..], |size| &size.rates);
    let (least, most) =
        (offered.iter().copied().min_by(f64::total_cmp), offered.iter().copied().max_by(f64::total_cmp));
    let (Some(least), Some(most)) = (least, most) else { return asked };
    if size.is_some_and(|size| size.between) {
        return Some(asked.unwrap_or(30.0).max(least).min(most));
    }
    let limit = asked.map_or(RATE, |asked| asked * NEAR);
    let below = offered.iter().copied().filter(|rate| *rate <= limit).max_by(f64::total_cmp);
    Some(below.unwrap_or(least))
}

/// Whether two rates are one to people.
pub(super) fn near(asked: f64, rate: f64) -> bool {
    (asked / NEAR..=asked * NEAR).contains(&rate)
}

/// Whether a size is the one that is wished, at the rate that is wished or fluent.
pub(super) fn good(size: Option<&Size>, rate: Option<f64>, wish: &Wish) -> bool {
    let least = wish.fps.map_or(FLUENT, |fps| fps / NEAR);
    rate.is_none_or(|rate| rate >= least) && wished(size, wish)
}

/// Whether a size is the one that is wished.
pub(super) fn wished(size: Option<&Size>, wish: &Wish) -> bool {
    size.is_none_or(|size| off(size, (wish.width, wish.height)) == 0)
}

/// How much a size is worth among others of one camera: the nearest to the wish, then fluent ones, then the
/// largest, then what moves the fewest bytes.
pub(super) fn worth(size: Option<&Size>, wish: &Wish, rank: u64) -> u64 {
    let Some(size) = size else { return rank };
    let far = off(size, (wish.width, wish.height)).min(0xffff);
    let fluent = most(size) >= wish.fps.map_or(FLUENT, |fps| fps / NEAR);
    let pixels = size.pixels().min((1 << 36) - 1);
    ((0xffff - far) << 42) | u64::from(fluent) << 41 | pixels << 4 | rank.min(15)
}

//! Choosing what to ask a camera for, from what it offers. Pure: the tests are boards as data.
//!
//! H.264 before H.265 before MJPEG; the largest picture up to 1080p (MJPEG: up to what RTP carries) that
//! comes at 25 a second or more; 30 a second at most. Whatever is configured goes before the rule.

use std::fmt;

use serde::Deserialize;

use super::board::{Node, Offered, Size};
use crate::v4l2::{FourCc, Interval};

/// The greatest picture taken unasked, in pixels: 1080p, as encoders of whole macroblocks have it.
const PIXELS: u64 = 1920 * 1088;
/// The most that RTP carries of a JPEG's width and height ([RFC 2435 section 3.1](https://www.rfc-editor.org/rfc/rfc2435#section-3.1)).
const JPEG_SIDE: u32 = 2040;
/// Pictures a second below which a smaller picture is taken; with room for 24.97.
const FLUENT: f64 = 24.9;
/// The highest rate taken unasked, in pictures a second, with room for 30.0003.
const RATE: f64 = 30.5;
/// Rates so near are one: cameras round 29.97 in many ways.
const NEAR: f64 = 1.005;

/// How a camera codes its pictures, the best to serve first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Coding {
    /// H.264.
    H264,
    /// H.265.
    #[serde(rename = "HEVC")]
    Hevc,
    /// A JPEG a picture.
    #[serde(rename = "MJPEG")]
    Mjpeg,
}

/// What is wished of a camera; the rule decides what is left open.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// How pictures are coded; the best that the camera has if none.
    pub format: Option<Coding>,
    /// Pixels a line.
    pub width: Option<u32>,
    /// Lines.
    pub height: Option<u32>,
    /// Pictures a second.
    pub fps: Option<f64>,
}

/// What is asked of the driver; what it makes of it is in [`Capture`](crate::v4l2::Capture).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) coding: Coding,
    pub(super) fourcc: FourCc,
    /// Width and height; none where the driver does not say what it has.
    pub(super) size: Option<(u32, u32)>,
    /// Pictures a second; none where the driver does not say what it has.
    pub(super) rate: Option<f64>,
    /// Where it differs from the wish, a sentence each.
    pub(super) departures: Vec<String>,
}

/// Why a node cannot be served.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    /// A camera's metadata, an encoder or an output.
    NoCamera,
    /// Nothing is connected, or it is off; a v4l2loopback node has what its writer brings, and lists every
    /// format there is before.
    NoSignal,
    /// The driver names no pixel format.
    NoFormat,
    /// Nothing but a bare sensor's samples; these.
    Bayer(String),
    /// Nothing but raw pictures; these.
    Raw(String),
    /// Not the coding that is wished, but these.
    Lacks(Coding, String),
    /// JPEGs are all larger than RTP carries.
    TooLarge(String),
}

/// What to ask for; the driver rounds it.
pub(super) fn plan(node: &Node, wish: &Wish) -> Result<Plan, Refusal> {
    if !node.captures {
        return Err(Refusal::NoCamera);
    }
    if !node.signal {
        return Err(Refusal::NoSignal);
    }
    let (coding, offer) = choose(&node.formats, wish.format)?;
    let mut departures = Vec::new();
    let size = size(offer, coding, wish)?;
    if let Some(size) = &size {
        let (width, height) = (wish.width.unwrap_or(size.width), wish.height.unwrap_or(size.height));
        if (width, height) != (size.width, size.height) {
            departures.push(format!("has no {width}x{height}: {size} is asked for"));
        }
    }
    let rate = rate(size.as_ref(), wish.fps);
    if let (Some(asked), Some(rate)) = (wish.fps, rate)
        && !(asked / NEAR..=asked * NEAR).contains(&rate)
    {
        let rate = rounded(rate);
        departures.push(format!("has no {asked} pictures a second at this size: {rate} are asked for"));
    }
    let size = size.map(|size| (size.width, size.height));
    Ok(Plan { coding, fourcc: offer.fourcc(), size, rate, departures })
}

fn choose(offers: &[Offered], wish: Option<Coding>) -> Result<(Coding, &Offered), Refusal> {
    let codings = [Coding::H264, Coding::Hevc, Coding::Mjpeg];
    let best =
        codings.into_iter().filter(|coding| wish.is_none_or(|wish| wish == *coding)).find_map(|coding| {
            let codes = coding.codes().iter();
            let offer = codes.copied().find_map(|code| offers.iter().find(|offer| offer.fourcc() == code));
            Some((coding, offer?))
        });
    let coded = |offer: &Offered| codings.iter().any(|coding| coding.codes().contains(&offer.fourcc()));
    best.ok_or_else(|| match wish {
        _ if offers.is_empty() => Refusal::NoFormat,
        Some(wish) if offers.iter().any(coded) => Refusal::Lacks(wish, names(offers)),
        _ if offers.iter().all(|offer| offer.fourcc().is_bayer()) => Refusal::Bayer(names(offers)),
        _ => Refusal::Raw(names(offers)),
    })
}

/// None where neither the driver nor the wish says any.
fn size(offer: &Offered, coding: Coding, wish: &Wish) -> Result<Option<Size>, Refusal> {
    let asked = (wish.width, wish.height);
    let carried = |size: &&Size| coding.carries(size.width, size.height);
    if let (Some(width), Some(height)) = asked
        && !coding.carries(width, height)
    {
        return Err(Refusal::TooLarge(format!("{width}x{height} is configured")));
    }
    let sizes: Vec<&Size> = offer.sizes.iter().filter(carried).collect();
    if sizes.is_empty() && !offer.sizes.is_empty() {
        return Err(Refusal::TooLarge(format!("gives {} in larger sizes only", offer.fourcc)));
    }
    Ok(match (asked, &offer.range) {
        ((None, None), _) => best(&sizes, coding, wish.fps).cloned(),
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
fn best<'a>(sizes: &[&'a Size], coding: Coding, fps: Option<f64>) -> Option<&'a Size> {
    let fits = |size: &&&Size| coding == Coding::Mjpeg || size.pixels() <= PIXELS;
    let fitting: Vec<&Size> = sizes.iter().filter(fits).copied().collect();
    if fitting.is_empty() {
        // All are larger than what is taken unasked.
        return sizes.iter().copied().min_by_key(|size| size.pixels());
    }
    let least = fps.map_or(FLUENT, |fps| fps / NEAR);
    // A driver that does not say may be fast enough.
    let most = |size: &Size| size.rates.iter().copied().max_by(f64::total_cmp).unwrap_or(f64::INFINITY);
    let by_size = |a: &&Size, b: &&Size| a.pixels().cmp(&b.pixels()).then(most(a).total_cmp(&most(b)));
    let fluent = fitting.iter().copied().filter(|size| most(size) >= least).max_by(by_size);
    fluent.or_else(|| {
        let by_rate = |a: &&Size, b: &&Size| most(a).total_cmp(&most(b)).then(by_size(a, b));
        fitting.iter().copied().max_by(by_rate)
    })
}

/// The size nearest to what is configured; of two as near, the smaller.
fn nearest<'a>(sizes: &[&'a Size], (width, height): (Option<u32>, Option<u32>)) -> Option<&'a Size> {
    let off = |have: u32, asked: Option<u32>| asked.map_or(0, |asked| u64::from(have.abs_diff(asked)));
    let one_side = width.is_none() || height.is_none();
    sizes.iter().copied().min_by_key(|size| {
        let distance = off(size.width, width) + off(size.height, height);
        // Of sizes with the one side that is configured, the greatest.
        (distance, if one_side { u64::MAX - size.pixels() } else { size.pixels() })
    })
}

/// The highest rate offered up to the asked one (30 if none is), else the nearest.
fn rate(size: Option<&Size>, asked: Option<f64>) -> Option<f64> {
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

fn names(offers: &[Offered]) -> String {
    offers.iter().map(|offer| offer.fourcc.as_str()).collect::<Vec<_>>().join(", ")
}

impl Coding {
    /// The pixel formats that are coded so.
    fn codes(self) -> &'static [FourCc] {
        match self {
            Self::H264 => &[FourCc::H264],
            Self::Hevc => &[FourCc::HEVC],
            Self::Mjpeg => &[FourCc::MJPG, FourCc::JPEG],
        }
    }

    /// Whether RTP carries pictures of this size.
    fn carries(self, width: u32, height: u32) -> bool {
        self != Self::Mjpeg || width.max(height) <= JPEG_SIDE
    }
}

impl Plan {
    /// The time between pictures to ask for.
    pub(super) fn interval(&self) -> Option<Interval> {
        self.rate.and_then(Interval::from_rate)
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "H264",
            Self::Hevc => "HEVC",
            Self::Mjpeg => "MJPEG",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fourcc)?;
        match self.size {
            Some((width, height)) => write!(f, " {width}x{height}")?,
            None => write!(f, " in the driver's size")?,
        }
        match self.rate {
            Some(rate) => write!(f, " at {} a second", rounded(rate)),
            None => write!(f, " at the driver's rate"),
        }
    }
}

/// A rate as people write it: `30`, `29.97`.
pub(super) fn rounded(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCamera => write!(f, "captures no pictures"),
            Self::NoSignal => write!(f, "has no signal (v4l2loopback: no program writes to it yet)"),
            Self::NoFormat => {
                write!(f, "offers no pixel format")
            }
            Self::Bayer(names) => write!(
                f,
                "raw Bayer: gives {names}, a bare sensor's samples, which need libcamera to become pictures"
            ),
            Self::Raw(names) => write!(
                f,
                "gives {names}: raw pictures, and none coded as H264, HEVC or MJPG; encoding them comes later"
            ),
            Self::Lacks(coding, names) => {
                write!(f, "gives {names}, but no {coding} as its `format` is configured")
            }
            Self::TooLarge(what) => {
                write!(f, "{what}, and RTP carries JPEG up to {JPEG_SIDE}x{JPEG_SIDE} (RFC 2435)")
            }
        }
    }
}

/// What comes of a node that offers this, in a sentence.
pub(super) fn verdict(node: &Node, plan: &Result<Plan, Refusal>) -> String {
    match plan {
        Ok(plan) => format!("gives {}: {plan} is served as it comes", names(&node.formats)),
        Err(refusal) => refusal.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A board as it was seen or as its driver's source has it, with what is to come of it.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Board {
        /// What it is, and where its lists are from.
        #[expect(dead_code, reason = "for people")]
        board: String,
        node: Node,
        /// Wishes, and the plan or refusal, as text.
        plans: Vec<(Wish, String)>,
    }

    #[test]
    fn every_board_gets_its_plans() {
        let options =
            ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        let mut boards = 0;
        for entry in std::fs::read_dir("tests/fixtures/boards").unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "ron") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let board: Board =
                options.from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(!board.plans.is_empty(), "{}", path.display());
            for (wish, expected) in board.plans {
                let plan = plan(&board.node, &wish);
                let departures = plan.as_ref().map(|plan| plan.departures.clone()).unwrap_or_default();
                let text = match &plan {
                    Ok(plan) => plan.to_string(),
                    Err(refusal) => refusal.to_string(),
                };
                let text = [vec![text], departures].concat().join("; ");
                assert_eq!(text, expected, "{}: {wish:?}", path.display());
            }
            boards += 1;
        }
        assert!(boards >= 8, "{boards}");
    }
}

//! Choosing what to ask a camera for, and who codes it, from what the board offers. Pure: the tests are boards
//! as data.
//!
//! What a camera codes by itself is served as it comes: H.264 before H.265. Then raw pictures, if they come fast
//! enough, by the board's encoder; then MJPEG as it comes; then anything by the software encoder. The largest
//! picture up to 1080p that comes at 25 a second or more (720p where this machine's processor codes it; MJPEG
//! that is passed on: up to what RTP carries); 30 a second at most. Whatever is configured goes before the rule.

mod coder;
mod refusal;
mod sizes;
#[cfg(test)]
mod tests;
mod told;
mod wish;
mod words;

use std::collections::BTreeSet;

use super::board::{EncoderNode, Encoders, Node, Offered, Size};
use super::samples::same_samples;
use super::thin;
use crate::encode::{self, Samples};
use crate::hub::Instead;
use crate::media::h264::{Level, Profile};
use crate::v4l2::{Capability, FourCc};
use coder::Coder;
use refusal::lacking;
use sizes::Limit;

pub(super) use refusal::Refusal;
pub use wish::{Coding, Encode, Gop, Pictures, Wish};
pub(crate) use wish::{level, profile};
pub(super) use words::{rounded, verdict};

/// What is asked of the driver, and what becomes of it; what the driver makes of that is in
/// [`Capture`](crate::v4l2::Capture).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// How the camera's pictures are coded.
    pub(super) pictures: Pictures,
    pub(super) fourcc: FourCc,
    /// Width and height; none where the driver does not say what it has.
    pub(super) size: Option<(u32, u32)>,
    /// Pictures a second; none where the driver does not say what it has.
    pub(super) rate: Option<f64>,
    pub(super) way: Way,
    /// Where it differs from the wish, a sentence each.
    pub(super) departures: Vec<String>,
    /// What of the wish the board's encoders cannot, so that the processor codes it, a sentence each.
    pub(super) limits: Vec<String>,
    /// What may not go well, a sentence each.
    pub(super) doubts: Vec<String>,
    /// Why it is so where it could be otherwise, a sentence each.
    pub(super) reasons: Vec<String>,
    /// Who would code at another bitrate.
    pub(super) instead: Option<Instead>,
}

/// What becomes of a camera's pictures.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Way {
    /// They are served as they come.
    Passthrough,
    /// The board's encoder codes them.
    Hardware(Box<Hardware>),
    /// This machine's processor codes them.
    Software(Coded),
}

impl Way {
    /// How pictures are coded here; none if they are not.
    pub(super) fn coded(&self) -> Option<&Coded> {
        match self {
            Self::Passthrough => None,
            Self::Hardware(hardware) => Some(&hardware.coded),
            Self::Software(coded) => Some(coded),
        }
    }
}

/// How the board's encoder is used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hardware {
    pub(super) encoder: EncoderNode,
    /// The pixel format that it is given.
    pub(super) input: FourCc,
    /// Whether it may read the camera's buffers; else each picture is copied.
    pub(super) dmabuf: bool,
    /// Whether the processor makes planes of what the camera gives, for the encoder to code.
    pub(super) converted: bool,
    pub(super) coded: Coded,
}

/// How pictures are coded as H.264.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Coded {
    /// Bits a second.
    pub(super) bitrate: u32,
    /// Pictures from one keyframe to the next.
    pub(super) gop: u32,
    /// Pictures a second; what is asked for or, where the driver does not say, the usual.
    pub(super) fps: f64,
    pub(super) profile: Profile,
    /// The level that is asked for, or the lowest that will do; none where the size is not known yet.
    pub(super) level: Option<Level>,
    /// Whether that is what is configured.
    pub(super) level_configured: bool,
}

/// Whether something of the camera is to be taken whatever its rate and size are.
#[derive(Clone, Copy, PartialEq)]
enum Demand {
    /// If it comes in the size and about at the rate that is wished, or fluently.
    Good,
    /// If it comes in the size that is wished.
    Size,
    /// As it is.
    Any,
}

/// A way to try, in this order.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    Pass(Pictures),
    /// Encode what comes so; by the board's encoder alone if that is said.
    Encode(Pictures, Demand, Only),
}

/// Who may encode.
#[derive(Clone, Copy, PartialEq)]
enum Only {
    Hardware,
    Software,
    Either,
}

/// What the board has beside the camera.
#[derive(Clone, Copy)]
struct Board<'a> {
    encoders: &'a [EncoderNode],
    /// Why nodes cannot be looked at that may be encoders.
    unopened: &'a [String],
    software: bool,
}

impl Board<'_> {
    /// Whether there may be an encoder, and none that can be used.
    fn lacks_an_open_one(&self) -> bool {
        self.encoders.is_empty() && !self.unopened.is_empty()
    }
}

/// What to ask for; the driver rounds it. `software` says whether the software encoder is built in.
pub(super) fn plan(node: &Node, encoders: &Encoders, software: bool, wish: &Wish) -> Result<Plan, Refusal> {
    if !node.captures {
        return Err(Refusal::NoCamera);
    }
    match node.hdmi {
        Some(signal) if !signal.is_good() => return Err(Refusal::Hdmi(signal)),
        _ if node.signal => {}
        _ if node.driver == Capability::LOOPBACK => return Err(Refusal::Unfed),
        _ => return Err(Refusal::NoSignal),
    }
    let board = Board { encoders: &encoders.found, unopened: &encoders.unopened, software };
    let mut plan = first(node, board, wish)?;
    plan.reasons.extend(aside(node, board, wish, &plan));
    let unapplied: Vec<&str> = wish.coded_here().collect();
    if plan.way == Way::Passthrough && !unapplied.is_empty() {
        plan.departures.push(format!(
            "codes {} by itself, and what is configured for pictures that are coded here has no effect: {}",
            plan.fourcc,
            unapplied.join(", ")
        ));
    }
    if wish.may_encode() && board.lacks_an_open_one() {
        match plan.way {
            Way::Software(_) => plan.limits.push(words::unopened(board.unopened)),
            _ if plan.pictures == Pictures::Mjpeg => plan.reasons.push(words::unopened(board.unopened)),
            _ => {}
        }
    }
    plan.instead = instead(node, board, wish, &plan);
    Ok(plan)
}

/// The first way of all that there are.
fn first(node: &Node, board: Board<'_>, wish: &Wish) -> Result<Plan, Refusal> {
    let mut refusal = None;
    for attempt in attempts(wish) {
        let made = match attempt {
            Attempt::Pass(pictures) => pass(&node.formats, pictures, wish),
            Attempt::Encode(pictures, demand, only) => encode(node, board, wish, pictures, demand, only),
        };
        match made {
            Some(Ok(plan)) => return Ok(plan),
            Some(Err(why)) => refusal = refusal.or(Some(why)),
            None => {}
        }
    }
    Err(refusal.unwrap_or_else(|| lacking(&node.formats, wish)))
}

/// Who would code at another bitrate, where anybody may: the processor beyond what the board's encoder has, and that encoder
/// within it.
fn instead(node: &Node, board: Board<'_>, wish: &Wish, plan: &Plan) -> Option<Instead> {
    if wish.encode != Encode::Auto {
        return None;
    }
    let limits = |encoder: &EncoderNode| {
        let (least, greatest) = encoder.bits();
        format!("{} codes at {least} to {greatest} bits a second", encoder.card)
    };
    if let Way::Hardware(hardware) = &plan.way {
        let other = first(node, Board { encoders: &[], unopened: &[], ..board }, wish).ok()?;
        let (bitrates, who) = match other.way {
            Way::Software(_) => (encode::BITRATES, format!("{} is to code it", encode::NAME)),
            _ => ((0, u32::MAX), format!("{} is to be served as it comes", other.pictures)),
        };
        let why = format!("{}: {who}", limits(&hardware.encoder));
        return Some(Instead { bitrates, first: false, why });
    }
    // Whoever it is because of the bitrate.
    wish.bitrate?;
    match first(node, board, &Wish { bitrate: None, ..wish.clone() }).ok()?.way {
        Way::Hardware(hardware) => {
            let why = format!("{}: it is to code it", limits(&hardware.encoder));
            Some(Instead { bitrates: hardware.encoder.bits(), first: true, why })
        }
        _ => None,
    }
}

/// What is tried of a camera, the best first.
fn attempts(wish: &Wish) -> Vec<Attempt> {
    use Attempt::{Encode as By, Pass};
    use Demand::{Any, Good};
    use Pictures::{H264, Hevc, Mjpeg, Raw};
    let only = match wish.encode {
        Encode::Hardware => Only::Hardware,
        Encode::Software => Only::Software,
        Encode::Auto | Encode::Off => Only::Either,
    };
    let coded =
        [Good, Demand::Size, Any].map(|demand| [By(Raw, demand, only), By(Mjpeg, demand, only)]).concat();
    match (wish.encode, wish.format) {
        (Encode::Off, Some(pictures)) => vec![Pass(pictures)],
        (Encode::Off, None) => vec![Pass(H264), Pass(Hevc), Pass(Mjpeg)],
        (Encode::Auto, None) => {
            [&[Pass(H264), Pass(Hevc), By(Raw, Good, Only::Hardware), Pass(Mjpeg)], &coded[..]].concat()
        }
        (Encode::Auto, Some(H264)) => [&[Pass(H264)], &coded[..]].concat(),
        (Encode::Auto, Some(Mjpeg)) => vec![Pass(Mjpeg), By(Mjpeg, Any, only)],
        (_, Some(Hevc)) => vec![Pass(Hevc)],
        (_, None | Some(H264)) => coded,
        (_, Some(pictures)) => vec![By(pictures, Any, only)],
    }
}

/// Why none of the board's encoders does what is wished, whatever the camera gives: where they are asked for and there are
/// any.
pub(super) fn beyond_hardware(encoders: &[EncoderNode], wish: &Wish) -> Option<String> {
    if wish.encode != Encode::Hardware {
        return None;
    }
    let refusal = |encoder| {
        let coder = Coder::Hardware(encoder);
        let size = wish.width.zip(wish.height);
        match size.filter(|(width, height)| !coder.takes(*width, *height)) {
            Some((width, height)) => Some(format!("{width}x{height} is configured, and {}", coder.sizes())),
            None => coder.able(wish).err(),
        }
    };
    let refusals: Vec<String> = encoders.iter().map_while(refusal).collect();
    let all = !refusals.is_empty() && refusals.len() == encoders.len();
    all.then(|| Refusal::NoEncoder(refusals).to_string())
}

/// The camera's own pictures; none if it has not.
fn pass(offers: &[Offered], pictures: Pictures, wish: &Wish) -> Option<Result<Plan, Refusal>> {
    let offer =
        pictures.codes().iter().find_map(|code| offers.iter().find(|offer| offer.fourcc() == *code))?;
    let limit = if pictures == Pictures::Mjpeg { Limit::Rtp } else { Limit::Most(coder::PIXELS) };
    Some(asked(offer, pictures, &limit, wish).map(|(plan, _)| plan))
}

/// The best of what comes in this pictures, by the first encoder that can; none if nothing comes so.
fn encode(
    node: &Node,
    board: Board<'_>,
    wish: &Wish,
    pictures: Pictures,
    demand: Demand,
    only: Only,
) -> Option<Result<Plan, Refusal>> {
    let offers: Vec<&Offered> = node.formats.iter().filter(|offer| pictures.covers(offer.fourcc())).collect();
    if offers.is_empty() {
        return None;
    }
    let hardware = board.encoders.iter().map(Coder::Hardware).filter(|_| only != Only::Software);
    let software = board.software && only != Only::Hardware;
    let mut refusals = Vec::new();
    for coder in hardware.chain(software.then_some(Coder::Software)) {
        let able = match coder.able(wish) {
            Ok(()) => {
                offers.iter().filter_map(|offer| Some((*offer, coder.input(offer.fourcc(), board.software)?)))
            }
            Err(why) => {
                refusals.push(why);
                continue;
            }
        };
        let mut best: Option<(Plan, u64)> = None;
        for (offer, input) in able {
            let made =
                asked(offer, pictures, &Limit::Coder(coder), wish).map_err(|refusal| refusal.to_string());
            let made = made.and_then(|(plan, size)| {
                let enough = match demand {
                    Demand::Good => sizes::good(size.as_ref(), plan.rate, wish),
                    Demand::Size => sizes::wished(size.as_ref(), wish),
                    Demand::Any => true,
                };
                if !enough {
                    // Something else may be better; this is tried again later.
                    return Err(String::new());
                }
                let worth = sizes::worth(size.as_ref(), wish, input.rank);
                let way = coder.way(&plan, wish, input)?;
                let reasons = thinned(&plan, &way).into_iter().collect();
                let doubts = coder.strained(plan.size, &way).into_iter().collect();
                Ok((Plan { way, doubts, reasons, ..plan }, worth))
            });
            match made {
                Ok((plan, worth)) if best.as_ref().is_none_or(|(_, most)| worth > *most) => {
                    best = Some((plan, worth));
                }
                Ok(_) => {}
                Err(why) => refusals.push(why),
            }
        }
        if best.is_none() && offers.iter().all(|offer| coder.input(offer.fourcc(), board.software).is_none())
        {
            let given: Vec<&str> = offers.iter().map(|offer| offer.fourcc.as_str()).collect();
            refusals.push(format!("{}, not {}", coder.inputs(), given.join(", ")));
        }
        if let Some((mut plan, _)) = best {
            once(&mut refusals);
            let asked = wish.bitrate.is_some() || wish.width.is_some() || wish.height.is_some();
            let asked = asked || wish.profile.is_some() || wish.level.is_some();
            let to = match plan.way {
                Way::Software(_) if asked => &mut plan.limits,
                _ => &mut plan.reasons,
            };
            to.extend(refusals);
            return Some(Ok(plan));
        }
    }
    if demand != Demand::Any {
        return None;
    }
    if only != Only::Software && board.lacks_an_open_one() {
        return Some(Err(Refusal::Unopened(board.unopened.to_vec())));
    }
    if only != Only::Software && board.encoders.is_empty() {
        refusals.push("no H.264 encoder was found on this board".to_owned());
    }
    if only != Only::Hardware && !board.software {
        refusals.push("this build has no software encoder (feature `soft-h264`)".to_owned());
    }
    once(&mut refusals);
    Some(Err(Refusal::NoEncoder(refusals)))
}

/// What was said of several formats is said once.
fn once(refusals: &mut Vec<String>) {
    let mut said = BTreeSet::new();
    refusals.retain(|why| !why.is_empty() && said.insert(why.clone()));
}

/// What is asked of the driver for an offer, passed on as it is; with the size's entry in its list.
fn asked(
    offer: &Offered,
    pictures: Pictures,
    limit: &Limit<'_>,
    wish: &Wish,
) -> Result<(Plan, Option<Size>), Refusal> {
    let mut departures = Vec::new();
    let size = sizes::size(offer, limit, wish)?;
    if let Some(size) = &size {
        let (width, height) = (wish.width.unwrap_or(size.width), wish.height.unwrap_or(size.height));
        if (width, height) != (size.width, size.height) {
            departures.push(format!("has no {width}x{height}: {size} is asked for"));
        }
    }
    let rate = sizes::rate(size.as_ref(), wish.fps);
    if let (Some(asked), Some(rate)) = (wish.fps, rate)
        && !sizes::near(asked, rate)
    {
        let rate = rounded(rate);
        departures.push(format!("has no {asked} pictures a second at this size: {rate} are asked for"));
    }
    let plan = Plan {
        pictures,
        fourcc: offer.fourcc(),
        size: size.as_ref().map(|size| (size.width, size.height)),
        rate,
        way: Way::Passthrough,
        departures,
        limits: Vec::new(),
        doubts: Vec::new(),
        reasons: Vec::new(),
        instead: None,
    };
    Ok((plan, size))
}

/// That not all pictures are coded.
fn thinned(plan: &Plan, way: &Way) -> Option<String> {
    let (Some(given), Some(coded)) = (plan.rate, way.coded()) else { return None };
    thin::is_thinned(coded.fps, given)
        .then(|| format!("{} of its {} pictures a second are coded", rounded(coded.fps), rounded(given)))
}

/// What else the camera has that somebody may rather want.
fn aside(node: &Node, board: Board<'_>, wish: &Wish, plan: &Plan) -> Option<String> {
    let larger = |pictures: Pictures| {
        let offers = node.formats.iter().filter(|offer| pictures.covers(offer.fourcc()));
        let most = offers.flat_map(|offer| &offer.sizes).max_by_key(|size| size.pixels())?;
        let (width, height) = plan.size?;
        (most.pixels() > u64::from(width) * u64::from(height)).then(|| most.to_string())
    };
    if wish.format.is_some() || wish.encode != Encode::Auto {
        return None;
    }
    match (&plan.way, plan.pictures) {
        (Way::Passthrough, Pictures::Mjpeg) => board
            .software
            .then(|| "`encode: Software` would have the processor decode it and code it as H264".to_owned()),
        (Way::Hardware(_), Pictures::Raw) => larger(Pictures::Mjpeg)
            .map(|most| format!("its MJPEG goes up to {most}: `format: MJPEG` serves that as it comes")),
        _ => None,
    }
}

impl Pictures {
    /// The pixel formats that are coded so, the best first; none for raw pictures.
    fn codes(self) -> &'static [FourCc] {
        match self {
            Self::H264 => &[FourCc::H264],
            Self::Hevc => &[FourCc::HEVC],
            Self::Mjpeg => &[FourCc::MJPG, FourCc::JPEG],
            Self::Raw => &[],
        }
    }

    fn covers(self, format: FourCc) -> bool {
        match self {
            Self::Raw => Samples::from_fourcc(format.0).is_some() || same_samples(format, |_| true).is_some(),
            _ => self.codes().contains(&format),
        }
    }
}

//! Encoders: what they take, and how they are set.

use super::super::board::{EncoderNode, Range};
use super::super::samples::same_samples;
use super::super::thin;
use super::{Coded, Gop, Hardware, Plan, Way, Wish};
use crate::encode::{self, Samples};
use crate::media::h264::{Level, Load, Profile, macroblocks};
use crate::v4l2::FourCc;

/// The greatest picture taken unasked, in pixels: 1080p, as encoders of whole macroblocks have it.
pub(super) const PIXELS: u64 = 1920 * 1088;
/// The largest picture that the software encoder is given unasked: one core of a Raspberry Pi 5 codes it.
const SOFTWARE_PIXELS: u64 = 1280 * 720;
/// Bits a pixel where no bitrate is configured: a camera's noise needs more than drawings do.
const BITS: f64 = 0.1;
/// Pictures a second where nobody says.
const RATE: f64 = 30.0;
/// Seconds from one keyframe to the next where none are configured.
const GOP: f64 = 2.0;

/// An encoder of this machine.
#[derive(Clone, Copy)]
pub(super) enum Coder<'a> {
    Hardware(&'a EncoderNode),
    Software,
}

/// What an encoder is given of a camera's format.
#[derive(Clone, Copy)]
pub(super) struct Input {
    format: FourCc,
    /// Whether the processor makes that of what the camera gives.
    converted: bool,
    /// The higher, the fewer bytes are moved for a picture.
    pub(super) rank: u64,
}

/// What the processor makes of a camera's pictures: planes of luma, blue and red.
pub(in super::super) const PLANES: FourCc = FourCc(*b"YU12");

/// Raw formats by the bytes of a picture, and what is nearest to planes first.
const FORMATS: [&[u8; 4]; 12] = [
    b"YU12", b"YM12", b"NV12", b"NM12", b"YV12", b"YM21", b"NV21", b"NM21", b"YUYV", b"UYVY", b"YVYU",
    b"VYUY",
];

impl<'a> Coder<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Hardware(encoder) => &encoder.card,
            Self::Software => encode::NAME,
        }
    }

    fn is_bcm2835(self) -> bool {
        matches!(self, Self::Hardware(encoder) if encoder.driver == EncoderNode::BCM2835)
    }

    /// Whether it codes pictures of this size, an odd last column or row left out.
    pub(super) fn takes(self, width: u32, height: u32) -> bool {
        match self {
            Self::Software => encode::nearest_size(width, height) == (width & !1, height & !1),
            Self::Hardware(encoder) => {
                let inside = |range: &Range| range.nearest(width, height) == (width, height);
                let fits = encoder.range.as_ref().is_none_or(inside);
                fits && (!self.is_bcm2835() || macroblocks((width, height)) <= EncoderNode::BCM2835_BLOCKS)
            }
        }
    }

    /// The sizes that it codes, in words.
    pub(super) fn sizes(self) -> String {
        let name = self.name();
        let sides = match self {
            Self::Software => "from 16x16 to 3840x2160 or 2160x3840".to_owned(),
            Self::Hardware(encoder) => match &encoder.range {
                Some(Range { least, greatest, step }) => format!(
                    "from {}x{} to {}x{} in steps of {}x{}",
                    least.0, least.1, greatest.0, greatest.1, step.0, step.1
                ),
                None => "of any size".to_owned(),
            },
        };
        let blocks = if self.is_bcm2835() {
            format!(" and of up to {} macroblocks of 16x16 (level 4.0)", EncoderNode::BCM2835_BLOCKS)
        } else {
            String::new()
        };
        format!("{name} codes pictures {sides}{blocks}")
    }

    /// The most pixels that it is given unasked.
    pub(super) fn unasked(self) -> u64 {
        match self {
            Self::Hardware(_) => PIXELS,
            Self::Software => SOFTWARE_PIXELS,
        }
    }

    /// Bits a second: the least and the greatest.
    fn bitrates(self) -> (i64, i64) {
        match self {
            Self::Software => (encode::BITRATES.0.into(), encode::BITRATES.1.into()),
            Self::Hardware(encoder) => encoder.bitrates(),
        }
    }

    /// Whether it does what is wished, whatever the picture.
    ///
    /// # Errors
    /// Why not, in words.
    pub(super) fn able(self, wish: &Wish) -> Result<(), String> {
        let (least, greatest) = self.bitrates();
        let name = self.name();
        if let Some(bitrate) = wish.bitrate
            && !(least..=greatest).contains(&i64::from(bitrate))
        {
            let why = if self.is_bcm2835() && bitrate > EncoderNode::BCM2835_BITRATE {
                "; with more it does not start"
            } else {
                ""
            };
            return Err(format!(
                "{name} codes at {least} to {greatest} bits a second, and {bitrate} are configured{why}"
            ));
        }
        match (self, wish.profile) {
            (Self::Software, Some(profile @ (Profile::Main | Profile::High))) => {
                Err(format!("{name} codes Baseline, and {profile} is configured"))
            }
            (Self::Hardware(encoder), Some(profile)) if lacks(&encoder.profiles, &profile.to_string()) => {
                Err(format!("{name} codes {}, and {profile} is configured", list(&encoder.profiles)))
            }
            _ => match (self, wish.level) {
                (Self::Hardware(encoder), Some(level)) if lacks_level(&encoder.levels, level) => {
                    Err(format!("{name} has levels {}, and {level} is configured", list(&encoder.levels)))
                }
                _ => Ok(()),
            },
        }
    }

    /// What it is given of a camera's format; none if it does not take that. `software` says whether the processor makes
    /// planes of what an encoder does not take: a build without the software encoder is for one that has no time for it.
    pub(super) fn input(self, format: FourCc, software: bool) -> Option<Input> {
        let jpeg = matches!(format, FourCc::MJPG | FourCc::JPEG);
        let readable = jpeg || Samples::from_fourcc(format.0).is_some();
        let place = FORMATS.iter().position(|code| **code == format.0).unwrap_or(FORMATS.len());
        let rank = (FORMATS.len() - place) as u64;
        match self {
            Self::Software => readable.then_some(Input { format, converted: false, rank }),
            Self::Hardware(encoder) => {
                let takes = |format| same_samples(format, |format| encoder.takes(format));
                let as_it_is = takes(format).map(|format| Input { format, converted: false, rank: rank + 2 });
                // Rather than that, anything that it takes; JPEGs cost the processor the most.
                let converted = |format| Input { format, converted: true, rank: u64::from(!jpeg) };
                as_it_is.or_else(|| takes(PLANES).filter(|_| readable && software).map(converted))
            }
        }
    }

    /// The raw formats that it takes, in words.
    pub(super) fn inputs(self) -> String {
        match self {
            Self::Hardware(encoder) => format!("{} takes {}", self.name(), encoder.inputs.join(", ")),
            Self::Software => format!("{} takes 4:2:2 and 4:2:0 of 8 bits, and JPEG", self.name()),
        }
    }

    /// That its hardware may be too slow for so many pictures of this size: it takes them, and they come late.
    pub(super) fn strained(self, size: Option<(u32, u32)>, way: &Way) -> Option<String> {
        let (size, coded) = size.filter(|_| self.is_bcm2835()).zip(way.coded())?;
        let (most, rate) = (EncoderNode::BCM2835_RATE, macroblocks(size) as f64 * coded.fps);
        (rate > most * 1.01).then(|| {
            format!(
                "{} is made for {most} macroblocks a second (level 4.0: 1080p at 30 pictures), and this is {rate:.0}: pictures may be late, or left out",
                self.name()
            )
        })
    }

    /// How it is set for what is asked of the camera.
    ///
    /// # Errors
    /// The level that is configured is too low, in words.
    pub(super) fn way(self, plan: &Plan, wish: &Wish, input: Input) -> Result<Way, String> {
        // A camera that is faster than what is wished is thinned out.
        let given = plan.rate.unwrap_or(RATE);
        let fps = wish.fps.map_or_else(|| thin::unasked(given), |asked| thin::left(asked, given));
        let profile = match self {
            Self::Software => Profile::Baseline,
            Self::Hardware(encoder) => wish.profile.unwrap_or_else(|| richest(encoder)),
        };
        let (least, greatest) = self.bitrates();
        let bitrate = wish.bitrate.unwrap_or_else(|| {
            let usual = i64::from(usual_bitrate(plan.size, fps));
            u32::try_from(usual.min(greatest).max(least)).unwrap_or(u32::MAX)
        });
        let level = level(plan.size, fps, bitrate, profile, wish.level)?;
        let gop = pictures(wish.gop.unwrap_or(Gop::Seconds(GOP)), fps);
        let coded = Coded { bitrate, gop, fps, profile, level, level_configured: wish.level.is_some() };
        Ok(match self {
            Self::Software => Way::Software(coded),
            Self::Hardware(encoder) => Way::Hardware(Box::new(Hardware {
                encoder: encoder.clone(),
                input: input.format,
                dmabuf: encoder.imports_dmabuf && !input.converted,
                converted: input.converted,
                coded,
            })),
        })
    }
}

/// Pictures from one keyframe to the next.
fn pictures(gop: Gop, fps: f64) -> u32 {
    match gop {
        Gop::Pictures(pictures) => pictures.max(1),
        Gop::Seconds(seconds) => (seconds * fps).round().clamp(1.0, 100_000.0) as u32,
    }
}

/// In whole hundreds of kilobits a second.
fn usual_bitrate(size: Option<(u32, u32)>, fps: f64) -> u32 {
    let (width, height) = size.unwrap_or((1280, 720));
    let bits = f64::from(width) * f64::from(height) * fps * BITS;
    ((bits / 1e5).round() * 1e5).clamp(2e5, 2e7) as u32
}

/// The level that is configured, held against what it is to carry; the lowest for that if none is.
pub(super) fn level(
    size: Option<(u32, u32)>,
    rate: f64,
    bitrate: u32,
    profile: Profile,
    wished: Option<Level>,
) -> Result<Option<Level>, String> {
    let Some(size) = size else { return Ok(wished) };
    let load = Load { size, rate, bitrate, profile };
    let lowest = Level::lowest_for(&load);
    match wished {
        Some(level) => match level.excess(&load) {
            None => Ok(wished),
            Some(excess) => {
                let enough = lowest.map(|lowest| format!(" (level {lowest} is enough)")).unwrap_or_default();
                Err(format!("level {level} is configured, which allows {excess}{enough}"))
            }
        },
        None => Ok(lowest),
    }
}

fn list(menu: &[(u32, String)]) -> String {
    menu.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether a driver's menu has no entry of this name; `Baseline` is also `Constrained Baseline`. A driver without a
/// menu has what it has.
fn lacks(menu: &[(u32, String)], name: &str) -> bool {
    !menu.is_empty()
        && !menu.iter().any(|(_, entry)| entry == name || entry.strip_prefix("Constrained ") == Some(name))
}

/// Drivers write `4` for 4.0.
fn lacks_level(menu: &[(u32, String)], level: Level) -> bool {
    let same = |name: &String| name.parse().ok().and_then(Level::from_number) == Some(level);
    !menu.is_empty() && !menu.iter().any(|(_, name)| same(name))
}

/// The profile with the most tools that a driver has: all players of today take High.
fn richest(encoder: &EncoderNode) -> Profile {
    let has = |profile: &Profile| !lacks(&encoder.profiles, &profile.to_string());
    [Profile::High, Profile::Main].into_iter().find(has).unwrap_or(Profile::Baseline)
}

//! What a node offers, as data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::signal::Signal;
use crate::media::h264::{Load, macroblocks};
use crate::v4l2::FourCc;

/// A video node and what it offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name for people.
    pub card: String,
    /// Where it is attached.
    pub bus: String,
    /// Its driver.
    pub driver: String,
    /// Whether it captures pictures, rather than a camera's metadata, and is no encoder and no output.
    #[serde(skip_serializing)]
    pub captures: bool,
    /// Whether what feeds it is powered and connected.
    #[serde(default = "yes")]
    pub signal: bool,
    /// What comes in by HDMI; none where it takes no HDMI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hdmi: Option<Signal>,
    /// What it gives.
    pub formats: Vec<Offered>,
}

/// A stateful H.264 encoder of the board and what it takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncoderNode {
    /// Its node now: `/dev/video11`.
    pub path: PathBuf,
    /// Its driver.
    pub driver: String,
    /// Its name for people.
    pub card: String,
    /// The raw pixel formats that it takes, the driver's first choice first.
    pub inputs: Vec<String>,
    /// What it codes into.
    pub codes: Vec<String>,
    /// Picture sizes; none where the driver does not say.
    pub range: Option<Range>,
    /// Bits a second: the least, the greatest and the step; none where they cannot be set.
    pub bitrate: Option<(i64, i64, i64)>,
    /// H.264 profiles by number and name, as the driver's menu has them.
    pub profiles: Vec<(u32, String)>,
    /// H.264 levels, likewise.
    pub levels: Vec<(u32, String)>,
    /// Whether it reads pictures in other drivers' memory.
    pub imports_dmabuf: bool,
    /// Whether a keyframe can be forced.
    pub forces_keyframes: bool,
    /// Whether it can put parameter sets before every keyframe.
    pub repeats_headers: bool,
}

/// The board's H.264 encoders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoders {
    /// Those that can be used, the one that is taken first in front.
    pub found: Vec<EncoderNode>,
    /// Nodes that may be encoders too: why each cannot be looked at, in a sentence that begins with its path.
    pub unopened: Vec<String>,
}

/// A pixel format that a node offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offered {
    /// Its four-character code as text.
    pub fourcc: String,
    /// The driver's name for it.
    #[serde(default)]
    pub description: String,
    /// The picture sizes; of a range the usual ones, the least and the greatest. None where the driver
    /// does not say.
    #[serde(default)]
    pub sizes: Vec<Size>,
    /// Any size of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
}

/// A picture size that a node offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Pixels a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Pictures a second; none where the driver does not say.
    #[serde(default)]
    pub rates: Vec<f64>,
    /// Any rate between the least and the most of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub between: bool,
}

/// Picture sizes from the least to the greatest in steps: widths and heights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least.
    pub least: (u32, u32),
    /// The greatest.
    pub greatest: (u32, u32),
    /// From one to the next, from the least on.
    pub step: (u32, u32),
}

fn yes() -> bool {
    true
}

impl EncoderNode {
    /// The driver of the Raspberry Pi's encoder.
    pub const BCM2835: &'static str = "bcm2835-codec";

    /// Macroblocks of a picture that the Raspberry Pi's encoder codes: its hardware's level is 4.0.
    pub(super) const BCM2835_BLOCKS: u64 = 8_192;
    /// Macroblocks a second that its hardware is made for, at that level; a Pi 4 was seen to code more, slower ones less.
    pub(super) const BCM2835_RATE: f64 = 245_760.0;
    /// Bits a second that it codes: at the 25 Mbit/s that its driver offers it does not start
    /// ([linux issue 4938](https://github.com/raspberrypi/linux/issues/4938)).
    pub(super) const BCM2835_BITRATE: u32 = 20_000_000;

    /// Why it cannot code such pictures, in words; none if it can.
    pub fn unfit(&self, load: &Load) -> Option<String> {
        let (width, height) = load.size;
        let name = format!("the encoder {} ({})", self.driver, self.path.display());
        if let Some(range) = &self.range
            && range.nearest(width, height) != load.size
        {
            let Range { least, greatest, step } = range;
            return Some(format!(
                "{name} codes {}x{} to {}x{} in steps of {}x{}, and this is {width}x{height}",
                least.0, least.1, greatest.0, greatest.1, step.0, step.1
            ));
        }
        let pi = self.driver == Self::BCM2835;
        let blocks = macroblocks(load.size);
        if pi && blocks > Self::BCM2835_BLOCKS {
            let most = Self::BCM2835_BLOCKS;
            return Some(format!(
                "{name} codes pictures of {most} macroblocks (16x16 pixels), and {width}x{height} has {blocks}"
            ));
        }
        let (least, greatest) = self.bitrates();
        let bitrate = i64::from(load.bitrate);
        (!(least..=greatest).contains(&bitrate))
            .then(|| format!("{name} codes at {least} to {greatest} bits a second, and this is {bitrate}"))
    }

    /// Bits a second that it codes at: the least and the greatest.
    pub(super) fn bitrates(&self) -> (i64, i64) {
        let (least, greatest) =
            self.bitrate.map_or((1, u32::MAX.into()), |(least, greatest, _)| (least, greatest));
        let pi = self.driver == Self::BCM2835;
        (least, if pi { greatest.min(Self::BCM2835_BITRATE.into()) } else { greatest })
    }

    /// The same in numbers as a bitrate has them.
    pub(super) fn bits(&self) -> (u32, u32) {
        let (least, greatest) = self.bitrates();
        let bits = |limit: i64| u32::try_from(limit.max(0)).unwrap_or(u32::MAX);
        (bits(least), bits(greatest))
    }

    /// Whether it takes this pixel format.
    pub fn takes(&self, format: FourCc) -> bool {
        self.inputs.iter().any(|input| fourcc(input) == format)
    }
}

impl std::fmt::Display for EncoderNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, card, driver, .. } = self;
        write!(f, "{}  {card} ({driver})\n    codes {} as H264", path.display(), self.inputs.join(", "))?;
        if let Some(Range { greatest: (width, height), .. }) = self.range {
            write!(f, ", up to {width}x{height}")?;
        }
        if let Some((_, greatest, _)) = self.bitrate {
            write!(f, ", up to {} Mbit/s", greatest as f64 / 1e6)?;
        }
        f.write_str(if self.imports_dmabuf { ", without a copy" } else { ", from a copy" })
    }
}

fn fourcc(text: &str) -> FourCc {
    let mut code = [b' '; 4];
    code.iter_mut().zip(text.bytes()).for_each(|(to, letter)| *to = letter);
    FourCc(code)
}

impl Offered {
    /// Its code; texts of more or fewer letters than four are cut or filled with spaces.
    pub(super) fn fourcc(&self) -> FourCc {
        fourcc(&self.fourcc)
    }
}

impl Size {
    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl Range {
    /// The size of the range next below, or else next to, a width and height.
    pub(super) fn nearest(&self, width: u32, height: u32) -> (u32, u32) {
        let side = |asked: u32, least: u32, greatest: u32, step: u32| {
            let inside = asked.clamp(least, greatest.max(least));
            inside - (inside - least) % step.max(1)
        };
        (
            side(width, self.least.0, self.greatest.0, self.step.0),
            side(height, self.least.1, self.greatest.1, self.step.1),
        )
    }

    /// The usual sizes in it, the least and the greatest, by width and height.
    pub(super) fn usual(&self) -> Vec<(u32, u32)> {
        const USUAL: [(u32, u32); 8] = [
            (320, 240),
            (640, 360),
            (640, 480),
            (800, 600),
            (1280, 720),
            (1280, 960),
            (1920, 1080),
            (3840, 2160),
        ];
        let inside =
            USUAL.into_iter().filter(|&(width, height)| self.nearest(width, height) == (width, height));
        let mut sizes: Vec<(u32, u32)> = inside.chain([self.least, self.greatest]).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::h264::Profile;

    #[test]
    fn what_an_encoder_cannot_code_is_told_with_its_limit() {
        let range = Range { least: (32, 32), greatest: (1920, 1920), step: (2, 2) };
        let pi = EncoderNode {
            path: "/dev/video11".into(),
            driver: EncoderNode::BCM2835.to_owned(),
            range: Some(range),
            bitrate: Some((25_000, 25_000_000, 25_000)),
            ..EncoderNode::default()
        };
        let load = |width, height, bitrate| Load {
            size: (width, height),
            rate: 30.0,
            bitrate,
            profile: Profile::High,
        };
        let name = "the encoder bcm2835-codec (/dev/video11)";
        for (load, why) in [
            (load(1920, 1088, 20_000_000), None),
            (load(321, 240, 100_000), Some("codes 32x32 to 1920x1920 in steps of 2x2, and this is 321x240")),
            (
                load(1920, 1200, 100_000),
                Some("codes pictures of 8192 macroblocks (16x16 pixels), and 1920x1200 has 9000"),
            ),
            (
                load(640, 480, 21_000_000),
                Some("codes at 25000 to 20000000 bits a second, and this is 21000000"),
            ),
        ] {
            assert_eq!(pi.unfit(&load), why.map(|why| format!("{name} {why}")));
        }
        assert_eq!(EncoderNode::default().unfit(&load(1920, 1200, 30_000_000)), None, "no limit is known");
    }
}

//! What a node offers, as data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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

//! The plan and the refusals, in words.

use std::fmt;
use std::path::Path;

use super::{Coded, Pictures, Plan, Refusal, Way};
use crate::amount::amount;
use crate::encode;
use crate::hub::{Coder, Making};
use crate::source::camera::board::{Node, Offered};

impl fmt::Display for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "H264",
            Self::Hevc => "HEVC",
            Self::Mjpeg => "MJPEG",
            Self::Raw => "raw pictures",
        })
    }
}

impl Plan {
    /// The steps from the camera to what is coded, for who looks on.
    pub(in super::super) fn making(&self, camera: &Path) -> Making {
        let (size, rate) = (self.size.map(|(width, height)| format!(" {width}x{height}")), self.rate);
        let rate = rate.map(|rate| format!(" at {}", rounded(rate)));
        let comes = format!("{}{}{}", self.fourcc, size.unwrap_or_default(), rate.unwrap_or_default());
        let mut steps = vec![camera.display().to_string(), comes];
        let Some(coded) = self.way.coded() else {
            steps.push("as it comes".to_owned());
            return Making { steps, encoder: None, instead: self.instead.clone() };
        };
        let (name, bitrates) = match &self.way {
            Way::Hardware(hardware) => (hardware.encoder.card.clone(), hardware.encoder.bits()),
            _ => (encode::NAME.to_owned(), encode::BITRATES),
        };
        let level = coded.level.map(|level| format!(" {level}")).unwrap_or_default();
        steps.push(format!("{name} H.264 {}{level}", coded.profile));
        let (profile, bitrate, gop) = (coded.profile.to_string(), coded.bitrate, coded.gop);
        let level = coded.level.filter(|_| coded.level_configured);
        let level = level.map(|level| (level, level.bitrate(coded.profile)));
        let encoder = Some(Coder { name, bitrate, bitrates, gop, profile, level });
        Making { steps, encoder, instead: self.instead.clone() }
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
            Some(rate) => write!(f, " at {} a second", rounded(rate))?,
            None => write!(f, " at the driver's rate")?,
        }
        match &self.way {
            Way::Passthrough => Ok(()),
            Way::Software(coded) => write!(f, ", {coded} by {} (software)", encode::NAME),
            Way::Hardware(hardware) => {
                let (card, path) = (&hardware.encoder.card, hardware.encoder.path.display());
                write!(f, ", {} by {card} ({path}), ", hardware.coded)?;
                if hardware.converted {
                    write!(f, "converted by the processor")
                } else if hardware.dmabuf {
                    write!(f, "without a copy where the driver lets it")
                } else {
                    write!(f, "from a copy")
                }
            }
        }
    }
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bitrate, gop, profile, level, .. } = self;
        write!(f, "coded as H264 ({profile}")?;
        if let Some(level) = level {
            write!(f, " {level}")?;
        }
        let kilobits = f64::from(*bitrate) / 1e3;
        write!(f, ", {kilobits} kbit/s, a keyframe every {})", amount(gop, "picture"))
    }
}

/// A rate as people write it: `30`, `29.97`.
pub(in super::super) fn rounded(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}

/// That there may be an encoder.
pub(super) fn unopened(nodes: &[String]) -> String {
    format!("no H.264 encoder was found among the nodes that can be opened: {}", nodes.join("; "))
}

pub(super) fn names(offers: &[Offered]) -> String {
    offers.iter().map(|offer| offer.fourcc.as_str()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCamera => write!(f, "captures no pictures"),
            Self::NoSignal => write!(f, "has no signal: what feeds it is off, or not connected"),
            Self::Unfed => write!(f, "has no signal (v4l2loopback: no program writes to it yet)"),
            Self::Hdmi(signal) => write!(f, "{signal}"),
            Self::NoFormat => write!(f, "offers no pixel format"),
            Self::Bayer(names) => write!(
                f,
                "raw Bayer: gives {names}, a bare sensor's samples, of which libcamera makes pictures: use an `Rpicam` mount, or \
                 a `Command` mount with rpicam-vid"
            ),
            Self::Raw(names) => write!(
                f,
                "gives {names}: raw pictures, and none coded as H264, HEVC or MJPG; `encode: Auto` codes them"
            ),
            Self::Unknown(names) => write!(
                f,
                "gives {names}; known are H264, HEVC, MJPG and of raw pictures YUYV, UYVY, NV12, NV21, YU12 and YV12"
            ),
            Self::Lacks(coding, names) => {
                write!(f, "gives {names}, but no {coding} as its `format` is configured")
            }
            Self::TooLarge(what, limit) => write!(f, "{what}, and {limit}"),
            Self::NoEncoder(reasons) => write!(f, "cannot be coded as H264: {}", reasons.join("; ")),
            Self::Unopened(nodes) => write!(f, "cannot be coded as H264: {}", unopened(nodes)),
        }
    }
}

/// What comes of a node that offers this, in a sentence.
pub(in super::super) fn verdict(node: &Node, plan: &Result<Plan, Refusal>) -> String {
    let plan = match plan {
        Ok(plan) => plan,
        Err(refusal @ Refusal::Hdmi(_)) => return format!("{refusal}; once a signal comes it is served"),
        Err(refusal) => return refusal.to_string(),
    };
    let served = if plan.way == Way::Passthrough { " is served as it comes" } else { ", is served" };
    format!("gives {}: {plan}{served}", names(&node.formats))
}

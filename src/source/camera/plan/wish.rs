//! What is wished of a camera.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::coder::Coder;
use crate::encode;
use crate::media::h264::{Level, Profile};

/// How a camera codes its pictures.
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

/// Pictures as a camera gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Pictures {
    /// H.264.
    H264,
    /// H.265.
    #[serde(rename = "HEVC")]
    Hevc,
    /// A JPEG a picture.
    #[serde(rename = "MJPEG")]
    Mjpeg,
    /// Not at all: samples of 4:2:2 or 4:2:0.
    Raw,
}

/// Who codes pictures as H.264.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Encode {
    /// The camera if it does, else whoever can: the board's encoder first.
    #[default]
    Auto,
    /// The board's encoder.
    Hardware,
    /// This machine's processor.
    Software,
    /// Nobody but the camera.
    Off,
}

/// From one keyframe to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gop {
    /// So many pictures.
    Pictures(u32),
    /// So many seconds.
    Seconds(f64),
}

/// What is wished of a camera; the rule decides what is left open.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// How the camera's pictures are coded; the best that it has if none. H.264 that it has not is made.
    pub format: Option<Pictures>,
    /// Pixels a line.
    pub width: Option<u32>,
    /// Lines.
    pub height: Option<u32>,
    /// Pictures a second.
    pub fps: Option<f64>,
    /// Who codes.
    pub encode: Encode,
    /// Bits a second of what is coded here.
    pub bitrate: Option<u32>,
    /// Keyframes of what is coded here; every two seconds if none.
    pub gop: Option<Gop>,
    /// The profile of what is coded here.
    #[serde(deserialize_with = "profile")]
    pub profile: Option<Profile>,
    /// The level of what is coded here; the lowest that will do if none.
    #[serde(deserialize_with = "level")]
    pub level: Option<Level>,
}

impl Pictures {
    /// How they are coded; none if they are not.
    pub(in super::super) fn coding(self) -> Option<Coding> {
        match self {
            Self::H264 => Some(Coding::H264),
            Self::Hevc => Some(Coding::Hevc),
            Self::Mjpeg => Some(Coding::Mjpeg),
            Self::Raw => None,
        }
    }
}

impl Wish {
    /// Whether the board's encoders are of interest.
    pub(in super::super) fn may_encode(&self) -> bool {
        matches!(self.encode, Encode::Auto | Encode::Hardware)
    }

    /// Holds the wish against what can be, whatever the camera is.
    ///
    /// # Errors
    /// The first field that cannot be, in a sentence that names it, the limit and why.
    pub(in super::super) fn check(&self) -> Result<(), String> {
        self.check_coding()?;
        let (least, greatest) = encode::BITRATES;
        if let Some(bitrate) = self.bitrate
            && !(least..=greatest).contains(&bitrate)
        {
            return Err(format!("bitrate: {bitrate} is not between {least} and {greatest} bits a second"));
        }
        match self.gop {
            Some(Gop::Pictures(0)) => {
                return Err("gop: 0 is not at least 1: pictures from one keyframe to the next".to_owned());
            }
            Some(Gop::Seconds(seconds)) if !(0.01..=3600.0).contains(&seconds) => {
                return Err(format!("gop: {seconds} s are not between 0.01 and 3600"));
            }
            _ => {}
        }
        self.check_size()?;
        self.check_level()
    }

    fn check_coding(&self) -> Result<(), String> {
        let coder = Coder::Software;
        match (self.encode, self.format) {
            (Encode::Software, _) if !encode::SOFTWARE => {
                Err("encode: this build has no software encoder: build with the feature `soft-h264`"
                    .to_owned())
            }
            (Encode::Software | Encode::Hardware, Some(Pictures::Hevc)) => {
                Err("encode: H.265 is served as the camera codes it; there is no decoder for it here"
                    .to_owned())
            }
            (Encode::Off, Some(Pictures::Raw)) => {
                Err("encode: raw pictures are served coded alone, and it is Off".to_owned())
            }
            (Encode::Off, _) => match self.coded_here().next() {
                Some(field) => Err(format!(
                    "{field}: it is for what is coded here, and `encode` is Off: leave one of them out"
                )),
                None => Ok(()),
            },
            (Encode::Software, _) => coder.able(self).map_err(|why| format!("profile, bitrate: {why}")),
            _ => Ok(()),
        }
    }

    /// The fields that are written and have a meaning for what is coded here alone.
    pub(super) fn coded_here(&self) -> impl Iterator<Item = &'static str> + use<> {
        let fields = [
            ("bitrate", self.bitrate.is_some()),
            ("gop", self.gop.is_some()),
            ("profile", self.profile.is_some()),
            ("level", self.level.is_some()),
        ];
        fields.into_iter().filter(|(_, written)| *written).map(|(name, _)| name)
    }

    fn check_size(&self) -> Result<(), String> {
        let (width, height) = match (self.width, self.height) {
            (Some(width), Some(height)) => (width, height),
            (None, None) => return Ok(()),
            (width, _) => {
                let missing = if width.is_some() { "height" } else { "width" };
                return Err(format!("width, height: a size has both, and {missing} is missing"));
            }
        };
        if width == 0 || height == 0 {
            return Err(format!("width, height: {width}x{height} is no picture"));
        }
        if self.encode == Encode::Software && !Coder::Software.takes(width, height) {
            let (sizes, near) = (Coder::Software.sizes(), encode::nearest_size(width, height));
            return Err(format!(
                "width, height: {width}x{height} is configured, and {sizes}; the nearest is {}x{}",
                near.0, near.1
            ));
        }
        Ok(())
    }

    /// What is left open is taken to be little.
    fn check_level(&self) -> Result<(), String> {
        // The smallest picture there is: whatever size the camera has, a level allows so many bits a second.
        let size = self.width.zip(self.height).or(Some((16, 16)));
        let profile = match self.encode {
            Encode::Software => Profile::Baseline,
            _ => self.profile.unwrap_or(Profile::High),
        };
        let (rate, bitrate) = (self.fps.unwrap_or_default(), self.bitrate.unwrap_or_default());
        super::coder::level(size, rate, bitrate, profile, self.level)
            .map(drop)
            .map_err(|why| format!("level: {why}"))
    }
}

impl<'de> Deserialize<'de> for Gop {
    /// `60` is pictures, `"2 s"` seconds.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl Visitor<'_> for Written {
    type Value = Gop;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pictures (60) or seconds (\"2 s\")")
    }

    fn visit_u64<E: Error>(self, pictures: u64) -> Result<Gop, E> {
        u32::try_from(pictures).map(Gop::Pictures).map_err(|_| E::custom("more pictures than there are"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Gop, E> {
        let number = text.trim().strip_suffix('s').map(str::trim_end);
        let seconds = number.and_then(|number| number.parse().ok());
        seconds.map(Gop::Seconds).ok_or_else(|| E::custom(format!("{text:?} is not like \"2 s\"")))
    }
}

/// `4.1`, for fields of files.
///
/// # Errors
/// There is no such level.
pub(crate) fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Level>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    let level = Level::from_number(number);
    level.map(Some).ok_or_else(|| D::Error::custom(format!("H.264 has no level {number}: they are 1, 1.1, 1.2, 1.3, 2, 2.1, 2.2, 3, 3.1, 3.2, 4, 4.1, 4.2, 5, 5.1, 5.2")))
}

/// `Baseline`, `Main` or `High`, for fields of files.
///
/// # Errors
/// It is none of them.
pub(crate) fn profile<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Profile>, D::Error> {
    #[derive(Deserialize)]
    enum Name {
        Baseline,
        Main,
        High,
    }
    Ok(Option::<Name>::deserialize(deserializer)?.map(|name| match name {
        Name::Baseline => Profile::Baseline,
        Name::Main => Profile::Main,
        Name::High => Profile::High,
    }))
}

//! Picture work: raw pictures and JPEGs into planar 4:2:0, drawing, and the software encoder.

#[cfg(feature = "soft-h264")]
mod decoder;
pub mod draw;
mod jpeg;
#[cfg(feature = "soft-h264")]
mod openh264;
mod raw;
pub mod still;
#[cfg(feature = "soft-h264")]
mod sys;

use std::fmt;

pub use jpeg::Jpegs;
pub use raw::{Layout, Samples};

use crate::media::h264::Level;
use crate::media::{Encoder, EncoderError, Picture};

/// Whether this build has the software encoder.
pub const SOFTWARE: bool = cfg!(feature = "soft-h264");
/// The least and the greatest bitrate of the software encoder, in bits a second.
pub const BITRATES: (u32, u32) = (10_000, 100_000_000);
/// The software encoder's name.
pub const NAME: &str = "openh264";

/// What an H.264 encoder is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Bits a second.
    pub bitrate: u32,
    /// Pictures from one keyframe to the next.
    pub gop: u32,
    /// Pictures a second.
    pub fps: f64,
    /// The level that the stream says it has; the encoder's choice if none.
    pub level: Option<Level>,
    /// Whether samples have all values from 0 to 255, as in JPEGs, rather than video's from 16 on.
    pub full_range: bool,
}

/// A picture that cannot be read: it is left out, for this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(pub &'static str);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unreadable {}

/// The size nearest to this one that the software encoder codes.
pub fn nearest_size(width: u32, height: u32) -> (u32, u32) {
    let (widest, highest) = if width >= height { (3840, 2160) } else { (2160, 3840) };
    (width.clamp(16, widest) & !1, height.clamp(16, highest) & !1)
}

/// The software H.264 encoder: Constrained Baseline, sizes as [`nearest_size`] has them.
///
/// # Errors
/// This build has none, or it refuses the settings.
#[cfg(feature = "soft-h264")]
pub fn h264(settings: Settings) -> Result<Box<dyn Encoder>, EncoderError> {
    Ok(Box::new(openh264::OpenH264::new(settings)?))
}

/// The software H.264 encoder.
///
/// # Errors
/// This build has none.
#[cfg(not(feature = "soft-h264"))]
pub fn h264(_: Settings) -> Result<Box<dyn Encoder>, EncoderError> {
    Err(EncoderError("this build has no software encoder: build with the feature `soft-h264`".into()))
}

/// The picture that one access unit of H.264 is: a keyframe, as Annex B with its parameter sets.
///
/// # Errors
/// This build has no decoder, or cannot decode it.
#[cfg(feature = "soft-h264")]
pub fn decode_h264(keyframe: &[u8]) -> Result<Picture, EncoderError> {
    decoder::decode(keyframe)
}

/// The picture that one access unit of H.264 is.
///
/// # Errors
/// This build has no decoder.
#[cfg(not(feature = "soft-h264"))]
pub fn decode_h264(_: &[u8]) -> Result<Picture, EncoderError> {
    Err(EncoderError("this build has no decoder: build with the feature `soft-h264`".into()))
}

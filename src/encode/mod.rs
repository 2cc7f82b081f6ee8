//! Software encoding, and drawing into pictures.

pub mod draw;
#[cfg(feature = "soft-h264")]
mod openh264;
#[cfg(feature = "soft-h264")]
mod sys;

use crate::media::{Encoder, EncoderError};

/// What an H.264 encoder is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Bits a second.
    pub bitrate: u32,
    /// Pictures from one keyframe to the next.
    pub gop: u32,
    /// Pictures a second.
    pub fps: f64,
}

/// The software H.264 encoder.
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

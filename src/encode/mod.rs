//! Software encoding, and drawing into pictures.

#[cfg(feature = "soft-h264")]
mod decoder;
pub mod draw;
#[cfg(feature = "soft-h264")]
mod openh264;
#[cfg(feature = "soft-h264")]
mod sys;

use crate::media::{Encoder, EncoderError, Picture};

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

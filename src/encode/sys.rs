//! The calls to openh264 that its crate has no safe way for.

#![allow(unsafe_code, reason = "openh264's trace level, bitrate and distance of keyframes have no safe form")]

use std::ffi::c_int;
use std::ptr::from_mut;

use openh264::encoder::Encoder;

use crate::media::EncoderError;

/// `ENCODER_OPTION_TRACE_LEVEL` and `WELS_LOG_QUIET` of openh264's `codec_app_def.h`.
const TRACE_LEVEL: c_int = 25;
const QUIET: c_int = 0;

/// Has an encoder print nothing. The crate says so too, but only once the encoder was initialized, by when
/// openh264 has written its opinions on the settings to standard error.
pub(super) fn quiet(encoder: &mut Encoder) {
    let mut level = QUIET;
    // SAFETY: nothing is set that the crate relies on: it sets the same level itself, later.
    let raw = unsafe { encoder.raw_api() };
    // SAFETY: the option takes an `int`, which lives until after the call and is copied in it
    // (`CWelsH264SVCEncoder::SetOption`); it may be set before the encoder is initialized.
    let _ = unsafe { raw.set_option(TRACE_LEVEL, from_mut(&mut level).cast()) };
}

/// `ENCODER_OPTION_BITRATE`, `ENCODER_OPTION_MAX_BITRATE` and `SPATIAL_LAYER_ALL`, `SPATIAL_LAYER_0` of the same.
const BITRATE: c_int = 5;
const MAX_BITRATE: c_int = 6;
const ALL_LAYERS: c_int = 4;
const FIRST_LAYER: c_int = 0;

/// `SBitrateInfo`.
#[repr(C)]
struct BitrateInfo {
    layer: c_int,
    bitrate: c_int,
}

/// Has an encoder that coded a picture go from one bitrate to another: of the only layer and of all, at most and
/// at once. What it may at most is raised first and lowered last: it is never less than what is asked for.
pub(super) fn set_bitrate(encoder: &mut Encoder, from: u32, to: u32) -> Result<(), EncoderError> {
    let bitrate = c_int::try_from(to).map_err(|_| EncoderError(format!("{to} bits a second")))?;
    let options = if to > from { [MAX_BITRATE, BITRATE] } else { [BITRATE, MAX_BITRATE] };
    for (option, layer) in
        options.into_iter().flat_map(|option| [(option, ALL_LAYERS), (option, FIRST_LAYER)])
    {
        let mut info = BitrateInfo { layer, bitrate };
        // SAFETY: the crate itself never reads a bitrate back.
        let raw = unsafe { encoder.raw_api() };
        // SAFETY: both options take an `SBitrateInfo`, which lives until after the call and is copied in it
        // (`CWelsH264SVCEncoder::SetOption`); the encoder is initialized, as it coded a picture.
        let refused = unsafe { raw.set_option(option, from_mut(&mut info).cast()) };
        if refused != 0 {
            return Err(EncoderError(format!("openh264: {to} bits a second are refused ({refused})")));
        }
    }
    Ok(())
}

/// `ENCODER_OPTION_IDR_INTERVAL` of the same.
const IDR_INTERVAL: c_int = 1;

/// Has an encoder that coded a picture make a keyframe every so many pictures, counted from its last one.
pub(super) fn set_gop(encoder: &mut Encoder, pictures: u32) -> Result<(), EncoderError> {
    let mut interval = c_int::try_from(pictures).unwrap_or(c_int::MAX);
    // SAFETY: the crate itself never reads the distance of keyframes back.
    let raw = unsafe { encoder.raw_api() };
    // SAFETY: the option takes an `int`, which lives until after the call and is copied in it
    // (`CWelsH264SVCEncoder::SetOption`); the encoder is initialized, as it coded a picture.
    let refused = unsafe { raw.set_option(IDR_INTERVAL, from_mut(&mut interval).cast()) };
    if refused != 0 {
        return Err(EncoderError(format!(
            "openh264: a keyframe every {pictures} pictures is refused ({refused})"
        )));
    }
    Ok(())
}

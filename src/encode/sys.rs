//! The one call to openh264 that its crate has no safe way for.

#![allow(unsafe_code, reason = "openh264's trace level has no safe form")]

use std::ffi::c_int;
use std::ptr::from_mut;

use openh264::encoder::Encoder;

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

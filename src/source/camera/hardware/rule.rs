//! When the board's encoder is used: a camera that codes nothing by itself, and an encoder that takes what it
//! gives.

use super::Settings;
use super::layout::same_samples;
use crate::media::h264::Profile;
use crate::source::camera::board::{EncoderNode, Node, Offered, Size};
use crate::source::camera::plan::{Coding, Wish};
use crate::v4l2::{self, FourCc, Interval};

/// Pictures a second where neither the camera nor the wish says any.
const RATE: f64 = 30.0;
/// The greatest picture taken unasked, in pixels.
const PIXELS: u64 = 1920 * 1088;

/// What to ask of a camera and an encoder; none if no encoder takes what the camera gives, or something else
/// than H.264 is wished.
pub(in super::super) fn settings(node: &Node, encoders: &[EncoderNode], wish: &Wish) -> Option<Settings> {
    if wish.format.is_some_and(|coding| coding != Coding::H264) {
        return None;
    }
    // What takes the fewest bytes first.
    let formats: [&[u8; 4]; 10] =
        [b"NV12", b"YU12", b"NM12", b"YM12", b"NV21", b"YV12", b"YUYV", b"UYVY", b"YVYU", b"VYUY"];
    let (encoder, offer, input) = encoders.iter().find_map(|encoder| {
        formats.into_iter().find_map(|code| {
            let offer = node.formats.iter().find(|offer| offer.fourcc() == FourCc(*code))?;
            Some((encoder, offer, same_samples(FourCc(*code), |format| encoder.takes(format))?))
        })
    })?;
    let size = size(offer, wish);
    let rate = wish.fps.unwrap_or(RATE);
    let interval = Interval::from_rate(rate);
    let (width, height) = size.unwrap_or((1280, 720));
    // A tenth of a bit a pixel.
    let bitrate = f64::from(width) * f64::from(height) * rate * 0.1;
    Some(Settings {
        capture: v4l2::Wish { fourcc: offer.fourcc(), size, interval },
        encoder: encoder.clone(),
        input,
        dmabuf: encoder.imports_dmabuf,
        bitrate: bitrate.clamp(200_000.0, 20_000_000.0) as u32,
        gop: (rate * 2.0).ceil() as u32,
        profile: Profile::High,
        level: None,
    })
}

fn size(offer: &Offered, wish: &Wish) -> Option<(u32, u32)> {
    if let (Some(width), Some(height)) = (wish.width, wish.height) {
        return Some(offer.range.as_ref().map_or((width, height), |range| range.nearest(width, height)));
    }
    let fluent = |size: &&Size| size.rates.is_empty() || size.rates.iter().any(|rate| *rate >= 24.9);
    let fitting = || offer.sizes.iter().filter(|size| size.pixels() <= PIXELS);
    let best = fitting().filter(fluent).max_by_key(|size| size.pixels());
    best.or_else(|| fitting().max_by_key(|size| size.pixels())).map(|size| (size.width, size.height))
}

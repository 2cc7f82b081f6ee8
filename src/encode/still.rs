//! One picture of a stream, as a JPEG for people.

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

use super::{Jpegs, Unreadable, decode_h264};
use crate::media::h264::{NalType, ParameterSets, nal_units};
use crate::media::{EncoderError, Picture, jpeg};

/// How good the JPEG is, of 100.
const QUALITY: u8 = 85;

/// A keyframe of H.264, as Annex B with its parameter sets, as a JPEG at most `width` pixels wide.
///
/// # Errors
/// This build has no decoder, or it cannot decode the keyframe.
pub fn of_h264(keyframe: &[u8], width: Option<usize>) -> Result<Vec<u8>, EncoderError> {
    let mut picture = decode_h264(keyframe)?;
    let sps = nal_units(keyframe).find(|nal| NalType::of(nal) == NalType::Sps);
    let colours = sps.map(|sps| ParameterSets::new(sps, &[]).colours()).unwrap_or_default();
    if let Some(smaller) = width.and_then(|width| smaller(&picture, width)) {
        picture = smaller;
    }
    if !colours.full_range {
        stretch(&mut picture);
    }
    if colours.bt709 {
        as_bt601(&mut picture);
    }
    code(&picture)
}

/// A JPEG of a stream at most `width` pixels wide: as it is, where it is no wider.
///
/// # Errors
/// It has to be made smaller and cannot be decoded.
pub fn of_jpeg(bytes: &[u8], width: Option<usize>) -> Result<Vec<u8>, EncoderError> {
    let mut whole = Vec::new();
    let bytes = if jpeg::with_tables(bytes, &mut whole) { &whole } else { bytes };
    let Some(width) = width else { return Ok(bytes.to_vec()) };
    let damaged = |Unreadable(why)| EncoderError(format!("the camera's JPEG is {why}"));
    let mut head = JpegDecoder::new(ZCursor::new(bytes));
    head.decode_headers().map_err(|_| damaged(Unreadable("damaged")))?;
    let (wide, high) = head.dimensions().ok_or(damaged(Unreadable("damaged")))?;
    if wide <= width {
        return Ok(bytes.to_vec());
    }
    let mut jpegs = Jpegs::new(wide as u32, high as u32);
    let mut picture = jpegs.picture();
    jpegs.read(bytes, &mut picture).map_err(damaged)?;
    code(&smaller(&picture, width).unwrap_or(picture))
}

/// The picture made so wide, each pixel the mean of those that it stands for; `None` where it is no wider.
fn smaller(picture: &Picture, width: usize) -> Option<Picture> {
    let width = width.max(16) & !1;
    if width >= picture.width {
        return None;
    }
    let mut small = Picture::black(width, (picture.height * width / picture.width).max(2));
    let (from, to) = ((picture.width, picture.height), (small.width, small.height));
    let half = |(width, height): (usize, usize)| (width / 2, height / 2);
    shrink(&picture.luma, from, &mut small.luma, to);
    shrink(&picture.blue, half(from), &mut small.blue, half(to));
    shrink(&picture.red, half(from), &mut small.red, half(to));
    Some(small)
}

fn shrink(from: &[u8], (width, height): (usize, usize), to: &mut [u8], (narrow, low): (usize, usize)) {
    let span = |at: usize, of: usize, all: usize| at * all / of..((at + 1) * all).div_ceil(of);
    for (y, row) in to.chunks_exact_mut(narrow.max(1)).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            let columns = span(x, narrow, width);
            let rows = span(y, low, height).filter_map(|row| from.get(row * width..)?.get(columns.clone()));
            let (sum, count) = rows
                .flatten()
                .fold((0_u32, 0_u32), |(sum, count), value| (sum + u32::from(*value), count + 1));
            *pixel = (sum / count.max(1)) as u8;
        }
    }
}

/// From video's range to the whole one, which JPEGs have (JFIF section 3).
fn stretch(picture: &mut Picture) {
    let stretched = |value: u8, zero: f32, range: f32, middle: f32| {
        ((f32::from(value) - zero) * 255.0 / range + middle).round().clamp(0.0, 255.0) as u8
    };
    picture.luma.iter_mut().for_each(|value| *value = stretched(*value, 16.0, 219.0, 0.0));
    for plane in [&mut picture.blue, &mut picture.red] {
        plane.iter_mut().for_each(|value| *value = stretched(*value, 128.0, 224.0, 128.0));
    }
}

/// From BT.709's colours, of whole range, to those of BT.601, which JPEGs have.
fn as_bt601(picture: &mut Picture) {
    let half = picture.width / 2;
    for (y, row) in picture.luma.chunks_exact_mut(picture.width.max(1)).enumerate() {
        for (x, luma) in row.iter_mut().enumerate() {
            let at = y / 2 * half + x / 2;
            let (Some(blue), Some(red)) = (picture.blue.get(at), picture.red.get(at)) else { continue };
            let (blue, red) = (f32::from(*blue) - 128.0, f32::from(*red) - 128.0);
            *luma = (f32::from(*luma) + 0.101_579 * blue + 0.196_076 * red).round().clamp(0.0, 255.0) as u8;
        }
    }
    for (blue, red) in picture.blue.iter_mut().zip(&mut picture.red) {
        let (from_blue, from_red) = (f32::from(*blue) - 128.0, f32::from(*red) - 128.0);
        let sample = |value: f32| (value + 128.0).round().clamp(0.0, 255.0) as u8;
        *blue = sample(0.989_854 * from_blue - 0.110_653 * from_red);
        *red = sample(-0.072_453 * from_blue + 0.983_398 * from_red);
    }
}

fn code(picture: &Picture) -> Result<Vec<u8>, EncoderError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode_image(Planes(picture)).map_err(|error| EncoderError(format!("as a JPEG: {error}")))?;
    Ok(bytes)
}

/// A picture's planes, as the encoder asks for them: rows of whole pixels.
struct Planes<'a>(&'a Picture);

impl ImageBuffer for Planes<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        u16::try_from(self.0.width).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.0.height).unwrap_or(u16::MAX)
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let (y, width) = (usize::from(y), self.0.width);
        let half = y / 2 * (width / 2)..(y / 2 + 1) * (width / 2);
        let [luma, blue, red, _] = buffers;
        luma.extend_from_slice(self.0.luma.get(y * width..(y + 1) * width).unwrap_or_default());
        for (buffer, plane) in [(blue, &self.0.blue), (red, &self.0.red)] {
            let samples = plane.get(half.clone()).unwrap_or_default();
            buffer.extend(samples.iter().flat_map(|sample| [*sample; 2]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(jpeg: &[u8], (width, height): (u32, u32)) -> Picture {
        let mut jpegs = Jpegs::new(width, height);
        let mut picture = jpegs.picture();
        jpegs.read(jpeg, &mut picture).unwrap();
        picture
    }

    /// A picture of one colour.
    fn plain(width: usize, height: usize, [luma, blue, red]: [u8; 3]) -> Picture {
        let mut picture = Picture::black(width, height);
        picture.luma.fill(luma);
        picture.blue.fill(blue);
        picture.red.fill(red);
        picture
    }

    fn near(picture: &Picture, expected: [u8; 3]) {
        let middle = [
            picture.luma[picture.luma.len() / 2],
            picture.blue[picture.blue.len() / 2],
            picture.red[picture.red.len() / 2],
        ];
        let off = middle.iter().zip(&expected).map(|(is, was)| is.abs_diff(*was)).max().unwrap();
        assert!(off <= 3, "{middle:?} for {expected:?}");
    }

    #[cfg(feature = "soft-h264")]
    #[test]
    fn a_keyframe_becomes_a_picture_of_its_colours() {
        // Red of full strength in video's range, by BT.601.
        let red = plain(320, 240, [81, 90, 240]);
        let settings =
            super::super::Settings { bitrate: 1_000_000, gop: 1, fps: 30.0, level: None, full_range: false };
        let mut encoder = super::super::h264(settings).unwrap();
        let keyframe = encoder.coded(&red, true).unwrap();
        near(&decoded(&of_h264(&keyframe, None).unwrap(), (320, 240)), [76, 85, 255]);
        near(&decoded(&of_h264(&keyframe, Some(160)).unwrap(), (160, 120)), [76, 85, 255]);
        assert!(of_h264(&keyframe[..20], None).is_err() && of_h264(&[], None).is_err());
    }

    #[test]
    fn a_jpeg_is_given_as_it_is_or_smaller() {
        let jpeg = code(&plain(320, 240, [120, 60, 200])).unwrap();
        assert_eq!(of_jpeg(&jpeg, None).unwrap(), jpeg);
        assert_eq!(of_jpeg(&jpeg, Some(320)).unwrap(), jpeg);
        near(&decoded(&of_jpeg(&jpeg, Some(100)).unwrap(), (100, 74)), [120, 60, 200]);
        assert!(of_jpeg(&jpeg[..100], Some(100)).is_err());
    }

    #[test]
    fn each_pixel_is_the_mean_of_those_that_it_stands_for() {
        let mut picture = plain(64, 32, [0, 128, 128]);
        for (at, luma) in picture.luma.iter_mut().enumerate() {
            *luma = if at % 64 < 32 { 40 } else { 200 };
        }
        let small = smaller(&picture, 16).unwrap();
        assert_eq!((small.width, small.height), (16, 8));
        assert!(small.luma.chunks(16).all(|row| row[..8] == [40; 8] && row[8..] == [200; 8]));
        assert!(smaller(&picture, 64).is_none());
    }

    #[test]
    fn colours_of_high_definition_are_those_of_jpegs() {
        // Green by BT.709, of whole range, and by BT.601.
        let mut green = plain(2, 2, [182, 30, 12]);
        as_bt601(&mut green);
        near(&green, [150, 44, 21]);
    }
}

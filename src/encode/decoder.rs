//! openh264 as a decoder: of one keyframe, to draw on it.

use openh264::decoder::Decoder;
use openh264::formats::YUVSource;

use crate::media::{EncoderError, Picture};

/// The picture that an access unit of H.264 is, as Annex B with its parameter sets.
pub(super) fn decode(annex_b: &[u8]) -> Result<Picture, EncoderError> {
    let failed = |error: openh264::Error| EncoderError(format!("openh264: {error}"));
    let mut decoder = Decoder::new().map_err(failed)?;
    let decoded = decoder.decode(annex_b).map_err(failed)?;
    let Some(yuv) = decoded else { return Err(EncoderError("openh264: it gives no picture".to_owned())) };
    let (width, height) = yuv.dimensions();
    // What is odd has a column or row of chroma more than half; a picture of ours has even sizes.
    let (width, height) = (width & !1, height & !1);
    let (luma, blue, red) = yuv.strides();
    Ok(Picture {
        width,
        height,
        luma: plane(yuv.y(), luma, width, height)?,
        blue: plane(yuv.u(), blue, width / 2, height / 2)?,
        red: plane(yuv.v(), red, width / 2, height / 2)?,
    })
}

fn plane(bytes: &[u8], stride: usize, width: usize, height: usize) -> Result<Vec<u8>, EncoderError> {
    let rows = bytes.chunks(stride.max(1)).take(height).filter_map(|row| row.get(..width));
    let plane: Vec<u8> = rows.flatten().copied().collect();
    if plane.len() == width * height && !plane.is_empty() {
        Ok(plane)
    } else {
        Err(EncoderError("openh264: a picture of another size".to_owned()))
    }
}

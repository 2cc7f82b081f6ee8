//! A mount's picture, as colours.

use base64::Engine;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::control::protocol::Snapshot;

/// Wider or higher is no small picture.
const LARGEST: usize = 4096;

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Red, green and blue of each, row by row.
    pub rgb: Vec<u8>,
    /// How old it was when it was taken.
    pub age_ms: Option<u64>,
}

impl Picture {
    /// Reads what the daemon gave.
    ///
    /// # Errors
    /// It is no JPEG, in a sentence.
    pub fn read(snapshot: &Snapshot) -> Result<Self, String> {
        let jpeg = base64::engine::general_purpose::STANDARD
            .decode(&snapshot.jpeg)
            .map_err(|error| format!("the picture is not as it was sent: {error}"))?;
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(ColorSpace::RGB)
            .set_max_width(LARGEST)
            .set_max_height(LARGEST);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&jpeg[..]), options);
        let rgb = decoder.decode().map_err(|error| format!("the picture is no JPEG: {error}"))?;
        let (width, height) = decoder.dimensions().ok_or("the picture has no size")?;
        if width == 0 || height == 0 || rgb.len() != width * height * 3 {
            return Err("the picture is damaged".to_owned());
        }
        Ok(Self { width, height, rgb, age_ms: snapshot.age_ms })
    }

    /// The mean colour of a part of it: columns `x` of `columns`, rows `y` of `rows`.
    pub fn part(&self, x: usize, columns: usize, y: usize, rows: usize) -> [u8; 3] {
        let (left, right) = span(x, columns, self.width);
        let (top, bottom) = span(y, rows, self.height);
        let mut sums = [0usize; 3];
        for row in top..bottom {
            let line = &self.rgb[(row * self.width + left) * 3..(row * self.width + right) * 3];
            for pixel in line.chunks_exact(3) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += usize::from(*value);
                }
            }
        }
        let count = ((right - left) * (bottom - top)).max(1);
        sums.map(|sum| (sum / count) as u8)
    }

    /// As many columns and rows of it as fit, its shape kept; a row is so many times as high as a column is wide. None where there
    /// is no room at all.
    pub fn fit(&self, columns: usize, rows: usize, tall: usize) -> (usize, usize) {
        if columns == 0 || rows == 0 {
            return (0, 0);
        }
        let by_width = (self.height * columns).div_ceil(self.width * tall).max(1);
        if by_width <= rows {
            return (columns, by_width);
        }
        ((self.width * rows * tall / self.height).clamp(1, columns), rows)
    }
}

/// Pixels of part `place` of `parts`: at least one.
fn span(place: usize, parts: usize, pixels: usize) -> (usize, usize) {
    let from = (place * pixels / parts.max(1)).min(pixels - 1);
    let to = ((place + 1) * pixels / parts.max(1)).clamp(from + 1, pixels);
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_its_shape() {
        let picture = Picture { width: 320, height: 180, rgb: vec![0; 320 * 180 * 3], age_ms: None };
        // Half blocks are square.
        assert_eq!(picture.fit(64, 100, 1), (64, 36));
        assert_eq!(picture.fit(64, 18, 1), (32, 18));
        assert_eq!(picture.fit(64, 100, 2), (64, 18));
        assert_eq!([picture.fit(0, 5, 1), picture.fit(5, 0, 1), picture.fit(0, 0, 2)], [(0, 0); 3]);
    }

    #[test]
    fn a_part_is_the_mean_of_its_pixels() {
        let picture = Picture {
            width: 2,
            height: 2,
            rgb: [[0u8, 0, 0], [10, 20, 30], [20, 40, 60], [10, 20, 30]].concat(),
            age_ms: None,
        };
        assert_eq!(picture.part(0, 1, 0, 1), [10, 20, 30]);
        assert_eq!(picture.part(0, 2, 1, 2), [20, 40, 60]);
        // More parts than pixels.
        assert_eq!(picture.part(3, 4, 3, 4), [10, 20, 30]);
    }

    #[test]
    fn what_is_no_jpeg_is_said() {
        let snapshot = Snapshot { width: 1, height: 1, age_ms: None, jpeg: "AAAA".to_owned() };
        assert!(Picture::read(&snapshot).unwrap_err().contains("no JPEG"));
    }
}

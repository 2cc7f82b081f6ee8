//! Pictures that the encoder does not take as the camera gives them: the processor makes planes of them.

use arrayvec::ArrayVec;

use crate::encode::Unreadable;
use crate::media::Picture;
use crate::source::camera::software::Reader;
use crate::v4l2::{Filled, Format, FourCc, MAX_PLANES, Plane};

/// Reads a camera's buffers into the one picture that is kept.
#[derive(Debug)]
pub(super) struct Converter {
    reader: Reader,
    picture: Picture,
    /// Whether samples have all values (JPEG): an encoder's stream says nothing of that, and players then take them for video's.
    full_range: bool,
}

impl Converter {
    /// For what the camera's driver settled on.
    ///
    /// # Errors
    /// It cannot be read: in a sentence.
    pub(super) fn new(camera: &Format) -> Result<Self, String> {
        let reader = Reader::new(camera)?;
        let picture = reader.picture();
        let full_range = matches!(camera.fourcc, FourCc::MJPG | FourCc::JPEG);
        Ok(Self { reader, picture, full_range })
    }

    /// Reads a buffer.
    pub(super) fn read(&mut self, filled: &Filled) -> Result<(), Unreadable> {
        let planes: ArrayVec<&[u8], MAX_PLANES> =
            (0..filled.planes().min(MAX_PLANES)).map(|number| filled.plane(number)).collect();
        self.reader.read(&planes, &mut self.picture)?;
        if self.full_range {
            narrow(&mut self.picture);
        }
        Ok(())
    }

    /// What was read last, plane by plane, as [`made_of`] has it.
    pub(super) fn plane(&self, number: usize) -> &[u8] {
        [&self.picture.luma, &self.picture.blue, &self.picture.red].get(number).map_or(&[], |plane| plane)
    }
}

/// The picture in a camera's buffer, if it can be read: once, for who shows it while no other comes.
pub(super) fn picture(camera: &Format, filled: &Filled) -> Option<Picture> {
    let mut converter = Converter::new(camera).ok()?;
    converter.read(filled).ok()?;
    Some(converter.picture)
}

/// Luma from 0..=255 to 16..=235, chroma to 16..=240 (ITU-T T.871, BT.601).
fn narrow(picture: &mut Picture) {
    let luma: [u8; 256] = std::array::from_fn(|value| (16 + (value * 219 + 127) / 255) as u8);
    let chroma: [u8; 256] = std::array::from_fn(|value| (16 + (value * 224 + 127) / 255) as u8);
    lenslet_pixels::look_up(&luma, &mut picture.luma);
    lenslet_pixels::look_up(&chroma, &mut picture.blue);
    lenslet_pixels::look_up(&chroma, &mut picture.red);
}

/// The format of what is made of a camera's pictures: three planes without padding, an odd row or column left out.
pub(super) fn made_of(camera: &Format) -> Format {
    let (width, height) = (camera.width & !1, camera.height & !1);
    let plane =
        |bytesperline: u32, rows: u32| Plane { bytesperline, sizeimage: bytesperline.saturating_mul(rows) };
    let chroma = plane(width / 2, height / 2);
    Format {
        fourcc: FourCc(*b"YM12"),
        width,
        height,
        planes: [plane(width, height), chroma, chroma].into_iter().collect(),
        ..camera.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_white_and_grey_stay_what_they_are() {
        let mut picture = Picture::black(4, 2);
        picture.luma[..3].copy_from_slice(&[0, 255, 128]);
        picture.blue.copy_from_slice(&[0, 255]);
        picture.red.copy_from_slice(&[128, 127]);
        narrow(&mut picture);
        assert_eq!(picture.luma[..3], [16, 235, 126]);
        assert_eq!((&picture.blue[..], &picture.red[..]), (&[16, 240][..], &[128, 128][..]));
    }
}

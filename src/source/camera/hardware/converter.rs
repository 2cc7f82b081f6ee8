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
}

impl Converter {
    /// For what the camera's driver settled on.
    ///
    /// # Errors
    /// It cannot be read: in a sentence.
    pub(super) fn new(camera: &Format) -> Result<Self, String> {
        let reader = Reader::new(camera)?;
        let picture = reader.picture();
        Ok(Self { reader, picture })
    }

    /// Reads a buffer.
    pub(super) fn read(&mut self, filled: &Filled) -> Result<(), Unreadable> {
        let planes: ArrayVec<&[u8], MAX_PLANES> =
            (0..filled.planes().min(MAX_PLANES)).map(|number| filled.plane(number)).collect();
        self.reader.read(&planes, &mut self.picture)
    }

    /// What was read last, plane by plane, as [`made_of`] has it.
    pub(super) fn plane(&self, number: usize) -> &[u8] {
        [&self.picture.luma, &self.picture.blue, &self.picture.red].get(number).map_or(&[], |plane| plane)
    }
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
        planes: [plane(width, height), chroma.clone(), chroma].into_iter().collect(),
        ..camera.clone()
    }
}

//! JPEGs of cameras into planar 4:2:0.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::Unreadable;
use crate::media::{Picture, jpeg};

/// Takes pictures of one size apart, one after the other.
#[derive(Debug)]
pub struct Jpegs {
    width: usize,
    height: usize,
    /// Luma, blue and red of each pixel in turn, which is all that the crate gives without going through
    /// RGB; kept from one picture to the next.
    pixels: Vec<u8>,
    /// A JPEG to which tables were given.
    whole: Vec<u8>,
}

impl Jpegs {
    /// For pictures of this size, in pixels.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width: width as usize, height: height as usize, pixels: Vec::new(), whole: Vec::new() }
    }

    /// A picture of the size that comes of it: an odd last column or row is left out.
    pub fn picture(&self) -> Picture {
        Picture::black(self.width, self.height)
    }

    /// Decodes a JPEG, of full range as JPEGs are; chroma becomes the mean of four pixels. Huffman tables
    /// that the camera left out are put in.
    ///
    /// # Errors
    /// It is damaged, or of another size.
    pub fn read(&mut self, bytes: &[u8], to: &mut Picture) -> Result<(), Unreadable> {
        let Self { width, height, pixels, whole } = self;
        let bytes = match jpeg::with_tables(bytes, whole) {
            true => &whole[..],
            false => bytes,
        };
        let options = DecoderOptions::new_fast().set_max_width(*width).set_max_height(*height);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(|_| Unreadable("damaged"))?;
        if decoder.dimensions() != Some((*width, *height)) {
            return Err(Unreadable("of another size"));
        }
        let grey = match decoder.input_colorspace() {
            Some(ColorSpace::Luma) => true,
            Some(ColorSpace::YCbCr) => false,
            _ => return Err(Unreadable("of colours that cameras have not")),
        };
        let colours = if grey { ColorSpace::Luma } else { ColorSpace::YCbCr };
        decoder.set_options(options.jpeg_set_out_colorspace(colours));
        pixels.resize(*width * *height * colours.num_components(), 0);
        decoder.decode_into(pixels).map_err(|_| Unreadable("damaged"))?;
        if (to.width, to.height) != (*width & !1, *height & !1) {
            *to = Picture::black(*width, *height);
        }
        if grey {
            let rows = pixels.chunks_exact((*width).max(1));
            to.luma
                .chunks_exact_mut(to.width.max(1))
                .zip(rows)
                .for_each(|(to, row)| to.copy_from_slice(&row[..to.len()]));
            to.blue.fill(128);
            to.red.fill(128);
        } else {
            apart(pixels, *width, to);
        }
        Ok(())
    }
}

/// Pixels of `width` a row into planes, two rows at a time.
fn apart(pixels: &[u8], width: usize, to: &mut Picture) {
    let (even, half) = (to.width.max(2), (to.width / 2).max(1));
    let colours = to.blue.chunks_exact_mut(half).zip(to.red.chunks_exact_mut(half));
    let pairs = pixels.chunks_exact(6 * width.max(1));
    for ((luma, (blue, red)), rows) in to.luma.chunks_exact_mut(2 * even).zip(colours).zip(pairs) {
        let (upper, lower) = rows.split_at(3 * width);
        let (first, second) = luma.split_at_mut(even);
        lenslet_pixels::luma(upper, first);
        lenslet_pixels::luma(lower, second);
        lenslet_pixels::chroma(upper, lower, blue, red);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(format!("tests/fixtures/bitstreams/{name}")).unwrap()
    }

    /// What ffmpeg makes of it: `-pix_fmt yuvj420p`, luma then chroma.
    fn reference(name: &str, width: usize, height: usize) -> Picture {
        let planes = fixture(name);
        let (luma, chroma) = planes.split_at(width * height);
        let (blue, red) = chroma.split_at(width * height / 4);
        Picture { width, height, luma: luma.into(), blue: blue.into(), red: red.into() }
    }

    /// The mean and the greatest difference of samples.
    fn apart_by(one: &[u8], other: &[u8]) -> (f64, u8) {
        assert_eq!(one.len(), other.len());
        let off = || one.iter().zip(other).map(|(one, other)| one.abs_diff(*other));
        (off().map(f64::from).sum::<f64>() / one.len() as f64, off().max().unwrap_or_default())
    }

    #[test]
    fn pictures_are_what_ffmpeg_makes_of_them() {
        for (name, width, height) in [("420", 162, 106), ("422", 160, 104), ("444", 160, 104)] {
            let mut picture = Picture::black(2, 2);
            let mut jpegs = Jpegs::new(width, height);
            jpegs.read(&fixture(&format!("{name}.jpg")), &mut picture).unwrap();
            let (width, height) = (width as usize, height as usize);
            let expected = reference(&format!("{name}.yuv"), width, height);
            let (mean, most) = apart_by(&picture.luma, &expected.luma);
            assert!(most <= 1, "{name}: luma is {mean:.2} off, at most {most}");
            for (plane, expected) in [(&picture.blue, &expected.blue), (&picture.red, &expected.red)] {
                let (mean, most) = apart_by(plane, expected);
                // The crate smooths chroma on its way to 4:4:4 and back.
                assert!(mean < 2.5, "{name}: chroma is {mean:.2} off, at most {most}");
            }
        }
    }

    #[test]
    fn tables_that_a_camera_left_out_are_put_in() {
        let whole = fixture("420.jpg");
        let mut without = whole.clone();
        while let Some(at) = memchr::memmem::find(&without, &[0xff, 0xc4]) {
            let length = usize::from(u16::from_be_bytes([without[at + 2], without[at + 3]]));
            without.drain(at..at + 2 + length);
        }
        assert!(without.len() < whole.len());
        let mut jpegs = Jpegs::new(162, 106);
        let (mut one, mut other) = (jpegs.picture(), jpegs.picture());
        jpegs.read(&whole, &mut one).unwrap();
        jpegs.read(&without, &mut other).unwrap();
        assert!(one == other);
    }

    #[test]
    fn pictures_of_another_size_and_no_pictures_are_refused() {
        let jpeg = fixture("420.jpg");
        let mut picture = Picture::black(2, 2);
        for (width, height) in [(160, 106), (162, 104), (320, 240), (0, 0)] {
            let read = Jpegs::new(width, height).read(&jpeg, &mut picture);
            assert!(read.is_err(), "{width}x{height}");
        }
        let mut jpegs = Jpegs::new(162, 106);
        for bytes in [&[][..], &[0xff, 0xd8], &[0; 4000], &jpeg[..200]] {
            assert!(jpegs.read(bytes, &mut picture).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_damage_is_a_panic(at in 0_usize..4000, bytes: Vec<u8>, length in 0_usize..8000, sampling in 0..3) {
            let name = ["420.jpg", "422.jpg", "444.jpg"][sampling as usize];
            let mut jpeg = fixture(name);
            let at = at.min(jpeg.len());
            let end = (at + bytes.len()).min(jpeg.len());
            jpeg[at..end].copy_from_slice(&bytes[..end - at]);
            jpeg.truncate(length);
            let mut picture = Picture::black(2, 2);
            let (width, height) = if sampling == 0 { (162, 106) } else { (160, 104) };
            let _ = Jpegs::new(width, height).read(&jpeg, &mut picture);
        }
    }
}

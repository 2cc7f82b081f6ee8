//! A JPEG put together.

use super::huffman::{SLOTS, STANDARD};
use super::{Image, Sampling};

impl Image<'_> {
    /// The picture as a whole JPEG (ITU-T T.81 annex B), with the usual Huffman tables; the end is there, whether
    /// or not the scan is whole.
    pub fn to_jpeg(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.scan.len() + 700);
        out.extend([0xff, 0xd8]);
        for (number, table) in (0..).zip(self.quantization) {
            segment(&mut out, 0xdb, &[&[number], table]);
        }
        if let Some(interval) = self.restart_interval {
            segment(&mut out, 0xdd, &[&interval.to_be_bytes()]);
        }
        let luma = match self.sampling {
            Sampling::Half => 0x21,
            Sampling::Quarter => 0x22,
        };
        let components = [3, 1, luma, 0, 2, 0x11, 1, 3, 0x11, 1];
        segment(&mut out, 0xc0, &[&[8], &self.height.to_be_bytes(), &self.width.to_be_bytes(), &components]);
        for (slot, table) in SLOTS.into_iter().zip(STANDARD) {
            segment(&mut out, 0xc4, &[&[slot], table]);
        }
        segment(&mut out, 0xda, &[&[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]]);
        out.extend(self.scan);
        out.extend([0xff, 0xd9]);
        out
    }
}

fn segment(out: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length: usize = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    out.extend([0xff, marker]);
    // None here has more than 200 bytes.
    out.extend((length as u16).to_be_bytes());
    parts.iter().for_each(|part| out.extend(*part));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_together_is_read_as_it_was() {
        for name in ["420.jpg", "422.jpg"] {
            let file = std::fs::read(format!("tests/fixtures/bitstreams/{name}")).unwrap();
            let image = Image::parse(&file).unwrap();
            for restart_interval in [None, Some(1000)] {
                let image = Image { restart_interval, ..image };
                assert_eq!(Image::parse(&image.to_jpeg()).unwrap(), image, "{name}");
            }
        }
    }
}

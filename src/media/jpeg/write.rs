//! A JPEG put together.

use memchr::memmem;

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

/// Puts the usual Huffman tables into a JPEG that comes without any, as cameras send them: into `out`, what
/// was in it is gone. False, and nothing is done, if it has some, or no scan.
pub fn with_tables(jpeg: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(scan) = scan_without_tables(jpeg) else { return false };
    let (head, rest) = jpeg.split_at(scan);
    out.clear();
    out.extend(head);
    for (slot, table) in SLOTS.into_iter().zip(STANDARD) {
        segment(out, 0xc4, &[&[slot], table]);
    }
    out.extend(rest);
    true
}

/// Where the scan's header begins, if no Huffman tables come before it.
fn scan_without_tables(jpeg: &[u8]) -> Option<usize> {
    let mut at = memmem::find(jpeg, &[0xff, 0xd8, 0xff])? + 2;
    loop {
        match *jpeg.get(at..at + 4)? {
            [0xff, 0xda, ..] => return Some(at),
            [0xff, 0xc4, ..] => return None,
            // Fill.
            [0xff, 0xff, ..] => at += 1,
            [0xff, 0xc0..=0xfe, high, low] => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            _ => return None,
        }
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

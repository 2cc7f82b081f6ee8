//! JPEG into packets ([RFC 2435 section 3.1](https://www.rfc-editor.org/rfc/rfc2435#section-3.1)).

use crate::media::jpeg::{Image, Sampling};
use crate::rtp::payload::Payload;

/// The quantization tables are in the packets.
const Q_IN_BAND: u8 = 255;
/// Types from here on have a restart header.
const RESTARTS: u8 = 64;
/// First and last of a whole frame's fragments, uncounted: all are put together before decoding.
const WHOLE_FRAME: u16 = 0xffff;

const MAIN: usize = 8;
const RESTART: usize = 4;
const TABLES: usize = 4 + 128;

/// A piece of the scan:
///
/// ```text
/// | type-specific |              fragment offset (24)             |
/// |     type      |       Q       |    width/8    |   height/8    |
/// |       restart interval        |F|L|       restart count       |   where there is one
/// |      MBZ      |   precision   |            length             |   in the first, with 128 bytes
/// ```
#[derive(Clone, Copy, Debug)]
pub(in crate::rtp) struct Fragment<'a> {
    image: Image<'a>,
    offset: u32,
    bytes: &'a [u8],
}

impl Fragment<'_> {
    fn header(&self) -> usize {
        let restart = if self.image.restart_interval.is_some() { RESTART } else { 0 };
        MAIN + restart + if self.offset == 0 { TABLES } else { 0 }
    }
}

impl Payload for Fragment<'_> {
    fn len(&self) -> usize {
        self.header() + self.bytes.len()
    }

    fn write(&self, out: &mut [u8]) {
        let image = &self.image;
        let kind = match image.sampling {
            Sampling::Half => 0,
            Sampling::Quarter => 1,
        };
        let (header, scan) = out.split_at_mut(self.header());
        let (main, mut more) = header.split_at_mut(MAIN);
        main[..4].copy_from_slice(&(self.offset & 0xff_ffff).to_be_bytes());
        main[4] = kind + if image.restart_interval.is_some() { RESTARTS } else { 0 };
        main[5] = Q_IN_BAND;
        // Receivers show the padding of odd sizes.
        main[6] = image.width.div_ceil(8) as u8;
        main[7] = image.height.div_ceil(8) as u8;
        if let Some(interval) = image.restart_interval {
            let (restart, rest) = more.split_at_mut(RESTART);
            restart[..2].copy_from_slice(&interval.to_be_bytes());
            restart[2..].copy_from_slice(&WHOLE_FRAME.to_be_bytes());
            more = rest;
        }
        if self.offset == 0 {
            more[..4].copy_from_slice(&[0, 0, 0, 128]);
            more[4..68].copy_from_slice(image.quantization[0]);
            more[68..].copy_from_slice(image.quantization[1]);
        }
        scan.copy_from_slice(self.bytes);
    }
}

/// The payloads of a picture, none longer than `room`, if that has place for the tables.
pub(in crate::rtp) fn payloads(image: Image<'_>, room: usize) -> impl Iterator<Item = Fragment<'_>> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let rest = image.scan.get(offset..).filter(|rest| !rest.is_empty())?;
        let mut fragment = Fragment { image, offset: offset as u32, bytes: &[] };
        let step = room.saturating_sub(fragment.header()).max(1).min(rest.len());
        fragment.bytes = &rest[..step];
        offset += step;
        Some(fragment)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_piece_has_the_tables_and_each_its_place() {
        let (luma, colours, scan) = ([1; 64], [2; 64], [9; 3000]);
        for (restart_interval, sampling, kind) in
            [(None, Sampling::Half, 0), (Some(0x0102), Sampling::Quarter, 65)]
        {
            let quantization = [&luma, &colours];
            let image =
                Image { width: 1366, height: 768, sampling, restart_interval, quantization, scan: &scan };
            let mut placed = 0;
            for payload in payloads(image, 500) {
                let mut bytes = vec![0; payload.len()];
                payload.write(&mut bytes);
                assert!(bytes.len() <= 500);
                assert_eq!(bytes[..8], [0, 0, (placed >> 8) as u8, placed as u8, kind, 255, 171, 96]);
                let mut rest = &bytes[8..];
                if restart_interval.is_some() {
                    assert_eq!(rest[..4], [1, 2, 0xff, 0xff]);
                    rest = &rest[4..];
                }
                if placed == 0 {
                    assert_eq!(rest[..4], [0, 0, 0, 128]);
                    assert_eq!((rest[4], rest[67], rest[68], rest[131]), (1, 1, 2, 2));
                    rest = &rest[132..];
                }
                assert!(rest.iter().all(|byte| *byte == 9));
                placed += rest.len();
            }
            assert_eq!(placed, scan.len());
        }
    }
}

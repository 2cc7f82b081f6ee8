//! A JPEG taken apart.

use memchr::{memchr, memmem};

use super::Unfit;
use super::huffman::{SLOTS, STANDARD};

/// Width and height go out in units of eight pixels, in a byte.
const MOST: u16 = 2040;
/// Fragments are placed by an offset of 24 bits.
pub(super) const MOST_BYTES: usize = 1 << 24;

/// What [RFC 2435 section 4.1](https://www.rfc-editor.org/rfc/rfc2435#section-4.1) calls the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// 4:2:2: the colours have half the width.
    Half,
    /// 4:2:0: the colours have half the width and height.
    Quarter,
}

/// A picture that RTP can carry, borrowed from its JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// How much there is of the colours.
    pub sampling: Sampling,
    /// MCUs between restart markers, where there are any.
    pub restart_interval: Option<u16>,
    /// For luma and for the colours, 8 bits a value, in the order of the zigzag.
    pub quantization: [&'a [u8; 64]; 2],
    /// The entropy-coded segment, restart markers and stuffing in it.
    pub scan: &'a [u8],
}

impl<'a> Image<'a> {
    /// Reads a JPEG. What stands before it and behind it is passed over, as some cameras put things there.
    /// Where the marker at its end is missing, restart markers tell whether the scan is whole, and zeros
    /// in its place are taken for a buffer's rest; else it is taken to be cut short.
    ///
    /// # Errors
    /// See [`Unfit`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Unfit> {
        let start = memmem::find(bytes, &[0xff, 0xd8, 0xff]).ok_or(Unfit::NoJpeg)?;
        let mut tables = Tables::default();
        let mut rest = &bytes[start + 2..];
        loop {
            let (marker, behind) = marker(rest)?;
            if matches!(marker, 0x01 | 0xd0..=0xd8) {
                rest = behind;
                continue;
            }
            if marker == 0xd9 {
                return Err(Unfit::Truncated);
            }
            let &[high, low, ..] = behind else { return Err(Unfit::Truncated) };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let (segment, behind) = behind.split_at_checked(length).ok_or(Unfit::Truncated)?;
            let body = segment.get(2..).ok_or(Unfit::Malformed(marker))?;
            if marker == 0xda {
                return tables.image(body, behind);
            }
            tables.learn(marker, body).ok_or(Unfit::Malformed(marker))??;
            rest = behind;
        }
    }
}

/// The next marker and what is behind it; fill bytes are passed over (section B.1.1.2).
fn marker(bytes: &[u8]) -> Result<(u8, &[u8]), Unfit> {
    let fill = bytes.iter().take_while(|byte| **byte == 0xff).count();
    match bytes.get(fill) {
        None => Err(Unfit::Truncated),
        Some(marker) if fill == 0 || *marker == 0 => Err(Unfit::Malformed(*marker)),
        Some(marker) => Ok((*marker, &bytes[fill + 1..])),
    }
}

/// What stands before the scan.
#[derive(Default)]
struct Tables<'a> {
    frame: Option<Frame>,
    quantization: [Option<&'a [u8; 64]>; 4],
    /// Whether each of [`SLOTS`] has what a receiver puts there; cameras leave the tables out.
    huffman: [Option<&'a [u8]>; 4],
    restart_interval: Option<u16>,
}

/// SOF0: its components' ids, sampling factors and quantization tables.
struct Frame {
    width: u16,
    height: u16,
    components: [[u8; 3]; 3],
}

impl<'a> Tables<'a> {
    /// Takes in a segment; `None` if it is damaged.
    fn learn(&mut self, marker: u8, body: &'a [u8]) -> Option<Result<(), Unfit>> {
        match marker {
            0xc4 => self.huffman(body)?,
            0xdb => self.quantization(body)?,
            0xdd => {
                let interval = u16::from_be_bytes([*body.first()?, *body.get(1)?]);
                self.restart_interval = Some(interval).filter(|interval| *interval > 0);
            }
            0xc0 => match frame(body)? {
                Ok(frame) => self.frame = Some(frame),
                Err(why) => return Some(Err(why)),
            },
            0xc1..=0xcf if marker != 0xc8 => return Some(Err(Unfit::NotBaseline(marker))),
            _ => {}
        }
        Some(Ok(()))
    }

    fn quantization(&mut self, mut body: &'a [u8]) -> Option<()> {
        while let Some((head, rest)) = body.split_first() {
            if head >> 4 != 0 {
                // 16 bits: refused if the picture needs it, as it then has no table.
                self.quantization[usize::from(head & 3)] = None;
                body = rest.get(128..)?;
                continue;
            }
            let (table, rest) = rest.split_first_chunk::<64>()?;
            *self.quantization.get_mut(usize::from(head & 15))? = Some(table);
            body = rest;
        }
        Some(())
    }

    fn huffman(&mut self, mut body: &'a [u8]) -> Option<()> {
        while let Some((head, rest)) = body.split_first() {
            let counts = rest.get(..16)?;
            let values: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let (table, rest) = rest.split_at_checked(16 + values)?;
            if let Some(slot) = SLOTS.iter().position(|slot| slot == head) {
                self.huffman[slot] = Some(table);
            }
            body = rest;
        }
        Some(())
    }

    /// The picture, from the scan's header (section B.2.3) on.
    fn image(&self, header: &[u8], behind: &'a [u8]) -> Result<Image<'a>, Unfit> {
        let frame = self.frame.as_ref().ok_or(Unfit::Malformed(0xda))?;
        let &[3, y, y_tables, cb, cb_tables, cr, cr_tables, 0, 63, 0] = header else {
            return Err(Unfit::Scan);
        };
        if [y, cb, cr] != frame.components.map(|component| component[0]) {
            return Err(Unfit::Scan);
        }
        self.has_standard_huffman([y_tables, cb_tables, cr_tables])?;
        let [luma, blue, red] = frame.components;
        let sampling = match [luma[1], blue[1], red[1]] {
            [0x21, 0x11, 0x11] => Sampling::Half,
            [0x22, 0x11, 0x11] => Sampling::Quarter,
            _ => return Err(Unfit::Sampling),
        };
        let table = |component: [u8; 3]| self.quantization.get(usize::from(component[2])).copied().flatten();
        let [Some(luma), Some(blue), Some(red)] = [luma, blue, red].map(table) else {
            return Err(Unfit::Quantization);
        };
        if blue != red {
            return Err(Unfit::Quantization);
        }
        let (width, height) = (frame.width, frame.height);
        let rows = if sampling == Sampling::Quarter { 16 } else { 8 };
        let units = usize::from(width.div_ceil(16)) * usize::from(height.div_ceil(rows));
        let scan = scan(behind, self.restart_interval, units)?;
        Ok(Image {
            width,
            height,
            sampling,
            restart_interval: self.restart_interval,
            quantization: [luma, blue],
            scan,
        })
    }

    /// Whether luma is coded with the standard tables for it, and the colours with theirs.
    fn has_standard_huffman(&self, components: [u8; 3]) -> Result<(), Unfit> {
        for (component, selectors) in components.into_iter().enumerate() {
            let kind = usize::from(component > 0);
            for (class, number) in [(0, selectors >> 4), (2, selectors & 15)] {
                let slot = class + usize::from(number & 1);
                let table = self.huffman[slot].unwrap_or(STANDARD[slot]);
                if number > 1 || table != STANDARD[class + kind] {
                    return Err(Unfit::Huffman);
                }
            }
        }
        Ok(())
    }
}

/// SOF0 (section B.2.2); `None` if it is damaged.
fn frame(body: &[u8]) -> Option<Result<Frame, Unfit>> {
    let &[precision, height_1, height_0, width_1, width_0, count, ref components @ ..] = body else {
        return None;
    };
    if precision != 8 {
        return Some(Err(Unfit::Precision(precision)));
    }
    let &[a, b, c, d, e, f, g, h, i] = components else {
        return if count == 3 { None } else { Some(Err(Unfit::Sampling)) };
    };
    let (width, height) = (u16::from_be_bytes([width_1, width_0]), u16::from_be_bytes([height_1, height_0]));
    if !(1..=MOST).contains(&width) || !(1..=MOST).contains(&height) {
        return Some(Err(Unfit::Size(width, height)));
    }
    Some(Ok(Frame { width, height, components: [[a, b, c], [d, e, f], [g, h, i]] }))
}

/// The entropy-coded segment of a scan of so many MCUs, up to the end of the picture.
fn scan(bytes: &[u8], interval: Option<u16>, units: usize) -> Result<&[u8], Unfit> {
    let (mut at, mut restarts) = (0, 0);
    let end = loop {
        let Some(found) = memchr(0xff, bytes.get(at..).unwrap_or_default()).map(|found| at + found) else {
            break None;
        };
        match bytes.get(found + 1) {
            Some(0) => at = found + 2,
            Some(0xff) => at = found + 1,
            Some(marker @ 0xd0..=0xd7) => {
                if interval.is_none() || usize::from(marker & 7) != restarts % 8 {
                    return Err(Unfit::Scan);
                }
                (at, restarts) = (found + 2, restarts + 1);
            }
            Some(0xd9) => break Some(found),
            Some(_) => return Err(Unfit::Scan),
            None => break None,
        }
    };
    let announced = interval.map(|interval| units.div_ceil(usize::from(interval)).saturating_sub(1));
    if announced.is_some_and(|announced| restarts < announced) {
        return Err(Unfit::Truncated);
    }
    let length = match end {
        Some(end) => end,
        None if announced.is_some_and(|announced| announced > 0) || bytes.ends_with(&[0, 0]) => {
            let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            // A stuffed zero belongs to the scan.
            length + usize::from(length > 0 && bytes[length - 1] == 0xff && length < bytes.len())
        }
        None => return Err(Unfit::Truncated),
    };
    // Fill bytes before the marker at the end.
    let scan = &bytes[..length];
    let scan = if end.is_some() { trim_fill(scan) } else { scan };
    match scan.len() {
        0 => Err(Unfit::Truncated),
        1..MOST_BYTES => Ok(scan),
        _ => Err(Unfit::TooLong),
    }
}

fn trim_fill(scan: &[u8]) -> &[u8] {
    let length = scan.iter().rposition(|byte| *byte != 0xff).map_or(0, |last| last + 1);
    &scan[..length]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(format!("tests/fixtures/bitstreams/{name}.jpg")).unwrap()
    }

    /// Where the body of the segment with this marker begins.
    fn body(jpeg: &[u8], marker: u8) -> usize {
        memmem::find(jpeg, &[0xff, marker]).unwrap() + 4
    }

    /// The fixture of 4:2:0 with one byte behind a marker changed.
    fn changed(marker: u8, at: usize, byte: u8) -> Vec<u8> {
        let mut jpeg = fixture("420");
        let at = body(&jpeg, marker) + at;
        jpeg[at] = byte;
        jpeg
    }

    /// The fixture of 4:2:0 with a segment before its scan.
    fn with(segment: &[u8]) -> Vec<u8> {
        let jpeg = fixture("420");
        let (before, behind) = jpeg.split_at(body(&jpeg, 0xda) - 4);
        [before, segment, behind].concat()
    }

    fn without_huffman() -> Vec<u8> {
        let mut jpeg = fixture("420");
        while let Some(at) = memmem::find(&jpeg, &[0xff, 0xc4]) {
            let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
            jpeg.drain(at..at + 2 + length);
        }
        jpeg
    }

    #[test]
    fn pictures_of_both_samplings_are_taken_apart() {
        for (name, size, sampling) in
            [("420", (162, 106), Sampling::Quarter), ("422", (160, 104), Sampling::Half)]
        {
            let jpeg = fixture(name);
            let image = Image::parse(&jpeg).unwrap();
            assert_eq!(((image.width, image.height), image.sampling), (size, sampling));
            assert_eq!(image.restart_interval, None);
            assert!(jpeg.ends_with(&[image.scan, &[0xff, 0xd9]].concat()));
        }
    }

    #[test]
    fn what_cameras_leave_out_or_put_in_is_no_matter() {
        let jpeg = fixture("420");
        let image = Image::parse(&jpeg).unwrap();
        let unended = &jpeg[..jpeg.len() - 2];
        for other in [
            without_huffman(),
            [&[0, 0xff, 0xd8, 7][..], &jpeg].concat(),
            [&jpeg[..], &[0, 1, 2, 0xff]].concat(),
            [unended, &[0; 100]].concat(),
            [unended, &[0xff, 0xff, 0xd9]].concat(),
            with(&[0xff, 0xff, 0xfe, 0, 3, 9]),
            with(&[0xff, 0xdd, 0, 4, 0, 0]),
        ] {
            assert_eq!(Image::parse(&other), Ok(image));
        }
    }

    #[test]
    fn two_tables_may_stand_in_one_segment() {
        let jpeg = fixture("420");
        let at = body(&jpeg, 0xdb) - 4;
        let joined = [
            &jpeg[..at],
            &[0xff, 0xdb, 0, 132],
            &jpeg[at + 4..at + 69],
            &jpeg[at + 73..at + 138],
            &jpeg[at + 138..],
        ];
        assert_eq!(Image::parse(&joined.concat()), Image::parse(&jpeg));
    }

    #[test]
    fn what_rtp_cannot_carry_says_why() {
        let jpeg = fixture("420");
        let progressive = {
            let mut jpeg = jpeg.clone();
            let at = body(&jpeg, 0xc0) - 3;
            jpeg[at] = 0xc2;
            jpeg
        };
        for (bytes, why) in [
            (b"GIF89a".to_vec(), Unfit::NoJpeg),
            (jpeg[..100].to_vec(), Unfit::Truncated),
            (jpeg[..jpeg.len() - 300].to_vec(), Unfit::Truncated),
            (jpeg[..jpeg.len() - 2].to_vec(), Unfit::Truncated),
            (progressive, Unfit::NotBaseline(0xc2)),
            (changed(0xc0, 0, 12), Unfit::Precision(12)),
            (changed(0xc0, 3, 8), Unfit::Size(8 << 8 | 162, 106)),
            (changed(0xc0, 1, 8), Unfit::Size(162, 8 << 8 | 106)),
            (changed(0xc0, 7, 0x11), Unfit::Sampling),
            (changed(0xc0, 7, 0x41), Unfit::Sampling),
            (changed(0xc0, 11, 3), Unfit::Quantization),
            (changed(0xc0, 14, 0), Unfit::Quantization),
            (changed(0xc4, 17, 1), Unfit::Huffman),
            (changed(0xda, 2, 0x11), Unfit::Huffman),
            (changed(0xda, 8, 5), Unfit::Scan),
            (changed(0xda, 20, 0xff), Unfit::Scan),
            (with(&[0xff, 0xdb, 0, 1]), Unfit::Malformed(0xdb)),
            (with(&[0xff, 0xdb, 0, 4, 0, 0]), Unfit::Malformed(0xdb)),
            (with(&[&[0xff, 0xdb, 0, 131, 0x10][..], &[0, 1].repeat(64)].concat()), Unfit::Quantization),
            (with(&[0xff, 0xdd, 0, 4, 0, 5]), Unfit::Truncated),
        ] {
            assert_eq!(Image::parse(&bytes).map(|image| image.width), Err(why));
        }
        assert_eq!(
            Unfit::Size(2592, 1944).to_string(),
            "2592x1944 is more than 2040x2040, the largest JPEG that RTP carries (or nothing); choose a \
             smaller size, or H.264"
        );
    }

    #[test]
    fn restart_markers_are_counted() {
        // 11 by 7 MCUs, 40 between restarts: one marker.
        let mut jpeg = with(&[0xff, 0xdd, 0, 4, 0, 40]);
        let at = body(&jpeg, 0xda) + 30;
        jpeg.splice(at..at, [0xff, 0xd0]);
        let image = Image::parse(&jpeg).unwrap();
        assert_eq!((image.restart_interval, image.scan[20..22].to_vec()), (Some(40), vec![0xff, 0xd0]));
        let unended = &jpeg[..jpeg.len() - 2];
        assert_eq!(Image::parse(unended).map(|image| image.restart_interval), Ok(Some(40)));
        jpeg[at + 1] = 0xd3;
        assert_eq!(Image::parse(&jpeg), Err(Unfit::Scan), "out of order");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            damage in prop::collection::vec((0..1600_usize, any::<u8>()), 0..20),
        ) {
            let _ = Image::parse(&bytes);
            let _ = Image::parse(&[&[0xff, 0xd8, 0xff][..], &bytes].concat());
            let mut jpeg = fixture("420");
            damage.into_iter().for_each(|(at, byte)| jpeg[at] = byte);
            let _ = Image::parse(&jpeg);
        }
    }
}

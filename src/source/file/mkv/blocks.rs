//! Blocks: [RFC 9559](https://www.rfc-editor.org/rfc/rfc9559) section 10.

use super::ebml;

/// What has to be known of a block: as many sizes as there can be, the first Xiph ones of a large block.
pub(super) const HEAD: usize = 64 << 10;

/// `LACING`, bits 5 and 6 of the flags.
const LACING: u8 = 0x06;
const XIPH: u8 = 0x02;
const FIXED: u8 = 0x04;

/// What a block holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) track: u64,
    /// In the segment's ticks, from its cluster's time.
    pub(super) time: i16,
    /// Where its frames begin, counted from its own beginning, and how many bytes each has.
    pub(super) frames: Vec<(u64, u64)>,
}

impl Block {
    /// Reads the head of a block of `size` bytes from its first ones, as many as [`HEAD`]; `None` if it is
    /// damaged.
    pub(super) fn parse(head: &[u8], size: u64) -> Option<Self> {
        let mut cursor = Cursor { head, at: 0 };
        let track = cursor.size()?;
        let time = i16::from_be_bytes([cursor.byte()?, cursor.byte()?]);
        let lacing = cursor.byte()? & LACING;
        let sizes = match lacing {
            0 => Vec::new(),
            _ => cursor.laced(lacing, size)?,
        };
        // The last frame has what the others leave.
        let mut begin = cursor.at as u64;
        let mut frames = Vec::with_capacity(sizes.len() + 1);
        for length in sizes {
            frames.push((begin, length));
            begin = begin.checked_add(length)?;
        }
        frames.push((begin, size.checked_sub(begin)?));
        Some(Self { track, time, frames })
    }
}

struct Cursor<'a> {
    head: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.head.get(self.at)?;
        self.at += 1;
        Some(*byte)
    }

    fn size(&mut self) -> Option<u64> {
        self.any_size().map(|(size, _)| size)
    }

    fn any_size(&mut self) -> Option<(u64, usize)> {
        let (size, length) = ebml::size(self.head.get(self.at..)?)?;
        self.at += length;
        Some((size?, length))
    }

    /// The sizes of all frames but the last.
    fn laced(&mut self, lacing: u8, block: u64) -> Option<Vec<u64>> {
        let others = usize::from(self.byte()?);
        match lacing {
            XIPH => (0..others).map(|_| self.xiph()).collect(),
            FIXED => {
                let all = block.checked_sub(self.at as u64)?;
                let frames = others as u64 + 1;
                (all % frames == 0).then(|| vec![all / frames; others])
            }
            _ => self.ebml(others),
        }
    }

    fn xiph(&mut self) -> Option<u64> {
        let mut size = 0;
        loop {
            let byte = self.byte()?;
            size += u64::from(byte);
            if byte != 255 {
                return Some(size);
            }
        }
    }

    /// The first size, then how each differs from the one before it.
    fn ebml(&mut self, others: usize) -> Option<Vec<u64>> {
        let mut sizes = Vec::with_capacity(others);
        for _ in 0..others {
            let size = match sizes.last() {
                None => self.size()?,
                Some(last) => {
                    let (difference, length) = self.any_size()?;
                    let middle = (1_i64 << (7 * length - 1)) - 1;
                    let difference = i64::try_from(difference).ok()?.checked_sub(middle)?;
                    u64::checked_add_signed(*last, difference)?
                }
            };
            sizes.push(size);
        }
        Some(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of track 1 at 5 ticks, its head and 1000 bytes more in frames of these sizes.
    fn sizes(flags: u8, lace: &[u8], content: u64) -> Option<Vec<u64>> {
        let head = [&[0x81, 0, 5, flags], lace].concat();
        let block = Block::parse(&head, head.len() as u64 + content)?;
        assert_eq!((block.track, block.time), (1, 5));
        let mut at = head.len() as u64;
        for (begin, size) in &block.frames {
            assert_eq!(*begin, at);
            at += size;
        }
        assert_eq!(at, head.len() as u64 + content);
        Some(block.frames.into_iter().map(|(_, size)| size).collect())
    }

    #[test]
    fn frames_are_laced_in_three_ways() {
        assert_eq!(sizes(0x80, &[], 1000), Some(vec![1000]));
        // The examples of sections 10.3.2 to 10.3.4: 800, 500 and 1000 bytes; three of 800.
        assert_eq!(sizes(0x02, &[2, 255, 255, 255, 35, 255, 245], 2300), Some(vec![800, 500, 1000]));
        assert_eq!(sizes(0x06, &[2, 0x43, 0x20, 0x5e, 0xd3], 2300), Some(vec![800, 500, 1000]));
        assert_eq!(sizes(0x04, &[2], 2400), Some(vec![800; 3]));
        assert_eq!(sizes(0x06, &[0], 7), Some(vec![7]));
        assert_eq!(sizes(0x02, &[1, 255, 0], 255), Some(vec![255, 0]));
    }

    #[test]
    fn what_does_not_fit_is_no_block() {
        assert_eq!(sizes(0x02, &[2, 255, 255, 255, 35, 255, 245], 1299), None);
        assert_eq!(sizes(0x06, &[2, 0x43, 0x20, 0x5e, 0xd3], 1299), None);
        assert_eq!(sizes(0x06, &[2, 0x81, 0x80], 99), None, "less than nothing");
        assert_eq!(sizes(0x06, &[1, 0xff], 99), None, "a size that is not known");
        assert_eq!(sizes(0x04, &[2], 2401), None);
        assert_eq!(sizes(0x02, &[1, 255], 1000), None);
        assert_eq!(sizes(0x02, &[], 1000), None);
        for cut in 0..4 {
            assert_eq!(Block::parse(&[0x81, 0, 5, 0][..cut], cut as u64), None);
        }
        assert_eq!(Block::parse(&[0x81, 0, 5, 0], 3), None);
        assert_eq!(Block::parse(&[0x81, 0xff, 0xff, 0], 4).map(|block| block.time), Some(-1));
    }
}

//! AAC into packets, an access unit in each
//! ([RFC 3640 section 3.3.6](https://www.rfc-editor.org/rfc/rfc3640#section-3.3.6)).

use crate::rtp::payload::Payload;

/// An access unit's size has 13 bits; a longer one cannot be sent.
const MOST: usize = 0x1fff;

/// The length of the AU headers **in bits**, then one AU header:
///
/// ```text
/// |       AU-headers-length       |     AU-size (13 bits)   | idx |
/// ```
const HEADERS: usize = 4;
const HEADER_BITS: u16 = 16;

/// An access unit, or a piece of one: the whole one's size stands before each piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rtp) struct Fragment<'a> {
    size: u16,
    bytes: &'a [u8],
}

impl Payload for Fragment<'_> {
    fn len(&self) -> usize {
        HEADERS + self.bytes.len()
    }

    fn write(&self, out: &mut [u8]) {
        out[..2].copy_from_slice(&HEADER_BITS.to_be_bytes());
        out[2..HEADERS].copy_from_slice(&(self.size << 3).to_be_bytes());
        out[HEADERS..].copy_from_slice(self.bytes);
    }
}

/// The payloads of a raw access unit, none longer than `room`; none of one that is too long.
pub(in crate::rtp) fn payloads(unit: &[u8], room: usize) -> impl Iterator<Item = Fragment<'_>> {
    let unit = if unit.len() <= MOST { unit } else { &[] };
    let size = unit.len() as u16;
    unit.chunks(room.saturating_sub(HEADERS).max(1)).map(move |bytes| Fragment { size, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(unit: &[u8], room: usize) -> Vec<Vec<u8>> {
        let write = |payload: Fragment<'_>| {
            let mut bytes = vec![0; payload.len()];
            payload.write(&mut bytes);
            bytes
        };
        payloads(unit, room).map(write).collect()
    }

    #[test]
    fn an_access_unit_stands_behind_one_header_of_sixteen_bits() {
        assert_eq!(written(&[7, 8, 9], 100), [vec![0, 16, 0, 3 << 3, 7, 8, 9]]);
    }

    #[test]
    fn each_piece_says_the_size_of_the_whole() {
        let unit: Vec<u8> = (0..8191_u32).map(|byte| byte as u8).collect();
        let pieces = written(&unit, 100);
        assert!(pieces.iter().all(|piece| piece.len() <= 100 && piece[..4] == [0, 16, 0xff, 0xf8]));
        assert_eq!(pieces.iter().flat_map(|piece| &piece[4..]).copied().collect::<Vec<_>>(), unit);
        assert!(written(&[0; 8192], 100).is_empty() && written(&[], 100).is_empty());
    }
}

//! A byte stream cut into access units.

use memchr::memmem;

use super::nal::{HEADER, NalType};
use crate::media::h264::after_start_code;

/// An access unit longer than this is no H.265 that anybody serves.
const MOST: usize = 8 << 20;

/// What is looked at of a NAL unit: its start code, its header and the byte behind.
const LOOK: usize = 3 + HEADER + 1;

/// Cuts an Annex-B byte stream, in whatever pieces it comes, where the next access unit begins: at the
/// first delimiter, parameter set, SEI or first slice of a picture behind a slice
/// (ITU-T H.265 section 7.4.2.4.4).
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Up to here start codes were looked for.
    scanned: usize,
    /// A slice has been seen in the access unit being read.
    slice: bool,
}

/// There is no access unit's end within 8 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Splitter {
    /// A stream's beginning.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes; hands each access unit that ends in them to `each`.
    ///
    /// # Errors
    /// See [`TooLong`]; the splitter begins anew.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), TooLong> {
        self.buffer.extend(bytes);
        loop {
            let from = self.scanned;
            let found = memmem::find(&self.buffer[from..], &[0, 0, 1]).map(|at| from + at);
            let Some(at) = found.filter(|at| at + LOOK <= self.buffer.len()) else {
                self.scanned = found.unwrap_or(self.buffer.len().saturating_sub(2)).max(from);
                break;
            };
            let nal = &self.buffer[at + 3..];
            let kind = NalType::of(nal);
            if self.slice && begins(kind, nal) {
                // A fourth zero belongs to the next start code.
                let end = if at > 0 && self.buffer[at - 1] == 0 { at - 1 } else { at };
                each(&self.buffer[..end]);
                self.buffer.drain(..end);
                self.slice = false;
                self.scanned = at - end;
                continue;
            }
            self.slice |= kind.is_slice();
            self.scanned = at + 3;
        }
        if self.buffer.len() > MOST {
            *self = Self::default();
            return Err(TooLong);
        }
        Ok(())
    }

    /// Bytes of the access unit being read.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Whether they hold a slice, or the beginning of one.
    pub fn holds_slice(&self) -> bool {
        self.slice
    }

    /// The stream ended: hands out the last access unit.
    pub fn finish(&mut self, each: impl FnOnce(&[u8])) {
        // Its last start code may stand too near the end to have been looked at.
        let rest = std::mem::take(&mut self.buffer);
        let slice = self.slice || super::nal_units(&rest).any(|nal| NalType::of(nal).is_slice());
        *self = Self::default();
        if slice {
            each(&rest);
        }
    }
}

/// Whether an access unit begins with these bytes, a start code and three more at least, where a slice stands
/// before them.
pub fn begins_unit(annex_b: &[u8]) -> bool {
    let nal = after_start_code(annex_b);
    nal.is_some_and(|nal| nal.len() > HEADER && begins(NalType::of(nal), nal))
}

fn begins(kind: NalType, nal: &[u8]) -> bool {
    let first_slice = kind.is_slice() && nal.get(HEADER).is_some_and(|byte| byte & 0x80 != 0);
    first_slice
        || matches!(kind, NalType::Delimiter | NalType::Vps | NalType::Sps | NalType::Pps | NalType::Sei)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut splitter = Splitter::new();
        let mut units = Vec::new();
        for piece in pieces {
            splitter.push(piece, |unit| units.push(unit.to_vec())).unwrap();
        }
        splitter.finish(|unit| units.push(unit.to_vec()));
        units
    }

    #[test]
    fn every_split_gives_the_same_units() {
        let expected: [&[u8]; 5] = [
            // Delimiter, VPS, SPS, PPS, two slices of an IDR picture, a suffix SEI.
            &[
                0, 0, 0, 1, 0x46, 1, 0x50, 0, 0, 0, 1, 0x40, 1, 7, 0, 0, 1, 0x42, 1, 7, 0, 0, 1, 0x44, 1, 7,
                0, 0, 1, 0x26, 1, 0xaf, 9, 0, 0, 1, 0x26, 1, 0x2f, 9, 0, 0, 1, 0x50, 1, 7,
            ],
            &[0, 0, 0, 1, 0x02, 1, 0xd0, 3, 3],
            // A prefix SEI begins; a slice of layer 1 does not.
            &[0, 0, 1, 0x4e, 1, 7, 0, 0, 1, 0x02, 1, 0xd0, 4, 0, 0, 1, 0x02, 9, 0xd0, 4],
            // The end of the sequence belongs to the picture before it.
            &[0, 0, 0, 1, 0x02, 1, 0xd0, 0, 0, 1, 0x48, 1],
            &[0, 0, 0, 1, 0x2a, 1, 0xa0],
        ];
        let stream = expected.concat();
        assert_eq!(units(&[&stream]), expected);
        for at in 0..stream.len() {
            assert_eq!(units(&[&stream[..at], &stream[at..]]), expected, "split at {at}");
        }
        assert_eq!(units(&stream.chunks(1).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn what_never_ends_is_given_up() {
        let mut splitter = Splitter::new();
        let mut result = Ok(());
        for _ in 0..9 {
            result = result.and(splitter.push(&vec![0xff; 1 << 20], |_| panic!("there is no access unit")));
        }
        assert_eq!(result, Err(TooLong));
        assert!(units(&[b"no H.265 at all"]).is_empty());
    }
}

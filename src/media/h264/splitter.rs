//! A byte stream cut into access units.

use memchr::memmem;

use super::NalType;

/// An access unit longer than this is no H.264 that anybody serves.
const MOST: usize = 8 << 20;

/// Cuts an Annex-B byte stream, in whatever pieces it comes, where the next access unit begins: at the
/// first delimiter, parameter set, SEI or first slice of a picture behind a slice
/// (ITU-T H.264 section 7.4.1.2.3).
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
            // A slice is told from the next one by the byte behind its header.
            let found = memmem::find(&self.buffer[from..], &[0, 0, 1]).map(|at| from + at);
            let Some(at) = found.filter(|at| at + 5 <= self.buffer.len()) else {
                self.scanned = found.unwrap_or(self.buffer.len().saturating_sub(2)).max(from);
                break;
            };
            let nal = &self.buffer[at + 3..];
            let kind = NalType::of(nal);
            if self.slice && begins(nal) {
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

/// Whether an access unit begins with these bytes, a start code and two more at least, where a slice stands
/// before them.
pub fn begins_unit(annex_b: &[u8]) -> bool {
    after_start_code(annex_b).is_some_and(|nal| nal.len() >= 2 && begins(nal))
}

/// What stands behind a start code of three or four bytes.
pub(in crate::media) fn after_start_code(annex_b: &[u8]) -> Option<&[u8]> {
    annex_b.strip_prefix(&[0, 0, 0, 1]).or_else(|| annex_b.strip_prefix(&[0, 0, 1]))
}

/// Whether an access unit begins at this NAL unit, of which the first two bytes are there, where a slice
/// stands before it.
fn begins(nal: &[u8]) -> bool {
    let delimiter = nal[0] & 0x1f == 9;
    // first_mb_in_slice is 0 where the first bit is 1 (ue(v)); partitions B and C have none.
    let first_slice = matches!(nal[0] & 0x1f, 1 | 2 | 5) && nal[1] & 0x80 != 0;
    delimiter || first_slice || matches!(NalType::of(nal), NalType::Sps | NalType::Pps | NalType::Sei)
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
        let expected: [&[u8]; 4] = [
            &[
                0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0x88, 5, 0, 0, 1,
                0x65, 0x40, 5,
            ],
            &[0, 0, 0, 1, 0x41, 0x9a, 3, 3, 3],
            &[0, 0, 1, 6, 7, 7, 0, 0, 1, 0x41, 0x9a, 4],
            &[0, 0, 0, 1, 0x41, 0x9a],
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
        assert!(units(&[b"no H.264 at all"]).is_empty());
    }
}

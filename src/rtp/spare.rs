//! Memory of images that are over, for those to come.

use std::iter::repeat_n;
use std::sync::Arc;

/// The smallest block.
const LEAST: usize = 256;

/// Blocks are of so many sizes from one power of two to the next.
const STEPS: usize = 8;

/// Images that are given back from one look at what was not used to the next: more than a group of pictures.
const PERIOD: usize = 1024;

/// Blocks by their sizes. Images of about one size use the same blocks again, and what was not used for a while goes to whoever
/// needs memory.
#[derive(Debug, Default)]
pub struct Spare {
    shelves: Vec<Shelf>,
    bytes: usize,
    given: usize,
}

/// Blocks of one size.
#[derive(Debug, Default)]
struct Shelf {
    blocks: Vec<Arc<[u8]>>,
    /// The fewest that were there since the last look: these were not needed.
    fewest: usize,
}

impl Spare {
    /// Takes a block that is not needed any more, if so many bytes have room for it. Who reads it yet keeps it whole.
    pub(super) fn give(&mut self, block: Arc<[u8]>, room: usize) {
        let (size, number) = size_of(block.len());
        if self.bytes + size > room || size != block.len() {
            return;
        }
        if self.shelves.len() <= number {
            self.shelves.resize_with(number + 1, Shelf::default);
        }
        self.shelves[number].blocks.push(block);
        self.bytes += size;
        self.given += 1;
        if self.given >= PERIOD {
            self.let_go_of_what_was_not_used();
        }
    }

    /// A block with room for so many bytes, which nobody else has; it holds what it held.
    pub(super) fn take(&mut self, bytes: usize) -> Arc<[u8]> {
        let (size, number) = size_of(bytes);
        // One of the next two sizes will do.
        let near = self.shelves.iter_mut().skip(number).take(3);
        let block = near.filter_map(Shelf::take).next();
        self.bytes -= block.as_ref().map_or(0, |block| block.len());
        block.unwrap_or_else(|| repeat_n(0, size).collect())
    }

    /// Gives all of it back.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn let_go_of_what_was_not_used(&mut self) {
        self.given = 0;
        for shelf in &mut self.shelves {
            let unused = shelf.blocks.drain(..shelf.fewest);
            self.bytes -= unused.map(|block| block.len()).sum::<usize>();
            shelf.fewest = shelf.blocks.len();
        }
    }
}

impl Shelf {
    fn take(&mut self) -> Option<Arc<[u8]>> {
        // Somebody may be sending one yet.
        let at = self.blocks.iter_mut().rposition(|block| Arc::get_mut(block).is_some())?;
        let block = self.blocks.swap_remove(at);
        self.fewest = self.fewest.min(self.blocks.len());
        Some(block)
    }
}

/// The size of a block that has room for so many bytes, and the number of its shelf.
fn size_of(bytes: usize) -> (usize, usize) {
    let bytes = bytes.max(LEAST);
    let step = (1 << bytes.ilog2()) / STEPS;
    let size = bytes.next_multiple_of(step);
    let octave = size.ilog2() - LEAST.ilog2();
    let within = size / ((1 << size.ilog2()) / STEPS) - STEPS;
    (size, octave as usize * STEPS + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_room_and_a_shelf_each() {
        let mut last = (LEAST, 0);
        for bytes in 0..100_000 {
            let (size, number) = size_of(bytes);
            assert!(size >= bytes && size - bytes <= (size / STEPS).max(LEAST), "{bytes}: {size}");
            assert_eq!(size_of(size), (size, number));
            let next = size > last.0 && number == last.1 + 1;
            assert!(next || (size, number) == last, "{bytes}: {size} on {number}");
            last = (size, number);
        }
    }

    #[test]
    fn what_somebody_reads_is_not_written_to_and_what_has_no_room_is_not_kept() {
        let mut spare = Spare::default();
        let first = spare.take(5000);
        spare.give(first.clone(), usize::MAX);
        let second = spare.take(5000);
        assert_ne!(first.as_ptr(), second.as_ptr());
        let place = first.as_ptr();
        drop(first);
        // A little smaller, and it has room for that.
        assert_eq!(spare.take(4500).as_ptr(), place);
        assert_eq!(spare.bytes(), 0);
        spare.give(second, 5000);
        assert_eq!(spare.bytes(), 0, "no room");
    }

    #[test]
    fn what_is_not_used_for_a_while_is_let_go_of() {
        let mut spare = Spare::default();
        let large = [(); 3].map(|()| spare.take(50_000));
        large.into_iter().for_each(|block| spare.give(block, usize::MAX));
        for _ in 0..3 * PERIOD {
            let block = spare.take(5000);
            spare.give(block, usize::MAX);
        }
        assert!((5000..10_000).contains(&spare.bytes()), "{}", spare.bytes());
    }
}

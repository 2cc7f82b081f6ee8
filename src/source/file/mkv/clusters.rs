//! Blocks in the order in which they stand: [RFC 9559](https://www.rfc-editor.org/rfc/rfc9559) section 5.1.3.

use super::blocks::{self, Block};
use super::ebml::{self, Element, element, unsigned};
use super::{CLUSTER, EBML, SEGMENT};
use crate::source::Error;
use crate::source::file::bytes::Bytes;

const TIMESTAMP: u32 = 0xe7;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const BLOCK_DURATION: u32 = 0x9b;

/// So many elements in a row without a block are no stream.
const MOST_ELEMENTS: usize = 1 << 16;

/// Bytes of a block that are read first: the head of one without lacing.
const SHORT_HEAD: usize = 16;

/// Goes through the clusters. What they are in is not looked at: clusters and the segment may have no known
/// size.
#[derive(Debug)]
pub(super) struct Clusters {
    /// Where the next element begins.
    offset: u64,
    /// The time of the cluster.
    time: u64,
}

/// A block where it stands.
#[derive(Debug)]
pub(super) struct Placed {
    /// Where its own bytes begin.
    pub(super) offset: u64,
    pub(super) block: Block,
    /// In the segment's ticks.
    pub(super) time: i128,
    /// Of each of its frames, in the segment's ticks.
    pub(super) duration: Option<u64>,
}

impl Clusters {
    /// From the element at `offset` on.
    pub(super) fn new(offset: u64) -> Self {
        Self { offset, time: 0 }
    }

    /// The next block; `None` where the file ends.
    ///
    /// # Errors
    /// It is cut short or damaged here.
    pub(super) fn next(&mut self, bytes: &Bytes) -> Result<Option<Placed>, Error> {
        for _ in 0..MOST_ELEMENTS {
            let begin = self.offset;
            if !bytes.has(begin.saturating_add(1)) {
                return Ok(None);
            }
            let found = element(bytes, begin)?;
            let whole = bytes.has(begin.saturating_add(ebml::LONGEST_HEAD as u64));
            let found = found.ok_or_else(|| if whole { damaged(begin) } else { cut(begin) })?;
            if matches!(found.id, EBML | SEGMENT) {
                return Err(Error::new(format!(
                    "another segment begins at byte {begin}, which is not played"
                )));
            }
            if found.id == CLUSTER {
                (self.offset, self.time) = (found.content, 0);
                continue;
            }
            let end = found.end().ok_or_else(|| damaged(begin))?;
            self.offset = end;
            let block = match found.id {
                SIMPLE_BLOCK | BLOCK_GROUP if !bytes.has(end) => return Err(cut(begin)),
                SIMPLE_BLOCK => Some(self.block(bytes, found, None)?),
                BLOCK_GROUP => self.group(bytes, found)?,
                TIMESTAMP => {
                    self.time = number(bytes, found)?;
                    None
                }
                _ => None,
            };
            if block.is_some() {
                return Ok(block);
            }
        }
        Err(Error::new(format!(
            "{MOST_ELEMENTS} elements in a row without a block before byte {}",
            self.offset
        )))
    }

    /// The block of a group; `None` if it has none.
    fn group(&self, bytes: &Bytes, group: Element) -> Result<Option<Placed>, Error> {
        let end = group.end().ok_or_else(|| damaged(group.content))?;
        let (mut block, mut duration) = (None, None);
        let mut offset = group.content;
        // A block, its duration, what it refers to, and little else.
        for _ in 0..256 {
            if offset >= end {
                break;
            }
            let found = element(bytes, offset)?.ok_or_else(|| damaged(offset))?;
            let after = found.end().filter(|after| *after <= end).ok_or_else(|| damaged(offset))?;
            match found.id {
                BLOCK => block = block.or(Some(found)),
                BLOCK_DURATION => duration = Some(number(bytes, found)?),
                _ => {}
            }
            offset = after;
        }
        block.map(|block| self.block(bytes, block, duration)).transpose()
    }

    fn block(&self, bytes: &Bytes, found: Element, duration: Option<u64>) -> Result<Placed, Error> {
        let size = found.size.ok_or_else(|| damaged(found.content))?;
        let mut head = [0; SHORT_HEAD];
        let length = bytes.read_some(found.content, &mut head[..SHORT_HEAD.min(to_usize(size))])?;
        let mut block = Block::parse(&head[..length], size);
        if block.is_none() && size > SHORT_HEAD as u64 {
            let mut head = vec![0; blocks::HEAD.min(to_usize(size))];
            let length = bytes.read_some(found.content, &mut head)?;
            block = Block::parse(&head[..length], size);
        }
        let block = block.ok_or_else(|| damaged(found.content))?;
        let time = i128::from(self.time) + i128::from(block.time);
        Ok(Placed { offset: found.content, block, time, duration })
    }
}

fn number(bytes: &Bytes, found: Element) -> Result<u64, Error> {
    let size = found.size.filter(|size| *size <= 8).ok_or_else(|| damaged(found.content))?;
    let content = bytes.read(found.content, to_usize(size))?.ok_or_else(|| cut(found.content))?;
    unsigned(&content).ok_or_else(|| damaged(found.content))
}

fn to_usize(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn damaged(offset: u64) -> Error {
    Error::new(format!("it is damaged at byte {offset}; make it anew: `ffmpeg -i FILE -c copy NEW.mkv`"))
}

fn cut(offset: u64) -> Error {
    Error::new(format!("it is cut short at byte {offset}, or still being written"))
}

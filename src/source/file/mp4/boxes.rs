//! Boxes: ISO/IEC 14496-12 section 4.2.

use crate::source::Error;
use crate::source::file::bytes::Bytes;

/// A box at the top of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: [u8; 4],
    /// Bytes of its header.
    pub(super) head: u64,
    /// Bytes of all of it.
    pub(super) size: u64,
}

/// A box in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) kind: [u8; 4],
    /// With its header.
    pub(super) whole: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// The box at `offset` of the file; `None` at the file's end, or where no box can be.
pub(super) fn header(bytes: &Bytes, offset: u64) -> Result<Option<Header>, Error> {
    let mut head = [0; 16];
    let length = bytes.read_some(offset, &mut head)?;
    let left = bytes.length().saturating_sub(offset);
    Ok(parse(&head[..length], left))
}

/// The boxes in `bytes`, up to what is none: QuickTime ends some lists with four zeros.
pub(super) fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = Found<'_>> {
    std::iter::from_fn(move || {
        let Header { kind, head, size } = parse(bytes, bytes.len() as u64)?;
        let (whole, rest) = bytes.split_at_checked(usize::try_from(size).ok()?)?;
        bytes = rest;
        Some(Found { kind, whole, payload: whole.get(head as usize..)? })
    })
}

/// The first box of a kind.
pub(super) fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<Found<'a>> {
    boxes(bytes).find(|found| found.kind == *kind)
}

/// Four bytes at a place.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

fn parse(bytes: &[u8], left: u64) -> Option<Header> {
    let kind = *bytes.get(4..)?.first_chunk()?;
    let (head, size) = match word(bytes, 0)? {
        0 => (8, left),
        1 => (16, bytes.get(8..)?.first_chunk().map(|size| u64::from_be_bytes(*size))?),
        size => (8, u64::from(size)),
    };
    (size >= head).then_some(Header { kind, head, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_have_short_long_and_open_ends() {
        let bytes = b"\0\0\0\x0aabcdXY\0\0\0\x01long\0\0\0\0\0\0\0\x11Z\0\0\0\0lastrest";
        let found: Vec<_> = boxes(bytes).map(|found| (found.kind, found.payload)).collect();
        assert_eq!(found, [(*b"abcd", &b"XY"[..]), (*b"long", b"Z"), (*b"last", b"rest")]);
    }

    #[test]
    fn what_is_no_box_ends_the_list() {
        for bytes in
            [&b""[..], b"\0\0\0", b"\0\0\0\x07abcd", b"\0\0\0\x09abcd", b"\0\0\0\x01abcd\0\0\0\0\0\0\0\x0f"]
        {
            assert_eq!(boxes(bytes).count(), 0, "{bytes:?}");
        }
    }
}

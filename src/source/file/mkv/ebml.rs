//! Elements: [RFC 8794](https://www.rfc-editor.org/rfc/rfc8794) sections 4 to 7.

use crate::source::Error;
use crate::source::file::bytes::Bytes;

/// Bytes of the longest head: four of the ID, eight of the size.
pub(super) const LONGEST_HEAD: usize = 12;

/// An element of a file, by its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// With its marker, as the specifications write it.
    pub(super) id: u32,
    /// Where its content begins.
    pub(super) content: u64,
    /// Bytes of its content; `None` where it goes on until something comes that cannot be in it.
    pub(super) size: Option<u64>,
}

impl Element {
    /// Where its content ends; `None` where that is not known, or beyond what can be counted.
    pub(super) fn end(&self) -> Option<u64> {
        self.content.checked_add(self.size?)
    }
}

/// An element in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) id: u32,
    pub(super) content: &'a [u8],
}

/// The element at `offset` of the file; `None` where none can be, the file's end included.
pub(super) fn element(bytes: &Bytes, offset: u64) -> Result<Option<Element>, Error> {
    let mut head = [0; LONGEST_HEAD];
    let length = bytes.read_some(offset, &mut head)?;
    Ok(parse(&head[..length]).and_then(|(id, size, head)| {
        let content = offset.checked_add(head as u64)?;
        Some(Element { id, content, size })
    }))
}

/// The elements in `bytes`, up to what is none.
pub(super) fn elements(mut bytes: &[u8]) -> impl Iterator<Item = Found<'_>> {
    std::iter::from_fn(move || {
        let (id, size, head) = parse(bytes)?;
        let size = usize::try_from(size?).ok()?;
        let (content, rest) = bytes.get(head..)?.split_at_checked(size)?;
        bytes = rest;
        Some(Found { id, content })
    })
}

/// The content of the first element of an ID.
pub(super) fn find(bytes: &[u8], id: u32) -> Option<&[u8]> {
    elements(bytes).find(|found| found.id == id).map(|found| found.content)
}

/// The number that an element is; one of no bytes is 0.
pub(super) fn unsigned(content: &[u8]) -> Option<u64> {
    (content.len() <= 8).then(|| number(content))
}

/// A size at the beginning of `bytes`, and how many bytes it takes; `None` inside where all its bits are set,
/// which means that it is not known.
pub(super) fn size(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let (value, length) = vint(bytes, 8)?;
    let most = (1 << (7 * length)) - 1;
    let value = value & most;
    Some(((value != most).then_some(value), length))
}

fn parse(bytes: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let (id, of_id) = vint(bytes, 4)?;
    let (size, of_size) = size(bytes.get(of_id..)?)?;
    Some((id as u32, size, of_id + of_size))
}

/// A number of variable length, its marker included, and its length.
fn vint(bytes: &[u8], longest: usize) -> Option<(u64, usize)> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    let bytes = bytes.get(..length).filter(|_| length <= longest)?;
    Some((number(bytes), length))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_every_length() {
        for (bytes, expected) in [
            (&[0x81][..], Some((Some(1), 1))),
            (&[0xff], Some((None, 1))),
            (&[0xfe], Some((Some(126), 1))),
            (&[0x40, 1, 9], Some((Some(1), 2))),
            (&[0x7f, 0xff], Some((None, 2))),
            (&[1, 0, 0, 0, 0, 0, 0, 2], Some((Some(2), 8))),
            (&[1, 255, 255, 255, 255, 255, 255, 254], Some((Some((1 << 56) - 2), 8))),
            (&[1, 255, 255, 255, 255, 255, 255, 255], Some((None, 8))),
            (&[0x40], None),
            (&[0; 9], None),
            (&[], None),
        ] {
            assert_eq!(size(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn elements_lie_one_behind_the_other_up_to_what_is_none() {
        let bytes = [0x83, 0x81, 1, 0x22, 0xb5, 0x9c, 0x82, b'e', b'n', 0x80, 0x80];
        let found: Vec<_> = elements(&bytes).map(|found| (found.id, found.content)).collect();
        assert_eq!(found, [(0x83, &[1][..]), (0x22_b59c, b"en"), (0x80, b"")]);
        for cut in [1, 2, 4, 8] {
            assert!(elements(&bytes[..cut]).count() < 2, "cut at {cut}");
        }
        for none in [&[0x08, 0x81, 1][..], &[0x83, 0xff], &[0x83, 1, 255, 255, 255, 255, 255, 255, 254]] {
            assert_eq!(elements(none).count(), 0, "{none:?}");
        }
    }

    #[test]
    fn numbers_have_up_to_eight_bytes() {
        assert_eq!(unsigned(&[]), Some(0));
        assert_eq!(unsigned(&[1, 0]), Some(256));
        assert_eq!(unsigned(&[255; 8]), Some(u64::MAX));
        assert_eq!(unsigned(&[0; 9]), None);
    }
}

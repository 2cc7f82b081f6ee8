//! H.265 into packets ([RFC 7798](https://www.rfc-editor.org/rfc/rfc7798)): NAL units alone or in fragments,
//! in the order of decoding, without DONL.

use crate::media::h265::{NalType, nal_units};
use crate::rtp::payload::Payload;

/// [Fragmentation unit](https://www.rfc-editor.org/rfc/rfc7798#section-4.4.3):
///
/// ```text
/// | payload header (type 49) |S|E|  FuType   | a piece of the NAL unit |
/// ```
const FU: u8 = 49;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// The NAL unit's header, and the payload's.
const HEADER: usize = 2;

/// A NAL unit, whole or a piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rtp) enum Unit<'a> {
    Single(&'a [u8]),
    Fragment { head: [u8; 3], bytes: &'a [u8] },
}

impl Payload for Unit<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Single(nal) => nal.len(),
            Self::Fragment { head, bytes } => head.len() + bytes.len(),
        }
    }

    fn write(&self, out: &mut [u8]) {
        match self {
            Self::Single(nal) => out.copy_from_slice(nal),
            Self::Fragment { head, bytes } => {
                out[..3].copy_from_slice(head);
                out[3..].copy_from_slice(bytes);
            }
        }
    }
}

/// The payloads of an access unit, none longer than `room`; all fragments of a NAL unit but its last
/// have the same size, so that the kernel can cut one message into them.
pub(in crate::rtp) fn payloads(annex_b: &[u8], room: usize) -> impl Iterator<Item = Unit<'_>> {
    nal_units(annex_b).filter(|nal| NalType::of(nal).is_sent()).flat_map(move |nal| of_nal(nal, room))
}

fn of_nal(nal: &[u8], room: usize) -> impl Iterator<Item = Unit<'_>> {
    // What is sent has a whole header.
    let single = (nal.len() <= room.max(HEADER)).then_some(Unit::Single(nal));
    let body = if single.is_some() { &[] } else { &nal[HEADER..] };
    let step = room.saturating_sub(3).max(1);
    let last = body.len().div_ceil(step).saturating_sub(1);
    let fragments = body.chunks(step).enumerate().map(move |(index, bytes)| {
        let start = if index == 0 { FU_START } else { 0 };
        let end = if index == last { FU_END } else { 0 };
        let kind = nal[0] >> 1 & 0x3f;
        Unit::Fragment { head: [nal[0] & 0x81 | FU << 1, nal[1], start | end | kind], bytes }
    });
    single.into_iter().chain(fragments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter().flat_map(|nal| [&[0, 0, 0, 1][..], nal].concat()).collect()
    }

    /// Puts NAL units together again, as a receiver does.
    fn join(annex_b: &[u8], room: usize) -> Vec<Vec<u8>> {
        let mut nals: Vec<Vec<u8>> = Vec::new();
        for payload in payloads(annex_b, room) {
            let mut bytes = vec![0; payload.len()];
            payload.write(&mut bytes);
            assert!(bytes.len() <= room);
            match bytes[0] >> 1 {
                FU if bytes[2] & FU_START != 0 => {
                    assert_eq!(bytes[2] & FU_END, 0, "a fragmented unit has at least two fragments");
                    let header = [bytes[0] & 0x81 | (bytes[2] & 0x3f) << 1, bytes[1]];
                    nals.push([&header[..], &bytes[3..]].concat());
                }
                FU => nals.last_mut().unwrap().extend(&bytes[3..]),
                _ => nals.push(bytes),
            }
        }
        nals
    }

    #[test]
    fn units_of_every_size_come_back_bit_exact() {
        let room = 100;
        for length in [3, 99, 100, 101, 102, 196, 197, 1000, 1_000_000] {
            let mut nal = vec![0x26; length];
            nal.iter_mut().skip(2).enumerate().for_each(|(index, byte)| *byte = (index % 251) as u8 | 1);
            nal[1] = 3;
            assert_eq!(join(&unit(&[&nal]), room), [nal], "{length}");
        }
    }

    #[test]
    fn all_fragments_but_the_last_have_one_size() {
        let nal = [&[2, 1][..], &[0x41; 1000]].concat();
        let sizes: Vec<usize> = payloads(&unit(&[&nal]), 100).map(|payload| payload.len()).collect();
        assert!(sizes.len() > 10 && sizes[..sizes.len() - 1].iter().all(|size| *size == 100));
    }

    #[test]
    fn delimiters_ends_filler_and_rtps_own_types_are_not_sent() {
        let own = [[0x46, 1], [0x48, 1], [0x4c, 1], [0x60, 1], [0x62, 1], [0x64, 1]];
        let annex_b: Vec<u8> = own.iter().flat_map(|nal| unit(&[&[nal[0], nal[1], 9]])).collect();
        assert_eq!(join(&[annex_b, unit(&[&[2, 1, 9], &[7]])].concat(), 100), [vec![2, 1, 9]]);
    }
}

//! H.264 into packets, packetization mode 1 ([RFC 6184](https://www.rfc-editor.org/rfc/rfc6184)).

use crate::media::h264::{NalType, nal_units};
use crate::rtp::payload::Payload;

/// [FU-A](https://www.rfc-editor.org/rfc/rfc6184#section-5.8): indicator and header instead of the NAL header.
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// One packet's payload, borrowed from the access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rtp) enum Unit<'a> {
    /// A whole NAL unit.
    Single(&'a [u8]),
    /// A fragment of one.
    Fragment { indicator: u8, header: u8, bytes: &'a [u8] },
}

impl Payload for Unit<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Single(nal) => nal.len(),
            Self::Fragment { bytes, .. } => 2 + bytes.len(),
        }
    }

    fn write(&self, out: &mut [u8]) {
        match self {
            Self::Single(nal) => out.copy_from_slice(nal),
            Self::Fragment { indicator, header, bytes } => {
                out[0] = *indicator;
                out[1] = *header;
                out[2..].copy_from_slice(bytes);
            }
        }
    }
}

/// The payloads of an access unit, none longer than `room`; all fragments of a NAL unit but its last
/// have the same size, so that the kernel can cut one message into them.
pub(in crate::rtp) fn payloads(annex_b: &[u8], room: usize) -> impl Iterator<Item = Unit<'_>> {
    nal_units(annex_b)
        .filter(|nal| NalType::of(nal) != NalType::Dropped)
        .flat_map(move |nal| of_nal(nal, room))
}

fn of_nal(nal: &[u8], room: usize) -> impl Iterator<Item = Unit<'_>> {
    let single = (nal.len() <= room).then_some(Unit::Single(nal));
    let body = if single.is_some() { &[] } else { &nal[1..] };
    let step = room.saturating_sub(2).max(1);
    let last = body.len().div_ceil(step).saturating_sub(1);
    let fragments = body.chunks(step).enumerate().map(move |(index, bytes)| {
        let start = if index == 0 { FU_START } else { 0 };
        let end = if index == last { FU_END } else { 0 };
        Unit::Fragment { indicator: nal[0] & 0xe0 | FU_A, header: start | end | nal[0] & 0x1f, bytes }
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
            match bytes[0] & 0x1f {
                FU_A if bytes[1] & FU_START != 0 => {
                    assert_eq!(bytes[1] & FU_END, 0, "a fragmented unit has at least two fragments");
                    nals.push([&[bytes[0] & 0xe0 | bytes[1] & 0x1f][..], &bytes[2..]].concat());
                }
                FU_A => nals.last_mut().unwrap().extend(&bytes[2..]),
                _ => nals.push(bytes),
            }
        }
        nals
    }

    #[test]
    fn units_of_every_size_come_back_bit_exact() {
        let room = 100;
        for length in [1, 2, 99, 100, 101, 198, 199, 1000, 1_000_000] {
            let mut nal = vec![0x65; length];
            nal.iter_mut().skip(1).enumerate().for_each(|(index, byte)| *byte = (index % 251) as u8 | 1);
            assert_eq!(join(&unit(&[&nal]), room), [nal], "{length}");
        }
    }

    #[test]
    fn all_fragments_but_the_last_have_one_size() {
        let nal = vec![0x41; 1000];
        let sizes: Vec<usize> = payloads(&unit(&[&nal]), 100).map(|payload| payload.len()).collect();
        assert!(sizes[..sizes.len() - 1].iter().all(|size| *size == 100));
    }

    #[test]
    fn delimiters_filler_and_reserved_types_are_not_sent() {
        let annex_b = unit(&[&[9, 0xf0], &[12, 0xff], &[0, 1], &[0x78, 1], &[0x65, 1]]);
        assert_eq!(join(&annex_b, 100), [vec![0x65, 1]]);
    }
}

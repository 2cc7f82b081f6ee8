//! H.264 from encoders and files that give anything.

use lenslet::media::h264::{self, Assembler, NalType, ParameterSets, Splitter};
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, TrackId};
use lenslet::rtp::Sender;

use super::input::{Input, cuts};

fn nals(annex_b: &[u8]) -> Vec<&[u8]> {
    h264::nal_units(annex_b).collect()
}

fn units<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut splitter = Splitter::new();
    let mut units = Vec::new();
    for piece in pieces {
        splitter.push(piece, |unit| units.push(unit.to_vec())).unwrap();
    }
    splitter.finish(|unit| units.push(unit.to_vec()));
    units
}

/// Whatever the pieces, the same access units; no NAL unit is lost or cut.
pub(crate) fn splitter(data: &[u8]) {
    let whole = units([data]);
    for at in cuts(data) {
        assert_eq!(units([&data[..at], &data[at..]]), whole, "cut at {at}");
    }
    if data.len() < 4096 {
        assert_eq!(units(data.chunks(1)), whole, "byte by byte");
    }
    let given: Vec<&[u8]> = whole.iter().flat_map(|unit| nals(unit)).collect();
    assert!(nals(data).starts_with(&given));
    for unit in &whole {
        assert!(nals(unit).iter().any(|nal| NalType::of(nal).is_slice()), "a picture in each");
    }
}

/// What is given can be decoded: parameter sets first, every slice in order, nothing that nobody needs.
pub(crate) fn assembler(data: &[u8]) {
    let mut assembler = Assembler::new();
    let mut started = false;
    for unit in units([data]) {
        let Some((assembled, link)) = assembler.assemble(&unit) else { continue };
        let (before, after) = (nals(&unit), nals(&assembled));
        let slices = |nals: &[&[u8]]| {
            nals.iter().filter(|nal| NalType::of(nal).is_slice()).map(|nal| nal.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(slices(&after), slices(&before));
        assert!(after.iter().all(|nal| NalType::of(nal) != NalType::Dropped));
        let sets = assembler.parameter_sets().unwrap();
        let idr = after.iter().any(|nal| NalType::of(nal) == NalType::Idr);
        assert_eq!(idr, link == Link::Start);
        assert!(started || idr, "begins at a keyframe");
        if idr {
            // The SPS, and its every PPS.
            let first = after.iter().position(|nal| NalType::of(nal).is_slice());
            assert_eq!(after[0], sets.sps());
            assert!(after[1..first.unwrap()].contains(&sets.pps()));
        }
        started = true;
    }
}

/// Taken apart, put together and taken apart again: the same NAL units.
pub(crate) fn nal_units(data: &[u8]) {
    let first = nals(data);
    for nal in &first {
        assert!(!nal.is_empty() && nal.last() != Some(&0));
        assert!(!nal.windows(3).any(|bytes| bytes == [0, 0, 1]));
    }
    for start_code in [&[0, 0, 1][..], &[0, 0, 0, 1]] {
        let again: Vec<u8> = first.iter().flat_map(|nal| [start_code, nal].concat()).collect();
        assert_eq!(nals(&again), first);
    }
}

/// Whatever an SPS says, the picture's size is read or not, and nobody panics.
pub(crate) fn parameter_sets(data: &[u8]) {
    let sets = ParameterSets::new(data, &[0x68]);
    assert_eq!(sets.sps(), data);
    if let Some(picture) = sets.picture() {
        assert!(picture.rate.is_none_or(|rate| rate.is_finite() && rate >= 0.0));
    }
}

/// Any encoder's output becomes packets that a receiver puts together again, bit by bit.
pub(crate) fn packetizer(data: &[u8]) {
    let mut input = Input(data);
    let max_packet = usize::from(input.word()) % 2048;
    let first_seq = input.word();
    let codec = Codec::H264(ParameterSets::new(&[0x67], &[0x68]));
    let mut sender = Sender::new(TrackId(0), &codec, 7, first_seq, 9, max_packet);
    let unit = AccessUnit {
        track: TrackId(0),
        time: MediaTime::from_nanos(u64::from(input.word()) << 40),
        link: Link::Follows,
        journey: None,
        data: input.0.into(),
    };
    let expected: Vec<&[u8]> =
        nals(input.0).into_iter().filter(|nal| NalType::of(nal) != NalType::Dropped).collect();
    let Some(image) = sender.packetize(&unit) else {
        assert!(expected.is_empty());
        assert_eq!(sender.next_seq(), first_seq);
        return;
    };
    assert_eq!(image.packets().count(), usize::from(image.packets));
    assert_eq!(image.as_bytes().len(), image.octets as usize + 16 * usize::from(image.packets));
    let mut joined: Vec<Vec<u8>> = Vec::new();
    let mut open = false;
    for (index, packet) in image.packets().enumerate() {
        let seq = u16::from_be_bytes([packet[2], packet[3]]);
        assert_eq!(seq, first_seq.wrapping_add(index as u16));
        assert_eq!(packet[1] >> 7 == 1, index + 1 == usize::from(image.packets), "marks the last");
        assert!(packet.len() + 48 <= max_packet.max(12 + 16 + 48));
        let payload = &packet[12..];
        if payload[0] & 0x1f == 28 {
            let (start, end) = (payload[1] & 0x80 != 0, payload[1] & 0x40 != 0);
            assert!(start != open && !(start && end));
            if start {
                joined.push(vec![payload[0] & 0xe0 | payload[1] & 0x1f]);
            }
            joined.last_mut().unwrap().extend(&payload[2..]);
            open = !end;
        } else {
            assert!(!open);
            joined.push(payload.to_vec());
        }
    }
    assert!(!open);
    assert_eq!(joined, expected);
    assert_eq!(sender.next_seq(), first_seq.wrapping_add(image.packets));
}

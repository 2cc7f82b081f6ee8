//! H.265 out of packets ([RFC 7798](https://www.rfc-editor.org/rfc/rfc7798)), in the order of decoding,
//! without DONL.

use crate::media::h265::NalType;
use crate::rtp::nal::{self, Format, Meaning, Unit};

/// [Fragmentation unit](https://www.rfc-editor.org/rfc/rfc7798#section-4.4.3): its header's bits.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// Puts access units of H.265 together.
pub(in crate::rtp) type Depacketizer = nal::Depacketizer<H265>;

/// What is H.265's own.
#[derive(Debug, Default)]
pub(in crate::rtp) struct H265;

impl Format for H265 {
    /// By [payload structure](https://www.rfc-editor.org/rfc/rfc7798#section-4.4).
    fn handle_payload(unit: &mut Unit<Self>, payload: &[u8]) {
        match payload {
            // Keeps a stream alive.
            [] => {}
            // Annex B as it came out of the encoder.
            [0, 0, 1, ..] | [0, 0, 0, 1, ..] => unit.whole(payload),
            [first, second, rest @ ..] => match number(*first) {
                0..=47 => unit.whole(payload),
                48 => aggregate(unit, rest),
                49 => fragment(unit, [*first, *second], rest),
                // PACI: it may hold a slice; nobody sends it.
                50 => unit.refuse(),
                // Reserved: to be ignored.
                _ => unit.ignore(),
            },
            [_] => unit.refuse(),
        }
    }

    fn meaning(nal: &[u8]) -> Option<Meaning> {
        let [first, _, body @ ..] = nal else { return None };
        let number = number(*first);
        if number > 47 {
            return None;
        }
        let kind = NalType::of(nal);
        Some(Meaning {
            slice: kind.is_slice(),
            keyframe: kind.is_irap(),
            // A delimiter or VPS (ITU-T H.265 section 7.4.2.4.4).
            begins: matches!(number, 32 | 35),
            // first_slice_segment_in_pic_flag: there are senders whose parameter sets stand in the SDP alone.
            continues: kind.is_slice() && body.first().is_none_or(|byte| byte & 0x80 == 0),
        })
    }
}

/// The type in a NAL unit's first byte.
fn number(first: u8) -> u8 {
    first >> 1 & 0x3f
}

/// [Aggregation packet](https://www.rfc-editor.org/rfc/rfc7798#section-4.4.2): sizes of 16 bits, each with
/// a NAL unit.
fn aggregate(unit: &mut Unit<H265>, mut rest: &[u8]) {
    while let [high, low, behind @ ..] = rest {
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((nal, next)) = behind.split_at_checked(size) else {
            return unit.refuse();
        };
        if !nal.is_empty() {
            unit.whole(nal);
        }
        rest = next;
    }
}

/// The NAL unit's header has its type from the fragment's, the rest from the payload's.
fn fragment(unit: &mut Unit<H265>, [first, second]: [u8; 2], rest: &[u8]) {
    let [flags, bytes @ ..] = rest else {
        return unit.refuse();
    };
    let header = [first & 0x81 | (flags & 0x3f) << 1, second];
    if flags & FU_START != 0 {
        unit.start_fragment(&header);
    }
    unit.continue_fragment(bytes, &header);
    if flags & FU_END != 0 {
        unit.end_fragment();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::h265::nal_units;
    use crate::rtp::{DepacketizedUnit, Dropped};

    /// Timestamp, marker, packets missing before it, payload.
    type Packet<'a> = (u32, bool, u16, &'a [u8]);

    /// Timestamp, NAL units, keyframe, damaged.
    type Told = (u32, Vec<Vec<u8>>, bool, bool);

    fn told(unit: &DepacketizedUnit) -> Told {
        let nals: Vec<Vec<u8>> = nal_units(&unit.data).map(<[u8]>::to_vec).collect();
        let exact: Vec<u8> = nals.iter().flat_map(|nal| [&[0, 0, 0, 1], &nal[..]].concat()).collect();
        assert_eq!(unit.data, exact, "start codes of four bytes and nothing else between the NAL units");
        (unit.timestamp, nals, unit.keyframe, unit.damaged)
    }

    fn run(packets: &[Packet<'_>]) -> (Vec<Told>, Dropped) {
        let mut depacketizer = Depacketizer::new();
        for (timestamp, marker, lost, payload) in packets {
            depacketizer.handle_packet(*timestamp, *marker, *lost, payload);
        }
        let units: Vec<Told> =
            std::iter::from_fn(|| depacketizer.poll_unit()).map(|unit| told(&unit)).collect();
        (units, depacketizer.dropped())
    }

    fn unit(timestamp: u32, nals: &[&[u8]], keyframe: bool, damaged: bool) -> Told {
        (timestamp, nals.iter().map(|nal| nal.to_vec()).collect(), keyframe, damaged)
    }

    /// A name, what comes, and the access units that it becomes.
    type Case<'a> = (&'a str, &'a [Packet<'a>], &'a [Told]);

    fn check(cases: &[Case<'_>]) {
        for (name, packets, expected) in cases {
            assert_eq!(run(packets).0, *expected, "{name}");
        }
    }

    const VPS: &[u8] = &[0x40, 1, 1];
    const SPS: &[u8] = &[0x42, 1, 2];
    const PPS: &[u8] = &[0x44, 1, 3];
    const SEI: &[u8] = &[0x4e, 1, 4];
    const SLICE: &[u8] = &[0x02, 1, 0xd0];
    const LATER: &[u8] = &[0x02, 1, 0x50];
    const IDR: &[u8] = &[0x26, 1, 0xaf, 5];
    const CRA: &[u8] = &[0x2a, 1, 0xaf, 6];
    const START: &[u8] = &[0x62, 1, 0x93, 0xaf];
    const MIDDLE: &[u8] = &[0x62, 1, 0x13, 7];
    const END: &[u8] = &[0x62, 1, 0x53, 5];

    #[test]
    fn nal_units_are_found_in_payloads_of_every_kind() {
        check(&[
            (
                "single NAL units, the last one marked",
                &[
                    (1, false, 0, VPS),
                    (1, false, 0, SPS),
                    (1, false, 0, PPS),
                    (1, true, 0, CRA),
                    (2, true, 0, SLICE),
                ],
                &[unit(1, &[VPS, SPS, PPS, CRA], true, false), unit(2, &[SLICE], false, false)],
            ),
            (
                "an aggregation packet, with a unit of no bytes and a byte too many",
                &[(1, true, 0, &[0x60, 1, 0, 3, 0x40, 1, 1, 0, 0, 0, 4, 0x26, 1, 0xaf, 5, 0])],
                &[unit(1, &[VPS, IDR], true, false)],
            ),
            (
                "fragments, the header put together from two",
                &[(1, false, 0, START), (1, false, 0, MIDDLE), (1, true, 0, END)],
                &[unit(1, &[&[0x26, 1, 0xaf, 7, 5]], true, false)],
            ),
            (
                "a single fragment that is both start and end",
                &[(1, true, 0, &[0x62, 1, 0xc1, 0xd0])],
                &[unit(1, &[SLICE], false, false)],
            ),
            (
                "an encoder's output as one NAL unit",
                &[(1, true, 0, &[0, 0, 0, 1, 0x40, 1, 1, 0, 0, 1, 0x26, 1, 0xaf, 5])],
                &[unit(1, &[VPS, IDR], true, false)],
            ),
            (
                "a marker on the SEI before the slices, none on the last",
                &[(1, true, 0, SEI), (1, false, 0, SLICE), (2, true, 0, SLICE)],
                &[unit(1, &[SEI, SLICE], false, false), unit(2, &[SLICE], false, false)],
            ),
        ]);
    }

    #[test]
    fn every_irap_picture_is_a_keyframe_and_no_other() {
        for number in 0..48u8 {
            let nal = [number << 1, 1, 0xd0];
            let keyframe = (16..22).contains(&number);
            let told = run(&[(1, false, 0, &nal), (2, true, 0, SLICE)]).0;
            assert_eq!(told[0], unit(1, &[&nal], keyframe, false), "{number}");
        }
    }

    #[test]
    fn what_is_missing_is_damage_until_the_next_keyframe() {
        check(&[
            (
                "a slice of several",
                &[(1, true, 0, IDR), (2, false, 0, SLICE), (2, true, 1, LATER), (3, true, 0, SLICE)],
                &[
                    unit(1, &[IDR], true, false),
                    unit(2, &[SLICE, LATER], false, true),
                    unit(3, &[SLICE], false, false),
                ],
            ),
            (
                "a piece in the middle: nothing of the picture, and the next lacks it",
                &[(1, false, 0, START), (1, true, 1, END), (2, true, 0, SLICE)],
                &[unit(2, &[SLICE], false, true)],
            ),
            (
                "the same before a keyframe",
                &[(1, false, 0, START), (1, true, 1, END), (2, true, 0, IDR)],
                &[unit(2, &[IDR], true, false)],
            ),
            (
                "before a VPS nothing of the unit can be missing, before others it can",
                &[
                    (1, true, 0, IDR),
                    (2, false, 1, VPS),
                    (2, true, 0, IDR),
                    (3, false, 1, SPS),
                    (3, true, 0, IDR),
                ],
                &[
                    unit(1, &[IDR], true, false),
                    unit(2, &[VPS, IDR], true, false),
                    unit(3, &[SPS, IDR], true, true),
                ],
            ),
            (
                "reception that begins within a picture",
                &[(1, true, 0, LATER), (2, true, 0, SLICE)],
                &[unit(1, &[LATER], false, true), unit(2, &[SLICE], false, false)],
            ),
        ]);
    }

    #[test]
    fn what_cannot_be_read_is_damage_and_counted() {
        for (name, packets, expected, payloads) in [
            (
                "PACI, half a header, an aggregation packet that ends early",
                &[
                    (1, true, 0, &[0x64, 1, 0, 0][..]),
                    (2, true, 0, &[2]),
                    (3, true, 0, &[0x60, 1, 0, 9, 2, 1]),
                ][..],
                vec![],
                3,
            ),
            ("a fragment without its header", &[(1, true, 0, &[0x62, 1])], vec![], 1),
            (
                "reserved types",
                &[(1, false, 0, &[0x66, 1, 1]), (1, true, 0, SLICE)],
                vec![unit(1, &[SLICE], false, false)],
                1,
            ),
            (
                "RTP's own types within a fragment",
                &[(1, false, 0, &[0x62, 1, 0xf0, 1]), (1, true, 0, SLICE)],
                vec![unit(1, &[SLICE], false, false)],
                1,
            ),
        ] {
            let (units, dropped) = run(packets);
            assert_eq!((units, dropped), (expected, Dropped { payloads, units: 0 }), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_payloads_panic(
            packets in prop::collection::vec(
                (0..3u32, any::<bool>(), 0..2u16, any::<u8>(), prop::collection::vec(0..4u8, 0..40)),
                0..60,
            ),
        ) {
            let mut depacketizer = Depacketizer::new();
            for (timestamp, marker, lost, header, rest) in &packets {
                depacketizer.handle_packet(*timestamp, *marker, *lost, &[&[*header][..], rest].concat());
                while let Some(unit) = depacketizer.poll_unit() {
                    prop_assert!(unit.data.starts_with(&[0, 0, 0, 1]));
                    prop_assert!(nal_units(&unit.data).all(|nal| nal.len() >= 2 && number(nal[0]) < 48));
                }
            }
        }
    }
}

//! H.264 out of packets, as senders are, not only as [RFC 6184](https://www.rfc-editor.org/rfc/rfc6184)
//! would have them.

use crate::media::h264::NalType;
use crate::rtp::nal::{self, Format, Meaning, Unit};

/// [Fragmentation unit](https://www.rfc-editor.org/rfc/rfc6184#section-5.8): its header's bits.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// Puts access units of H.264 together.
pub(in crate::rtp) type Depacketizer = nal::Depacketizer<H264>;

/// What is H.264's own.
#[derive(Debug, Default)]
pub(in crate::rtp) struct H264;

impl Format for H264 {
    fn handle_payload(unit: &mut Unit<Self>, payload: &[u8]) {
        handle_payload(unit, payload);
    }

    fn meaning(nal: &[u8]) -> Option<Meaning> {
        let number = nal.first()? & 0x1f;
        if matches!(number, 0 | 24..) {
            return None;
        }
        let kind = NalType::of(nal);
        Some(Meaning {
            slice: kind.is_slice(),
            keyframe: kind == NalType::Idr,
            // A delimiter or SPS (ITU-T H.264 section 7.4.1.2.3).
            begins: matches!(number, 7 | 9),
            // The first slice is the one whose first_mb_in_slice is 0, a bit of 1 (ue(v)): there are senders
            // whose parameter sets stand in the SDP alone.
            continues: kind.is_slice() && nal.get(1).is_none_or(|byte| byte & 0x80 == 0),
        })
    }
}

/// By [packet type](https://www.rfc-editor.org/rfc/rfc6184#section-5.2).
fn handle_payload(unit: &mut Unit<H264>, payload: &[u8]) {
    match payload {
        // Keeps a stream alive.
        [] => {}
        // Annex B as it came out of the encoder.
        [0, 0, 1, ..] | [0, 0, 0, 1, ..] => unit.whole(payload),
        [header, rest @ ..] => match header & 0x1f {
            1..=23 => unit.whole(payload),
            24 => aggregate(unit, rest),
            28 => fragment(unit, *header, rest),
            // STAP-B, MTAP16, MTAP24, FU-B: only with interleaving, which no SDP of ours agrees to.
            25..=27 | 29 => unit.refuse(),
            // Reserved: to be ignored.
            _ => unit.ignore(),
        },
    }
}

/// [STAP-A](https://www.rfc-editor.org/rfc/rfc6184#section-5.7.1): sizes of 16 bits, each with a NAL unit.
fn aggregate(unit: &mut Unit<H264>, mut rest: &[u8]) {
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

/// [FU-A](https://www.rfc-editor.org/rfc/rfc6184#section-5.8), in packetization mode 0 too.
fn fragment(unit: &mut Unit<H264>, indicator: u8, rest: &[u8]) {
    let [header, bytes @ ..] = rest else {
        return unit.refuse();
    };
    if header & FU_START != 0 {
        unit.start_fragment(&[indicator & 0xe0 | header & 0x1f]);
    }
    // The later ones' type says nothing: there are cameras that write others there.
    unit.continue_fragment(bytes, &[header & 0x1f]);
    if header & FU_END != 0 {
        unit.end_fragment();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::h264::nal_units;
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

    const SLICE: &[u8] = &[0x41, 0x9a, 1];
    const LATER: &[u8] = &[0x41, 0x9a, 2];
    const IDR: &[u8] = &[0x65, 0x88, 3];
    const SPS: &[u8] = &[0x67, 66, 4];
    const PPS: &[u8] = &[0x68, 5];
    const START: &[u8] = &[0x7c, 0x85, 0x88];
    const MIDDLE: &[u8] = &[0x7c, 5, 3];
    const END: &[u8] = &[0x7c, 0x45, 3];
    const SEI: &[u8] = &[6, 5, 6];

    // What senders do, good ones and others: all of these units are whole.

    #[test]
    fn nal_units_are_found_in_payloads_of_every_kind() {
        check(&[
            (
                "single NAL units, the last one marked",
                &[(1, false, 0, SPS), (1, false, 0, PPS), (1, true, 0, IDR), (2, true, 0, SLICE)],
                &[unit(1, &[SPS, PPS, IDR], true, false), unit(2, &[SLICE], false, false)],
            ),
            (
                "STAP-A, with a unit of no bytes and a byte too many",
                &[(1, true, 0, &[0x78, 0, 3, 0x67, 66, 4, 0, 0, 0, 2, 0x68, 5, 0, 3, 0x65, 0x88, 3, 0])],
                &[unit(1, &[SPS, PPS, IDR], true, false)],
            ),
            (
                "FU-A, its header put together from two bytes",
                &[
                    (1, false, 0, &[0x7c, 0x85, 0x88]),
                    (1, false, 0, &[0x7c, 5, 1]),
                    (1, true, 0, &[0x7c, 0x45, 2]),
                ],
                &[unit(1, &[&[0x65, 0x88, 1, 2]], true, false)],
            ),
            (
                "a single FU-A that is both start and end",
                &[(1, true, 0, &[0x5c, 0xc1, 0x9a, 1])],
                &[unit(1, &[SLICE], false, false)],
            ),
            (
                "fragments without bytes",
                &[
                    (1, false, 0, &[0x5c, 0x81]),
                    (1, false, 0, &[0x5c, 1, 0x9a]),
                    (1, false, 0, &[0x5c, 1]),
                    (1, false, 0, &[0x5c, 1, 1]),
                    (1, true, 0, &[0x5c, 0x41]),
                ],
                &[unit(1, &[SLICE], false, false)],
            ),
            (
                "later fragments of another type",
                &[(1, false, 0, &[0x7c, 0x85, 0x88]), (1, true, 0, &[0x7c, 0x41, 3])],
                &[unit(1, &[IDR], true, false)],
            ),
            (
                "an encoder's output as one NAL unit, with and without its first start code",
                &[
                    (1, true, 0, &[0, 0, 0, 1, 0x67, 66, 4, 0, 0, 0, 1, 0x68, 5, 0, 0, 1, 0x65, 0x88, 3]),
                    (2, true, 0, &[0x67, 66, 4, 0, 0, 1, 0x68, 5, 0, 0, 0, 1, 0x65, 0x88, 3]),
                ],
                &[unit(1, &[SPS, PPS, IDR], true, false), unit(2, &[SPS, PPS, IDR], true, false)],
            ),
            (
                "the same in fragments, a start code cut in two",
                &[
                    (1, false, 0, &[0x7c, 0x87, 66, 4, 0, 0, 0, 1, 0x68, 5, 0, 0]),
                    (1, true, 0, &[0x7c, 0x47, 1, 0x65, 0x88, 3]),
                ],
                &[unit(1, &[SPS, PPS, IDR], true, false)],
            ),
        ]);
    }

    #[test]
    fn a_unit_ends_at_the_marker_behind_its_slices_or_with_the_timestamp() {
        check(&[
            (
                "a marker on the SEI before the slices",
                &[
                    (1, true, 0, SEI),
                    (1, true, 0, SLICE),
                    (2, true, 0, SEI),
                    (2, false, 0, SLICE),
                    (3, true, 0, SLICE),
                ],
                &[
                    unit(1, &[SEI, SLICE], false, false),
                    unit(2, &[SEI, SLICE], false, false),
                    unit(3, &[SLICE], false, false),
                ],
            ),
            (
                "a marker on a fragment that is not the last",
                &[(1, false, 0, SLICE), (1, true, 0, &[0x5c, 0x81, 0x1a]), (1, true, 0, &[0x5c, 0x41, 1])],
                &[unit(1, &[SLICE, &[0x41, 0x1a, 1]], false, false)],
            ),
            (
                "no markers at all",
                &[(1, false, 0, SLICE), (1, false, 0, LATER), (2, false, 0, SLICE), (3, false, 0, SLICE)],
                &[unit(1, &[SLICE, LATER], false, false), unit(2, &[SLICE], false, false)],
            ),
        ]);
    }

    #[test]
    fn what_means_nothing_is_passed_over() {
        check(&[
            (
                "an SPS with zeros behind it",
                &[(1, false, 0, &[0x67, 66, 4, 0, 0, 0]), (1, true, 0, IDR)],
                &[unit(1, &[SPS, IDR], true, false)],
            ),
            (
                "empty payloads and reserved types",
                &[
                    (1, false, 0, &[]),
                    (1, false, 0, &[0, 1]),
                    (1, false, 0, &[30, 1]),
                    (1, false, 0, &[31]),
                    (1, true, 0, SLICE),
                ],
                &[unit(1, &[SLICE], false, false)],
            ),
        ]);
    }

    // What is missing is marked, and nothing is made up for it.

    #[test]
    fn a_part_of_a_nal_unit_is_damage() {
        check(&[
            (
                "a fragment's start",
                &[(1, false, 0, SPS), (1, false, 1, MIDDLE), (1, true, 0, END), (2, true, 0, SLICE)],
                &[unit(1, &[SPS], false, true), unit(2, &[SLICE], false, false)],
            ),
            (
                "a fragment's middle",
                &[(1, false, 0, SPS), (1, false, 0, START), (1, true, 1, END)],
                &[unit(1, &[SPS], false, true)],
            ),
            (
                "a fragment's end, where the next begins",
                &[(1, false, 0, START), (1, false, 0, START), (1, true, 0, END)],
                &[unit(1, &[&[0x65, 0x88, 3]], true, true)],
            ),
            (
                "a fragment's end, where a single NAL unit comes",
                &[(1, false, 0, START), (1, true, 0, SLICE)],
                &[unit(1, &[SLICE], false, true)],
            ),
        ]);
    }

    #[test]
    fn what_may_be_missing_of_a_unit_is_damage() {
        check(&[
            (
                "a unit's tail or the next one's head: nobody knows",
                &[(1, false, 0, SLICE), (2, true, 1, SLICE), (3, true, 0, SLICE)],
                &[
                    unit(1, &[SLICE], false, true),
                    unit(2, &[SLICE], false, true),
                    unit(3, &[SLICE], false, false),
                ],
            ),
            (
                "the first picture's first slice",
                &[(1, true, 0, &[0x41, 0x40, 1]), (2, true, 0, &[0x41, 0x40, 1])],
                &[unit(1, &[&[0x41, 0x40, 1]], false, true), unit(2, &[&[0x41, 0x40, 1]], false, false)],
            ),
            (
                "before an SPS nothing of its unit can be missing",
                &[(1, false, 0, SLICE), (2, false, 1, SPS), (2, true, 0, IDR)],
                &[unit(1, &[SLICE], false, true), unit(2, &[SPS, IDR], true, false)],
            ),
            (
                "before an IDR slice there can",
                &[(1, true, 0, SLICE), (2, true, 1, IDR)],
                &[unit(1, &[SLICE], false, false), unit(2, &[IDR], true, true)],
            ),
            (
                "a unit of which nothing is left marks the next one",
                &[(1, false, 0, START), (2, true, 0, SLICE), (3, true, 0, SLICE)],
                &[unit(2, &[SLICE], false, true), unit(3, &[SLICE], false, false)],
            ),
            (
                "but not if that is a keyframe",
                &[(1, false, 0, START), (2, true, 0, IDR), (3, true, 0, SLICE)],
                &[unit(2, &[IDR], true, false), unit(3, &[SLICE], false, false)],
            ),
        ]);
    }

    #[test]
    fn what_cannot_be_read_is_damage() {
        check(&[
            (
                "a STAP-A that ends early",
                &[(1, true, 0, &[0x78, 0, 3, 0x67, 66, 4, 0, 9, 0x65])],
                &[unit(1, &[SPS], false, true)],
            ),
            (
                "kinds that mode 1 does not have",
                &[
                    (1, true, 0, &[25, 0, 0, 0, 3, 0x41, 1, 1]),
                    (2, true, 0, &[26, 1]),
                    (3, true, 0, &[27, 1]),
                    (4, true, 0, &[29, 0x81, 1]),
                    (5, true, 0, &[28]),
                    (6, true, 0, SLICE),
                ],
                &[unit(6, &[SLICE], false, true)],
            ),
            (
                "a fragmented NAL unit of a reserved type is no NAL unit",
                &[(1, false, 0, SLICE), (1, false, 0, &[0x7c, 0xd8, 0, 1, 0x41]), (2, true, 0, SLICE)],
                &[unit(1, &[SLICE], false, false), unit(2, &[SLICE], false, false)],
            ),
        ]);
    }

    #[test]
    fn what_is_thrown_away_is_counted() {
        for (payloads, packets) in [
            (0, &[(1, false, 0, SPS), (1, false, 0, &[]), (1, true, 0, IDR)][..]),
            (3, &[(1, false, 0, &[0, 1]), (1, false, 0, &[30]), (1, false, 0, &[31, 1])]),
            (
                4,
                &[
                    (1, false, 0, &[25, 1]),
                    (1, false, 0, &[26]),
                    (1, false, 0, &[27]),
                    (1, false, 0, &[29, 1]),
                ],
            ),
            (2, &[(1, false, 0, &[0x7c, 5, 1]), (1, true, 0, &[0x7c, 0x45, 1])]),
            (1, &[(1, false, 0, &[0x7c, 0x85, 1]), (2, true, 0, SLICE)]),
        ] {
            assert_eq!(run(packets).1, Dropped { payloads, units: 0 }, "{packets:?}");
        }
    }

    #[test]
    fn a_unit_without_end_is_dropped_whole() {
        let mut depacketizer = Depacketizer::new();
        let start = [&[0x7c, 0x85][..], &[1; 60_000]].concat();
        let middle = [&[0x7c, 5][..], &[1; 60_000]].concat();
        depacketizer.handle_packet(1, false, 0, &start);
        for _ in 0..1000 {
            depacketizer.handle_packet(1, false, 0, &middle);
        }
        depacketizer.handle_packet(1, true, 0, &[0x7c, 0x45, 1]);
        depacketizer.handle_packet(2, true, 0, SLICE);
        depacketizer.handle_packet(3, true, 0, SLICE);
        let units: Vec<Told> =
            std::iter::from_fn(|| depacketizer.poll_unit()).map(|unit| told(&unit)).collect();
        assert_eq!(units, [unit(2, &[SLICE], false, true), unit(3, &[SLICE], false, false)]);
        assert_eq!(depacketizer.dropped().units, 1);
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
                    prop_assert!(nal_units(&unit.data).all(|nal| matches!(nal[0] & 0x1f, 1..24)));
                }
            }
        }
    }
}

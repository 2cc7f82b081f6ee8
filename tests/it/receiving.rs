//! What comes out of a receiver of what went into a sender, whatever the network does in between.

use std::time::{Duration, Instant};

use lenslet::media::h264::{NalType, ParameterSets, Splitter, nal_units};
use lenslet::media::jpeg::Image;
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, TrackId, aac, h265};
use lenslet::rtp::{DepacketizedUnit, Depacketizer, Receiver, Sender, Statistics};
use proptest::prelude::*;
use proptest::sample::Index;

const WAIT: Duration = Duration::from_secs(1);

/// Packets of each access unit.
fn packetize(units: &[Vec<u8>], max_packet: usize) -> Vec<Vec<Vec<u8>>> {
    packetize_as(&Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68])), units, max_packet)
}

fn packetize_as(codec: &Codec, units: &[Vec<u8>], max_packet: usize) -> Vec<Vec<Vec<u8>>> {
    let mut sender = Sender::new(TrackId(0), codec, 1, 65_500, u32::MAX - 9000, max_packet);
    let time = |index| MediaTime::from_duration(Duration::from_millis(40) * index as u32);
    units
        .iter()
        .enumerate()
        .map(|(index, data)| {
            let unit = AccessUnit {
                track: TrackId(0),
                time: time(index),
                link: Link::Follows,
                journey: None,
                data: data.as_slice().into(),
            };
            sender.packetize(&unit).unwrap().packets().map(<[u8]>::to_vec).collect()
        })
        .collect()
}

/// What packets that come in this order become.
fn receive<'a>(
    packets: impl Iterator<Item = &'a Vec<u8>>,
    wait: Duration,
) -> (Vec<DepacketizedUnit>, Statistics) {
    receive_as(Depacketizer::new("H264", &[]).unwrap(), packets, wait)
}

fn receive_as<'a>(
    mut depacketizer: Depacketizer,
    packets: impl Iterator<Item = &'a Vec<u8>>,
    wait: Duration,
) -> (Vec<DepacketizedUnit>, Statistics) {
    let mut receiver = Receiver::new(90_000, None, wait);
    let mut units = Vec::new();
    let mut now = Instant::now();
    let mut drain = |receiver: &mut Receiver, now| {
        while let Some(packet) = receiver.poll_packet(now) {
            depacketizer.handle_packet(packet.timestamp, packet.marker, packet.lost, &packet.payload);
            units.extend(std::iter::from_fn(|| depacketizer.poll_unit()));
        }
    };
    for packet in packets {
        now += Duration::from_micros(10);
        receiver.handle_packet(packet, now).unwrap();
        drain(&mut receiver, now);
    }
    while let Some(due) = receiver.poll_timeout() {
        drain(&mut receiver, due);
    }
    (units, receiver.statistics())
}

#[test]
fn a_clip_comes_back_bit_exact_at_every_packet_size() {
    let clip = include_bytes!("../fixtures/bitstreams/clip.h264");
    let mut splitter = Splitter::new();
    let mut clip_units: Vec<Vec<u8>> = Vec::new();
    splitter.push(clip, |unit| clip_units.push(unit.to_vec())).unwrap();
    splitter.finish(|unit| clip_units.push(unit.to_vec()));
    assert!(clip_units.len() > 10);
    for max_packet in [64, 100, 576, 1280, 1460, 9000, 65_535] {
        let packets = packetize(&clip_units, max_packet);
        let (units, statistics) = receive(packets.iter().flatten(), Duration::ZERO);
        assert_eq!((statistics.lost, units.len()), (0, clip_units.len()), "{max_packet}");
        for (sent, came) in clip_units.iter().zip(&units) {
            let sent: Vec<&[u8]> =
                nal_units(sent).filter(|nal| NalType::of(nal) != NalType::Dropped).collect();
            assert_eq!(nal_units(&came.data).collect::<Vec<_>>(), sent, "{max_packet}");
            let idr = sent.iter().any(|nal| NalType::of(nal) == NalType::Idr);
            assert_eq!((came.keyframe, came.damaged), (idr, false), "{max_packet}");
        }
    }
}

/// An access unit: of a keyframe or of slices alone.
fn access_unit() -> impl Strategy<Value = Vec<u8>> {
    let slices = prop::collection::vec(prop::collection::vec(1..=255u8, 2..1500), 1..4);
    (prop::bool::weighted(0.3), slices).prop_map(|(keyframe, slices)| {
        let mut data = Vec::new();
        if keyframe {
            data.extend([0, 0, 0, 1, 0x67, 66, 0xc0, 30, 0, 0, 0, 1, 0x68, 2]);
        }
        for (index, mut slice) in slices.into_iter().enumerate() {
            data.extend([0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
            // first_mb_in_slice is 0 in the first one alone.
            slice[0] = if index == 0 { slice[0] | 0x80 } else { slice[0] & 0x7f | 1 };
            data.extend(slice);
        }
        data
    })
}

/// What the network does with a packet: keeps it, holds it back by so many packets, and sends it twice.
type Fate = (bool, usize, bool);

fn fate() -> impl Strategy<Value = Fate> {
    (prop::bool::weighted(0.05), prop_oneof![4 => Just(0), 1 => 0..40usize], prop::bool::weighted(0.05))
}

/// A track of the other formats, how a receiver is told of it, and what it sends, over and over.
fn others() -> [(Codec, Depacketizer, Vec<Vec<u8>>); 3] {
    let fixture = |name: &str| std::fs::read(format!("tests/fixtures/bitstreams/{name}")).unwrap();
    let (mut splitter, mut assembler, mut h265) = (h265::Splitter::new(), h265::Assembler::new(), Vec::new());
    splitter
        .push(&fixture("open-gop.h265"), |unit| {
            h265.extend(assembler.assemble(unit).map(|(data, _)| data.to_vec()));
        })
        .unwrap();
    let sets = assembler.parameter_sets().unwrap().clone();
    let adts = fixture("sine.aac");
    let frames: Vec<_> = aac::frames(&adts).collect::<Result<_, _>>().unwrap();
    let config = frames[0].0.config.clone();
    let sound = frames.iter().map(|(_, raw)| raw.to_vec()).collect();
    // Sizes in whole blocks come back as they are.
    let pictures = ["420.jpg", "422.jpg"].map(|name| {
        let file = fixture(name);
        let image = Image::parse(&file).unwrap();
        let (width, height) = (image.width.next_multiple_of(8), image.height.next_multiple_of(8));
        Image { width, height, ..image }.to_jpeg()
    });
    let heard = |encoding| Depacketizer::new(encoding, &[]).unwrap();
    [
        (Codec::H265(sets), heard("H265"), h265),
        (Codec::Aac(config), heard("MPEG4-GENERIC"), sound),
        (Codec::Jpeg, heard("JPEG"), pictures.to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_the_units_whose_packets_all_came_are_whole(
        units in prop::collection::vec(access_unit(), 1..25),
        fates in prop::collection::vec(fate(), 1..200),
        max_packet in 64..600usize,
        shift in any::<Index>(),
    ) {
        let sent = packetize(&units, max_packet);
        // Of each packet: its unit, its place in the order sent, and when it comes.
        let mut arrivals = Vec::new();
        let numbered = sent.iter().enumerate().flat_map(|(unit, packets)| packets.iter().map(move |packet| (unit, packet)));
        let mut total = 0;
        for (place, (unit, packet)) in numbered.enumerate() {
            total += 1;
            let (lost, held, twice) = fates[(place + shift.index(fates.len())) % fates.len()];
            if !lost {
                arrivals.push((place + held, place, unit, packet));
                if twice {
                    arrivals.push((place + held / 2 + 1, place, unit, packet));
                }
            }
        }
        arrivals.sort_by_key(|(when, ..)| *when);
        let Some(first) = arrivals.first().map(|(_, place, ..)| *place) else { return Ok(()) };
        // A stream begins with the packet that comes first: what was sent before it comes too late.
        let mut came = vec![false; total];
        arrivals.iter().filter(|(_, place, ..)| *place >= first).for_each(|(_, place, ..)| came[*place] = true);
        let mut place = 0;
        let whole: Vec<bool> = sent.iter().map(|packets| {
            place += packets.len();
            came[place - packets.len()..place].iter().all(|came| *came)
        }).collect();

        let (got, statistics) = receive(arrivals.iter().map(|(.., packet)| *packet), WAIT);

        let timestamp = |unit: usize| (u32::MAX - 9000).wrapping_add(3600 * unit as u32);
        for (index, data) in units.iter().enumerate() {
            let of: Vec<&DepacketizedUnit> = got.iter().filter(|unit| unit.timestamp == timestamp(index)).collect();
            prop_assert!(of.len() <= 1, "a unit is given once");
            if whole[index] {
                prop_assert_eq!(of.len(), 1, "unit {} came whole", index);
                prop_assert_eq!(&of[0].data, data);
                let head_known = of[0].keyframe || index == 0 || whole[index - 1];
                prop_assert!(!(head_known && of[0].damaged), "unit {} is whole", index);
            } else if let Some(unit) = of.first() {
                // Where reception begins, nobody knows of parameter sets before the first slice.
                let slices = |data: &[u8]| -> Vec<Vec<u8>> {
                    let slices = nal_units(data).filter(|nal| NalType::of(nal).is_slice());
                    slices.map(<[u8]>::to_vec).collect()
                };
                let begins = arrivals.iter().any(|(_, place, of, _)| *place == first && *of == index);
                let complete = begins && slices(&unit.data) == slices(data);
                prop_assert!(unit.damaged || complete, "unit {} did not come whole", index);
            }
        }
        prop_assert!(got.is_sorted_by_key(|unit| unit.timestamp.wrapping_sub(timestamp(0))));

        let highest = arrivals.iter().map(|(_, place, ..)| *place).max().unwrap_or(first);
        prop_assert_eq!(statistics.received, arrivals.len() as u64);
        prop_assert_eq!(statistics.lost, (highest - first + 1) as i64 - arrivals.len() as i64);
        let distinct: std::collections::BTreeSet<usize> = arrivals.iter().map(|(_, place, ..)| *place).collect();
        prop_assert_eq!(statistics.duplicates, (arrivals.len() - distinct.len()) as u64);
        prop_assert_eq!(statistics.late, distinct.iter().filter(|place| **place < first).count() as u64);
        prop_assert_eq!((statistics.invalid, statistics.resyncs), (0, 0));
    }

    #[test]
    fn units_of_the_other_formats_are_whole_or_said_not_to_be(
        fates in prop::collection::vec(fate(), 1..200),
        max_packet in 240..600usize,
    ) {
        for (codec, depacketizer, units) in others() {
            let units: Vec<Vec<u8>> = units.into_iter().cycle().take(40).collect();
            let sent = packetize_as(&codec, &units, max_packet);
            let numbered = sent.iter().enumerate().flat_map(|(unit, packets)| packets.iter().map(move |packet| (unit, packet)));
            let mut lacks = vec![false; units.len()];
            let mut arrivals = Vec::new();
            for (place, (unit, packet)) in numbered.enumerate() {
                let (lost, held, twice) = fates[place % fates.len()];
                // Reception begins with the first.
                if place > 0 && lost {
                    lacks[unit] = true;
                    continue;
                }
                arrivals.push((if place > 0 { place + held } else { 0 }, unit, packet));
                if place > 0 && twice {
                    arrivals.push((place + held / 2 + 1, unit, packet));
                }
            }
            arrivals.sort_by_key(|(when, ..)| *when);
            let (got, _) = receive_as(depacketizer, arrivals.iter().map(|(.., packet)| *packet), WAIT);
            let timestamp = |unit: usize| u32::from_be_bytes(sent[unit][0][4..8].try_into().unwrap());
            for (index, data) in units.iter().enumerate() {
                let of: Vec<&DepacketizedUnit> = got.iter().filter(|unit| unit.timestamp == timestamp(index)).collect();
                prop_assert!(of.len() <= 1, "a unit is given once");
                if lacks[index] {
                    prop_assert!(of.iter().all(|unit| unit.damaged), "{} {index} is not whole", codec.name());
                } else {
                    prop_assert_eq!(of.len(), 1, "{} {} came whole", codec.name(), index);
                    prop_assert!(of[0].data == *data, "{} {index}", codec.name());
                    let follows = matches!(codec, Codec::H265(_)) && lacks[..index].iter().any(|lacks| *lacks);
                    prop_assert!(follows || !of[0].damaged, "{} {index} is whole", codec.name());
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..100), wait in 0..3u64) {
        let start = Instant::now();
        let mut receiver = Receiver::new(0, None, Duration::from_millis(wait));
        let mut depacketizer = Depacketizer::new("H264", &[]).unwrap();
        for (index, mut bytes) in packets.into_iter().enumerate() {
            let now = start + Duration::from_millis(index as u64);
            // Most of them as RTP, so that they get further than its header.
            if let [first, second, high, ssrc @ ..] = &mut bytes[..] && index % 8 != 0 {
                *first = *first & 0x3f | 0x80;
                *second &= 0x87;
                *high = 0;
                ssrc.iter_mut().skip(5).take(4).for_each(|byte| *byte &= 1);
            }
            let _ = receiver.handle_packet(&bytes, now);
            receiver.handle_sender_report(1, u64::MAX, 0, now);
            while let Some(packet) = receiver.poll_packet(now) {
                depacketizer.handle_packet(packet.timestamp, packet.marker, packet.lost, &packet.payload);
                let _ = (depacketizer.poll_unit(), receiver.wall_of(packet.timestamp), receiver.report(now));
            }
        }
    }
}

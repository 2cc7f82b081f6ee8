//! JPEG, H.265 and AAC from cameras and files that give anything.

use lenslet::media::jpeg::{self, Image, Sampling};
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, TrackId, aac, h265};
use lenslet::rtp::{Sender, WireImage};

use super::input::{Input, cuts};

/// IP, UDP and RTP headers.
const HEADERS: usize = 20 + 8 + 12;

/// A sender of any settings, and what it makes of an access unit: checked as far as no format matters.
fn packetized(codec: &Codec, max_packet: usize, first_seq: u16, data: &[u8]) -> Option<WireImage> {
    let mut sender = Sender::new(TrackId(0), codec, 7, first_seq, 9, max_packet);
    let unit = AccessUnit {
        track: TrackId(0),
        time: MediaTime::from_nanos(u64::from(first_seq) << 40),
        link: Link::Start,
        journey: None,
        data: data.into(),
    };
    let image = sender.packetize(&unit);
    let packets = image.as_ref().map_or(0, |image| image.packets);
    assert_eq!(sender.next_seq(), first_seq.wrapping_add(packets));
    let image = image?;
    assert_eq!(image.packets().count(), usize::from(packets));
    for (index, packet) in image.packets().enumerate() {
        let seq = u16::from_be_bytes([packet[2], packet[3]]);
        assert_eq!(seq, first_seq.wrapping_add(index as u16));
        assert_eq!(packet[1] >> 7 == 1, index + 1 == usize::from(packets), "marks the last");
    }
    Some(image)
}

/// The payloads; none makes an IP packet larger than `max_packet`, if that has room for `least` of payload.
fn payloads(image: &WireImage, max_packet: usize, least: usize) -> Vec<&[u8]> {
    let largest = max_packet.max(HEADERS + least.max(16));
    image
        .packets()
        .map(|packet| {
            assert!(packet.len() - 12 + HEADERS <= largest, "{} of {largest}", packet.len());
            &packet[12..]
        })
        .collect()
}

/// What RTP can carry arrives: the same tables and the same scan, of the size rounded up to eights. A stream
/// of pictures comes apart the same way whatever the pieces.
pub(crate) fn jpeg(data: &[u8]) {
    let mut input = Input(data);
    let max_packet = usize::from(input.word()) % 2048;
    let first_seq = input.word();
    let data = input.0;
    let pictures = split([data]);
    for at in cuts(data) {
        assert_eq!(split([&data[..at], &data[at..]]), pictures, "cut at {at}");
    }
    assert!(pictures.iter().map(Vec::len).sum::<usize>() <= data.len());
    assert!(pictures.iter().all(|picture| picture.starts_with(&[0xff, 0xd8])));
    let image = match Image::parse(data) {
        Ok(image) => image,
        Err(unfit) => {
            assert!(!unfit.to_string().is_empty());
            assert!(packetized(&Codec::Jpeg, max_packet, first_seq, data).is_none());
            return;
        }
    };
    assert_eq!(Image::parse(&pictures[0]), Ok(image), "the first of the stream");
    let wire = packetized(&Codec::Jpeg, max_packet, first_seq, data).unwrap();
    let received = received(&payloads(&wire, max_packet, 8 + 4 + 132 + 1));
    let again = Image::parse(&received).unwrap();
    let rounded = |size: u16| size.next_multiple_of(8);
    let size = (rounded(image.width), rounded(image.height));
    assert_eq!(again, Image { width: size.0, height: size.1, ..image });
}

fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut splitter = jpeg::Splitter::new();
    let mut pictures = Vec::new();
    for piece in pieces {
        splitter.push(piece);
        while let Some(picture) = splitter.poll_picture() {
            pictures.push(picture.unwrap());
        }
    }
    pictures.extend(splitter.finish());
    pictures
}

/// A JPEG of its packets, by RFC 2435 section 3.1 and nothing else.
fn received(payloads: &[&[u8]]) -> Vec<u8> {
    let (mut quantization, mut scan, mut interval) = (&[][..], Vec::<u8>::new(), None);
    let first = payloads[0];
    for payload in payloads {
        let (main, mut rest) = payload.split_at(8);
        assert_eq!(main[1..4], (scan.len() as u32).to_be_bytes()[1..], "each piece behind the other");
        assert_eq!((main[0], &main[4..]), (0, &first[4..8]));
        if main[4] >= 64 {
            interval = Some([rest[0], rest[1]]);
            rest = &rest[4..];
        }
        if scan.is_empty() {
            assert_eq!(rest[..4], [0, 0, 0, 128]);
            (quantization, rest) = rest[4..].split_at(128);
        }
        assert!(!rest.is_empty());
        scan.extend(rest);
    }
    let sampling = if first[4].is_multiple_of(64) { Sampling::Half } else { Sampling::Quarter };
    let factors = if sampling == Sampling::Half { 0x21 } else { 0x22 };
    let [width, height] = [first[6], first[7]].map(|eights| (u16::from(eights) * 8).to_be_bytes());
    let mut jpeg = vec![0xff, 0xd8];
    for (number, table) in quantization.chunks(64).enumerate() {
        jpeg.extend([0xff, 0xdb, 0, 67, number as u8]);
        jpeg.extend(table);
    }
    jpeg.extend([0xff, 0xc0, 0, 17, 8, height[0], height[1], width[0], width[1], 3]);
    jpeg.extend([1, factors, 0, 2, 0x11, 1, 3, 0x11, 1]);
    if let Some(interval) = interval {
        jpeg.extend([0xff, 0xdd, 0, 4, interval[0], interval[1]]);
    }
    jpeg.extend([0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    jpeg.extend(scan);
    jpeg.extend([0xff, 0xd9]);
    jpeg
}

fn nals(annex_b: &[u8]) -> Vec<&[u8]> {
    h265::nal_units(annex_b).collect()
}

fn units<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut splitter = h265::Splitter::new();
    let mut units = Vec::new();
    for piece in pieces {
        splitter.push(piece, |unit| units.push(unit.to_vec())).unwrap();
    }
    splitter.finish(|unit| units.push(unit.to_vec()));
    units
}

/// The same access units whatever the pieces; those that are given begin at an IRAP picture behind its
/// parameter sets, with every slice; and they arrive bit by bit.
pub(crate) fn hevc(data: &[u8]) {
    let mut input = Input(data);
    let max_packet = usize::from(input.word()) % 2048;
    let first_seq = input.word();
    let data = input.0;
    let whole = units([data]);
    for at in cuts(data) {
        assert_eq!(units([&data[..at], &data[at..]]), whole, "cut at {at}");
    }
    let given: Vec<&[u8]> = whole.iter().flat_map(|unit| nals(unit)).collect();
    assert!(nals(data).starts_with(&given));
    let mut assembler = h265::Assembler::new();
    let mut started = false;
    for unit in &whole {
        let Some((assembled, link)) = assembler.assemble(unit) else { continue };
        let (before, after) = (nals(unit), nals(&assembled));
        assert_eq!(slices(&after), slices(&before));
        assert!(after.iter().all(|nal| h265::NalType::of(nal).is_sent()));
        assert!(started || link == Link::Start, "begins at an IRAP picture");
        started = true;
        let sets = assembler.parameter_sets().unwrap();
        if link == Link::Start {
            let first = after.iter().position(|nal| h265::NalType::of(nal).is_slice()).unwrap();
            assert_eq!(after[..2], [sets.vps(), sets.sps()]);
            assert!(after[2..first].contains(&sets.pps()));
        }
        let _ = (sets.picture(), assembler.slice());
        let codec = Codec::H265(sets.clone());
        assert_eq!(joined(&codec, max_packet, first_seq, &assembled), after);
    }
    let codec = Codec::H265(h265::ParameterSets::new(&[0x40, 1], &[0x42, 1], &[0x44, 1]));
    let sent = nals(data).into_iter().filter(|nal| h265::NalType::of(nal).is_sent());
    assert_eq!(joined(&codec, max_packet, first_seq, data), sent.collect::<Vec<_>>());
}

/// Slices without their headers: a CRA picture may be marked as BLA.
fn slices(nals: &[&[u8]]) -> Vec<Vec<u8>> {
    nals.iter().filter(|nal| h265::NalType::of(nal).is_slice()).map(|nal| nal[2..].to_vec()).collect()
}

/// NAL units of their packets, by RFC 7798 section 4.4 and nothing else.
fn joined(codec: &Codec, max_packet: usize, first_seq: u16, data: &[u8]) -> Vec<Vec<u8>> {
    let Some(wire) = packetized(codec, max_packet, first_seq, data) else { return Vec::new() };
    let mut nals: Vec<Vec<u8>> = Vec::new();
    let mut open = false;
    for payload in payloads(&wire, max_packet, 4) {
        if payload[0] >> 1 & 0x3f != 49 {
            assert!(!open);
            nals.push(payload.to_vec());
            continue;
        }
        let (start, end) = (payload[2] & 0x80 != 0, payload[2] & 0x40 != 0);
        assert!(start != open && !(start && end));
        if start {
            nals.push(vec![payload[0] & 0x81 | (payload[2] & 0x3f) << 1, payload[1]]);
        }
        nals.last_mut().unwrap().extend(&payload[3..]);
        open = !end;
    }
    assert!(!open);
    nals
}

/// ADTS frames lie one behind the other; a configuration says what can be counted with; access units of up to
/// 8191 bytes arrive.
pub(crate) fn aac(data: &[u8]) {
    let mut input = Input(data);
    let max_packet = usize::from(input.word()) % 2048;
    let first_seq = input.word();
    let data = input.0;
    let mut rest = data;
    let mut config = aac::Config::parse(data).inspect(checked);
    for frame in aac::frames(data) {
        let Ok((header, raw)) = frame else { break };
        checked(&header.config);
        let (frame, behind) = rest.split_at(header.frame);
        assert_eq!(&frame[header.length..], raw);
        rest = behind;
        config = Ok(header.config);
    }
    let Ok(config) = config.map_err(|unfit| assert!(!unfit.to_string().is_empty())) else { return };
    let wire = packetized(&Codec::Aac(config), max_packet, first_seq, data);
    let Some(wire) = wire else {
        assert!(data.is_empty() || data.len() > 8191);
        return;
    };
    let payloads = payloads(&wire, max_packet, 5);
    let size = (data.len() as u16) << 3;
    let headers = [[0, 16], size.to_be_bytes()].concat();
    assert!(payloads.iter().all(|payload| payload[..4] == headers && payload.len() > 4));
    let joined: Vec<u8> = payloads.iter().flat_map(|payload| &payload[4..]).copied().collect();
    assert_eq!(joined, data);
}

fn checked(config: &aac::Config) {
    assert!(config.sample_rate() > 0 && config.channels() > 0);
    assert_eq!(aac::Config::parse(config.as_bytes()).as_ref(), Ok(config));
    assert!(config.duration(1) <= config.duration(2));
}

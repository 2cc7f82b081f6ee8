//! Packets from a sender that sends anything.

use std::time::Duration;

use lenslet::media::jpeg::{Image, Unfit};
use lenslet::rtp::{DepacketizedUnit, Depacketizer, Packet, Receiver};

use super::input::Input;

/// Packets come out in order and once each, what is missing is told, nothing is held for ever; what comes
/// of their payloads is no more than was put in.
pub(crate) fn receiver(data: &[u8]) {
    let mut input = Input(data);
    let settings = input.byte().unwrap_or_default();
    let wait = Duration::from_millis(u64::from(settings & 3) * 50);
    let payload_type = (settings & 4 != 0).then_some(96);
    let mut now = lenslet::clock::now();
    let mut receiver = Receiver::new(90_000, payload_type, wait);
    let (mut put_in, mut handed_out) = (0u64, 0u64);
    let mut last: Option<u16> = None;
    while !input.0.is_empty() {
        let choice = input.byte().unwrap_or_default();
        now += Duration::from_millis(u64::from(choice >> 2));
        let bytes = header(choice, &mut input);
        put_in += u64::from(receiver.handle_packet(&bytes, now).is_ok());
        if choice & 3 == 3 {
            receiver.handle_sender_report(input.long(), u64::from(input.long()) << 32, input.long(), now);
        }
        while let Some(packet) = receiver.poll_packet(now) {
            handed_out += 1;
            if let Some(last) = last.filter(|_| !packet.restarted) {
                let step = packet.sequence.wrapping_sub(last);
                assert!(step > 0 && step < 1 << 15, "{last} {}", packet.sequence);
                assert_eq!(step, packet.lost + 1, "what is missing is told");
            }
            last = Some(packet.sequence);
        }
        let statistics = receiver.statistics();
        assert!(handed_out <= statistics.received);
        let _ = (receiver.report(now), receiver.wall_of(input.long()));
    }
    while let Some(at) = receiver.poll_timeout() {
        assert!(receiver.poll_packet(at.max(now)).is_some(), "what is held is given up in time");
        handed_out += 1;
    }
    assert!(handed_out <= put_in + receiver.statistics().resyncs);
}

/// A header whose numbers stay near each other more often than not, or any bytes at all.
fn header(choice: u8, input: &mut Input<'_>) -> Vec<u8> {
    if choice & 3 == 0 {
        let length = usize::from(input.byte().unwrap_or_default() & 31);
        return input.take(length).to_vec();
    }
    let sequence =
        u16::from(input.byte().unwrap_or_default()).wrapping_mul(if choice & 4 == 0 { 1 } else { 257 });
    let ssrc = u32::from(choice & 3 == 2);
    let mut bytes = vec![0x80, 96];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(u32::from(sequence).wrapping_mul(3000).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.push(choice);
    bytes
}

/// Access units are Annex B, made of what came and of nothing else.
pub(crate) fn depacketizer(data: &[u8]) {
    annex_b("H264", data);
}

/// The same of H.265.
pub(crate) fn h265_depacketizer(data: &[u8]) {
    annex_b("H265", data);
}

fn annex_b(encoding: &str, data: &[u8]) {
    let mut came_out = 0;
    let put_in = depacketize(Depacketizer::new(encoding, &[]).unwrap(), data, |unit| {
        assert!(unit.data.starts_with(&[0, 0, 0, 1]) && unit.data.len() > 4);
        came_out += lenslet::media::h264::nal_units(&unit.data).map(<[u8]>::len).sum::<usize>();
    });
    // A fragment's payload is longer than what it holds.
    assert!(came_out <= put_in, "{came_out} bytes out of {put_in}");
}

/// Raw access units are made of what came, and of it once, however long the headers' fields are; ADTS says
/// as much of them.
pub(crate) fn aac_depacketizer(data: &[u8]) {
    let (settings, data) = data.split_at(data.len().min(4));
    let number = |at: usize| settings.get(at).map_or(0, |byte| byte & 31).to_string();
    let config = ["1210", "2b118800", "118c", ""][usize::from(settings.last().map_or(0, |byte| byte & 3))];
    let mut parameters = vec![("config".to_owned(), config.to_owned())];
    for (at, key) in ["sizelength", "indexlength", "indexdeltalength"].into_iter().enumerate() {
        // What is not said is as usual.
        if settings.get(at).is_some_and(|byte| *byte < 128) {
            parameters.push((key.to_owned(), number(at)));
        }
    }
    let Some(depacketizer) = Depacketizer::new("MPEG4-GENERIC", &parameters) else { return };
    let described = Depacketizer::new("MPEG4-GENERIC", &parameters).unwrap();
    let mut came_out = 0;
    let put_in = depacketize(depacketizer, data, |unit| {
        assert!(!unit.data.is_empty() && unit.keyframe);
        came_out += unit.data.len();
        if let Some(header) = described.adts_header(unit.data.len()) {
            let header = lenslet::media::aac::Header::parse(&header).unwrap();
            assert_eq!(header.frame, header.length + unit.data.len());
        }
    });
    assert!(came_out <= put_in, "{came_out} bytes out of {put_in}");
}

/// What is whole is a JPEG, or has a scan that is none; each byte of a scan came.
pub(crate) fn jpeg_depacketizer(data: &[u8]) {
    let mut came_out = 0;
    let put_in = depacketize(Depacketizer::new("JPEG", &[]).unwrap(), data, |unit| {
        assert!(unit.data.starts_with(&[0xff, 0xd8]) && unit.data.ends_with(&[0xff, 0xd9]) && unit.keyframe);
        match Image::parse(&unit.data) {
            Ok(image) => {
                assert!(image.width.is_multiple_of(8) && image.height.is_multiple_of(8));
                came_out += image.scan.len();
            }
            Err(why) => {
                let of_the_scan = matches!(why, Unfit::Truncated | Unfit::Scan);
                assert!(of_the_scan, "{why:?}");
            }
        }
    });
    assert!(came_out <= put_in, "{came_out} bytes out of {put_in}");
}

/// Payloads of any bytes; says how many.
fn depacketize(mut depacketizer: Depacketizer, data: &[u8], mut each: impl FnMut(DepacketizedUnit)) -> usize {
    let mut input = Input(data);
    let mut put_in = 0;
    while !input.0.is_empty() {
        let choice = input.byte().unwrap_or_default();
        let length = usize::from(input.byte().unwrap_or_default());
        let payload = input.take(length);
        put_in += payload.len();
        let (timestamp, marker, lost) = (choice >> 4, choice & 1 != 0, choice >> 1 & 1);
        depacketizer.handle_packet(u32::from(timestamp), marker, u16::from(lost), payload);
        while let Some(unit) = depacketizer.poll_unit() {
            each(unit);
        }
    }
    put_in
}

/// A packet's payload is within the packet.
pub(crate) fn packet(data: &[u8]) {
    if let Ok(packet) = Packet::parse(data) {
        assert!(packet.payload.len() + 12 <= data.len());
    }
}

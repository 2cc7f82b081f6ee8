//! One track's packets: SSRC, sequence numbers and timestamps, the same for all its readers.

use std::sync::Arc;

use super::payload::Payload;
use super::spare::Spare;
use super::wire::{HEADER, PREFIX, WireImage};
use super::{aac, h264, h265, jpeg};
use crate::media::jpeg::Image;
use crate::media::{AccessUnit, Codec, MediaTime, TrackId};

/// IPv6 and UDP headers: what is left of an IP packet is the same for both families.
const IP_UDP: usize = 40 + 8;

/// The payload type of a track: a dynamic one of its own where its format has no static one
/// ([RFC 3551 section 6](https://www.rfc-editor.org/rfc/rfc3551#section-6)).
pub fn payload_type(track: TrackId, codec: &Codec) -> u8 {
    const FIRST_DYNAMIC: u8 = 96;
    match codec {
        Codec::Jpeg => 26,
        Codec::H264(_) | Codec::H265(_) | Codec::Aac(_) => FIRST_DYNAMIC + track.0 % 32,
    }
}

/// How access units become payloads.
#[derive(Clone, Copy, Debug)]
enum Format {
    H264,
    H265,
    Jpeg,
    Aac,
}

/// Packetizes one track.
#[derive(Debug)]
pub struct Sender {
    track: TrackId,
    format: Format,
    payload_type: u8,
    clock_rate: u32,
    ssrc: u32,
    next_seq: u16,
    timestamp_offset: u32,
    room: usize,
}

impl Sender {
    /// A stream that begins at these numbers: draw them at random
    /// ([RFC 3550 section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)).
    /// IP packets will have at most `max_packet` bytes.
    pub fn new(
        track: TrackId,
        codec: &Codec,
        ssrc: u32,
        first_seq: u16,
        timestamp_offset: u32,
        max_packet: usize,
    ) -> Self {
        let room = max_packet.saturating_sub(IP_UDP + HEADER).max(16);
        let format = match codec {
            Codec::H264(_) => Format::H264,
            Codec::H265(_) => Format::H265,
            Codec::Jpeg => Format::Jpeg,
            Codec::Aac(_) => Format::Aac,
        };
        Self {
            track,
            format,
            payload_type: payload_type(track, codec),
            clock_rate: codec.clock_rate(),
            ssrc,
            next_seq: first_seq,
            timestamp_offset,
            room,
        }
    }

    /// The synchronization source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The payload type.
    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// The next packet's sequence number.
    pub fn next_seq(&self) -> u16 {
        self.next_seq
    }

    /// The RTP timestamp of an instant.
    pub fn timestamp(&self, time: MediaTime) -> u32 {
        self.timestamp_offset.wrapping_add(time.ticks(self.clock_rate) as u32)
    }

    /// The access unit as packets, in memory of their own; `None` if nothing in it is sent, or if it is so
    /// large that its packets could not be numbered. Access units come in the order of decoding: their
    /// times need not rise.
    pub fn packetize(&mut self, unit: &AccessUnit) -> Option<WireImage> {
        self.packetize_in(unit, &mut Spare::default())
    }

    /// The same in memory of images of before, if there is any.
    pub fn packetize_in(&mut self, unit: &AccessUnit, spare: &mut Spare) -> Option<WireImage> {
        let (data, room) = (&unit.data[..], self.room);
        match self.format {
            Format::H264 => self.image(unit, spare, || h264::payloads(data, room)),
            Format::H265 => self.image(unit, spare, || h265::payloads(data, room)),
            Format::Jpeg => {
                let image = Image::parse(data).ok()?;
                self.image(unit, spare, || jpeg::payloads(image, room))
            }
            Format::Aac => self.image(unit, spare, || aac::payloads(data, room)),
        }
    }

    /// The payloads as packets: they are gone through twice, to know the size and to write.
    fn image<P: Payload, I: Iterator<Item = P>>(
        &mut self,
        unit: &AccessUnit,
        spare: &mut Spare,
        payloads: impl Fn() -> I,
    ) -> Option<WireImage> {
        let (mut packets, mut octets) = (0usize, 0usize);
        for payload in payloads() {
            packets += 1;
            octets += payload.len();
        }
        let count = u16::try_from(packets).ok().filter(|count| *count > 0)?;
        let mut data = spare.take(packets * (PREFIX + HEADER) + octets);
        let timestamp = self.timestamp(unit.time);
        let first_seq = self.next_seq;
        // Nobody else has it yet; what it held of an image before is written over to the last byte.
        let mut rest = Arc::get_mut(&mut data)?;
        for (index, payload) in payloads().enumerate() {
            let (frame, tail) = rest.split_at_mut(PREFIX + HEADER + payload.len());
            let marker = index + 1 == packets;
            self.write(frame, &payload, first_seq.wrapping_add(index as u16), timestamp, marker);
            rest = tail;
        }
        self.next_seq = first_seq.wrapping_add(count);
        Some(WireImage {
            track: self.track,
            link: unit.link,
            time: unit.time,
            timestamp,
            first_seq,
            packets: count,
            octets: octets as u32,
            journey: unit.journey,
            data,
        })
    }

    /// Prefix, [RTP header](https://www.rfc-editor.org/rfc/rfc3550#section-5.1), payload:
    ///
    /// ```text
    /// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    /// |                           timestamp                           |
    /// |                             SSRC                              |
    /// ```
    fn write(&self, frame: &mut [u8], payload: &impl Payload, seq: u16, timestamp: u32, marker: bool) {
        let length = (frame.len() - PREFIX) as u16;
        frame[0] = b'$';
        frame[1] = self.track.0 * 2;
        frame[2..4].copy_from_slice(&length.to_be_bytes());
        frame[4] = 0x80;
        frame[5] = u8::from(marker) << 7 | self.payload_type;
        frame[6..8].copy_from_slice(&seq.to_be_bytes());
        frame[8..12].copy_from_slice(&timestamp.to_be_bytes());
        frame[12..16].copy_from_slice(&self.ssrc.to_be_bytes());
        payload.write(&mut frame[PREFIX + HEADER..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::h264::ParameterSets;
    use crate::media::{self, Link};

    fn sender(first_seq: u16) -> Sender {
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        Sender::new(TrackId(1), &codec, 0x1234_5678, first_seq, u32::MAX - 10, 1420)
    }

    fn unit(data: &[u8]) -> AccessUnit {
        AccessUnit {
            track: TrackId(1),
            time: MediaTime::from_nanos(1_000_000),
            link: Link::Start,
            journey: None,
            data: data.into(),
        }
    }

    #[test]
    fn packets_are_numbered_stamped_and_only_the_last_is_marked() {
        let mut sender = sender(u16::MAX);
        let annex_b =
            [&[0, 0, 0, 1, 0x67, 1, 2][..], &[0, 0, 1, 0x68, 3], &[0, 0, 1, 0x65], &[7; 3000]].concat();
        let image = sender.packetize(&unit(&annex_b)).unwrap();
        let packets: Vec<&[u8]> = image.packets().collect();
        assert_eq!(packets.len(), usize::from(image.packets));
        for (index, packet) in packets.iter().enumerate() {
            assert!(packet.len() <= 1420 - IP_UDP);
            assert_eq!(packet[0], 0x80);
            assert_eq!(packet[1] & 0x7f, 97);
            assert_eq!(packet[1] >> 7 == 1, index + 1 == packets.len());
            let seq = u16::from_be_bytes([packet[2], packet[3]]);
            assert_eq!(seq, u16::MAX.wrapping_add(index as u16), "wraps");
            assert_eq!(packet[4..8], (u32::MAX - 10).wrapping_add(90).to_be_bytes());
        }
        assert_eq!(sender.next_seq(), u16::MAX.wrapping_add(image.packets));
        assert!(image.frames().all(|frame| frame[..2] == [b'$', 2]));
    }

    #[test]
    fn an_image_in_used_memory_is_what_it_is_in_new() {
        let jpeg = include_bytes!("../../tests/fixtures/bitstreams/422.jpg").to_vec();
        let avc = [&[0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65][..], &[7; 9000]].concat();
        let hevc = [&[0, 0, 0, 1, 0x26, 1][..], &[9; 7000]].concat();
        let sets = media::h265::ParameterSets::new(&[0x40, 1], &[0x42, 1], &[0x44, 1]);
        for (codec, data) in [
            (Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68])), avc),
            (Codec::H265(sets), hevc),
            (Codec::Jpeg, jpeg),
            (Codec::Aac(media::aac::Config::parse(&[0x12, 0x10]).unwrap()), vec![5; 3000]),
        ] {
            let sender = || Sender::new(TrackId(1), &codec, 1, 2, 3, 1420);
            let new = sender().packetize(&unit(&data)).unwrap();
            let mut spare = Spare::default();
            let mut used = spare.take(new.as_bytes().len());
            Arc::get_mut(&mut used).unwrap().fill(0xee);
            let place = used.as_ptr();
            spare.give(used, usize::MAX);
            let again = sender().packetize_in(&unit(&data), &mut spare).unwrap();
            assert_eq!(again.as_bytes().as_ptr(), place, "{}", codec.name());
            assert!(again.as_bytes() == new.as_bytes(), "{}", codec.name());
        }
    }

    #[test]
    fn nothing_to_send_takes_no_sequence_number() {
        let mut sender = sender(5);
        assert!(sender.packetize(&unit(&[0, 0, 1, 9, 0xf0])).is_none());
        assert!(sender.packetize(&unit(b"garbage without a start code")).is_none());
        assert_eq!(sender.next_seq(), 5);
    }
}

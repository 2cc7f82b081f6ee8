//! What clients that give RTP packets as they are have seen.

use lenslet::rtp::Depacketizer;

use super::super::source::Coding;
use super::{Heard, Seen, Times, Visit};

/// A track's packets, in the order in which a client gave them.
struct Packets(Vec<Vec<u8>>);

const HEADER: usize = 12;

impl Packets {
    /// Of lines of a kind and a packet in hexadecimal.
    fn parse(said: &str, kind: &str) -> Result<Self, String> {
        let digits = said.lines().filter_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
        let octet = |text: &str, at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        let packet = |text: &str| (0..text.len()).step_by(2).map(|at| octet(text, at)).collect();
        let packets = digits.map(packet).collect::<Option<Vec<Vec<u8>>>>().ok_or("not hexadecimal")?;
        match packets.iter().find(|packet| packet.len() <= HEADER) {
            Some(packet) => Err(format!("a packet of {} octets", packet.len())),
            None => Ok(Self(packets)),
        }
    }

    /// Sequence numbers that do not follow the one before.
    fn gaps(&self, kind: &str) -> Vec<String> {
        let number = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
        let numbers: Vec<u16> = self.0.iter().map(|packet| number(packet)).collect();
        let gaps = numbers.windows(2).filter(|pair| pair[1] != pair[0].wrapping_add(1));
        gaps.map(|pair| format!("{kind}: {} after {}", pair[1], pair[0])).collect()
    }

    /// When each access unit, which a marker ends, is shown.
    fn times(&self, rate: f64) -> Vec<f64> {
        let stamp = |packet: &[u8]| u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let ended = self.0.iter().filter(|packet| packet[1] & 0x80 != 0).map(|packet| stamp(packet));
        let first = self.0.first().map_or(0, |packet| stamp(packet));
        ended.map(|stamp| f64::from(stamp.wrapping_sub(first) as i32) / rate).collect()
    }

    /// The pictures as Annex B, or as JPEGs.
    fn stream(&self, encoding: &str) -> Vec<u8> {
        let (mut depacketizer, mut stream) = (Depacketizer::new(encoding, &[]).unwrap(), Vec::new());
        for (packet, time) in self.0.iter().zip(self.0.iter().map(|packet| &packet[4..8])) {
            let time = u32::from_be_bytes([time[0], time[1], time[2], time[3]]);
            depacketizer.handle_packet(time, packet[1] & 0x80 != 0, 0, &packet[HEADER..]);
            while let Some(unit) = depacketizer.poll_unit() {
                stream.extend_from_slice(&unit.data);
            }
        }
        stream
    }

    /// AAC frames, one a packet behind one header of 16 bits (RFC 3640 section 3.3.6).
    fn frames(&self) -> Result<Vec<Vec<u8>>, String> {
        let frame = |packet: &Vec<u8>| {
            let (head, frame) = packet[HEADER..].split_at_checked(4)?;
            let size = u16::from_be_bytes([head[2], head[3]]);
            let alone = head[..2] == [0, 16] && usize::from(size >> 3) == frame.len();
            alone.then(|| frame.to_vec())
        };
        self.0.iter().map(frame).collect::<Option<_>>().ok_or_else(|| "not one frame a packet".to_owned())
    }
}

/// Of lines `video HEX` and `audio HEX`.
pub(super) fn seen(visit: &Visit<'_>, said: &str, sound_rate: f64) -> Result<Seen, String> {
    let (video, audio) = (Packets::parse(said, "video")?, Packets::parse(said, "audio")?);
    let stream = match visit.source.coding {
        Coding::H264 => Some(video.stream("H264")),
        Coding::H265 => None,
        Coding::Jpeg => Some(video.stream("JPEG")),
    };
    let heard = || -> Result<Heard, String> {
        let (times, frames) = (audio.times(sound_rate), audio.frames()?);
        Ok(Heard { count: times.len(), times: Some(times), frames: Some(frames) })
    };
    let sound = visit.source.sound.then(heard).transpose()?;
    let complaints = [video.gaps("video"), audio.gaps("audio")].concat();
    Ok(Seen { sound, complaints, ..Seen::timed(Times::Decoding(video.times(90_000.0)), stream) })
}

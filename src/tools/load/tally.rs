//! What is counted of one track of one reader: by each packet's head, nothing kept.

use std::time::{Duration, Instant};

use super::keyframe::Format;
use super::pace::Pace;
use crate::client::Lateness;
use crate::rtcp::Reception;
use crate::rtp::{Jitter, Place, Sequence};
use crate::sdp::presentation::MediaSection;

/// Of one track.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    clock_rate: u32,
    format: Format,
    source: Option<Source>,
    sender_report: Option<SenderReport>,
    picture: Option<Picture>,
    /// Expected of sources before this one.
    expected_before: i64,
    /// Packets received, those that came twice left out.
    pub(super) received: u64,
    /// Bytes of RTP packets, headers and all.
    pub(super) bytes: u64,
    /// Pictures that ended.
    pub(super) pictures: u64,
    pub(super) first_packet: Option<Instant>,
    /// The end of the first keyframe of which nothing is missing.
    pub(super) first_keyframe: Option<Instant>,
    last_picture: Option<Instant>,
    /// The longest time from one picture's end to the next one's.
    largest_gap: Duration,
    pub(super) lateness: Lateness,
    pub(super) pace: Pace,
}

#[derive(Clone, Debug)]
struct Source {
    ssrc: u32,
    sequence: Sequence,
    received: i64,
    /// Expected and received when last reported.
    reported: (i64, i64),
    jitter: Jitter,
}

#[derive(Clone, Copy, Debug)]
struct SenderReport {
    ssrc: u32,
    ntp: u64,
    arrival: Instant,
}

/// The picture that the latest packet belongs to.
#[derive(Clone, Copy, Debug)]
struct Picture {
    timestamp: u32,
    keyframe: bool,
    missing: i64,
    ended: bool,
}

/// An RTP packet's head ([RFC 3550 section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)).
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    /// What is at hand of the payload.
    payload: &'a [u8],
}

impl Tally {
    pub(super) fn new(media: &MediaSection) -> Self {
        let clock_rate = media.clock_rate.max(1);
        Self {
            clock_rate,
            format: Format::of(&media.encoding, &media.kind),
            source: None,
            sender_report: None,
            picture: None,
            expected_before: 0,
            received: 0,
            bytes: 0,
            pictures: 0,
            first_packet: None,
            first_keyframe: None,
            last_picture: None,
            largest_gap: Duration::ZERO,
            lateness: Lateness::new(clock_rate),
            pace: Pace::new(clock_rate),
        }
    }

    /// A packet of `length` bytes came; `start` is what is at hand of it.
    pub(super) fn handle(&mut self, start: &[u8], length: usize, now: Instant) {
        if let [_, 200..=207, ..] = start {
            return self.handle_rtcp(start, now);
        }
        let Some(head) = Head::parse(start) else { return };
        let Some((place, ahead)) = self.place(&head, now) else { return };
        self.received += 1;
        self.bytes += length as u64;
        self.first_packet.get_or_insert(now);
        match place {
            Place::Ahead(_) => self.picture(&head, ahead - 1, now),
            // It was taken for missing.
            _ => {
                if let Some(picture) = &mut self.picture {
                    picture.missing -= 1;
                }
            }
        }
    }

    /// Where a packet stands, and how far ahead of the last; `None` if it came before.
    fn place(&mut self, head: &Head<'_>, now: Instant) -> Option<(Place, i64)> {
        let known = self.source.as_mut().filter(|source| source.ssrc == head.ssrc);
        let before = known.as_ref().map_or(0, |source| source.sequence.expected());
        let place = known.map_or(Place::Far, |source| source.sequence.place(head.sequence));
        if place == Place::Far {
            // The first packet, or the sender begins anew.
            self.expected_before += self.source.take().map_or(0, |source| source.sequence.expected());
            self.pace.begin_anew();
            let sequence = Sequence::new(head.sequence);
            let jitter = Jitter::new(self.clock_rate, now);
            self.source = Some(Source { ssrc: head.ssrc, sequence, received: 0, reported: (0, 0), jitter });
        }
        let source = self.source.as_mut()?;
        if place == Place::Duplicate {
            return None;
        }
        source.received += 1;
        source.jitter.heard(head.timestamp, now);
        match place {
            Place::Far => Some((Place::Ahead(0), 1)),
            place => Some((place, source.sequence.expected() - before)),
        }
    }

    fn picture(&mut self, head: &Head<'_>, missing: i64, now: Instant) {
        let same = self.picture.is_some_and(|picture| picture.timestamp == head.timestamp);
        if !same {
            // Without a marker, what comes next ends it.
            if self.picture.is_some_and(|picture| !picture.ended) {
                self.end(now);
            }
            self.picture =
                Some(Picture { timestamp: head.timestamp, keyframe: false, missing: 0, ended: false });
        }
        let Some(picture) = &mut self.picture else { return };
        picture.missing += missing;
        picture.keyframe |= self.format.is_keyframe(head.payload);
        if head.marker && !picture.ended {
            picture.ended = true;
            self.end(now);
        }
    }

    fn end(&mut self, now: Instant) {
        let Some(picture) = self.picture else { return };
        self.pictures += 1;
        if let Some(last) = self.last_picture.replace(now) {
            self.largest_gap = self.largest_gap.max(now.saturating_duration_since(last));
        }
        self.pace.add(picture.timestamp);
        self.lateness.add(picture.timestamp, now);
        if picture.keyframe && picture.missing <= 0 {
            self.first_keyframe.get_or_insert(now);
        }
    }

    /// Of a compound packet the sender report at its start is of use.
    fn handle_rtcp(&mut self, start: &[u8], now: Instant) {
        let [_, 200, _, _, s0, s1, s2, s3, ref rest @ ..] = *start else { return };
        let Some(ntp) = rest.first_chunk() else { return };
        let ssrc = u32::from_be_bytes([s0, s1, s2, s3]);
        self.sender_report = Some(SenderReport { ssrc, ntp: u64::from_be_bytes(*ntp), arrival: now });
    }

    /// The longest time without a picture, that which is not over yet included; `None` if nothing came.
    pub(super) fn largest_gap(&self, now: Instant) -> Option<Duration> {
        let since = self.last_picture.or(self.first_packet)?;
        Some(self.largest_gap.max(now.saturating_duration_since(since)))
    }

    /// Packets that should have come.
    pub(super) fn expected(&self) -> u64 {
        let current = self.source.as_ref().map_or(0, |source| source.sequence.expected());
        u64::try_from(self.expected_before + current).unwrap_or_default()
    }

    pub(super) fn jitter(&self) -> Option<Duration> {
        self.source.as_ref().map(|source| source.jitter.time())
    }

    /// What to report of it ([RFC 3550 section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)).
    pub(super) fn report(&mut self, now: Instant) -> Option<Reception> {
        let report = self.sender_report;
        let source = self.source.as_mut()?;
        let report = report.filter(|report| report.ssrc == source.ssrc);
        let expected = source.sequence.expected();
        let (expected_before, received_before) =
            std::mem::replace(&mut source.reported, (expected, source.received));
        let (expected_now, received_now) = (expected - expected_before, source.received - received_before);
        let lost_now = (expected_now - received_now).max(0);
        Some(Reception {
            ssrc: source.ssrc,
            fraction_lost: (lost_now << 8).checked_div(expected_now).unwrap_or(0).clamp(0, 255) as u8,
            lost: (expected - source.received).clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_seq: source.sequence.highest(),
            jitter: source.jitter.ticks(),
            last_sr: report.map_or(0, |report| (report.ntp >> 16) as u32),
            delay: report.map_or(0, |report| {
                let since = now.saturating_duration_since(report.arrival);
                u32::try_from((since.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
            }),
        })
    }
}

impl<'a> Head<'a> {
    /// Reads the head; padding is of no interest.
    fn parse(start: &'a [u8]) -> Option<Self> {
        let [first, second, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3, ref rest @ ..] = *start else {
            return None;
        };
        if first >> 6 != 2 {
            return None;
        }
        let mut payload = rest.get(usize::from(first & 0xf) * 4..).unwrap_or_default();
        if first & 0x10 != 0 {
            let words =
                payload.get(2..4).map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
            payload = payload.get(4 + 4 * words..).unwrap_or_default();
        }
        Some(Self {
            marker: second & 0x80 != 0,
            sequence: u16::from_be_bytes([q0, q1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            payload,
        })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any instant to count from")]
mod tests {
    use super::*;

    struct Stream {
        tally: Tally,
        start: Instant,
    }

    impl Stream {
        fn new() -> Self {
            let media =
                MediaSection { encoding: "H264".into(), clock_rate: 90_000, ..MediaSection::default() };
            Self { tally: Tally::new(&media), start: Instant::now() }
        }

        /// A packet of a picture: its NAL unit type, whether it is the last, when it comes.
        fn packet(&mut self, sequence: u16, picture: u32, nal: u8, marker: bool, millis: u64) {
            let mut bytes = vec![0x80, 96 | u8::from(marker) << 7];
            bytes.extend(sequence.to_be_bytes());
            bytes.extend((picture * 3000).to_be_bytes());
            bytes.extend([0, 0, 0, 7, nal, 0, 0]);
            self.tally.handle(&bytes, bytes.len(), self.start + Duration::from_millis(millis));
        }

        fn keyframe(&self) -> Option<u128> {
            self.tally.first_keyframe.map(|at| at.duration_since(self.start).as_millis())
        }
    }

    #[test]
    fn loss_gaps_and_pictures_are_counted() {
        let mut stream = Stream::new();
        stream.packet(u16::MAX, 0, 0x65, true, 0);
        stream.packet(0, 1, 0x41, false, 30);
        stream.packet(1, 1, 0x41, true, 33);
        stream.packet(4, 2, 0x41, true, 100);
        stream.packet(3, 2, 0x41, false, 101);
        stream.packet(4, 2, 0x41, true, 102);
        let tally = &stream.tally;
        assert_eq!((tally.expected(), tally.received, tally.pictures), (6, 5, 3));
        let gap =
            |millis| tally.largest_gap(stream.start + Duration::from_millis(millis)).unwrap().as_millis();
        assert_eq!((gap(100), gap(167), gap(1_500)), (67, 67, 1_400), "one that is not over is one");
        assert_eq!(stream.keyframe(), Some(0));
    }

    #[test]
    fn a_keyframe_is_complete_when_nothing_of_it_is_missing() {
        let mut stream = Stream::new();
        stream.packet(1, 0, 0x41, true, 0);
        stream.packet(2, 1, 0x65, false, 10);
        stream.packet(4, 1, 0x65, true, 11);
        assert_eq!(stream.keyframe(), None, "a packet is missing");
        stream.packet(5, 2, 0x65, false, 20);
        stream.packet(7, 2, 0x65, false, 21);
        stream.packet(6, 2, 0x65, false, 22);
        stream.packet(8, 2, 0x65, true, 23);
        assert_eq!(stream.keyframe(), Some(23), "one was overtaken");
    }

    #[test]
    fn pictures_without_markers_end_where_the_next_begins() {
        let mut stream = Stream::new();
        (0..4).for_each(|picture| {
            stream.packet(picture, u32::from(picture), 0x65, false, u64::from(picture) * 33)
        });
        assert_eq!((stream.tally.pictures, stream.keyframe()), (3, Some(33)));
    }

    #[test]
    fn a_sender_that_begins_anew_has_lost_nothing() {
        let mut stream = Stream::new();
        stream.packet(10, 0, 0x65, true, 0);
        stream.packet(20_000, 1, 0x65, true, 33);
        stream.packet(20_002, 2, 0x65, true, 66);
        assert_eq!((stream.tally.expected(), stream.tally.received), (4, 3));
    }

    #[test]
    fn a_picture_that_has_begun_and_does_not_end_is_waited_for() {
        let mut stream = Stream::new();
        assert_eq!(stream.tally.largest_gap(stream.start), None);
        stream.packet(0, 0, 0x65, false, 100);
        let now = stream.start + Duration::from_millis(2_100);
        assert_eq!(stream.tally.largest_gap(now), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_report_says_what_was_lost_since_the_last() {
        let mut stream = Stream::new();
        assert_eq!(stream.tally.report(stream.start), None);
        stream.packet(1, 0, 0x65, true, 0);
        stream.packet(3, 1, 0x65, true, 33);
        let now = stream.start + Duration::from_millis(1033);
        let mut report = [0x80, 200, 0, 6, 0, 0, 0, 7, 0, 1, 2, 3, 4, 5, 6, 7].to_vec();
        report.resize(28, 0);
        stream.tally.handle(&report, 28, now - Duration::from_millis(500));
        let first = stream.tally.report(now).unwrap();
        assert_eq!((first.lost, first.fraction_lost, first.highest_seq), (1, 85, 3));
        assert_eq!((first.last_sr, first.delay), (0x0203_0405, 32_768));
        stream.packet(4, 2, 0x65, true, 66);
        assert_eq!(stream.tally.report(now).unwrap().fraction_lost, 0);
    }
}

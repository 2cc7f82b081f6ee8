//! One track's packets as they come: in order, counted, and what a reception report says of them.

use std::time::{Duration, Instant};

use super::jitter::Jitter;
use super::packet::{Invalid, Packet};
use super::reorder::{Arrived, Reorder};
use super::sequence::{Place, Sequence};
use crate::rtcp::Reception;

/// Receives one track. Poll it for packets after every packet and at every timeout: it holds what is
/// not polled.
///
/// ```text
/// no source -> one source -> (another SSRC, or a jump in the sequence, twice in a row) -> that source
/// ```
#[derive(Debug)]
pub struct Receiver {
    clock_rate: u32,
    payload_type: Option<u8>,
    source: Option<Source>,
    stray: Option<Stray>,
    reorder: Reorder,
    sender_report: Option<SenderReport>,
    /// Of all sources; `lost` of those before this one.
    counted: Statistics,
}

/// What came so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets of the stream, late ones and duplicates too
    /// ([RFC 3550 appendix A.3](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.3)).
    pub received: u64,
    /// Packets expected and not received; negative when duplicates came.
    pub lost: i64,
    /// Packets that had come before.
    pub duplicates: u64,
    /// Packets that came after later ones.
    pub reordered: u64,
    /// Those of them for which it was too late: thrown away.
    pub late: u64,
    /// Times that the sender began anew: another SSRC, or a jump in its sequence.
    pub resyncs: u64,
    /// Packets that are none, or not of this stream.
    pub invalid: u64,
    /// Payload bytes.
    pub octets: u64,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// The highest sequence number, its cycles in the upper half.
    pub highest_seq: u32,
    /// The synchronization source, once a packet came.
    pub ssrc: Option<u32>,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    sequence: Sequence,
    received: i64,
    /// Expected and received when last reported.
    reported: (i64, i64),
    jitter: Jitter,
}

/// A packet from elsewhere, kept until the next one shows whether the stream goes on there.
#[derive(Debug)]
struct Stray {
    ssrc: u32,
    packet: Arrived,
}

#[derive(Clone, Copy, Debug)]
struct SenderReport {
    ssrc: u32,
    ntp: u64,
    rtp: u32,
    arrival: Instant,
}

impl Receiver {
    /// A stream of which nothing came yet. Packets of another payload type are refused, if one is given.
    /// A missing packet is waited for as long as `wait`: zero over TCP, where none can come late.
    pub fn new(clock_rate: u32, payload_type: Option<u8>, wait: Duration) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            payload_type,
            source: None,
            stray: None,
            reorder: Reorder::new(wait),
            sender_report: None,
            counted: Statistics::default(),
        }
    }

    /// A datagram, or the body of an interleaved frame, came.
    ///
    /// # Errors
    /// It is no packet of this stream; it is counted.
    pub fn handle_packet(&mut self, bytes: &[u8], now: Instant) -> Result<(), Invalid> {
        let packet = self.check(bytes).inspect_err(|_| self.counted.invalid += 1)?;
        let ssrc = packet.ssrc;
        let packet = Arrived {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: packet.payload.to_vec(),
            lost: 0,
            restarted: false,
            arrival: now,
        };
        match &mut self.source {
            None => self.start(ssrc, packet),
            Some(source) if source.ssrc != ssrc => self.handle_stray(ssrc, packet),
            Some(source) => match source.sequence.place(packet.sequence) {
                Place::Far => self.handle_stray(ssrc, packet),
                place => {
                    self.forget_stray();
                    self.take(place, packet);
                }
            },
        }
        self.reorder.release(now);
        Ok(())
    }

    /// The next packet, if it has come or what is missing before it is given up.
    pub fn poll_packet(&mut self, now: Instant) -> Option<Arrived> {
        self.reorder.poll(now)
    }

    /// When to poll at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.reorder.timeout()
    }

    /// A sender report came; one of another source than the packets' counts for nothing.
    pub fn handle_sender_report(&mut self, ssrc: u32, ntp: u64, rtp: u32, now: Instant) {
        // One that comes before the first packet may yet be of use.
        if self.last_report().is_none_or(|last| last.ssrc == ssrc) {
            self.sender_report = Some(SenderReport { ssrc, ntp, rtp, arrival: now });
        }
    }

    /// What to report of the stream; its interval begins anew. `None` before the first packet.
    pub fn report(&mut self, now: Instant) -> Option<Reception> {
        let last = self.last_report();
        let source = self.source.as_mut()?;
        let expected = source.sequence.expected();
        let lost = (expected - source.received).clamp(-0x80_0000, 0x7f_ffff);
        let (expected_before, received_before) =
            std::mem::replace(&mut source.reported, (expected, source.received));
        Some(Reception {
            ssrc: source.ssrc,
            fraction_lost: fraction(expected - expected_before, source.received - received_before),
            lost: lost as i32,
            highest_seq: source.sequence.highest(),
            jitter: source.jitter.ticks(),
            last_sr: last.map_or(0, |last| (last.ntp >> 16) as u32),
            delay: last.map_or(0, |last| delay(now.saturating_duration_since(last.arrival))),
        })
    }

    /// What came so far.
    pub fn statistics(&self) -> Statistics {
        let Some(source) = &self.source else { return self.counted };
        Statistics {
            lost: self.counted.lost + source.sequence.expected() - source.received,
            jitter: source.jitter.time(),
            highest_seq: source.sequence.highest(),
            ssrc: Some(source.ssrc),
            ..self.counted
        }
    }

    /// The sender's wall clock at a timestamp: NTP, 32.32 bits since 1900. `None` before its first report.
    pub fn wall_of(&self, timestamp: u32) -> Option<u64> {
        let last = self.last_report()?;
        let ticks = i64::from(timestamp.wrapping_sub(last.rtp) as i32);
        Some(last.ntp.wrapping_add_signed((ticks << 32) / i64::from(self.clock_rate)))
    }

    fn check<'a>(&self, bytes: &'a [u8]) -> Result<Packet<'a>, Invalid> {
        let packet = Packet::parse(bytes)?;
        let stranger = self.payload_type.is_some_and(|payload_type| payload_type != packet.payload_type);
        if stranger { Err(Invalid::PayloadType(packet.payload_type)) } else { Ok(packet) }
    }

    fn last_report(&self) -> Option<SenderReport> {
        let source = self.source.as_ref()?;
        self.sender_report.filter(|report| report.ssrc == source.ssrc)
    }

    /// The first packet is believed: a stream waited for is one asked for.
    fn start(&mut self, ssrc: u32, packet: Arrived) {
        let sequence = Sequence::new(packet.sequence);
        self.reorder.restart(packet.sequence, self.source.is_some());
        if let Some(last) = &self.source {
            self.counted.resyncs += 1;
            self.counted.lost += last.sequence.expected() - last.received;
        }
        let first = i64::from(packet.sequence);
        let jitter = Jitter::new(self.clock_rate, packet.arrival);
        self.source = Some(Source { ssrc, sequence, received: 0, reported: (0, 0), jitter });
        self.take(Place::Ahead(first), packet);
    }

    fn take(&mut self, place: Place, packet: Arrived) {
        let Some(source) = &mut self.source else { return };
        source.received += 1;
        self.counted.received += 1;
        self.counted.octets += packet.payload.len() as u64;
        let (sequence, overtaken) = match place {
            Place::Ahead(sequence) => (sequence, false),
            Place::Overtaken(sequence) => (sequence, true),
            Place::Duplicate | Place::Far => {
                self.counted.duplicates += 1;
                return;
            }
        };
        source.jitter.heard(packet.timestamp, packet.arrival);
        self.counted.reordered += u64::from(overtaken);
        if !self.reorder.insert(sequence, packet) {
            self.counted.late += 1;
        }
    }

    /// Two packets in a row are a stream, one is an accident (appendix A.1); the first is not lost for that.
    fn handle_stray(&mut self, ssrc: u32, packet: Arrived) {
        match self.stray.take() {
            Some(first) if first.ssrc == ssrc && first.packet.sequence.wrapping_add(1) == packet.sequence => {
                let sequence = i64::from(first.packet.sequence) + 1;
                self.start(ssrc, first.packet);
                if let Some(source) = &mut self.source {
                    source.sequence.place(packet.sequence);
                }
                self.take(Place::Ahead(sequence), packet);
            }
            other => {
                self.counted.invalid += u64::from(other.is_some());
                self.stray = Some(Stray { ssrc, packet });
            }
        }
    }

    fn forget_stray(&mut self) {
        self.counted.invalid += u64::from(self.stray.take().is_some());
    }
}

/// The part lost of an interval, in 256ths ([RFC 3550 appendix A.3](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.3)).
fn fraction(expected: i64, received: i64) -> u8 {
    let lost = expected - received;
    if expected <= 0 || lost <= 0 { 0 } else { u8::try_from((lost << 8) / expected).unwrap_or(u8::MAX) }
}

/// In 65 536ths of a second.
fn delay(since: Duration) -> u32 {
    u32::try_from((since.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any instant to count from")]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(50);
    const MS: Duration = Duration::from_millis(1);

    fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
        let timestamp = 3000 * u32::from(sequence);
        let [high, low] = sequence.to_be_bytes();
        [&[0x80, 96, high, low][..], &timestamp.to_be_bytes(), &ssrc.to_be_bytes(), &[7; 10]].concat()
    }

    /// A receiver that was sent these, one a millisecond, and the time of the last.
    fn after(wait: Duration, sequences: &[u16]) -> (Receiver, Instant) {
        let mut receiver = Receiver::new(90_000, Some(96), wait);
        let mut now = Instant::now();
        for sequence in sequences {
            now += MS;
            receiver.handle_packet(&packet(1, *sequence), now).unwrap();
        }
        (receiver, now)
    }

    /// Sequence numbers and how many are missing before each.
    fn polled(receiver: &mut Receiver, now: Instant) -> Vec<(u16, u16)> {
        let packets = std::iter::from_fn(|| receiver.poll_packet(now));
        packets.map(|packet| (packet.sequence, packet.lost)).collect()
    }

    #[test]
    fn a_missing_packet_is_waited_for() {
        let (mut receiver, now) = after(WAIT, &[65_534, 65_535, 2, 1]);
        assert_eq!(polled(&mut receiver, now), [(65_534, 0), (65_535, 0)]);
        // 2 told of the gap, a millisecond before 1.
        assert_eq!(receiver.poll_timeout(), Some(now + WAIT - MS));
        receiver.handle_packet(&packet(1, 0), now + MS).unwrap();
        assert_eq!(polled(&mut receiver, now + MS), [(0, 0), (1, 0), (2, 0)]);
        assert_eq!(receiver.poll_timeout(), None);
        let statistics = receiver.statistics();
        assert_eq!((statistics.reordered, statistics.lost, statistics.late), (2, 0, 0));
        assert_eq!((statistics.received, statistics.octets, statistics.highest_seq), (5, 50, 0x1_0002));
    }

    #[test]
    fn a_missing_packet_is_given_up_in_time() {
        let (mut receiver, now) = after(WAIT, &[1, 2, 5, 7]);
        let due = receiver.poll_timeout().unwrap();
        assert_eq!(polled(&mut receiver, due - MS), [(1, 0), (2, 0)]);
        assert_eq!(polled(&mut receiver, due), [(5, 2)]);
        assert_eq!(receiver.poll_timeout(), Some(now + WAIT), "each gap by itself");
        assert_eq!(polled(&mut receiver, now + WAIT), [(7, 1)]);
        receiver.handle_packet(&packet(1, 4), now + WAIT).unwrap();
        assert_eq!(polled(&mut receiver, now + WAIT), []);
        assert_eq!((receiver.statistics().late, receiver.statistics().lost), (1, 2));
    }

    #[test]
    fn without_a_wait_nothing_is_held() {
        let (mut receiver, now) = after(Duration::ZERO, &[1, 4, 5]);
        assert_eq!(polled(&mut receiver, now), [(1, 0), (4, 2), (5, 0)]);
        assert_eq!(receiver.poll_timeout(), None);
    }

    #[test]
    fn what_is_held_is_bounded_by_number_too() {
        let sequences: Vec<u16> = [1].into_iter().chain(3..=101).collect();
        let (mut receiver, mut now) = after(Duration::MAX, &sequences);
        assert_eq!(polled(&mut receiver, now), [(1, 0)]);
        assert_eq!(receiver.poll_timeout(), None, "no overflow");
        now += MS;
        receiver.handle_packet(&packet(1, 102), now).unwrap();
        let packets = polled(&mut receiver, now);
        assert_eq!((packets[0], packets.len()), ((3, 1), 100));
    }

    #[test]
    fn duplicates_are_dropped_and_make_loss_negative() {
        let (mut receiver, now) = after(WAIT, &[1, 2, 2, 4, 4, 1, 3]);
        assert_eq!(polled(&mut receiver, now), [(1, 0), (2, 0), (3, 0), (4, 0)]);
        let statistics = receiver.statistics();
        assert_eq!((statistics.duplicates, statistics.received, statistics.lost), (3, 7, -3));
        let report = receiver.report(now).unwrap();
        assert_eq!((report.lost, report.fraction_lost), (-3, 0));
    }

    #[test]
    fn a_report_tells_the_loss_since_the_last_one() {
        let (mut receiver, now) = after(Duration::ZERO, &[65_535, 0, 2, 4]);
        let report = receiver.report(now).unwrap();
        // 6 expected, 2 lost: 85.3/256.
        assert_eq!((report.ssrc, report.fraction_lost, report.lost), (1, 85, 2));
        assert_eq!((report.highest_seq, report.last_sr, report.delay), (0x1_0004, 0, 0));
        for sequence in [5, 6, 8, 9] {
            receiver.handle_packet(&packet(1, sequence), now).unwrap();
        }
        // 5 expected, 1 lost: 51.2/256.
        let report = receiver.report(now).unwrap();
        assert_eq!((report.fraction_lost, report.lost), (51, 3));
        assert_eq!(receiver.report(now).unwrap().fraction_lost, 0);
    }

    #[test]
    fn the_round_trip_is_that_of_the_rfcs_figure() {
        let (mut receiver, now) = after(Duration::ZERO, &[1]);
        assert_eq!(Receiver::new(90_000, None, WAIT).report(now), None);
        receiver.handle_sender_report(2, u64::MAX, 1, now);
        assert_eq!(receiver.report(now).unwrap().last_sr, 0, "another source's");
        receiver.handle_sender_report(1, 0xb44d_b705_2000_0000, 0, now);
        receiver.handle_sender_report(2, u64::MAX, 1, now);
        let report = receiver.report(now + Duration::from_millis(5250)).unwrap();
        assert_eq!((report.last_sr, report.delay), (0xb705_2000, 0x0005_4000));
        assert_eq!(report.round_trip(0xb44d_b710_8000_0000), Some(Duration::from_millis(6125)));
    }

    #[test]
    fn a_timestamp_is_an_instant_of_the_senders_wall_clock() {
        let (mut receiver, now) = after(Duration::ZERO, &[1]);
        assert_eq!(receiver.wall_of(0), None);
        receiver.handle_sender_report(1, 100 << 32, u32::MAX - 44_999, now);
        assert_eq!(receiver.wall_of(45_000), Some(101 << 32), "later, over the wrap");
        assert_eq!(receiver.wall_of(u32::MAX - 89_999), Some(99 << 32 | 1 << 31), "earlier");
    }

    #[test]
    fn a_sender_that_begins_anew_is_followed_without_loss() {
        for (ssrc, first) in [(1, 40_000), (2, 10), (2, 7)] {
            let (mut receiver, now) = after(WAIT, &[7, 8, 10]);
            receiver.handle_packet(&packet(ssrc, first), now).unwrap();
            assert_eq!(polled(&mut receiver, now), [(7, 0), (8, 0)], "one may be an accident");
            receiver.handle_packet(&packet(ssrc, first + 1), now).unwrap();
            let packets: Vec<Arrived> = std::iter::from_fn(|| receiver.poll_packet(now)).collect();
            let told: Vec<_> = packets.iter().map(|packet| (packet.sequence, packet.restarted)).collect();
            assert_eq!(told, [(10, false), (first, true), (first + 1, false)]);
            assert_eq!(packets.iter().map(|packet| packet.lost).collect::<Vec<_>>(), [1, 1, 0]);
            let statistics = receiver.statistics();
            assert_eq!((statistics.resyncs, statistics.received, statistics.lost), (1, 5, 1));
            assert_eq!((statistics.ssrc, statistics.invalid), (Some(ssrc), 0));
            assert_eq!(receiver.report(now).unwrap().lost, 0);
        }
    }

    #[test]
    fn strays_change_nothing() {
        let (mut receiver, now) = after(Duration::ZERO, &[7]);
        for (ssrc, sequence) in [(1, 40_000), (1, 8), (1, 40_001), (2, 10), (2, 12), (1, 9)] {
            receiver.handle_packet(&packet(ssrc, sequence), now).unwrap();
        }
        assert_eq!(polled(&mut receiver, now), [(7, 0), (8, 0), (9, 0)]);
        let statistics = receiver.statistics();
        assert_eq!((statistics.invalid, statistics.resyncs, statistics.received), (4, 0, 3));
    }

    #[test]
    fn what_is_not_of_the_stream_is_refused_and_counted() {
        let (mut receiver, now) = after(WAIT, &[1]);
        let mut other = packet(1, 2);
        other[1] = 97;
        assert_eq!(receiver.handle_packet(&other, now), Err(Invalid::PayloadType(97)));
        assert_eq!(receiver.handle_packet(&[0x80, 200, 0, 6], now), Err(Invalid::Rtcp));
        assert_eq!((receiver.statistics().invalid, receiver.statistics().received), (2, 1));
        let mut any = Receiver::new(90_000, None, WAIT);
        assert_eq!(any.handle_packet(&other, now), Ok(()));
    }
}

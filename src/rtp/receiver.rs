//! One track's packets as they come: in order, counted, and what a reception report says of them.

use std::time::{Duration, Instant};

use super::jitter::Jitter;
use super::packet::{Invalid, Packet};
use super::reorder::Reorder;
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

/// A packet in its place in the sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The sequence number.
    pub sequence: u16,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
    /// The payload.
    pub payload: Vec<u8>,
    /// How many packets are missing right before it; 1 where the sender began anew and nobody knows.
    pub lost: u16,
    /// The sender began anew here: timestamps may have jumped.
    pub restarted: bool,
    /// When it came.
    pub arrival: Instant,
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
        self.sender_report = Some(SenderReport { ssrc, ntp, rtp, arrival: now });
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

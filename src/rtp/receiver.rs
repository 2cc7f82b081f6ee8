//! One track's packets as they arrive: put in order, counted, reported.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::packet::{Invalid, Packet};
use crate::rtcp::Reception;

/// [RFC 3550 appendix A.1](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.1): a number this far ahead
/// or behind is still the same count.
const MAX_DROPOUT: u16 = 3000;
const MAX_MISORDER: u16 = 100;

/// Packets that may wait for an earlier one.
const MOST_HELD: usize = 256;

/// Numbers given up that are remembered, to tell a late packet from a second one.
const MOST_MISSING: usize = 1024;

/// Sequence numbers are counted from here, so that there is room below the first.
const ORIGIN: u64 = 1 << 16;

/// A packet in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Its marker bit.
    pub marker: bool,
    /// Its payload.
    pub payload: Vec<u8>,
    /// How many packets are missing right before it.
    pub lost: u16,
    /// When it came.
    pub arrival: Instant,
}

/// What came so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets, each counted once.
    pub received: u64,
    /// Packets that did not come.
    pub lost: i64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Packets that came behind later ones.
    pub reordered: u64,
    /// How often the count or the sender changed.
    pub resyncs: u64,
    /// Packets that were not taken: see [`Invalid`].
    pub invalid: u64,
    /// Interarrival jitter in ticks
    /// ([RFC 3550 section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)).
    pub jitter: u32,
    /// The highest sequence number, with its cycles.
    pub highest_seq: u32,
    /// Payload bytes.
    pub octets: u64,
    /// Who sends.
    pub ssrc: Option<u32>,
}

/// Receives one track.
#[derive(Debug)]
pub struct Receiver {
    clock_rate: u32,
    payload_type: Option<u8>,
    wait: Duration,
    source: Option<Source>,
    /// A sender that wants to take over, or a count far away: what its next packet would be.
    candidate: Option<(u32, u16)>,
    held: BTreeMap<u64, Arrived>,
    /// The number that is handed on next.
    next: u64,
    missing: BTreeSet<u64>,
    statistics: Statistics,
    report: Option<SenderReport>,
}

/// The sender as far as it was heard ([RFC 3550 appendix A.1](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.1)).
#[derive(Debug)]
struct Source {
    ssrc: u32,
    first: u64,
    highest: u64,
    /// Packets of this count, second and late ones included.
    received: u64,
    /// Lost in counts that ended.
    lost_before: i64,
    /// At the last report: expected, received.
    prior: (u64, u64),
    transit: Option<i64>,
    began: Instant,
    /// Sixteenths of a tick.
    jitter: u64,
}

#[derive(Clone, Copy, Debug)]
struct SenderReport {
    ntp: u64,
    rtp: u32,
    arrival: Instant,
}

impl Receiver {
    /// A track of `clock_rate` ticks a second. A gap is waited for `wait` long: not at all where packets
    /// cannot overtake each other. The payload type is a hint: what comes first is believed.
    pub fn new(clock_rate: u32, payload_type: Option<u8>, wait: Duration) -> Self {
        Self {
            clock_rate,
            payload_type,
            wait,
            source: None,
            candidate: None,
            held: BTreeMap::new(),
            next: 0,
            missing: BTreeSet::new(),
            statistics: Statistics::default(),
            report: None,
        }
    }

    /// A datagram or interleaved frame arrived.
    ///
    /// # Errors
    /// It is not the stream's; counted.
    pub fn handle_packet(&mut self, bytes: &[u8], now: Instant) -> Result<(), Invalid> {
        let done = Packet::parse(bytes).and_then(|packet| self.take(&packet, now));
        if let Err(invalid) = done
            && invalid != Invalid::Rtcp
        {
            self.statistics.invalid += 1;
        }
        done
    }

    fn take(&mut self, packet: &Packet<'_>, now: Instant) -> Result<(), Invalid> {
        let expected = match (self.source.is_some(), self.payload_type) {
            (true, Some(expected)) => expected,
            _ => *self.payload_type.insert(packet.payload_type),
        };
        if packet.payload_type != expected {
            return Err(Invalid::PayloadType(packet.payload_type));
        }
        let number = self.number(packet, now)?;
        let arrived = Arrived {
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: packet.payload.to_vec(),
            lost: 0,
            arrival: now,
        };
        let Some(source) = &mut self.source else { return Ok(()) };
        source.received += 1;
        source.measure(packet.timestamp, self.clock_rate, now);
        let late = number < source.highest;
        source.highest = source.highest.max(number);
        let again = number < self.next && !self.missing.remove(&number) || self.held.contains_key(&number);
        if again {
            self.statistics.duplicates += 1;
            return Ok(());
        }
        self.statistics.received += 1;
        self.statistics.reordered += u64::from(late);
        self.statistics.octets += packet.payload.len() as u64;
        if number >= self.next {
            self.held.insert(number, arrived);
        }
        Ok(())
    }

    /// The packet's number, cycles included; a new count begins where the old one cannot go on.
    fn number(&mut self, packet: &Packet<'_>, now: Instant) -> Result<u64, Invalid> {
        let Packet { sequence, ssrc, .. } = *packet;
        let Some(source) = &self.source else {
            return Ok(self.begin(packet, now));
        };
        let candidate = (ssrc, sequence.wrapping_add(1));
        let confirmed = self.candidate == Some((ssrc, sequence));
        if ssrc != source.ssrc {
            if confirmed {
                return Ok(self.begin(packet, now));
            }
            self.candidate = Some(candidate);
            return Err(Invalid::Stranger(ssrc));
        }
        let ahead = sequence.wrapping_sub(source.highest as u16);
        let behind = ahead.wrapping_neg();
        if ahead < MAX_DROPOUT {
            self.candidate = None;
            return Ok(source.highest + u64::from(ahead));
        }
        if behind <= MAX_MISORDER {
            return Ok(source.highest - u64::from(behind));
        }
        if confirmed {
            return Ok(self.begin(packet, now));
        }
        self.candidate = Some(candidate);
        Err(Invalid::Jump(sequence))
    }

    /// A new count begins with this packet.
    fn begin(&mut self, packet: &Packet<'_>, now: Instant) -> u64 {
        let number = ORIGIN + u64::from(packet.sequence);
        let before = self.source.as_ref();
        self.statistics.resyncs += u64::from(before.is_some());
        let lost_before = before.map_or(0, Source::lost);
        // A new sender's clock is another.
        if before.is_some_and(|source| source.ssrc != packet.ssrc) {
            self.report = None;
        }
        self.source = Some(Source {
            ssrc: packet.ssrc,
            first: number,
            highest: number,
            received: 0,
            lost_before,
            prior: (0, 0),
            transit: None,
            began: now,
            jitter: 0,
        });
        self.candidate = None;
        self.held.clear();
        self.missing.clear();
        self.next = number;
        number
    }

    /// The next packet in order, once it is there or the gap before it was waited for.
    pub fn poll_packet(&mut self, now: Instant) -> Option<Arrived> {
        let entry = self.held.first_entry()?;
        let number = *entry.key();
        let waited = entry.get().arrival + self.wait <= now;
        if number > self.next && !waited && self.held.len() < MOST_HELD {
            return None;
        }
        let mut packet = self.held.remove(&number)?;
        packet.lost = u16::try_from(number - self.next).unwrap_or(u16::MAX);
        self.missing.extend(self.next..number);
        while self.missing.len() > MOST_MISSING {
            self.missing.pop_first();
        }
        self.next = number + 1;
        Some(packet)
    }

    /// When a gap is given up.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.held.first_key_value().map(|(_, packet)| packet.arrival + self.wait)
    }

    /// The sender said what time it is on two clocks.
    pub fn handle_sender_report(&mut self, ntp: u64, rtp: u32, now: Instant) {
        self.report = Some(SenderReport { ntp, rtp, arrival: now });
    }

    /// When a timestamp was sampled on the sender's wall clock, as NTP (32.32 bits since 1900).
    pub fn wall_of(&self, timestamp: u32) -> Option<u64> {
        let report = self.report?;
        let ticks = i128::from(timestamp.wrapping_sub(report.rtp) as i32);
        let ntp = i128::from(report.ntp) + (ticks << 32) / i128::from(self.clock_rate.max(1));
        u64::try_from(ntp).ok()
    }

    /// What a receiver report says of this track
    /// ([RFC 3550 section 6.4.1 and appendix A.3](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.3));
    /// nothing before the first packet. The fraction lost is since the last call.
    pub fn report(&mut self, reporter: u32, now: Instant) -> Option<Reception> {
        let report = self.report;
        let source = self.source.as_mut()?;
        let (expected, received) = (source.expected(), source.received);
        let interval = expected - source.prior.0;
        let lost = interval as i64 - (received - source.prior.1) as i64;
        source.prior = (expected, received);
        let fraction = if interval == 0 || lost <= 0 { 0 } else { (lost as u64 * 256 / interval).min(255) };
        Some(Reception {
            reporter,
            ssrc: source.ssrc,
            fraction_lost: fraction as u8,
            lost: source.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_seq: (source.highest - ORIGIN) as u32,
            jitter: (source.jitter >> 4) as u32,
            last_sr: report.map_or(0, |report| (report.ntp >> 16) as u32),
            delay: report.map_or(0, |report| {
                let since = now.saturating_duration_since(report.arrival).as_nanos();
                u32::try_from(since * 65_536 / 1_000_000_000).unwrap_or(u32::MAX)
            }),
        })
    }

    /// What came so far.
    pub fn statistics(&self) -> Statistics {
        let Some(source) = &self.source else { return self.statistics };
        Statistics {
            // Second packets do not make up for lost ones.
            lost: source.lost() + self.statistics.duplicates as i64,
            jitter: (source.jitter >> 4) as u32,
            highest_seq: (source.highest - ORIGIN) as u32,
            ssrc: Some(source.ssrc),
            ..self.statistics
        }
    }
}

impl Source {
    fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }

    /// Expected and not received; negative where packets came twice.
    fn lost(&self) -> i64 {
        self.lost_before + self.expected() as i64 - self.received as i64
    }

    /// [RFC 3550 appendix A.8](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.8)
    fn measure(&mut self, timestamp: u32, clock_rate: u32, now: Instant) {
        let since = now.saturating_duration_since(self.began).as_nanos();
        let arrival = (since * u128::from(clock_rate) / 1_000_000_000) as u32;
        let transit = i64::from(arrival.wrapping_sub(timestamp));
        if let Some(before) = self.transit.replace(transit) {
            let difference = (transit as i32).wrapping_sub(before as i32).unsigned_abs();
            self.jitter = self.jitter + u64::from(difference) - ((self.jitter + 8) >> 4);
        }
    }
}

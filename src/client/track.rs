//! What arrives of one track: packets in, access units and figures out, reports back.

use std::time::{Duration, Instant};

use crate::random::random_u32;
use crate::rtcp::{self, Message};
use crate::rtp::{self, DepacketizedUnit, Depacketizer, Receiver, Statistics};
use crate::rtsp::client::Reply;
use crate::sdp::presentation::MediaSection;

/// Reports go out about this often, and the first after half of it: the reduced minimum of
/// [RFC 3550 section 6.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.2) at 180 kbit/s and more.
const REPORT: Duration = Duration::from_secs(2);

/// One access unit as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// When its last packet came.
    pub arrival: Instant,
    /// As [`DepacketizedUnit::data`].
    pub data: Vec<u8>,
    /// Decoding can start here.
    pub keyframe: bool,
    /// Packets of it are missing.
    pub damaged: bool,
}

/// One media section of what a server offers, and what came of it.
pub struct Track {
    media: MediaSection,
    receiver: Receiver,
    wait: Duration,
    depacketizer: Option<Depacketizer>,
    lateness: Lateness,
    set_up: bool,
    control: Option<u8>,
    reporter: u32,
    next_report: Option<Instant>,
}

impl Track {
    /// By UDP a packet is waited for this long when later ones have come.
    pub(super) const REORDER: Duration = Duration::from_millis(200);

    pub(super) fn new(media: MediaSection, wait: Duration) -> Self {
        Self {
            receiver: Receiver::new(media.clock_rate, media.payload_type, wait),
            wait,
            depacketizer: Depacketizer::new(&media.encoding, &media.parameters),
            lateness: Lateness::new(media.clock_rate),
            set_up: false,
            control: None,
            reporter: random_u32(),
            next_report: None,
            media,
        }
    }

    /// What the server says of it.
    pub fn media(&self) -> &MediaSection {
        &self.media
    }

    /// Whether the server sends it to us.
    pub fn is_set_up(&self) -> bool {
        self.set_up
    }

    /// Whether access units are made of its packets; those of other formats are counted alone.
    pub fn is_understood(&self) -> bool {
        self.depacketizer.is_some()
    }

    /// Width and height in pixels: as the server says, or as JPEGs themselves do.
    pub fn picture_size(&self) -> Option<(u32, u32)> {
        let came = || self.depacketizer.as_ref().and_then(Depacketizer::picture_size);
        self.media.picture_size().or_else(came)
    }

    /// See [`Depacketizer::adts_header`].
    pub fn adts_header(&self, length: usize) -> Option<[u8; 7]> {
        self.depacketizer.as_ref()?.adts_header(length)
    }

    /// What came, and what did not.
    pub fn statistics(&self) -> Statistics {
        self.receiver.statistics()
    }

    /// How late packets came.
    pub fn lateness(&self) -> &Lateness {
        &self.lateness
    }

    pub(super) fn set_up(&mut self, reply: &Reply, now: Instant) {
        self.set_up = true;
        self.control = reply.interleaved.map(|(_, control)| control);
        self.next_report = Some(now + REPORT / 2);
    }

    /// The channel of our reports.
    pub(super) fn control_channel(&self) -> Option<u8> {
        self.control
    }

    /// An RTP packet without a payload: opens a firewall for those that come the other way.
    pub(super) fn punch(&self) -> [u8; 12] {
        let mut packet = [0; 12];
        packet[0] = 0x80;
        packet[1] = self.media.payload_type.unwrap_or_default() & 0x7f;
        packet[8..].copy_from_slice(&self.reporter.to_be_bytes());
        packet
    }

    pub(super) fn empty_report(&self) -> Vec<u8> {
        rtcp::receiver_report(self.reporter, &[], &self.name())
    }

    pub(super) fn handle_packet(&mut self, packet: &[u8], control: bool, now: Instant) {
        // Some servers send RTCP on RTP's channel, and RTP on RTCP's.
        let is_rtcp = packet.get(1).is_some_and(|kind| (200..=206).contains(kind));
        if control && is_rtcp {
            return self.handle_rtcp(packet, now);
        }
        match self.receive(packet, now) {
            Ok(()) => {
                if let Ok(packet) = rtp::Packet::parse(packet) {
                    self.lateness.add(packet.timestamp, now);
                }
            }
            Err(rtp::Invalid::Rtcp) => self.handle_rtcp(packet, now),
            // Counted; a punch or a stranger's datagram.
            Err(error) => tracing::debug!(%error, "not RTP"),
        }
    }

    /// Some cameras send another payload type than they describe: what comes first is believed.
    fn receive(&mut self, packet: &[u8], now: Instant) -> Result<(), rtp::Invalid> {
        let done = self.receiver.handle_packet(packet, now);
        if let Err(rtp::Invalid::PayloadType(other)) = done
            && self.receiver.statistics().received == 0
        {
            self.receiver = Receiver::new(self.media.clock_rate, Some(other), self.wait);
            return self.receiver.handle_packet(packet, now);
        }
        done
    }

    fn handle_rtcp(&mut self, packet: &[u8], now: Instant) {
        let done = rtcp::parse(packet, |message| {
            if let Message::SenderReport(report) = message {
                self.receiver.handle_sender_report(report.ssrc, report.ntp, report.rtp, now);
            }
        });
        if let Err(error) = done {
            tracing::debug!(%error, "not RTCP");
        }
    }

    pub(super) fn poll_unit(&mut self, now: Instant) -> Option<Unit> {
        loop {
            let depacketizer = self.depacketizer.as_mut();
            if let Some(unit) = depacketizer.and_then(Depacketizer::poll_unit) {
                let DepacketizedUnit { timestamp, data, keyframe, damaged } = unit;
                return Some(Unit { timestamp, arrival: now, data, keyframe, damaged });
            }
            let packet = self.receiver.poll_packet(now)?;
            if let Some(depacketizer) = &mut self.depacketizer {
                depacketizer.handle_packet(packet.timestamp, packet.marker, packet.lost, &packet.payload);
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.receiver.poll_timeout().into_iter().chain(self.next_report).min()
    }

    /// The report that is due, if any.
    pub(super) fn poll_report(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next_report.is_none_or(|at| at > now) {
            return None;
        }
        let spread = f64::from(random_u32()) / f64::from(u32::MAX);
        self.next_report = Some(now + REPORT.mul_f64(0.5 + spread));
        let block = self.receiver.report(now);
        Some(rtcp::receiver_report(self.reporter, block.as_slice(), &self.name()))
    }

    /// Our goodbye, if the track was set up.
    pub(super) fn bye(&mut self) -> Option<Vec<u8>> {
        self.next_report.take()?;
        Some(rtcp::receiver_bye(self.reporter, &self.name()))
    }

    fn name(&self) -> String {
        format!("lenslet-{:08x}", self.reporter)
    }
}

/// How late packets come against the clock that stamped them: what a player has to hold back so that
/// nothing stutters.
///
/// The earliest packet is the measure. A server that begins with the past sends it faster than it was
/// captured: while packets come ever earlier by more than 5 ms, nothing counts yet.
#[derive(Clone, Debug)]
pub struct Lateness {
    clock_rate: u32,
    first: Option<(u32, Instant)>,
    /// Timestamps without their wrap, in ticks from the first.
    last_ticks: i64,
    last_timestamp: u32,
    /// The least transit so far, in nanoseconds from the first packet's.
    least: i128,
    most: i128,
}

impl Lateness {
    const SETTLED: i128 = 5_000_000;

    /// Nothing came yet of a clock of so many Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            first: None,
            last_ticks: 0,
            last_timestamp: 0,
            least: 0,
            most: 0,
        }
    }

    /// Something stamped so arrived then.
    pub fn add(&mut self, timestamp: u32, arrival: Instant) {
        let Some((_, began)) = self.first else {
            self.first = Some((timestamp, arrival));
            self.last_timestamp = timestamp;
            return;
        };
        let step = timestamp.wrapping_sub(self.last_timestamp) as i32;
        self.last_ticks += i64::from(step);
        self.last_timestamp = timestamp;
        let stamped = i128::from(self.last_ticks) * 1_000_000_000 / i128::from(self.clock_rate);
        let transit = arrival.saturating_duration_since(began).as_nanos() as i128 - stamped;
        if transit < self.least {
            if self.least - transit > Self::SETTLED {
                self.most = transit;
            }
            self.least = transit;
        }
        self.most = self.most.max(transit);
    }

    /// How much later than the earliest the latest packet came.
    pub fn most(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.most - self.least).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn measured(packets: &[(u64, u64)]) -> u128 {
        let start = clock::now();
        let mut lateness = Lateness::new(1000);
        for (stamped, arrived) in packets {
            lateness.add(u32::MAX.wrapping_add(*stamped as u32), start + Duration::from_millis(*arrived));
        }
        lateness.most().as_millis()
    }

    #[test]
    fn the_latest_packet_against_the_earliest() {
        assert_eq!(measured(&[]), 0);
        assert_eq!(measured(&[(0, 0), (40, 40), (80, 95), (120, 120)]), 15);
        // The first one was late by 3 ms itself: the second is the measure.
        assert_eq!(measured(&[(0, 3), (40, 40), (80, 95), (120, 120)]), 15);
    }

    #[test]
    fn a_backlog_sent_faster_than_it_was_captured_is_not_late() {
        let backlog = (0..50).map(|picture| (picture * 40, picture * 10));
        let live = (50..100).map(|picture| (picture * 40, picture * 40 - 1500));
        assert_eq!(measured(&backlog.chain(live).collect::<Vec<_>>()), 0);
    }
}

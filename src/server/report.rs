//! One reader's reports on one track: when the next is due, what was sent, what the reader said.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::clock;
use crate::rtcp::{self, Reception};
use crate::rtp::{Sender, WireImage};

/// [RFC 3550 section 6.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.2): the least interval, varied by half.
const INTERVAL: Duration = Duration::from_secs(5);

/// A track's clock at the time of a report.
pub(super) struct Clocked<'a> {
    pub(super) sender: &'a Sender,
    pub(super) cname: &'a str,
}

impl Clocked<'_> {
    /// The wall clock and the RTP clock at this instant: both read now, so that the mapping is that of
    /// the capture clock whatever the source does.
    pub(super) fn report(&self, packets: u32, octets: u32) -> rtcp::Report {
        let (media, wall) = (clock::media(), clock::wall());
        rtcp::Report {
            ssrc: self.sender.ssrc(),
            ntp: rtcp::ntp(wall),
            rtp: self.sender.timestamp(media),
            packets,
            octets,
        }
    }
}

pub(super) struct Reporter {
    packets: u32,
    octets: u32,
    /// The first packet's number.
    first_seq: u16,
    /// The stream's, once something was sent of it.
    ssrc: Option<u32>,
    next: Option<Instant>,
    fir_seq: Option<u8>,
    reception: Option<Reception>,
    round_trip: Option<Duration>,
}

impl Reporter {
    pub(super) fn new() -> Self {
        Self {
            packets: 0,
            octets: 0,
            first_seq: 0,
            ssrc: None,
            next: None,
            fir_seq: None,
            reception: None,
            round_trip: None,
        }
    }

    /// An image goes out.
    pub(super) fn count(&mut self, image: &WireImage) {
        if self.packets == 0 {
            self.first_seq = image.first_seq;
            self.ssrc = image.ssrc();
        }
        self.packets = self.packets.wrapping_add(u32::from(image.packets));
        self.octets = self.octets.wrapping_add(image.octets);
    }

    /// Of which stream it reports; `None` before its first packet.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// When the next report is due, once there was one.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether anything was sent yet.
    pub(super) fn active(&self) -> bool {
        self.packets > 0
    }

    /// Whether a report is due: at once with the first image, then every 2.5 to 7.5 seconds.
    pub(super) fn due(&mut self, now: Instant) -> bool {
        let due = self.active() && self.next.is_none_or(|next| next <= now);
        if due {
            // Nobody has to be kept from guessing it: no system call for each report.
            let spread = RandomState::new().hash_one(self.packets) as f64 / u64::MAX as f64;
            self.next = Some(now + INTERVAL.mul_f64(0.5 + spread));
        }
        due
    }

    pub(super) fn report(&self, clock: &Clocked<'_>) -> Vec<u8> {
        rtcp::sender_report(&clock.report(self.packets, self.octets), clock.cname)
    }

    pub(super) fn bye(&self, clock: &Clocked<'_>) -> Vec<u8> {
        rtcp::bye(&clock.report(self.packets, self.octets), clock.cname)
    }

    /// The reader reported.
    pub(super) fn heard(&mut self, reception: Reception) {
        if let Some(round_trip) = reception.round_trip(rtcp::ntp(clock::wall())) {
            self.round_trip = Some(round_trip);
        }
        tracing::debug!(
            lost = reception.lost,
            jitter = reception.jitter,
            round_trip = ?self.round_trip,
            "reception report"
        );
        self.reception = Some(reception);
    }

    /// Whether a keyframe request is a new one: a FIR repeats its number
    /// ([RFC 5104 section 4.3.1.1](https://www.rfc-editor.org/rfc/rfc5104#section-4.3.1.1)).
    pub(super) fn new_request(&mut self, fir_seq: Option<u8>) -> bool {
        let repeated = fir_seq.is_some() && self.fir_seq == fir_seq;
        if fir_seq.is_some() {
            self.fir_seq = fir_seq;
        }
        !repeated
    }

    /// What the reader said last: packets received, and jitter in RTP ticks.
    pub(super) fn quality(&self) -> (u32, u32) {
        let Some(last) = &self.reception else { return (0, 0) };
        let expected = last.highest_seq.wrapping_sub(u32::from(self.first_seq)).wrapping_add(1);
        // A reader that has received nothing yet names no number of ours.
        (expected.min(self.packets).saturating_add_signed(-last.lost), last.jitter)
    }
}

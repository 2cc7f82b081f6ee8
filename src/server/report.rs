//! One reader's reports on one track: when the next is due, what was sent, what the reader said.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

use super::moment::Moment;
use crate::clock;
use crate::media::MediaTime;
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
    fn report(&self, anchor: Anchor, packets: u32, octets: u32) -> rtcp::Report {
        rtcp::Report {
            ssrc: self.sender.ssrc(),
            ntp: rtcp::ntp(anchor.wall),
            rtp: self.sender.timestamp(anchor.media),
            packets,
            octets,
        }
    }
}

/// One instant by both clocks, read anew for each report: the mapping is that of the capture clock whatever the source
/// does, and after a step of the wall clock the next report has the new one.
struct Anchor {
    media: MediaTime,
    wall: SystemTime,
}

impl Anchor {
    fn now() -> Self {
        Self { media: clock::media(), wall: clock::wall() }
    }
}

/// When the last report was made, by the capture clock, and what it says of that: the middle of its NTP time, which
/// whoever answers it repeats.
#[derive(Clone, Copy, Default)]
struct Reported {
    media: MediaTime,
    last_sr: Option<u32>,
}

pub(super) struct Reporter {
    packets: u32,
    octets: u32,
    /// The first packet's number.
    first_seq: u16,
    /// The stream's, once something was sent of it.
    ssrc: Option<u32>,
    next: Option<Moment>,
    fir_seq: Option<u8>,
    reception: Option<Reception>,
    reported: Cell<Reported>,
    /// In microseconds.
    round_trip: Option<u32>,
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
            reported: Cell::default(),
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

    /// Packets and payload octets that were sent; both begin anew at 0 when they are too large.
    pub(super) fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// What the reader reported last, and the round trip, where it is known.
    pub(super) fn reception(&self) -> (Option<&Reception>, Option<Duration>) {
        let round_trip = self.round_trip.map(|micros| Duration::from_micros(micros.into()));
        (self.reception.as_ref(), round_trip)
    }

    /// Of which stream it reports; `None` before its first packet.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// When the next report is due, once there was one.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next.map(Into::into)
    }

    /// Whether anything was sent yet.
    pub(super) fn active(&self) -> bool {
        self.packets > 0
    }

    /// Whether a report is due: at once with the first image, then every 2.5 to 7.5 seconds.
    pub(super) fn due(&mut self, now: Instant) -> bool {
        let due = self.active() && self.next.is_none_or(|next| next <= now.into());
        if due {
            // Nobody has to be kept from guessing it: no system call for each report.
            let spread = RandomState::new().hash_one(self.packets) as f64 / u64::MAX as f64;
            self.next = Some((now + INTERVAL.mul_f64(0.5 + spread)).into());
        }
        due
    }

    pub(super) fn report(&self, clock: &Clocked<'_>) -> Vec<u8> {
        let anchor = Anchor::now();
        let last_sr = Some((rtcp::ntp(anchor.wall) >> 16) as u32);
        self.reported.set(Reported { media: anchor.media, last_sr });
        rtcp::sender_report(&clock.report(anchor, self.packets, self.octets), clock.cname)
    }

    pub(super) fn bye(&self, clock: &Clocked<'_>) -> Vec<u8> {
        rtcp::bye(&clock.report(Anchor::now(), self.packets, self.octets), clock.cname)
    }

    /// The reader reported.
    pub(super) fn heard(&mut self, reception: Reception) {
        if let Some(round_trip) = self.round_trip(&reception) {
            self.round_trip = Some(u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX));
        }
        tracing::debug!(
            lost = reception.lost,
            jitter = reception.jitter,
            round_trip = ?self.reception().1,
            "reception report"
        );
        self.reception = Some(reception);
    }

    /// By the capture clock, on from the last report's instant: the wall clock may have stepped since. What answers an
    /// older report says nothing.
    fn round_trip(&self, reception: &Reception) -> Option<Duration> {
        let Reported { media, last_sr } = self.reported.get();
        let last_sr = last_sr.filter(|last_sr| *last_sr == reception.last_sr)?;
        let since = clock::media().since(media).as_nanos() * 65_536 / 1_000_000_000;
        reception.round_trip((u64::from(last_sr) + since as u64) << 16)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::media::h264::ParameterSets;
    use crate::media::{Codec, TrackId};

    #[test]
    fn the_round_trip_is_true_though_the_wall_clock_stepped_behind_the_report() {
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let sender = Sender::new(TrackId(0), &codec, 7, 0, 0, 1420);
        let clocked = Clocked { sender: &sender, cname: "c" };
        let step = Arc::new(AtomicI64::new(0));
        clock::stepped::follow(step.clone());
        let mut reporter = Reporter::new();
        for (before, behind) in [(0, 3600), (3600, 0), (-1_700_000_000, 0), (0, 0)] {
            step.store(before, Ordering::SeqCst);
            let report = reporter.report(&clocked);
            step.store(behind, Ordering::SeqCst);
            let last_sr = u32::from_be_bytes(report[10..14].try_into().unwrap());
            let delay = 0;
            let reception =
                Reception { ssrc: 7, fraction_lost: 0, lost: 0, highest_seq: 0, jitter: 0, last_sr, delay };
            reporter.round_trip = None;
            reporter.heard(reception);
            assert!(reporter.reception().1.unwrap() < Duration::from_secs(10), "{before} {behind}");
            reporter.round_trip = None;
            reporter.heard(Reception { last_sr: last_sr.wrapping_add(7 << 16), ..reception });
            assert_eq!(reporter.round_trip, None, "of another report");
        }
    }
}

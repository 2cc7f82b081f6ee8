//! What a receiver counts and reports
//! ([RFC 3550 appendix A](https://www.rfc-editor.org/rfc/rfc3550#appendix-A)).

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::Rtp;

/// One stream as it was received.
#[derive(Debug)]
pub(crate) struct Receiver {
    ssrc: u32,
    first: u16,
    /// Extended by the times the number wrapped.
    highest: u32,
    received: u32,
    /// In RTP ticks.
    jitter: f64,
    transit: Option<f64>,
    last_sr: Option<SenderReport>,
    began: Instant,
}

#[derive(Debug)]
struct SenderReport {
    ntp: u64,
    rtp: u32,
    arrived: Instant,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self {
            ssrc: 0,
            first: 0,
            highest: 0,
            received: 0,
            jitter: 0.0,
            transit: None,
            last_sr: None,
            began: Instant::now(),
        }
    }

    /// An RTP packet arrived.
    pub(crate) fn handle_rtp(&mut self, packet: &Rtp) {
        if self.received == 0 {
            self.ssrc = packet.ssrc;
            self.first = packet.seq;
            self.highest = u32::from(packet.seq);
        }
        assert_eq!(packet.ssrc, self.ssrc);
        let ahead = packet.seq.wrapping_sub(self.highest as u16);
        if ahead < u16::MAX / 2 {
            self.highest += u32::from(ahead);
        }
        self.received += 1;
        let arrived = self.began.elapsed().as_secs_f64() * 90_000.0;
        let transit = arrived - f64::from(packet.timestamp);
        if let Some(before) = self.transit.replace(transit) {
            self.jitter += ((transit - before).abs() - self.jitter) / 16.0;
        }
    }

    /// A sender report arrived.
    pub(crate) fn handle_rtcp(&mut self, compound: &[u8]) {
        if compound[1] == 200 {
            self.last_sr = Some(SenderReport {
                ntp: u64::from_be_bytes(compound[8..16].try_into().unwrap()),
                rtp: u32::from_be_bytes(compound[16..20].try_into().unwrap()),
                arrived: Instant::now(),
            });
        }
    }

    /// The RTP timestamp of an instant on the wall clock, once a sender report has come.
    pub(crate) fn timestamp_of(&self, wall: SystemTime) -> Option<u32> {
        let SenderReport { ntp, rtp, .. } = self.last_sr.as_ref()?;
        // Seconds from 1900, where NTP begins, to 1970.
        let wall = wall.duration_since(UNIX_EPOCH).unwrap().as_secs_f64() + 2_208_988_800.0;
        let seconds = wall - *ntp as f64 / 4_294_967_296.0;
        Some(rtp.wrapping_add((seconds * 90_000.0).round() as i32 as u32))
    }

    pub(crate) fn received(&self) -> u32 {
        self.received
    }

    pub(crate) fn jitter(&self) -> u32 {
        self.jitter as u32
    }

    pub(crate) fn lost(&self) -> i32 {
        (self.highest - u32::from(self.first) + 1) as i32 - self.received as i32
    }

    /// A receiver report: [RFC 3550 section 6.4.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.2).
    pub(crate) fn report(&self) -> Vec<u8> {
        let (last_sr, delay) = self.last_sr.as_ref().map_or((0, 0), |report| {
            ((report.ntp >> 16) as u32, (report.arrived.elapsed().as_secs_f64() * 65_536.0) as u32)
        });
        let words = [
            0x81c9_0007,
            0x1234_5678,
            self.ssrc,
            self.lost() as u32 & 0x00ff_ffff,
            self.highest,
            self.jitter(),
            last_sr,
            delay,
        ];
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }
}

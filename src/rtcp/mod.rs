//! RTCP: what senders and receivers say of a stream ([RFC 3550 section 6](https://www.rfc-editor.org/rfc/rfc3550#section-6),
//! [RFC 4585](https://www.rfc-editor.org/rfc/rfc4585), [RFC 5104](https://www.rfc-editor.org/rfc/rfc5104)).

mod compound;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rtcp_types::{Compound, Fir, Packet, PayloadFeedback, Pli, ReportBlock, SenderReport};

pub use compound::{bye, pli, receiver_bye, receiver_report, sender_report};

/// Why bytes are no RTCP.
pub use rtcp_types::RtcpParseError as Error;

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_UNIX: u64 = 2_208_988_800;

/// What a sender report says: one instant on two clocks, and what was sent until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The sender.
    pub ssrc: u32,
    /// The instant on the wall clock: 32.32 bits since 1900.
    pub ntp: u64,
    /// The same instant on the RTP clock.
    pub rtp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// What a receiver says of one sender
/// ([RFC 3550 section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reception {
    /// The sender.
    pub ssrc: u32,
    /// Packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; negative when duplicates came.
    pub lost: i32,
    /// Highest sequence number received, with its cycles.
    pub highest_seq: u32,
    /// Interarrival jitter in RTP ticks.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's time; 0 if none came yet.
    pub last_sr: u32,
    /// Time since that report, in 65 536ths of a second.
    pub delay: u32,
}

/// One thing that a compound packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A sender says what it sent and when.
    SenderReport(Report),
    /// A receiver says what came.
    Reception(Reception),
    /// PLI or FIR: a keyframe is wanted of this sender.
    Keyframe {
        /// The sender.
        ssrc: u32,
        /// A FIR's number; its repetitions have the same.
        fir_seq: Option<u8>,
    },
    /// A sender or receiver leaves.
    Bye {
        /// Who leaves.
        ssrc: u32,
    },
}

impl Reception {
    /// The round trip, if a sender report has come back by `now`
    /// (NTP; [RFC 3550 figure 2](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)).
    pub fn round_trip(&self, now: u64) -> Option<Duration> {
        let elapsed = ((now >> 16) as u32).wrapping_sub(self.last_sr).wrapping_sub(self.delay);
        // A clock that stepped, or a receiver that counts wrong, gives a "negative" time.
        let sane = self.last_sr != 0 && elapsed < u32::MAX / 2;
        sane.then(|| Duration::from_nanos(u64::from(elapsed) * 1_000_000_000 / 65_536))
    }
}

/// The wall clock as NTP; 1900 for what lies before 1970.
pub fn ntp(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    since.as_secs().wrapping_add(NTP_UNIX) << 32 | fraction
}

/// Reads a datagram or interleaved frame, handing each thing it says to `each`.
///
/// # Errors
/// It is no RTCP, or ends early; what stood before that was handed on.
pub fn parse(datagram: &[u8], mut each: impl FnMut(Message)) -> Result<(), Error> {
    for packet in Compound::parse(datagram)? {
        match packet? {
            Packet::Rr(report) => {
                report.report_blocks().for_each(|block| each(Message::Reception(reception(&block))))
            }
            Packet::Sr(report) => {
                each(Message::SenderReport(sent(&report)));
                report.report_blocks().for_each(|block| each(Message::Reception(reception(&block))));
            }
            Packet::Bye(bye) => bye.ssrcs().for_each(|ssrc| each(Message::Bye { ssrc })),
            Packet::PayloadFeedback(feedback) => keyframes(&feedback, &mut each),
            _ => {}
        }
    }
    Ok(())
}

fn keyframes(feedback: &PayloadFeedback<'_>, each: &mut impl FnMut(Message)) {
    if feedback.parse_fci::<Pli>().is_ok() {
        each(Message::Keyframe { ssrc: feedback.media_ssrc(), fir_seq: None });
    } else if let Ok(fir) = feedback.parse_fci::<Fir<'_>>() {
        fir.entries().for_each(|entry| {
            each(Message::Keyframe { ssrc: entry.ssrc(), fir_seq: Some(entry.sequence()) })
        });
    }
}

fn sent(report: &SenderReport<'_>) -> Report {
    Report {
        ssrc: report.ssrc(),
        ntp: report.ntp_timestamp(),
        rtp: report.rtp_timestamp(),
        packets: report.packet_count(),
        octets: report.octet_count(),
    }
}

fn reception(block: &ReportBlock<'_>) -> Reception {
    Reception {
        ssrc: block.ssrc(),
        fraction_lost: block.fraction_lost(),
        // 24 bits, signed.
        lost: ((block.cumulative_lost() << 8) as i32) >> 8,
        highest_seq: block.extended_sequence_number(),
        jitter: block.interarrival_jitter(),
        last_sr: block.last_sender_report_timestamp(),
        delay: block.delay_since_last_sender_report_timestamp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receiver report of one block with 0xffffff (-1) lost, then a PLI and a FIR.
    const FEEDBACK: [u8; 64] = [
        0x81, 201, 0, 7, 0, 0, 0, 9, 0, 0, 0, 7, 64, 0xff, 0xff, 0xff, 0, 1, 0, 2, 0, 0, 0, 5, 0, 0, 1, 0, 0,
        0, 0, 1, //
        0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 7, //
        0x84, 206, 0, 4, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 7, 42, 0, 0, 0,
    ];

    fn read(bytes: &[u8]) -> Result<Vec<Message>, Error> {
        let mut all = Vec::new();
        parse(bytes, |message| all.push(message)).map(|()| all)
    }

    #[test]
    fn loss_is_signed_and_keyframe_requests_are_told_apart() {
        let all = read(&FEEDBACK).unwrap();
        assert!(matches!(
            all[0],
            Message::Reception(Reception { lost: -1, fraction_lost: 64, jitter: 5, .. })
        ));
        assert_eq!(all[1], Message::Keyframe { ssrc: 7, fir_seq: None });
        assert_eq!(all[2], Message::Keyframe { ssrc: 7, fir_seq: Some(42) });
    }

    #[test]
    fn no_truncation_and_no_flipped_bit_panics() {
        for length in 0..FEEDBACK.len() {
            let _ = read(&FEEDBACK[..length]);
        }
        for bit in 0..FEEDBACK.len() * 8 {
            let mut bytes = FEEDBACK;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = read(&bytes);
        }
    }

    #[test]
    fn the_round_trip_is_what_the_receiver_did_not_hold() {
        let mut reception =
            Reception { ssrc: 2, fraction_lost: 0, lost: 0, highest_seq: 0, jitter: 0, last_sr: 0, delay: 0 };
        let now = 100 << 32;
        assert_eq!(reception.round_trip(now), None);
        reception.last_sr = (90 << 16) as u32;
        reception.delay = 9 << 16;
        assert_eq!(reception.round_trip(now), Some(Duration::from_secs(1)));
        reception.delay = 11 << 16;
        assert_eq!(reception.round_trip(now), None);
    }
}

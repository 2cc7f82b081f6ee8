//! Compound packets: what a sender and what a receiver say, each time with their name
//! ([RFC 3550 section 6.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.1)).

use rtcp_types::prelude::*;
use rtcp_types::{
    Bye, Compound, PayloadFeedback, Pli, ReceiverReport, ReportBlock, ReportBlockBuilder, Sdes, SdesChunk,
    SdesItem, SenderReport,
};

use super::{Reception, Report};

/// The count of a packet's report blocks has five bits.
const MOST_BLOCKS: usize = 31;

/// A sender's report, then its name.
pub fn sender_report(report: &Report, cname: &str) -> Vec<u8> {
    write(Compound::builder().add_packet(sr(report)).add_packet(sdes(report.ssrc, cname)))
}

/// A sender's report, its name, and goodbye.
pub fn bye(report: &Report, cname: &str) -> Vec<u8> {
    let bye = Bye::builder().add_source(report.ssrc);
    write(Compound::builder().add_packet(sr(report)).add_packet(sdes(report.ssrc, cname)).add_packet(bye))
}

/// A receiver's report on up to 31 senders, then its name; without blocks it says only that the receiver
/// is there.
pub fn receiver_report(reporter: u32, blocks: &[Reception], cname: &str) -> Vec<u8> {
    write(Compound::builder().add_packet(rr(reporter, blocks)).add_packet(sdes(reporter, cname)))
}

/// A receiver wants a keyframe of a sender
/// ([RFC 4585 section 6.3.1](https://www.rfc-editor.org/rfc/rfc4585#section-6.3.1)).
pub fn pli(reporter: u32, media_ssrc: u32, cname: &str) -> Vec<u8> {
    let pli = PayloadFeedback::builder_owned(Pli::builder()).sender_ssrc(reporter).media_ssrc(media_ssrc);
    write(Compound::builder().add_packet(rr(reporter, &[])).add_packet(sdes(reporter, cname)).add_packet(pli))
}

/// A receiver leaves.
pub fn receiver_bye(reporter: u32, cname: &str) -> Vec<u8> {
    let bye = Bye::builder().add_source(reporter);
    write(Compound::builder().add_packet(rr(reporter, &[])).add_packet(sdes(reporter, cname)).add_packet(bye))
}

fn sr(report: &Report) -> impl RtcpPacketWriter + 'static {
    SenderReport::builder(report.ssrc)
        .ntp_timestamp(report.ntp)
        .rtp_timestamp(report.rtp)
        .packet_count(report.packets)
        .octet_count(report.octets)
}

fn rr(reporter: u32, blocks: &[Reception]) -> impl RtcpPacketWriter + 'static {
    let empty = ReceiverReport::builder(reporter);
    blocks.iter().take(MOST_BLOCKS).fold(empty, |report, reception| report.add_report_block(block(reception)))
}

fn block(reception: &Reception) -> ReportBlockBuilder {
    // 24 bits, signed.
    let lost = reception.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
    ReportBlock::builder(reception.ssrc)
        .fraction_lost(reception.fraction_lost)
        .cumulative_lost(lost)
        .extended_sequence_number(reception.highest_seq)
        .interarrival_jitter(reception.jitter)
        .last_sender_report_timestamp(reception.last_sr)
        .delay_since_last_sender_report_timestamp(reception.delay)
}

fn sdes(ssrc: u32, cname: &str) -> impl RtcpPacketWriter + '_ {
    Sdes::builder().add_chunk(SdesChunk::builder(ssrc).add_item(SdesItem::builder(SdesItem::CNAME, cname)))
}

/// What the builders refuse (a name over 255 bytes) is never asked of them here: an empty packet then.
fn write(packet: impl RtcpPacketWriter) -> Vec<u8> {
    let mut bytes = vec![0; packet.calculate_size().unwrap_or_default()];
    if !bytes.is_empty() {
        packet.write_into_unchecked(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use rtcp_types::Packet;

    use super::super::{Message, parse};
    use super::*;

    const REPORT: Report =
        Report { ssrc: 7, ntp: 0x0102_0304_0506_0708, rtp: 90_000, packets: 3, octets: 4000 };

    const RECEPTION: Reception = Reception {
        ssrc: 0x0a0b_0c0d,
        fraction_lost: 0x40,
        lost: -2,
        highest_seq: 0x0001_0203,
        jitter: 0x55,
        last_sr: 0xb705_2000,
        delay: 0x0005_4000,
    };

    /// The name `ab` of source 9, as RFC 3550 section 6.5 draws it: the item list ends with a zero and
    /// is filled up to 32 bits.
    const NAME: [u8; 16] = [0x81, 202, 0, 3, 0, 0, 0, 9, 1, 2, b'a', b'b', 0, 0, 0, 0];

    fn packets(bytes: &[u8]) -> Vec<Packet<'_>> {
        Compound::parse(bytes).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_report_is_followed_by_our_name() {
        let bytes = sender_report(&REPORT, "lenslet");
        let packets = packets(&bytes);
        assert!(
            matches!(&packets[0], Packet::Sr(sr) if sr.ntp_timestamp() == REPORT.ntp && sr.packet_count() == 3)
        );
        assert!(matches!(&packets[1], Packet::Sdes(_)));
        let mut messages = Vec::new();
        parse(&bye(&REPORT, "lenslet"), |message| messages.push(message)).unwrap();
        assert_eq!(messages, [Message::SenderReport(REPORT), Message::Bye { ssrc: 7 }]);
    }

    #[test]
    fn a_receivers_compounds_are_what_the_rfc_draws() {
        // RFC 3550 section 6.4.2, byte by byte.
        let report = [
            &[0x81, 201, 0, 7, 0, 0, 0, 9][..],
            &[0x0a, 0x0b, 0x0c, 0x0d, 0x40, 0xff, 0xff, 0xfe, 0, 1, 2, 3, 0, 0, 0, 0x55],
            &[0xb7, 0x05, 0x20, 0, 0, 0x05, 0x40, 0],
        ];
        assert_eq!(receiver_report(9, &[RECEPTION], "ab"), [&report.concat(), &NAME[..]].concat());
        let empty = [0x80, 201, 0, 1, 0, 0, 0, 9];
        assert_eq!(receiver_report(9, &[], "ab"), [&empty[..], &NAME].concat());
        let wish = [0x81, 206, 0, 2, 0, 0, 0, 9, 0x0a, 0x0b, 0x0c, 0x0d];
        assert_eq!(pli(9, RECEPTION.ssrc, "ab"), [&empty[..], &NAME, &wish].concat());
        let goodbye = [0x81, 203, 0, 1, 0, 0, 0, 9];
        assert_eq!(receiver_bye(9, "ab"), [&empty[..], &NAME, &goodbye].concat());
    }

    #[test]
    fn what_a_receiver_says_is_read_as_it_was_meant() {
        let mut messages = Vec::new();
        let said = [
            receiver_report(9, &[RECEPTION; 40], "lenslet"),
            pli(9, RECEPTION.ssrc, "lenslet"),
            receiver_bye(9, "lenslet"),
        ];
        for bytes in &said {
            assert!(matches!(packets(bytes)[..2], [Packet::Rr(_), Packet::Sdes(_)]));
            parse(bytes, |message| messages.push(message)).unwrap();
        }
        assert_eq!(messages[..MOST_BLOCKS], [Message::Reception(RECEPTION); MOST_BLOCKS]);
        assert_eq!(
            messages[MOST_BLOCKS..],
            [Message::Keyframe { ssrc: RECEPTION.ssrc, fir_seq: None }, Message::Bye { ssrc: 9 }]
        );
    }

    #[test]
    fn loss_stays_within_its_24_bits() {
        for (lost, read) in [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000), (-1, -1), (5, 5)] {
            let bytes = receiver_report(9, &[Reception { lost, ..RECEPTION }], "lenslet");
            let mut seen = None;
            parse(&bytes, |message| seen = Some(message)).unwrap();
            assert_eq!(seen, Some(Message::Reception(Reception { lost: read, ..RECEPTION })));
        }
    }
}

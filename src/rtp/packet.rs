//! One packet as it arrives.

use std::fmt;

use rtp_types::RtpPacket;

/// An RTP packet, its payload without padding, contributing sources and header extension
/// ([RFC 3550 section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Ends an access unit, as a rule.
    pub marker: bool,
    /// What is inside.
    pub payload_type: u8,
    /// One more than the packet before.
    pub sequence: u16,
    /// When it was sampled, in ticks.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// What is carried.
    pub payload: &'a [u8],
}

/// Why bytes are not taken for the stream's next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is RTCP on RTP's channel ([RFC 5761 section 4](https://www.rfc-editor.org/rfc/rfc5761#section-4)).
    Rtcp,
    /// Another version, or it ends early.
    NotRtp,
    /// Another payload type than the stream's: 96 was expected, say.
    PayloadType(u8),
    /// Another sender that has not yet shown that it stays.
    Stranger(u32),
    /// A sequence number far from the others that was not followed by the next one yet.
    Jump(u16),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtcp => f.write_str("RTCP among RTP"),
            Self::NotRtp => f.write_str("no RTP packet"),
            Self::PayloadType(kind) => write!(f, "a packet of payload type {kind}"),
            Self::Stranger(ssrc) => write!(f, "a packet of another sender, {ssrc:08X}"),
            Self::Jump(sequence) => write!(f, "sequence number {sequence} is far from the others"),
        }
    }
}

impl std::error::Error for Invalid {}

impl<'a> Packet<'a> {
    /// Reads a datagram or an interleaved frame.
    ///
    /// # Errors
    /// [`Invalid::Rtcp`] or [`Invalid::NotRtp`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Invalid> {
        if bytes.get(1).is_some_and(|kind| (200..=206).contains(kind)) {
            return Err(Invalid::Rtcp);
        }
        let packet = RtpPacket::parse(bytes).map_err(|_| Invalid::NotRtp)?;
        let end = bytes.len().saturating_sub(usize::from(packet.padding().unwrap_or_default()));
        Ok(Self {
            marker: packet.marker_bit(),
            payload_type: packet.payload_type(),
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            payload: bytes.get(packet.payload_offset()..end).ok_or(Invalid::NotRtp)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0xe0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x65, 0x88];

    #[test]
    fn a_header_is_read() {
        let packet = Packet::parse(&PLAIN).unwrap();
        let expected = Packet {
            marker: true,
            payload_type: 96,
            sequence: 1,
            timestamp: 2,
            ssrc: 3,
            payload: &[0x65, 0x88],
        };
        assert_eq!(packet, expected);
    }

    #[test]
    fn padding_sources_and_extensions_are_taken_off() {
        let mut bytes = PLAIN.to_vec();
        bytes[0] |= 0x20 | 0x10 | 0x01;
        // One contributing source; an extension of one word.
        bytes.splice(12..12, [0, 0, 0, 9, 0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        bytes.extend([0, 0, 3]);
        assert_eq!(Packet::parse(&bytes).unwrap().payload, [0x65, 0x88]);
    }

    #[test]
    fn what_is_no_rtp_is_told_apart() {
        assert_eq!(Packet::parse(&[0x80, 200, 0, 6]), Err(Invalid::Rtcp));
        let mut wrong_padding = PLAIN;
        wrong_padding[0] |= 0x20;
        wrong_padding[13] = 200;
        for bytes in [&[][..], &PLAIN[..11], &[0x40; 12], &wrong_padding] {
            assert_eq!(Packet::parse(bytes), Err(Invalid::NotRtp), "{bytes:?}");
        }
        // Nothing panics, whatever the flags promise.
        for first in 0..=255 {
            for length in 0..PLAIN.len() {
                let mut bytes = PLAIN;
                bytes[0] = first;
                let _ = Packet::parse(&bytes[..length]);
            }
        }
    }
}

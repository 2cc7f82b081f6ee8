//! One RTP packet as it comes in.

use std::fmt;

use rtp_types::{RtpPacket, RtpParseError};

/// An RTP packet, header extension, contributing sources and padding taken off
/// ([RFC 3550 section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Video: the access unit's last packet.
    pub marker: bool,
    /// The payload type.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: u16,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// The synchronization source.
    pub ssrc: u32,
    /// The payload; may be empty.
    pub payload: &'a [u8],
}

/// Why bytes are no packet of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// They are RTCP, sent where RTP belongs.
    Rtcp,
    /// They end before their header does, or before their padding began.
    Truncated,
    /// They are of another version than 2.
    Version(u8),
    /// The padding says that it has no bytes.
    Padding,
    /// The packet is of another payload type than the stream's.
    PayloadType(u8),
}

impl<'a> Packet<'a> {
    /// Reads a datagram, or the body of an interleaved frame.
    ///
    /// # Errors
    /// See [`Invalid`]; the payload type is not looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Invalid> {
        // A marked packet of payload type 72 to 79 would look the same: RFC 3551 section 6 reserves those.
        if let [_, 200..=207, ..] = bytes {
            return Err(Invalid::Rtcp);
        }
        let packet = RtpPacket::parse(bytes).map_err(|error| match error {
            RtpParseError::UnsupportedVersion(version) => Invalid::Version(version),
            RtpParseError::Truncated { .. } => Invalid::Truncated,
            RtpParseError::PaddingInvalid(_) => Invalid::Padding,
        })?;
        let start = packet.payload_offset();
        let payload = bytes.get(start..start + packet.payload_len()).ok_or(Invalid::Truncated)?;
        Ok(Self {
            marker: packet.marker_bit(),
            payload_type: packet.payload_type(),
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            payload,
        })
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtcp => write!(f, "RTCP where RTP belongs"),
            Self::Truncated => write!(f, "the packet ends too early"),
            Self::Version(version) => write!(f, "RTP version {version}"),
            Self::Padding => write!(f, "padding of no bytes"),
            Self::PayloadType(payload_type) => write!(f, "payload type {payload_type}"),
        }
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIXED: [u8; 12] = [0x80, 0xe0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        [&[first][..], &FIXED[1..], rest].concat()
    }

    #[test]
    fn the_fields_are_where_the_rfc_draws_them() {
        let bytes = packet(0x80, b"payload");
        let expected = Packet {
            marker: true,
            payload_type: 96,
            sequence: 0x0102,
            timestamp: 0x0304_0506,
            ssrc: 0x0708_090a,
            payload: b"payload",
        };
        assert_eq!(Packet::parse(&bytes), Ok(expected));
    }

    #[test]
    fn what_is_not_payload_is_taken_off() {
        let csrc = [1, 1, 1, 1, 2, 2, 2, 2];
        let extension = [0xab, 0xac, 0, 1, 9, 9, 9, 9];
        for (first, rest) in [
            (0x82, [&csrc[..], b"xyz"].concat()),
            (0x90, [&extension[..], b"xyz"].concat()),
            (0xa0, [&b"xyz"[..], &[0, 0, 3]].concat()),
            (0xb2, [&csrc[..], &extension, b"xyz", &[1]].concat()),
        ] {
            let bytes = packet(first, &rest);
            assert_eq!(Packet::parse(&bytes).unwrap().payload, b"xyz", "{first:x}");
        }
        assert_eq!(Packet::parse(&packet(0xa0, &[0, 2])).unwrap().payload, b"", "padding alone");
    }

    #[test]
    fn what_is_no_packet_says_why() {
        for (bytes, reason) in [
            (FIXED[..11].to_vec(), Invalid::Truncated),
            (vec![], Invalid::Truncated),
            (packet(0x40, b"x"), Invalid::Version(1)),
            (packet(0x81, &[1, 2, 3]), Invalid::Truncated),
            (packet(0x90, &[0, 0, 0, 2, 1, 1, 1, 1]), Invalid::Truncated),
            (packet(0xa0, &[1, 2, 0]), Invalid::Padding),
            (packet(0xa0, &[1, 2, 4]), Invalid::Truncated),
            (vec![0x80, 201, 0, 1, 0, 0, 0, 9], Invalid::Rtcp),
            ([&[0x80, 200][..], &[0; 26]].concat(), Invalid::Rtcp),
            (vec![0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 7], Invalid::Rtcp),
        ] {
            assert_eq!(Packet::parse(&bytes), Err(reason), "{bytes:x?}");
        }
        assert!(Packet::parse(&[0x80; 12]).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), first in any::<u8>()) {
            let _ = Packet::parse(&bytes);
            let _ = Packet::parse(&packet(first | 0x80, &bytes));
        }
    }
}

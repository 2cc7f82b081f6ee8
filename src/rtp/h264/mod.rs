//! H.264 in RTP ([RFC 6184](https://www.rfc-editor.org/rfc/rfc6184)).

mod depacketizer;
mod packetizer;

pub use depacketizer::{Depacketizer, Unit};
pub(super) use packetizer::{Payload, payloads};

/// Several NAL units in one packet ([STAP-A](https://www.rfc-editor.org/rfc/rfc6184#section-5.7.1)).
const STAP_A: u8 = 24;

/// A part of one ([FU-A](https://www.rfc-editor.org/rfc/rfc6184#section-5.8)): indicator and header
/// stand for the NAL header.
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

//! H.264 as RTP payloads ([RFC 6184](https://www.rfc-editor.org/rfc/rfc6184)).

mod depacketizer;
mod packetizer;

pub(super) use depacketizer::Depacketizer;
pub(super) use packetizer::payloads;

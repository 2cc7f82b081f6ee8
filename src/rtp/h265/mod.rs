//! H.265 as RTP payloads ([RFC 7798](https://www.rfc-editor.org/rfc/rfc7798)).

mod depacketizer;
mod packetizer;

pub(super) use depacketizer::Depacketizer;
pub(super) use packetizer::payloads;

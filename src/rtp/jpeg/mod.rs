//! JPEG as RTP payloads ([RFC 2435](https://www.rfc-editor.org/rfc/rfc2435)).

mod depacketizer;
mod packetizer;
mod tables;

pub(super) use depacketizer::Depacketizer;
pub(super) use packetizer::payloads;

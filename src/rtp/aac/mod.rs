//! AAC as RTP payloads ([RFC 3640](https://www.rfc-editor.org/rfc/rfc3640), mode AAC-hbr).

mod depacketizer;
mod packetizer;

pub(super) use depacketizer::Depacketizer;
pub(super) use packetizer::payloads;

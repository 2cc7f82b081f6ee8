//! H.264 as RTP payloads ([RFC 6184](https://www.rfc-editor.org/rfc/rfc6184)).

mod depacketizer;
mod packetizer;
mod unit;

pub use depacketizer::{DepacketizedUnit, Depacketizer, Dropped};
pub(super) use packetizer::payloads;

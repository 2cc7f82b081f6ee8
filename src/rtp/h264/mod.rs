//! H.264 as RTP payloads ([RFC 6184](https://www.rfc-editor.org/rfc/rfc6184)).

mod packetizer;

pub(super) use packetizer::{Payload, payloads};

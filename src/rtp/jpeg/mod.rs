//! JPEG as RTP payloads ([RFC 2435](https://www.rfc-editor.org/rfc/rfc2435)).

mod packetizer;

pub(super) use packetizer::payloads;

//! H.265 as RTP payloads ([RFC 7798](https://www.rfc-editor.org/rfc/rfc7798)).

mod packetizer;

pub(super) use packetizer::payloads;

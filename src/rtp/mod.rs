//! RTP: access units into packets, one payload format a file ([RFC 3550](https://www.rfc-editor.org/rfc/rfc3550)).

mod h264;
mod sender;
mod wire;

pub(crate) use sender::PAYLOAD_TYPE;
pub use sender::Sender;
pub use wire::WireImage;

//! RTP: access units into packets, one payload format a file ([RFC 3550](https://www.rfc-editor.org/rfc/rfc3550)).

mod h264;
mod packet;
mod receiver;
mod sender;
mod wire;

pub use h264::{Depacketizer, Unit};
pub use packet::{Invalid, Packet};
pub use receiver::{Arrived, Receiver, Statistics};
pub(crate) use sender::PAYLOAD_TYPE;
pub use sender::Sender;
pub use wire::WireImage;

//! RTP: access units into packets and back, one payload format a folder ([RFC 3550](https://www.rfc-editor.org/rfc/rfc3550)).

pub mod h264;
mod jitter;
mod packet;
mod receiver;
mod reorder;
mod sender;
mod sequence;
mod wire;

pub use packet::{Invalid, Packet};
pub use receiver::{Arrived, Receiver, Statistics};
pub(crate) use sender::PAYLOAD_TYPE;
pub use sender::Sender;
pub use wire::WireImage;

//! RTP: access units into packets and back, one payload format a folder ([RFC 3550](https://www.rfc-editor.org/rfc/rfc3550)).

mod aac;
mod depacketizer;
mod h264;
mod h265;
mod jitter;
mod jpeg;
mod nal;
mod packet;
mod payload;
mod receiver;
mod reorder;
mod sender;
mod sequence;
mod spare;
mod wire;

pub use depacketizer::{DepacketizedUnit, Depacketizer, Dropped};
pub use jitter::Jitter;
pub use packet::{Invalid, Packet};
pub use receiver::{Receiver, Statistics};
pub use reorder::Arrived;
pub use sender::{Sender, payload_type};
pub use sequence::{Place, Sequence};
pub use spare::Spare;
pub use wire::{Run, WireImage};

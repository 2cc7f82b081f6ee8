//! The sockets of an RTSP client: one connection, a pair of UDP sockets a track, one loop.
//!
//! What is said is [`crate::rtsp::client`]'s matter, what arrives [`crate::rtp`]'s.

mod error;
mod session;
mod sockets;
mod track;

pub use error::Error;
pub use session::{Event, Session};
pub use track::{Lateness, Track, Unit};

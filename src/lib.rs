//! Lenslet: an RTSP server for small boards.
//!
//! Sources capture or make coded pictures on threads of their own, the [`hub`] hands them on, and the
//! server's tasks packetize each picture once and send it to every reader. `ARCHITECTURE.md` draws the
//! data path and says which module may know which.

pub mod access;
mod amount;
pub mod backup;
pub mod board;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod encode;
pub mod hub;
pub mod logs;
pub mod media;
mod plain;
mod random;
mod redact;
pub mod rtcp;
pub mod rtp;
pub mod rtsp;
pub mod sdp;
pub mod server;
pub mod source;
pub mod tools;
#[cfg(feature = "tui")]
pub mod tui;
pub mod v4l2;

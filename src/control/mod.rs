//! The control socket: how a terminal, a script or `lenslet status` talks to the daemon that runs.
//!
//! [`protocol`] is what is said, one JSON value a line; [`Steward`] is who answers it, which the daemon is; the rest
//! carries the one to the other. `docs/control.md` is for those who write clients.

pub mod client;
pub mod protocol;
pub mod server;
mod steward;

pub use steward::{Answer, Boxed, Caller, LogStream, Steward};

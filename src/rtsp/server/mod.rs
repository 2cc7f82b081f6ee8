//! The server's half of RTSP: what a connection says, what sessions there are, what to answer.
//!
//! ```text
//! session   Init --SETUP--> Ready --PLAY--> Playing --PAUSE--> Ready
//!           any --TEARDOWN, timeout, connection lost (interleaved)--> gone
//! ```

mod aliases;
mod answer;
mod claim;
mod connection;
mod methods;
mod names;
mod outcome;
mod sessions;
mod tracks;

pub use crate::rtsp::header::transport::Lower;
pub use aliases::{Alias, AliasError, Aliases};
pub use answer::{Answer, Claim, Event, RtpInfo};
pub use connection::{Connection, Peer};
pub use sessions::{Limits, Refusals, SessionId, Sessions};

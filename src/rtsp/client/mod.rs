//! The client's half of RTSP: what a server is asked, and what its answers mean, however it spells them.
//!
//! ```text
//! Options -> Describe -> (Bind ->) Setup, a track after the other -> Play -> Playing -> Teardown -> Over
//! any --refusal, silence, connection lost--> Over
//! ```
//! Bytes and instants in; bytes, events and the next timeout out.

mod credentials;
mod error;
mod exchange;
mod machine;
mod reply;
mod url;

pub use error::Error;
pub use machine::{Client, Event, Settings, Transport};
pub use reply::Reply;
pub use url::Url;

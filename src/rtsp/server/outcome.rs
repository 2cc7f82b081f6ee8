//! What passes between a connection and the methods: who asks, and what a request comes to.

use super::sessions::Asker;
use super::{Event, SessionId};
use crate::rtsp::message::{Response, Status};

/// Who asks, as far as a method has to know.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) asker: Asker,
    /// Our host and port, for URIs that name none.
    pub(super) authority: String,
    /// The session that was set up on its connection.
    pub(super) own: Option<SessionId>,
}

/// A request that waits for the house: what its reply needs.
#[derive(Debug)]
pub(super) enum Kind {
    SignIn,
    Describe { uri: String },
    Setup { session: SessionId },
    Play { session: SessionId, uri: String, range: &'static str },
    Pause { session: SessionId },
    Teardown { session: Option<SessionId> },
    Parameters { session: Option<SessionId>, names: Vec<String> },
}

/// What a request comes to: a reply at once, or a question to the house.
pub(super) enum Outcome {
    Reply(Response),
    Ask(Event, Kind),
}

/// A reply of only a status.
pub(super) fn status(code: u16) -> Outcome {
    Outcome::Reply(Response::new(Status(code)))
}

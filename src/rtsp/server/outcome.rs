//! What passes between a connection and the methods: who asks, and what a request comes to.

use std::net::SocketAddr;
use std::sync::Arc;

use super::sessions::Asker;
use super::{Event, Peer, SessionId};
use crate::rtsp::auth::Identity;
use crate::rtsp::message::{Response, Status};

/// Who asks, as far as a method has to know.
#[derive(Debug)]
pub(super) struct Caller {
    /// Which connection it is.
    pub(super) number: u64,
    pub(super) ends: Peer,
    /// Who signed in last, if anybody.
    pub(super) user: Option<Arc<Identity>>,
    /// Our host and port by which clients reach us, if it is another than the connection's.
    pub(super) advertised: Option<Box<str>>,
    /// The session that was set up on its connection.
    pub(super) own: Option<SessionId>,
}

impl Caller {
    pub(super) fn asker(&self) -> Asker {
        let peer = self.ends.addr.ip().to_canonical();
        Asker { connection: self.number, peer, user: self.user.clone() }
    }

    /// Our host and port, for URIs that name none.
    pub(super) fn authority(&self) -> String {
        let Peer { local, .. } = self.ends;
        let own = || SocketAddr::new(local.ip().to_canonical(), local.port()).to_string();
        self.advertised.as_deref().map_or_else(own, str::to_owned)
    }
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

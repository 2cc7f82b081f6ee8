//! What is to be done.

use super::message::Asked;
use crate::control::protocol::Request;

/// What an update wants done by who runs it.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The daemon is asked; its answers come as [`Message::Answered`](super::message::Message::Answered).
    Ask {
        /// What the answers are known by.
        to: Asked,
        /// What is asked.
        request: Request,
    },
    /// Answers that come again and again end.
    Cancel(Asked),
    /// Everything is drawn anew.
    Redraw,
    /// The terminal ends.
    Leave,
    /// The daemon that was started with it ends too.
    End,
}

impl Effect {
    /// Asks the daemon.
    pub fn ask(to: Asked, request: impl Into<Request>) -> Self {
        Self::Ask { to, request: request.into() }
    }
}

//! Why a client does not receive.

use std::fmt;
use std::time::Duration;

use crate::rtsp::message::{Method, Status};

/// Why a client does not receive, or receives no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The URL is none that can be asked for.
    Url(String),
    /// The server refused a request.
    Refused {
        /// Which.
        method: Method,
        /// With what.
        status: Status,
    },
    /// A user and a password are wanted: the URL has none, the server did not take them, or it asks for
    /// them in a way that is not known here.
    Unauthorized(String),
    /// The server did not answer in time.
    Silent {
        /// What was asked.
        method: Method,
        /// How long was waited.
        waited: Duration,
    },
    /// What came is no RTSP.
    NotRtsp {
        /// Bytes since the connection began.
        position: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The answer lacks something that is needed.
    Incomplete {
        /// To what.
        method: Method,
        /// What it lacks.
        what: String,
    },
    /// The server closed the connection.
    Closed {
        /// The request that it closed at, if one was not yet answered. Some cameras close at a
        /// GET_PARAMETER that is to keep them alive: ask with [`super::Settings::keep_alive_by_options`].
        unanswered: Option<Method>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(what) => f.write_str(what),
            Self::Refused { method, status } => {
                write!(f, "the server answers {} with {status}", method.name())
            }
            Self::Unauthorized(what) => f.write_str(what),
            Self::Silent { method, waited } => {
                write!(f, "the server does not answer {} within {} s", method.name(), waited.as_secs())
            }
            Self::NotRtsp { position, what } => write!(f, "byte {position} of the answer: {what}"),
            Self::Incomplete { method, what } => write!(f, "the answer to {} {what}", method.name()),
            Self::Closed { unanswered: None } => f.write_str("the server closed the connection"),
            Self::Closed { unanswered: Some(method) } => {
                write!(f, "the server closed the connection instead of answering {}", method.name())
            }
        }
    }
}

impl std::error::Error for Error {}

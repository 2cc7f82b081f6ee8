//! Why a client does not receive.

use std::fmt;
use std::time::Duration;

use crate::rtsp::message::{Method, Response, Status};

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
        /// What it says of it, in a line.
        said: Option<String>,
        /// It may be asked again after so many seconds.
        retry_after: Option<u32>,
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

/// Characters of what a server says that are told.
const TOLD: usize = 200;

impl Error {
    /// What a refusal says: its body where that is text for people.
    pub(super) fn refused(method: Method, response: &Response) -> Self {
        let field = |name| response.headers.get(name).map(str::trim);
        let plain = field("Content-Type").is_some_and(|kind| kind.starts_with("text/plain"));
        let body = String::from_utf8_lossy(&response.body);
        let line = body.lines().next().filter(|_| plain).unwrap_or_default();
        let said: String = line.chars().filter(|character| !character.is_control()).take(TOLD).collect();
        Self::Refused {
            method,
            status: response.status,
            said: Some(said.trim().to_owned()).filter(|said| !said.is_empty()),
            retry_after: field("Retry-After").and_then(|seconds| seconds.parse().ok()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(what) => f.write_str(what),
            Self::Refused { method, status, said, retry_after } => {
                write!(f, "the server answers {} with {status}", method.name())?;
                said.as_ref().map_or(Ok(()), |said| write!(f, ": {said}"))?;
                retry_after.map_or(Ok(()), |seconds| write!(f, " (again in {seconds} s)"))
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

//! Why a client's session does not go on.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::rtsp;
use crate::rtsp::client::Transport;

/// Why a client's session does not go on.
#[derive(Debug)]
pub enum Error {
    /// The server cannot be reached.
    Connect {
        /// `host:port`.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The connection failed.
    Connection(io::Error),
    /// The server and we do not understand each other.
    Protocol(rtsp::client::Error),
    /// It plays, and nothing comes.
    NoMedia {
        /// How it should come.
        transport: Transport,
        /// Since the reply to PLAY, or the last packet.
        waited: Duration,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { address, source } => write!(f, "cannot reach {address}: {source}"),
            Self::Connection(error) => write!(f, "the connection failed: {error}"),
            Self::Protocol(error) => error.fmt(f),
            Self::NoMedia { transport: Transport::Udp, waited } => write!(
                f,
                "no packet came by UDP for {} s: a firewall or router on the way keeps them off; try TCP",
                waited.as_secs()
            ),
            Self::NoMedia { transport: Transport::Tcp, waited } => {
                write!(f, "the server sends nothing for {} s", waited.as_secs())
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<rtsp::client::Error> for Error {
    fn from(error: rtsp::client::Error) -> Self {
        Self::Protocol(error)
    }
}

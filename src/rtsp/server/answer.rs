//! What a connection asks of the house, and what the house answers.

use zeroize::Zeroizing;

use super::{Lower, SessionId};
use crate::rtsp::auth::Identity;
use crate::rtsp::message::Status;
use crate::rtsp::url::Target;

/// What the house is to do next. All but `Interleaved` and `Close` want an [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Say who asks, and whether he may: comes before every request but OPTIONS.
    SignIn(Box<Claim>),
    /// Describe a mount.
    Describe {
        /// Which.
        target: Target,
        /// The base of its URLs: without user information and without a slash at its end.
        uri: String,
    },
    /// Set a track up.
    Setup {
        /// Whose: known to the table already.
        session: SessionId,
        /// The mount.
        target: Target,
        /// The track; absent if the mount itself was named.
        track: Option<u8>,
        /// What the client would take, in its order.
        transports: Vec<Lower>,
        /// A session that this one takes the place of: release it.
        replaces: Option<SessionId>,
    },
    /// Play every track that is set up.
    Play {
        /// Whose.
        session: SessionId,
        /// The base of RTP-Info's URLs.
        uri: String,
    },
    /// Stop playing for now.
    Pause {
        /// Whose.
        session: SessionId,
    },
    /// End a track, or the session: the table has forgotten that already.
    Teardown {
        /// Whose.
        session: SessionId,
        /// Which; absent for all.
        track: Option<u8>,
    },
    /// Values of parameters.
    Parameters {
        /// Whose.
        session: Option<SessionId>,
        /// Which.
        names: Vec<String>,
    },
    /// A frame came.
    Interleaved {
        /// On which channel.
        channel: u8,
        /// What.
        data: Vec<u8>,
    },
    /// Write what is left and close.
    Close {
        /// Why, for the log.
        reason: String,
    },
}

/// A request that waits for a word on who makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// On which connection: its number.
    pub connection: u64,
    /// Its method, as it was written.
    pub method: String,
    /// Its URI, as it was written.
    pub uri: String,
    /// The mount that it is about, by its own name.
    pub mount: Option<String>,
    /// It changes something, beside the client's own session.
    pub changes: bool,
    /// The value of its `Authorization`; empty where it has several.
    pub authorization: Option<Zeroizing<String>>,
    /// What program makes it, as it says.
    pub agent: Option<Box<str>>,
    /// Who signed in on its connection before.
    pub held: Option<Identity>,
    /// It is about a session that was set up on its connection.
    pub own_session: bool,
}

impl Event {
    /// The session that it asks something of.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Setup { session, .. }
            | Self::Play { session, .. }
            | Self::Pause { session }
            | Self::Teardown { session, .. } => Some(session),
            Self::Parameters { session, .. } => session.as_ref(),
            Self::SignIn(_) | Self::Describe { .. } | Self::Interleaved { .. } | Self::Close { .. } => None,
        }
    }
}

/// Where a track's packets begin, for RTP-Info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpInfo {
    /// Which track.
    pub track: u8,
    /// Sequence number and timestamp of the first packet; absent rather than guessed.
    pub start: Option<(u16, u32)>,
}

/// What the house answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `SignIn`: go on, for this user; for nobody in particular where there are no users.
    SignedIn(Option<Identity>),
    /// To `SignIn`: it is not known who asks; the values of `WWW-Authenticate`.
    Unknown(Vec<String>),
    /// To `SignIn`: he may not.
    Forbidden {
        /// And the connection ends.
        close: bool,
    },
    /// To `Describe`.
    Described {
        /// The session description.
        sdp: String,
    },
    /// To `Setup`.
    Ready {
        /// Which track it became.
        track: u8,
        /// How many the mount has.
        tracks: u8,
        /// The transport, its channels filled in.
        chosen: Lower,
        /// The track's synchronization source.
        ssrc: u32,
        /// Our ports, by UDP.
        server_port: Option<(u16, u16)>,
    },
    /// To `Play`.
    Playing {
        /// Each track's start.
        rtp_info: Vec<RtpInfo>,
    },
    /// To `Pause` and `Teardown`.
    Done,
    /// To `Parameters`: those that are known.
    Values(Vec<(String, String)>),
    /// It cannot be done.
    Failed {
        /// The status to answer.
        status: Status,
        /// Why, for the log.
        reason: String,
        /// Seconds after which it may work.
        retry_after: Option<u32>,
    },
}

impl Answer {
    /// It cannot be done, and trying again would not help; why, for the log.
    pub fn failed(status: Status, reason: impl Into<String>) -> Self {
        Self::Failed { status, reason: reason.into(), retry_after: None }
    }
}

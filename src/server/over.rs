//! Why a session is over: what the log says of it.

/// Whose doing it was, or what was the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    TornDown,
    /// A SETUP of the same connection began another.
    Replaced,
    /// Its media was interleaved in a connection that is over.
    Unconnected,
    /// Nothing was heard of its client for its timeout.
    Silent,
    /// Datagrams to it are refused again and again.
    Refused,
    CodecChanged,
    MayNoMore,
    /// An operator ended it.
    Kicked,
    MountGone,
    /// The server or its worker ends.
    Stopping,
}

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TornDown => "torn down",
            Self::Replaced => "another took its place",
            Self::Unconnected => "its connection is over",
            Self::Silent => "nothing was heard of its client",
            Self::Refused => "its datagrams are refused: nobody is at its port, or nothing leads there",
            Self::CodecChanged => "the mount's codec changed",
            Self::MayNoMore => "by the rules as they are now it would not be let in",
            Self::Kicked => "ended by an operator",
            Self::MountGone => "the mount is served no more",
            Self::Stopping => "the server stops",
        })
    }
}

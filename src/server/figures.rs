//! What can be seen of sessions and mounts while they are served.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::MountSettings;
use super::feed::Feed;
use crate::hub::Mount;

/// How a session is.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionFigures {
    /// Names it towards [`super::Handle::kick`]; never given again.
    pub number: u64,
    /// What logs tell of its name: who knows all of it could steer it.
    pub shown: String,
    /// The connection's other end.
    pub peer: SocketAddr,
    /// What it reads.
    pub mount: String,
    /// How packets go out.
    pub transport: Transport,
    /// What program it is, as it says itself.
    pub agent: Option<String>,
    /// Who signed in, if there are users.
    pub user: Option<String>,
    /// Where it is in its life.
    pub state: SessionState,
    /// Since its SETUP.
    pub age: Duration,
    /// RTP payload that was sent.
    pub bytes: u64,
    /// RTP packets that were sent.
    pub packets: u64,
    /// Bits of RTP payload a second, over the last one or two.
    pub bitrate: u64,
    /// Lost since the report before, as it reports ([RFC 3550 section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)).
    pub loss_percent: Option<f32>,
    /// Packets lost since the start, as it reports.
    pub lost: Option<i32>,
    /// As it reports.
    pub jitter: Option<Duration>,
    /// From a sender report to the reception report that answers it.
    pub round_trip: Option<Duration>,
    /// Pictures that it was not sent, by reason.
    pub dropped: Vec<(&'static str, u32)>,
    /// Pictures that its TCP socket did not take in one write; none by UDP.
    pub parted: Option<u32>,
    /// How far what it was sent is behind the newest picture; none while it does not play.
    pub behind: Option<Duration>,
}

/// How packets go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// By UDP.
    Udp,
    /// Interleaved in the connection.
    Tcp,
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Set up, not playing.
    Ready,
    /// It is to play, and waits for a keyframe.
    Waiting,
    /// It plays.
    Playing,
}

/// How a mount is.
#[derive(Clone, Debug)]
pub struct MountFigures {
    /// Its name, state, tracks, latency and what its source gave can be asked of it.
    pub mount: Mount,
    /// Its settings now.
    pub settings: MountSettings,
    /// Sessions that are set up.
    pub sessions: usize,
    /// Sessions that are or were playing.
    pub readers: usize,
    /// Pictures that readers were not sent, by reason, since the start.
    pub dropped: Vec<(&'static str, u32)>,
    /// RTP payload that sessions which are over were sent.
    pub sent_before: u64,
}

impl MountFigures {
    pub(super) fn of(feed: &Feed) -> Self {
        Self {
            settings: feed.settings(),
            sessions: feed.places(),
            readers: feed.readers(),
            dropped: feed.tally.told(),
            sent_before: feed.sent.load(Ordering::Relaxed),
            mount: feed.mount.clone(),
        }
    }
}

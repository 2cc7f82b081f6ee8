//! What can be seen of sessions and mounts while they are served.

use std::net::SocketAddr;
use std::time::Duration;

use super::MountSettings;
use super::feed::Feed;
use crate::hub::Mount;
use crate::media::{Kind, Link, MediaTime};

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
    /// Its name, state, tracks, failures and latency can be asked of it.
    pub mount: Mount,
    /// Its settings now.
    pub settings: MountSettings,
    /// Sessions that are set up.
    pub sessions: usize,
    /// Sessions that are or were playing.
    pub readers: usize,
    /// Bits of RTP payload a second, of all tracks, over what is kept: some seconds.
    pub bitrate: Option<u64>,
    /// Pictures a second, over the same time.
    pub pictures_per_second: Option<f32>,
    /// Pictures from the last keyframe but one to the last.
    pub gop: Option<u32>,
    /// Since the newest keyframe was taken.
    pub keyframe_age: Option<Duration>,
    /// Pictures that readers were not sent, by reason, since the start.
    pub dropped: Vec<(&'static str, u32)>,
}

/// What the images that are kept say.
#[derive(Default)]
struct Kept {
    bytes: u64,
    pictures: u32,
    /// Of pictures: the first and the last.
    span: Option<(MediaTime, MediaTime)>,
    /// The newest keyframe's time, and how many pictures came before it since the one before.
    keyframe: Option<MediaTime>,
    since_keyframe: u32,
    gop: Option<u32>,
}

impl MountFigures {
    pub(super) fn of(feed: &Feed, now: MediaTime) -> Self {
        let video = |index: usize| {
            let tracks = feed.mount.tracks();
            tracks.and_then(|tracks| tracks.get(index).map(|track| track.codec.kind() == Kind::Video))
        };
        let videos: Vec<bool> = (0..).map_while(video).collect();
        let first = videos.iter().position(|video| *video);
        let mut kept = Kept::default();
        feed.images().visit(|image| {
            kept.bytes += u64::from(image.octets);
            if first == Some(image.track.index()) {
                kept.picture(image.time, image.link);
            }
        });
        let seconds = kept.span.map(|(from, to)| to.since(from).as_secs_f64()).filter(|span| *span > 0.0);
        // As many intervals as pictures but one.
        let share =
            |part: f64| Some(part * f64::from(kept.pictures.saturating_sub(1)) / f64::from(kept.pictures));
        let flows = feed.mount.state().flows();
        let rate = |all: f64| share(all / seconds?).filter(|_| flows && kept.pictures > 1);
        Self {
            settings: feed.settings(),
            sessions: feed.places(),
            readers: feed.readers(),
            bitrate: rate(kept.bytes as f64 * 8.0).map(|bits| bits as u64),
            pictures_per_second: rate(f64::from(kept.pictures)).map(|rate| rate as f32),
            gop: kept.gop,
            keyframe_age: kept.keyframe.map(|time| now.since(time)),
            dropped: feed.tally.told(),
            mount: feed.mount.clone(),
        }
    }
}

impl Kept {
    fn picture(&mut self, time: MediaTime, link: Link) {
        self.pictures += 1;
        // Pictures that are coded out of order come with times out of order.
        self.span = Some(self.span.map_or((time, time), |(from, to)| (from.min(time), to.max(time))));
        if link == Link::Start {
            self.gop = self.keyframe.map(|_| self.since_keyframe);
            (self.keyframe, self.since_keyframe) = (Some(time), 0);
        }
        self.since_keyframe += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_counted_from_keyframe_to_keyframe() {
        let mut kept = Kept::default();
        for number in 0..70 {
            let link = if number % 30 == 5 { Link::Start } else { Link::Follows };
            kept.picture(MediaTime::from_nanos(number * 40_000_000), link);
        }
        assert_eq!((kept.gop, kept.pictures), (Some(30), 70));
        assert_eq!(kept.keyframe, Some(MediaTime::from_nanos(65 * 40_000_000)));
    }
}

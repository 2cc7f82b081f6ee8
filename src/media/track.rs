//! A track: one elementary stream of a mount.

use super::{aac, h264, h265};

/// Which track of a mount: its index, which is also the `N` of `trackID=N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u8);

impl TrackId {
    /// The index into the mount's tracks.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a track is to whoever plays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// What a track carries, with what a reader must know before the first access unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264 / AVC.
    H264(h264::ParameterSets),
    /// H.265 / HEVC.
    H265(h265::ParameterSets),
    /// JPEG: whole pictures, each [`Link::Start`](super::Link::Start).
    Jpeg,
    /// AAC: raw access units, each [`Link::Alone`](super::Link::Alone).
    Aac(aac::Config),
}

impl Codec {
    /// Pictures or sound.
    pub fn kind(&self) -> Kind {
        match self {
            Self::H264(_) | Self::H265(_) | Self::Jpeg => Kind::Video,
            Self::Aac(_) => Kind::Audio,
        }
    }

    /// The RTP clock rate in Hz.
    pub fn clock_rate(&self) -> u32 {
        match self {
            Self::H264(_) | Self::H265(_) | Self::Jpeg => 90_000,
            Self::Aac(config) => config.sample_rate(),
        }
    }

    /// The name as people write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::H264(_) => "H.264",
            Self::H265(_) => "H.265",
            Self::Jpeg => "JPEG",
            Self::Aac(_) => "AAC",
        }
    }
}

/// One track of a mount. Its [`TrackId`] is its place in the mount's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// What it carries.
    pub codec: Codec,
    /// Its bitrate in bits a second where the source knows it: SDP's `b=AS`.
    pub bitrate: Option<u32>,
}

//! A track: one elementary stream of a mount.

use super::h264;

/// Which track of a mount: its index, which is also the `N` of `trackID=N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u8);

impl TrackId {
    /// The index into the mount's tracks.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a track carries, with what a reader must know before the first picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264 / AVC.
    H264(h264::ParameterSets),
}

impl Codec {
    /// The RTP clock rate in Hz.
    pub fn clock_rate(&self) -> u32 {
        match self {
            Self::H264(_) => 90_000,
        }
    }

    /// The name as people write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::H264(_) => "H.264",
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

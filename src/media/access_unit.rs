//! One coded picture, or one packet of audio, on its way from a source to the readers.

use std::sync::Arc;

use super::{Journey, MediaTime, TrackId};

/// How an access unit depends on those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Decoding can start here: a keyframe, its parameter sets in band.
    Start,
    /// Needs the access units since the last [`Link::Start`].
    Follows,
    /// Needs nobody and nobody needs it: audio.
    Alone,
}

/// One access unit: what belongs to one instant of one track.
///
/// H.264 and H.265 travel as Annex-B byte streams, normalized ([H.264](super::h264::Assembler),
/// [H.265](super::h265::Assembler)), in the order of decoding; AAC raw, without ADTS; JPEG as it is.
/// Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    /// The track it belongs to.
    pub track: TrackId,
    /// When it is to be shown: the instant it was captured. Pictures that are coded behind later ones (B-pictures)
    /// come with earlier times.
    pub time: MediaTime,
    /// What it depends on.
    pub link: Link,
    /// How it got here, where its source is a camera or the like.
    pub journey: Option<Journey>,
    /// The coded bytes.
    pub data: Arc<[u8]>,
}

//! The nouns of the media path: what a track is, one coded picture of it, and when it was taken.

mod access_unit;
mod encoder;
mod time;
mod track;

pub use access_unit::{AccessUnit, Link};
pub use encoder::{Encoder, EncoderError, Picture};
pub use time::MediaTime;
pub use track::{Codec, Track, TrackId};

pub mod h264;

//! The nouns of the media path: what a track is, one coded picture of it, and when it was taken.

mod access_unit;
mod bits;
mod encoder;
mod journey;
mod time;
mod track;

pub use access_unit::{AccessUnit, Link};
pub use encoder::{Encoder, EncoderError, Picture};
pub use journey::Journey;
pub use time::MediaTime;
pub use track::{Codec, Kind, Track, TrackId};

pub mod aac;
pub mod h264;
pub mod h265;
pub mod jpeg;

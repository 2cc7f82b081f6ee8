//! H.264 as a byte stream: NAL units, parameter sets, access units (ITU-T H.264 annex B, section 7.4.1).

mod aspect;
mod assembler;
mod display;
mod format;
mod level;
mod nal;
mod parameter_sets;
mod sets;
mod slice;
mod splitter;

pub use aspect::PixelAspect;
pub use assembler::Assembler;
pub use display::{DisplayOrder, Frame};
pub use level::{Level, Load, Profile, macroblocks};
pub use nal::{NalType, nal_units};
pub use parameter_sets::{Colours, ParameterSets, Picture};
pub use slice::{Field, PictureCount, SliceHeader, SliceOrder};
pub(in crate::media) use splitter::after_start_code;
pub use splitter::{Splitter, TooLong, begins_unit};

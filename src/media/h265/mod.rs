//! H.265 as a byte stream: NAL units, parameter sets, access units (ITU-T H.265 annex B, section 7.4.2.4).

mod assembler;
mod nal;
mod parameter_sets;
mod sets;
mod slice;
mod splitter;
mod sps;
mod vps;

pub use super::h264::nal_units;
pub use assembler::Assembler;
pub use nal::NalType;
pub use parameter_sets::{ParameterSets, Picture};
pub use splitter::{Splitter, TooLong, begins_unit};

//! H.264 as a byte stream: NAL units, parameter sets, access units (ITU-T H.264 annex B, section 7.4.1).

mod parameter_sets;

pub use parameter_sets::ParameterSets;

//! The sequence and picture parameter set that a decoder needs before the first picture.

use std::sync::Arc;

/// One SPS and one PPS, each a whole NAL unit without start code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSets {
    sps: Arc<[u8]>,
    pps: Arc<[u8]>,
}

impl ParameterSets {
    /// The sets as they came out of the encoder.
    pub fn new(sps: &[u8], pps: &[u8]) -> Self {
        Self { sps: sps.into(), pps: pps.into() }
    }

    /// The sequence parameter set.
    pub fn sps(&self) -> &[u8] {
        &self.sps
    }

    /// The picture parameter set.
    pub fn pps(&self) -> &[u8] {
        &self.pps
    }
}

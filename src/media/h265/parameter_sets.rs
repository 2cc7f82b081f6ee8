//! The parameter sets that a decoder needs before the first picture.

use std::sync::Arc;

use super::sps::Sps;
use super::vps;

/// One VPS, SPS and PPS, each a whole NAL unit without start code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSets {
    vps: Arc<[u8]>,
    sps: Arc<[u8]>,
    pps: Arc<[u8]>,
}

impl ParameterSets {
    /// The sets as they came out of the encoder.
    pub fn new(vps: &[u8], sps: &[u8], pps: &[u8]) -> Self {
        Self { vps: vps.into(), sps: sps.into(), pps: pps.into() }
    }

    /// The video parameter set.
    pub fn vps(&self) -> &[u8] {
        &self.vps
    }

    /// The sequence parameter set.
    pub fn sps(&self) -> &[u8] {
        &self.sps
    }

    /// The picture parameter set.
    pub fn pps(&self) -> &[u8] {
        &self.pps
    }

    /// What the SPS says, and the VPS where the SPS has no timing; `None` if the SPS cannot be read.
    pub fn picture(&self) -> Option<Picture> {
        let sps = Sps::read(&self.sps)?;
        let format = sps.format?;
        let timing = format.timing.or_else(|| vps::timing(&self.vps));
        let rate = timing.map(|(units, scale)| f64::from(scale) / f64::from(units));
        Some(Picture { width: format.width, height: format.height, rate })
    }
}

/// What the parameter sets say of the pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picture {
    /// In pixels, cropped.
    pub width: u32,
    /// In pixels, cropped.
    pub height: u32,
    /// Pictures a second, if there is timing.
    pub rate: Option<f64>,
}

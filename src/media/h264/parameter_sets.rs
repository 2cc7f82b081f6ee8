//! The sequence and picture parameter set that a decoder needs before the first picture.

use std::sync::Arc;

use super::format;

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

/// What an SPS says of the pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picture {
    /// In pixels, cropped.
    pub width: u32,
    /// In pixels, cropped.
    pub height: u32,
    /// Pictures a second, if the SPS has timing.
    pub rate: Option<f64>,
}

/// How a picture's samples stand for colours (ITU-T H.264 section E.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colours {
    /// Samples have all values from 0 to 255, rather than 16 to 235 and 240.
    pub full_range: bool,
    /// They are those of ITU-R BT.709, rather than of BT.601.
    pub bt709: bool,
}

impl ParameterSets {
    /// How samples stand for colours; where the SPS does not say, as video of standard definition does it.
    pub fn colours(&self) -> Colours {
        let said =
            format::parse(&self.sps).and_then(|sps| sps.vui_parameters).and_then(|vui| vui.video_signal_type);
        let matrix = |matrix: u8| {
            said.as_ref()
                .and_then(|said| said.colour_description.as_ref())
                .is_some_and(|said| said.matrix_coefficients == matrix)
        };
        Colours { full_range: said.as_ref().is_some_and(|said| said.video_full_range_flag), bt709: matrix(1) }
    }

    /// What the SPS says; `None` if it cannot be read.
    pub fn picture(&self) -> Option<Picture> {
        let sps = format::parse(&self.sps)?;
        let (width, height) = sps.pixel_dimensions().ok()?;
        let timing = sps.vui_parameters.as_ref().and_then(|vui| vui.timing_info.as_ref());
        // Two ticks a picture: ticks count fields (ITU-T H.264 section E.2.1).
        let rate = timing
            .filter(|timing| timing.num_units_in_tick > 0)
            .map(|timing| f64::from(timing.time_scale) / (2.0 * f64::from(timing.num_units_in_tick)));
        Some(Picture { width, height, rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sps_cut_short_anywhere_says_nothing_and_harms_nobody() {
        // 320x240, Constrained Baseline, as x264 writes it.
        let sps = [
            0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x07, 0xe8, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0c, 0x23, 0xc5,
            0x0a, 0xa8,
        ];
        assert_eq!(
            ParameterSets::new(&sps, &[0x68]).picture().map(|picture| (picture.width, picture.height)),
            Some((320, 240))
        );
        for length in 0..sps.len() {
            let _ = ParameterSets::new(&sps[..length], &[]).picture();
        }
    }
}

//! openh264, built from its bundled source.

use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, IntraFramePeriod, RateControlMode, UsageType,
};
use openh264::formats::YUVSlices;

use super::Settings;
use crate::media::{Encoder, EncoderError, Picture};

pub(super) struct OpenH264(openh264::encoder::Encoder);

impl OpenH264 {
    pub(super) fn new(settings: Settings) -> Result<Self, EncoderError> {
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(settings.bitrate))
            .max_frame_rate(FrameRate::from_hz(settings.fps as f32))
            .rate_control_mode(RateControlMode::Bitrate)
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            .intra_frame_period(IntraFramePeriod::from_num_frames(settings.gop))
            // A dropped picture would be a gap on the grid of times that readers see as loss.
            .skip_frames(false)
            // By default it takes every core.
            .num_threads(1);
        let encoder = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config);
        encoder.map(Self).map_err(said)
    }
}

impl Encoder for OpenH264 {
    fn encode(&mut self, picture: &Picture, keyframe: bool) -> Result<Vec<u8>, EncoderError> {
        if keyframe {
            self.0.force_intra_frame();
        }
        let half = picture.width / 2;
        let planes = YUVSlices::new(
            (&picture.luma, &picture.blue, &picture.red),
            (picture.width, picture.height),
            (picture.width, half, half),
        );
        self.0.encode(&planes).map(|coded| coded.to_vec()).map_err(said)
    }
}

fn said(error: openh264::Error) -> EncoderError {
    EncoderError(format!("openh264: {error}"))
}

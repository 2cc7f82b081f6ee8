//! What the plan says, as the encoder's loop needs it.

use super::Settings;
use crate::source::camera::plan::{self, Plan};
use crate::v4l2;

impl Settings {
    /// Of a plan and its way through the board's encoder.
    pub(in super::super) fn new(plan: &Plan, way: &plan::Hardware) -> Self {
        let capture = v4l2::Wish { fourcc: plan.fourcc, size: plan.size, interval: plan.interval() };
        let plan::Coded { bitrate, gop, fps, profile, level, level_configured } = way.coded;
        let (encoder, input, dmabuf) = (way.encoder.clone(), way.input, way.dmabuf);
        let converted = way.converted;
        Self {
            capture,
            encoder,
            input,
            dmabuf,
            converted,
            bitrate,
            gop,
            fps,
            profile,
            level,
            level_configured,
        }
    }
}

//! What may be written of a camera.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{Entries, Mounted, Written, linger};
use crate::config::MountSettings;
use crate::server::Pacing;
use crate::source::{Error, camera};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CameraFile {
    device: PathBuf,
    #[serde(default)]
    format: Option<camera::Pictures>,
    #[serde(default)]
    width: Option<u32>,
    #[serde(default)]
    height: Option<u32>,
    #[serde(default)]
    fps: Option<f64>,
    #[serde(default)]
    encode: camera::Encode,
    #[serde(default)]
    bitrate: Option<u32>,
    #[serde(default)]
    gop: Option<camera::Gop>,
    #[serde(default, deserialize_with = "camera::profile")]
    profile: Option<camera::Profile>,
    #[serde(default, deserialize_with = "camera::level")]
    level: Option<camera::Level>,
    /// By the names that `v4l2-ctl -l` shows.
    #[serde(default)]
    controls: Option<Entries<camera::ControlValue>>,
    #[serde(default)]
    linger: Option<f64>,
    #[serde(default)]
    always: bool,
    #[serde(default)]
    on_encoder_wedged: camera::OnWedged,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    max_readers: Option<usize>,
    #[serde(default)]
    pacing: Option<Pacing>,
    #[serde(default)]
    allow: Option<Vec<String>>,
    #[serde(default)]
    deny: Option<Vec<String>>,
}

impl Written for CameraFile {
    fn into_mount(self) -> Result<Mounted, Error> {
        let source = MountSettings::Camera(camera::Settings {
            device: self.device,
            wish: camera::Wish {
                format: self.format,
                width: self.width,
                height: self.height,
                fps: self.fps,
                encode: self.encode,
                bitrate: self.bitrate,
                gop: self.gop,
                profile: self.profile,
                level: self.level,
            },
            controls: self.controls.map(|entries| entries.0).unwrap_or_default(),
            linger: self.linger.map(|_| linger(self.linger, Duration::ZERO)).transpose()?,
            always: self.always,
            on_encoder_wedged: self.on_encoder_wedged,
        });
        Mounted::new(source, self.label, self.enabled, self.max_readers, self.pacing)
            .within(self.allow, self.deny)
    }
}

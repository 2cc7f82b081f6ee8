//! What may be written of programs that give pictures.

use serde::Deserialize;

use super::{Mounted, Written, linger, seconds, size};
use crate::config::MountSettings;
use crate::server::Pacing;
use crate::source::{Error, camera, command};

/// A program that writes pictures.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CommandFile {
    command: String,
    #[serde(default)]
    format: Option<camera::Coding>,
    #[serde(default)]
    fps: Option<f64>,
    #[serde(default)]
    silence: Option<f64>,
    #[serde(default)]
    linger: Option<f64>,
    #[serde(default)]
    always: bool,
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

/// The camera of a Raspberry Pi.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct RpicamFile {
    camera: Option<u32>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
    bitrate: Option<u32>,
    gop: Option<u32>,
    rotation: Option<u32>,
    more: Vec<String>,
    silence: Option<f64>,
    linger: Option<f64>,
    always: bool,
    label: Option<String>,
    enabled: Option<bool>,
    max_readers: Option<usize>,
    pacing: Option<Pacing>,
    allow: Option<Vec<String>>,
    deny: Option<Vec<String>>,
}

impl Written for CommandFile {
    fn into_mount(self) -> Result<Mounted, Error> {
        let settings = command::Settings::new(&self.command)?;
        let source = MountSettings::Command(command::Settings {
            format: self.format.unwrap_or(settings.format),
            fps: self.fps,
            silence: seconds("silence", self.silence)?,
            linger: linger(self.linger, settings.linger)?,
            always: self.always,
            ..settings
        });
        Mounted::new(source, self.label, self.enabled, self.max_readers, self.pacing)
            .within(self.allow, self.deny)
    }
}

impl Written for RpicamFile {
    fn into_mount(self) -> Result<Mounted, Error> {
        let default = command::Rpicam::default();
        let (width, height) = size((self.width, self.height), (default.width, default.height))?;
        let settings = command::Settings::rpicam(command::Rpicam {
            camera: self.camera.unwrap_or(default.camera),
            width,
            height,
            fps: self.fps.unwrap_or(default.fps),
            bitrate: self.bitrate.unwrap_or(default.bitrate),
            gop: self.gop.unwrap_or(default.gop),
            rotation: self.rotation.unwrap_or(default.rotation),
            more: self.more,
        });
        let source = MountSettings::Command(command::Settings {
            silence: seconds("silence", self.silence)?,
            linger: linger(self.linger, settings.linger)?,
            always: self.always,
            ..settings
        });
        Mounted::new(source, self.label, self.enabled, self.max_readers, self.pacing)
            .within(self.allow, self.deny)
    }
}

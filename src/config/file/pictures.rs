//! What may be written of the test picture and of files.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Mounted, Written, size};
use crate::config::MountSettings;
use crate::server::Pacing;
use crate::source::{Error, file, jpegs, pattern};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct PatternFile {
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
    bitrate: Option<u32>,
    gop: Option<u32>,
    label: Option<String>,
    enabled: Option<bool>,
    max_readers: Option<usize>,
    pacing: Option<Pacing>,
    allow: Option<Vec<String>>,
    deny: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct FileFile {
    path: PathBuf,
    #[serde(default)]
    fps: Option<f64>,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct JpegsFile {
    path: PathBuf,
    #[serde(default)]
    fps: Option<f64>,
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

impl Written for PatternFile {
    fn into_mount(self) -> Result<Mounted, Error> {
        let default = pattern::Settings::default();
        let (width, height) = size((self.width, self.height), (default.width, default.height))?;
        let source = MountSettings::Pattern(pattern::Settings {
            width,
            height,
            fps: self.fps.unwrap_or(default.fps),
            bitrate: self.bitrate.unwrap_or(default.bitrate),
            gop: self.gop.unwrap_or(default.gop),
        });
        Mounted::new(source, self.label, self.enabled, self.max_readers, self.pacing)
            .within(self.allow, self.deny)
    }
}

impl Written for FileFile {
    fn into_mount(self) -> Result<Mounted, Error> {
        let source = MountSettings::File(file::Settings { path: self.path, fps: self.fps });
        Mounted::new(source, self.label, self.enabled, self.max_readers, self.pacing)
            .within(self.allow, self.deny)
    }
}

impl Written for JpegsFile {
    fn into_mount(self) -> Result<Mounted, Error> {
        let source = MountSettings::Jpegs(jpegs::Settings { path: self.path, fps: self.fps });
        Mounted::new(source, self.label, self.enabled, self.max_readers, self.pacing)
            .within(self.allow, self.deny)
    }
}

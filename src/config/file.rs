//! What may be written in the file; everything is optional.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::MountSettings;
use crate::source::{camera, file, pattern};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConfigFile {
    pub(super) listen: Option<Vec<SocketAddr>>,
    pub(super) udp_ports: Option<(u16, u16)>,
    pub(super) max_packet: Option<usize>,
    /// Seconds. Below 10, players that send keep-alives at a fixed rate (VLC) send them all the time or too late.
    pub(super) session_timeout: Option<u64>,
    pub(super) max_connections: Option<usize>,
    pub(super) max_sessions: Option<usize>,
    pub(super) max_per_address: Option<usize>,
    pub(super) mounts: Option<BTreeMap<String, MountFile>>,
}

#[derive(Debug, Deserialize)]
pub(super) enum MountFile {
    Pattern(PatternFile),
    File(FileFile),
    Camera(CameraFile),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PatternFile {
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
    bitrate: Option<u32>,
    gop: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileFile {
    path: PathBuf,
    #[serde(default)]
    fps: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CameraFile {
    device: PathBuf,
    #[serde(default)]
    format: Option<camera::Coding>,
    #[serde(default)]
    width: Option<u32>,
    #[serde(default)]
    height: Option<u32>,
    #[serde(default)]
    fps: Option<f64>,
}

impl MountFile {
    pub(super) fn into_settings(self) -> MountSettings {
        match self {
            Self::Pattern(asked) => MountSettings::Pattern(asked.into_settings()),
            Self::File(asked) => MountSettings::File(file::Settings { path: asked.path, fps: asked.fps }),
            Self::Camera(asked) => MountSettings::Camera(camera::Settings {
                device: asked.device,
                wish: camera::Wish {
                    format: asked.format,
                    width: asked.width,
                    height: asked.height,
                    fps: asked.fps,
                },
            }),
        }
    }
}

impl PatternFile {
    fn into_settings(self) -> pattern::Settings {
        let default = pattern::Settings::default();
        pattern::Settings {
            width: self.width.unwrap_or(default.width),
            height: self.height.unwrap_or(default.height),
            fps: self.fps.unwrap_or(default.fps),
            bitrate: self.bitrate.unwrap_or(default.bitrate),
            gop: self.gop.unwrap_or(default.gop),
        }
    }
}

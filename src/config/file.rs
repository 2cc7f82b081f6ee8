//! What may be written in the file; everything is optional.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::MountSettings;
use crate::server::Pacing;
use crate::source::{Error as SourceError, camera, command, file, jpegs, pattern};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConfigFile {
    pub(super) schema: Option<u32>,
    pub(super) listen: Option<Vec<String>>,
    pub(super) udp_ports: Option<(u16, u16)>,
    pub(super) max_packet: Option<usize>,
    pub(super) pacing: Option<Pacing>,
    /// Seconds. Below 10, players that send keep-alives at a fixed rate (VLC) send them all the time or too late.
    pub(super) session_timeout: Option<u64>,
    /// Threads that readers are spread over.
    pub(super) workers: Option<usize>,
    pub(super) max_connections: Option<usize>,
    pub(super) max_sessions: Option<usize>,
    pub(super) max_per_address: Option<usize>,
    pub(super) mounts: Option<Entries<MountFile>>,
    /// Another name of a mount, and the mount's own.
    pub(super) aliases: Option<Entries<String>>,
    /// Host, or host and port, by which clients reach us.
    pub(super) advertise: Option<String>,
}

/// A map as it is written, none of its keys twice: a `BTreeMap` would silently keep the last of them.
#[derive(Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachOnce(PhantomData))
    }
}

struct EachOnce<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EachOnce<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries: Vec<(String, T)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if entries.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom(format!("{key:?} stands here twice")));
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Entries(entries))
    }
}

#[derive(Debug, Deserialize)]
pub(super) enum MountFile {
    Pattern(PatternFile),
    File(FileFile),
    Jpegs(FileFile),
    Camera(CameraFile),
    Command(CommandFile),
    Rpicam(RpicamFile),
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
}

/// A program that writes pictures.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandFile {
    command: String,
    #[serde(default)]
    format: Option<camera::Coding>,
    #[serde(default)]
    fps: Option<f64>,
    #[serde(default)]
    linger: Option<f64>,
    #[serde(default)]
    always: bool,
}

/// The camera of a Raspberry Pi.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RpicamFile {
    camera: Option<u32>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
    bitrate: Option<u32>,
    gop: Option<u32>,
    rotation: Option<u32>,
    more: Vec<String>,
    linger: Option<f64>,
    always: bool,
}

impl MountFile {
    pub(super) fn into_settings(self) -> Result<MountSettings, SourceError> {
        Ok(match self {
            Self::Pattern(asked) => MountSettings::Pattern(asked.into_settings()),
            Self::File(asked) => MountSettings::File(file::Settings { path: asked.path, fps: asked.fps }),
            Self::Jpegs(asked) => MountSettings::Jpegs(jpegs::Settings { path: asked.path, fps: asked.fps }),
            Self::Camera(asked) => MountSettings::Camera(camera::Settings {
                device: asked.device,
                wish: camera::Wish {
                    format: asked.format,
                    width: asked.width,
                    height: asked.height,
                    fps: asked.fps,
                    encode: asked.encode,
                    bitrate: asked.bitrate,
                    gop: asked.gop,
                    profile: asked.profile,
                    level: asked.level,
                },
                controls: asked.controls.map(|entries| entries.0).unwrap_or_default(),
                linger: asked.linger.map(|_| linger(asked.linger, Duration::ZERO)).transpose()?,
                always: asked.always,
                on_encoder_wedged: asked.on_encoder_wedged,
            }),
            Self::Command(asked) => MountSettings::Command(asked.into_settings()?),
            Self::Rpicam(asked) => MountSettings::Command(asked.into_settings()?),
        })
    }
}

/// How long a source runs on after its last reader, in seconds: from a reader's SETUP to its PLAY at least.
fn linger(seconds: Option<f64>, default: Duration) -> Result<Duration, SourceError> {
    match seconds {
        None => Ok(default),
        Some(seconds) if (1.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Some(seconds) => {
            Err(SourceError::new(format!("linger: {seconds} is not between 1 and 86400 seconds")))
        }
    }
}

impl CommandFile {
    fn into_settings(self) -> Result<command::Settings, SourceError> {
        let settings = command::Settings::new(&self.command)?;
        Ok(command::Settings {
            format: self.format.unwrap_or(settings.format),
            fps: self.fps,
            linger: linger(self.linger, settings.linger)?,
            always: self.always,
            ..settings
        })
    }
}

impl RpicamFile {
    fn into_settings(self) -> Result<command::Settings, SourceError> {
        let default = command::Rpicam::default();
        let settings = command::Settings::rpicam(command::Rpicam {
            camera: self.camera.unwrap_or(default.camera),
            width: self.width.unwrap_or(default.width),
            height: self.height.unwrap_or(default.height),
            fps: self.fps.unwrap_or(default.fps),
            bitrate: self.bitrate.unwrap_or(default.bitrate),
            gop: self.gop.unwrap_or(default.gop),
            rotation: self.rotation.unwrap_or(default.rotation),
            more: self.more,
        });
        Ok(command::Settings {
            linger: linger(self.linger, settings.linger)?,
            always: self.always,
            ..settings
        })
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

//! What may be written in the file; everything is optional.

mod access;
mod camera;
mod pictures;
mod program;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Mount as Mounted, MountSettings};
use crate::access::Networks;
use crate::server::{self, Pacing};
use crate::source::Error;
pub(super) use access::AccessFile;
use camera::CameraFile;
use pictures::{FileFile, JpegsFile, PatternFile};
use program::{CommandFile, RpicamFile};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConfigFile {
    pub(super) schema: Option<u32>,
    pub(super) listen: Option<Vec<String>>,
    pub(super) udp_ports: Option<(u16, u16)>,
    pub(super) max_packet: Option<usize>,
    pub(super) state_dir: Option<String>,
    pub(super) control_socket: Option<String>,
    pub(super) dscp: Option<u8>,
    pub(super) pacing: Option<Pacing>,
    /// Seconds. Below 10, players that send keep-alives at a fixed rate (VLC) send them all the time or too late.
    pub(super) session_timeout: Option<u64>,
    /// Threads that readers are spread over.
    pub(super) workers: Option<usize>,
    pub(super) max_connections: Option<usize>,
    pub(super) max_sessions: Option<usize>,
    pub(super) max_per_address: Option<usize>,
    /// Who may watch, and from where.
    pub(super) access: Option<AccessFile>,
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
    Jpegs(JpegsFile),
    Camera(CameraFile),
    Command(CommandFile),
    Rpicam(RpicamFile),
}

/// What becomes of what is written.
trait Written {
    fn into_mount(self) -> Result<Mounted, Error>;
}

impl MountFile {
    pub(super) fn into_mount(self) -> Result<Mounted, Error> {
        match self {
            Self::Pattern(written) => written.into_mount(),
            Self::File(written) => written.into_mount(),
            Self::Jpegs(written) => written.into_mount(),
            Self::Camera(written) => written.into_mount(),
            Self::Command(written) => written.into_mount(),
            Self::Rpicam(written) => written.into_mount(),
        }
    }
}

impl Mounted {
    fn new(
        source: MountSettings,
        label: Option<String>,
        enabled: Option<bool>,
        max_readers: Option<usize>,
        pacing: Option<Pacing>,
    ) -> Self {
        let serving = server::MountSettings { label, max_readers, pacing };
        Self { source, serving, enabled: enabled.unwrap_or(true), networks: Networks::default() }
    }

    /// The same, for clients from these networks.
    fn within(self, allow: Option<Vec<String>>, deny: Option<Vec<String>>) -> Result<Self, Error> {
        let networks = |name, written| {
            super::networks::networks(name, written).map_err(|whys| Error::new(whys.join("; ")))
        };
        let networks = Networks { allow: networks("allow", allow)?, deny: networks("deny", deny)? };
        Ok(Self { networks, ..self })
    }
}

/// A size of what is made here: what is written, or the default where nothing is.
fn size(written: (Option<u32>, Option<u32>), default: (u32, u32)) -> Result<(u32, u32), Error> {
    let missing = match written {
        (Some(width), Some(height)) => return Ok((width, height)),
        (None, None) => return Ok(default),
        (Some(_), None) => "height",
        (None, Some(_)) => "width",
    };
    Err(Error::new(format!("width, height: a size has both, and {missing} is missing")))
}

/// How long a source runs on after its last reader, in seconds: from a reader's SETUP to its PLAY at least.
fn linger(written: Option<f64>, default: Duration) -> Result<Duration, Error> {
    Ok(seconds("linger", written)?.unwrap_or(default))
}

/// A time that may be configured, from a second to a day.
fn seconds(name: &str, written: Option<f64>) -> Result<Option<Duration>, Error> {
    match written {
        None => Ok(None),
        Some(seconds) if (1.0..=86_400.0).contains(&seconds) => Ok(Some(Duration::from_secs_f64(seconds))),
        Some(seconds) => Err(Error::new(format!("{name}: {seconds} is not between 1 and 86400 seconds"))),
    }
}

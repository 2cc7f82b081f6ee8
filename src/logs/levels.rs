//! What is logged: a level for all, and others for rooms.

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{Level, ROOMS};

/// What is logged: `info,server=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    default: Level,
    rooms: Vec<(String, Level)>,
}

/// A text that names no levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It is no level.
    Level(String),
    /// No part of the program is called so.
    Room(String),
}

impl Levels {
    /// The same for all rooms.
    pub fn all(level: Level) -> Self {
        Self { default: level, rooms: Vec::new() }
    }

    /// Another level for one room.
    pub fn with(mut self, room: &str, level: Level) -> Self {
        self.rooms.retain(|(known, _)| known != room);
        self.rooms.push((room.to_owned(), level));
        self
    }

    pub(super) fn targets(&self) -> Targets {
        let filter = |level: Level| match level {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        };
        // What libraries say below their warnings is for those who work on them.
        let others = filter(self.default.min(Level::Warn));
        let rooms =
            self.rooms.iter().map(|(room, level)| (format!("{}::{room}", crate_name()), filter(*level)));
        Targets::new()
            .with_default(others)
            .with_target(crate_name(), filter(self.default))
            .with_targets(rooms)
    }
}

pub(super) fn crate_name() -> &'static str {
    env!("CARGO_CRATE_NAME")
}

impl FromStr for Levels {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        let mut levels = Self::all(Level::Info);
        for part in text.split(',').map(str::trim) {
            let (room, name) =
                part.split_once('=').map_or((None, part), |(room, name)| (Some(room.trim()), name.trim()));
            let level = Level::parse(name).ok_or_else(|| Unknown::Level(name.to_owned()))?;
            match room {
                None => levels.default = level,
                Some(room) if ROOMS.contains(&room) => levels = levels.with(room, level),
                Some(room) => return Err(Unknown::Room(room.to_owned())),
            }
        }
        Ok(levels)
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.default.name())?;
        self.rooms.iter().try_for_each(|(room, level)| write!(f, ",{room}={}", level.name()))
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(name) => write!(
                f,
                "{name:?} is no level: error, warn, info, debug or trace, and for one room `server=debug`"
            ),
            Self::Room(name) => write!(f, "there is no room {name:?}: there are {}", ROOMS.join(", ")),
        }
    }
}

impl std::error::Error for Unknown {}

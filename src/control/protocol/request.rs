//! What can be asked. A field that a verb does not have is refused.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::access::AccessRequest;
use super::config::ConfigRequest;

/// What a client asks for, by who answers it. On the line all are told apart by `do`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Request {
    /// What is to be seen, once or again and again.
    Ask(Ask),
    /// What is to be looked for first.
    Look(Look),
    /// Something is to be done.
    Act(Act),
    /// The configuration.
    Config(ConfigRequest),
    /// Users and bans.
    Access(AccessRequest),
}

/// What can be seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// Everything, once, or every so often until it is cancelled.
    Status {
        /// From one to the next, in milliseconds, at least 100.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every_ms: Option<u32>,
    },
    /// Who watches.
    Sessions {},
    /// What there is to watch.
    Mounts {},
    /// What is wrong.
    Alarms {},
    /// The log: the lines that are kept, and those that come until it is cancelled.
    Log(LogWish),
    /// Ends a request of this connection that is answered again and again.
    Cancel {
        /// That request's `id`.
        of: u64,
    },
}

/// What takes a moment to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Look {
    /// The cameras and encoders of this board, and what each can be used for.
    Probe {},
    /// The controls of a mount's camera: brightness, focus, ...
    Controls {
        /// The mount's name.
        mount: String,
    },
    /// A mount's newest keyframe as a small JPEG.
    Snapshot {
        /// The mount's name.
        mount: String,
        /// Not wider than this, in pixels: 16 to 16384.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_width: Option<u32>,
    },
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// Ends a session.
    Kick {
        /// Its name in the status.
        session: String,
    },
    /// Has a mount make a keyframe as soon as it can.
    Keyframe {
        /// The mount's name.
        mount: String,
    },
    /// Serves a mount again.
    #[serde(rename = "mount enable")]
    MountEnable {
        /// The mount's name.
        mount: String,
    },
    /// Serves a mount no longer, until it is enabled or the daemon starts again; its sessions end.
    #[serde(rename = "mount disable")]
    MountDisable {
        /// The mount's name.
        mount: String,
    },
    /// Has a mount's encoder aim at another bitrate, in the same stream, until the daemon starts again.
    #[serde(rename = "set bitrate")]
    SetBitrate {
        /// The mount's name.
        mount: String,
        /// Bits a second.
        bitrate_bps: u32,
    },
    /// Has a mount's encoder make a keyframe every so many pictures, in the same stream, until the daemon starts again.
    #[serde(rename = "set gop")]
    SetGop {
        /// The mount's name.
        mount: String,
        /// Pictures from one keyframe to the next.
        pictures: u32,
    },
    /// Sets a control of a mount's camera, in the same stream, until the daemon starts again.
    #[serde(rename = "set control")]
    SetControl {
        /// The mount's name.
        mount: String,
        /// The control as `v4l2-ctl -l` names it: `brightness`.
        control: String,
        /// Its new value.
        value: Value,
    },
    /// Sets what is logged: `info,server=debug`.
    #[serde(rename = "log levels")]
    LogLevels {
        /// A level for all, and others for single rooms.
        levels: String,
    },
    /// Reads the configuration file again and does what is different in it.
    Reload {},
    /// Says goodbye to all readers and ends the daemon.
    Shutdown {},
}

/// What a control is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// A number.
    Number(i64),
    /// An entry of a menu, by its name.
    Entry(String),
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Something is broken and stays so.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happened.
    Info,
    /// Requests, replies, reasons.
    Debug,
    /// Everything.
    Trace,
}

/// Which lines of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogWish {
    /// Lines that matter less are left out.
    #[serde(default = "LogWish::everything")]
    pub level: Level,
    /// The rooms (`server`, `source`) whose lines are wanted; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// So many of the lines that are kept come first.
    #[serde(default = "LogWish::page")]
    pub last: u32,
    /// Whether those that come follow.
    #[serde(default)]
    pub follow: bool,
}

impl LogWish {
    fn everything() -> Level {
        Level::Trace
    }

    fn page() -> u32 {
        100
    }
}

impl fmt::Display for Act {
    /// As the command is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kick { session } => write!(f, "kick {session}"),
            Self::Keyframe { mount } => write!(f, "keyframe {mount}"),
            Self::MountEnable { mount } => write!(f, "mount enable {mount}"),
            Self::MountDisable { mount } => write!(f, "mount disable {mount}"),
            Self::SetBitrate { mount, bitrate_bps } => write!(f, "set {mount} bitrate {bitrate_bps}"),
            Self::SetGop { mount, pictures } => write!(f, "set {mount} gop {pictures}"),
            Self::SetControl { mount, control, value } => write!(f, "set {mount} {control} {value}"),
            Self::LogLevels { levels } => write!(f, "log --set {levels}"),
            Self::Reload {} => f.write_str("reload"),
            Self::Shutdown {} => f.write_str("shutdown"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => on.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Entry(name) => write!(f, "{name:?}"),
        }
    }
}

impl Request {
    /// Every verb, as `do` names it, in the order of the documentation.
    pub fn verbs() -> impl Iterator<Item = &'static str> {
        [ASKS, LOOKS, ACTS, ConfigRequest::VERBS, AccessRequest::VERBS].into_iter().flatten().copied()
    }
}

impl From<Ask> for Request {
    fn from(ask: Ask) -> Self {
        Self::Ask(ask)
    }
}

impl From<Look> for Request {
    fn from(look: Look) -> Self {
        Self::Look(look)
    }
}

impl From<Act> for Request {
    fn from(act: Act) -> Self {
        Self::Act(act)
    }
}

impl From<ConfigRequest> for Request {
    fn from(request: ConfigRequest) -> Self {
        Self::Config(request)
    }
}

impl From<AccessRequest> for Request {
    fn from(request: AccessRequest) -> Self {
        Self::Access(request)
    }
}

const ASKS: &[&str] = &["status", "sessions", "mounts", "alarms", "log", "cancel"];
const LOOKS: &[&str] = &["probe", "controls", "snapshot"];
const ACTS: &[&str] = &[
    "kick",
    "keyframe",
    "mount enable",
    "mount disable",
    "set bitrate",
    "set gop",
    "set control",
    "log levels",
    "reload",
    "shutdown",
];

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = serde_json::Map::deserialize(deserializer)?;
        let verb = match fields.get("do") {
            Some(serde_json::Value::String(verb)) => verb.clone(),
            Some(_) => return Err(D::Error::custom("`do` is not a text")),
            None => return Err(D::Error::custom("`do` is missing: the verb")),
        };
        let known = |verbs: &[&str]| verbs.contains(&verb.as_str());
        let fields = serde_json::Value::Object(fields);
        let read = if known(ASKS) {
            Ask::deserialize(fields).map(Self::Ask)
        } else if known(LOOKS) {
            Look::deserialize(fields).map(Self::Look)
        } else if known(ACTS) {
            Act::deserialize(fields).map(Self::Act)
        } else if known(ConfigRequest::VERBS) {
            ConfigRequest::deserialize(fields).map(Self::Config)
        } else if known(AccessRequest::VERBS) {
            AccessRequest::deserialize(fields).map(Self::Access)
        } else {
            let verbs: Vec<&str> = Self::verbs().collect();
            return Err(D::Error::custom(format_args!(
                "no verb is {verb:?}: there are {}",
                verbs.join(", ")
            )));
        };
        read.map_err(|error| D::Error::custom(format_args!("{verb}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_is_told_as_the_command_is_written() {
        let set = |value| Act::SetControl { mount: "cam".into(), control: "brightness".into(), value };
        for (act, told) in [
            (Act::Kick { session: "7".into() }, "kick 7"),
            (Act::MountDisable { mount: "a/b".into() }, "mount disable a/b"),
            (Act::SetBitrate { mount: "cam".into(), bitrate_bps: 500_000 }, "set cam bitrate 500000"),
            (set(Value::Number(-3)), "set cam brightness -3"),
            (set(Value::Switch(true)), "set cam brightness true"),
            (set(Value::Entry("Manual Mode".into())), "set cam brightness \"Manual Mode\""),
            (Act::Reload {}, "reload"),
        ] {
            assert_eq!(act.to_string(), told);
        }
    }
}

//! What is answered.

use serde::{Deserialize, Serialize};

use super::access::{BanEntry, UserEntry};
use super::config::{Checked, ConfigText, Plan, VersionEntry, Written};
use super::request::Level;
use super::status::{Alarm, MountStatus, SessionStatus, Status};

/// The answer to a request, by its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// To `status`.
    Status(Box<Status>),
    /// To `sessions`.
    Sessions(Vec<SessionStatus>),
    /// To `mounts`.
    Mounts(Vec<MountStatus>),
    /// To `alarms`.
    Alarms(Vec<Alarm>),
    /// To `log`: a line, or how many were lost.
    Log(LogEvent),
    /// To `probe`: as `lenslet probe --json` says it.
    Probe(serde_json::Value),
    /// To `controls`.
    Controls(Vec<Control>),
    /// To `snapshot`.
    Snapshot(Snapshot),
    /// It was done.
    Done {
        /// What, in a sentence.
        said: String,
    },
    /// To `config schema`.
    Schema(serde_json::Value),
    /// To `config get` and `config edit`.
    Config(ConfigText),
    /// To `config values`, in the text's order; what something stands in comes before it.
    Values(Vec<Written>),
    /// To `config check`.
    Checked(Checked),
    /// To `config preview`, `set`, `apply` and `rollback`, and to `reload`.
    Plan(Plan),
    /// To `config history`: the newest first.
    History(Vec<VersionEntry>),
    /// To `config diff`: in unified form; empty: they are the same.
    Diff(String),
    /// To `user list`, by name.
    Users(Vec<UserEntry>),
    /// To `ban list`: what ends first is first.
    Bans(Vec<BanEntry>),
    /// What was answered again and again ends.
    End {},
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A word for programs: `no-such-mount`.
    pub what: String,
    /// The reason, in a sentence.
    pub why: String,
    /// What a person does about it, in a sentence.
    pub what_to_do: String,
}

impl Refusal {
    /// From its three parts.
    pub fn new(what: &str, why: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { what: what.to_owned(), why: why.into(), what_to_do: what_to_do.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)?;
        match self.what_to_do.as_str() {
            "" => Ok(()),
            // Below the line of a file that it shows, and the caret under that.
            what_to_do if self.why.contains('\n') => write!(f, "\n{what_to_do}"),
            what_to_do => write!(f, ": {what_to_do}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What comes from the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogEvent {
    /// A line.
    Line(LogLine),
    /// So many lines came faster than they were read, and are not kept.
    Missed(u64),
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When, by RFC 3339 in UTC.
    pub at: String,
    /// How much it matters.
    pub level: Level,
    /// The part of the program that says it: `server`, `source`.
    pub room: String,
    /// What it says, and the values that belong to it; without control characters.
    pub text: String,
}

/// A control of a camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// As `v4l2-ctl -l` names it: `brightness`.
    pub name: String,
    /// What it takes.
    pub kind: ControlKind,
    /// The value that it has; none where it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// The value that it has unless set.
    pub default: i64,
    /// Whether it can be set at all.
    pub read_only: bool,
    /// Whether another control keeps it from having an effect now.
    pub inactive: bool,
}

/// What a control takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlKind {
    /// A number.
    Number {
        /// The least.
        least: i64,
        /// The greatest.
        greatest: i64,
        /// From one to the next.
        step: i64,
    },
    /// On or off.
    Switch,
    /// An entry of a menu: numbers and names.
    Menu(Vec<(u32, String)>),
    /// It is pressed, whatever the value.
    Button,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// How old the picture is, in milliseconds; none where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
    /// The JPEG, in base64.
    pub jpeg: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_stands_behind_the_reason_or_below_what_it_shows() {
        let told = |why: &str, what_to_do: &str| Refusal::new("x", why, what_to_do).to_string();
        assert_eq!(told("there is no x", "see `lenslet status`"), "there is no x: see `lenslet status`");
        assert_eq!(told("there is no x", ""), "there is no x");
        let shown = "1:2: there is no field `x`\n1 | (x: 1)\n  |  ^";
        assert_eq!(told(shown, "nothing was changed"), format!("{shown}\nnothing was changed"));
    }
}

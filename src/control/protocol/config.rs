//! What is said about the configuration.
//!
//! Versions are numbers that only grow: each change of the file, whoever made it, is the next. Who changes it says what was
//! seen (`base`), and is refused where another came between.

use serde::{Deserialize, Serialize};

/// What can be asked of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", deny_unknown_fields)]
pub enum ConfigRequest {
    /// Every field: help, default, range, unit, choices.
    #[serde(rename = "config schema")]
    Schema {},
    /// The file's text, or what stands at one path of it.
    #[serde(rename = "config get")]
    Get {
        /// `mounts["cam"].fps`; none: all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// Writes one value into the file and does what is different.
    #[serde(rename = "config set")]
    Set {
        /// `mounts["cam"].fps`.
        path: String,
        /// As it is written in the file: `30`, `"door"`, `Camera(device: "...")`.
        value: String,
        /// What was seen; none: whatever it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<Base>,
    },
    /// Makes a text of another by edits that leave everything else as it is. Nothing is written.
    #[serde(rename = "config edit")]
    Edit {
        /// The text; none: the file's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// One after the other.
        edits: Vec<Edit>,
    },
    /// Everything that is written in a text, each with the way to it: for whoever draws a form of it.
    #[serde(rename = "config values")]
    Values {
        /// The text; none: the file's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Says what is wrong with a text.
    #[serde(rename = "config check")]
    Check {
        /// The text; none: the file's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Says what would happen if a text were applied, or a version gone back to. Nothing is written.
    #[serde(rename = "config preview")]
    Preview {
        /// The text; none: the file's, as it is now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The version that is gone back to, instead of a text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
    },
    /// Writes a text into the file and does what is different in it.
    #[serde(rename = "config apply")]
    Apply {
        /// The text.
        text: String,
        /// What it was made of.
        base: Base,
    },
    /// The versions that are kept.
    #[serde(rename = "config history")]
    History {},
    /// What is different between versions, or from one to the file.
    #[serde(rename = "config diff")]
    Diff {
        /// From this version; none: the newest, which is the one that is served.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
        /// To this one; none: what the file says now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
    },
    /// Writes a version that is kept into the file again, as the newest, and does what is different in it.
    #[serde(rename = "config rollback")]
    Rollback {
        /// That version.
        to: u64,
        /// What was seen; none: whatever it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<Base>,
    },
}

impl ConfigRequest {
    pub(super) const VERBS: &[&str] = &[
        "config schema",
        "config get",
        "config set",
        "config edit",
        "config values",
        "config check",
        "config preview",
        "config apply",
        "config history",
        "config diff",
        "config rollback",
    ];
}

/// What the file has to say still, for a change of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Base {
    /// What this version says, which is the newest.
    Version(u64),
    /// What has this `hash`: also where no versions are kept, and where it is no configuration.
    Hash(String),
}

/// A change of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Edit {
    /// Another value for what is there, or for a field that is not written yet.
    Set {
        /// Where.
        path: String,
        /// As it is written.
        value: String,
    },
    /// Something that is not there yet: a mount.
    Insert {
        /// Where.
        path: String,
        /// As it is written.
        value: String,
    },
    /// What is there goes.
    Remove {
        /// Where.
        path: String,
    },
    /// A mount or alias is called otherwise.
    Rename {
        /// Where.
        path: String,
        /// The new name.
        to: String,
    },
}

/// A configuration's text, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigText {
    /// Its version; none for a text that is in no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// As it is written.
    pub text: String,
    /// What the whole file is known by, for `base`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Whether this value is the default because nothing is written there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
}

/// Something that is written in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The way to it: `mounts["cam"]`, `mounts["cam"].fps`.
    pub path: String,
    /// As it is written: `25`, `Camera(device: "/dev/video0", fps: 25)`.
    pub value: String,
    /// The name in front of its parentheses, where there is one: `Camera`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// What is wrong with a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// What makes it no configuration; none: it is one.
    pub errors: Vec<Problem>,
    /// What cannot be served, now or as it is written, and what is served otherwise than it is written: in sentences.
    pub warnings: Vec<String>,
}

/// A mistake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The line, from 1; none where it is of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, from 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// `mounts["cam"].fps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is wrong, what was expected, and the nearest known name: as `lenslet check` says it, with the line and a
    /// caret under the place.
    pub said: String,
}

/// What a text would change, or has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The version that it has become; none: nothing was written, or it could not be kept (`unkept`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Why what was written is no version, or what the file said before is none, in a sentence; none: that is not so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unkept: Option<String>,
    /// The two texts' difference, in unified form; empty: they are the same.
    pub diff: String,
    /// What becomes of each mount.
    pub mounts: Vec<MountChange>,
    /// What of the server itself changes at once, by its path.
    pub changed: Vec<String>,
    /// What changes only when the daemon starts again, by its path.
    pub after_restart: Vec<String>,
}

/// What becomes of a mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountChange {
    /// Its name.
    pub mount: String,
    /// What.
    pub change: Change,
    /// Why, in words: the fields that differ, or what refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The sessions that this interrupts, by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interrupts: Vec<String>,
}

/// What can become of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Nothing: its readers miss nothing.
    Kept,
    /// Something changes while it runs: its readers miss nothing.
    Changed,
    /// Its source starts anew: its readers see a gap.
    Restarted,
    /// It comes.
    Added,
    /// It goes: its sessions end.
    Removed,
    /// It could not be done, and is as it was.
    Refused,
}

/// A version that is kept. Of one with a trouble the rest may not be known, and is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionEntry {
    /// Its number.
    pub version: u64,
    /// When it was written, by RFC 3339 in UTC.
    pub at: String,
    /// Who wrote it.
    pub author: String,
    /// Bytes of its text.
    pub bytes: u64,
    /// Why it cannot be gone back to: "is damaged: ..."; none: it is as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

//! What a backup is on a disk: JSON that a person can read, with a checksum.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::wiped::{Text, whole};

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;
/// Bytes of the largest that is read: fifty versions of a large configuration are less than a tenth of it.
pub const LARGEST: u64 = 16 << 20;

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    lenslet_backup: u32,
    /// When it was made, by RFC 3339 in UTC.
    pub made: String,
    /// The program that made it: `lenslet 0.1.0`.
    pub program: String,
    /// The host's name.
    pub host: String,
    /// SHA-256 of the contents.
    checksum: String,
    /// What it holds.
    pub contents: Contents,
}

/// What a backup holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// The configuration's text; none where there was no file.
    pub config: Option<String>,
    /// What in it belongs to the board: device names by their path.
    pub devices: BTreeMap<String, String>,
    /// The versions that were kept, the oldest first.
    pub history: Vec<Kept>,
    /// Files of the rooms that own state, by name.
    pub sections: BTreeMap<String, Text>,
}

/// A version of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Its number.
    pub version: u64,
    /// When it was saved, by RFC 3339 in UTC.
    pub at: String,
    /// Who saved it.
    pub author: String,
    /// Its text.
    pub text: String,
}

/// Why a file is no backup that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is something else.
    Other(String),
    /// It ends too early.
    Cut,
    /// The checksum says so.
    Changed,
    /// A later version made it.
    Future {
        /// Its format.
        format: u32,
        /// The program that made it, as far as it can be read.
        program: String,
    },
    /// It is larger than any backup.
    Large,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(why) => write!(f, "this is no backup of Lenslet ({why})"),
            Self::Cut => f.write_str("it ends too early: it was not copied whole; take another copy"),
            Self::Changed => f.write_str(
                "its checksum does not fit: it was changed or damaged after it was made; take another copy",
            ),
            Self::Future { format, program } => write!(
                f,
                "it is of format {format}, and this program knows format {FORMAT}: install what made it ({program}) or later"
            ),
            Self::Large => write!(f, "it is larger than {} MB: this is no backup of Lenslet", LARGEST >> 20),
        }
    }
}

impl std::error::Error for Error {}

/// What every format has.
#[derive(Deserialize)]
struct Beginning {
    lenslet_backup: u32,
    #[serde(default)]
    program: String,
}

impl Backup {
    /// One of these contents.
    pub fn new(contents: Contents, made: String, host: String) -> Self {
        let program = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { lenslet_backup: FORMAT, made, program, host, checksum: contents.checksum(), contents }
    }

    /// As it is written.
    pub fn text(&self) -> Zeroizing<String> {
        let mut bytes = whole(|out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n").map_err(serde_json::Error::io)
        });
        Zeroizing::new(String::from_utf8(std::mem::take(&mut bytes)).unwrap_or_default())
    }

    /// What [`Backup::text`] wrote.
    ///
    /// # Errors
    /// It is none, cut, changed, of a later version, or too large.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() as u64 > LARGEST {
            return Err(Error::Large);
        }
        let wrong = |error: serde_json::Error| match error.classify() {
            serde_json::error::Category::Eof if !bytes.trim_ascii().is_empty() => Error::Cut,
            _ => Error::Other(error.to_string()),
        };
        let Beginning { lenslet_backup: format, program } = serde_json::from_slice(bytes).map_err(wrong)?;
        if format > FORMAT {
            let program = program.chars().filter(|character| !character.is_control()).take(60).collect();
            return Err(Error::Future { format, program });
        }
        let backup: Self = serde_json::from_slice(bytes).map_err(wrong)?;
        if backup.checksum == backup.contents.checksum() { Ok(backup) } else { Err(Error::Changed) }
    }
}

impl Contents {
    /// Of what is said, not of how it is laid out: an editor that breaks lines otherwise changes nothing.
    fn checksum(&self) -> String {
        let written = whole(|out| serde_json::to_writer(out, self));
        Sha256::digest(&*written).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> Backup {
        let kept = Kept { version: 3, at: "then".into(), author: "me".into(), text: "()\n".into() };
        let contents = Contents {
            config: Some("(workers: 1) // \u{1f600}\n".into()),
            devices: BTreeMap::from([("mounts[\"a\"].device".into(), "/dev/video0".into())]),
            history: vec![kept],
            sections: BTreeMap::from([("bans".into(), "x".to_owned().into())]),
        };
        Backup::new(contents, "2026-11-26T03:00:00Z".into(), "porch".into())
    }

    #[test]
    fn it_reads_as_it_was_written() {
        let text = backup().text();
        assert_eq!(Backup::parse(text.as_bytes()), Ok(backup()));
        // JSON means the same on one line.
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(Backup::parse(value.to_string().as_bytes()), Ok(backup()));
    }

    #[test]
    fn cut_anywhere_it_is_none() {
        let text = backup().text();
        for length in 1..text.len() - 2 {
            let error = Backup::parse(&text.as_bytes()[..length]).unwrap_err();
            assert!(matches!(error, Error::Cut | Error::Other(_)), "{length}: {error}");
        }
        assert!(matches!(Backup::parse(b""), Err(Error::Other(_))));
    }

    #[test]
    fn edited_from_the_future_or_something_else_it_is_refused_in_a_sentence() {
        let text = backup().text();
        for (from, to, sentence) in [
            ("workers: 1", "workers: 2", "its checksum does not fit"),
            ("\"version\": 3", "\"version\": 4", "its checksum does not fit"),
            ("\"lenslet_backup\": 1", "\"lenslet_backup\": 2", "format 2, and this program knows format 1"),
            ("\"history\"", "\"herstory\"", "no backup of Lenslet (unknown field `herstory`"),
            (
                "\"lenslet_backup\"",
                "\"other_backup\"",
                "no backup of Lenslet (missing field `lenslet_backup`",
            ),
        ] {
            assert!(text.contains(from), "{from}");
            let error = Backup::parse(text.replace(from, to).as_bytes()).unwrap_err().to_string();
            assert!(error.contains(sentence), "{to}: {error}");
        }
        let error = Backup::parse(b"\x7fELF").unwrap_err().to_string();
        assert!(error.contains("no backup of Lenslet"), "{error}");
        let zeros = vec![b' '; LARGEST as usize + 1];
        assert_eq!(Backup::parse(&zeros), Err(Error::Large));
    }
}

//! Why nothing was saved, or loaded.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::Damage;
use crate::config;

/// Why nothing was saved, or loaded.
#[derive(Debug)]
pub enum Error {
    /// The text is no configuration.
    Invalid(config::Error),
    /// The file is not what it was when it was read.
    Changed {
        /// The version that it has become, if that could be kept.
        newest: Option<u64>,
    },
    /// There is no such version.
    NoVersion(u64),
    /// That version is not as it was written.
    Damaged(u64, Damage),
    /// The system refused.
    System {
        /// What was being done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Error {
    /// A line for each mistake, without what stands in the file: for logs.
    pub fn lines(&self) -> String {
        match self {
            Self::Invalid(error) => error.lines(),
            other => other.to_string(),
        }
    }

    pub(crate) fn system(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::System { what, path: path.to_owned(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::Changed { newest: Some(newest) } => {
                write!(
                    f,
                    "the file was changed meanwhile: it is version {newest} now; look at it and try again"
                )
            }
            Self::Changed { newest: None } => {
                f.write_str("the file was changed meanwhile; look at it and try again")
            }
            Self::NoVersion(number) => {
                write!(f, "there is no version {number}: `lenslet config history` lists them")
            }
            Self::Damaged(number, damage) => {
                write!(f, "version {number} {damage}: `lenslet config history` lists those that are right")
            }
            Self::System { what, path, source } => {
                write!(f, "cannot {what} {}: {source}{}", path.display(), what_to_do(source))
            }
        }
    }
}

impl std::error::Error for Error {}

fn what_to_do(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "; the configuration is on a read-only file system: remount it (mount -o remount,rw /) to change it"
        }
        io::ErrorKind::PermissionDenied => "; who runs this may not do that: try it with sudo",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room there first",
        _ => "",
    }
}

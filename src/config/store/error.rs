//! Why nothing was saved, or loaded.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Damage, author};
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
    /// It is written, and is no version, for this reason.
    NotKept(Box<Error>),
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

    /// As a daemon says it: who hears that may be another user, root for instance, and be no more let in by sudo.
    pub fn of_daemon(&self) -> String {
        match self {
            Self::System { what, path, source } => {
                format!("cannot {what} {}: {source}{}", path.display(), what_to_do(path, source, By::Daemon))
            }
            Self::NotKept(why) => format!("{NOT_KEPT}: {}", why.of_daemon()),
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
            Self::NotKept(why) => write!(f, "{NOT_KEPT}: {why}"),
            Self::System { what, path, source } => {
                write!(
                    f,
                    "cannot {what} {}: {source}{}",
                    path.display(),
                    what_to_do(path, source, By::Somebody)
                )
            }
        }
    }
}

impl std::error::Error for Error {}

const NOT_KEPT: &str = "the file is written, and is no version that can be gone back to";

/// Who was refused something.
#[derive(Clone, Copy)]
enum By {
    /// Who typed a command.
    Somebody,
    /// A daemon, of whom somebody wants something.
    Daemon,
}

fn what_to_do(path: &Path, error: &io::Error, by: By) -> String {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "; that is on a read-only file system: remount it (mount -o remount,rw /) to change it".to_owned()
        }
        io::ErrorKind::PermissionDenied => denied(path, by),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room there first".to_owned(),
        _ => String::new(),
    }
}

/// What to do where a daemon is not let in.
pub(crate) fn denied_to_daemon(path: &Path) -> String {
    denied(path, By::Daemon)
}

fn denied(path: &Path, by: By) -> String {
    let user = nix::unistd::geteuid();
    let me = author(user.as_raw());
    // What is not there yet would be in the folder around it.
    let there = path.ancestors().find_map(|path| path.metadata().ok().map(|meta| (path, meta.uid())));
    match (there, by) {
        _ if user.is_root() => "; not even root may do that there".to_owned(),
        (Some((there, owner)), By::Daemon) if owner != user.as_raw() => {
            let (owner, all) = (author(owner), if there.is_dir() { "-R " } else { "" });
            format!(
                "; it belongs to {owner}, and Lenslet runs as {me}: sudo chown {all}{me} {}",
                there.display()
            )
        }
        (_, By::Daemon) => {
            format!("; Lenslet runs as {me}, who may not do that: ls -ld {} says who may", path.display())
        }
        (_, By::Somebody) => format!("; {me} may not do that: try it with sudo"),
    }
}

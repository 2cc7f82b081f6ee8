//! Where a command does its work: at the daemon that serves a file, or, where none does, in the file.

use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};

use super::DaemonArgument;
use crate::cli::config_argument::ConfigArgument;
use crate::config::Places;
use crate::control::client::{Blocking, Error};
use crate::control::protocol::{Ask, Reply};

/// The daemon that serves the file, or, where nobody does, the file.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PlaceArguments {
    #[command(flatten)]
    daemon: DaemonArgument,
    #[command(flatten)]
    file: ConfigArgument,
}

impl PlaceArguments {
    /// The daemon; none where nobody answers that was not named.
    ///
    /// # Errors
    /// Nobody listens at the socket that was named, it cannot be asked, or it serves another file than was named.
    pub(in crate::cli) fn daemon(&self) -> Result<Option<Blocking>, Box<dyn StdError>> {
        let mut daemon = match self.connect() {
            Err(Error::Absent(_)) if self.daemon.control.is_none() => return Ok(None),
            connected => connected?,
        };
        if let Some(file) = self.file.said() {
            serves(&mut daemon, file)?;
        }
        Ok(Some(daemon))
    }

    /// The configuration's file.
    pub(in crate::cli) fn file(&self) -> &ConfigArgument {
        &self.file
    }

    /// Where the file that is named says, and only there; else where daemons are.
    fn connect(&self) -> Result<Blocking, Error> {
        let written = self.file.said().and_then(|file| Places::of_file(file).control_socket);
        match written {
            Some(path) if self.daemon.control.is_none() => Blocking::connect(&path),
            _ => self.daemon.connect(),
        }
    }
}

/// That it is this file that the daemon serves: another's is not changed in its stead, and neither is what both may keep
/// in one folder.
fn serves(daemon: &mut Blocking, file: &Path) -> Result<(), Box<dyn StdError>> {
    let Reply::Status(status) = daemon.ask(Ask::Status { every_ms: None })? else {
        return Err("the daemon answers something else".into());
    };
    let served = status.config.path.map(PathBuf::from);
    if served.as_deref().is_some_and(|served| real(served) == real(file)) {
        return Ok(());
    }
    let socket = daemon.path().unwrap_or_default();
    let served = served.map_or_else(|| "no file".to_owned(), |served| served.display().to_string());
    let (socket, file) = (socket.display(), file.display());
    Err(format!(
        "the daemon at {socket} serves {served}, not {file}: leave --config out to mean what it serves, or, to mean \
         the other file, stop it or write a `control_socket` of its own into that file"
    )
    .into())
}

/// The file that a path leads to, as far as this user may see that.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

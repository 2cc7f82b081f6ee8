//! Where a command does its work: at the daemon that serves a file, or, where none does, in the file.

use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};

use super::DaemonArgument;
use crate::cli::config_argument::ConfigArgument;
use crate::config::Places;
use crate::config::store::Paths;
use crate::control::client::{Blocking, Error};
use crate::control::protocol::{Ask, ConfigState, Reply, Status};

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

    /// The file that is served and the folder of what is kept, of the daemon that runs; where none does, those that are meant.
    ///
    /// # Errors
    /// As [`PlaceArguments::daemon`]; it serves no file, or runs on another machine.
    pub(in crate::cli) fn paths(&self) -> Result<Paths, Box<dyn StdError>> {
        let Some(mut daemon) = self.daemon()? else { return Ok(self.file.paths()) };
        let status = status(&mut daemon)?;
        is_here(&status)?;
        match status.config {
            ConfigState { path: Some(path), state_dir: Some(state), .. } => {
                Ok(Paths { config: path.into(), state: state.into() })
            }
            ConfigState { path: Some(path), .. } => {
                Ok(Paths { config: path.into(), state: self.file.paths().state })
            }
            ConfigState { path: None, .. } => {
                let socket = daemon.path().unwrap_or_default();
                Err(format!("the daemon at {} serves no file", socket.display()).into())
            }
        }
    }

    /// That no daemon runs that reads another file than this command means.
    ///
    /// # Errors
    /// One does; and as [`PlaceArguments::daemon`].
    pub(in crate::cli) fn is_read(&self) -> Result<(), Box<dyn StdError>> {
        let Some(mut daemon) = self.daemon()? else { return Ok(()) };
        if self.file.is_said() {
            return Ok(());
        }
        let (meant, served) = (self.file.paths().config, status(&mut daemon)?.config.path);
        if served.as_deref().is_none_or(|served| real(Path::new(served)) == real(&meant)) {
            return Ok(());
        }
        let socket = daemon.path().unwrap_or_default();
        let (socket, served, meant) = (socket.display(), served.unwrap_or_default(), meant.display());
        Err(format!(
            "the daemon at {socket} serves {served}, not {meant}: say which of them is meant by --config, or stop the daemon"
        )
        .into())
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

/// What a daemon says of all.
pub(in crate::cli) fn status(daemon: &mut Blocking) -> Result<Status, Box<dyn StdError>> {
    match daemon.ask(Ask::Status { every_ms: None })? {
        Reply::Status(status) => Ok(*status),
        _ => Err("the daemon answers something else".into()),
    }
}

/// That it runs on this machine, and not at the other end of a tunnel.
///
/// # Errors
/// It does not.
pub(in crate::cli) fn is_here(status: &Status) -> Result<(), String> {
    let here = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match status.board.hostname.as_deref() {
        Some(there) if !here.trim().is_empty() && there != here.trim() => {
            Err(format!("that daemon runs on {there}, and this is {}: ask there", here.trim()))
        }
        _ => Ok(()),
    }
}

/// That it is this file that the daemon serves: another's is not changed in its stead, and neither is what both may keep
/// in one folder.
fn serves(daemon: &mut Blocking, file: &Path) -> Result<(), Box<dyn StdError>> {
    let served = status(daemon)?.config.path.map(PathBuf::from);
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

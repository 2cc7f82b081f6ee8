//! The control socket: how a terminal, a script or `lenslet status` talks to the daemon that runs.
//!
//! [`protocol`] is what is said, one JSON value a line; [`Steward`] is who answers it, which the daemon is; the rest
//! carries the one to the other. `docs/control.md` is for those who write clients.

pub mod client;
pub mod protocol;
pub mod server;
mod steward;

use std::path::{Path, PathBuf};

pub use steward::{Answer, Boxed, Caller, LogStream, Steward};

/// Where a daemon listens unless it is told: for its user (`XDG_RUNTIME_DIR`) where it was started by one, else for the system.
pub fn usual_path(runtime_dir: Option<&Path>) -> PathBuf {
    let own = runtime_dir.filter(|folder| folder.is_absolute());
    own.map_or_else(|| Path::new("/run").to_owned(), Path::to_owned).join("lenslet/control.sock")
}

//! The control socket: how a terminal, a script or `lenslet status` talks to the daemon that runs.
//!
//! [`protocol`] is what is said, one JSON value a line; [`Steward`] is who answers it, which the daemon is; the rest
//! carries the one to the other. `docs/control.md` is for those who write clients.

pub mod client;
pub mod protocol;
pub mod server;
mod steward;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub use steward::{Answer, Boxed, Caller, LogStream, Steward};

/// Where daemons have their sockets unless they are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usual {
    own: Option<PathBuf>,
    system: PathBuf,
}

impl Usual {
    /// As this process' environment says.
    pub fn read() -> Self {
        let said = |name: &str| std::env::var_os(name);
        Self::of(said("XDG_RUNTIME_DIR").as_deref(), said("RUNTIME_DIRECTORY").as_deref())
    }

    /// Of a user's folder (`XDG_RUNTIME_DIR`), and those of a service (`RUNTIME_DIRECTORY`, with colons between). Another
    /// program's service has none that is called `lenslet`, and asks the system's daemon.
    pub fn of(user: Option<&OsStr>, service: Option<&OsStr>) -> Self {
        let folders = service.map(std::env::split_paths).into_iter().flatten();
        let folder = folders.into_iter().find(|folder| folder.is_absolute() && folder.ends_with("lenslet"));
        let own = user.map(Path::new).filter(|folder| folder.is_absolute());
        Self {
            own: own.map(|folder| folder.join("lenslet/control.sock")),
            system: folder.unwrap_or_else(|| "/run/lenslet".into()).join("control.sock"),
        }
    }

    /// Where a daemon listens: for its user where it was started by one, else for the system.
    pub fn path(self) -> PathBuf {
        self.own.unwrap_or(self.system)
    }

    /// Where it is looked for: this user's, for who started one of his own means that, then the system's.
    pub fn paths(self) -> Vec<PathBuf> {
        self.own.into_iter().chain([self.system]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_own_daemon_is_looked_for_before_the_systems() {
        let usual = |user: Option<&str>, service: Option<&str>| {
            Usual::of(user.map(OsStr::new), service.map(OsStr::new))
        };
        let system = "/run/lenslet/control.sock";
        for (user, service, expected) in [
            (None, None, &[system][..]),
            (Some("relative"), Some("relative/lenslet"), &[system]),
            (Some("/run/user/7"), None, &["/run/user/7/lenslet/control.sock", system]),
            (None, Some("/run/lenslet"), &[system]),
            (None, Some("/run/more:/run/second/lenslet"), &["/run/second/lenslet/control.sock"]),
            (None, Some("/run/watchers"), &[system]),
        ] {
            let usual = usual(user, service);
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(usual.clone().paths(), expected);
            assert_eq!(usual.path(), expected[0]);
        }
    }
}

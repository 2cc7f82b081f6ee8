//! Which configuration a command means.

use std::path::{Path, PathBuf};

use crate::config::store::{Environment, Paths, Store};
use crate::config::{Config, Places};

#[derive(Debug, Default, clap::Args)]
pub(super) struct ConfigArgument {
    /// The configuration file (RON); if not said, the one in the usual place, where there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArgument {
    /// Whether a file is named.
    pub(super) fn is_said(&self) -> bool {
        self.config.is_some()
    }

    /// The file that is named.
    pub(super) fn said(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The file that is meant, and its versions.
    pub(super) fn store(&self) -> Store {
        let paths = self.paths();
        Store::new(paths.config, &paths.state)
    }

    /// The file that is meant, and the folder of what is kept across starts: where the file says, else the usual one.
    pub(super) fn paths(&self) -> Paths {
        let usual = Paths::of(&Environment::read());
        let config = self.config.clone().unwrap_or(usual.config);
        let state = Places::of_file(&config).state_dir.unwrap_or(usual.state);
        Paths { config, state }
    }

    /// The folder of what is kept across starts.
    pub(super) fn state(&self) -> PathBuf {
        self.paths().state
    }

    /// What the file says; without one, as it is where there is none.
    pub(super) fn load(&self) -> Result<Config, crate::config::Error> {
        let store = self.store();
        if self.config.is_none() && !store.path().exists() {
            return Ok(Config::default());
        }
        Config::load(store.path())
    }
}

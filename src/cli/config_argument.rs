//! Which configuration a command means.

use std::path::{Path, PathBuf};

use crate::config::store::{Environment, Paths, Store, noted_state};
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

    /// The file that is meant, and the folder of what is kept across starts: where the file says, or said before it was damaged,
    /// else the usual one.
    pub(super) fn paths(&self) -> Paths {
        let Paths { config, state: usual } = self.usual();
        let text = String::from_utf8_lossy(&crate::config::read(&config).unwrap_or_default()).into_owned();
        let noted = || noted_state(&config, &usual).filter(|_| !Places::are_said(&text));
        let state = Places::of_text(&text).state_dir.or_else(noted).unwrap_or(usual);
        Paths { config, state }
    }

    /// The same once the file says this.
    pub(super) fn paths_once_it_says(&self, text: &str) -> Paths {
        let Paths { config, state } = self.usual();
        Paths { config, state: Places::of_text(text).state_dir.unwrap_or(state) }
    }

    fn usual(&self) -> Paths {
        let Paths { config, state } = Paths::of(&Environment::read());
        Paths { config: self.config.clone().unwrap_or(config), state }
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

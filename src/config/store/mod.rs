//! The configuration's file: never lost, whatever happens while it is written, and each version of it kept.
//!
//! | what happens | what is true afterwards |
//! |---|---|
//! | a save ends | the file is the new text, and the newest version is it |
//! | the file says that already | nothing is written |
//! | it is killed anywhere | the file is the old text or the new one, whole; what is not among the versions yet becomes one at the next look |
//! | the file changed since it was read | nothing is written; the change has become a version |
//! | the file is damaged from outside, or gone | the newest version that is right is taken, and a damaged text is kept at the next save |
//! | nothing can be written | the reason is told, and what is served is served on |
//! | only the version cannot be written | it is served, the reason is told, and it is tried again |

mod author;
mod difference;
mod error;
mod history;
mod notes;
mod owner;
mod paths;
mod replace;
mod saving;
mod unkept;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub use author::author;
pub use difference::difference;
pub use error::Error;
pub(crate) use error::denied_to_daemon;
pub use history::{Damage, Version};
pub use notes::{note_state, noted_state};
pub use paths::{Environment, Paths};
pub use replace::{replace, replace_for, replace_secret_for};
pub use saving::{Seen, Written, hash};

use super::Config;
use history::History;
use notes::folder_name;

/// Who is written to have changed a file that was changed by another program.
const BY_HAND: &str = "by hand";

/// A configuration's file and its versions.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
    /// Where the daemon keeps what it keeps across starts.
    state: PathBuf,
    history: History,
    /// What could not be kept last: of all who have this store.
    unkept: Arc<Mutex<Option<unkept::Unkept>>>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is true.
    pub config: Config,
    /// Its text; empty where there is no file.
    pub text: String,
    /// The bytes that the file held, for [`Store::save`]; none where there is no file.
    pub found: Option<Vec<u8>>,
    /// Where the text comes from.
    pub from: From,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// The file.
    File,
    /// There is no file: what is true without one.
    Nothing,
    /// A version that was kept: the file is damaged, for this reason.
    LastGood {
        /// The version's number.
        version: u64,
        /// What is wrong with the file: a line for each mistake.
        why: String,
    },
}

impl Loaded {
    /// What is true without a file.
    pub fn nothing() -> Self {
        Self { config: Config::default(), text: String::new(), found: None, from: From::Nothing }
    }
}

impl Store {
    /// The file at `path`, whose versions are kept under `state`.
    pub fn new(path: impl Into<PathBuf>, state: &Path) -> Self {
        let path = path.into();
        // Each file has its own, whoever else is served by this user.
        let whole = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        let history = History::new(state.join("history").join(folder_name(&whole)));
        Self { path, state: state.to_owned(), history, unkept: Arc::default() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; where it is damaged, the newest version that is right.
    ///
    /// # Errors
    /// The file is damaged and no version is right, or it cannot be read.
    pub fn load(&self) -> Result<Loaded, Error> {
        let loaded = match self.translated() {
            Some(loaded) => loaded,
            None => self.look()?,
        };
        match &loaded.from {
            From::File => self.remember(&loaded.text),
            From::Nothing => {}
            From::LastGood { version, why } => {
                why.lines().for_each(|why| tracing::error!("{why}"));
                tracing::error!(version, "the last right version of the configuration is taken");
            }
        }
        Ok(loaded)
    }

    /// The same, and nothing is kept or told.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn look(&self) -> Result<Loaded, Error> {
        let bytes = match self.read() {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                let gone = format!("{}: the file is gone", self.path.display());
                return Ok(self.last_good(None, gone).unwrap_or_else(Loaded::nothing));
            }
            Err(error) => return self.last_good(None, error.to_string()).ok_or(error),
        };
        match self.parse(&bytes) {
            Ok((text, config)) => Ok(Loaded { config, text, found: Some(bytes), from: From::File }),
            Err(error) => self.last_good(Some(bytes), error.lines()).ok_or(Error::Invalid(error)),
        }
    }

    /// A file that was written for an earlier version of the settings, made one for this. Where it cannot be written, it
    /// is served all the same.
    fn translated(&self) -> Option<Loaded> {
        let bytes = self.read().ok()??;
        let old = std::str::from_utf8(&bytes).ok()?;
        if Config::parse(old).is_ok() {
            return None;
        }
        // What says nothing and was never served is no earlier version's, but somebody's who has just written it: he is told
        // what is wrong with it.
        if !super::migration::is_said(old) && !self.history.has(old) {
            return None;
        }
        let super::Translated { text, aside } = super::migrate(old)?
            .inspect_err(|why| tracing::error!("{}: it is not translated: {why}", self.path.display()))
            .ok()?;
        let wrong = |error: &super::Error| {
            let path = self.path.display();
            error
                .lines()
                .lines()
                .for_each(|why| tracing::error!("{path}: not translated for this version: {why}"));
        };
        let config = Config::parse(&text).inspect_err(wrong).ok()?;
        for section in aside {
            let path = self.path.display();
            tracing::warn!(
                "{path}: this version has no section {section}: it is kept as a comment, and does nothing"
            );
        }
        let now = crate::clock::wall();
        let saved = self.history.lock().and_then(|locked| {
            let newest = self.history.newest();
            if !newest.is_some_and(|newest| self.is(&newest, old.as_bytes())) {
                self.history.add(old, BY_HAND, now)?;
            }
            drop(locked);
            self.save(&text, "translated for this version", Some(&bytes), now)
        });
        match saved {
            Ok(version) => {
                tracing::warn!(version, "{}: it was written for an earlier version", self.path.display());
            }
            Err(error @ Error::NotKept(_)) => {
                tracing::error!("{}: it was written for an earlier version: {error}", self.path.display())
            }
            Err(error) => tracing::error!("the translated configuration is served, and not written: {error}"),
        }
        Some(Loaded { config, text, found: self.read().ok()?, from: From::File })
    }

    /// The newest version that is right, for a file that is not.
    fn last_good(&self, found: Option<Vec<u8>>, why: String) -> Option<Loaded> {
        let right = |version: Version| {
            let text = self.history.text(version.number).ok()?;
            let config = Config::parse(&text).ok()?;
            Some((version.number, text, config))
        };
        let (version, text, config) = self.history.list().ok()?.into_iter().rev().find_map(right)?;
        Some(Loaded { config, text, found, from: From::LastGood { version, why } })
    }

    /// Whether this process may put another file in the file's place.
    ///
    /// # Errors
    /// Why it may not: a root that is read-only, a folder of somebody else's.
    pub fn may_save(&self) -> Result<(), Error> {
        let file = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = owner::folder_of(&file);
        let writable = |folder: &Path| {
            nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK)
                .map_err(|error| Error::system("write", folder, error.into()))
        };
        // What is replaced has to become a version first.
        let versions = self.history.folder().ancestors().find(|folder| folder.exists());
        versions.map_or(Ok(()), &writable)?;
        writable(&folder)
    }

    /// The versions that are kept, the oldest first, those that are damaged too.
    ///
    /// # Errors
    /// Their folder cannot be read.
    pub fn history(&self) -> Result<Vec<Version>, Error> {
        self.history.list()
    }

    /// Keeps versions of another card's as they were, with their numbers; where others are kept already, nothing is done.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn adopt(&self, versions: &[(Version, String)]) -> Result<bool, Error> {
        let _one_at_a_time = self.history.lock()?;
        // Who was interrupted in the middle of this goes on with it.
        let is_theirs = |number: u64| {
            let kept = self.history.text(number).ok();
            versions.iter().any(|(version, text)| version.number == number && kept.as_ref() == Some(text))
        };
        let mut right = self.history.list()?.into_iter().filter(|version| version.damage.is_none());
        if !right.all(|version| is_theirs(version.number)) {
            return Ok(false);
        }
        versions.iter().try_for_each(|(version, text)| self.history.put(version, text))?;
        Ok(true)
    }

    /// The newest version's number.
    pub fn newest(&self) -> Option<u64> {
        self.history.newest().map(|version| version.number)
    }

    /// A version's text.
    ///
    /// # Errors
    /// There is none of that number, or it is damaged.
    pub fn text(&self, number: u64) -> Result<String, Error> {
        self.history.text(number)
    }

    /// A version's text, translated where it was written for an earlier version of the settings.
    ///
    /// # Errors
    /// As [`Store::text`].
    pub fn text_for_now(&self, number: u64) -> Result<String, Error> {
        let text = self.text(number)?;
        let translated = super::migrate(&text).and_then(Result::ok);
        Ok(translated.filter(|_| Config::parse(&text).is_err()).map_or(text, |now| now.text))
    }

    /// The file's bytes, whatever they are; none where there is no file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn found(&self) -> Result<Option<Vec<u8>>, Error> {
        self.read()
    }

    /// The file's text, whether it is right or not; none where there is no file.
    ///
    /// # Errors
    /// It cannot be read, or is no text.
    pub fn written(&self) -> Result<Option<String>, Error> {
        let text = |bytes: Vec<u8>| match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(Error::Invalid(super::Error::not_text(&self.path, &bytes, &error))),
        };
        self.read()?.map(text).transpose()
    }

    fn parse(&self, bytes: &[u8]) -> Result<(String, Config), super::Error> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| super::Error::not_text(&self.path, bytes, &error))?;
        let config = Config::parse(text).map_err(|error| error.in_file(&self.path))?;
        Ok((text.to_owned(), config))
    }

    fn read(&self) -> Result<Option<Vec<u8>>, Error> {
        match super::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::system("read", &self.path, error)),
        }
    }
}

#[cfg(test)]
mod tests;

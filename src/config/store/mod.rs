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

mod author;
mod difference;
mod history;
mod paths;
mod replace;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use author::author;
pub use difference::difference;
pub use history::Version;
pub use paths::{Environment, Paths};
pub use replace::{replace, replace_secret};

use super::Config;
use history::History;

/// Who is written to have changed a file that was changed by another program.
const BY_HAND: &str = "by hand";
/// A new file's: others may have no business with what is in it.
const MODE: u32 = 0o640;

/// A configuration's file and its versions.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
    history: History,
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

/// Why nothing was saved, or loaded.
#[derive(Debug)]
pub enum Error {
    /// The text is no configuration.
    Invalid(super::Error),
    /// The file is not what it was when it was read.
    Changed {
        /// The version that it has become, if that could be kept.
        newest: Option<u64>,
    },
    /// There is no such version.
    NoVersion(u64),
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
        Self { path, history }
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
        let text = super::migrate(old)?
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
        let now = crate::clock::wall();
        let saved = self.history.lock().and_then(|locked| {
            self.history.add(old, BY_HAND, now)?;
            drop(locked);
            self.save(&text, "translated for this version", Some(&bytes), now)
        });
        match saved {
            Ok(version) => {
                tracing::warn!(version, "{}: it was written for an earlier version", self.path.display());
            }
            Err(error) => tracing::error!("the translated configuration is served, and not written: {error}"),
        }
        Some(Loaded { config, text, found: self.read().ok()?, from: From::File })
    }

    /// The newest version that is right, for a file that is not.
    fn last_good(&self, found: Option<Vec<u8>>, why: String) -> Option<Loaded> {
        let right = |version: Version| {
            let text = self.history.text(version.number)?;
            let config = Config::parse(&text).ok()?;
            Some((version.number, text, config))
        };
        let (version, text, config) = self.history.list().into_iter().rev().find_map(right)?;
        Some(Loaded { config, text, found, from: From::LastGood { version, why } })
    }

    /// Writes a text into the file, if it still holds what was `found` there, and keeps it as a version; gives the version's
    /// number, which is the newest one's where the file says that already.
    ///
    /// # Errors
    /// See [`Error`]; then nothing was written.
    pub fn save(
        &self,
        text: &str,
        author: &str,
        found: Option<&[u8]>,
        now: SystemTime,
    ) -> Result<u64, Error> {
        Config::parse(text).map_err(|error| Error::Invalid(error.in_file(&self.path)))?;
        let _one_at_a_time = self.history.lock()?;
        let there = self.read()?;
        if there.as_deref() != found {
            let newest = there.as_ref().and_then(|bytes| self.keep(bytes, BY_HAND, now));
            return Err(Error::Changed { newest });
        }
        // What goes is kept before it goes.
        if let Some(bytes) = &there {
            let kept = self.keep(bytes, BY_HAND, now);
            if bytes == text.as_bytes() {
                return Ok(kept.or_else(|| self.newest()).unwrap_or_default());
            }
        }
        replace(&self.path, text.as_bytes(), MODE)?;
        if let Some(newest) = self.history.newest().filter(|newest| self.is(newest, text.as_bytes())) {
            // It was damaged, or gone, and is what it was.
            return Ok(newest.number);
        }
        // The file is what counts: a version that cannot be kept is told, and one from the last but one on remains.
        self.history.add(text, author, now).or_else(|error| {
            tracing::warn!("the version is not kept: {error}");
            Ok(self.history.newest().map_or(0, |version| version.number))
        })
    }

    /// Whether this process may put another file in the file's place.
    ///
    /// # Errors
    /// Why it may not: a root that is read-only, a folder of somebody else's.
    pub fn may_save(&self) -> Result<(), Error> {
        let file = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = replace::folder_of(&file);
        nix::unistd::access(&folder, nix::unistd::AccessFlags::W_OK)
            .map_err(|error| Error::system("write", &folder, error.into()))
    }

    /// Writes a version that was kept into the file again, as the newest.
    ///
    /// # Errors
    /// There is none of that number, and as [`Store::save`].
    pub fn rollback(&self, number: u64, author: &str, now: SystemTime) -> Result<u64, Error> {
        let text = self.text_for_now(number)?;
        let found = self.read()?;
        self.save(&text, author, found.as_deref(), now)
    }

    /// The versions that are kept, the oldest first.
    pub fn history(&self) -> Vec<Version> {
        self.history.list()
    }

    /// Keeps versions of another card's as they were, with their numbers; where some are kept already, nothing is done.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn adopt(&self, versions: &[(Version, String)]) -> Result<bool, Error> {
        let _one_at_a_time = self.history.lock()?;
        if !self.history.list().is_empty() {
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
    /// There is none of that number.
    pub fn text(&self, number: u64) -> Result<String, Error> {
        self.history.text(number).ok_or(Error::NoVersion(number))
    }

    /// A version's text, translated where it was written for an earlier version of the settings.
    ///
    /// # Errors
    /// There is none of that number.
    pub fn text_for_now(&self, number: u64) -> Result<String, Error> {
        let text = self.text(number)?;
        let translated = super::migrate(&text).and_then(Result::ok);
        Ok(translated.filter(|_| Config::parse(&text).is_err()).unwrap_or(text))
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

    /// Makes a text that is served a version, where it is not the newest one: somebody wrote it by hand.
    pub fn remember(&self, text: &str) {
        let Ok(_one_at_a_time) = self.history.lock() else { return };
        // Somebody may have saved another since it was read, which is a version already.
        if !self.read().is_ok_and(|there| there.as_deref() == Some(text.as_bytes())) {
            return;
        }
        self.keep(text.as_bytes(), BY_HAND, crate::clock::wall());
    }

    /// Keeps what a file holds: as a version if it is a configuration, else aside.
    fn keep(&self, bytes: &[u8], author: &str, now: SystemTime) -> Option<u64> {
        let newest = self.history.newest();
        let text = String::from_utf8_lossy(bytes);
        if let Some(newest) = newest.as_ref().filter(|newest| self.is(newest, bytes)) {
            return Some(newest.number);
        }
        let kept = match self.parse(bytes) {
            Ok(_) => self.history.add(&text, author, now),
            Err(_) => self.history.put_aside(bytes).map(|()| newest.map_or(0, |newest| newest.number)),
        };
        kept.inspect_err(|error| tracing::debug!(%error, "a version is not kept")).ok()
    }

    /// Whether that is what a version says.
    fn is(&self, version: &Version, bytes: &[u8]) -> bool {
        self.history.text(version.number).is_some_and(|kept| kept.as_bytes() == bytes)
    }

    fn parse(&self, bytes: &[u8]) -> Result<(String, Config), super::Error> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| super::Error::not_text(&self.path, bytes, &error))?;
        let config = Config::parse(text).map_err(|error| error.in_file(&self.path))?;
        Ok((text.to_owned(), config))
    }

    fn read(&self) -> Result<Option<Vec<u8>>, Error> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::system("read", &self.path, error)),
        }
    }
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
            Self::System { what, path, source } => {
                write!(f, "cannot {what} {}: {source}{}", path.display(), what_to_do(source))
            }
        }
    }
}

impl std::error::Error for Error {}

/// A file's path as the name of one folder; long ones are cut, and told apart by their hash.
/// Notes under the usual folder where a file's versions are, if it says that they are elsewhere: the file may get lost. As far as
/// the usual folder can be written.
pub fn note_state(config: &Path, usual: &Path, state: &Path) {
    let note = note_of(config, usual);
    let done = if state == usual {
        if note.exists() { std::fs::remove_file(&note) } else { Ok(()) }
    } else if noted_state(config, usual).as_deref() == Some(state) {
        Ok(())
    } else {
        replace(&note, state.as_os_str().as_encoded_bytes(), 0o644).map_err(io::Error::other)
    };
    if let Err(error) = done {
        tracing::debug!(%error, "where the versions are is known by the configuration's file alone");
    }
}

/// What was noted there.
pub fn noted_state(config: &Path, usual: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(note_of(config, usual)).ok()?;
    Some(PathBuf::from(text)).filter(|path| path.is_absolute())
}

fn note_of(config: &Path, usual: &Path) -> PathBuf {
    let whole = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
    usual.join("places").join(folder_name(&whole))
}

fn folder_name(path: &Path) -> String {
    const LONGEST: usize = 200;
    let name = path.to_string_lossy().replace('%', "%25").replace('/', "%");
    let name = name.trim_start_matches('%');
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let end: String = path.file_name().unwrap_or_default().to_string_lossy().chars().take(40).collect();
    format!("{}%{end}", history::checksum(name))
}

fn what_to_do(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "; the configuration is on a read-only file system: remount it (mount -o remount,rw /) to change it"
        }
        io::ErrorKind::PermissionDenied => "; who runs this may not do that: try it with sudo",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room there first: nothing was changed"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests;

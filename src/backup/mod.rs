//! The configuration and all that goes with it in one file, and back onto another card.
//!
//! What is in it: the configuration's text, its versions, and the files of the rooms that own state. What is secret is in
//! it only behind a passphrase. What belongs to the board (device names) is named apart, so that another board keeps its own.

mod devices;
mod file;
mod keep;
mod pending;
mod restore;
pub mod seal;
mod wiped;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use file::{Backup, Contents, Kept, LARGEST};
pub use keep::{Keeping, keep};
pub use restore::{Devices, Restore};
pub use wiped::Text;

use crate::clock;
use crate::config::store::{self, Store};

/// What is backed up, and where it goes back to.
#[derive(Clone, Debug)]
pub struct Place {
    /// The configuration and its versions.
    pub store: Store,
    /// What is kept across starts.
    pub state: PathBuf,
    /// Files of the rooms that own state.
    pub sections: Vec<Section>,
}

/// A room's file.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name in backups.
    pub name: &'static str,
    /// The file; it need not be there.
    pub path: PathBuf,
    /// Whether nobody else may read it.
    pub secret: bool,
    /// What its room says of a text: why it is none of its files, where that is so.
    pub is_right: fn(&str) -> Result<(), String>,
}

/// Why nothing was made, or nothing restored.
#[derive(Debug)]
pub enum Error {
    /// The file is no backup that can be used.
    File(PathBuf, file::Error),
    /// It is not opened.
    Sealed(PathBuf, seal::Error),
    /// It is encrypted, and no passphrase was said.
    NoPassphrase(PathBuf),
    /// Its configuration is none for this version, or the system refused something.
    Config(store::Error),
    /// The device names cannot be put into it.
    Devices(crate::config::edit::Error),
    /// It has a section that this version does not know.
    Section(String),
    /// A section is none that its room could read.
    Damaged {
        /// The section.
        name: &'static str,
        /// Where it is kept.
        path: PathBuf,
        /// What its room says.
        why: String,
    },
    /// A section of it is none that its room could read, for this reason.
    Spoilt(&'static str, String),
    /// A restore was begun, and something of it could not be done.
    Unfinished(Box<Error>),
    /// Another file's restore was begun, in the same folder of what is kept.
    Another {
        /// The other configuration's file.
        file: PathBuf,
        /// Where it is written down what is to be done.
        pending: PathBuf,
    },
}

impl Place {
    /// What a backup made now holds, and the names of the secret sections that are left out.
    ///
    /// # Errors
    /// Something of it cannot be read.
    pub fn contents(&self, with_secrets: bool) -> Result<(Contents, Vec<&'static str>), Error> {
        let config = self.store.written().map_err(Error::Config)?;
        let devices = config.as_deref().map(devices::of).unwrap_or_default();
        let kept = |version: store::Version| {
            // What is not as it was written is no version to go back to.
            let text = self.store.text(version.number).ok()?;
            Some(Kept { version: version.number, at: version.at, author: version.author, text })
        };
        let history = self.store.history().map_err(Error::Config)?.into_iter().filter_map(kept).collect();
        let (mut sections, mut left_out) = (BTreeMap::new(), Vec::new());
        for section in &self.sections {
            let Some(text) = section.text()? else { continue };
            if section.secret && !with_secrets {
                left_out.push(section.name);
            } else {
                sections.insert(section.name.to_owned(), text);
            }
        }
        Ok((Contents { config, devices, history, sections }, left_out))
    }

    /// That the rooms can read their sections: what they cannot is no backup, and would push a good one out.
    ///
    /// # Errors
    /// The first that is none.
    pub fn are_right(&self, sections: &BTreeMap<String, Text>) -> Result<(), Error> {
        for (name, text) in sections {
            let Section { name, path, is_right, .. } = self.section(name)?.clone();
            is_right(text).map_err(|why| Error::Damaged { name, path, why })?;
        }
        Ok(())
    }
}

impl Section {
    fn text(&self) -> Result<Option<Text>, Error> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::system("read", &self.path, error)),
        }
    }
}

/// The bytes of a backup of these contents; behind the passphrase, where there is one.
///
/// # Errors
/// The kernel gives no random bytes.
pub fn written(contents: Contents, passphrase: Option<&str>, now: SystemTime) -> Result<Vec<u8>, Error> {
    let mut text = Backup::new(contents, clock::rfc3339(now), host()).text();
    let Some(passphrase) = passphrase else { return Ok(std::mem::take(&mut *text).into_bytes()) };
    let mut bytes = [[0; 16]; 3];
    for some in &mut bytes {
        getrandom::fill(some).map_err(|error| {
            Error::system("read random bytes from", Path::new("the kernel"), io::Error::other(error))
        })?;
    }
    let [key, salt, nonce] = bytes;
    Ok(seal::seal(text.as_bytes(), passphrase, &seal::Chance { key, salt, nonce }))
}

/// Reads what [`written`] gave; `path` is for the sentences.
///
/// # Errors
/// It is no backup, damaged, of a later version, or not opened.
pub fn read(bytes: &[u8], path: &Path, passphrase: Option<&str>) -> Result<Backup, Error> {
    let parse = |bytes: &[u8]| Backup::parse(bytes).map_err(|error| Error::File(path.to_owned(), error));
    if !bytes.starts_with(seal::BEGINNING) {
        return parse(bytes);
    }
    if bytes.len() as u64 > file::LARGEST {
        return Err(Error::File(path.to_owned(), file::Error::Large));
    }
    let passphrase = passphrase.ok_or_else(|| Error::NoPassphrase(path.to_owned()))?;
    parse(&seal::open(bytes, passphrase).map_err(|error| Error::Sealed(path.to_owned(), error))?)
}

/// This host's name, as a part of a file's name.
fn host() -> String {
    // Not by /proc/sys, which a service may not see (`ProcSubset=pid`).
    let name = nix::unistd::gethostname().unwrap_or_default();
    let fits = |character: &char| character.is_ascii_alphanumeric() || "-_.".contains(*character);
    let name: String = name.to_string_lossy().chars().filter(fits).take(64).collect();
    if name.is_empty() { "board".to_owned() } else { name }
}

impl Error {
    /// As a daemon says it, which may be another user than who hears it.
    pub fn of_daemon(&self) -> String {
        match self {
            Self::Config(error) => error.of_daemon(),
            other => other.to_string(),
        }
    }

    fn system(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Config(store::Error::system(what, path, source))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Sealed(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoPassphrase(path) => write!(
                f,
                "{}: it is encrypted: name the file that its passphrase is in (--passphrase-file FILE; - is what is typed)",
                path.display()
            ),
            Self::Config(error) => error.fmt(f),
            Self::Devices(error) => write!(f, "this board's device names cannot be put into it: {error}"),
            Self::Unfinished(error) => write!(
                f,
                "{error}\nThe restore was begun: `lenslet serve` and `lenslet restore` finish it when they start next, once this can be done"
            ),
            Self::Another { file, pending } => write!(
                f,
                "a restore of {} was begun and is not finished: do it again with --config {0}, or remove {}",
                file.display(),
                pending.display()
            ),
            Self::Damaged { name, path, why } => {
                write!(f, "{name} ({}): this cannot be read: {why}", path.display())
            }
            Self::Spoilt(name, why) => {
                write!(f, "its {name} cannot be read: {why}\nNothing was restored: take an earlier backup")
            }
            Self::Section(name) => write!(
                f,
                "it holds {name:?}, which this version does not know: install the version that made it, or later"
            ),
        }
    }
}

impl std::error::Error for Error {}

//! The versions: a file each, `000012.ron`, whose first line says when and by whom.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::{Flock, FlockArg};

use super::Error;
use super::owner::{folder_of, inherit, mend};
use super::replace::{anew, make};
use crate::clock;

/// So many are kept.
const KEPT: usize = 50;
/// What the first line begins with.
const HEAD: &str = "// Lenslet's configuration as of ";
/// What stands before the text's checksum, at the first line's end.
const CHECK: &str = ", checksum ";
/// The file that a damaged text is kept in.
const ASIDE: &str = "damaged.ron";

/// A version that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number; each is greater than those before it.
    pub number: u64,
    /// When it was saved, by RFC 3339 in UTC.
    pub at: String,
    /// Who saved it.
    pub author: String,
    /// Bytes of its text.
    pub bytes: u64,
    /// Why it cannot be gone back to; none: it is as it was written. Of such a one the time and the author may not be known.
    pub damage: Option<Damage>,
}

/// What became of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is not as it was written.
    Changed,
    /// The system does not give it, for this reason.
    Unreadable(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("is damaged: it is not as it was written"),
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
        }
    }
}

/// A folder of versions.
#[derive(Clone, Debug)]
pub(super) struct History {
    folder: PathBuf,
}

impl History {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// One program at a time: held until dropped.
    pub(super) fn lock(&self) -> Result<Flock<File>, Error> {
        let open = || {
            make(&self.folder)?;
            mend(&folder_of(&self.folder));
            mend(&self.folder);
            let mut open = OpenOptions::new();
            // Whoever has the folder could have a link there to what is none of his.
            open.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
            let file = open.open(self.folder.join("lock"))?;
            inherit(&file, &self.folder).map(|()| file)
        };
        let file = open().map_err(|error| Error::system("write", &self.folder, error))?;
        Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| Error::system("lock", &self.folder, error.into()))
    }

    /// Keeps a text as the newest version, and only so many of the older ones.
    pub(super) fn add(&self, text: &str, author: &str, now: SystemTime) -> Result<u64, Error> {
        let numbers = self.numbers();
        let number = numbers.last().map_or(1, |last| last.saturating_add(1));
        let (at, author) = (clock::rfc3339(now), author.to_owned());
        self.put(&Version { number, at, author, bytes: text.len() as u64, damage: None }, text)?;
        let old = (numbers.len() + 1).saturating_sub(KEPT);
        for number in numbers.iter().take(old) {
            // It is tried again with the next.
            let _ = fs::remove_file(self.path(*number));
        }
        Ok(number)
    }

    /// Keeps a text as this version.
    pub(super) fn put(&self, version: &Version, text: &str) -> Result<(), Error> {
        let Version { number, at, author, .. } = version;
        let author: String = author.chars().filter(|character| !character.is_control()).take(100).collect();
        let whole = format!("{HEAD}{at} by {author}{CHECK}{}\n{text}", checksum(text));
        let path = self.path(*number);
        self.write(&path, whole.as_bytes()).map_err(|error| Error::system("write", &path, error))
    }

    /// Keeps what is no configuration, in place of what was kept so before.
    pub(super) fn put_aside(&self, bytes: &[u8]) -> Result<(), Error> {
        let path = self.folder.join(ASIDE);
        self.write(&path, bytes).map_err(|error| Error::system("write", &path, error))
    }

    /// All of them, the oldest first, those that are damaged too.
    pub(super) fn list(&self) -> Result<Vec<Version>, Error> {
        let numbers = self.look().map_err(|error| Error::system("read", &self.folder, error))?;
        Ok(numbers.into_iter().map(|number| self.version(number).0).collect())
    }

    /// The newest that is as it was written.
    pub(super) fn newest(&self) -> Option<Version> {
        let versions = self.numbers().into_iter().rev().map(|number| self.version(number).0);
        versions.into_iter().find(|version| version.damage.is_none())
    }

    /// A version's text.
    pub(super) fn text(&self, number: u64) -> Result<String, Error> {
        if !self.numbers().contains(&number) {
            return Err(Error::NoVersion(number));
        }
        match self.version(number) {
            (Version { damage: Some(damage), .. }, _) => Err(Error::Damaged(number, damage)),
            (_, text) => Ok(text),
        }
    }

    /// Whether that was a version.
    pub(super) fn has(&self, text: &str) -> bool {
        self.numbers().into_iter().any(|number| self.text(number).is_ok_and(|kept| kept == text))
    }

    /// What is known of a version, and its text.
    fn version(&self, number: u64) -> (Version, String) {
        let unknown = Version { number, at: String::new(), author: String::new(), bytes: 0, damage: None };
        let whole = match crate::config::read(&self.path(number)) {
            Ok(bytes) => bytes,
            Err(error) => {
                let damage = Some(Damage::Unreadable(error.to_string()));
                return (Version { damage, ..unknown }, String::new());
            }
        };
        let whole = String::from_utf8_lossy(&whole);
        let Some(Head { at, author, checksum, text }) = Head::of(&whole) else {
            return (Version { damage: Some(Damage::Changed), ..unknown }, String::new());
        };
        let damage = (checksum != self::checksum(text)).then_some(Damage::Changed);
        let (at, author, bytes) = (at.to_owned(), author.to_owned(), text.len() as u64);
        (Version { number, at, author, bytes, damage }, text.to_owned())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:06}.ron"))
    }

    fn numbers(&self) -> Vec<u64> {
        self.look().unwrap_or_default()
    }

    fn look(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let number = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let digits = name.strip_suffix(".ron")?;
            digits.parse().ok()
        };
        let mut numbers: Vec<u64> = entries.flatten().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Whole or not at all: under its name once it is on the disk.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        make(&self.folder)?;
        let new = self.folder.join("new");
        let mut file = anew(&new)?;
        inherit(&file, &self.folder)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(&self.folder)?.sync_all()
    }
}

/// What a version's file says.
struct Head<'a> {
    at: &'a str,
    author: &'a str,
    checksum: &'a str,
    text: &'a str,
}

impl<'a> Head<'a> {
    fn of(whole: &'a str) -> Option<Self> {
        let (line, text) = whole.split_once('\n')?;
        let (line, checksum) = line.rsplit_once(CHECK)?;
        let (at, author) = line.strip_prefix(HEAD)?.split_once(" by ")?;
        Some(Self { at, author, checksum, text })
    }
}

/// The first half of the SHA-256: it is against damage, not against people.
pub(super) fn checksum(text: &str) -> String {
    super::hash(text.as_bytes())
}

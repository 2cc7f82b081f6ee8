//! The versions: a file each, `000012.ron`, whose first line says when and by whom.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::{Flock, FlockArg};

use super::Error;
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

    /// One program at a time: held until dropped.
    pub(super) fn lock(&self) -> Result<Flock<File>, Error> {
        let make = || {
            fs::create_dir_all(&self.folder)?;
            let path = self.folder.join("lock");
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
        };
        let file = make().map_err(|error| Error::system("write", &self.folder, error))?;
        Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| Error::system("lock", &self.folder, error.into()))
    }

    /// Keeps a text as the newest version, and only so many of the older ones.
    pub(super) fn add(&self, text: &str, author: &str, now: SystemTime) -> Result<u64, Error> {
        let numbers = self.numbers();
        let number = numbers.last().map_or(1, |last| last.saturating_add(1));
        let (at, author) = (clock::rfc3339(now), author.to_owned());
        self.put(&Version { number, at, author, bytes: text.len() as u64 }, text)?;
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

    /// All of them, the oldest first; what cannot be read is none.
    pub(super) fn list(&self) -> Vec<Version> {
        self.numbers().into_iter().filter_map(|number| self.version(number)).collect()
    }

    pub(super) fn newest(&self) -> Option<Version> {
        self.numbers().into_iter().rev().find_map(|number| self.version(number))
    }

    /// A version's text.
    pub(super) fn text(&self, number: u64) -> Option<String> {
        let whole = fs::read_to_string(self.path(number)).ok()?;
        head(&whole).map(|(_, _, text)| text.to_owned())
    }

    /// Whether that was a version.
    pub(super) fn has(&self, text: &str) -> bool {
        self.numbers().into_iter().any(|number| self.text(number).as_deref() == Some(text))
    }

    fn version(&self, number: u64) -> Option<Version> {
        let whole = fs::read_to_string(self.path(number)).ok()?;
        let (at, author, text) = head(&whole)?;
        Some(Version { number, at: at.to_owned(), author: author.to_owned(), bytes: text.len() as u64 })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:06}.ron"))
    }

    fn numbers(&self) -> Vec<u64> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let number = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let digits = name.strip_suffix(".ron")?;
            digits.parse().ok()
        };
        let mut numbers: Vec<u64> = entries.flatten().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Whole or not at all: under its name once it is on the disk.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let new = self.folder.join("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(&self.folder)?.sync_all()
    }
}

/// When, by whom, and the text; none of a file that is not as it was written.
fn head(whole: &str) -> Option<(&str, &str, &str)> {
    let (line, text) = whole.split_once('\n')?;
    let (line, check) = line.rsplit_once(CHECK)?;
    let (at, author) = line.strip_prefix(HEAD)?.split_once(" by ")?;
    (check == checksum(text)).then_some((at, author, text))
}

/// The first half of the SHA-256: it is against damage, not against people.
pub(super) fn checksum(text: &str) -> String {
    super::hash(text.as_bytes())
}

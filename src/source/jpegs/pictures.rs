//! One round: every picture of a folder or of a file, one at a time.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::media::jpeg::{Splitter, Unfit};

/// What does not fit into 24 bits of offset cannot go out.
const LARGEST: u64 = 16 << 20;
/// Bytes of a file that are read at once.
const PIECE: usize = 64 << 10;

/// A picture that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Its file in the folder, or its number in the file.
    pub(super) name: String,
    /// Its bytes, or why there are none.
    pub(super) jpeg: Result<Vec<u8>, Lacks>,
}

/// Why a picture cannot be served.
#[derive(Debug)]
pub(super) enum Lacks {
    /// It cannot be read.
    Unread(String),
    /// RTP cannot carry it.
    Unfit(Unfit),
}

/// The pictures of one round.
#[derive(Debug)]
pub(super) enum Pictures {
    /// A folder and the names that it had when the round began, the next one last.
    Folder(PathBuf, Vec<OsString>),
    /// JPEGs, one behind the other.
    Stream(Box<Stream>),
}

impl Pictures {
    /// Begins a round.
    ///
    /// # Errors
    /// There is no such folder or file, or it may not be read.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            return Ok(Self::Folder(path.to_owned(), names(path)?));
        }
        let (file, _) = open(path)?;
        Ok(Self::Stream(Box::new(Stream { file, splitter: Splitter::new(), number: 0, ended: false })))
    }

    /// The next picture; `None` at the round's end.
    ///
    /// # Errors
    /// The file of all pictures cannot be read on.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        match self {
            Self::Folder(folder, names) => Ok(names.pop().map(|name| Found {
                name: name.to_string_lossy().escape_debug().to_string(),
                jpeg: read(&folder.join(name)),
            })),
            Self::Stream(stream) => stream.next(),
        }
    }
}

/// Names of JPEGs, the first one last. Hidden files are left out: programs keep unfinished ones there.
fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let extension = Path::new(&name).extension();
        let is_jpeg = extension.is_some_and(|extension| {
            extension.eq_ignore_ascii_case("jpg") || extension.eq_ignore_ascii_case("jpeg")
        });
        if is_jpeg && !name.as_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort_unstable_by(|one, other| other.cmp(one));
    Ok(names)
}

/// Opens a file, and nothing else; gives its length.
fn open(path: &Path) -> io::Result<(File, u64)> {
    // To open a pipe waits for its writer, unless it is asked not to.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("this is a folder, a pipe or a device and no file"));
    }
    Ok((file, metadata.len()))
}

fn read(path: &Path) -> Result<Vec<u8>, Lacks> {
    let unread = |error: io::Error| Lacks::Unread(error.to_string());
    let (file, length) = open(path).map_err(unread)?;
    if length > LARGEST {
        return Err(Lacks::Unfit(Unfit::TooLong));
    }
    let mut jpeg = Vec::with_capacity(length as usize + 1);
    // It may grow meanwhile.
    file.take(LARGEST + 1).read_to_end(&mut jpeg).map_err(unread)?;
    if jpeg.len() as u64 > LARGEST { Err(Lacks::Unfit(Unfit::TooLong)) } else { Ok(jpeg) }
}

/// A file of JPEGs.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
    splitter: Splitter,
    /// Of the picture that was found last; the first is 1.
    number: u64,
    ended: bool,
}

impl Stream {
    fn next(&mut self) -> io::Result<Option<Found>> {
        let mut piece = Vec::new();
        loop {
            if let Some(picture) = self.splitter.poll_picture() {
                return Ok(Some(self.found(picture.map_err(Lacks::Unfit))));
            }
            if self.ended {
                return Ok(None);
            }
            piece.clear();
            (&self.file).take(PIECE as u64).read_to_end(&mut piece)?;
            if piece.is_empty() {
                self.ended = true;
                return Ok(self.splitter.finish().map(|cut| self.found(Ok(cut))));
            }
            self.splitter.push(&piece);
        }
    }

    fn found(&mut self, jpeg: Result<Vec<u8>, Lacks>) -> Found {
        self.number += 1;
        Found { name: format!("picture {}", self.number), jpeg }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_listed_once_a_round_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.jpg", "a.JPEG", "10.jpg", "9.jpg", ".hidden.jpg", "jpg", "c.png"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let mut round = Pictures::begin(folder.path()).unwrap();
        let mut names = Vec::new();
        while let Some(Found { name, jpeg }) = round.next().unwrap() {
            assert_eq!(jpeg.unwrap(), name.as_bytes());
            names.push(name);
        }
        assert_eq!(names, ["10.jpg", "9.jpg", "a.JPEG", "b.jpg"]);
        let mut round = Pictures::begin(folder.path()).unwrap();
        fs::write(folder.path().join("1.jpg"), "late").unwrap();
        fs::remove_file(folder.path().join("9.jpg")).unwrap();
        let found =
            std::iter::from_fn(|| round.next().unwrap()).map(|found| (found.name, found.jpeg.is_ok()));
        let expected = [("10.jpg", true), ("9.jpg", false), ("a.JPEG", true), ("b.jpg", true)];
        assert_eq!(found.collect::<Vec<_>>(), expected.map(|(name, there)| (name.to_owned(), there)));
    }

    #[test]
    fn what_is_too_large_or_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("a.jpg")).unwrap();
        file.set_len(LARGEST + 1).unwrap();
        nix::unistd::mkfifo(&folder.path().join("b.jpg"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut round = Pictures::begin(folder.path()).unwrap();
        let mut lacks = || round.next().unwrap().unwrap().jpeg.unwrap_err();
        assert!(matches!(lacks(), Lacks::Unfit(Unfit::TooLong)));
        assert!(matches!(lacks(), Lacks::Unread(why) if why.contains("pipe")));
    }
}

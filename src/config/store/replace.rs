//! A file's text replaced by another, all of it or nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::Error;

/// Writes the bytes beside the file, has them on the disk, and only then gives them the file's name; has that on the disk
/// too. Mode and owner stay (the owner as far as this process may give files away), and a new file has the `mode`; of a link what it
/// points to is replaced.
///
/// # Errors
/// What could not be done; the file is as it was.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    replace_as(path, bytes, Mode::OfNew(mode))
}

/// The same for what only the file's owner may read, whatever its mode was. Made by root, a new one is its folder's
/// owner's, for whom it will be.
///
/// # Errors
/// What could not be done; the file is as it was.
pub fn replace_secret(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace_as(path, bytes, Mode::Secret)
}

/// Who may read it.
#[derive(Clone, Copy)]
enum Mode {
    /// As the file that is replaced; of a new one, this.
    OfNew(u32),
    /// Its owner alone.
    Secret,
}

fn replace_as(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), Error> {
    // A link that points nowhere yet is replaced itself.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = folder_of(&path);
    make(&folder).map_err(|error| Error::system("make", &folder, error))?;
    let new = beside(&path);
    let written = write(&path, &new, bytes, mode)
        .map_err(|error| Error::system("write", &new, error))
        .and_then(|()| fs::rename(&new, &path).map_err(|error| Error::system("replace", &path, error)));
    if written.is_err() {
        // Where it cannot be removed either, the next save writes over it.
        let _ = fs::remove_file(&new);
        return written;
    }
    // The name is in the folder; without this a loss of power could bring the old one back.
    if let Err(error) = sync(&folder) {
        // The text is there; only whether it outlives a loss of power is not known.
        tracing::warn!(%error, folder = %folder.display(), "what was saved may not be on the disk yet");
    }
    Ok(())
}

/// Makes a folder and those that it is in; each is on the disk when this returns.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder_of(folder);
    make(&parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| sync(&parent)),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write(path: &Path, new: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let known = fs::metadata(path).ok();
    let (known, mode) = match mode {
        Mode::OfNew(mode) => {
            let kept = known.as_ref().map(|known| known.permissions().mode() & 0o7777);
            (known, kept.unwrap_or(mode))
        }
        Mode::Secret => {
            let root = nix::unistd::geteuid().is_root();
            (known.or_else(|| fs::metadata(folder_of(path)).ok().filter(|_| root)), 0o600)
        }
    };
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(new)?;
    file.write_all(bytes)?;
    if let Some(known) = &known {
        let owner = file.metadata()?;
        if (owner.uid(), owner.gid()) != (known.uid(), known.gid()) {
            give(&file, known).or_else(|error| not_given(error, &file, path, known))?;
        }
    }
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Gives a file to whose the other one is.
fn give(file: &File, known: &fs::Metadata) -> io::Result<()> {
    fchown(file, Some(known.uid()), Some(known.gid()))
}

/// Who is not root may give files to nobody, or to a group that he is in: that is no reason to lose what is saved.
fn not_given(error: io::Error, file: &File, path: &Path, known: &fs::Metadata) -> io::Result<()> {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Err(error);
    }
    let group = fchown(file, None, Some(known.gid()));
    let group = if group.is_ok() { "its group and mode stay" } else { "its mode stays" };
    let (path, owner) = (path.display(), known.uid());
    tracing::warn!("{path}: it belonged to user {owner}, and belongs to who runs this now: {group}");
    Ok(())
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A name in the same folder, which others do not take for a configuration.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    path.with_file_name(hidden)
}

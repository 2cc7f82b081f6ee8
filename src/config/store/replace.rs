//! A file's text replaced by another, all of it or nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::Error;
use super::owner::{Owner, folder_of, heir, inherit};

/// Writes the bytes beside the file, has them on the disk, and only then gives them the file's name; has that on the disk
/// too. Mode and owner stay (the owner as far as this process may give files away), and a new file has the `mode`; of a link what it
/// points to is replaced.
///
/// # Errors
/// What could not be done; the file is as it was.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    replace_as(path, bytes, Mode::OfNew(mode), None)
}

/// The same for what a daemon reads that keeps its state in that folder: a new one that root makes belongs to whom its folder belongs
/// to, or, where that is root, the state's.
///
/// # Errors
/// What could not be done; the file is as it was.
pub fn replace_for(state: &Path, path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    replace_as(path, bytes, Mode::OfNew(mode), Some(state))
}

/// The same for what only the file's owner may read, whatever its mode was. Of root's no other user could read it: what
/// is root's goes to the others as well.
///
/// # Errors
/// What could not be done; the file is as it was.
pub fn replace_secret_for(state: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace_as(path, bytes, Mode::Secret, Some(state))
}

/// Who may read it.
#[derive(Clone, Copy)]
enum Mode {
    /// As the file that is replaced; of a new one, this.
    OfNew(u32),
    /// Its owner alone.
    Secret,
}

fn replace_as(path: &Path, bytes: &[u8], mode: Mode, state: Option<&Path>) -> Result<(), Error> {
    // By its name, for a link to a pipe leads to no name. Of a folder the system says it.
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let why = io::Error::other("it is a device or a pipe, and no regular file");
        return Err(Error::system("replace", path, why));
    }
    // A link that points nowhere yet is replaced itself.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = folder_of(&path);
    make(&folder).map_err(|error| Error::system("make", &folder, error))?;
    let new = beside(&path);
    let written = write(&path, &new, bytes, mode, state)
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

/// Makes a folder and those that it is in; each is on the disk when this returns, and belongs to whom the one around it does.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder_of(folder);
    make(&parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| inherit(&File::open(folder)?, &parent)).and_then(|()| sync(&parent)),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write(path: &Path, new: &Path, bytes: &[u8], mode: Mode, state: Option<&Path>) -> io::Result<()> {
    let known = fs::metadata(path).ok();
    let mut owner = known.as_ref().map(Owner::from);
    if let Some(state) = state {
        let is_roots = owner.is_none_or(|owner| owner.uid == 0 && matches!(mode, Mode::Secret));
        owner = heir([folder_of(path).as_path(), state]).filter(|_| is_roots).or(owner);
    }
    let kept = known.map(|known| known.permissions().mode() & 0o7777);
    let mode = match mode {
        Mode::OfNew(mode) => kept.unwrap_or(mode),
        Mode::Secret => 0o600,
    };
    let mut file = anew(new)?;
    file.write_all(bytes)?;
    if let Some(owner) = owner.filter(|owner| file.metadata().is_ok_and(|made| Owner::from(&made) != *owner))
    {
        let given = fchown(&file, Some(owner.uid), Some(owner.gid));
        given.or_else(|error| not_given(error, &file, path, owner))?;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// A file that nobody else made: whoever has the folder could have a link there to what is none of his. One that was left by who was
/// killed goes.
pub(super) fn anew(new: &Path) -> io::Result<File> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)
}

/// Who is not root may give files to nobody, or to a group that he is in: that is no reason to lose what is saved.
fn not_given(error: io::Error, file: &File, path: &Path, to: Owner) -> io::Result<()> {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Err(error);
    }
    let group = fchown(file, None, Some(to.gid));
    let group = if group.is_ok() { "its group and mode stay" } else { "its mode stays" };
    let (path, owner) = (path.display(), to.uid);
    tracing::warn!("{path}: it belonged to user {owner}, and belongs to who runs this now: {group}");
    Ok(())
}

/// A name in the same folder, which others do not take for a configuration.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    path.with_file_name(hidden)
}

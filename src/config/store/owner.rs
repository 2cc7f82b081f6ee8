//! Whose it is what root writes: a daemon that is another user has to read it, and to write it again.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// A user and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl From<&Metadata> for Owner {
    fn from(meta: &Metadata) -> Self {
        Self { uid: meta.uid(), gid: meta.gid() }
    }
}

/// For whom root writes: the first of these who is not root himself. None: whoever writes it is to have it.
pub(super) fn heir<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Option<Owner> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let owner = |path: &Path| fs::metadata(path).ok().map(|meta| Owner::from(&meta));
    paths.into_iter().filter_map(owner).find(|owner| owner.uid != 0)
}

/// Gives what root has just made in somebody's folder to him.
pub(super) fn inherit(made: &File, folder: &Path) -> io::Result<()> {
    match heir([folder]) {
        Some(heir) if Owner::from(&made.metadata()?) != heir => fchown(made, Some(heir.uid), Some(heir.gid)),
        _ => Ok(()),
    }
}

/// Gives what root left in somebody's folder to him, as earlier versions did: the folder itself, and the files in it. Where that cannot
/// be, it is as it was.
pub(super) fn mend(folder: &Path) {
    let parent = folder_of(folder);
    if heir([folder, parent.as_path()]).is_none() {
        return;
    }
    let open = |path: &Path, flags: i32| {
        // Whoever has the folder could have a link there to what is none of his.
        OpenOptions::new().read(true).custom_flags(flags | libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
    };
    let _ = open(folder, libc::O_DIRECTORY).and_then(|there| give_roots(&there, &parent));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let _ = open(&entry.path(), 0).and_then(|there| give_roots(&there, folder));
    }
}

fn give_roots(there: &File, folder: &Path) -> io::Result<()> {
    let meta = there.metadata()?;
    // A second name may be anybody's file.
    let is_alone = meta.is_dir() || (meta.is_file() && meta.nlink() == 1);
    if meta.uid() == 0 && is_alone { inherit(there, folder) } else { Ok(()) }
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

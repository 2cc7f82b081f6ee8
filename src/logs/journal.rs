//! Whether lines go to systemd's journal, which has times and levels of its own.

use std::io;
use std::os::fd::AsFd;

/// The journal tells by its socket's device and inode that the stream is its own; another may have been put in its place
/// ([systemd.exec(5), `$JOURNAL_STREAM`](https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html)).
pub(super) fn is_journal() -> bool {
    let Ok(told) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(found) = nix::sys::stat::fstat(io::stderr().as_fd()) else { return false };
    told == format!("{}:{}", found.st_dev, found.st_ino)
}

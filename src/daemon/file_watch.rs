//! The thread that sees when the configuration's file is written.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::panics::{keep_up, may_panic};
use super::reload::Asker;

/// The thread.
pub(super) struct FileWatch {
    thread: JoinHandle<()>,
    bell: Arc<EventFd>,
}

/// A file that is gone or empty, and is still by then, is. In milliseconds.
const REPLACED: u16 = 500;

impl FileWatch {
    /// Watches the file's folder: editors put another file in its place. Of a link, the folder of what it leads to as well.
    pub(super) fn spawn(path: &Path, asker: Asker) -> io::Result<Self> {
        let mut folders = Folders::watch(path)?;
        // It may have been written since it was read, and before it was watched.
        asker.file_changed();
        let bell =
            Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let stop = bell.clone();
        let watch =
            move || keep_up("the thread that watches the file", || follow_file(&mut folders, &stop, &asker));
        let thread = Builder::new().name("config-watch".to_owned()).spawn(watch)?;
        Ok(Self { thread, bell })
    }

    pub(super) fn join(self) {
        // Full means that it rings already.
        let _ = self.bell.write(1);
        let _ = self.thread.join();
    }
}

/// Says whenever the file was written or is gone, until the bell rings.
fn follow_file(folders: &mut Folders, stop: &EventFd, asker: &Asker) {
    let mut patience = PollTimeout::NONE;
    loop {
        let look = |descriptor| PollFd::new(descriptor, PollFlags::POLLIN);
        let mut watched = [look(folders.inotify.as_fd()), look(stop.as_fd())];
        let woken = poll(&mut watched, patience);
        if woken.is_err() && woken != Err(Errno::EINTR) || watched[1].any() == Some(true) {
            return;
        }
        let events = folders.inotify.read_events().unwrap_or_default();
        may_panic("config-watch");
        // One for all that is there: of several writes the last text counts.
        match events.iter().rfind(|event| folders.is_of_file(event)) {
            // Many editors put it aside for a moment, and some have it empty before they write it.
            Some(event) if event.mask.intersects(gone()) || folders.is_emptied() => {
                patience = REPLACED.into()
            }
            None if woken != Ok(0) => {}
            Some(_) | None => {
                patience = PollTimeout::NONE;
                folders.follow();
                asker.file_changed();
            }
        }
    }
}

/// The folders that are watched.
struct Folders {
    inotify: Inotify,
    path: PathBuf,
    /// Each with the name of the file in it.
    named: Vec<(WatchDescriptor, OsString)>,
}

impl Folders {
    fn watch(path: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let mut folders = Self { inotify, path: path.to_owned(), named: Vec::new() };
        folders.add(path)?;
        folders.follow();
        Ok(folders)
    }

    /// Watches where the file is now, if it is a link: that may lead elsewhere than before.
    fn follow(&mut self) {
        if let Ok(real) = self.path.canonicalize() {
            // What cannot be watched is read on SIGHUP.
            let _ = self.add(&real);
        }
    }

    fn add(&mut self, file: &Path) -> io::Result<()> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Not while it is being written: when that is over.
        let there = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
        let watched = self.inotify.add_watch(folder, there | gone())?;
        let named = (watched, file.file_name().unwrap_or_default().to_owned());
        if !self.named.contains(&named) {
            self.named.push(named);
        }
        Ok(())
    }

    /// Whether there is nothing in the file.
    fn is_emptied(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|meta| meta.is_file() && meta.len() == 0)
    }

    fn is_of_file(&self, event: &InotifyEvent) -> bool {
        self.named.iter().any(|(folder, name)| event.wd == *folder && event.name.as_ref() == Some(name))
    }
}

fn gone() -> AddWatchFlags {
    AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM
}

#[cfg(test)]
mod tests {
    use super::super::panics::on_purpose;
    use super::super::reload::tests::asker;
    use super::*;

    #[test]
    fn the_file_is_watched_on_after_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lenslet.ron");
        let (asker, changed) = asker();
        let watch = FileWatch::spawn(&path, asker).unwrap();
        assert!(changed(), "it may have been written before");
        on_purpose::plan("config-watch");
        std::fs::write(&path, "()").unwrap();
        while !on_purpose::happened("config-watch") {
            std::thread::yield_now();
        }
        std::fs::write(&path, "( )").unwrap();
        assert!(changed());
        watch.join();
    }
}

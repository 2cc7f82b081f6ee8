//! Tells sources that wait until they are tried again that a device came: a camera that is plugged in is there
//! at once, not when its turn comes.
//!
//! One thread reads [inotify(7)](https://man7.org/linux/man-pages/man7/inotify.7.html) on `/dev`: a node that is
//! made, and one whose owner is changed, as udev does it some time after; and on `/dev/v4l/by-id` and `by-path`, where
//! udev makes the stable names later still. Those folders come with the first camera and go with the last.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle, Thread, ThreadId};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::panics::keep_up;

/// Where it can be seen whether a device came. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Hotplug(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Devices that came, counted.
    came: AtomicU64,
    waiting: Mutex<Vec<Thread>>,
    listener: OnceLock<Listener>,
}

/// Somebody else who is told.
struct Listener(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// A thread that is told, until this is dropped.
#[must_use]
pub(super) struct Told(Hotplug, ThreadId);

/// The thread that watches.
#[derive(Debug)]
pub struct Watching {
    thread: JoinHandle<()>,
    bell: Arc<EventFd>,
}

/// Folders of stable names, each after the one that it is in.
const STABLE: [&str; 3] = ["v4l", "v4l/by-id", "v4l/by-path"];

/// Watches a folder for video devices, and what is below it for their stable names: `/dev`.
///
/// # Errors
/// The system gives no more threads, descriptors or watches; sources are then tried again in their turn alone.
pub fn watch(folder: &Path) -> io::Result<(Hotplug, Watching)> {
    let hotplug = Hotplug::default();
    let seen = hotplug.clone();
    watch_for(folder, move || seen.tell()).map(|watching| (hotplug, watching))
}

/// Calls `tell` for each device that comes; a panic in that costs a second of it.
fn watch_for(folder: &Path, tell: impl Fn() + Send + 'static) -> io::Result<Watching> {
    let folders = Folders::watch(folder)?;
    let bell = Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
    let stop = bell.clone();
    let thread = Builder::new()
        .name("hotplug".to_owned())
        .spawn(move || keep_up("the thread that watches for devices", || run(&folders, &stop, &tell)))?;
    Ok(Watching { thread, bell })
}

/// What is watched.
struct Folders {
    inotify: Inotify,
    root: PathBuf,
    watch: WatchDescriptor,
}

impl Folders {
    fn watch(root: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let watch = inotify.add_watch(root, APPEARS | AddWatchFlags::IN_ATTRIB)?;
        let folders = Self { inotify, root: root.to_owned(), watch };
        folders.watch_stable();
        Ok(folders)
    }

    /// Watches those folders of stable names that are there; one that is watched already stays so.
    fn watch_stable(&self) {
        for folder in STABLE {
            // It comes later, or out of watches: sources are tried again in their turn.
            let _ = self.inotify.add_watch(&self.root.join(folder), APPEARS | AddWatchFlags::IN_ONLYDIR);
        }
    }

    /// Reads what happened; whether a device may have come.
    fn read(&self) -> bool {
        let events = self.inotify.read_events().unwrap_or_default();
        // What is in a new folder may have come before it was watched.
        if events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_ISDIR)) {
            self.watch_stable();
        }
        events.iter().any(|event| self.is_ours(event))
    }

    fn is_ours(&self, event: &InotifyEvent) -> bool {
        // A folder that went, and its watch with it.
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            return false;
        }
        let name = event.name.as_ref().map(|name| name.to_string_lossy());
        // What was lost may have been one of ours.
        event.wd != self.watch || name.is_none_or(|name| name.starts_with("video") || name == STABLE[0])
    }
}

/// Something that was not there before, by whatever way.
const APPEARS: AddWatchFlags = AddWatchFlags::IN_CREATE.union(AddWatchFlags::IN_MOVED_TO);

impl Watching {
    /// Ends the thread.
    pub fn join(self) {
        // Full means that it rings already.
        let _ = self.bell.write(1);
        let _ = self.thread.join();
    }
}

impl Hotplug {
    /// Has this called for each device that comes, on the thread that watches: it may not wait. The first who asks is called.
    pub fn calls(&self, listener: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.listener.set(Listener(Box::new(listener)));
    }

    /// Devices that came so far.
    pub(super) fn came(&self) -> u64 {
        self.0.came.load(Ordering::SeqCst)
    }

    /// Has this thread unparked whenever one comes.
    pub(super) fn wakes(&self, thread: Thread) -> Told {
        let id = thread.id();
        self.waiting().push(thread);
        Told(self.clone(), id)
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.waiting().is_empty()
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Thread>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.0.came.fetch_add(1, Ordering::SeqCst);
        for thread in &*self.waiting() {
            thread.unpark();
        }
        if let Some(Listener(call)) = self.0.listener.get() {
            call();
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.waiting().retain(|thread| thread.id() != self.1);
    }
}

fn run(folders: &Folders, stop: &EventFd, tell: &impl Fn()) {
    loop {
        let look = |descriptor| PollFd::new(descriptor, PollFlags::POLLIN);
        let mut descriptors = [look(folders.inotify.as_fd()), look(stop.as_fd())];
        match poll(&mut descriptors, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            // No memory: sources are tried again in their turn.
            Err(_) => return,
        }
        if descriptors[1].any() == Some(true) {
            return;
        }
        if folders.read() {
            tell();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_device_that_comes_is_told_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (hotplug, watching) = watch(folder.path()).unwrap();
        let told = hotplug.wakes(std::thread::current());
        let (called, calls) = std::sync::mpsc::channel();
        hotplug.calls(move || called.send(()).unwrap());
        std::fs::write(folder.path().join("ttyUSB0"), "").unwrap();
        std::fs::write(folder.path().join("video3"), "").unwrap();
        while hotplug.came() == 0 {
            std::thread::park();
        }
        let came = hotplug.came();
        let mut permissions = std::fs::metadata(folder.path().join("video3")).unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(folder.path().join("video3"), permissions).unwrap();
        while hotplug.came() == came {
            std::thread::park();
        }
        watching.join();
        assert_eq!(hotplug.came(), came + 1, "the other device was none of ours");
        assert_eq!(calls.try_iter().count() as u64, hotplug.came());
        drop(told);
        assert!(hotplug.is_idle());
    }

    #[test]
    fn a_stable_name_is_told_though_it_comes_after_its_node_and_its_folders_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let (hotplug, watching) = watch(folder.path()).unwrap();
        let told = hotplug.wakes(std::thread::current());
        let wait = |came: u64| {
            while hotplug.came() == came {
                std::thread::park();
            }
            hotplug.came()
        };
        let mut came = 0;
        for stable in ["v4l/by-id", "v4l/by-path"].repeat(2) {
            let names = folder.path().join(stable);
            std::fs::create_dir(folder.path().join("v4l")).unwrap();
            came = wait(came);
            std::fs::create_dir(&names).unwrap();
            came = wait(came);
            std::os::unix::fs::symlink("../../video0", names.join("usb-C920_1234-video-index0")).unwrap();
            came = wait(came);
            std::fs::remove_dir_all(folder.path().join("v4l")).unwrap();
            came = hotplug.came().max(came);
        }
        watching.join();
        drop(told);
    }

    #[test]
    fn devices_are_told_of_again_after_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, told) = std::sync::mpsc::channel();
        let first = AtomicU64::new(0);
        let watching = watch_for(folder.path(), move || {
            let before = first.fetch_add(1, Ordering::SeqCst);
            sender.send(before).unwrap();
            assert!(before > 0, "on purpose");
        })
        .unwrap();
        std::fs::write(folder.path().join("video0"), "").unwrap();
        assert_eq!(told.recv().unwrap(), 0);
        std::fs::write(folder.path().join("video1"), "").unwrap();
        assert_eq!(told.recv().unwrap(), 1, "the thread lives");
        watching.join();
    }
}

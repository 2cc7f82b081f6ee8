//! Tells sources that wait until they are tried again that a device came: a camera that is plugged in is there
//! at once, not when its turn comes.
//!
//! One thread reads [inotify(7)](https://man7.org/linux/man-pages/man7/inotify.7.html) on `/dev`: a node that is
//! made, and one whose owner is changed, as udev does it some time after.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, Thread, ThreadId};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::panics::keep_up;

/// Where it can be seen whether a device came. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Hotplug(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Devices that came, counted.
    came: AtomicU64,
    waiting: Mutex<Vec<Thread>>,
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

/// Watches a folder for video devices: `/dev`.
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
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    inotify.add_watch(
        folder,
        AddWatchFlags::IN_CREATE | AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_MOVED_TO,
    )?;
    let bell = Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
    let stop = bell.clone();
    let thread = Builder::new()
        .name("hotplug".to_owned())
        .spawn(move || keep_up("the thread that watches for devices", || run(&inotify, &stop, &tell)))?;
    Ok(Watching { thread, bell })
}

impl Watching {
    /// Ends the thread.
    pub fn join(self) {
        // Full means that it rings already.
        let _ = self.bell.write(1);
        let _ = self.thread.join();
    }
}

impl Hotplug {
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
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.waiting().retain(|thread| thread.id() != self.1);
    }
}

fn run(inotify: &Inotify, stop: &EventFd, tell: &impl Fn()) {
    loop {
        let look = |descriptor| PollFd::new(descriptor, PollFlags::POLLIN);
        let mut descriptors = [look(inotify.as_fd()), look(stop.as_fd())];
        match poll(&mut descriptors, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            // No memory: sources are tried again in their turn.
            Err(_) => return,
        }
        if descriptors[1].any() == Some(true) {
            return;
        }
        let events = inotify.read_events().unwrap_or_default();
        // What was lost may have been one of ours.
        let ours = |event: &nix::sys::inotify::InotifyEvent| {
            let name = event.name.as_ref().map(|name| name.to_string_lossy());
            name.is_none_or(|name| name.starts_with("video"))
        };
        if events.iter().any(ours) {
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
        drop(told);
        assert!(hotplug.is_idle());
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

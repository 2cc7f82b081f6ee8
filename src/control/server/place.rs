//! The folder that the socket's file is in, watched: the file may go while it is listened on, by hand or because somebody tidies up.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent};
use smol::Async;

/// Says when something happened to a file. At rest it costs nothing.
pub(super) struct Place {
    inotify: Async<Inotify>,
    name: Option<OsString>,
}

impl Place {
    /// Watches the file's folder from now on.
    pub(super) fn watch(path: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        inotify.add_watch(folder, of_file() | of_folder())?;
        Ok(Self { inotify: Async::new(inotify)?, name: path.file_name().map(OsString::from) })
    }

    /// Until the file, or its folder, is another one or gone.
    pub(super) async fn changes(&self) -> io::Result<()> {
        loop {
            let events = self.inotify.read_with(|inotify| Ok(inotify.read_events()?)).await?;
            if events.iter().any(|event| self.is_about_it(event)) {
                return Ok(());
            }
        }
    }

    fn is_about_it(&self, event: &InotifyEvent) -> bool {
        // What a queue that ran over would have said is not known.
        let all = of_folder() | AddWatchFlags::IN_UNMOUNT | AddWatchFlags::IN_Q_OVERFLOW;
        event.mask.intersects(all) || event.name == self.name
    }
}

/// It goes, or another is put in its place.
fn of_file() -> AddWatchFlags {
    AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM | AddWatchFlags::IN_MOVED_TO
}

fn of_folder() -> AddWatchFlags {
    AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF
}

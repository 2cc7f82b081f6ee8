//! How who reads the file wakes who tells of it: what the status says of the file is true at once.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Rung by who has read the file.
#[derive(Clone, Debug)]
pub(super) struct Bell(Sender<Wake>);

/// Where a [`Bell`] is heard.
#[derive(Debug)]
pub(super) struct Rung(Receiver<Wake>);

/// Why who slept is awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// The file was read, or is not there any more.
    FileRead,
    /// The time is over.
    Late,
    /// There is nothing more to be done.
    End,
}

/// A bell, and where it is heard.
pub(super) fn bell() -> (Bell, Rung) {
    let (bell, rung) = channel();
    (Bell(bell), Rung(rung))
}

impl Bell {
    /// The file was read, or is not there any more.
    pub(super) fn file_was_read(&self) {
        self.ring(Wake::FileRead);
    }

    /// Nothing is to be done any more.
    pub(super) fn end(&self) {
        self.ring(Wake::End);
    }

    fn ring(&self, why: Wake) {
        // Nobody hears it once the daemon has ended.
        let _ = self.0.send(why);
    }
}

impl Rung {
    /// Sleeps until the bell rings, or for so long.
    pub(super) fn sleep(&self, patience: Duration) -> Wake {
        match self.0.recv_timeout(patience) {
            Ok(why) => why,
            Err(RecvTimeoutError::Timeout) => Wake::Late,
            Err(RecvTimeoutError::Disconnected) => Wake::End,
        }
    }
}

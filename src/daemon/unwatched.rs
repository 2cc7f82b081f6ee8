//! What could not be watched for: it is found later, or when it is asked for.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::alarms::Trouble;

/// Alarms that last until Lenslet is started again. Clones have the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Unwatched(Arc<Mutex<Vec<Trouble>>>);

impl Unwatched {
    /// `/dev`, where cameras come.
    pub(super) fn cameras(&self, error: &io::Error) {
        let meanwhile = "a camera that is plugged in is found when it is tried again, and is a mount by itself after `lenslet reload`";
        self.note("cameras", "/dev", error, meanwhile);
    }

    /// The configuration's file.
    pub(super) fn file(&self, error: &io::Error) {
        self.note("config", "the configuration's file", error, "`lenslet reload` or SIGHUP has it read");
    }

    pub(super) fn troubles(&self) -> Vec<Trouble> {
        self.noted().clone()
    }

    fn note(&self, id: &str, what: &str, error: &io::Error, meanwhile: &str) {
        self.noted().push(Trouble {
            id: format!("{id}/unwatched"),
            why: format!("{what} is not watched: {error}"),
            what_to_do: format!(
                "{meanwhile}; where the system's limit is used up, raise it (`sysctl fs.inotify`), and start Lenslet again"
            ),
        });
    }

    fn noted(&self) -> MutexGuard<'_, Vec<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

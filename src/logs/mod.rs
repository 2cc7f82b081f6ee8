//! The log: what is written to the standard error stream, and the last lines of it for whoever asks.
//!
//! Nothing in it starts a line that it did not end itself: what peers say is written with its control characters
//! escaped. A line that says the same again within [`REPEATS`] is counted instead of written.

mod journal;
mod keeper;
mod layer;
mod levels;
mod line;
mod repeats;
mod rooms;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, filter, reload};

pub use keeper::{Keeper, Kept};
pub use levels::{Levels, Unknown};
pub use line::{Level, Line};
pub use repeats::REPEATS;
pub use rooms::ROOMS;

/// The process's log. Clones are the same log.
#[derive(Clone, Debug)]
pub struct Logs {
    lines: Arc<layer::Lines>,
    levels: reload::Handle<filter::Targets, Registry>,
}

impl Logs {
    /// Starts it, once in a process: lines go to the standard error stream, in the journal's own form where that is
    /// what the stream is.
    ///
    /// # Errors
    /// There is a log already.
    pub fn start(levels: &Levels) -> io::Result<Self> {
        let lines = Arc::new(layer::Lines::new(Arc::default(), journal::is_journal()));
        let layer = layer::Writing(lines.clone());
        let (filter, handle) = reload::Layer::new(levels.targets());
        let log = tracing_subscriber::registry().with(layer.with_filter(filter));
        log.try_init().map_err(io::Error::other)?;
        Ok(Self { lines, levels: handle })
    }

    /// Changes what is logged from now on.
    pub fn set(&self, levels: &Levels) {
        // It fails where the log is no more: at the process's end.
        let _ = self.levels.reload(levels.targets());
    }

    /// The last lines, and those that come.
    pub fn keeper(&self) -> &Arc<Keeper> {
        self.lines.keeper()
    }

    /// Writes how often lines came again whose time is over by then, for whoever is awake at that time anyway: where nobody calls
    /// it, what is logged next does.
    pub fn tell_repeats(&self, now: Instant) {
        self.lines.tell_repeats(now);
    }

    /// The same of all: nothing more comes.
    pub fn end(&self) {
        self.lines.end();
    }
}

#[cfg(test)]
mod tests;

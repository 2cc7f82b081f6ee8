//! Sources: what makes access units, each on a thread of its own.

mod grid;
pub(crate) mod panics;
mod rhythm;
mod supervisor;
mod sys;
mod times;

pub mod camera;
pub mod command;
pub mod file;
pub mod found;
pub mod hotplug;
pub mod jpegs;
pub mod pattern;
pub mod stand_in;

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use crate::hub::Outlet;
use crate::redact::redact;

pub(crate) use grid::check_fps;
pub use supervisor::{Running, spawn, spawn_near};

/// Makes access units.
pub trait Source: Send {
    /// Runs until [`Outlet::stopped`], resting while nobody wants anything.
    ///
    /// # Errors
    /// Why it cannot run now; it is called again after a while.
    fn run(&mut self, outlet: &Outlet) -> Result<(), Error>;
}

/// Why a source cannot run, in a sentence that names the place and says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// The sentence; passwords that a program or an address has in it are left out.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(redact(&sentence.into()).into_owned())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Wakes a parked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A waker of this thread: [`std::thread::park`] returns when it is woken.
fn waker() -> Waker {
    Arc::new(Unpark(std::thread::current())).into()
}

/// Rests for `time`, or until woken.
fn rest(time: Duration) {
    std::thread::park_timeout(time);
}

/// Says that a source has let go of all that it needs to run, and gives the memory back.
fn at_rest(outlet: &Outlet) {
    sys::give_back();
    tracing::debug!(mount = outlet.name(), "rests");
}

/// Rests until somebody wants access units; false if the source is to end.
fn until_wanted(outlet: &Outlet) -> bool {
    while !outlet.wanted() && !outlet.stopped() {
        std::thread::park();
    }
    !outlet.stopped()
}

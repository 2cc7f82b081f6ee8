//! The control socket, for as long as the daemon serves: where another daemon has its place it is tried again, for that one
//! may be on its way out.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::steward;
use crate::control;
use crate::control::server::{Running, Socket};

/// From one attempt to the next.
const AGAIN: Duration = Duration::from_secs(2);

/// Whoever serves the control socket, or waits for its place.
pub(super) enum Steering {
    Runs(Running),
    Waits(Sender<()>, JoinHandle<Option<Running>>),
    /// There are no threads left.
    None,
}

impl Steering {
    /// Starts it at `path`, or where clients look for it. Without one the daemon serves all the same.
    pub(super) fn begin(path: Option<PathBuf>, steward: Arc<steward::Steward>) -> Self {
        let path = path.unwrap_or_else(|| control::Usual::read().path());
        match Socket::bind(&path) {
            Ok(socket) => serve(socket, steward).map_or(Self::None, Self::Runs),
            Err(error) => {
                tracing::warn!("nobody can steer this daemon: {error}; it is tried again");
                let (stop, stopped) = channel();
                let wait = move || wait(&path, steward, &stopped);
                match thread::Builder::new().name("lenslet-steering".to_owned()).spawn(wait) {
                    Ok(thread) => Self::Waits(stop, thread),
                    Err(_) => Self::None,
                }
            }
        }
    }

    /// Ends it: what is answered already still goes out.
    pub(super) fn end(self) {
        let running = match self {
            Self::Runs(running) => Some(running),
            Self::Waits(stop, thread) => {
                drop(stop);
                thread.join().ok().flatten()
            }
            Self::None => None,
        };
        running.into_iter().for_each(Running::stop);
    }
}

/// Tries until the place is free; none if the daemon ends before.
fn wait(path: &std::path::Path, steward: Arc<steward::Steward>, stopped: &Receiver<()>) -> Option<Running> {
    loop {
        if !matches!(stopped.recv_timeout(AGAIN), Err(RecvTimeoutError::Timeout)) {
            return None;
        }
        if let Ok(socket) = Socket::bind(path) {
            tracing::info!("the control socket {} is this daemon's now", path.display());
            return serve(socket, steward);
        }
    }
}

fn serve(socket: Socket, steward: Arc<steward::Steward>) -> Option<Running> {
    control::server::start(Some(socket), Vec::new(), Arc::new(steward::Shared(steward)))
        .inspect_err(
            |error| tracing::warn!(%error, "nobody can steer this daemon: there are no threads left"),
        )
        .ok()
}

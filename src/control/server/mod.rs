//! The daemon's end of the socket: one thread with an executor of its own, so that no worker that sends media is ever
//! disturbed by who looks on.
//!
//! ```text
//! socket     the file: who may open it, and whose it is where a daemon died
//! place      whether the file is still there
//! client     one client: lines in, a task a request
//! requests   what each request is answered
//! outbox     lines out; who does not read them is dropped
//! ```

mod client;
mod origin;
mod outbox;
mod place;
mod requests;
mod socket;

use std::cell::Cell;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use smol::channel::{Receiver, Sender, bounded};
use smol::future::FutureExt;
use smol::{Async, LocalExecutor, Timer};

use super::Steward;
use super::protocol::{AnswerLine, Refusal};
use place::Place;
pub use socket::{Error, Socket};

/// Clients at once: each costs memory, and a person has few terminals.
const CLIENTS: usize = 32;

/// From one attempt to make the socket's file again to the next.
const AGAIN: Duration = Duration::from_secs(2);

/// A control server that runs.
#[derive(Debug)]
pub struct Running {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Ends it: what is answered already still goes out, for half a second at most. The socket's file is removed.
    pub fn stop(self) {
        self.stop.close();
        // A panic there has been told of by its message.
        let _ = self.thread.join();
    }
}

/// Serves who connects to the socket, and the other ends of these streams, on a thread of its own.
///
/// # Errors
/// The system gives no more threads.
pub fn start(
    socket: Option<Socket>,
    streams: Vec<UnixStream>,
    steward: Arc<dyn Steward>,
) -> io::Result<Running> {
    let (stop, stopped) = bounded(1);
    let serve = move || {
        let executor = Rc::new(LocalExecutor::new());
        let group = socket.as_ref().map_or_else(|| nix::unistd::getegid().as_raw(), Socket::group);
        let group = Rc::new(Cell::new(group));
        let house = House { executor: executor.clone(), steward, group, stopped, clients: Rc::default() };
        // The reactor's own thread drives the reactor: who takes it over holds up the workers' sockets.
        smol::future::block_on(executor.run(house.serve(socket, streams)));
    };
    let thread = thread::Builder::new().name("lenslet-control".to_owned()).spawn(serve)?;
    Ok(Running { stop, thread })
}

/// What all clients share.
#[derive(Clone)]
struct House {
    executor: Rc<LocalExecutor<'static>>,
    steward: Arc<dyn Steward>,
    /// Whose members may ask.
    group: Rc<Cell<u32>>,
    /// Closed at the end.
    stopped: Receiver<()>,
    clients: Rc<Cell<usize>>,
}

impl House {
    async fn serve(self, mut socket: Option<Socket>, streams: Vec<UnixStream>) {
        for stream in streams {
            self.welcome(stream);
        }
        if let Some(socket) = &mut socket {
            // What panics in it is begun anew, until the end.
            while kept("who comes in", self.keep(socket).or(self.until_stopped())).await.is_none() {
                after(Duration::from_secs(1)).await;
            }
        }
        self.until_stopped().await;
        // Nobody new comes in while those who are here are told the last.
        drop(socket);
        let gone = async {
            while self.clients.get() > 0 {
                Timer::after(Duration::from_millis(5)).await;
            }
        };
        gone.or(after(2 * client::GRACE)).await;
    }

    /// Lets in who comes, and has the socket's file made again when it goes.
    async fn keep(&self, socket: &mut Socket) {
        let mut told = false;
        loop {
            let place = Place::watch(socket.path());
            if socket.is_there() {
                told = false;
                let changes = async {
                    // Where the folder is not watched nobody sees what becomes of the file.
                    let Ok(place) = &place else { return std::future::pending().await };
                    if place.changes().await.is_err() {
                        after(AGAIN).await;
                    }
                };
                self.accept(socket).or(changes).await;
                continue;
            }
            let path = socket.path().display().to_string();
            match socket.bind_again() {
                Ok(()) => tracing::warn!("the control socket {path} was removed, and is made again"),
                Err(error) => {
                    if !told {
                        tracing::warn!(
                            "the control socket {path} was removed, and {error}; it is tried again"
                        );
                    }
                    told = true;
                    after(AGAIN).await;
                }
            }
            self.group.set(socket.group());
        }
    }

    async fn accept(&self, socket: &Socket) {
        loop {
            match socket.accept().await {
                Ok(stream) => {
                    may_panic();
                    self.welcome(stream);
                }
                Err(error) => {
                    tracing::warn!(%error, "nobody is let in at the control socket for a second");
                    after(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Looks who it is, and serves it.
    fn welcome(&self, stream: UnixStream) {
        let refused = |refusal: Refusal| {
            let line = AnswerLine { id: None, more: false, outcome: Err(refusal) };
            // Who does not take this one line at once is not owed it.
            let _ = stream.set_nonblocking(true).and_then(|()| (&stream).write_all(line.write().as_bytes()));
        };
        let caller = match socket::caller(&stream, self.group.get()) {
            Ok(caller) => caller,
            Err(refusal) => {
                tracing::warn!(why = refusal.why, "a client of the control socket was turned away");
                return refused(refusal);
            }
        };
        if self.clients.get() >= CLIENTS {
            return refused(Refusal::new(
                "too-many-clients",
                format!("{CLIENTS} clients are here already"),
                "end one that is not needed",
            ));
        }
        let stream = match Async::new(stream) {
            Ok(stream) => stream,
            Err(error) => return tracing::warn!(%error, "a client of the control socket cannot be served"),
        };
        self.clients.set(self.clients.get() + 1);
        let house = self.clone();
        self.executor
            .spawn(async move {
                tracing::debug!(uid = caller.uid, pid = caller.pid, "a control client came");
                kept("a client", client::serve(&house, &caller, &stream)).await;
                tracing::debug!(uid = caller.uid, pid = caller.pid, "a control client is gone");
                house.clients.set(house.clients.get() - 1);
            })
            .detach();
    }

    async fn until_stopped(&self) {
        // Nothing is ever sent: it ends when it is closed.
        let _ = self.stopped.recv().await;
    }
}

/// A panic ends its own task alone; none if there was one.
async fn kept<T>(what: &str, work: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.inspect_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        tracing::error!(panic = text, "{what} of the control socket: an error in Lenslet itself");
    })
    .ok()
}

/// Where a test may have who lets clients in panic; nothing elsewhere.
#[cfg(not(test))]
fn may_panic() {}

#[cfg(test)]
use tests::may_panic;

async fn after(time: Duration) {
    Timer::after(time).await;
}

#[cfg(test)]
mod tests;

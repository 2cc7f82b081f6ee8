//! Pictures are marked on a thread of their own, one at a time in the whole program: to decode and code a large one takes
//! tens of megabytes, and a second of a small board's processor. What is shown meanwhile is shown in time.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::task::Waker;
use std::thread::Builder;
use std::time::SystemTime;

use super::picture::{Marked, Unmarked};
use crate::media::EncoderError;
use crate::source::panics::may_panic;
use crate::source::sys;

/// Whether so many bytes of memory can be had for a while.
pub type Spares = Arc<dyn Fn(u64) -> bool + Send + Sync>;

/// Where pictures are marked.
pub(super) struct Desk {
    spares: Spares,
    /// Who is woken when one is done.
    waker: Waker,
}

/// A picture that is being marked: what becomes of it, and nothing if that panics.
pub(super) type Marking = Receiver<Result<Marked, EncoderError>>;

/// Why one is not begun.
#[derive(Debug)]
pub(super) enum Refused {
    /// Another one is being marked.
    Busy,
    /// There is too little memory.
    Short,
    /// The system gives no thread.
    Thread(io::Error),
}

impl Desk {
    pub(super) fn new(spares: Spares, waker: Waker) -> Self {
        Self { spares, waker }
    }

    /// Has a picture marked, which takes so many `bytes` meanwhile; it is fetched once it is sure that it will be.
    pub(super) fn begin(
        &self,
        bytes: u64,
        since: SystemTime,
        fetch: impl FnOnce() -> Unmarked,
    ) -> Result<Marking, Refused> {
        let busy = Busy::new(self.waker.clone()).ok_or(Refused::Busy)?;
        if !(self.spares)(bytes) {
            return Err(Refused::Short);
        }
        let picture = fetch();
        let (sender, marking) = sync_channel(1);
        let mark = move || {
            // It goes last: who is woken finds that this is over.
            let _busy = busy;
            let sender = sender;
            may_panic("marking");
            let marked = picture.mark(since);
            sys::give_back();
            // The source may have come back meanwhile.
            let _ = sender.send(marked);
        };
        Builder::new().name("stand-in-mark".to_owned()).spawn(mark).map_err(Refused::Thread)?;
        Ok(marking)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("another one is being marked"),
            Self::Short => f.write_str("too little memory is left"),
            Self::Thread(error) => write!(f, "no thread for it: {error}"),
        }
    }
}

static BUSY: AtomicBool = AtomicBool::new(false);

/// While it lives nobody else marks a picture.
pub(super) struct Busy(Waker);

impl Busy {
    pub(super) fn new(waker: Waker) -> Option<Self> {
        (!BUSY.swap(true, Ordering::SeqCst)).then(|| Self(waker))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.store(false, Ordering::SeqCst);
        self.0.wake_by_ref();
    }
}

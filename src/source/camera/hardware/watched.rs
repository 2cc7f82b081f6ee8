//! A stream on a thread of its own, beside which another one sees whether the encoder's calls return: a sick driver keeps
//! the thread that called it for good (`S_CTRL`, `QBUF`, `DQBUF` of one that runs), and with it all that this thread has.
//!
//! The calls stay where they are, on the thread that waits for both devices: to hand each one over would be two switches of
//! threads a call, and a picture takes six. What it costs is two atomic steps a call, and a look each [`LOOK`].

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use super::ladder::Fault;
use super::opening::{LIMIT, Trouble};
use super::stream::{Over, Stream};
use super::{Broken, Pair, running, sentence};
use crate::clock;
use crate::hub::Outlet;
use crate::source::Error;
use crate::source::camera::controls::apply::Wished;
use crate::source::rhythm::Rhythm;
use crate::v4l2::Alarm;

/// How often it is looked at the calls.
const LOOK: Duration = Duration::from_secs(1);

/// Which call is being made: odd while one is, and another number each.
#[derive(Debug, Default)]
pub(super) struct Calls(AtomicU64);

/// Others went on without the thread that made the call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left;

/// The number of no call.
const LEFT: u64 = u64::MAX;

impl Calls {
    /// Makes a call of the encoder's, which may not return, or so late that nobody waits any more.
    pub(super) fn make<T>(&self, call: impl FnOnce() -> T) -> Result<T, Left> {
        let number = self.0.load(Ordering::Acquire);
        if number == LEFT {
            return Err(Left);
        }
        let number = number | 1;
        self.0.store(number, Ordering::Release);
        let done = call();
        let over =
            self.0.compare_exchange(number, number.wrapping_add(1), Ordering::AcqRel, Ordering::Acquire);
        over.map(|_| done).map_err(|_| Left)
    }

    /// The call that is being made.
    fn under_way(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Acquire)).filter(|number| number % 2 == 1)
    }

    /// Goes on without who makes this call; false if it is over.
    fn leave(&self, call: u64) -> bool {
        self.0.compare_exchange(call, LEFT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Streams until that is over, or a call of the encoder's takes too long: then the camera is free for others.
pub(super) fn run(
    (capture, running, exported): Pair,
    wished: &mut Wished,
    rhythm: &mut Rhythm,
    alarm: &Alarm,
    outlet: &Outlet,
) -> Result<Over, Broken> {
    let name = running::name(&running.arrangement.settings);
    let stopper = capture.stopper().map_err(sentence)?;
    let calls = Arc::new(Calls::default());
    let (sender, over) = sync_channel(1);
    let stream = {
        let (calls, alarm, outlet) = (calls.clone(), alarm.clone(), outlet.lend());
        // What they learn is lost with a thread that is left.
        let (mut wished, mut rhythm) = (wished.clone(), rhythm.clone());
        move || {
            let pair = (capture, running, exported);
            let over = Stream::new(pair, &mut rhythm, &calls, &alarm, &outlet).run(&mut wished);
            // What comes too late is dropped, and thereby closed, here.
            let _ = sender.send((over, wished, rhythm));
        }
    };
    let thread = Builder::new().name(format!("enc-{}", outlet.name())).spawn(stream);
    let thread = thread.map_err(|error| Error::new(format!("{name}: no thread for it: {error}")))?;
    let mut slow = None;
    loop {
        match over.recv_timeout(LOOK) {
            Ok((over, with, learned)) => {
                (*wished, *rhythm) = (with, learned);
                let _ = thread.join();
                return Ok(over);
            }
            // It panicked: that is what becomes of the source too.
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => resume_unwind(panic),
                Ok(()) => return Err(Error::new(format!("{name}: its thread ended")).into()),
            },
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = clock::now();
        slow = match (calls.under_way(), slow) {
            (Some(call), Some((same, since))) if call == same => {
                if now.duration_since(since) >= LIMIT && calls.leave(call) {
                    stopper.stop();
                    let seconds = LIMIT.as_secs();
                    let why = format!("{name}: a call of it takes longer than {seconds} s while it runs");
                    return Err(Trouble { fault: Fault::Stuck, why }.into());
                }
                slow
            }
            (call, _) => call.map(|call| (call, now)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_over_is_not_left_and_one_that_was_left_is_told_so() {
        let calls = Calls::default();
        assert_eq!((calls.under_way(), calls.make(|| 7)), (None, Ok(7)));
        let first = calls.make(|| calls.under_way()).unwrap().unwrap();
        assert!(!calls.leave(first), "it is over");
        let second = calls.make(|| calls.under_way()).unwrap().unwrap();
        assert_ne!(first, second, "two that are short are not one that is long");
        assert_eq!(calls.make(|| calls.leave(calls.under_way().unwrap())), Err(Left));
        assert_eq!(calls.make(|| 7), Err(Left), "it has nothing any more");
    }
}

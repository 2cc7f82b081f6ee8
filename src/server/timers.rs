//! A worker's timers, and how its thread waits: until it is woken, or the next of them rings.
//!
//! They are a table of the thread's own. By smol's each ring would be a turn of the reactor's thread first, and a
//! switch of threads more for each part of a picture that is spread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::clock;

/// When it rings, which is one timer's alone.
pub(super) type Key = Instant;

thread_local! {
    static TABLE: RefCell<BTreeMap<Key, Waker>> = RefCell::default();
}

/// Has `waker` woken at `at` by this thread's [`block_on`], or as many nanoseconds later as others are to ring then: no
/// key is one that has rung, which somebody may still have.
pub(super) fn set(at: Instant, waker: &Waker) -> Key {
    TABLE.with_borrow_mut(|table| {
        let mut key = at;
        while table.contains_key(&key) {
            key += Duration::from_nanos(1);
        }
        table.insert(key, waker.clone());
        key
    })
}

/// Whether it still waits; then `waker` is who is woken.
pub(super) fn waits(key: Key, waker: &Waker) -> bool {
    TABLE.with_borrow_mut(|table| {
        let known = table.get_mut(&key);
        known.map(|known| known.clone_from(waker)).is_some()
    })
}

/// Nobody waits for it any more.
pub(super) fn cancel(key: Key) {
    // A thread that ends has no table any more. The waker may be the last to hold a task that has timers itself.
    let waker = TABLE.try_with(|table| table.borrow_mut().remove(&key));
    drop(waker);
}

/// Wakes what is due; gives how long it is until the next.
fn ring() -> Option<Duration> {
    loop {
        let due = TABLE.with_borrow_mut(|table| {
            let first = table.first_entry()?;
            let left = first.key().saturating_duration_since(clock::now());
            Some(if left.is_zero() { Ok(first.remove()) } else { Err(left) })
        });
        match due {
            Some(Ok(waker)) => waker.wake(),
            Some(Err(left)) => return Some(left),
            None => return None,
        }
    }
}

/// Runs a future to its end, and this thread's timers meanwhile. It never drives smol's reactor: that has a thread of
/// its own, and workers that took it over while they wait would fight for its lock at each picture.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let woken = Arc::new(Woken { thread: thread::current(), woken: AtomicBool::new(true) });
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        while !woken.woken.swap(false, Ordering::SeqCst) {
            match ring() {
                // Something of that was this future's.
                _ if woken.woken.load(Ordering::SeqCst) => {}
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            }
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        // Also where it is woken without a pause: timers ring in time.
        ring();
    }
}

struct Woken {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            self.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::super::alarm::Alarm;
    use super::*;

    #[test]
    fn timers_ring_in_their_order_and_none_too_early() {
        let began = clock::now();
        let rung = RefCell::new(Vec::new());
        let after = |millis| {
            let rung = &rung;
            async move {
                let (mut alarm, at) = (Alarm::default(), began + Duration::from_millis(millis));
                poll_fn(|context| alarm.poll(at, context)).await;
                assert!(clock::now() >= at);
                rung.borrow_mut().push(millis);
            }
        };
        block_on(smol::future::zip(after(9), smol::future::zip(after(3), after(6))));
        assert_eq!(*rung.borrow(), [3, 6, 9]);
        TABLE.with_borrow(|table| assert!(table.is_empty()));
    }

    #[test]
    fn timers_of_one_time_are_as_many_as_were_set() {
        let at = clock::now() + Duration::from_millis(1);
        let rung = RefCell::new(0);
        let one = || async {
            let mut alarm = Alarm::default();
            poll_fn(|context| alarm.poll(at, context)).await;
            assert!(clock::now() >= at);
            *rung.borrow_mut() += 1;
        };
        block_on(smol::future::zip(one(), smol::future::zip(one(), one())));
        assert_eq!(*rung.borrow(), 3);
        TABLE.with_borrow(|table| assert!(table.is_empty()));
    }

    #[test]
    fn another_thread_wakes_it_and_a_timer_that_nobody_waits_for_is_gone() {
        let (sender, receiver) = smol::channel::bounded(1);
        let (asleep, sleeps) = std::sync::mpsc::channel();
        let other = thread::spawn(move || {
            sleeps.recv().unwrap();
            sender.send_blocking(7).unwrap();
        });
        let mut alarm = Alarm::default();
        let far = clock::now() + Duration::from_secs(3600);
        let got = block_on(async {
            let late = poll_fn(|context| {
                asleep.send(()).unwrap_or_default();
                alarm.poll(far, context)
            });
            let late = async {
                late.await;
                Err(smol::channel::RecvError)
            };
            smol::future::or(receiver.recv(), late).await
        });
        assert_eq!(got, Ok(7));
        drop(alarm);
        TABLE.with_borrow(|table| assert!(table.is_empty()));
        other.join().unwrap();
    }
}

//! What wakes a task again and again without an allocation each time.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::timers;
use crate::clock;

/// A timer that rings so much later is none to set anew: others had its time already.
const AS_GOOD: Duration = Duration::from_micros(1);

/// A timer of its worker's that is set anew only when it has to ring earlier. It may ring too early.
#[derive(Default)]
pub(super) struct Alarm {
    set: Option<timers::Key>,
}

impl Alarm {
    /// Rings at `at` at the latest.
    pub(super) fn poll(&mut self, at: Instant, context: &Context<'_>) -> Poll<()> {
        if let Some(key) = self.set.filter(|set| set.saturating_duration_since(at) < AS_GOOD) {
            if timers::waits(key, context.waker()) {
                return Poll::Pending;
            }
            self.set = None;
            return Poll::Ready(());
        }
        self.cancel();
        if at <= clock::now() {
            return Poll::Ready(());
        }
        self.set = Some(timers::set(at, context.waker()));
        Poll::Pending
    }

    fn cancel(&mut self) {
        if let Some(key) = self.set.take() {
            timers::cancel(key);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// Waits until then by the worker's own timers: by smol's it would be a turn of the reactor's thread, a dozen system calls.
pub(super) async fn until(at: Instant) {
    let mut alarm = Alarm::default();
    poll_fn(|context| alarm.poll(at, context)).await;
}

/// A nudge from another task of the same thread; several are one.
#[derive(Default)]
pub(super) struct Kick {
    given: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Kick {
    pub(super) fn give(&self) {
        self.given.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// One that nobody took was for something else.
    pub(super) fn forget(&self) {
        self.given.set(false);
    }

    /// Waits for one.
    pub(super) async fn taken(&self) {
        poll_fn(|context| self.poll(context)).await;
    }

    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.given.take() {
            return Poll::Ready(());
        }
        let known = self.waker.take().filter(|known| known.will_wake(context.waker()));
        self.waker.set(Some(known.unwrap_or_else(|| context.waker().clone())));
        Poll::Pending
    }
}

/// Waits for a future that is looked at only when it was woken itself: what its task is woken for again and again
/// is nothing to it.
pub(super) async fn seldom<T>(future: impl Future<Output = T>) -> T {
    let own = Arc::new(Own { woken: AtomicBool::new(true), task: Mutex::default() });
    let waker = Waker::from(own.clone());
    let mut future = pin!(future);
    poll_fn(|context| {
        own.follow(context.waker());
        if !own.woken.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        future.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

/// Wakes a task, and notes that it was this that woke it.
struct Own {
    woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Own {
    fn follow(&self, waker: &Waker) {
        match &mut *self.task.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

impl Wake for Own {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.iter().for_each(Waker::wake_by_ref);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn kicks_are_one_until_they_are_taken() {
        let kick = Kick::default();
        let context = Context::from_waker(Waker::noop());
        assert!(kick.poll(&context).is_pending());
        kick.give();
        kick.give();
        assert!(kick.poll(&context).is_ready());
        assert!(kick.poll(&context).is_pending());
    }

    #[test]
    fn an_alarm_rings_at_the_earliest_time_that_was_asked_for() {
        let mut alarm = Alarm::default();
        let now = clock::now();
        let context = Context::from_waker(Waker::noop());
        assert!(alarm.poll(now + Duration::from_secs(3600), &context).is_pending());
        assert!(alarm.poll(now, &context).is_ready());
        assert!(alarm.poll(now + Duration::from_secs(3600), &context).is_pending());
    }
    #[test]
    fn what_waits_seldom_is_looked_at_when_it_was_woken_and_not_else() {
        let looks = Cell::new(0);
        let inner = RefCell::new(None);
        let mut waits = pin!(seldom(poll_fn(|context| {
            looks.set(looks.get() + 1);
            inner.replace(Some(context.waker().clone()));
            if looks.get() < 2 { Poll::Pending } else { Poll::Ready(7) }
        })));
        let outer = Arc::new(Own { woken: AtomicBool::new(false), task: Mutex::default() });
        let waker = Waker::from(outer.clone());
        let mut context = Context::from_waker(&waker);
        (0..3).for_each(|_| assert!(waits.as_mut().poll(&mut context).is_pending()));
        assert_eq!((looks.get(), outer.woken.load(Ordering::SeqCst)), (1, false));
        inner.take().unwrap().wake();
        assert!(outer.woken.load(Ordering::SeqCst), "its task is woken too");
        assert_eq!(waits.as_mut().poll(&mut context), Poll::Ready(7));
    }
}

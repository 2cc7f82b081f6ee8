//! What wakes a task again and again without an allocation each time.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// A timer that is set anew only when it has to ring earlier. It may ring too early.
pub(super) struct Alarm {
    timer: smol::Timer,
    at: Option<Instant>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { timer: smol::Timer::never(), at: None }
    }
}

impl Alarm {
    /// Rings at `at` at the latest.
    pub(super) fn poll(&mut self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        if self.at.is_none_or(|set| at < set) {
            self.timer.set_at(at);
            self.at = Some(at);
        }
        let rung = Pin::new(&mut self.timer).poll(context).map(drop);
        if rung.is_ready() {
            self.at = None;
        }
        rung
    }
}

/// A nudge from another task of the same thread; several are one.
#[derive(Default)]
pub(super) struct Kick {
    given: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Kick {
    pub(super) fn give(&self) {
        self.given.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.given.take() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(known) => known.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

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
        let mut context = Context::from_waker(Waker::noop());
        assert!(alarm.poll(now + Duration::from_secs(3600), &mut context).is_pending());
        assert!(alarm.poll(now, &mut context).is_ready());
        assert!(alarm.poll(now + Duration::from_secs(3600), &mut context).is_pending());
    }
}

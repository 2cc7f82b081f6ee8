//! Lines on their way to one client.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::control::protocol::{AnswerLine, Outcome};

/// A client that leaves more than this unread is dropped. Far more than the largest answer.
const MOST: usize = 8 << 20;
/// What is sent again and again waits until less than this is unread: who reads slowly is told less often.
const LITTLE: usize = 64 << 10;

/// Lines that the socket did not take yet.
#[derive(Default)]
pub(super) struct Outbox(RefCell<State>);

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    bytes: usize,
    closed: bool,
    waiting: Vec<Waker>,
}

impl Outbox {
    /// Sends one of the answers to a request.
    pub(super) fn answer(&self, id: u64, more: bool, outcome: Outcome) {
        self.push(AnswerLine { id: Some(id), more, outcome }.write());
    }

    /// Sends a line. More than a client may leave unread closes it.
    pub(super) fn push(&self, line: String) {
        let mut state = self.0.borrow_mut();
        if state.closed {
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        if state.bytes > MOST {
            state.closed = true;
            state.lines.clear();
        }
        state.wake();
    }

    /// Waits until there is little unread; false once it is closed.
    pub(super) async fn has_room(&self) -> bool {
        self.when(|state| (state.bytes < LITTLE || state.closed).then_some(!state.closed)).await
    }

    /// Waits until everything was taken, or it is closed.
    pub(super) async fn is_empty(&self) {
        self.when(|state| (state.bytes == 0 || state.closed).then_some(())).await;
    }

    /// The next line, once there is one; none once it is closed. [`Outbox::sent`] when the socket has it.
    pub(super) async fn next(&self) -> Option<String> {
        self.when(|state| match state.closed {
            true => Some(None),
            false => state.lines.pop_front().map(Some),
        })
        .await
    }

    /// So many bytes of a line were taken.
    pub(super) fn sent(&self, bytes: usize) {
        let mut state = self.0.borrow_mut();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.wake();
    }

    /// Waits until something is so; looked at whenever something was sent.
    pub(super) async fn when_told(&self, mut is_so: impl FnMut() -> bool) {
        self.when(|state| (state.closed || is_so()).then_some(())).await;
    }

    async fn when<T>(&self, mut ready: impl FnMut(&mut State) -> Option<T>) -> T {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            match ready(&mut state) {
                Some(found) => Poll::Ready(found),
                None => {
                    if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                        state.waiting.push(context.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl State {
    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smol::future::{block_on, poll_once};

    #[test]
    fn lines_go_out_in_order_and_what_is_unread_is_counted() {
        let outbox = Outbox::default();
        assert!(block_on(outbox.has_room()));
        outbox.push("a".repeat(LITTLE));
        outbox.push("b".into());
        assert_eq!(block_on(poll_once(outbox.has_room())), None);
        assert_eq!(block_on(outbox.next()).map(|line| line.len()), Some(LITTLE));
        assert_eq!(block_on(poll_once(outbox.is_empty())), None, "the socket has not taken it");
        outbox.sent(LITTLE);
        assert!(block_on(outbox.has_room()));
        assert_eq!(block_on(outbox.next()).as_deref(), Some("b"));
        assert_eq!(block_on(poll_once(outbox.next())), None);
    }

    #[test]
    fn who_leaves_too_much_unread_is_dropped() {
        let outbox = Outbox::default();
        (0..8).for_each(|_| outbox.push("a".repeat(1 << 20)));
        assert!(block_on(outbox.next()).is_some());
        outbox.push("b".into());
        assert_eq!(block_on(outbox.next()), None);
        assert!(!block_on(outbox.has_room()));
    }
}

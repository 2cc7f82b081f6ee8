//! The last lines.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::Line;
use super::packed::Packed;

/// So many lines are kept, and so many bytes of them.
const LINES: usize = 1000;
const BYTES: usize = 256 << 10;

/// Keeps the last lines, and tells who waits of those that come.
#[derive(Debug, Default)]
pub struct Keeper(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lines: Packed,
    /// The number of the line after the last.
    next: u64,
    waiting: Vec<Waker>,
}

/// Lines that were kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// In the order in which they were logged.
    pub lines: Vec<Line>,
    /// Lines before them that are no longer kept.
    pub missed: u64,
    /// The number from which to ask for the next.
    pub next: u64,
}

impl Keeper {
    /// Keeps a line; the oldest make room for it.
    pub fn keep(&self, line: &Line) {
        let mut state = self.state();
        state.lines.push(line);
        state.next += 1;
        while state.lines.len() > LINES || state.lines.bytes() > BYTES && state.lines.len() > 1 {
            state.lines.pop();
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// The lines from number `from` on; the first ever is 0.
    pub fn since(&self, from: u64) -> Kept {
        let state = self.state();
        let first = state.next - state.lines.len() as u64;
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        let missed = first.saturating_sub(from);
        Kept { lines: state.lines.skip(skip).collect(), missed, next: state.next }
    }

    /// The lines from number `from` on, once there are any.
    pub fn poll_since(&self, from: u64, context: &mut Context<'_>) -> Poll<Kept> {
        let mut state = self.state();
        if state.next > from {
            drop(state);
            return Poll::Ready(self.since(from));
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            state.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::logs::Level;

    #[test]
    fn a_panic_while_a_line_is_kept_leaves_the_log_as_it_is() {
        let line = || Line { time: String::new(), level: Level::Info, room: "server", text: String::new() };
        let keeper = Arc::new(Keeper::default());
        keeper.keep(&line());
        let panicking = keeper.clone();
        let panics = std::thread::spawn(move || {
            let _state = panicking.state();
            panic!("on purpose");
        });
        assert!(panics.join().is_err() && keeper.0.is_poisoned());
        keeper.keep(&line());
        assert_eq!(keeper.since(0).lines.len(), 2);
    }
}

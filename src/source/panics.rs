//! What serves all sources goes on after a panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

/// How long it rests before.
const REST: Duration = Duration::from_secs(1);

/// Runs what serves all sources; again after a while when it panics.
pub(crate) fn keep_up(what: &str, mut run: impl FnMut()) {
    while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut run)) {
        tracing::error!("{what} goes on after an error in Lenslet itself: {}", message(&*panic));
        thread::sleep(REST);
    }
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

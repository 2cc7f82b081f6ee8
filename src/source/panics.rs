//! What serves all sources goes on after a panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

/// Where a test may have a running program panic: where the folder that `LENSLET_TEST_PANICS` names has a file of that name,
/// which is removed. In builds for developers alone.
#[cfg(debug_assertions)]
pub(crate) fn may_panic(what: &str) {
    use std::path::PathBuf;
    use std::sync::OnceLock;

    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| std::env::var_os("LENSLET_TEST_PANICS").map(PathBuf::from));
    let panics = folder.as_ref().is_some_and(|folder| std::fs::remove_file(folder.join(what)).is_ok());
    assert!(!panics, "{what}: on purpose");
}

#[cfg(not(debug_assertions))]
pub(crate) fn may_panic(_: &str) {}

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

//! A panic ends what it happened in, and nothing else.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use smol::future::FutureExt;

/// What panics again at once is not tried more often than this.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Runs `work`; what it said if it panicked. Everything here is shared by `Rc` and `RefCell`, whose
/// borrows end with the unwinding.
///
/// What is large comes in a box: an async function has room for what it is given twice.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| sentence(&*panic))
}

/// The same for what there are many of: it takes no more room than the work, and [`sentence`] tells what the panic said.
pub(super) fn contained<T>(work: impl Future<Output = T>) -> impl Future<Output = std::thread::Result<T>> {
    AssertUnwindSafe(work).catch_unwind()
}

/// Runs what `start` begins until that ends by itself; begins it again when it panics.
pub(super) async fn restarted<F: Future<Output = ()>>(what: &str, mut start: impl FnMut() -> F) {
    while let Err(panic) = caught(start()).await {
        tracing::error!(what, panic, "a task panicked and begins again; please report this");
        smol::Timer::after(PAUSE).await;
    }
}

/// Where a test may have a task of that kind panic; nothing elsewhere.
#[cfg(not(test))]
pub(super) fn may_panic(_: &str) {}

#[cfg(test)]
pub(super) use on_purpose::may_panic;

#[cfg(test)]
pub(super) mod on_purpose {
    use std::cell::RefCell;
    use std::sync::{Arc, Mutex, PoisonError};

    /// Which kind panics next, once.
    pub(in crate::server) type Planned = Arc<Mutex<Option<&'static str>>>;

    thread_local! {
        static PLANNED: RefCell<Planned> = RefCell::default();
    }

    /// This thread's tasks do as planned.
    pub(in crate::server) fn follow(planned: Planned) {
        PLANNED.set(planned);
    }

    pub(in crate::server) fn may_panic(what: &str) {
        let planned = PLANNED.with_borrow(Arc::clone);
        let mut planned = planned.lock().unwrap_or_else(PoisonError::into_inner);
        if *planned == Some(what) {
            *planned = None;
            drop(planned);
            panic!("{what}: on purpose");
        }
    }
}

/// What a panic said.
pub(super) fn sentence(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use smol::LocalExecutor;

    use super::*;

    #[test]
    fn a_panic_ends_its_own_task_alone_and_lets_go_of_what_it_held() {
        let executor = LocalExecutor::new();
        let shared = Rc::new(RefCell::new(0));
        let broken = shared.clone();
        let panicking = executor.spawn(caught(async move {
            let held = broken.borrow_mut();
            assert!(*held > 7, "byte {}", *held);
        }));
        let other = shared.clone();
        let healthy = executor.spawn(caught(async move { *other.borrow_mut() += 1 }));
        let (panicked, done) = smol::block_on(executor.run(async { (panicking.await, healthy.await) }));
        assert_eq!(panicked, Err("byte 0".to_owned()));
        assert_eq!((done, *shared.borrow()), (Ok(()), 1));
    }

    #[test]
    fn what_panicked_begins_again() {
        let runs = Cell::new(0);
        smol::block_on(restarted("test", || async {
            runs.set(runs.get() + 1);
            assert!(runs.get() > 1, "the first run panics");
        }));
        assert_eq!(runs.get(), 2);
    }
}

//! A panic in one of the daemon's own threads costs what it was at, and nothing else.

pub(super) use crate::source::panics::{keep_up, message};

/// Where a test may have a thread of that kind panic; nothing elsewhere.
#[cfg(not(test))]
pub(super) fn may_panic(_: &str) {}

#[cfg(test)]
pub(super) use on_purpose::may_panic;

#[cfg(test)]
pub(super) mod on_purpose {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// Kinds of threads that panic next, each once. Of each kind one test alone has a thread at a time.
    static PLANNED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

    fn planned() -> MutexGuard<'static, BTreeSet<&'static str>> {
        PLANNED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::daemon) fn plan(what: &'static str) {
        planned().insert(what);
    }

    pub(in crate::daemon) fn happened(what: &str) -> bool {
        !planned().contains(what)
    }

    pub(in crate::daemon) fn may_panic(what: &str) {
        let panics = planned().remove(what);
        assert!(!panics, "{what}: on purpose");
    }
}

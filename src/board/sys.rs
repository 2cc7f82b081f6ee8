//! The calls that the standard library has no safe way for.

#![allow(unsafe_code, reason = "adjtimex has no safe form")]

use std::mem::MaybeUninit;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Whether the kernel was told that its clock is right
/// ([adjtimex(2)](https://man7.org/linux/man-pages/man2/adjtimex.2.html)); asking needs no privileges.
pub(super) fn clock_synchronised() -> Option<bool> {
    // SAFETY: all its fields are integers, of which zeroes are values.
    let mut asked: libc::timex = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: it writes one such structure; no mode is set, so that nothing of the clock changes.
    let state = unsafe { libc::adjtimex(&raw mut asked) };
    (state >= 0).then_some(asked.status & libc::STA_UNSYNC == 0)
}

/// What this program took of processors so far.
pub(super) fn own_cpu_time() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    u64::try_from(microseconds).ok().map(Duration::from_micros)
}

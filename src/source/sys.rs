//! The calls of sources that the standard library has no safe way for.

#![allow(
    unsafe_code,
    reason = "glibc's malloc_trim, waiting for any child and what runs between fork and exec have no safe form"
)]

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};

/// Gives freed memory back to the system. glibc keeps what an encoder or a file's pictures took: as much again as all
/// of Lenslet at rest. Other allocators are left to themselves.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks, and touches free memory alone (malloc_trim(3)).
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Has the kernel end the program when the thread that starts it ends, however that happens
/// ([prctl(2)](https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html)).
pub(super) fn die_with_us(command: &mut Command) {
    // SAFETY: between fork and exec it makes one system call, which is async-signal-safe, and allocates nothing.
    unsafe {
        command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGKILL)?));
    }
}

/// Has the program get all signals, though who starts it blocks some.
pub(super) fn with_signals(command: &mut Command) {
    // SAFETY: between fork and exec it makes one system call, which is async-signal-safe, and allocates nothing.
    unsafe {
        command.pre_exec(|| Ok(SigSet::empty().thread_set_mask()?));
    }
}

/// Takes note of a child that ended, whichever, if one did; nix knows no real-time signals that one may have ended by
/// ([waitpid(2)](https://man7.org/linux/man-pages/man2/waitpid.2.html)).
pub(super) fn reap() -> Option<(u32, ExitStatus)> {
    let mut status = 0;
    // SAFETY: the kernel writes an int to where `status` is, which lives until the call is over.
    let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
    u32::try_from(pid).ok().filter(|pid| *pid != 0).map(|pid| (pid, ExitStatus::from_raw(status)))
}

//! The one call to the allocator that the standard library has no safe way for.

#![allow(unsafe_code, reason = "glibc's malloc_trim has no safe form")]

/// Gives freed memory back to the system. glibc keeps what an encoder or a file's pictures took: as much again as all
/// of Lenslet at rest. Other allocators are left to themselves.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks, and touches free memory alone (malloc_trim(3)).
    let _ = unsafe { libc::malloc_trim(0) };
}

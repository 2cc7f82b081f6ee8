//! A driver's memory in this process.

use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use super::BufferPlane;

/// A plane of a driver's buffer in this process's memory.
#[derive(Debug)]
pub(in super::super) struct Mapping {
    start: NonNull<libc::c_void>,
    length: NonZeroUsize,
    writable: bool,
}

// SAFETY: memory that no thread owns; `Mapping` lends it out for writing only while borrowed mutably.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a plane that [`Ask::Query`](super::Ask::Query) told of, to be read, or to be written too.
    pub(in super::super) fn new(
        fd: BorrowedFd<'_>,
        plane: &BufferPlane,
        writable: bool,
    ) -> nix::Result<Self> {
        let length = NonZeroUsize::new(plane.length as usize).ok_or(Errno::EINVAL)?;
        #[allow(clippy::unnecessary_fallible_conversions, reason = "off_t has 32 bits with 32-bit glibc")]
        let offset = libc::off_t::try_from(plane.map_at).map_err(|_| Errno::EOVERFLOW)?;
        let mut protection = ProtFlags::PROT_READ;
        protection.set(ProtFlags::PROT_WRITE, writable);
        // SAFETY: a new mapping at an address of the kernel's choice touches nobody's memory.
        let start = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, fd, offset) }?;
        Ok(Self { start, length, writable })
    }

    /// The memory. Only to be read while the driver does not fill it: between dequeue and requeue.
    pub(in super::super) fn bytes(&self) -> &[u8] {
        // SAFETY: `length` bytes at `start` are mapped readable until drop. The driver writes to them
        // only while they are queued, and `capture` and `encoder` lend them out only while they are not.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length.get()) }
    }

    /// The memory, to be filled while the driver does not read it: before it is queued. Empty if it was
    /// mapped to be read.
    pub(in super::super) fn bytes_mut(&mut self) -> &mut [u8] {
        if !self.writable {
            return &mut [];
        }
        // SAFETY: `length` bytes at `start` are mapped writable until drop, and nobody else of this process
        // has them while `self` is borrowed. `encoder` lends them out only while the driver has them not.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.length.get()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping, whole, and no slice of it outlives `self`.
        let _ = unsafe { munmap(self.start, self.length.get()) };
    }
}

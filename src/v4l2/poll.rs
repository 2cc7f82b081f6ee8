//! The one place where a device's thread waits.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::sys::uninterrupted;

/// Waits for a device and for a [`Waker`], so that whoever holds the waker can interrupt the wait. Clones are the same.
#[derive(Clone, Debug)]
pub struct Alarm(Arc<Bell>);

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// The device has a buffer.
    Device,
    /// The device has an event, and perhaps a buffer.
    Event,
    /// The device is in error (`POLLERR`, `POLLHUP`) and has no buffer: it does not stream, or is gone.
    /// Waiting again would return at once.
    Failed,
    /// The waker was called, or nothing happened in the time given.
    Woken,
}

/// A device that is waited for, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    /// The device.
    pub device: BorrowedFd<'a>,
    /// Wait for a filled buffer too: `POLLIN`.
    pub filled: bool,
    /// Wait for a buffer that the driver has read: `POLLOUT`.
    pub returned: bool,
    /// Wait for an event: `POLLPRI`.
    pub events: bool,
}

/// What a device that was waited for has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// A filled buffer.
    pub filled: bool,
    /// A buffer that the driver has read.
    pub returned: bool,
    /// An event.
    pub event: bool,
    /// It is in error and has nothing of these: it does not stream, or is gone.
    pub failed: bool,
}

#[derive(Debug)]
struct Bell(EventFd);

impl Alarm {
    /// An alarm that nobody can ring yet.
    ///
    /// # Errors
    ///
    /// The kernel's, when it has no descriptor left.
    pub fn new() -> std::io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self(Arc::new(Bell(EventFd::from_value_and_flags(0, flags)?))))
    }

    /// Ends the wait under way, or the next one.
    pub fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }

    /// Waits for `device`, if any, and the waker; at most `timeout`, if any, to the millisecond above.
    ///
    /// # Errors
    ///
    /// The kernel's, when it has no memory left.
    pub fn wait(&self, device: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> std::io::Result<Ready> {
        let bell = PollFd::new(self.0.0.as_fd(), PollFlags::POLLIN);
        let device = device.map(|device| PollFd::new(device, PollFlags::POLLIN | PollFlags::POLLPRI));
        let count = if device.is_some() { 2 } else { 1 };
        let mut descriptors = [bell.clone(), device.unwrap_or(bell)];
        uninterrupted(|| poll(&mut descriptors[..count], milliseconds(timeout)))?;
        if descriptors[0].any() == Some(true) {
            // Nothing to read means that it was read already: either way it is silent now.
            let _ = self.0.0.read();
        }
        Ok(match descriptors[1].revents() {
            _ if count == 1 => Ready::Woken,
            Some(events) if events.contains(PollFlags::POLLPRI) => Ready::Event,
            Some(events) if events.contains(PollFlags::POLLIN) => Ready::Device,
            Some(events) if events.is_empty() => Ready::Woken,
            _ => Ready::Failed,
        })
    }

    /// Waits for two devices and the waker; at most `timeout`, to the millisecond above.
    ///
    /// # Errors
    ///
    /// The kernel's, when it has no memory left.
    pub fn wait_both(&self, watched: [Watch<'_>; 2], timeout: Duration) -> std::io::Result<[Seen; 2]> {
        let asked = |watch: &Watch<'_>| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, watch.filled);
            flags.set(PollFlags::POLLOUT, watch.returned);
            flags.set(PollFlags::POLLPRI, watch.events);
            flags
        };
        let [one, other] = watched.each_ref().map(|watch| PollFd::new(watch.device, asked(watch)));
        let mut descriptors = [PollFd::new(self.0.0.as_fd(), PollFlags::POLLIN), one, other];
        // Who is waited for in nothing is left out: its errors would end every wait.
        let count = if asked(&watched[1]).is_empty() { 2 } else { 3 };
        uninterrupted(|| poll(&mut descriptors[..count], milliseconds(Some(timeout))))?;
        if descriptors[0].any() == Some(true) {
            let _ = self.0.0.read();
        }
        let seen = |descriptor: &PollFd<'_>| {
            let events = descriptor.revents().unwrap_or(PollFlags::all());
            Seen {
                filled: events.contains(PollFlags::POLLIN),
                returned: events.contains(PollFlags::POLLOUT),
                event: events.contains(PollFlags::POLLPRI),
                failed: !events.is_empty()
                    && !events.intersects(PollFlags::POLLIN | PollFlags::POLLOUT | PollFlags::POLLPRI),
            }
        };
        Ok([seen(&descriptors[1]), if count == 3 { seen(&descriptors[2]) } else { Seen::default() }])
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Full means that it rings already.
        let _ = self.0.write(1);
    }
}

fn milliseconds(timeout: Option<Duration>) -> PollTimeout {
    let Some(timeout) = timeout else {
        return PollTimeout::NONE;
    };
    let millis = timeout.as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn a_waker_called_before_the_wait_ends_it_once() {
        let alarm = Alarm::new().unwrap();
        alarm.waker().wake();
        alarm.waker().wake_by_ref();
        assert_eq!(alarm.wait(None, None).unwrap(), Ready::Woken);
        assert_eq!(alarm.0.0.read(), Err(Errno::EAGAIN));
    }

    #[test]
    fn a_device_in_error_is_not_a_device_with_a_buffer() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let alarm = Alarm::new().unwrap();
        assert_eq!(alarm.wait(Some(ours.as_fd()), Some(Duration::ZERO)).unwrap(), Ready::Woken);
        drop(theirs);
        // The other end is gone once no other test's child has a copy of it: each has, until it is the program that it starts.
        let patience = Some(Duration::from_secs(10));
        assert_eq!(alarm.wait(Some(ours.as_fd()), patience).unwrap(), Ready::Device);
        let (read, write) = std::io::pipe().unwrap();
        drop(write);
        assert_eq!(alarm.wait(Some(read.as_fd()), patience).unwrap(), Ready::Failed);
    }
}

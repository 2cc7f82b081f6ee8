//! The calls that the standard library lacks.

use std::io;
use std::mem;
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// An epoll instance.
pub struct Epoll(OwnedFd);

impl Epoll {
    /// # Errors
    /// The kernel has no descriptor left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel just gave it to us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Watches a descriptor for bytes to read.
    ///
    /// # Errors
    /// It is watched already, or closed.
    pub fn add(&self, fd: &impl AsRawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: `event` lives through the call.
        check(unsafe {
            libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &mut event)
        })?;
        Ok(())
    }

    /// Watches it no more.
    ///
    /// # Errors
    /// It is not watched.
    pub fn remove(&self, fd: &impl AsRawFd) -> io::Result<()> {
        // SAFETY: the kernel reads no event for this one.
        check(unsafe {
            libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_DEL, fd.as_raw_fd(), ptr::null_mut())
        })?;
        Ok(())
    }

    /// Waits at most so long; gives the tokens of those that have bytes.
    ///
    /// # Errors
    /// Anything but a signal.
    pub fn wait(&self, timeout: Duration, tokens: &mut Vec<u64>) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 256];
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: the array has 256 places, the time-out lives through the call.
        let count = unsafe {
            libc::epoll_pwait2(self.0.as_raw_fd(), events.as_mut_ptr(), 256, &timeout, ptr::null())
        };
        tokens.clear();
        match check(count) {
            Ok(count) => tokens.extend(events[..count as usize].iter().map(|event| event.u64)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// One message of a `sendmmsg`: bytes, where to, and the size of its segments if it has several.
pub struct Message<'a> {
    pub bytes: &'a [u8],
    pub to: SocketAddrV4,
    pub segment: Option<u16>,
}

/// Room for one `UDP_SEGMENT` control message.
#[repr(align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

// SAFETY: it computes with its argument.
const CONTROL: usize = unsafe { libc::CMSG_SPACE(mem::size_of::<u16>() as u32) } as usize;

/// What `sendmmsg` is given, kept from one call to the next.
#[derive(Default)]
pub struct Batch {
    names: Vec<libc::sockaddr_in>,
    slices: Vec<libc::iovec>,
    controls: Vec<Control>,
    headers: Vec<libc::mmsghdr>,
}

impl Batch {
    /// Sends all messages in as few calls as the kernel allows; says how many calls that took. A socket that is
    /// full is waited for.
    ///
    /// # Errors
    /// What the kernel says of the first message that it did not take.
    pub fn send<'a>(
        &mut self,
        socket: &impl AsRawFd,
        messages: impl Iterator<Item = Message<'a>>,
    ) -> io::Result<u64> {
        self.fill(messages);
        let (mut done, mut calls) = (0, 0);
        while done < self.headers.len() {
            let left = &mut self.headers[done..];
            let count = left.len().min(1024) as u32;
            calls += 1;
            // SAFETY: headers, names, slices and controls live in `self`, the bytes in the messages.
            match check(unsafe { libc::sendmmsg(socket.as_raw_fd(), left.as_mut_ptr(), count, 0) }) {
                Ok(sent) => done += sent as usize,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_writable(socket)?,
                Err(error) => return Err(error),
            }
        }
        Ok(calls)
    }

    fn fill<'a>(&mut self, messages: impl Iterator<Item = Message<'a>>) {
        self.names.clear();
        self.slices.clear();
        self.controls.clear();
        for message in messages {
            self.names.push(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: message.to.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*message.to.ip()).to_be() },
                sin_zero: [0; 8],
            });
            self.slices.push(libc::iovec {
                iov_base: message.bytes.as_ptr().cast_mut().cast(),
                iov_len: message.bytes.len(),
            });
            self.controls.push(Control([0; CONTROL]));
            if let Some(size) = message.segment
                && let Some(control) = self.controls.last_mut()
            {
                segment_control(control, size);
            }
        }
        // Only now: none of the lists moves any more.
        self.headers.clear();
        for index in 0..self.names.len() {
            // SAFETY: all zero is a message without anything.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_name = ptr::from_mut(&mut self.names[index]).cast();
            header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_hdr.msg_iov = &mut self.slices[index];
            header.msg_hdr.msg_iovlen = 1;
            if self.controls[index].0 != [0; CONTROL] {
                header.msg_hdr.msg_control = self.controls[index].0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = CONTROL;
            }
            self.headers.push(header);
        }
    }
}

/// [udp(7)](https://man7.org/linux/man-pages/man7/udp.7.html): `UDP_SEGMENT`.
fn segment_control(control: &mut Control, size: u16) {
    let header = control.0.as_mut_ptr().cast::<libc::cmsghdr>();
    // SAFETY: the room is aligned and large enough for a head and two bytes.
    unsafe {
        (*header).cmsg_level = libc::SOL_UDP;
        (*header).cmsg_type = libc::UDP_SEGMENT;
        (*header).cmsg_len = libc::CMSG_LEN(mem::size_of::<u16>() as u32) as usize;
        libc::CMSG_DATA(header).cast::<u16>().write_unaligned(size);
    }
}

/// What datagrams are received into: many in one call.
pub struct Inbox {
    bytes: Vec<u8>,
    slices: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

const INBOX: usize = 64;
const LARGEST: usize = 2048;

impl Default for Inbox {
    fn default() -> Self {
        let mut bytes = vec![0; INBOX * LARGEST];
        let slices: Vec<_> = bytes
            .chunks_mut(LARGEST)
            .map(|chunk| libc::iovec { iov_base: chunk.as_mut_ptr().cast(), iov_len: LARGEST })
            .collect();
        Self { bytes, slices, headers: Vec::new() }
    }
}

impl Inbox {
    /// Takes what a socket has; gives each datagram to `each` and says whether there may be more.
    ///
    /// # Errors
    /// Anything but an empty socket.
    pub fn receive(&mut self, socket: &impl AsRawFd, mut each: impl FnMut(&[u8])) -> io::Result<bool> {
        self.headers.clear();
        for slice in &mut self.slices {
            // SAFETY: all zero is a message without anything.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
            self.headers.push(header);
        }
        let (headers, count) = (self.headers.as_mut_ptr(), self.headers.len() as u32);
        let flags = libc::MSG_DONTWAIT;
        // SAFETY: the headers point at slices, those at bytes, all kept in `self`.
        let received = unsafe { libc::recvmmsg(socket.as_raw_fd(), headers, count, flags, ptr::null_mut()) };
        match check(received) {
            Ok(received) => {
                let received = received as usize;
                for (header, chunk) in self.headers[..received].iter().zip(self.bytes.chunks(LARGEST)) {
                    each(&chunk[..(header.msg_len as usize).min(LARGEST)]);
                }
                Ok(received == INBOX)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Asks for a send or receive buffer; the kernel may give less.
pub fn set_buffer(socket: &impl AsRawFd, option: i32, bytes: i32) {
    let size = mem::size_of::<i32>() as libc::socklen_t;
    let value = ptr::from_ref(&bytes).cast();
    // SAFETY: the value lives through the call and has the size that is said.
    let _less = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, size) };
}

/// Waits for room in a socket.
///
/// # Errors
/// The descriptor is not open.
pub fn wait_writable(socket: &impl AsRawFd) -> io::Result<()> {
    let mut entry = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry, which lives through the call.
    check(unsafe { libc::poll(&mut entry, 1, 1000) })?;
    Ok(())
}

/// CPU time of this process, user and system.
pub fn cpu_time() -> Duration {
    // SAFETY: all zero is a valid value of this plain struct.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the struct lives through the call.
    let _never_fails = unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let time = |value: libc::timeval| {
        Duration::from_secs(value.tv_sec as u64) + Duration::from_micros(value.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

fn check(result: RawFd) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

//! The calls that the standard library lacks: `sendmmsg` with segmentation offload, the error queue that
//! tells whose datagram failed, and a send buffer past `wmem_max`. nix's own have unsound partial results
//! (0.31).
#![allow(unsafe_code, reason = "the server's one fence around raw socket calls")]

use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Descriptors from the first on that whoever started this process left open for it, and said so: they are this
/// process's from now on, and its children do not get them.
pub(super) fn inherited(first: i32, count: i32) -> Vec<OwnedFd> {
    let open = |descriptor: &i32| {
        // SAFETY: fcntl with these arguments touches no memory, whatever the descriptor is.
        let done = unsafe { libc::fcntl(*descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
        done == 0
    };
    let own = |descriptor| {
        // SAFETY: it is open, as fcntl has just said; whoever calls this has been told that nobody else owns it.
        unsafe { OwnedFd::from_raw_fd(descriptor) }
    };
    (first..first.saturating_add(count)).filter(open).map(own).collect()
}

/// Messages that one call is given. The kernel takes four times as many (`UIO_MAXIOV`), and a call more is nothing to them;
/// but each is 64 bytes that are kept from round to round.
pub(super) const MESSAGES: usize = 256;

/// A control message that has the kernel cut a message into segments: as many messages share it as like.
#[derive(Clone, Copy)]
pub(super) struct Segment(Control);

/// Room for one `UDP_SEGMENT` control message, aligned as the kernel wants it.
#[repr(C)]
#[derive(Clone, Copy)]
union Control {
    header: libc::cmsghdr,
    bytes: [u8; 24],
}

impl Segment {
    /// Segments of so many bytes each, but the last.
    pub(super) fn new(size: u16) -> Self {
        // SAFETY: CMSG_LEN only computes.
        let length = unsafe { libc::CMSG_LEN(2) };
        let mut header = ZERO;
        header.cmsg_len = length as _;
        header.cmsg_level = libc::SOL_UDP;
        header.cmsg_type = libc::UDP_SEGMENT;
        let mut control = Control { bytes: [0; 24] };
        control.header = header;
        let at = length as usize - 2;
        // SAFETY: all bytes of the union were initialized, and any byte is a valid u8.
        let bytes = unsafe { &mut control.bytes };
        bytes[at..at + 2].copy_from_slice(&size.to_ne_bytes());
        Self(control)
    }
}

// SAFETY: cmsghdr is integers only; musl's has padding beside them.
const ZERO: libc::cmsghdr = unsafe { mem::zeroed() };

/// Room for slices, kept from one round to the next.
#[derive(Default)]
pub(super) struct SliceRoom(Vec<libc::iovec>);

/// Slices of bytes that live for `'a`, in a room of before.
pub(super) struct Slices<'a> {
    room: &'a mut Vec<libc::iovec>,
    bytes: PhantomData<&'a [u8]>,
}

impl SliceRoom {
    /// An empty list.
    pub(super) fn begin(&mut self) -> Slices<'_> {
        self.0.clear();
        Slices { room: &mut self.0, bytes: PhantomData }
    }
}

impl<'a> Slices<'a> {
    pub(super) fn push(&mut self, bytes: &'a [u8]) {
        self.room.push(libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() });
    }

    pub(super) fn len(&self) -> usize {
        self.room.len()
    }

    /// The list, as it stays.
    pub(super) fn done(self) -> &'a [IoSlice<'a>] {
        let slices: *const [libc::iovec] = &raw const **self.room;
        // SAFETY: IoSlice is guaranteed to have iovec's layout, and every entry was made by `push` from bytes
        // that live for `'a`; the room itself is borrowed for as long.
        unsafe { &*(slices as *const [IoSlice<'a>]) }
    }
}

/// Where datagrams go, as the kernel reads it. A `SockAddr` has room for the longest of any family, 100 bytes more,
/// and each reader has an address for each track.
#[derive(Clone, Copy)]
pub(super) enum Address {
    V4(libc::sockaddr_in),
    V6(libc::sockaddr_in6),
}

impl Address {
    /// The address again.
    pub(super) fn socket(&self) -> SocketAddr {
        match self {
            Self::V4(to) => {
                let ip = Ipv4Addr::from(to.sin_addr.s_addr.to_ne_bytes());
                SocketAddr::from((ip, u16::from_be(to.sin_port)))
            }
            Self::V6(to) => {
                let ip = Ipv6Addr::from(to.sin6_addr.s6_addr);
                let (port, flow) = (u16::from_be(to.sin6_port), to.sin6_flowinfo);
                SocketAddrV6::new(ip, port, flow, to.sin6_scope_id).into()
            }
        }
    }

    /// What a message points to; it is only read.
    fn name(&self) -> (*mut libc::c_void, libc::socklen_t) {
        match self {
            Self::V4(to) => ((&raw const *to).cast_mut().cast(), size_of_val(to) as _),
            Self::V6(to) => ((&raw const *to).cast_mut().cast(), size_of_val(to) as _),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(to: SocketAddr) -> Self {
        match to {
            SocketAddr::V4(to) => Self::V4(libc::sockaddr_in {
                sin_family: libc::AF_INET as _,
                sin_port: to.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(to.ip().octets()) },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(to) => Self::V6(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as _,
                sin6_port: to.port().to_be(),
                sin6_flowinfo: to.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: to.ip().octets() },
                sin6_scope_id: to.scope_id(),
            }),
        }
    }
}

/// Room for messages, kept from one round to the next.
#[derive(Default)]
pub(super) struct MessageRoom(Vec<libc::mmsghdr>);

/// Messages that point to what lives for `'a`, in a room of before.
pub(super) struct Messages<'a> {
    room: &'a mut Vec<libc::mmsghdr>,
    parts: PhantomData<(&'a Address, &'a [IoSlice<'a>], &'a Segment)>,
}

impl MessageRoom {
    /// An empty list.
    pub(super) fn begin(&mut self) -> Messages<'_> {
        self.0.clear();
        Messages { room: &mut self.0, parts: PhantomData }
    }
}

impl<'a> Messages<'a> {
    /// One message to one reader: a datagram, or several that the kernel cuts apart.
    pub(super) fn push(&mut self, to: &'a Address, slices: &'a [IoSlice<'a>], segment: Option<&'a Segment>) {
        // SAFETY: a plain C struct for which all zeroes is a valid value.
        let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
        let message = &mut header.msg_hdr;
        (message.msg_name, message.msg_namelen) = to.name();
        // IoSlice is guaranteed to have iovec's layout; sendmmsg only reads it.
        message.msg_iov = slices.as_ptr().cast_mut().cast();
        message.msg_iovlen = slices.len() as _;
        if let Some(segment) = segment {
            // SAFETY: CMSG_SPACE only computes.
            let space = unsafe { libc::CMSG_SPACE(2) };
            message.msg_control = (&raw const segment.0).cast_mut().cast();
            message.msg_controllen = space as _;
        }
        self.room.push(header);
    }

    pub(super) fn len(&self) -> usize {
        self.room.len()
    }

    /// Sends what the socket takes now of the messages from `from` on, in order; gives how many it took.
    ///
    /// # Errors
    /// What stopped the first of them: `WouldBlock` when the socket is full, `EINVAL`, `EIO` or `EMSGSIZE`
    /// when segmentation does not work towards this reader. Nothing was sent then.
    /// [sendmmsg(2)](https://man7.org/linux/man-pages/man2/sendmmsg.2.html) loses the error of a later one:
    /// call again from the count.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>, from: usize) -> io::Result<usize> {
        let headers = self.room.get_mut(from..).unwrap_or_default();
        let mut count = headers.len().min(MESSAGES);
        match planned() {
            Some(Ok(most)) => count = count.min(most),
            Some(Err(error)) => return Err(error),
            None => {}
        }
        loop {
            // musl's own function of 64-bit targets is a loop of `sendmsg`, for it fills in the padding that its structs
            // have where the kernel has longer numbers. Here that padding is zero from the start.
            // SAFETY: every pointer in the headers was made by `push` from what lives for `'a`, of headers that were
            // zeroed whole, so that the kernel reads its own msghdr.
            let sent = unsafe {
                libc::syscall(
                    libc::SYS_sendmmsg,
                    socket.as_raw_fd(),
                    headers.as_mut_ptr(),
                    count as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            match usize::try_from(sent) {
                Ok(sent) => return Ok(sent),
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// What a test has the kernel answer to the next call that sends: it takes so many messages at most, or none for an error.
/// Nothing elsewhere.
#[cfg(not(test))]
fn planned() -> Option<io::Result<usize>> {
    None
}

#[cfg(test)]
use on_purpose::planned;

#[cfg(test)]
pub(super) mod on_purpose {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    /// What each of the next calls is answered: how many messages it takes, or the error's number.
    pub(in crate::server) type Planned = Arc<Mutex<VecDeque<Result<usize, i32>>>>;

    thread_local! {
        static PLANNED: RefCell<Planned> = RefCell::default();
    }

    /// This thread's calls are answered as planned.
    pub(in crate::server) fn follow(planned: Planned) {
        PLANNED.set(planned);
    }

    pub(super) fn planned() -> Option<io::Result<usize>> {
        let planned = PLANNED.with_borrow(Arc::clone);
        let next = planned.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.map(|answer| answer.map_err(io::Error::from_raw_os_error))
    }
}

/// Asks for a send buffer of so many bytes past what `net.core.wmem_max` allows.
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN`.
pub(super) fn force_send_buffer(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    set_int(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, i32::try_from(bytes).unwrap_or(i32::MAX))
}

/// Has the kernel make a TCP socket's send buffer larger as it sees fit, though it was set.
///
/// # Errors
/// `ENOPROTOOPT` before Linux 5.14.
pub(super) fn tune_send_buffer(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_int(socket, libc::SOL_SOCKET, libc::SO_BUF_LOCK, 0)
}

/// Whether it does.
#[cfg(test)]
pub(super) fn tunes_send_buffer(socket: BorrowedFd<'_>) -> io::Result<bool> {
    /// The kernel's `SOCK_SNDBUF_LOCK`.
    const SET: libc::c_int = 1;
    let mut value: libc::c_int = 0;
    let mut length = mem::size_of_val(&value) as libc::socklen_t;
    // SAFETY: the option's value is an int, and its length is as told.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BUF_LOCK,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if done == 0 { Ok(value & SET == 0) } else { Err(io::Error::last_os_error()) }
}

fn set_int(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the option's value is the int that the kernel expects, of that size.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            mem::size_of_val(&value) as _,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes the kernel report per destination what came back for a datagram.
pub(super) fn report_errors(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    let (level, name) =
        if v6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) } else { (libc::IPPROTO_IP, libc::IP_RECVERR) };
    set_int(socket, level, name, 1)
}

/// What came back for a datagram, in the kernel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Returned {
    pub(super) to: SocketAddr,
    /// `ECONNREFUSED`, `EHOSTUNREACH`, `EMSGSIZE`, ...; 0 where it does not say.
    pub(super) error: i32,
}

/// Takes the next report off the socket's error queue.
pub(super) fn take_error(socket: BorrowedFd<'_>) -> Option<Returned> {
    let mut name = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut control = [0u64; 64];
    // SAFETY: all zeroes is a valid msghdr.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_name = name.as_mut_ptr().cast();
    message.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as _;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = mem::size_of_val(&control) as _;
    // SAFETY: name and control outlive the call and their sizes are as told.
    let got = unsafe {
        libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
    };
    if got < 0 {
        return None;
    }
    // SAFETY: zeroed at the start, and the kernel wrote at most the whole of it.
    let name = unsafe { name.assume_init() };
    Some(Returned { to: address(&name)?, error: told(&message) })
}

/// The error's number in a report of [ip(7)](https://man7.org/linux/man-pages/man7/ip.7.html), `IP_RECVERR`.
fn told(message: &libc::msghdr) -> i32 {
    // SAFETY: the kernel filled in how long its control messages are, within the room that they point to.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: it is null, or points to a header within that room, which is aligned for it.
    while let Some(header) = unsafe { next.as_ref() } {
        let kind = (header.cmsg_level, header.cmsg_type);
        let least = mem::size_of::<libc::cmsghdr>() + mem::size_of::<libc::sock_extended_err>();
        #[allow(clippy::unnecessary_cast, reason = "musl has another type")]
        let length = header.cmsg_len as usize;
        if matches!(kind, (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR))
            && length >= least
        {
            // SAFETY: CMSG_DATA only computes.
            let data = unsafe { libc::CMSG_DATA(header) };
            // SAFETY: such a message begins with this struct, and is long enough for it.
            let error = unsafe { data.cast::<libc::sock_extended_err>().read_unaligned() };
            return i32::try_from(error.ee_errno).unwrap_or_default();
        }
        // SAFETY: as for the first.
        next = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    0
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let storage: *const libc::sockaddr_storage = name;
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage holds a sockaddr_in.
            let v4 = unsafe { &*storage.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some((ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the storage holds a sockaddr_in6.
            let v6 = unsafe { &*storage.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn one_call_reaches_two_readers_and_cuts_segments_apart() {
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        let readers = [UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap()];
        let to: Vec<Address> = readers.iter().map(|reader| reader.local_addr().unwrap().into()).collect();
        let (mut slice_room, mut message_room) = (SliceRoom::default(), MessageRoom::default());
        // What a round before left in the rooms is not sent again.
        slice_room.begin().push(b"old");
        let mut slices = slice_room.begin();
        for bytes in [&b"ab"[..], b"cdE", b"one"] {
            slices.push(bytes);
        }
        let (slices, segment) = (slices.done(), Segment::new(4));
        message_room.begin().push(&to[1], &slices[..1], None);
        let mut messages = message_room.begin();
        messages.push(&to[0], &slices[..2], Some(&segment));
        messages.push(&to[1], &slices[2..], None);
        messages.push(&to[1], &slices[..2], Some(&segment));
        assert_eq!(messages.send(from.as_fd(), 0).unwrap(), 3);
        let mut bytes = [0; 16];
        for (reader, expected) in [(0, &b"abcd"[..]), (0, b"E"), (1, b"one"), (1, b"abcd"), (1, b"E")] {
            let length = readers[reader].recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], expected);
        }
    }

    #[test]
    fn addresses_are_what_they_were_made_of_and_what_the_kernel_takes() {
        for address in ["127.0.0.1:5004", "[fe80::1%3]:5004", "[2001:db8::7]:65535", "0.0.0.0:0"] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(Address::from(address).socket(), address);
        }
        let Ok(reader) = UdpSocket::bind("[::1]:0") else { return };
        let from = UdpSocket::bind("[::1]:0").unwrap();
        let (to, slices) = (Address::from(reader.local_addr().unwrap()), [IoSlice::new(b"x")]);
        let mut room = MessageRoom::default();
        let mut messages = room.begin();
        messages.push(&to, &slices, None);
        assert_eq!(messages.send(from.as_fd(), 0).unwrap(), 1);
        assert_eq!(reader.recv(&mut [0; 16]).unwrap(), 1);
    }

    #[test]
    fn a_closed_port_is_told_by_address() {
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        report_errors(from.as_fd(), false).unwrap();
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let to = Address::from(closed);
        let slices = [IoSlice::new(b"x")];
        let mut room = MessageRoom::default();
        let mut messages = room.begin();
        messages.push(&to, &slices, None);
        assert_eq!(messages.send(from.as_fd(), 0).unwrap(), 1);
        let refused = Returned { to: closed, error: libc::ECONNREFUSED };
        assert_eq!(take_error(from.as_fd()), Some(refused));
        assert_eq!(take_error(from.as_fd()), None);
    }
}

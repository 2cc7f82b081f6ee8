//! The two calls that the standard library lacks: `sendmmsg` with segmentation offload, and the error
//! queue that tells whose datagram failed. nix's own have unsound partial results (0.31).
#![allow(unsafe_code, reason = "the server's one fence around raw socket calls")]

use std::io::{self, IoSlice};
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::SockAddr;

/// Datagrams that one call takes.
pub(super) const BATCH: usize = 64;

/// Slices that one call takes.
pub(super) const SLICES: usize = 512;

/// Segments that the kernel cuts one message into at most (`UDP_MAX_SEGMENTS` of the oldest kernels).
pub(super) const SEGMENTS: usize = 64;

/// One message to one reader: a datagram, or several of one size that the kernel cuts apart.
#[derive(Clone, Debug)]
pub(super) struct Datagram<'a> {
    /// Where to.
    pub(super) to: &'a SockAddr,
    /// Which of the batch's slices.
    pub(super) slices: Range<usize>,
    /// The size of every segment but the last; `None` sends one datagram.
    pub(super) segment: Option<u16>,
}

/// Room for one `UDP_SEGMENT` control message, aligned as the kernel wants it.
#[repr(C)]
#[derive(Clone, Copy)]
union Control {
    header: libc::cmsghdr,
    bytes: [u8; 32],
}

/// Sends what the socket takes now, in order; gives how many were taken.
///
/// # Errors
/// What stopped the first datagram: `WouldBlock` when the socket is full, `EINVAL`, `EIO` or
/// `EMSGSIZE` when segmentation does not work towards this reader. Nothing was sent then.
/// [sendmmsg(2)](https://man7.org/linux/man-pages/man2/sendmmsg.2.html) loses the error of a later one:
/// call again from the count.
pub(super) fn send_batch(
    socket: BorrowedFd<'_>,
    datagrams: &[Datagram<'_>],
    slices: &[IoSlice<'_>],
) -> io::Result<usize> {
    let count = datagrams.len().min(BATCH);
    // SAFETY: both are plain C structs for which all zeroes is a valid value.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    let mut controls = [Control { bytes: [0; 32] }; BATCH];
    for ((header, control), datagram) in headers.iter_mut().zip(&mut controls).zip(&datagrams[..count]) {
        let parts = &slices[datagram.slices.clone()];
        let message = &mut header.msg_hdr;
        message.msg_name = datagram.to.as_ptr().cast_mut().cast();
        message.msg_namelen = datagram.to.len();
        // IoSlice is guaranteed to have iovec's layout; sendmmsg only reads it.
        message.msg_iov = parts.as_ptr().cast_mut().cast();
        message.msg_iovlen = parts.len() as _;
        if let Some(segment) = datagram.segment {
            attach_segment(message, control, segment);
        }
    }
    loop {
        // SAFETY: every pointer in the first `count` headers leads into `datagrams`, `slices` or
        // `controls`, all of which outlive the call.
        let sent = unsafe {
            libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count as _, libc::MSG_DONTWAIT as _)
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

fn attach_segment(message: &mut libc::msghdr, control: &mut Control, segment: u16) {
    // SAFETY: CMSG_SPACE only computes.
    let space = unsafe { libc::CMSG_SPACE(2) };
    // SAFETY: CMSG_LEN only computes.
    let length = unsafe { libc::CMSG_LEN(2) };
    let mut header = ZERO;
    header.cmsg_len = length as _;
    header.cmsg_level = libc::SOL_UDP;
    header.cmsg_type = libc::UDP_SEGMENT;
    control.header = header;
    let at = length as usize - 2;
    // SAFETY: all bytes of the union were initialized, and any byte is a valid u8.
    let bytes = unsafe { &mut control.bytes };
    bytes[at..at + 2].copy_from_slice(&segment.to_ne_bytes());
    message.msg_control = bytes.as_mut_ptr().cast();
    message.msg_controllen = space as _;
}

// SAFETY: cmsghdr is integers only; musl's has padding beside them.
const ZERO: libc::cmsghdr = unsafe { mem::zeroed() };

/// Makes the kernel report per destination what came back for a datagram.
pub(super) fn report_errors(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    let (level, name) =
        if v6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) } else { (libc::IPPROTO_IP, libc::IP_RECVERR) };
    let on: libc::c_int = 1;
    // SAFETY: the option's value is the int that the kernel expects, of that size.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const on).cast(), mem::size_of_val(&on) as _)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the next report off the socket's error queue: whose datagram was refused.
pub(super) fn take_error(socket: BorrowedFd<'_>) -> Option<SocketAddr> {
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
    address(&name)
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
            Some((Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port)).into())
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
        let to: Vec<SockAddr> = readers.iter().map(|reader| reader.local_addr().unwrap().into()).collect();
        let slices = [IoSlice::new(b"ab"), IoSlice::new(b"cdE"), IoSlice::new(b"one")];
        let datagrams = [
            Datagram { to: &to[0], slices: 0..2, segment: Some(4) },
            Datagram { to: &to[1], slices: 2..3, segment: None },
        ];
        assert_eq!(send_batch(from.as_fd(), &datagrams, &slices).unwrap(), 2);
        let mut bytes = [0; 16];
        for (reader, expected) in [(0, &b"abcd"[..]), (0, b"E"), (1, b"one")] {
            let length = readers[reader].recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], expected);
        }
    }

    #[test]
    fn a_closed_port_is_told_by_address() {
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        report_errors(from.as_fd(), false).unwrap();
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let to = SockAddr::from(closed);
        let slices = [IoSlice::new(b"x")];
        let datagram = [Datagram { to: &to, slices: 0..1, segment: None }];
        assert_eq!(send_batch(from.as_fd(), &datagram, &slices).unwrap(), 1);
        assert_eq!(take_error(from.as_fd()), Some(closed));
        assert_eq!(take_error(from.as_fd()), None);
    }
}

//! A reader's sockets: none blocks, none allocates while media comes.

use std::io::{self, IoSliceMut, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrLike, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Socket, Type};

/// Asked of the kernel for each RTP socket: some keyframes.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Read at once: the longest train of datagrams that the kernel hands over, and some keyframes by TCP.
const READ: usize = 256 << 10;

/// Messages read from one socket before the others have their turn.
const TURN: usize = 64;

/// Requests and reports that may wait for a server that does not read.
const MOST_UNSENT: usize = 64 << 10;

/// Ports are tried this often until one is even and the next one free.
const TRIES: usize = 256;

/// What every socket is read into, one at a time.
pub(super) struct Buffers {
    bytes: Vec<u8>,
    control: Vec<u8>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; READ], control: nix::cmsg_space!(i32) }
    }
}

/// The RTSP connection.
pub(super) struct Connection {
    stream: TcpStream,
    connected: bool,
    unsent: Vec<u8>,
}

impl Connection {
    /// Begins to connect.
    pub(super) fn open(to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), None)?;
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => return Err(error),
            _ => {}
        }
        socket.set_tcp_nodelay(true)?;
        Ok(Self { stream: socket.into(), connected: false, unsent: Vec::new() })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected
    }

    /// Looks whether it is connected by now: true the one time that it has just become so.
    pub(super) fn connect(&mut self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        self.connected = match self.stream.peer_addr() {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotConnected => false,
            Err(error) => return Err(error),
        };
        Ok(self.connected)
    }

    pub(super) fn local(&self) -> io::Result<IpAddr> {
        Ok(self.stream.local_addr()?.ip())
    }

    /// Queues a message and writes what the socket takes now.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unsent.len() + bytes.len() > MOST_UNSENT {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server does not read what it is sent"));
        }
        self.unsent.extend(bytes);
        self.flush()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.connected && !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) => return or_later::<()>(Err(error)).map(drop),
            }
        }
        Ok(())
    }

    /// Reads once what is there, at most `most` bytes: `None` if nothing, an empty piece at the end.
    pub(super) fn read<'a>(&mut self, buffers: &'a mut Buffers, most: usize) -> io::Result<Option<&'a [u8]>> {
        let most = most.min(buffers.bytes.len());
        let read = self.read_into(&mut buffers.bytes[..most])?;
        Ok(read.map(|length| &buffers.bytes[..length]))
    }

    /// Likewise, into memory of the caller's.
    pub(super) fn read_into(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        or_later(self.stream.read(bytes))
    }
}

/// A track's sockets for RTP and RTCP.
pub(super) struct Pair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// The server's ports, if it named them.
    server: Option<(SocketAddr, SocketAddr)>,
    /// Who may send: the server, by whatever port.
    from: [IpAddr; 2],
}

impl Pair {
    /// Binds an even port and the one above it.
    pub(super) fn bind(local: IpAddr, server: IpAddr) -> io::Result<Self> {
        for _ in 0..TRIES {
            let rtp = UdpSocket::bind((local, 0)).map_err(exhausted)?;
            let port = rtp.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            let Ok(rtcp) = UdpSocket::bind((local, port + 1)) else { continue };
            rtp.set_nonblocking(true)?;
            rtcp.set_nonblocking(true)?;
            // What the kernel gives is what there is; one without UDP_GRO (before 5.0) brings datagrams one by one.
            let _ = socket2::SockRef::from(&rtp).set_recv_buffer_size(RECEIVE_BUFFER);
            let _ = setsockopt(&rtp, sockopt::UdpGroSegment, &true);
            return Ok(Self { rtp, rtcp, server: None, from: [server; 2] });
        }
        Err(exhausted(io::ErrorKind::AddrInUse.into()))
    }

    pub(super) fn rtp(&self) -> BorrowedFd<'_> {
        self.rtp.as_fd()
    }

    pub(super) fn rtcp(&self) -> BorrowedFd<'_> {
        self.rtcp.as_fd()
    }

    pub(super) fn ports(&self) -> io::Result<(u16, u16)> {
        Ok((self.rtp.local_addr()?.port(), self.rtcp.local_addr()?.port()))
    }

    /// The server's side is known: opens firewalls on the way by a packet to each of its ports.
    pub(super) fn open(
        &mut self,
        source: Option<IpAddr>,
        ports: Option<(u16, u16)>,
        rtp: &[u8],
        rtcp: &[u8],
    ) {
        let from = source.map_or(self.from[0], |source| source.to_canonical());
        self.from[1] = from;
        self.server = ports.map(|(rtp, rtcp)| (SocketAddr::new(from, rtp), SocketAddr::new(from, rtcp)));
        if let Some((to, _)) = self.server {
            // A lost one is lost: reports follow.
            let _ = self.rtp.send_to(rtp, to);
        }
        self.send_control(rtcp);
    }

    pub(super) fn send_control(&self, packet: &[u8]) {
        if let Some((_, to)) = self.server {
            // The next report tells as much.
            let _ = self.rtcp.send_to(packet, to);
        }
    }

    /// Hands on the datagrams that are there, those that the kernel put together apart again.
    pub(super) fn read(
        &self,
        control: bool,
        buffers: &mut Buffers,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let socket = if control { &self.rtcp } else { &self.rtp };
        for _ in 0..TURN {
            let Some((length, segment)) = self.receive(socket, buffers)? else { return Ok(()) };
            buffers.bytes[..length].chunks(segment.max(1)).for_each(&mut each);
        }
        Ok(())
    }

    /// Reads one message: its length, 0 if a stranger sent it, and that of its segments.
    fn receive(&self, socket: &UdpSocket, buffers: &mut Buffers) -> io::Result<Option<(usize, usize)>> {
        let mut parts = [IoSliceMut::new(&mut buffers.bytes)];
        let control = Some(&mut buffers.control[..]);
        let done = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, control, MsgFlags::empty());
        let message = match done {
            Ok(message) => message,
            // The echo of a report that nobody took.
            Err(Errno::ECONNREFUSED) => return Ok(Some((0, 0))),
            Err(error) => return or_later(Err(error.into())),
        };
        let ours = message.address.as_ref().and_then(ip).is_some_and(|ip| self.from.contains(&ip));
        let mut segment = message.bytes;
        for told in message.cmsgs().into_iter().flatten() {
            if let ControlMessageOwned::UdpGroSegments(size) = told {
                segment = usize::try_from(size).unwrap_or(segment);
            }
        }
        Ok(Some((if ours { message.bytes } else { 0 }, segment)))
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    match address.family()? {
        nix::sys::socket::AddressFamily::Inet => Some(address.as_sockaddr_in()?.ip().into()),
        _ => Some(IpAddr::from(address.as_sockaddr_in6()?.ip()).to_canonical()),
    }
}

fn exhausted(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::AddrInUse {
        return error;
    }
    let what = "no free pair of UDP ports is left: widen net.ipv4.ip_local_port_range, or play by TCP";
    io::Error::new(io::ErrorKind::AddrInUse, what)
}

fn or_later<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

//! Sockets of a client that do not block, and the waiting for any of them.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::task::{Context, Poll};

use smol::Async;

/// Asked of the kernel for each RTP socket: some keyframes.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Datagrams read from one socket before the others have their turn.
const TURN: usize = 256;

/// The longest datagram there is.
const DATAGRAM: usize = 65_536;

/// Requests, answers and reports that may wait for a server that does not read.
const MOST_UNSENT: usize = 64 << 10;

/// The RTSP connection: what is to be sent waits here until the socket takes it.
pub(super) struct Connection {
    stream: Arc<Async<TcpStream>>,
    unsent: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: Arc<Async<TcpStream>>) -> Self {
        Self { stream, unsent: Vec::new() }
    }

    /// Queues a message and writes what the socket takes now.
    ///
    /// # Errors
    /// The connection failed, or the server reads so little that too much waits.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unsent.len() + bytes.len() > MOST_UNSENT {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server does not read what it is sent"));
        }
        self.unsent.extend(bytes);
        self.flush()
    }

    /// Writes what the socket takes now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.get_ref().write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there, at most `bytes` full: `None` if nothing, 0 at the end.
    pub(super) fn read(&self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        or_nothing(self.stream.get_ref().read(bytes))
    }

    pub(super) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let writable = !self.unsent.is_empty() && self.stream.poll_writable(context).is_ready();
        if self.stream.poll_readable(context).is_ready() || writable {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// A track's sockets for RTP and RTCP.
pub(super) struct Pair {
    rtp: Async<UdpSocket>,
    rtcp: Async<UdpSocket>,
    /// The server's ports, if it named them.
    server: Option<(SocketAddr, SocketAddr)>,
    /// Who may send: the server, by whatever port.
    from: Vec<IpAddr>,
}

impl Pair {
    /// Binds an even port and the one above it.
    pub(super) fn bind(local: IpAddr) -> io::Result<Self> {
        for _ in 0..64 {
            let rtp = UdpSocket::bind((local, 0))?;
            let port = rtp.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            if let Ok(rtcp) = UdpSocket::bind((local, port + 1)) {
                // What the kernel gives is what there is.
                let _ = socket2::SockRef::from(&rtp).set_recv_buffer_size(RECEIVE_BUFFER);
                return Ok(Self {
                    rtp: Async::new(rtp)?,
                    rtcp: Async::new(rtcp)?,
                    server: None,
                    from: Vec::new(),
                });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no free pair of UDP ports"))
    }

    pub(super) fn ports(&self) -> io::Result<(u16, u16)> {
        Ok((self.rtp.get_ref().local_addr()?.port(), self.rtcp.get_ref().local_addr()?.port()))
    }

    /// The server's side is known: opens firewalls on the way by a packet to each of its ports.
    pub(super) fn open(
        &mut self,
        server: IpAddr,
        source: Option<IpAddr>,
        ports: Option<(u16, u16)>,
        rtp: &[u8],
        rtcp: &[u8],
    ) {
        let from = source.unwrap_or(server);
        self.from = vec![server, from];
        self.server = ports.map(|(rtp, rtcp)| (SocketAddr::new(from, rtp), SocketAddr::new(from, rtcp)));
        if let Some((to, _)) = self.server {
            // A lost one is lost: reports follow.
            let _ = self.rtp.get_ref().send_to(rtp, to);
        }
        self.send_control(rtcp);
    }

    pub(super) fn send_control(&self, packet: &[u8]) {
        if let Some((_, to)) = self.server
            && let Err(error) = self.rtcp.get_ref().send_to(packet, to)
        {
            tracing::debug!(%to, %error, "a report was not sent");
        }
    }

    /// Hands on the datagrams that are there, RTCP told from RTP by its socket; `others` came from elsewhere.
    pub(super) fn read(&self, buffer: &mut Vec<u8>, mut each: impl FnMut(&[u8], bool)) -> io::Result<u64> {
        buffer.resize(DATAGRAM, 0);
        let mut others = 0;
        for (socket, control) in [(&self.rtp, false), (&self.rtcp, true)] {
            for _ in 0..TURN {
                match or_nothing(socket.get_ref().recv_from(buffer)) {
                    Ok(None) => break,
                    Ok(Some((length, from))) if self.from.contains(&from.ip().to_canonical()) => {
                        each(&buffer[..length], control);
                    }
                    Ok(Some(_)) => others += 1,
                    // The echo of a report that nobody took.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(others)
    }

    pub(super) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let rtcp = self.rtcp.poll_readable(context).is_ready();
        if self.rtp.poll_readable(context).is_ready() || rtcp { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn or_nothing<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

//! UDP: one pair of sockets, RTP and RTCP, per local address on which readers' connections arrived.

mod cut;
mod destination;
mod entered;
mod link;
mod refusals;
mod round;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Instant;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::UdpGsoSegment;
use smol::Async;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::marking;
use super::pacing::Speed;
use super::sys::{self, Returned};
use crate::clock;
use crate::rtsp::server::SessionId;
pub(super) use destination::Destination;
use entered::Entered;
pub(super) use round::Round;

/// Asked of the kernel for each RTP socket: a keyframe for a hundred readers. Without privileges `wmem_max`
/// may give less.
const SEND_BUFFER: usize = 8 << 20;

/// Junk datagrams read before others have their turn.
const TURN: usize = 64;

pub(super) struct Pair {
    rtp: Async<UdpSocket>,
    rtcp: Async<UdpSocket>,
    ports: (u16, u16),
    link: link::Watched,
    /// The kernel cuts messages into datagrams.
    cuts: bool,
    entered: RefCell<Entered>,
    room: RefCell<round::Room>,
}

impl Pair {
    /// Binds the first free even port of `ports` and the one above it; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// No pair is free.
    pub(super) fn bind(local: SocketAddr, ports: RangeInclusive<u16>, dscp: u8) -> io::Result<Self> {
        if *ports.start() == 0 {
            for _ in 0..64 {
                let port = udp(at_port(local, 0))?.local_addr()?.port() & !1;
                if port >= 1024
                    && let Ok(pair) = Self::bind_at(local, port, dscp)
                {
                    return Ok(pair);
                }
            }
        }
        let even = ports.clone().filter(|port| *port >= 1024 && port % 2 == 0 && ports.contains(&(port + 1)));
        for port in even {
            match Self::bind_at(local, port, dscp) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                done => return done,
            }
        }
        let (first, last) = (ports.start(), ports.end());
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("no free pair of UDP ports in {first}-{last} on {}", local.ip()),
        ))
    }

    fn bind_at(local: SocketAddr, port: u16, dscp: u8) -> io::Result<Self> {
        let rtp = udp(at_port(local, port))?;
        let rtcp = udp(at_port(local, port + 1))?;
        if sys::force_send_buffer(rtp.as_fd(), SEND_BUFFER).is_err() {
            socket2::SockRef::from(&rtp).set_send_buffer_size(SEND_BUFFER)?;
        }
        for socket in [&rtp, &rtcp] {
            if let Err(error) = marking::mark(socket, dscp, local.is_ipv6()) {
                tracing::warn!(%error, dscp, "packets are not marked");
            }
        }
        sys::report_errors(rtp.as_fd(), local.is_ipv6())?;
        // Before 4.18 the kernel takes the order to do so for nothing at all, and sends a message as one datagram.
        let cuts = setsockopt(&rtp, UdpGsoSegment, &0).is_ok();
        if !cuts {
            tracing::info!(
                "this kernel cuts no messages into datagrams (UDP_SEGMENT): sending them one by one"
            );
        }
        Ok(Self {
            cuts,
            rtp: Async::new(rtp)?,
            rtcp: Async::new(rtcp)?,
            ports: (port, port + 1),
            link: link::Watched::new(local.ip()),
            entered: RefCell::default(),
            room: RefCell::default(),
        })
    }

    pub(super) fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// How fast the link is that its readers are behind.
    pub(super) fn speed(&self) -> Speed {
        self.link.speed()
    }

    /// Whether it is time to ask that again: never while nobody is behind it.
    pub(super) fn link_is_due(&self, now: Instant) -> bool {
        self.link.is_due(now) && !self.entered.borrow().is_empty()
    }

    /// Asks it again.
    pub(super) async fn ask_for_link(&self) {
        self.link.ask().await;
    }

    /// Enters where a session's track goes: ports of one host.
    pub(super) fn enter(&self, session: &SessionId, rtp: SocketAddr, rtcp: u16) -> Rc<Destination> {
        let destination = Rc::new(Destination::new(session.clone(), rtp, rtcp, !self.cuts));
        self.entered.borrow_mut().enter(&destination);
        destination
    }

    /// Nothing goes there any more, and who reports from there is nobody's reader; says whether anybody was.
    pub(super) fn forget(&self, destination: &Rc<Destination>) -> bool {
        destination.close();
        self.entered.borrow_mut().forget(destination)
    }

    fn rtp(&self) -> BorrowedFd<'_> {
        self.rtp.as_fd()
    }

    /// A report; one that the socket does not take is lost, as any datagram may be.
    pub(super) fn send_report(&self, to: SocketAddr, packet: &[u8]) {
        if let Err(error) = self.rtcp.get_ref().send_to(packet, to) {
            tracing::debug!(%to, %error, "a report was not sent");
        }
    }

    /// Reads off the error queue whose datagrams were refused.
    fn take_errors(&self) {
        while let Some(Returned { to, error }) = sys::take_error(self.rtp()) {
            if error == libc::EMSGSIZE {
                // Ordinary: a router told how long the path's packets may be.
                tracing::debug!(%to, "packets are too long for the path: the kernel sends fragments from now on");
                continue;
            }
            tracing::debug!(%to, error = %io::Error::from_raw_os_error(error), "a datagram was refused");
            self.entered.borrow().refuse(to, clock::now());
        }
    }

    /// Takes what readers send to the RTP port: punches through firewalls, nothing to read in them.
    pub(super) async fn drain_rtp(&self) -> io::Result<()> {
        let mut bytes = [0; 64];
        loop {
            self.rtp.readable().await?;
            super::supervise::may_panic("drain");
            self.take_errors();
            // Then the others have their turn, however many more there are.
            for _ in 0..TURN {
                match self.rtp.get_ref().recv_from(&mut bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // A junk datagram, or the echo of a refused one of ours.
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }

    /// Hands on the next datagram that a known session's reader sent to the RTCP port.
    pub(super) async fn next_rtcp(&self, bytes: &mut [u8]) -> io::Result<(SessionId, usize)> {
        loop {
            let received = self.rtcp.recv_from(bytes).await;
            let (length, from) = match received {
                Ok(received) => received,
                // An answer to a report of ours: the media port's error queue tells the same.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            if let Some(destination) = self.entered.borrow().by_rtcp(from) {
                return Ok((destination.session.clone(), length));
            }
            // A stranger may send without end.
            smol::future::yield_now().await;
        }
    }
}

/// The same address, with its scope, at another port.
pub(super) fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

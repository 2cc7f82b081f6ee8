//! Where one track's datagrams go, and how the kernel takes them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Instant;

use socket2::SockAddr;

use crate::rtsp::server::SessionId;

pub(in crate::server) struct Destination {
    pub(in crate::server) session: SessionId,
    pub(super) rtp: SockAddr,
    pub(in crate::server) rtcp: SocketAddr,
    /// The kernel refused segmented messages to it: datagrams one by one.
    pub(super) plain: Cell<bool>,
    refused: Cell<Option<Instant>>,
}

impl Destination {
    pub(super) fn new(session: SessionId, rtp: SocketAddr, rtcp: SocketAddr) -> Self {
        Self { session, rtp: rtp.into(), rtcp, plain: Cell::new(false), refused: Cell::new(None) }
    }

    /// Where RTP goes, and where RTCP comes from.
    pub(in crate::server) fn addresses(&self) -> [SocketAddr; 2] {
        [self.rtp.as_socket().unwrap_or(self.rtcp), self.rtcp]
    }

    /// A datagram to it was refused.
    pub(super) fn refuse(&self, now: Instant) {
        if self.refused.get().is_none() {
            self.refused.set(Some(now));
        }
    }

    /// The first refusal since it was last heard.
    pub(in crate::server) fn refused_since(&self) -> Option<Instant> {
        self.refused.get()
    }

    /// Something came from there: it lives.
    pub(in crate::server) fn heard(&self) {
        self.refused.set(None);
    }
}

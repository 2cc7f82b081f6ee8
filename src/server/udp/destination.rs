//! Where one track's datagrams go, and how the kernel takes them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Instant;

use crate::rtsp::server::SessionId;
use crate::server::moment::Moment;
use crate::server::sys::Address;

pub(in crate::server) struct Destination {
    pub(in crate::server) session: SessionId,
    pub(super) rtp: Address,
    /// The port of the same host that reports come from.
    rtcp: u16,
    refused: Cell<Option<Moment>>,
    /// The kernel has no segmented messages, or refused them to it: datagrams one by one.
    pub(super) plain: Cell<bool>,
    /// An image is on its way there in parts.
    busy: Cell<bool>,
    closed: Cell<bool>,
}

impl Destination {
    pub(super) fn new(session: SessionId, rtp: SocketAddr, rtcp: u16, plain: bool) -> Self {
        Self {
            session,
            rtp: rtp.into(),
            rtcp,
            plain: Cell::new(plain),
            refused: Cell::new(None),
            busy: Cell::new(false),
            closed: Cell::new(false),
        }
    }

    pub(super) fn hold(&self, busy: bool) {
        self.busy.set(busy);
    }

    /// Whether an image is on its way there, and the next has to wait for its end.
    pub(in crate::server) fn is_busy(&self) -> bool {
        self.busy.get()
    }

    /// Nothing goes there any more.
    pub(super) fn close(&self) {
        self.closed.set(true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Where RTP goes, and where RTCP comes from.
    pub(in crate::server) fn addresses(&self) -> [SocketAddr; 2] {
        [self.rtp(), self.rtcp()]
    }

    /// Where RTP goes.
    pub(super) fn rtp(&self) -> SocketAddr {
        self.rtp.socket()
    }

    /// Where RTCP goes to and comes from.
    pub(in crate::server) fn rtcp(&self) -> SocketAddr {
        let mut address = self.rtp();
        address.set_port(self.rtcp);
        address
    }

    /// A datagram to it was refused.
    pub(super) fn refuse(&self, now: Instant) {
        if self.refused.get().is_none() {
            self.refused.set(Some(now.into()));
        }
    }

    /// The first refusal since it was last heard.
    pub(in crate::server) fn refused_since(&self) -> Option<Instant> {
        self.refused.get().map(Into::into)
    }

    /// Something came from there: it lives.
    pub(in crate::server) fn heard(&self) {
        self.refused.set(None);
    }
}

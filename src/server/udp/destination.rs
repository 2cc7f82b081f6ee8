//! Where one track's datagrams go, and how the kernel takes them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Instant;

use crate::rtsp::server::SessionId;
use crate::server::sys::Address;

pub(in crate::server) struct Destination {
    pub(in crate::server) session: SessionId,
    pub(super) rtp: Address,
    pub(in crate::server) rtcp: SocketAddr,
    /// The kernel refused segmented messages to it: datagrams one by one.
    pub(super) plain: Cell<bool>,
    refused: Cell<Option<Instant>>,
    /// An image is on its way there in parts.
    busy: Cell<bool>,
    closed: Cell<bool>,
}

impl Destination {
    pub(super) fn new(session: SessionId, rtp: SocketAddr, rtcp: SocketAddr) -> Self {
        Self {
            session,
            rtp: rtp.into(),
            rtcp,
            plain: Cell::new(false),
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
        [self.rtp.socket(), self.rtcp]
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

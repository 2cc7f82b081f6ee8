//! Where one track's datagrams go, and how the kernel takes them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Instant;

use super::refusals::Refusals;
use crate::rtsp::server::SessionId;
use crate::server::sys::Address;

pub(in crate::server) struct Destination {
    pub(in crate::server) session: SessionId,
    pub(super) rtp: Address,
    /// The port of the same host that reports come from.
    rtcp: u16,
    /// In a box: few ever are.
    refused: Cell<Option<Box<Refusals>>>,
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
            refused: Cell::default(),
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
        self.refused.set(Some(match self.refused.take() {
            Some(mut refusals) => {
                *refusals = refusals.and_another(now);
                refusals
            }
            None => Box::new(Refusals::first(now)),
        }));
    }

    /// One to another port of the same host was.
    pub(super) fn refuse_another(&self, now: Instant) {
        if let Some(mut refusals) = self.refused.take() {
            *refusals = refusals.beside_another(now);
            self.refused.set(Some(refusals));
        }
    }

    /// Whether datagrams to it are refused again and again, and nothing is heard from there.
    pub(in crate::server) fn is_refused(&self) -> bool {
        let refused = self.refused.take();
        let for_good = refused.as_deref().is_some_and(Refusals::are_for_good);
        self.refused.set(refused);
        for_good
    }

    /// Something came from there: it lives.
    pub(in crate::server) fn heard(&self) {
        self.refused.set(None);
    }
}

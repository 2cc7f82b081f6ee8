//! Which worker keeps a session, and whose a client's ports are. No sockets, no clock.

use std::net::{IpAddr, SocketAddr};

use crate::rtsp::server::SessionId;

/// Where a session's track goes, and where its reports come from: two ports of one host.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ports {
    ip: IpAddr,
    scope: u32,
    ports: [u16; 2],
}

impl Ports {
    fn of([rtp, rtcp]: [SocketAddr; 2]) -> Self {
        let scope = if let SocketAddr::V6(rtp) = rtp { rtp.scope_id() } else { 0 };
        Self { ip: rtp.ip(), scope, ports: [rtp.port(), rtcp.port()] }
    }

    /// The port that both have.
    fn shared(&self, other: &Self) -> Option<u16> {
        let same = (self.ip, self.scope) == (other.ip, other.scope);
        self.ports.into_iter().find(|port| same && other.ports.contains(port))
    }
}

/// What workers have to know of each other's sessions.
#[derive(Default)]
pub(super) struct Registry {
    /// In the order of their sessions.
    keepers: Vec<(SessionId, u16)>,
    /// RTP and RTCP addresses of readers: two at one address could not be told apart. A list: it is gone through when
    /// one comes or leaves, and that takes no longer than to count an address' sessions.
    addresses: Vec<(SessionId, Ports)>,
    /// UDP ports of our own.
    ports: Vec<(u16, u16)>,
}

impl Registry {
    /// A session is this worker's from now on.
    pub(super) fn keep(&mut self, session: &SessionId, worker: usize) {
        match self.place(session) {
            Ok(at) => self.keepers[at].1 = worker as u16,
            Err(at) => self.keepers.insert(at, (session.clone(), worker as u16)),
        }
    }

    /// Whose a session is, if it is anybody's.
    pub(super) fn keeper(&self, session: &SessionId) -> Option<usize> {
        self.place(session).ok().map(|at| self.keepers[at].1.into())
    }

    fn place(&self, session: &SessionId) -> Result<usize, usize> {
        self.keepers.binary_search_by(|(known, _)| known.cmp(session))
    }

    /// How many sessions each of so many workers keeps.
    pub(super) fn loads(&self, workers: usize) -> Vec<usize> {
        let mut loads = vec![0; workers];
        for (_, worker) in &self.keepers {
            if let Some(load) = loads.get_mut(usize::from(*worker)) {
                *load += 1;
            }
        }
        loads
    }

    /// A session's RTP goes to the first of these addresses, which are one host's, and its RTCP comes from the second.
    ///
    /// # Errors
    /// One that is another session's.
    pub(super) fn enter(
        &mut self,
        addresses: [SocketAddr; 2],
        session: &SessionId,
    ) -> Result<(), SocketAddr> {
        let new = Ports::of(addresses);
        let others = self.addresses.iter().filter(|(owner, _)| owner != session);
        if let Some(port) = others.clone().find_map(|(_, ports)| new.shared(ports)) {
            let taken = addresses.into_iter().find(|address| address.port() == port);
            return Err(taken.unwrap_or(addresses[0]));
        }
        self.forget(addresses, session);
        self.addresses.push((session.clone(), new));
        Ok(())
    }

    /// The addresses are no more that session's.
    pub(super) fn forget(&mut self, addresses: [SocketAddr; 2], session: &SessionId) {
        let gone = Ports::of(addresses);
        self.addresses.retain(|(owner, ports)| owner != session || *ports != gone);
    }

    /// A session is over.
    pub(super) fn release(&mut self, session: &SessionId) {
        if let Ok(at) = self.place(session) {
            self.keepers.remove(at);
        }
        self.addresses.retain(|(owner, _)| owner != session);
    }

    /// A worker is no more: gives the sessions that end with it.
    pub(super) fn bury(&mut self, worker: usize) -> Vec<SessionId> {
        let kept = self.keepers.iter().filter(|(_, keeper)| usize::from(*keeper) == worker);
        let over: Vec<SessionId> = kept.map(|(session, _)| session.clone()).collect();
        over.iter().for_each(|session| self.release(session));
        over
    }

    /// Ports that a worker sends from.
    pub(super) fn add_ports(&mut self, ports: (u16, u16)) {
        self.ports.push(ports);
    }

    /// A worker sends from them no more.
    pub(super) fn remove_ports(&mut self, ports: (u16, u16)) {
        if let Some(index) = self.ports.iter().position(|own| *own == ports) {
            self.ports.swap_remove(index);
        }
    }

    /// Whether one of these ports is a worker's.
    pub(super) fn owns(&self, ports: (u16, u16)) -> bool {
        let own = |port: u16| self.ports.iter().any(|own| own.0 == port || own.1 == port);
        own(ports.0) || own(ports.1)
    }
}

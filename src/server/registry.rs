//! Which worker keeps a session, and whose a client's ports are. No sockets, no clock.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::rtsp::server::SessionId;

/// What workers have to know of each other's sessions.
#[derive(Default)]
pub(super) struct Registry {
    keepers: HashMap<SessionId, usize>,
    /// RTP and RTCP addresses of readers: two at one address could not be told apart.
    addresses: HashMap<SocketAddr, SessionId>,
    /// UDP ports of our own.
    ports: Vec<(u16, u16)>,
}

impl Registry {
    /// A session is this worker's from now on.
    pub(super) fn keep(&mut self, session: &SessionId, worker: usize) {
        self.keepers.insert(session.clone(), worker);
    }

    /// Whose a session is, if it is anybody's.
    pub(super) fn keeper(&self, session: &SessionId) -> Option<usize> {
        self.keepers.get(session).copied()
    }

    /// How many sessions each of so many workers keeps.
    pub(super) fn loads(&self, workers: usize) -> Vec<usize> {
        let mut loads = vec![0; workers];
        for worker in self.keepers.values() {
            if let Some(load) = loads.get_mut(*worker) {
                *load += 1;
            }
        }
        loads
    }

    /// A session's RTP goes to the first of these addresses, and its RTCP comes from the second.
    ///
    /// # Errors
    /// One that is another session's.
    pub(super) fn enter(
        &mut self,
        addresses: [SocketAddr; 2],
        session: &SessionId,
    ) -> Result<(), SocketAddr> {
        let others = |address: &SocketAddr| self.addresses.get(address).is_some_and(|owner| owner != session);
        if let Some(taken) = addresses.into_iter().find(others) {
            return Err(taken);
        }
        self.addresses.extend(addresses.map(|address| (address, session.clone())));
        Ok(())
    }

    /// The addresses are nobody's.
    pub(super) fn forget(&mut self, addresses: [SocketAddr; 2]) {
        addresses.iter().for_each(|address| drop(self.addresses.remove(address)));
    }

    /// A session is over.
    pub(super) fn release(&mut self, session: &SessionId) {
        self.keepers.remove(session);
        self.addresses.retain(|_, owner| owner != session);
    }

    /// A worker is no more: gives the sessions that end with it.
    pub(super) fn bury(&mut self, worker: usize) -> Vec<SessionId> {
        let kept = self.keepers.iter().filter(|(_, keeper)| **keeper == worker);
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

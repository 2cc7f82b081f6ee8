//! How many connections there may be, in all and of one address.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

/// Counts the connections there are.
pub(super) struct Admission {
    most: usize,
    per_address: usize,
    all: Cell<usize>,
    of: RefCell<HashMap<IpAddr, usize>>,
    refused: Cell<u64>,
}

/// A connection's place, free again when dropped.
pub(super) struct Place {
    admission: Rc<Admission>,
    peer: IpAddr,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Server(usize),
    Address(usize),
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(most) => {
                write!(f, "the server has {most} connections: `max_connections` allows no more")
            }
            Self::Address(most) => {
                write!(f, "this address has {most} connections: `max_per_address` allows no more")
            }
        }
    }
}

impl Admission {
    pub(super) fn new(most: usize, per_address: usize) -> Self {
        Self { most, per_address, all: Cell::new(0), of: RefCell::default(), refused: Cell::new(0) }
    }

    /// A place for a connection of that address. This machine's own are only bounded by the whole.
    pub(super) fn admit(self: &Rc<Self>, peer: IpAddr) -> Result<Place, Full> {
        let peer = peer.to_canonical();
        let mut of = self.of.borrow_mut();
        let its = of.get(&peer).copied().unwrap_or(0);
        let full = if self.all.get() >= self.most {
            Some(Full::Server(self.most))
        } else {
            (!peer.is_loopback() && its >= self.per_address).then_some(Full::Address(self.per_address))
        };
        if let Some(full) = full {
            self.refused.set(self.refused.get() + 1);
            return Err(full);
        }
        of.insert(peer, its + 1);
        self.all.set(self.all.get() + 1);
        Ok(Place { admission: self.clone(), peer })
    }

    /// How many were refused since the last call.
    pub(super) fn take_refused(&self) -> u64 {
        self.refused.take()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.all.set(self.admission.all.get().saturating_sub(1));
        let mut of = self.admission.of.borrow_mut();
        match of.get_mut(&self.peer) {
            Some(its) if *its > 1 => *its -= 1,
            _ => {
                of.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_only_so_many_connections_and_the_server_too() {
        let admission = Rc::new(Admission::new(5, 2));
        let (far, here) = (address("10.0.0.1"), address("127.0.0.1"));
        let first = admission.admit(far).ok().unwrap();
        let _second = admission.admit(address("::ffff:10.0.0.1")).ok().unwrap();
        assert_eq!(admission.admit(far).err(), Some(Full::Address(2)));
        drop(first);
        let _first = admission.admit(far).ok().unwrap();
        let _here = [here; 3].map(|here| admission.admit(here).ok().unwrap());
        assert_eq!(admission.admit(here).err(), Some(Full::Server(5)));
        assert_eq!((admission.take_refused(), admission.take_refused()), (2, 0));
    }

    #[test]
    fn an_address_that_is_gone_leaves_nothing() {
        let admission = Rc::new(Admission::new(5, 2));
        drop([admission.admit(address("10.0.0.1")).ok(), admission.admit(address("10.0.0.1")).ok()]);
        assert!(admission.of.borrow().is_empty());
        assert_eq!(admission.all.get(), 0);
    }
}

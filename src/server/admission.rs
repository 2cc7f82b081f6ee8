//! How many connections there may be, in all and of one address.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::rtsp::customer::customer;

/// Counts the connections there are, of all workers.
pub(super) struct Admission {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    most: usize,
    per_address: usize,
    all: usize,
    of: HashMap<IpAddr, usize>,
    /// Refused since that was asked last.
    refused: u64,
    /// Refused since the start: by the server's limit, and by an address's.
    full: [u64; 2],
}

/// A connection's place, free again when dropped.
pub(super) struct Place {
    admission: Arc<Admission>,
    whose: IpAddr,
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
        Self { counts: Mutex::new(Counts { most, per_address, ..Counts::default() }) }
    }

    /// Others from now on; who is there stays.
    pub(super) fn change(&self, most: usize, per_address: usize) {
        let mut counts = self.counts();
        (counts.most, counts.per_address) = (most, per_address);
    }

    /// How many there are.
    pub(super) fn connections(&self) -> usize {
        self.counts().all
    }

    /// A place for a connection of that address. This machine's own are only bounded by the whole.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Full> {
        let whose = customer(peer);
        let mut counts = self.counts();
        let its = counts.of.get(&whose).copied().unwrap_or(0);
        let full = if counts.all >= counts.most {
            Some(Full::Server(counts.most))
        } else {
            (!peer.to_canonical().is_loopback() && its >= counts.per_address)
                .then_some(Full::Address(counts.per_address))
        };
        if let Some(full) = full {
            counts.refused += 1;
            counts.full[usize::from(matches!(full, Full::Address(_)))] += 1;
            return Err(full);
        }
        counts.of.insert(whose, its + 1);
        counts.all += 1;
        Ok(Place { admission: self.clone(), whose })
    }

    /// How many were refused since the last call.
    pub(super) fn take_refused(&self) -> u64 {
        std::mem::take(&mut self.counts().refused)
    }

    /// How many were refused since the start, by the server's limit and by an address's.
    pub(super) fn refused(&self) -> [u64; 2] {
        self.counts().full
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        counts.all = counts.all.saturating_sub(1);
        match counts.of.get_mut(&self.whose) {
            Some(its) if *its > 1 => *its -= 1,
            _ => {
                counts.of.remove(&self.whose);
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
        let admission = Arc::new(Admission::new(5, 2));
        let (far, here) = (address("10.0.0.1"), address("127.0.0.1"));
        let first = admission.admit(far).ok().unwrap();
        let _second = admission.admit(address("::ffff:10.0.0.1")).ok().unwrap();
        assert_eq!(admission.admit(far).err(), Some(Full::Address(2)));
        drop(first);
        let _first = admission.admit(far).ok().unwrap();
        let _here = [here; 3].map(|here| admission.admit(here).ok().unwrap());
        assert_eq!(admission.admit(here).err(), Some(Full::Server(5)));
        assert_eq!((admission.take_refused(), admission.take_refused()), (2, 0));
        assert_eq!(admission.refused(), [1, 1]);
    }

    #[test]
    fn one_customer_of_ipv6_has_only_so_many_connections() {
        let admission = Arc::new(Admission::new(5, 2));
        let _held = ["2001:db8::1", "2001:db8::2"].map(|text| admission.admit(address(text)).ok().unwrap());
        assert_eq!(admission.admit(address("2001:db8::ffff:3")).err(), Some(Full::Address(2)));
        let _other = admission.admit(address("2001:db8:0:1::1")).ok().unwrap();
        let _here = [(); 2].map(|()| admission.admit(address("::1")).ok().unwrap());
    }

    #[test]
    fn an_address_that_is_gone_leaves_nothing() {
        let admission = Arc::new(Admission::new(5, 2));
        drop([admission.admit(address("10.0.0.1")).ok(), admission.admit(address("10.0.0.1")).ok()]);
        let counts = admission.counts();
        assert!(counts.of.is_empty());
        assert_eq!(counts.all, 0);
    }
}

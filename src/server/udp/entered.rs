//! Where packets go, by the addresses that answers and errors come from.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::destination::Destination;

/// In the order of those addresses: what a destination has itself is no key of a table too.
#[derive(Default)]
pub(super) struct Entered {
    by_rtp: Vec<Rc<Destination>>,
    by_rtcp: Vec<Rc<Destination>>,
}

type Of = fn(&Destination) -> SocketAddr;

impl Entered {
    /// Whether nothing goes anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.by_rtp.is_empty()
    }

    /// Enters one; who was at an address of its before is not found by it any more.
    pub(super) fn enter(&mut self, destination: &Rc<Destination>) {
        let lists: [(&mut Vec<_>, Of); 2] =
            [(&mut self.by_rtp, Destination::rtp), (&mut self.by_rtcp, Destination::rtcp)];
        for (list, of) in lists {
            match find(list, of, of(destination)) {
                Ok(at) => list[at] = destination.clone(),
                Err(at) => list.insert(at, destination.clone()),
            }
        }
    }

    /// Takes one out; says whether it was found by where it reports from.
    pub(super) fn forget(&mut self, destination: &Rc<Destination>) -> bool {
        remove(&mut self.by_rtp, Destination::rtp, destination);
        remove(&mut self.by_rtcp, Destination::rtcp, destination)
    }

    /// A datagram that went there was refused.
    pub(super) fn refuse(&self, address: SocketAddr, now: Instant) {
        let Ok(at) = find(&self.by_rtp, Destination::rtp, address) else { return };
        let first = self.by_rtp.partition_point(|known| known.rtp().ip() < address.ip());
        let host = self.by_rtp.iter().enumerate().skip(first);
        for (number, known) in host.take_while(|(_, known)| known.rtp().ip() == address.ip()) {
            if number == at { known.refuse(now) } else { known.refuse_another(now) }
        }
    }

    /// Whose RTCP comes from there.
    pub(super) fn by_rtcp(&self, address: SocketAddr) -> Option<&Rc<Destination>> {
        self.by_rtcp.get(find(&self.by_rtcp, Destination::rtcp, address).ok()?)
    }
}

/// Where one of that address is, or would be.
fn find(list: &[Rc<Destination>], of: Of, address: SocketAddr) -> Result<usize, usize> {
    list.binary_search_by_key(&address, |known| of(known))
}

fn remove(list: &mut Vec<Rc<Destination>>, of: Of, gone: &Rc<Destination>) -> bool {
    let at = find(list, of, of(gone)).ok().filter(|at| Rc::ptr_eq(&list[*at], gone));
    at.map(|at| list.remove(at)).is_some()
}

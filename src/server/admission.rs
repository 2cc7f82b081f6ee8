//! How many connections there may be, in all and of one address, and who makes way where there are as many.
//!
//! Strangers, connections that have neither a session nor a user who signed in, make way for who comes: else a handful of
//! addresses would lock everybody out by connecting and saying nothing. Of all addresses the one that has most strangers
//! loses its oldest, so that a client over a slow line has its time to sign in whatever the others do.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::amount::amount;
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
    /// Those that would make way, of each address that has some: the oldest first.
    strangers: HashMap<IpAddr, BTreeMap<u64, Arc<Call>>>,
    /// Numbers given to strangers so far.
    numbers: u64,
    since: Since,
    /// Refused since the start: by the server's limit, and by an address's.
    full: [u64; 2],
    /// Made way since the start.
    made_way: u64,
}

/// What happened since that was asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) refused: u64,
    pub(super) made_way: u64,
}

/// A connection's place, free again when dropped.
pub(super) struct Place {
    admission: Arc<Admission>,
    whose: IpAddr,
    /// Which of the strangers it is, if it is one.
    stranger: Cell<Option<u64>>,
    call: Arc<Call>,
}

/// What tells a connection to make way. Its place is another's already.
#[derive(Default)]
pub(super) struct Call {
    /// As many connections as there may be, once it is given.
    given: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

/// Why a connection is refused, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Server(usize),
    Address(usize),
    /// It was let in, and makes way for another.
    Stranger(usize),
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(most) => {
                write!(f, "the server has {}: `max_connections` allows no more", amount(most, "connection"))
            }
            Self::Address(most) => {
                write!(f, "this address has {}: `max_per_address` allows no more", amount(most, "connection"))
            }
            Self::Stranger(most) => write!(
                f,
                "the server has {}: `max_connections` allows no more, and who neither signed in nor set up a session makes \
                 way for others",
                amount(most, "connection")
            ),
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
        let full = if !peer.to_canonical().is_loopback() && its >= counts.per_address {
            // It is not to push out others.
            Some(Full::Address(counts.per_address))
        } else {
            (!counts.make_room()).then_some(Full::Server(counts.most))
        };
        if let Some(full) = full {
            counts.since.refused += 1;
            counts.full[usize::from(matches!(full, Full::Address(_)))] += 1;
            return Err(full);
        }
        *counts.of.entry(whose).or_default() += 1;
        counts.all += 1;
        let call = Arc::default();
        let stranger = Cell::new(Some(counts.enter(whose, &call)));
        Ok(Place { admission: self.clone(), whose, stranger, call })
    }

    /// How many were refused, and made way, since the last call.
    pub(super) fn take_since(&self) -> Since {
        std::mem::take(&mut self.counts().since)
    }

    /// How many were refused since the start, by the server's limit and by an address's, and how many made way.
    pub(super) fn refused(&self) -> [u64; 3] {
        let counts = self.counts();
        let [server, address] = counts.full;
        [server, address, counts.made_way]
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Has strangers make way until there is a place; says whether there is one.
    fn make_room(&mut self) -> bool {
        while self.all >= self.most {
            // The most of them are at the address of who does this, if somebody does.
            let most = |(_, calls): &(&IpAddr, &BTreeMap<u64, _>)| {
                (calls.len(), Reverse(calls.keys().next().copied()))
            };
            let Some(whose) = self.strangers.iter().max_by_key(most).map(|(whose, _)| *whose) else {
                return false;
            };
            let oldest = self.strangers.get(&whose).and_then(|calls| calls.keys().next().copied());
            let Some(call) = oldest.and_then(|number| self.leave(whose, number)) else { return false };
            self.free(whose);
            self.made_way += 1;
            self.since.made_way += 1;
            call.give(self.most);
        }
        true
    }

    /// Another stranger; which one.
    fn enter(&mut self, whose: IpAddr, call: &Arc<Call>) -> u64 {
        self.numbers += 1;
        self.strangers.entry(whose).or_default().insert(self.numbers, call.clone());
        self.numbers
    }

    /// One stranger less.
    fn leave(&mut self, whose: IpAddr, number: u64) -> Option<Arc<Call>> {
        let calls = self.strangers.get_mut(&whose)?;
        let call = calls.remove(&number);
        if calls.is_empty() {
            self.strangers.remove(&whose);
        }
        call
    }

    fn free(&mut self, whose: IpAddr) {
        self.all = self.all.saturating_sub(1);
        match self.of.get_mut(&whose) {
            Some(its) if *its > 1 => *its -= 1,
            _ => {
                self.of.remove(&whose);
            }
        }
    }
}

impl Place {
    /// Whether it is known now whose the connection is: who has a session or signed in makes way for nobody.
    pub(super) fn settle(&self, known: bool) {
        if known != self.stranger.get().is_some() {
            return;
        }
        let mut counts = self.admission.counts();
        if self.call.is_given() {
            return;
        }
        self.stranger.set(match self.stranger.get() {
            Some(number) => {
                counts.leave(self.whose, number);
                None
            }
            None => Some(counts.enter(self.whose, &self.call)),
        });
    }

    /// What tells it to make way.
    pub(super) fn call(&self) -> Arc<Call> {
        self.call.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        if self.call.is_given() {
            return;
        }
        if let Some(number) = self.stranger.get() {
            counts.leave(self.whose, number);
        }
        counts.free(self.whose);
    }
}

impl Call {
    /// While the counts are locked: whoever looks at it then knows.
    fn give(&self, most: usize) {
        self.given.store(most.max(1), Ordering::SeqCst);
        if let Some(waker) = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }

    fn is_given(&self) -> bool {
        self.given.load(Ordering::SeqCst) != 0
    }

    /// Waits for it; gives why.
    pub(super) async fn given(&self) -> Full {
        poll_fn(|context| {
            let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
            if self.is_given() {
                return Poll::Ready(Full::Stranger(self.given.load(Ordering::SeqCst)));
            }
            match &mut *waker {
                Some(known) => known.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// One whose connection is known.
    fn known(admission: &Arc<Admission>, text: &str) -> Place {
        let place = admission.admit(address(text)).ok().unwrap();
        place.settle(true);
        place
    }

    #[test]
    fn an_address_has_only_so_many_connections_and_the_server_too() {
        let admission = Arc::new(Admission::new(5, 2));
        let (far, here) = (address("10.0.0.1"), address("127.0.0.1"));
        let first = known(&admission, "10.0.0.1");
        let _second = known(&admission, "::ffff:10.0.0.1");
        assert_eq!(admission.admit(far).err(), Some(Full::Address(2)));
        drop(first);
        let _first = known(&admission, "10.0.0.1");
        let _here = [(); 3].map(|()| known(&admission, "127.0.0.1"));
        assert_eq!(admission.admit(here).err(), Some(Full::Server(5)));
        let since = Since { refused: 2, made_way: 0 };
        assert_eq!((admission.take_since(), admission.take_since()), (since, Since::default()));
        assert_eq!(admission.refused(), [1, 1, 0]);
    }

    #[test]
    fn where_there_is_no_place_the_oldest_stranger_of_the_address_with_most_of_them_makes_way() {
        let admission = Arc::new(Admission::new(5, 3));
        let mut places: Vec<Place> = ["10.0.0.9", "10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.1"]
            .into_iter()
            .map(|text| admission.admit(address(text)).ok().unwrap())
            .collect();
        places[1].settle(true);
        let gone = |places: &[Place]| -> Vec<usize> {
            (0..places.len()).filter(|index| places[*index].call.is_given()).collect()
        };
        assert_eq!(
            admission.admit(address("10.0.0.1")).err(),
            Some(Full::Address(3)),
            "and nobody makes way for it"
        );
        for (text, expected) in [
            ("10.0.0.3", &[3][..]),
            ("10.0.0.4", &[0, 3]),
            ("10.0.0.5", &[0, 2, 3]),
            ("10.0.0.6", &[0, 2, 3, 4]),
        ] {
            places.push(admission.admit(address(text)).ok().unwrap());
            assert_eq!((gone(&places).as_slice(), admission.connections()), (expected, 5), "{text}");
        }
        places[5..].iter().for_each(|place| place.settle(true));
        assert_eq!(admission.admit(address("10.0.0.7")).err(), Some(Full::Server(5)), "all are known");
        // Whose session is over is a stranger again, and the youngest.
        places[6].settle(false);
        places[5].settle(false);
        places.push(admission.admit(address("10.0.0.7")).ok().unwrap());
        assert_eq!(gone(&places), [0, 2, 3, 4, 6]);
        assert_eq!((admission.refused(), admission.take_since().made_way), ([1, 1, 5], 5));
        drop(places);
        let counts = admission.counts();
        assert!(counts.all == 0 && counts.of.is_empty() && counts.strangers.is_empty());
    }

    #[test]
    fn who_is_told_to_make_way_is_woken() {
        let admission = Arc::new(Admission::new(1, 1));
        let first = admission.admit(address("10.0.0.1")).ok().unwrap();
        let (call, mut context) = (first.call(), std::task::Context::from_waker(Waker::noop()));
        let mut waiting = std::pin::pin!(call.given());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        let _second = admission.admit(address("10.0.0.2")).ok().unwrap();
        assert!(waiting.as_mut().poll(&mut context).is_ready());
        // That it signed in meanwhile comes too late.
        first.settle(true);
        drop(first);
        assert_eq!(admission.connections(), 1);
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

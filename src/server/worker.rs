//! A worker's state: its readers and their sockets. What it has is shared by `Rc`; what all workers share is the
//! [`House`]. Its thread and the orders it follows are in `thread`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Instant;

use smol::{LocalExecutor, Task};

use super::broadcast::Broadcast;
use super::feed::Feed;
use super::house::{House, Order};
use super::over::Over;
use super::reader::{Path, Reader};
use super::tally::Tally;
use super::udp::{Destination, Pair, at_port};
use super::{Pacing, supervise};
use crate::rtsp::server::{Event, SessionId};

pub(super) struct Worker {
    pub(super) house: Arc<House>,
    pub(super) index: usize,
    broadcasts: RefCell<BTreeMap<String, Served>>,
    /// The first worker's: addresses that are listened on.
    pub(super) listening: RefCell<Vec<(SocketAddr, Option<Task<()>>)>>,
    /// In the order of their sessions.
    readers: RefCell<Vec<Rc<Reader>>>,
    pairs: RefCell<HashMap<SocketAddr, Rc<Pair>>>,
    executor: Weak<LocalExecutor<'static>>,
}

/// A mount's readers here, and the task that sends to them while it is kept.
struct Served {
    broadcast: Rc<Broadcast>,
    _task: Option<Task<()>>,
}

impl Worker {
    pub(super) fn new(house: Arc<House>, index: usize, executor: Weak<LocalExecutor<'static>>) -> Self {
        Self {
            index,
            broadcasts: RefCell::default(),
            listening: RefCell::default(),
            readers: RefCell::default(),
            pairs: RefCell::default(),
            executor,
            house,
        }
    }

    /// Runs a task on the worker's thread.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        if let Some(executor) = self.executor.upgrade() {
            executor.spawn(task).detach();
        }
    }

    /// Runs a task on the worker's thread, for as long as the answer is kept.
    pub(super) fn spawn_kept(&self, task: impl Future<Output = ()> + 'static) -> Option<Task<()>> {
        self.executor.upgrade().map(|executor| executor.spawn(task))
    }

    /// Serves a mount, unless it does already.
    pub(super) fn open(&self, feed: &Arc<Feed>) {
        let mut broadcasts = self.broadcasts.borrow_mut();
        let name = feed.mount.name();
        let known = broadcasts.get(name).is_some_and(|served| Arc::ptr_eq(&served.broadcast.feed, feed));
        if known || !self.house.has(feed) {
            return;
        }
        let pacing = feed.settings().pacing.unwrap_or(self.house.settings().pacing);
        let broadcast = Rc::new(Broadcast::new(feed.clone(), feed.home == self.index, pacing));
        let running = broadcast.clone();
        let task = self.spawn_kept(async move {
            supervise::restarted(running.feed.mount.name(), || running.clone().run()).await;
        });
        broadcasts.insert(name.to_owned(), Served { broadcast, _task: task });
    }

    /// Whether the mount is served here; one that was just added is from now on.
    pub(super) fn serves(&self, feed: &Arc<Feed>) -> bool {
        self.open(feed);
        self.broadcast(feed.mount.name()).is_some_and(|broadcast| Arc::ptr_eq(&broadcast.feed, feed))
    }

    /// Serves a mount no longer; says how many sessions that ended.
    pub(super) fn withdraw(&self, feed: &Arc<Feed>) -> usize {
        let ended = self.end(Over::MountGone, |reader| Arc::ptr_eq(&reader.feed, feed));
        if self.broadcast(feed.mount.name()).is_some_and(|broadcast| Arc::ptr_eq(&broadcast.feed, feed)) {
            self.broadcasts.borrow_mut().remove(feed.mount.name());
        }
        ended
    }

    /// Ends sessions with BYE, and hangs up on their clients; says how many.
    pub(super) fn end(&self, why: Over, which: impl Fn(&Reader) -> bool) -> usize {
        let over: Vec<Rc<Reader>> = self.readers().into_iter().filter(|reader| which(reader)).collect();
        for reader in &over {
            self.house.sessions().close(&reader.session);
            self.release(&reader.session, why);
            if let Some(line) = reader.client.line.upgrade() {
                line.hang_up();
            }
        }
        over.len()
    }

    /// Spreads a mount's large pictures otherwise.
    pub(super) fn pace(&self, mount: &str, pacing: Pacing) {
        if let Some(broadcast) = self.broadcast(mount) {
            broadcast.pace(pacing);
        }
    }

    fn broadcast(&self, mount: &str) -> Option<Rc<Broadcast>> {
        self.broadcasts.borrow().get(mount).map(|served| served.broadcast.clone())
    }

    pub(super) fn reader(&self, session: &SessionId) -> Option<Rc<Reader>> {
        let readers = self.readers.borrow();
        readers.get(place(&readers, session).ok()?).cloned()
    }

    pub(super) fn readers(&self) -> Vec<Rc<Reader>> {
        self.readers.borrow().clone()
    }

    /// A session is set up here.
    pub(super) fn keep(&self, reader: &Rc<Reader>) {
        self.house.registry().keep(&reader.session, self.index);
        let mut readers = self.readers.borrow_mut();
        match place(&readers, &reader.session) {
            Ok(at) => readers[at] = reader.clone(),
            Err(at) => readers.insert(at, reader.clone()),
        }
    }

    /// It is kept here no more.
    fn let_go(&self, session: &SessionId) -> Option<Rc<Reader>> {
        let mut readers = self.readers.borrow_mut();
        let at = place(&readers, session).ok()?;
        Some(readers.remove(at))
    }

    /// A SETUP failed: what was begun for a session without any track is over.
    pub(super) fn forget_unless_set_up(&self, session: &SessionId) {
        if self.reader(session).is_some_and(|reader| !reader.is_set_up()) {
            self.let_go(session);
            self.house.registry().release(session);
        }
    }

    /// Who sends to the reader.
    pub(super) fn broadcast_of(&self, reader: &Reader) -> Option<Rc<Broadcast>> {
        self.broadcast(reader.feed.mount.name())
    }

    /// Sends the first images of a session whose PLAY was answered.
    pub(super) fn begin(&self, session: Option<&SessionId>) {
        let reader = session.and_then(|session| self.reader(session));
        if let Some(broadcast) = reader.and_then(|reader| self.broadcast_of(&reader)) {
            broadcast.pump();
            broadcast.kick();
        }
    }

    /// Which other worker has to do what is asked of a session.
    pub(super) fn elsewhere(&self, event: &Event) -> Option<usize> {
        let keeper = self.house.registry().keeper(event.session()?);
        keeper.filter(|keeper| *keeper != self.index)
    }

    /// The sockets for readers that came in at `local`, made at first use.
    pub(super) fn pair(self: &Rc<Self>, local: SocketAddr) -> io::Result<Rc<Pair>> {
        let local = at_port(local, 0);
        if let Some(pair) = self.pairs.borrow().get(&local) {
            return Ok(pair.clone());
        }
        let settings = self.house.settings();
        let pair = Rc::new(Pair::bind(local, settings.udp_ports.clone(), settings.dscp)?);
        self.house.registry().add_ports(pair.ports());
        let (worker, reading) = (self.clone(), pair.clone());
        self.spawn(async move {
            supervise::restarted("reports", || worker.clone().read_reports(reading.clone())).await;
        });
        let draining = pair.clone();
        self.spawn(async move {
            supervise::restarted("drain", || async { drop(draining.drain_rtp().await) }).await;
        });
        self.pairs.borrow_mut().insert(local, pair.clone());
        Ok(pair)
    }

    /// Asks anew how fast the links are that readers are behind, in tasks of their own: nothing waits for the answer.
    pub(super) fn ask_for_links(&self, now: Instant) {
        for pair in self.pairs.borrow().values().filter(|pair| pair.link_is_due(now)) {
            let pair = pair.clone();
            self.spawn(async move { pair.ask_for_link().await });
        }
    }

    /// Enters where a session's track goes.
    ///
    /// # Errors
    /// The address that is another session's, of this worker or another.
    pub(super) fn enter(
        &self,
        pair: &Pair,
        session: &SessionId,
        addresses: [SocketAddr; 2],
    ) -> Result<Rc<Destination>, SocketAddr> {
        self.house.registry().enter(addresses, session)?;
        Ok(pair.enter(session, addresses[0], addresses[1].port()))
    }

    /// Who reports from there is nobody's reader any more, unless a newer one of the same address is.
    pub(super) fn forget(&self, pair: &Pair, destination: &Rc<Destination>) {
        if pair.forget(destination) {
            self.house.registry().forget(destination.addresses(), &destination.session);
        }
    }

    /// Ends what belongs to a session that is over, whichever worker keeps it.
    pub(super) fn release(&self, session: &SessionId, why: Over) {
        let keeper = self.house.registry().keeper(session);
        if let Some(other) = keeper.filter(|keeper| *keeper != self.index) {
            return self.house.order(other, Order::Release(session.clone(), why));
        }
        let Some(reader) = self.let_go(session) else { return };
        reader.hand_over_volume();
        let behind_ms = reader.behind().as_millis() as u64;
        if let Path::Udp(pair) = &reader.path {
            reader.destinations().iter().for_each(|gone| self.forget(pair, gone));
        }
        if reader.bye().is_ok()
            && let Path::Tcp(outbox) = &reader.path
        {
            let _ = outbox.pump();
        }
        if let Some(broadcast) = self.broadcast_of(&reader) {
            broadcast.leave(&reader);
        }
        self.house.registry().release(session);
        let (peer, mount, session) = (reader.peer(), reader.feed.mount.name(), session.shown());
        let not_sent = reader.tally().map(Tally::to_string).unwrap_or_default();
        tracing::debug!(%session, parted = reader.parted().unwrap_or_default(), behind_ms, "not sent: [{not_sent}]");
        tracing::info!(%peer, mount, %session, "session over: {why}");
    }

    /// Ends all sessions that are kept here, with BYE.
    pub(super) fn say_goodbye(&self) {
        for reader in self.readers() {
            self.house.sessions().close(&reader.session);
            self.release(&reader.session, Over::Stopping);
        }
    }
}

/// Where a session's reader is, or would be.
fn place(readers: &[Rc<Reader>], session: &SessionId) -> Result<usize, usize> {
    readers.binary_search_by(|reader| reader.session.cmp(session))
}

impl Drop for Worker {
    fn drop(&mut self) {
        for pair in self.pairs.get_mut().values() {
            self.house.registry().remove_ports(pair.ports());
        }
    }
}

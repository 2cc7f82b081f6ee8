//! A worker: one thread, its readers, and everything that serves them. What it has is shared by `Rc`; what all
//! workers share is the [`House`].

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use async_net::TcpListener;
use smol::future::or;
use smol::{Async, LocalExecutor};

use super::alarm::seldom;
use super::broadcast::Broadcast;
use super::house::{House, Order, Seat};
use super::reader::{Path, Reader};
use super::requests::Caller;
use super::udp::{Destination, Pair};
use super::{connection, housekeeping, listener, supervise};
use crate::rtsp::server::{Event, SessionId};

pub(super) struct Worker {
    pub(super) house: Arc<House>,
    pub(super) index: usize,
    broadcasts: BTreeMap<String, Rc<Broadcast>>,
    readers: RefCell<HashMap<SessionId, Rc<Reader>>>,
    pairs: RefCell<HashMap<IpAddr, Rc<Pair>>>,
    executor: Weak<LocalExecutor<'static>>,
}

/// Runs a worker until `stop` ends or its desk is closed; begins it again, without the readers it had, when it
/// panics as a whole.
pub(super) fn run(
    house: &Arc<House>,
    index: usize,
    listeners: &[TcpListener],
    stop: impl Future<Output = ()>,
) {
    // What the thread itself waits for is polled whenever it is woken, for each picture too; a signal's socket would
    // be read each time.
    let mut stop = pin!(seldom(stop));
    while let Err(panic) = catch_unwind(AssertUnwindSafe(|| live(house, index, listeners, stop.as_mut()))) {
        let panic = supervise::sentence(&*panic);
        tracing::error!(worker = index, panic, "a worker panicked and begins again; please report this");
        house.bury(index);
        std::thread::sleep(supervise::PAUSE);
    }
}

/// A worker's life.
fn live(
    house: &Arc<House>,
    index: usize,
    listeners: &[TcpListener],
    stop: Pin<&mut impl Future<Output = ()>>,
) {
    let executor = Rc::new(LocalExecutor::new());
    let worker = Rc::new(Worker::new(house.clone(), index, Rc::downgrade(&executor)));
    for broadcast in worker.broadcasts.values() {
        let broadcast = broadcast.clone();
        let run = async move {
            supervise::restarted(broadcast.feed.mount.name(), || broadcast.clone().run()).await;
        };
        executor.spawn(run).detach();
    }
    for listener in listeners {
        let (worker, listener) = (worker.clone(), listener.clone());
        let run = async move {
            supervise::restarted("listener", || listener::accept(worker.clone(), &listener)).await;
        };
        executor.spawn(run).detach();
    }
    let keeping = worker.clone();
    executor
        .spawn(async move {
            supervise::restarted("housekeeping", || housekeeping::keep_house(keeping.clone())).await;
        })
        .detach();
    // Likewise in a task of its own.
    let following = worker.clone();
    let main = or(stop, executor.spawn(following.follow_orders()));
    // Sockets are watched by the reactor's own thread. A worker that took that over while it waits would fight with
    // it, and the other workers, for the reactor's lock at each picture; so it only waits to be woken.
    let lived = catch_unwind(AssertUnwindSafe(|| smol::future::block_on(executor.run(main))));
    // However it ended: its readers are told.
    let told = catch_unwind(AssertUnwindSafe(|| worker.say_goodbye()));
    if let Err(panic) = lived.and(told) {
        resume_unwind(panic);
    }
}

impl Worker {
    fn new(house: Arc<House>, index: usize, executor: Weak<LocalExecutor<'static>>) -> Self {
        let workers = house.workers();
        let broadcasts = house.feeds.iter().enumerate().map(|(number, (name, feed))| {
            (
                name.clone(),
                Rc::new(Broadcast::new(feed.clone(), number % workers == index, house.settings.pacing)),
            )
        });
        Self {
            index,
            broadcasts: broadcasts.collect(),
            readers: RefCell::default(),
            pairs: RefCell::default(),
            executor,
            house,
        }
    }

    /// Does what other workers want until there will be no more of it.
    async fn follow_orders(self: Rc<Self>) {
        let Some(inbox) = self.house.inbox(self.index) else { return };
        while let Ok(order) = inbox.recv().await {
            match order {
                Order::Serve { stream, peer, seat } => self.serve(stream, peer, seat),
                Order::Ask { event, peer, local, answer } => {
                    let worker = self.clone();
                    let work = async move {
                        let caller = Caller::elsewhere(peer, local);
                        let starting = connection::starting(&event);
                        // Without an answer who asked takes the session for ended.
                        if let Ok(Some(said)) = supervise::caught(worker.handle(&caller, event)).await {
                            let _ = answer.try_send(said);
                        }
                        worker.begin(starting.as_ref());
                    };
                    self.spawn(work);
                }
                Order::Release(session) => self.release(&session),
                #[cfg(test)]
                Order::Panic => panic!("as ordered"),
            }
        }
    }

    /// Serves a connection in a task of its own.
    pub(super) fn serve(self: &Rc<Self>, stream: async_net::TcpStream, peer: SocketAddr, seat: Seat) {
        let worker = self.clone();
        // Without what the stream has room for when it is asked itself.
        let stream: Arc<Async<TcpStream>> = stream.into();
        self.spawn(async move {
            match supervise::caught(Box::pin(connection::serve(worker, stream))).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%peer, %error, "connection over"),
                Err(panic) => tracing::error!(%peer, panic, "a connection panicked; please report this"),
            }
            drop(seat);
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        if let Some(executor) = self.executor.upgrade() {
            executor.spawn(task).detach();
        }
    }

    pub(super) fn reader(&self, session: &SessionId) -> Option<Rc<Reader>> {
        self.readers.borrow().get(session).cloned()
    }

    pub(super) fn readers(&self) -> Vec<Rc<Reader>> {
        self.readers.borrow().values().cloned().collect()
    }

    /// A session is set up here.
    pub(super) fn keep(&self, reader: &Rc<Reader>) {
        self.house.registry().keep(&reader.session, self.index);
        self.readers.borrow_mut().insert(reader.session.clone(), reader.clone());
    }

    /// A SETUP failed: what was begun for a session without any track is over.
    pub(super) fn forget_unless_set_up(&self, session: &SessionId) {
        if self.reader(session).is_some_and(|reader| !reader.is_set_up()) {
            self.readers.borrow_mut().remove(session);
            self.house.registry().release(session);
        }
    }

    /// Who sends to the reader.
    pub(super) fn broadcast_of(&self, reader: &Reader) -> Option<&Rc<Broadcast>> {
        self.broadcasts.get(reader.feed.mount.name())
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
    pub(super) fn pair(self: &Rc<Self>, local: IpAddr) -> io::Result<Rc<Pair>> {
        if let Some(pair) = self.pairs.borrow().get(&local) {
            return Ok(pair.clone());
        }
        let pair = Rc::new(Pair::bind(local, self.house.settings.udp_ports.clone())?);
        self.house.registry().add_ports(pair.ports());
        let (worker, reading) = (self.clone(), pair.clone());
        self.spawn(async move {
            supervise::restarted("reports", || housekeeping::receive(worker.clone(), reading.clone())).await;
        });
        let draining = pair.clone();
        self.spawn(async move {
            supervise::restarted("drain", || async { drop(draining.drain_rtp().await) }).await;
        });
        self.pairs.borrow_mut().insert(local, pair.clone());
        Ok(pair)
    }

    /// Enters where a session's track goes.
    ///
    /// # Errors
    /// The address that is another session's, of this worker or another.
    pub(super) fn enter(
        &self,
        pair: &Pair,
        session: &SessionId,
        rtp: SocketAddr,
        rtcp: SocketAddr,
    ) -> Result<Rc<Destination>, SocketAddr> {
        self.house.registry().enter([rtp, rtcp], session)?;
        Ok(pair.enter(session, rtp, rtcp))
    }

    /// Who reports from there is nobody's reader any more, unless a newer one of the same address is.
    pub(super) fn forget(&self, pair: &Pair, destination: &Rc<Destination>) {
        if pair.forget(destination) {
            self.house.registry().forget(destination.addresses());
        }
    }

    /// Ends what belongs to a session that is over, whichever worker keeps it.
    pub(super) fn release(&self, session: &SessionId) {
        let keeper = self.house.registry().keeper(session);
        if let Some(other) = keeper.filter(|keeper| *keeper != self.index) {
            return self.house.order(other, Order::Release(session.clone()));
        }
        let Some(reader) = self.readers.borrow_mut().remove(session) else { return };
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
        let (peer, mount, session) = (reader.peer, reader.feed.mount.name(), session.shown());
        tracing::debug!(%session, parted = reader.parted(), behind_ms, "not sent: [{}]", reader.tally);
        tracing::info!(%peer, mount, %session, "session over");
    }

    fn say_goodbye(&self) {
        let sessions: Vec<SessionId> = self.readers.borrow().keys().cloned().collect();
        for session in sessions {
            self.house.sessions().close(&session);
            self.release(&session);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        for pair in self.pairs.get_mut().values() {
            self.house.registry().remove_ports(pair.ports());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::testing::{Client, publish, says_goodbye, serve};
    use super::*;

    #[test]
    fn a_worker_that_panics_as_a_whole_ends_its_own_readers_and_begins_again() {
        let mut ended = None;
        serve(
            &["cam"],
            2,
            || (),
            |house, address, outlets| {
                let outlet = &outlets[0];
                let mut clients = [(); 2].map(|()| Client::set_up(address, "cam"));
                publish(outlet);
                for client in &mut clients {
                    assert!(client.play().contains(" 200 "));
                    client.packet();
                }
                assert_eq!(house.registry().loads(2), [1, 1]);
                // The first worker accepted the first connection.
                let [mut first, mut second] = clients;
                house.order(1, Order::Panic);
                assert!(says_goodbye(&second.rtcp), "its readers are told");
                assert_eq!(second.stream.read(&mut [0; 16]).unwrap(), 0, "its connections are closed");
                publish(outlet);
                first.packet();
                // The next goes to the worker that has the least to do: the new one.
                let mut third = Client::set_up(address, "cam");
                assert_eq!(house.registry().loads(2), [1, 1]);
                assert!(third.play().contains(" 200 "));
                third.packet();
                second.stream = TcpStream::connect(address).unwrap();
                assert!(second.play().contains(" 454 "), "its session is over");
                assert!(first.play().contains(" 200 "));
                ended = Some((first, third));
            },
        );
        let (first, third) = ended.unwrap();
        assert!(says_goodbye(&first.rtcp) && says_goodbye(&third.rtcp));
    }
}

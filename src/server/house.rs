//! What all workers share, and how they reach each other.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use smol::channel::{Receiver, Sender, unbounded};
use smol::future::or;

use super::admission::{Admission, Full, Place};
use super::feed::{self, Feed};
use super::figures::SessionFigures;
use super::listener::Listener;
use super::memory::Memory;
use super::over::Over;
use super::pressure::Strain;
use super::registry::Registry;
use super::{MountSettings, Pacing, Settings, random_bytes, random_id};
use crate::access::{Gate, Rules};
use crate::clock;
use crate::hub::{Mount, State};
use crate::media::Track;
use crate::random::random_u32;
use crate::rtsp::message::Status;
use crate::rtsp::server::{Answer, Event, SessionId, Sessions};
use crate::rtsp::url::Target;

/// A DESCRIBE waits this long for a source that has to be started first.
const SOURCE_STARTS: Duration = Duration::from_secs(10);

/// And so long more while it gives pictures that need others before them.
const KEYFRAME_COMES: Duration = Duration::from_secs(20);

/// Who is refused is told to come again after so many seconds.
pub(super) const RETRY_AFTER: u32 = 5;

/// Media in the rings of all mounts, at most this much, and at most a quarter of the memory; a mount has an equal share.
const RINGS: usize = 64 << 20;

/// None of its locks is held while media goes out.
pub(super) struct House {
    settings: RwLock<Arc<Settings>>,
    feeds: RwLock<BTreeMap<String, Arc<Feed>>>,
    listeners: Mutex<Vec<Listener>>,
    /// Our name in reports.
    cname: Arc<str>,
    /// Bytes of media that each mount may keep.
    ring: AtomicUsize,
    /// So many mounts share the memory for media.
    sharing: AtomicUsize,
    /// Numbers given to mounts so far.
    mounts: AtomicUsize,
    pub(super) admission: Arc<Admission>,
    /// Who may. Until it is given rules: whoever comes from a private network.
    pub(super) gate: Arc<Gate>,
    sessions: Mutex<Sessions>,
    registry: Mutex<Registry>,
    desks: Vec<Desk>,
    /// Numbers given to connections so far.
    numbers: AtomicU64,
    /// The failure last logged.
    told: Mutex<String>,
    /// Why no more viewers are let in.
    strain: Mutex<Option<Strain>>,
    /// Those that were told so.
    refused: AtomicU64,
    /// Sessions for which a mount had no place.
    pub(super) crowded: AtomicU64,
}

/// Where a worker gets what others want of it. Closed, the worker ends.
struct Desk {
    orders: Sender<Order>,
    inbox: Receiver<Order>,
    connections: Arc<AtomicUsize>,
}

/// What workers want of each other.
pub(super) enum Order {
    /// Serve a new connection.
    Serve { stream: async_net::TcpStream, peer: SocketAddr, seat: Seat },
    /// Do what a connection of another worker's asks of a session here.
    Ask { event: Event, peer: SocketAddr, local: SocketAddr, answer: Sender<Answer> },
    /// End what belongs to a session that is over.
    Release(SessionId, Over),
    /// Serve a mount.
    Open(Arc<Feed>),
    /// End a mount's sessions, and serve it no more.
    Withdraw { feed: Arc<Feed>, told: Sender<usize> },
    /// End sessions that their readers did not end; say how many.
    End { number: u64, told: Sender<usize> },
    /// Say that you live.
    Answer(Sender<()>),
    /// Say how the sessions are.
    Figures(Sender<Vec<SessionFigures>>),
    /// Spread a mount's large pictures otherwise.
    Pace { mount: String, pacing: Pacing },
    /// Look which addresses are listened on.
    Listen,
    #[cfg(test)]
    Panic,
}

/// A connection's place in the house and with its worker; free again when dropped.
pub(super) struct Seat {
    connections: Arc<AtomicUsize>,
    pub(super) place: Place,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl House {
    pub(super) fn new(settings: Settings, mounts: Vec<Mount>) -> Self {
        let sessions = Sessions::new(random_id, settings.limits()).with_aliases(settings.aliases.clone());
        let house = Self {
            feeds: RwLock::default(),
            listeners: Mutex::default(),
            cname: format!("lenslet-{:08x}", random_u32()).into(),
            ring: AtomicUsize::new(feed::RING),
            sharing: AtomicUsize::new(0),
            mounts: AtomicUsize::new(0),
            admission: Arc::new(Admission::new(settings.max_connections, settings.max_per_address)),
            gate: Arc::new(Gate::new(Rules::default(), random_bytes())),
            sessions: Mutex::new(sessions),
            registry: Mutex::default(),
            desks: (0..settings.workers.max(1)).map(|_| Desk::new()).collect(),
            numbers: AtomicU64::new(0),
            told: Mutex::default(),
            strain: Mutex::default(),
            refused: AtomicU64::new(0),
            crowded: AtomicU64::new(0),
            settings: RwLock::new(Arc::new(settings)),
        };
        house.make_room(mounts.len());
        mounts.into_iter().for_each(|mount| drop(house.serve(mount, MountSettings::default())));
        house
    }

    /// What is true of the server now.
    pub(super) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other settings from now on; those that cannot change while it runs must be the same.
    pub(super) fn change(&self, settings: Settings) {
        self.admission.change(settings.max_connections, settings.max_per_address);
        self.sessions().change(settings.limits(), settings.aliases.clone());
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// So many more mounts will come: those that are there and they have equal shares of the memory for media from now on.
    pub(super) fn make_room(&self, mounts: usize) {
        let feeds = self.feeds();
        let all = feeds.len() + mounts;
        let (share, rings) = ring_share(all, Memory::here().bound());
        self.sharing.store(all, Ordering::Relaxed);
        if self.ring.swap(share, Ordering::Relaxed) == share {
            return;
        }
        if share < feed::RING {
            tracing::warn!(
                "{all} mounts share {} MB for media: {} kB each; slow readers of large pictures will skip more",
                rings >> 20,
                share >> 10
            );
        }
        feeds.iter().for_each(|feed| feed.hold(share));
    }

    /// Serves a mount.
    ///
    /// # Errors
    /// There is one of that name.
    pub(super) fn serve(&self, mount: Mount, settings: MountSettings) -> Result<(), Mount> {
        let mut feeds = self.feeds.write().unwrap_or_else(PoisonError::into_inner);
        if feeds.contains_key(mount.name()) {
            return Err(mount);
        }
        let name = mount.name().to_owned();
        let ring = self.ring.load(Ordering::Relaxed);
        let home = self.mounts.fetch_add(1, Ordering::Relaxed) % self.desks.len();
        let feed = Feed::new(mount, self.settings().max_packet, self.cname.clone(), ring);
        let feed = Arc::new(feed.at_home(home).with_settings(settings));
        feeds.insert(name, feed.clone());
        let more = feeds.len() > self.sharing.load(Ordering::Relaxed);
        drop(feeds);
        if more {
            // It came unannounced.
            self.make_room(0);
        }
        self.tell_all(|| Order::Open(feed.clone()));
        Ok(())
    }

    /// Nobody finds the mount any more; its readers are the workers' to end.
    pub(super) fn withdraw(&self, name: &str) -> Option<Arc<Feed>> {
        self.feeds.write().unwrap_or_else(PoisonError::into_inner).remove(name)
    }

    /// What is served.
    pub(super) fn feeds(&self) -> Vec<Arc<Feed>> {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The mount of that name.
    pub(super) fn feed(&self, name: &str) -> Option<Arc<Feed>> {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Whether there is a mount of that name.
    pub(super) fn has_mount(&self, name: &str) -> bool {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// Whether this feed is served, and not another of its name.
    pub(super) fn has(&self, feed: &Arc<Feed>) -> bool {
        self.feed(feed.mount.name()).is_some_and(|served| Arc::ptr_eq(&served, feed))
    }

    /// Listens there, and nowhere else.
    pub(super) fn listen(&self, listeners: Vec<Listener>) {
        *self.listeners.lock().unwrap_or_else(PoisonError::into_inner) = listeners;
        self.order(0, Order::Listen);
    }

    /// The sockets that are listened on, each with the address that was asked for.
    pub(super) fn listeners(&self) -> Vec<(SocketAddr, async_net::TcpListener)> {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().map(|listener| (listener.asked, listener.socket.clone())).collect()
    }

    /// Where RTSP is listened for, with the ports that the kernel chose.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners().iter().filter_map(|(_, socket)| socket.local_addr().ok()).collect()
    }

    /// Tells every worker.
    pub(super) fn tell_all(&self, order: impl Fn() -> Order) {
        (0..self.desks.len()).for_each(|worker| self.order(worker, order()));
    }

    pub(super) fn workers(&self) -> usize {
        self.desks.len()
    }

    /// The session table. Its changes are made in one go: a panic elsewhere leaves it whole.
    pub(super) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets viewers in from now on, or no more; gives how many were refused until now.
    pub(super) fn let_in(&self, strain: Option<Strain>) -> u64 {
        *self.strain.lock().unwrap_or_else(PoisonError::into_inner) = strain;
        let mut sessions = self.sessions();
        sessions.let_in(strain.is_none());
        sessions.take_refused() + self.refused.swap(0, Ordering::Relaxed)
    }

    /// Why somebody who asks what there is would not be let in, if that is so.
    pub(super) fn full(&self) -> Option<Answer> {
        let sentence = self.strained().filter(|_| !self.sessions().is_empty())?;
        self.refused.fetch_add(1, Ordering::Relaxed);
        Some(Answer::Failed { status: Status(503), reason: sentence, retry_after: Some(RETRY_AFTER) })
    }

    /// Says that no more viewers are let in.
    pub(super) fn tell_strain(&self) {
        let Some(sentence) = self.strained() else { return };
        tracing::warn!("{sentence}; those who watch go on");
        // Each that is refused would be logged with it again.
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = sentence;
    }

    /// Whether viewers are let in.
    pub(super) fn lets_in(&self) -> bool {
        self.strain().is_none()
    }

    fn strained(&self) -> Option<String> {
        self.strain().map(|strain| format!("no more viewers are let in for now: {strain}"))
    }

    fn strain(&self) -> Option<Strain> {
        *self.strain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a connection from all others.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A place for a connection, and with which worker: the one that has the fewest connections and sessions.
    pub(super) fn admit(&self, peer: IpAddr) -> Result<(usize, Seat), Full> {
        let place = self.admission.admit(peer)?;
        let sessions = self.registry().loads(self.desks.len());
        let load = |index: &usize| self.desks[*index].connections.load(Ordering::Relaxed) + sessions[*index];
        let open = (0..self.desks.len()).filter(|index| !self.desks[*index].orders.is_closed());
        let worker = open.min_by_key(load).unwrap_or(0);
        let connections = self.desks[worker].connections.clone();
        connections.fetch_add(1, Ordering::Relaxed);
        Ok((worker, Seat { connections, place }))
    }

    /// Tells a worker what to do; nothing if it has ended.
    pub(super) fn order(&self, worker: usize, order: Order) {
        if let Some(desk) = self.desks.get(worker) {
            // It takes any number of them; closed, there is nothing left to do.
            let _ = desk.orders.try_send(order);
        }
    }

    /// What the worker is told to do.
    pub(super) fn inbox(&self, worker: usize) -> Option<Receiver<Order>> {
        self.desks.get(worker).map(|desk| desk.inbox.clone())
    }

    /// There is no such worker: nobody is sent to it.
    pub(super) fn close(&self, worker: usize) {
        if let Some(desk) = self.desks.get(worker) {
            desk.orders.close();
        }
    }

    /// All workers end.
    pub(super) fn close_all(&self) {
        (0..self.desks.len()).for_each(|worker| self.close(worker));
    }

    /// Ends the sessions of a worker that is no more.
    pub(super) fn bury(&self, worker: usize) {
        let over = self.registry().bury(worker);
        over.iter().for_each(|session| self.sessions().close(session));
    }

    /// Logs why something could not be done: what is the server's own fault once, until something else is.
    pub(super) fn tell_failure(&self, peer: SocketAddr, answer: &Answer) {
        let Answer::Failed { status, reason, .. } = answer else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if status.0 < 500 || *told == *reason {
            tracing::debug!(%peer, %status, reason);
            return;
        }
        tracing::warn!(%peer, %status, "{reason}");
        told.clone_from(reason);
    }

    /// The mount and its tracks; starts its source where nobody knows them yet.
    pub(super) async fn find(&self, target: &Target) -> Result<(Arc<Feed>, Arc<[Track]>), Answer> {
        let Some(feed) = self.feed(&target.path) else {
            return Err(Answer::failed(Status(404), format!("there is no mount {:?}", target.path)));
        };
        let mount = &feed.mount;
        let failed =
            |reason: String| Answer::Failed { status: Status(503), reason, retry_after: Some(RETRY_AFTER) };
        match (mount.tracks(), mount.state()) {
            // What it was described as may not be what it will be: it failed within the last seconds.
            (Some(_), State::Failed(reason)) if !mount.can_stand_in() => {
                return Err(failed(reason.to_string()));
            }
            (Some(tracks), _) => return Ok((feed, tracks)),
            (None, _) => {}
        }
        let _demand = mount.want();
        let described = async {
            let mut seen = 0;
            loop {
                seen = poll_fn(|context| mount.poll_changed(seen, context)).await;
                if let Some(tracks) = mount.tracks() {
                    return Ok(tracks);
                }
                if let State::Failed(reason) = mount.state() {
                    return Err(reason.to_string());
                }
            }
        };
        let late = async {
            smol::Timer::after(SOURCE_STARTS).await;
            // Pictures come, and a keyframe will be among them.
            for _ in 0..KEYFRAME_COMES.as_secs() {
                if !mount.comes(clock::media()) {
                    break;
                }
                smol::Timer::after(Duration::from_secs(1)).await;
            }
            Err("its source gives no picture yet".to_owned())
        };
        match or(described, late).await {
            Ok(tracks) => Ok((feed, tracks)),
            Err(reason) => Err(failed(reason)),
        }
    }
}

impl Desk {
    fn new() -> Self {
        let (orders, inbox) = unbounded();
        Self { orders, inbox, connections: Arc::default() }
    }
}

/// What each of so many mounts may keep of its media, where the memory has a bound; and what they may together.
fn ring_share(mounts: usize, memory: Option<u64>) -> (usize, usize) {
    let quarter = memory.and_then(|bytes| usize::try_from(bytes / 4).ok());
    let rings = RINGS.min(quarter.unwrap_or(RINGS));
    ((rings / mounts.max(1)).min(feed::RING), rings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Cursor, Slot};
    use crate::media::h264::ParameterSets;
    use crate::media::{AccessUnit, Codec, Link, TrackId};
    use crate::rtp::Sender;

    #[test]
    fn mounts_share_what_is_kept_of_media_and_keep_less_where_memory_is_small() {
        const MB: usize = 1 << 20;
        for (mounts, memory, share) in [
            (1, None, 8),
            (1, Some(512), 8),
            (16, Some(512), 4),
            (4, Some(64), 4),
            (1, Some(64), 8),
            (1, Some(16), 4),
        ] {
            let got = ring_share(mounts, memory.map(|memory: u64| memory << 20)).0;
            assert_eq!(got, share * MB);
        }
    }

    /// Bytes that a mount keeps of pictures that come without end.
    fn filled(feed: &Feed) -> usize {
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let data: Arc<[u8]> = [&[0, 0, 0, 1, 0x41][..], &[0xab; 100_000]].concat().into();
        let (time, link) = (clock::media(), Link::Follows);
        let unit = AccessUnit { track: TrackId(0), time, link, journey: None, data };
        let image = Sender::new(TrackId(0), &codec, 1, 100, 0, 1420).packetize(&unit).unwrap();
        for _ in 0..2 * feed::RING / image.as_bytes().len() {
            feed.images().push(image.clone());
        }
        kept(feed)
    }

    fn kept(feed: &Feed) -> usize {
        let first = match feed.images().get(Cursor(0)) {
            Slot::Gone(oldest) => oldest.0,
            Slot::Here(_) | Slot::Ahead => 0,
        };
        let images = (first..).map_while(|at| match feed.images().get(Cursor(at)) {
            Slot::Here(image) => Some(image.as_bytes().len()),
            Slot::Gone(_) | Slot::Ahead => None,
        });
        images.sum()
    }

    #[test]
    fn mounts_that_come_while_it_runs_share_what_there_is_with_those_that_are_there() {
        let mount = |number: usize| crate::hub::mount(number.to_string()).1;
        let (all, rings) = (32, ring_share(1, Memory::here().bound()).1);
        let house = House::new(Settings::default(), vec![mount(0)]);
        let first = house.feed("0").unwrap();
        assert!(filled(&first) > rings.min(feed::RING) * 9 / 10);
        // As a reload announces them, and as one that is enabled comes.
        house.make_room(all / 2);
        (1..all).for_each(|number| drop(house.serve(mount(number), MountSettings::default())));
        assert!(kept(&first) <= rings / all, "{} bytes", kept(&first));
        let together: usize = house.feeds().iter().map(|feed| filled(feed)).sum();
        assert!((rings * 9 / 10..=rings).contains(&together), "{together} of {rings} bytes");
        (1..all).for_each(|number| drop(house.withdraw(&number.to_string())));
        house.make_room(0);
        assert!(filled(&first) > rings.min(feed::RING) * 9 / 10, "their shares are free again");
    }
}

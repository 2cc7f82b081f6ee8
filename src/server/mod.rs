//! RTSP over sockets: listeners, one task a connection, one broadcast task a mount.
//!
//! Everything here runs on one executor thread and shares by `Rc`. The protocol itself is in
//! [`crate::rtsp`], without sockets.

mod admission;
mod alarm;
mod broadcast;
mod connection;
mod describe;
mod feed;
mod join;
mod outbox;
mod position;
mod reader;
mod report;
mod supervise;
mod sys;
mod udp;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_net::TcpListener;
use smol::LocalExecutor;
use smol::future::or;

use crate::clock;
use crate::hub::{Mount, State};
use crate::media::Track;
use crate::rtsp::authority::Authority;
use crate::rtsp::message::Status;
use crate::rtsp::server::{Aliases, Answer, Limits, SessionId, Sessions};
use crate::rtsp::url::Target;
use admission::Admission;
use broadcast::Broadcast;
use feed::Feed;
use reader::{Path, Reader};
use udp::Pair;

/// A DESCRIBE waits this long for a source that has to be started first.
const SOURCE_STARTS: Duration = Duration::from_secs(10);

/// Sessions are looked at this often: timeouts, unreachable peers.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Media in the rings of all mounts, at most this much; a mount has an equal share.
const RINGS: usize = 64 << 20;

/// The longest RTCP datagram that is read whole.
const DATAGRAM: usize = 2048;

/// What is true of the server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where RTSP is listened for.
    pub listen: Vec<SocketAddr>,
    /// Ports for RTP and RTCP by UDP; a first port of 0 lets the kernel choose.
    pub udp_ports: RangeInclusive<u16>,
    /// IP packets are at most this long.
    pub max_packet: usize,
    /// Time after which a session that says nothing ends; clients are told whole seconds.
    pub session_timeout: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// Sessions at once.
    pub max_sessions: usize,
    /// Connections, and sessions, of one address at once; this machine's own are not counted.
    pub max_per_address: usize,
    /// Other names of mounts.
    pub aliases: Aliases,
    /// The host by which clients reach us, where it is not the one that we listen on.
    pub advertise: Option<Authority>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([0; 16], 8554))],
            udp_ports: 8000..=9999,
            max_packet: 1420,
            session_timeout: Duration::from_secs(60),
            max_connections: 1024,
            max_sessions: 1000,
            max_per_address: 128,
            aliases: Aliases::default(),
            advertise: None,
        }
    }
}

impl Settings {
    fn limits(&self) -> Limits {
        Limits {
            timeout: self.session_timeout,
            sessions: self.max_sessions,
            per_address: self.max_per_address,
        }
    }
}

/// Sockets that are bound and not yet served.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    listeners: Vec<TcpListener>,
}

impl Server {
    /// Binds every address.
    ///
    /// # Errors
    /// An address that cannot be bound, named, with what to do.
    pub fn bind(settings: Settings) -> Result<Self, Error> {
        let listeners = settings.listen.iter().map(|address| listen(*address)).collect::<Result<_, _>>()?;
        Ok(Self { settings, listeners })
    }

    /// The addresses, with the ports that the kernel chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves the mounts until `stop` ends; then says goodbye to every reader.
    pub fn run(self, mounts: Vec<Mount>, stop: impl Future<Output = ()>) {
        let executor = Rc::new(LocalExecutor::new());
        let cname: Rc<str> = format!("lenslet-{:08x}", random_u32()).into();
        let max_packet = self.settings.max_packet;
        let ring = ring_share(mounts.len());
        let broadcasts = mounts.into_iter().map(|mount| {
            let name = mount.name().to_owned();
            (name, Rc::new(Broadcast::new(Feed::new(mount, max_packet, cname.clone(), ring))))
        });
        let shared = Rc::new(Shared {
            sessions: RefCell::new(
                Sessions::new(random_id, self.settings.limits()).with_aliases(self.settings.aliases.clone()),
            ),
            admission: Rc::new(Admission::new(self.settings.max_connections, self.settings.max_per_address)),
            numbers: Cell::new(0),
            settings: self.settings,
            broadcasts: broadcasts.collect(),
            readers: RefCell::default(),
            pairs: RefCell::default(),
            executor: Rc::downgrade(&executor),
            told: RefCell::default(),
        });
        for broadcast in shared.broadcasts.values() {
            let broadcast = broadcast.clone();
            let run = async move {
                supervise::restarted(broadcast.feed.mount.name(), || broadcast.clone().run()).await;
            };
            executor.spawn(run).detach();
        }
        for listener in self.listeners {
            let shared = shared.clone();
            let run = async move {
                supervise::restarted("listener", || accept(shared.clone(), &listener)).await;
            };
            executor.spawn(run).detach();
        }
        let main = or(supervise::restarted("housekeeping", || keep_house(shared.clone())), stop);
        smol::block_on(executor.run(main));
        shared.say_goodbye();
    }
}

/// Why a server does not start.
#[derive(Debug)]
pub struct Error {
    address: SocketAddr,
    source: io::Error,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hint = match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                ": another program uses this port; stop it or set `listen` in the configuration"
            }
            io::ErrorKind::PermissionDenied => ": ports below 1024 need the capability CAP_NET_BIND_SERVICE",
            io::ErrorKind::AddrNotAvailable => ": this machine has no such address",
            _ => "",
        };
        write!(f, "cannot listen on {}: {}{hint}", self.address, self.source)
    }
}

impl std::error::Error for Error {}

pub(crate) struct Shared {
    settings: Settings,
    broadcasts: BTreeMap<String, Rc<Broadcast>>,
    sessions: RefCell<Sessions>,
    readers: RefCell<HashMap<SessionId, Rc<Reader>>>,
    pairs: RefCell<HashMap<IpAddr, Rc<Pair>>>,
    admission: Rc<Admission>,
    /// Numbers given to connections so far.
    numbers: Cell<u64>,
    executor: std::rc::Weak<LocalExecutor<'static>>,
    /// The failure last logged.
    told: RefCell<String>,
}

impl Shared {
    fn reader(&self, session: &SessionId) -> Option<Rc<Reader>> {
        self.readers.borrow().get(session).cloned()
    }

    /// Tells a connection from all others.
    fn next_number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// A SETUP failed: what was begun for a session without any track is over.
    fn forget_unless_set_up(&self, session: &SessionId) {
        if self.reader(session).is_some_and(|reader| !reader.is_set_up()) {
            self.readers.borrow_mut().remove(session);
        }
    }

    /// Logs why something could not be done: what is the server's own fault once, until something else is.
    fn tell_failure(&self, peer: SocketAddr, answer: &Answer) {
        let Answer::Failed { status, reason, .. } = answer else { return };
        if status.0 < 500 || self.told.borrow().as_str() == reason {
            tracing::debug!(%peer, %status, reason);
            return;
        }
        tracing::warn!(%peer, %status, "{reason}");
        self.told.replace(reason.clone());
    }

    /// Who sends to the reader.
    fn broadcast_of(&self, reader: &Reader) -> Option<&Rc<Broadcast>> {
        self.broadcasts.get(reader.feed.mount.name())
    }

    /// The mount and its tracks; starts its source where nobody knows them yet.
    async fn find(&self, target: &Target) -> Result<(Rc<Broadcast>, Arc<[Track]>), Answer> {
        let Some(broadcast) = self.broadcasts.get(&target.path).cloned() else {
            return Err(connection::failed(Status(404), format!("there is no mount {:?}", target.path)));
        };
        let mount = &broadcast.feed.mount;
        let failed = |reason: String| Answer::Failed { status: Status(503), reason, retry_after: Some(5) };
        match (mount.tracks(), mount.state()) {
            // What it was described as may not be what it will be: it failed within the last seconds.
            (Some(_), State::Failed(reason)) if !mount.can_stand_in() => {
                return Err(failed(reason.to_string()));
            }
            (Some(tracks), _) => return Ok((broadcast, tracks)),
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
            Err("its source gives no picture yet".to_owned())
        };
        match or(described, late).await {
            Ok(tracks) => Ok((broadcast, tracks)),
            Err(reason) => Err(failed(reason)),
        }
    }

    /// The sockets for readers that came in at `local`, made at first use.
    fn pair(self: &Rc<Self>, local: IpAddr) -> io::Result<Rc<Pair>> {
        if let Some(pair) = self.pairs.borrow().get(&local) {
            return Ok(pair.clone());
        }
        let pair = Rc::new(Pair::bind(local, self.settings.udp_ports.clone())?);
        if let Some(executor) = self.executor.upgrade() {
            let (shared, reading) = (self.clone(), pair.clone());
            let run = async move {
                supervise::restarted("reports", || receive(shared.clone(), reading.clone())).await;
            };
            executor.spawn(run).detach();
            let draining = pair.clone();
            executor.spawn(async move { drop(draining.drain_rtp().await) }).detach();
        }
        self.pairs.borrow_mut().insert(local, pair.clone());
        Ok(pair)
    }

    /// Ends what belongs to a session that is over.
    fn release(&self, session: &SessionId) {
        let Some(reader) = self.readers.borrow_mut().remove(session) else { return };
        if let Path::Udp(pair) = &reader.path {
            for address in reader.rtcp_addresses() {
                pair.forget(&address);
            }
        }
        if reader.bye().is_ok()
            && let Path::Tcp(outbox) = &reader.path
        {
            let _ = outbox.pump();
        }
        if let Some(broadcast) = self.broadcast_of(&reader) {
            broadcast.leave(&reader);
        }
        tracing::info!(peer = %reader.peer, mount = reader.feed.mount.name(), %session, "session over");
    }

    fn say_goodbye(&self) {
        let sessions: Vec<SessionId> = self.readers.borrow().keys().cloned().collect();
        for session in sessions {
            self.release(&session);
        }
    }
}

async fn accept(shared: Rc<Shared>, listener: &TcpListener) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors: others may end soon, and asking at once again would only spin.
                tracing::warn!(%error, "cannot accept a connection");
                smol::Timer::after(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(executor) = shared.executor.upgrade() else { return };
        let place = match shared.admission.admit(peer.ip()) {
            Ok(place) => place,
            Err(full) => {
                tracing::debug!(%peer, "{full}");
                connection::turn_away(stream);
                continue;
            }
        };
        let shared = shared.clone();
        let serve = async move {
            match supervise::caught(connection::serve(shared, stream)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%peer, %error, "connection over"),
                Err(panic) => tracing::error!(%peer, panic, "a connection panicked; please report this"),
            }
            drop(place);
        };
        executor.spawn(serve).detach();
    }
}

/// Reads what readers report by UDP.
async fn receive(shared: Rc<Shared>, pair: Rc<Pair>) {
    let mut bytes = [0; DATAGRAM];
    loop {
        match pair.next_rtcp(&mut bytes).await {
            Ok((reader, length)) => {
                // Anything from a reader's own port shows that it lives, well-formed or not.
                shared.sessions.borrow_mut().touch(&reader.session, clock::now());
                if let Err(error) = reader.handle_rtcp(&bytes[..length]) {
                    tracing::debug!(peer = %reader.peer, %error, "not RTCP");
                }
                // A reader may send without end.
                smol::future::yield_now().await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot receive reports");
                smol::Timer::after(HOUSEKEEPING).await;
            }
        }
    }
}

/// Ends sessions whose time is over and readers that cannot be reached.
async fn keep_house(shared: Rc<Shared>) {
    loop {
        smol::Timer::after(HOUSEKEEPING).await;
        let now = clock::now();
        let refused = shared.admission.take_refused();
        if refused > 0 {
            let Settings { max_connections, max_per_address, .. } = shared.settings;
            tracing::warn!(
                refused,
                "connections were refused: `max_connections` is {max_connections} and `max_per_address` is {max_per_address}"
            );
        }
        let mut over = shared.sessions.borrow_mut().expire(now);
        for (session, reader) in shared.readers.borrow().iter() {
            if broadcast::unreachable(reader, now) {
                shared.sessions.borrow_mut().close(session);
                over.push(session.clone());
            }
        }
        for session in over {
            shared.release(&session);
        }
    }
}

/// A listener on the address; `[::]` takes IPv4 as well, and `0.0.0.0` where there is no IPv6.
fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let bind = |address: SocketAddr| -> io::Result<TcpListener> {
        let socket =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        socket.set_nonblocking(true)?;
        TcpListener::try_from(std::net::TcpListener::from(socket))
    };
    let no_ipv6 =
        |error: &io::Error| matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL));
    match bind(address) {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && no_ipv6(&error) => {
            bind(SocketAddr::from(([0; 4], address.port())))
        }
        done => done,
    }
    .map_err(|source| Error { address, source })
}

/// What each of so many mounts may keep of its media.
fn ring_share(mounts: usize) -> usize {
    let share = RINGS / mounts.max(1);
    if share < feed::RING {
        tracing::warn!(
            "{mounts} mounts share {} MB for media: {} kB each; slow readers of large pictures will skip more",
            RINGS >> 20,
            share >> 10
        );
    }
    share.min(feed::RING)
}

fn random_id() -> [u8; 16] {
    let mut bytes = [0; 16];
    // The kernel's generator does not fail once seeded; a session without a secret must not be.
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

fn random_u32() -> u32 {
    getrandom::u32().unwrap_or_else(|_| clock::media().as_nanos() as u32)
}

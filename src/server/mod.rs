//! RTSP over sockets: listeners, one task a connection, one broadcast task a mount and worker.
//!
//! A worker is one thread, and what it has is shared by `Rc`: readers, connections, UDP sockets. Workers share what
//! is in `house`: the mounts' images, the session table, who keeps which session. The protocol itself is in
//! [`crate::rtsp`], without sockets.

mod admission;
mod alarm;
mod broadcast;
mod connection;
mod describe;
mod fan_out;
mod feed;
mod figures;
mod handle;
mod house;
mod housekeeping;
mod join;
mod keyframes;
mod listener;
mod lookout;
mod marking;
mod measure;
mod memory;
mod moment;
mod outbox;
mod over;
mod pacer;
mod pacing;
mod position;
mod pressure;
mod reader;
mod registry;
mod report;
mod requests;
mod sign_in;
mod supervise;
mod sys;
mod tally;
mod tempo;
mod thread;
mod timers;
mod udp;
mod unsent;
mod variants;
mod view;
mod volume;
mod worker;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod testing;

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use crate::hub::Mount;
use crate::rtsp::authority::Authority;
use crate::rtsp::server::{Aliases, Limits};
pub use figures::{MountFigures, SessionFigures, SessionState, Transport};
pub use handle::{Changed, Handle};
use house::House;
pub use listener::passed;
pub use memory::spares;
pub use pacing::Pacing;

/// What is true of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where RTSP is listened for.
    pub listen: Vec<SocketAddr>,
    /// Ports for RTP and RTCP by UDP; a first port of 0 lets the kernel choose.
    pub udp_ports: RangeInclusive<u16>,
    /// IP packets are at most this long.
    pub max_packet: usize,
    /// How media is marked for the network's queues (RFC 2474): the DSCP of packets by UDP and of connections; 0: not.
    pub dscp: u8,
    /// Whether large pictures are spread over time to readers by UDP.
    pub pacing: Pacing,
    /// Time after which a session that says nothing ends; clients are told whole seconds.
    pub session_timeout: Duration,
    /// Threads that readers are spread over; at least one.
    pub workers: usize,
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

/// What is true of one mount, beside its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountSettings {
    /// What people call it; players show it as the session's name.
    pub label: Option<String>,
    /// Sessions at once that it has; more are answered 453.
    pub max_readers: Option<usize>,
    /// Whether its large pictures are spread over time to readers by UDP; as the server's if it is not said.
    pub pacing: Option<Pacing>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([0; 16], 8554))],
            udp_ports: 8000..=9999,
            max_packet: 1420,
            dscp: 0,
            pacing: Pacing::Auto,
            session_timeout: Duration::from_secs(60),
            workers: 1,
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
pub struct Server(Arc<House>);

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.addresses()).finish()
    }
}

impl Server {
    /// Binds every address.
    ///
    /// # Errors
    /// An address that cannot be bound, named, with what to do.
    pub fn bind(settings: Settings) -> Result<Self, Error> {
        Self::adopt(settings, Vec::new())
    }

    /// The same, where some of the addresses are listened on already: by sockets that were inherited, which are taken
    /// over by the address that they are bound to. Those that are not configured are served too.
    ///
    /// # Errors
    /// An address that cannot be bound, named, with what to do.
    pub fn adopt(settings: Settings, inherited: Vec<std::net::TcpListener>) -> Result<Self, Error> {
        let listeners = listener::adopt(&settings.listen, inherited)?;
        let house = House::new(settings, Vec::new());
        house.listen(listeners);
        Ok(Self(Arc::new(house)))
    }

    /// What is seen and changed while it runs, from any thread.
    pub fn handle(&self) -> Handle {
        Handle::new(self.0.clone())
    }

    /// The addresses, with the ports that the kernel chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.addresses()
    }

    /// Serves these mounts, and those that its [`Handle`] was given, until `stop` ends; then says goodbye to every reader. The first worker is the thread that
    /// calls; the others are named `lenslet-1` and so on, and have ended when this returns.
    pub fn run(self, mounts: Vec<Mount>, stop: impl Future<Output = ()>) {
        let house = self.0;
        house.make_room(mounts.len());
        mounts.into_iter().for_each(|mount| drop(house.serve(mount, MountSettings::default())));
        std::thread::scope(|threads| {
            // However the first worker ends, the others end too.
            let _closing = Closing(&house);
            for index in 1..house.workers() {
                let house = &house;
                let work = move || thread::run(house, index, std::future::pending());
                let started = Builder::new().name(format!("lenslet-{index}")).spawn_scoped(threads, work);
                if let Err(error) = started {
                    tracing::error!(%error, worker = index, "a worker's thread does not start: there is one less");
                    house.close(index);
                }
            }
            let stop = async {
                if let Err(panic) = supervise::caught(stop).await {
                    tracing::error!(panic, "what waits for the end panicked: this is the end");
                }
            };
            thread::run(&house, 0, stop);
        });
    }
}

/// Ends the workers.
struct Closing<'a>(&'a House);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close_all();
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

fn random_id() -> [u8; 16] {
    random_bytes()
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The kernel's generator does not fail once seeded; a session without a secret must not be.
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

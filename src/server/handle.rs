//! What is seen of a server and changed of it while it runs, from any thread. Workers are asked by orders: nothing is
//! locked while media goes out.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use smol::channel::{Sender, bounded};
use smol::future::or;

use super::figures::{MountFigures, SessionFigures};
use super::house::{House, Order};
use super::listener::{self, Listener};
use super::{Error, MountSettings, Settings};
use crate::access::Gate;
use crate::clock;
use crate::hub::Mount;

/// A worker that has not answered in this time is left out: it has panicked, or has ended.
const PATIENCE: Duration = Duration::from_millis(500);

/// A server's, while it runs and after: then nobody answers. Clones are of the same server.
#[derive(Clone)]
pub struct Handle(Arc<House>);

/// What became of other settings, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// These are true from now on.
    pub now: Vec<&'static str>,
    /// These when the server starts again.
    pub after_restart: Vec<&'static str>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Handle").field(&self.addresses()).finish()
    }
}

impl Handle {
    pub(super) fn new(house: Arc<House>) -> Self {
        Self(house)
    }

    /// Where RTSP is listened for, with the ports that the kernel chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.addresses()
    }

    /// What is true of the server now.
    pub fn settings(&self) -> Arc<Settings> {
        self.0.settings()
    }

    /// Who may: to be given rules, and asked who was refused.
    pub fn gate(&self) -> Arc<Gate> {
        self.0.gate.clone()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.0.admission.connections()
    }

    /// How often each limit was in somebody's way since the start, by what was limited.
    pub fn refused(&self) -> Vec<(&'static str, u64)> {
        let [server, address, made_way] = self.0.admission.refused();
        let sessions = self.0.sessions().refusals();
        vec![
            ("connections", server),
            ("connections of an address", address),
            ("connections that made way", made_way),
            ("sessions", sessions.server),
            ("sessions of an address", sessions.address),
            ("sessions that never played", sessions.unplayed),
            ("readers of a mount", self.0.crowded.load(Ordering::Relaxed)),
            ("viewers while the machine is busy", sessions.strained),
            ("slow requests", sessions.slow),
            ("large requests", sessions.large),
        ]
    }

    /// Every session that is set up, of all workers, the oldest first.
    pub async fn sessions(&self) -> Vec<SessionFigures> {
        let mut all: Vec<SessionFigures> = self.ask(Order::Figures).await.into_iter().flatten().collect();
        all.sort_by_key(|session| session.number);
        all
    }

    /// How many workers do not answer, as they do unless they hang.
    pub async fn silent_workers(&self) -> usize {
        self.0.workers() - self.ask(Order::Answer).await.len()
    }

    /// Every mount, by name.
    pub fn mounts(&self) -> Vec<MountFigures> {
        self.0.feeds().iter().map(|feed| MountFigures::of(feed)).collect()
    }

    /// Ends a session, with BYE, and the connection that it was set up by; says whether there was one.
    pub async fn kick(&self, session: u64) -> bool {
        self.ask(|told| Order::End { number: session, told }).await.into_iter().any(|ended| ended > 0)
    }

    /// Serves another mount from now on.
    ///
    /// # Errors
    /// There is one of that name: the mount comes back.
    pub fn add(&self, mount: Mount, settings: MountSettings) -> Result<(), Mount> {
        self.0.serve(mount, settings)
    }

    /// The mounts share the memory for media equally with so many that will come.
    pub fn make_room(&self, mounts: usize) {
        self.0.make_room(mounts);
    }

    /// Serves a mount no longer: its sessions end with BYE. Says how many there were; none if there is no such mount.
    pub async fn remove(&self, mount: &str) -> Option<usize> {
        let feed = self.0.withdraw(mount)?;
        let ended = self.ask(|told| Order::Withdraw { feed: feed.clone(), told }).await;
        Some(ended.into_iter().sum())
    }

    /// Gives a mount other settings; its sessions stay. Says whether there is such a mount.
    pub fn change_mount(&self, mount: &str, settings: MountSettings) -> bool {
        let Some(feed) = self.0.feed(mount) else { return false };
        let pacing = settings.pacing.unwrap_or(self.0.settings().pacing);
        feed.change(settings);
        self.0.tell_all(|| Order::Pace { mount: mount.to_owned(), pacing });
        true
    }

    /// What other settings would change.
    pub fn preview(&self, settings: &Settings) -> Changed {
        let now = self.0.settings();
        let mut changed = Changed::default();
        for (name, differs) in [
            ("listen", now.listen != settings.listen),
            ("pacing", now.pacing != settings.pacing),
            ("session_timeout", now.session_timeout != settings.session_timeout),
            ("max_connections", now.max_connections != settings.max_connections),
            ("max_sessions", now.max_sessions != settings.max_sessions),
            ("max_per_address", now.max_per_address != settings.max_per_address),
            ("aliases", now.aliases != settings.aliases),
            ("advertise", now.advertise != settings.advertise),
        ] {
            changed.now.extend(differs.then_some(name));
        }
        for (name, differs) in [
            ("udp_ports", now.udp_ports != settings.udp_ports),
            ("dscp", now.dscp != settings.dscp),
            ("max_packet", now.max_packet != settings.max_packet),
            ("workers", now.workers != settings.workers),
        ] {
            changed.after_restart.extend(differs.then_some(name));
        }
        changed
    }

    /// Gives the server other settings, as far as they can change while it runs. Connections and sessions stay, also
    /// those that came by an address that is listened on no more.
    ///
    /// # Errors
    /// An address that cannot be listened on: nothing has changed.
    pub fn change(&self, settings: &Settings) -> Result<Changed, Error> {
        let changed = self.preview(settings);
        let now = self.0.settings();
        if now.listen != settings.listen {
            self.0.listen(self.listeners(&now.listen, &settings.listen)?);
        }
        self.0.change(Settings {
            udp_ports: now.udp_ports.clone(),
            max_packet: now.max_packet,
            dscp: now.dscp,
            workers: now.workers,
            ..settings.clone()
        });
        for feed in self.0.feeds() {
            let pacing = feed.settings().pacing.unwrap_or(settings.pacing);
            self.0.tell_all(|| Order::Pace { mount: feed.mount.name().to_owned(), pacing });
        }
        Ok(changed)
    }

    /// Listeners for the new addresses: those that there are already, and what was inherited, stay.
    fn listeners(&self, old: &[SocketAddr], new: &[SocketAddr]) -> Result<Vec<Listener>, Error> {
        let stays = |asked: &SocketAddr| new.contains(asked) || !old.contains(asked);
        let (staying, going): (Vec<_>, Vec<_>) =
            self.0.listeners().into_iter().partition(|(asked, _)| stays(asked));
        let mut listeners: Vec<Listener> =
            staying.into_iter().map(|(asked, socket)| Listener { asked, socket }).collect();
        let going: Vec<_> = going.into_iter().map(|(_, socket)| socket).collect();
        for asked in new {
            if !listeners.iter().any(|listener| listener.asked == *asked) {
                let socket = match listener::listen(*asked) {
                    // One of ours may be in its way.
                    Err(error) if error.source.kind() == ErrorKind::AddrInUse && !going.is_empty() => {
                        listener::listen_beside(*asked, &going)?
                    }
                    done => done?,
                };
                listeners.push(Listener { asked: *asked, socket });
            }
        }
        Ok(listeners)
    }

    /// What every worker answers.
    async fn ask<T>(&self, order: impl Fn(Sender<T>) -> Order) -> Vec<T> {
        let workers = self.0.workers();
        let (sender, answers) = bounded(workers);
        self.0.tell_all(|| order(sender.clone()));
        drop(sender);
        let mut told = Vec::with_capacity(workers);
        let late = clock::now() + PATIENCE;
        while told.len() < workers {
            let next = async { answers.recv().await.ok() };
            let late = async {
                smol::Timer::at(late).await;
                None
            };
            match or(next, late).await {
                Some(answer) => told.push(answer),
                None => break,
            }
        }
        told
    }
}

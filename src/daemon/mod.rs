//! The daemon: builds the mounts, starts their sources, runs the server, stops everything.

mod access;
mod alarms;
mod applied;
mod bell;
mod discovered;
mod file_watch;
mod listing;
mod mounts;
mod notify;
mod panics;
mod plan;
mod reload;
mod steering;
mod steward;
mod unwatched;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_signal::{Signal, Signals};
use smol::channel::Receiver;
use smol::future::or;
use smol::stream::StreamExt;

pub use access::{BansFile, Edit as UserEdit, Error as UsersError, Keeper, UsersFile, banned, entries};
pub use alarms::{Alarm, Alarms, Trouble};
pub use applied::Applied;
pub use mounts::Mounts;
pub use reload::{Answer, Asker};

use crate::amount::amount;
use crate::clock;
use crate::config::Config;
use crate::config::store::{Environment, Paths, Store, note_state};
use crate::logs::Logs;
use crate::server::{self, Server};
use crate::source;
use file_watch::FileWatch;
use notify::{Notify, Watchdog};
use reload::Reloader;
use steering::Steering;
use unwatched::Unwatched;

/// Sources may take this long to end, once everybody has been told goodbye: a camera or an encoder that is cut off while it
/// streams may not be there for the next who wants it.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What the daemon is told beside its configuration.
#[derive(Debug, Default)]
pub struct Options {
    /// Where the configuration was read; none: the defaults are served, and nothing is written.
    pub config: Option<Store>,
    /// Where it can be seen and steered; none: where its clients look for it.
    pub control: Option<PathBuf>,
    /// The process's log.
    pub logs: Option<Logs>,
}

/// The folder of what is kept across starts, by this configuration.
fn state_by(config: &Config) -> PathBuf {
    config.places.state_dir.clone().unwrap_or_else(|| Paths::of(&Environment::read()).state)
}

/// Told where it begins to be served, and not wherever it is read: a status has it read too.
fn tell_doubts(config: &Config) {
    config.doubtful().iter().for_each(|doubt| tracing::warn!("{doubt}"));
}

/// Serves until SIGINT or SIGTERM, or until it is told to end by its control socket; reads the file again on SIGHUP and
/// when it is written. Without a file the defaults are served.
///
/// # Errors
/// An address in use, a thread or signal handler that cannot be had: in a sentence.
pub fn serve(config: &Config, options: Options) -> Result<(), Error> {
    let Options { config: store, control, logs } = options;
    let text = store.as_ref().and_then(|store| store.written().ok().flatten());
    let notify = || Notify::new(std::env::var("NOTIFY_SOCKET").ok().as_deref());
    let server = Server::adopt(config.server_now(), inherited()).map_err(Error::Listen)?;
    let handle = server.handle();
    let state = state_by(config);
    if let Some(store) = &store {
        note_state(store.path(), &Paths::of(&Environment::read()).state, &state);
    }
    let keeper = Arc::new(Keeper::open(config, &state, handle.gate()).map_err(Error::Users)?);
    let unwatched = Unwatched::default();
    let watched = source::hotplug::watch(Path::new("/dev"));
    let (hotplug, watching) = watched.inspect_err(|error| unwatched.cameras(error)).ok().unzip();
    let hotplug = hotplug.unwrap_or_default();
    let mut mounts = Mounts::new(handle.clone(), hotplug.clone());
    let applied =
        smol::block_on(mounts.apply(config)).map_err(|error| Error::System(io::Error::other(error)))?;
    if let Some((mount, why)) = applied.refused.first() {
        return Err(Error::System(io::Error::other(format!("{mount}: {why}"))));
    }
    tell_doubts(config);
    let listing = mounts.listing();
    let (bell, rung) = bell::bell();
    let reloader = Reloader::spawn(mounts, keeper.clone(), store.clone(), text, notify(), bell.clone())
        .map_err(Error::System)?;
    let asker = reloader.asker();
    let told = asker.clone();
    hotplug.calls(move || told.device_came());
    // Before it is announced: who reads that may ask at once.
    let (stop, stopped) = smol::channel::bounded(1);
    let rooms = steward::Rooms {
        server: handle.clone(),
        mounts: listing.clone(),
        asker: asker.clone(),
        keeper: keeper.clone(),
        unwatched: unwatched.clone(),
    };
    let steward = steward::Steward::new(rooms, store.clone(), &state, logs, stop);
    let looking = steward.watch(bell, rung).map_err(Error::System)?;
    let steering = Steering::begin(control.or_else(|| config.places.control_socket.clone()), steward);
    match announce(&server.addresses(), listing.names(), &config.server) {
        // Whoever started us has read enough, and is served all the same.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        done => done.map_err(Error::System)?,
    }
    let signals = Signals::new([Signal::Int, Signal::Term, Signal::Hup]).map_err(Error::System)?;
    let file_watch = store.as_ref().and_then(|store| {
        let watch = FileWatch::spawn(store.path(), asker.clone());
        watch.inspect_err(|error| unwatched.file(error)).ok()
    });
    let watchdog = watchdog_patience().and_then(|patience| {
        let watchdog = Watchdog::spawn(notify(), handle, patience);
        watchdog.inspect_err(|error| tracing::error!(%error, "the watchdog is not fed")).ok()
    });
    let notify = notify();
    notify.ready(&amount(listing.names().len(), "mount"));
    server.run(Vec::new(), async {
        end(signals, &asker, stopped).await;
        tracing::info!("stopping");
        notify.stopping();
    });
    // Everybody has been told goodbye.
    steering.end();
    looking.join();
    keeper.end();
    file_watch.into_iter().for_each(FileWatch::join);
    watchdog.into_iter().for_each(Watchdog::join);
    if let Some(mounts) = reloader.join() {
        mounts.end(clock::now() + LAST_WORDS, clock::now);
    }
    if let Some(watching) = watching {
        watching.join();
    }
    Ok(())
}

/// Until a signal or somebody at the control socket wants the end; has the file read on SIGHUP.
async fn end(mut signals: Signals, asker: &Asker, stopped: Receiver<()>) {
    let told = async {
        // It is open as long as the steward is.
        let _ = stopped.recv().await;
    };
    let signalled = async {
        while let Some(Ok(Signal::Hup)) = signals.next().await {
            asker.reload_some_time();
        }
    };
    or(signalled, told).await;
}

/// A number in the environment.
fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Whether what the environment says is said to this process, and not to one that started it.
fn meant(name: &str) -> bool {
    environment(name) == Some(u64::from(std::process::id()))
}

/// Listeners that systemd has opened for us.
fn inherited() -> Vec<TcpListener> {
    let count = environment("LISTEN_FDS").filter(|_| meant("LISTEN_PID"));
    count.and_then(|count| i32::try_from(count).ok()).map(server::passed).unwrap_or_default()
}

/// How long systemd waits for a sign of life, if it waits for any.
fn watchdog_patience() -> Option<Duration> {
    let meant = std::env::var_os("WATCHDOG_PID").is_none() || meant("WATCHDOG_PID");
    environment("WATCHDOG_USEC").filter(|micros| meant && *micros > 0).map(Duration::from_micros)
}

/// Says where to connect, a line an address, for people and scripts.
fn announce(addresses: &[SocketAddr], names: Vec<String>, settings: &server::Settings) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on rtsp://{}", reachable(*address))?;
    }
    for url in urls(addresses, names, settings) {
        writeln!(out, "  {url}")?;
    }
    out.flush()
}

/// The URLs of mounts, by name and by alias: at the advertised address, or at every one that is listened on.
pub fn urls(addresses: &[SocketAddr], names: Vec<String>, settings: &server::Settings) -> Vec<String> {
    let host = |address: &SocketAddr| match &settings.advertise {
        Some(advertise) => advertise.or_port(address.port()),
        None => reachable(*address),
    };
    let mut hosts: Vec<String> = addresses.iter().map(host).collect();
    hosts.dedup();
    let mut paths: Vec<String> = names.into_iter().map(|name| format!("/{name}")).collect();
    let mut aliases: Vec<String> = settings.aliases.iter().map(|(alias, _)| alias.to_string()).collect();
    aliases.sort();
    paths.append(&mut aliases);
    hosts.iter().flat_map(|host| paths.iter().map(move |path| format!("rtsp://{host}{path}"))).collect()
}

/// The address as it can be written into a player on this machine.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

/// Why the daemon does not run.
#[derive(Debug)]
pub enum Error {
    /// An address cannot be listened on.
    Listen(server::Error),
    /// Who may watch is not known.
    Users(UsersError),
    /// The system refused a thread, a signal handler or the output.
    System(io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(error) => error.fmt(f),
            Self::Users(error) => error.fmt(f),
            Self::System(error) => write!(f, "the system refused: {error}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_told_at_the_address_that_clients_use() {
        let config = |text: &str| Config::parse(text).unwrap().server;
        let told = |addresses: &[&str], settings: &server::Settings| {
            let addresses: Vec<SocketAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
            urls(&addresses, vec!["test".into()], settings).join(" ")
        };
        let aliased = config(r#"(aliases: {"b?x=1": "test", "/a": "test"})"#);
        assert_eq!(
            told(&["[::]:8554", "10.0.0.1:554"], &aliased),
            "rtsp://localhost:8554/test rtsp://localhost:8554/a rtsp://localhost:8554/b?x=1 \
             rtsp://10.0.0.1:554/test rtsp://10.0.0.1:554/a rtsp://10.0.0.1:554/b?x=1"
        );
        let advertised = config(r#"(advertise: "home.example")"#);
        assert_eq!(told(&["[::1]:8554", "10.0.0.1:8554"], &advertised), "rtsp://home.example:8554/test");
        let advertised = config(r#"(advertise: "[2001:db8::1]:554")"#);
        assert_eq!(told(&["[::]:8554", "10.0.0.1:8555"], &advertised), "rtsp://[2001:db8::1]:554/test");
    }
}

//! The daemon: builds the mounts, starts their sources, runs the server, stops everything.

mod alarms;
mod mounts;
mod notify;
mod plan;
mod reload;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use async_signal::{Signal, Signals};
use smol::stream::StreamExt;

pub use alarms::{Alarm, Alarms, Trouble};
pub use mounts::{Applied, Mounts};
pub use reload::{Answer, Asker};

use crate::clock;
use crate::config::Config;
use crate::hub;
use crate::server::{self, Server};
use crate::source;
use notify::{Notify, Watchdog};
use reload::{FileWatch, Reloader};

/// Serves until SIGINT or SIGTERM; reads the file again on SIGHUP and when it is written. Without a file the defaults
/// are served.
///
/// # Errors
/// An address in use, a thread or signal handler that cannot be had: in a sentence.
pub fn serve(config: &Config, path: Option<&Path>) -> Result<(), Error> {
    let text = path.and_then(|path| std::fs::read_to_string(path).ok());
    let notify = || Notify::new(std::env::var("NOTIFY_SOCKET").ok().as_deref());
    let server = Server::adopt(config.server.clone(), inherited()).map_err(Error::Listen)?;
    let handle = server.handle();
    let (hotplug, watching) = match source::hotplug::watch(Path::new("/dev")) {
        Ok((hotplug, watching)) => (hotplug, Some(watching)),
        Err(error) => {
            tracing::debug!(%error, "/dev cannot be watched: a camera that comes is found when its turn comes");
            (source::hotplug::Hotplug::default(), None)
        }
    };
    let mut mounts = Mounts::new(handle.clone(), hotplug);
    let applied =
        smol::block_on(mounts.apply(config)).map_err(|error| Error::System(io::Error::other(error)))?;
    if let Some((mount, why)) = applied.refused.first() {
        return Err(Error::System(io::Error::other(format!("{mount}: {why}"))));
    }
    match announce(&server.addresses(), &mounts.all(), &config.server) {
        // Whoever started us has read enough, and is served all the same.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        done => done.map_err(Error::System)?,
    }
    let mut signals = Signals::new([Signal::Int, Signal::Term, Signal::Hup]).map_err(Error::System)?;
    let status = format!("{} mounts", mounts.all().len());
    let reloader =
        Reloader::spawn(mounts, path.map(Path::to_owned), text, notify()).map_err(Error::System)?;
    let asker = reloader.asker();
    let file_watch = path.and_then(|path| {
        let watch = FileWatch::spawn(path, asker.clone());
        watch.inspect_err(|error| tracing::warn!(%error, "the file is not watched: SIGHUP has it read")).ok()
    });
    let watchdog = watchdog_patience().and_then(|patience| {
        let watchdog = Watchdog::spawn(notify(), handle, patience);
        watchdog.inspect_err(|error| tracing::error!(%error, "the watchdog is not fed")).ok()
    });
    let notify = notify();
    notify.ready(&status);
    server.run(Vec::new(), async {
        while let Some(signal) = signals.next().await {
            match signal {
                Ok(Signal::Hup) => asker.reload_some_time(),
                _ => break,
            }
        }
        tracing::info!("stopping");
        notify.stopping();
    });
    // Everybody has been told goodbye.
    if let Some(watch) = file_watch {
        watch.join();
    }
    if let Some(watchdog) = watchdog {
        watchdog.join();
    }
    if let Some(mounts) = reloader.join() {
        mounts.end(clock::now() + LAST_WORDS, clock::now);
    }
    if let Some(watching) = watching {
        watching.join();
    }
    Ok(())
}

/// Sources may take this long to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
fn announce(addresses: &[SocketAddr], mounts: &[hub::Mount], settings: &server::Settings) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on rtsp://{}", reachable(*address))?;
    }
    let names = mounts.iter().map(|mount| mount.name().to_owned()).collect();
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
    /// The system refused a thread, a signal handler or the output.
    System(io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(error) => error.fmt(f),
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

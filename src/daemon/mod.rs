//! The daemon: builds the mounts, starts their sources, runs the server, stops everything.

mod alarms;
mod steward;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_signal::{Signal, Signals};
use smol::stream::StreamExt;

pub use alarms::{Alarm, Alarms, Trouble};

use crate::config::{Config, MountSettings};
use crate::control;
use crate::hub;
use crate::logs::Logs;
use crate::server::{self, Server};
use crate::source::{self, Source, camera, command, file, jpegs, pattern};

/// What the daemon is told beside its configuration.
#[derive(Debug, Default)]
pub struct Options {
    /// Where the configuration was read; none: the defaults are served.
    pub config: Option<PathBuf>,
    /// Where it can be seen and steered; none: where its clients look for it.
    pub control: Option<PathBuf>,
    /// The process's log.
    pub logs: Option<Logs>,
}

/// Serves until SIGINT or SIGTERM, or until it is told to end by its control socket.
///
/// # Errors
/// An address in use, a thread or signal handler that cannot be had: in a sentence.
pub fn serve(config: Config, options: Options) -> Result<(), Error> {
    let settings = config.server.clone();
    let server = Server::bind(settings.clone()).map_err(Error::Listen)?;
    let mut mounts = Vec::new();
    let mut running = Vec::new();
    let mut stand_ins = Vec::new();
    let (hotplug, watching) = match source::hotplug::watch(Path::new("/dev")) {
        Ok((hotplug, watching)) => (hotplug, Some(watching)),
        Err(error) => {
            tracing::debug!(%error, "/dev cannot be watched: a camera that comes is found when its turn comes");
            (source::hotplug::Hotplug::default(), None)
        }
    };
    let mut served = Vec::new();
    for (name, settings) in sources(config) {
        let (outlet, mount) = hub::mount(&*name);
        let (kind, device) = steward::kind(&settings);
        let source = source(settings);
        served.push(steward::Served { mount: mount.clone(), kind, device });
        stand_ins.push(outlet.stand_in());
        running.push(source::spawn_near(&name, source, outlet, hotplug.clone()).map_err(Error::System)?);
        mounts.push(mount);
    }
    let standing = source::stand_in::spawn(stand_ins).map_err(Error::System)?;
    // Before it is announced: who reads that may ask at once.
    let (stop, stopped) = smol::channel::bounded(1);
    let steward = steward::Steward::new(server.addresses(), served, options.config, options.logs, stop);
    let looking = steward.watch().map_err(Error::System)?;
    let control = steer(options.control, steward);
    match announce(&server.addresses(), &mounts, &settings) {
        // Whoever started us has read enough, and is served all the same.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        done => done.map_err(Error::System)?,
    }
    let mut signals = Signals::new([Signal::Int, Signal::Term]).map_err(Error::System)?;
    let ends: Vec<hub::Mount> = mounts.clone();
    server.run(mounts, async move {
        let told = async {
            // It is open as long as the steward is.
            let _ = stopped.recv().await;
        };
        let signalled = async {
            signals.next().await;
        };
        smol::future::or(signalled, told).await;
        tracing::info!("stopping");
    });
    control.into_iter().for_each(control::server::Running::stop);
    looking.join();
    ends.iter().for_each(hub::Mount::stop);
    running.into_iter().for_each(source::Running::join);
    // A panic there cost the pictures that it shows, and nothing else.
    let _ = standing.join();
    if let Some(watching) = watching {
        watching.join();
    }
    Ok(())
}

/// Starts the control socket. Without one the daemon serves all the same.
fn steer(path: Option<PathBuf>, steward: Arc<steward::Steward>) -> Option<control::server::Running> {
    let path = path.unwrap_or_else(|| {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        control::usual_path(runtime.as_deref())
    });
    let socket = control::server::Socket::bind(&path)
        .inspect_err(|error| tracing::warn!("nobody can steer this daemon: {error}"))
        .ok()?;
    control::server::start(Some(socket), Vec::new(), Arc::new(steward::Shared(steward)))
        .inspect_err(
            |error| tracing::warn!(%error, "nobody can steer this daemon: there are no threads left"),
        )
        .ok()
}

/// Every mount's path and what feeds it: the configured ones, then the cameras found.
fn sources(config: Config) -> Vec<(String, MountSettings)> {
    let mut sources: Vec<(String, MountSettings)> = config.mounts.into_iter().collect();
    if config.discover_cameras {
        for (number, device) in cameras().into_iter().enumerate() {
            let settings = camera::Settings { device, ..camera::Settings::default() };
            sources.push((format!("camera{number}"), MountSettings::Camera(settings)));
        }
    }
    sources
}

fn source(settings: MountSettings) -> Box<dyn Source> {
    match settings {
        MountSettings::Pattern(settings) => Box::new(pattern::Pattern::new(settings)),
        MountSettings::File(settings) => Box::new(file::File::new(settings)),
        MountSettings::Jpegs(settings) => Box::new(jpegs::Jpegs::new(settings)),
        MountSettings::Command(settings) => Box::new(command::Command::new(settings)),
        MountSettings::Camera(settings) => Box::new(camera::Camera::new(settings)),
    }
}

/// Cameras that can be served, by stable name.
fn cameras() -> Vec<std::path::PathBuf> {
    let found = camera::probe();
    for camera in &found {
        tracing::info!(device = %camera.path.display(), "{}", camera.verdict);
    }
    found.into_iter().filter(|camera| camera.served).map(|camera| camera.id.unwrap_or(camera.path)).collect()
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

//! The daemon: builds the mounts, starts their sources, runs the server, stops everything.

mod alarms;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use async_signal::{Signal, Signals};
use smol::stream::StreamExt;

pub use alarms::{Alarm, Alarms, Trouble};

use crate::config::{Config, MountSettings};
use crate::hub;
use crate::server::{self, Server};
use crate::source::{self, Source, camera, command, file, jpegs, pattern};

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// An address in use, a thread or signal handler that cannot be had: in a sentence.
pub fn serve(config: Config) -> Result<(), Error> {
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
    for (name, source) in sources(config) {
        let (outlet, mount) = hub::mount(&*name);
        stand_ins.push(outlet.stand_in());
        running.push(source::spawn_near(&name, source, outlet, hotplug.clone()).map_err(Error::System)?);
        mounts.push(mount);
    }
    let standing = source::stand_in::spawn(stand_ins).map_err(Error::System)?;
    match announce(&server.addresses(), &mounts, &settings) {
        // Whoever started us has read enough, and is served all the same.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        done => done.map_err(Error::System)?,
    }
    let mut signals = Signals::new([Signal::Int, Signal::Term]).map_err(Error::System)?;
    let ends: Vec<hub::Mount> = mounts.clone();
    server.run(mounts, async move {
        signals.next().await;
        tracing::info!("stopping");
    });
    ends.iter().for_each(hub::Mount::stop);
    running.into_iter().for_each(source::Running::join);
    // A panic there cost the pictures that it shows, and nothing else.
    let _ = standing.join();
    if let Some(watching) = watching {
        watching.join();
    }
    Ok(())
}

/// Every mount's path and what feeds it: the configured ones, then the cameras found.
fn sources(config: Config) -> Vec<(String, Box<dyn Source>)> {
    let mut sources: Vec<(String, Box<dyn Source>)> =
        config.mounts.into_iter().map(|(name, settings)| (name, source(settings))).collect();
    if config.discover_cameras {
        for (number, device) in cameras().into_iter().enumerate() {
            let settings = camera::Settings { device, ..camera::Settings::default() };
            sources.push((format!("camera{number}"), Box::new(camera::Camera::new(settings))));
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

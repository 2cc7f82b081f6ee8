//! The daemon: builds the mounts, starts their sources, runs the server, stops everything.

use std::io::{self, Write};
use std::net::SocketAddr;

use async_signal::{Signal, Signals};
use smol::stream::StreamExt;

use crate::config::{Config, MountSettings};
use crate::hub;
use crate::server::{self, Server};
use crate::source::{self, Source, camera, file, pattern};

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// An address in use, a thread or signal handler that cannot be had: in a sentence.
pub fn serve(config: Config) -> Result<(), Error> {
    let server = Server::bind(config.server.clone()).map_err(Error::Listen)?;
    let mut mounts = Vec::new();
    let mut running = Vec::new();
    for (name, source) in sources(config) {
        let (outlet, mount) = hub::mount(&*name);
        running.push(source::spawn(&name, source, outlet).map_err(Error::System)?);
        mounts.push(mount);
    }
    announce(&server.addresses(), &mounts).map_err(Error::System)?;
    let mut signals = Signals::new([Signal::Int, Signal::Term]).map_err(Error::System)?;
    let ends: Vec<hub::Mount> = mounts.clone();
    server.run(mounts, async move {
        signals.next().await;
        tracing::info!("stopping");
    });
    ends.iter().for_each(hub::Mount::stop);
    running.into_iter().for_each(source::Running::join);
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
fn announce(addresses: &[SocketAddr], mounts: &[hub::Mount]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on rtsp://{}", reachable(*address))?;
    }
    for (address, mount) in
        addresses.iter().flat_map(|address| mounts.iter().map(move |mount| (address, mount)))
    {
        writeln!(out, "  rtsp://{}/{}", reachable(*address), mount.name())?;
    }
    out.flush()
}

/// The address as it can be written into a player on this machine.
pub fn reachable(address: SocketAddr) -> String {
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

//! Commands about the daemon and its configuration.

use std::io::{self, Write};
use std::path::PathBuf;

use super::Done;
use crate::config::Config;
use crate::daemon;
use crate::source::camera;

#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgument {
    /// The configuration file (RON).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn serve(config: &ConfigArgument) -> Done {
    Ok(daemon::serve(config.load()?)?)
}

pub(super) fn probe(json: bool) -> Done {
    let found = camera::probe();
    let mut out = io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?);
    }
    if found.is_empty() {
        writeln!(out, "No cameras found. Is one plugged in, and are you in the group `video`?")?;
    }
    for camera in found {
        writeln!(out, "{camera}")?;
    }
    for encoder in camera::encoders() {
        writeln!(out, "{encoder}")?;
    }
    Ok(())
}

pub(super) fn urls(config: &ConfigArgument) -> Done {
    let config = config.load()?;
    let mut names: Vec<String> = config.mounts.into_keys().collect();
    if config.discover_cameras {
        let cameras = camera::probe().into_iter().filter(|camera| camera.served).count();
        names.extend((0..cameras).map(|number| format!("camera{number}")));
    }
    let mut out = io::stdout().lock();
    for url in daemon::urls(&config.server.listen, names, &config.server) {
        writeln!(out, "{url}")?;
    }
    Ok(())
}

pub(super) fn check(config: &ConfigArgument) -> Done {
    let loaded = config.load()?;
    for sentence in loaded.absent() {
        writeln!(io::stderr().lock(), "cannot be served now: {sentence}")?;
    }
    let unfit = loaded.unfit();
    if !unfit.is_empty() {
        return Err(unfit.join("\nlenslet: ").into());
    }
    let count = loaded.mounts.len();
    let mounts = if count == 1 { "mount" } else { "mounts" };
    Ok(writeln!(io::stdout().lock(), "The configuration is right: {count} {mounts}.")?)
}

impl ConfigArgument {
    fn load(&self) -> Result<Config, crate::config::Error> {
        self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)
    }
}

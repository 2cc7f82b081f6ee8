//! Commands about the daemon and its configuration.

use std::io::{self, Write};
use std::path::PathBuf;

use super::Done;
use super::access::needed;
use super::config_argument::ConfigArgument;
use crate::amount::amount;
use crate::config::Config;
use crate::config::store::From;
use crate::daemon::{self, UsersError};
use crate::logs::Logs;
use crate::source::camera::VideoNode;
use crate::source::found::{self, Everything};

#[derive(Debug, Default, clap::Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Where it can be seen and steered: a socket's path.
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
    /// In a session of its own: it was started with a screen, whose terminal may go.
    #[arg(long, hide = true)]
    apart: bool,
}

pub(super) fn serve(arguments: ServeArguments, logs: Option<Logs>) -> Done {
    let ServeArguments { config, control, apart } = arguments;
    if apart {
        nix::unistd::setsid().map_err(io::Error::from)?;
    }
    let explicit = config.is_said();
    let store = config.store();
    // Whose power went in the middle of a restore has all of it now.
    match super::backup::place(config.paths()).finish() {
        Ok(false) => {}
        Ok(true) => tracing::warn!("a restore that was interrupted is finished"),
        Err(error) => {
            tracing::error!("a restore that was interrupted cannot be finished: {}", error.of_daemon());
        }
    }
    let loaded = store.load()?;
    let nothing = loaded.from == From::Nothing;
    if nothing && explicit {
        return Err(format!("{}: there is no such file", store.path().display()).into());
    }
    // In a folder that is there a file may come; else there is nothing to watch and nowhere to write.
    let folder = store.path().parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    let config = Some(store).filter(|_| folder);
    Ok(daemon::serve(&loaded.config, daemon::Options { config, control, logs })?)
}

pub(super) fn probe(json: bool) -> Done {
    let found = found::everything();
    let mut out = io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?);
    }
    let Everything { board, rpicam } = found;
    if board.cameras.is_empty() && rpicam.is_empty() && board.denied.is_empty() {
        writeln!(out, "No cameras found. Is one plugged in, and are you in the group `video`?")?;
    }
    for camera in board.cameras {
        writeln!(out, "{camera}")?;
    }
    for denied in board.denied {
        writeln!(out, "{denied}\n    permission denied: {}", VideoNode::IF_DENIED)?;
    }
    for camera in rpicam {
        writeln!(out, "{camera}")?;
    }
    for encoder in board.encoders {
        writeln!(out, "{encoder}")?;
    }
    for why in board.unopened {
        writeln!(out, "not looked at: {why}")?;
    }
    Ok(())
}

pub(super) fn check(config: &ConfigArgument) -> Done {
    let loaded = config.load()?;
    for sentence in loaded.absent() {
        writeln!(io::stderr().lock(), "cannot be served now: {sentence}")?;
    }
    for sentence in loaded.otherwise() {
        writeln!(io::stderr().lock(), "otherwise than configured: {sentence}")?;
    }
    for sentence in loaded.doubtful() {
        writeln!(io::stderr().lock(), "perhaps not as it is meant: {sentence}")?;
    }
    let unfit = loaded.unfit();
    if !unfit.is_empty() {
        return Err(unfit.join("\nlenslet: ").into());
    }
    match needed(&loaded, &config.state()) {
        Ok(needed) => {
            for doubt in &needed.doubts {
                writeln!(io::stderr().lock(), "perhaps not as it is meant: {doubt}")?;
            }
            right(&loaded)?;
            Ok(writeln!(io::stdout().lock(), "{}", needed.said)?)
        }
        // The daemon may read what this user may not.
        Err(error @ UsersError::System { .. }) => {
            writeln!(io::stderr().lock(), "whether a user is needed cannot be seen: {error}")?;
            right(&loaded)
        }
        Err(error) => Err(error.into()),
    }
}

fn right(loaded: &Config) -> Done {
    Ok(writeln!(
        io::stdout().lock(),
        "The configuration is right: {}.",
        amount(loaded.mounts.len(), "mount")
    )?)
}

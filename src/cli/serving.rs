//! Commands about the daemon and its configuration.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;

use super::Done;
use super::access::needed;
use super::config_argument::ConfigArgument;
use crate::config::store::From;
use crate::config::{Config, nearest};
use crate::daemon::{self, UsersError};
use crate::logs::Logs;
use crate::source::camera;
use crate::source::found::{self, Everything};
use crate::tools::urls;

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
    match super::backup::place(&config).finish() {
        Ok(false) => {}
        Ok(true) => tracing::warn!("a restore that was interrupted is finished"),
        Err(error) => tracing::error!("a restore that was interrupted cannot be finished: {error}"),
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
    if board.cameras.is_empty() && rpicam.is_empty() {
        writeln!(out, "No cameras found. Is one plugged in, and are you in the group `video`?")?;
    }
    for camera in board.cameras {
        writeln!(out, "{camera}")?;
    }
    for camera in rpicam {
        writeln!(out, "{camera}")?;
    }
    for encoder in board.encoders {
        writeln!(out, "{encoder}")?;
    }
    Ok(())
}

#[derive(Debug, clap::Args)]
pub(super) struct UrlsArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Only this mount's.
    mount: Option<String>,
    /// How they are written: a line each, a playlist, JSON, or the first of them as a QR code.
    #[arg(long, value_enum, default_value = "text")]
    format: UrlFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum UrlFormat {
    Text,
    M3u,
    Json,
    Qr,
}

pub(super) fn urls(arguments: &UrlsArguments) -> Done {
    let config = arguments.config.load()?;
    let needed = needed(&config, &arguments.config.state());
    let listen = config.server_now().listen;
    let mut paths: Vec<String> =
        config.mounts.into_iter().filter(|(_, mount)| mount.enabled).map(|(name, _)| name).collect();
    if config.discover_cameras {
        let cameras = camera::probe().into_iter().filter(|camera| camera.served).count();
        paths.extend((0..cameras).map(|number| format!("camera{number}")));
    }
    let path = |alias: String| alias.trim_start_matches('/').to_owned();
    let mut aliases: Vec<String> =
        config.server.aliases.iter().map(|(alias, _)| path(alias.to_string())).collect();
    aliases.sort();
    paths.append(&mut aliases);
    if let Some(mount) = arguments.mount.as_deref().map(|mount| mount.trim_matches('/')) {
        let all = paths.clone();
        paths.retain(|path| path == mount);
        if paths.is_empty() {
            let meant = match (nearest(mount, all.iter().map(String::as_str)), &all[..]) {
                (Some(near), _) => format!("{near} is nearest"),
                (None, []) => "there are none".to_owned(),
                (None, all) => format!("there are {}", all.join(", ")),
            };
            return Err(format!("there is no mount {mount:?} that is served: {meant}").into());
        }
    }
    let format = match arguments.format {
        UrlFormat::Text => urls::Format::Text,
        UrlFormat::M3u => urls::Format::M3u,
        UrlFormat::Json => urls::Format::Json,
        UrlFormat::Qr => urls::Format::Qr,
    };
    let advertised = config.server.advertise.as_ref();
    let advertise = advertised.map(|advertise| |port| advertise.or_port(port));
    let advertise: Option<&dyn Fn(u16) -> String> = advertise.as_ref().map(|advertise| advertise as _);
    let mut hosts = urls::of_this_machine(&listen, advertise);
    // Where the system chooses the port, nobody knows it before it has.
    hosts.retain(|host| !host.authority.ends_with(":0"));
    if hosts.is_empty() && listen.iter().any(|address| address.port() == 0) {
        return Err(
            "listen: with port 0 the system chooses another port at each start: `lenslet status --json` has \
                    the addresses of a daemon that runs, and a port that is written stays"
                .into(),
        );
    }
    if paths.is_empty() {
        return Err(NOTHING_SERVED.into());
    }
    let user = needed.as_ref().ok().map(|needed| needed.user);
    urls::write(&urls::urls(&hosts, &paths, user), format, &mut io::stdout().lock())?;
    // Not among the lines that are copied.
    let mut err = io::stderr().lock();
    match needed {
        Ok(needed) if needed.user => {
            writeln!(err, "{} Write rtsp://NAME@..., and players ask for it.", needed.said)?
        }
        Ok(_) => {}
        Err(error) => writeln!(err, "whether a user is needed cannot be seen: {error}")?,
    }
    Ok(())
}

/// What a configuration without mounts is told.
const NOTHING_SERVED: &str = "there is nothing to watch: no mount is configured, or none is enabled, and no camera was found: \
     `lenslet probe` lists cameras, and `mounts: {\"cam\": Camera(device: \"/dev/video0\")}` in the configuration serves one";

pub(super) fn check(config: &ConfigArgument) -> Done {
    let loaded = config.load()?;
    for sentence in loaded.absent() {
        writeln!(io::stderr().lock(), "cannot be served now: {sentence}")?;
    }
    for sentence in loaded.otherwise() {
        writeln!(io::stderr().lock(), "otherwise than configured: {sentence}")?;
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
    let count = loaded.mounts.len();
    let mounts = if count == 1 { "mount" } else { "mounts" };
    Ok(writeln!(io::stdout().lock(), "The configuration is right: {count} {mounts}.")?)
}

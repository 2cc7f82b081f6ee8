//! `lenslet urls`: of the daemon that runs; where none does, of one that would start now.

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::ValueEnum;

use super::Done;
use super::access::{Needed, asked_of, needed};
use super::config_argument::ConfigArgument;
use super::control::{PlaceArguments, is_here, status_of};
use crate::config::{Config, nearest};
use crate::control::client::{Blocking, Error};
use crate::control::protocol::{ConfigRequest, MountState, OpenTo, Reply};
use crate::rtsp::authority::Authority;
use crate::source::camera;
use crate::tools::urls;

#[derive(Debug, clap::Args)]
pub(super) struct UrlsArguments {
    #[command(flatten)]
    place: PlaceArguments,
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

/// What can be watched, and how it is reached.
struct Served {
    listen: Vec<SocketAddr>,
    advertise: Option<Authority>,
    /// Mounts, then their other names.
    paths: Vec<String>,
    /// Whether a user is needed, and what is said of that; none where it cannot be seen.
    user: Option<bool>,
    /// Sentences beside the URLs.
    said: Vec<String>,
}

pub(super) fn urls(arguments: &UrlsArguments) -> Done {
    let served = match arguments.place.daemon()? {
        Some(mut daemon) => Served::by(&mut daemon)?,
        None => Served::of(arguments.place.file())?,
    };
    let Served { listen, advertise, mut paths, user, said } = served;
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
    let advertise = advertise.as_ref().map(|advertise| |port| advertise.or_port(port));
    let advertise: Option<&dyn Fn(u16) -> String> = advertise.as_ref().map(|advertise| advertise as _);
    let mut hosts = urls::of_this_machine(&listen, advertise);
    // Where the system chooses the port, nobody knows it before it has.
    hosts.retain(|host| !host.authority.ends_with(":0"));
    if hosts.is_empty() && listen.iter().any(|address| address.port() == 0) {
        return Err("listen: with port 0 the system chooses another port at each start: this command tells it of a daemon that \
                    runs, and a port that is written stays"
            .into());
    }
    if paths.is_empty() {
        return Err(NOTHING_SERVED.into());
    }
    urls::write(&urls::urls(&hosts, &paths, user), format, &mut io::stdout().lock())?;
    // Not among the lines that are copied.
    let mut err = io::stderr().lock();
    Ok(said.iter().try_for_each(|said| writeln!(err, "{said}"))?)
}

/// What a configuration without mounts is told.
const NOTHING_SERVED: &str = "there is nothing to watch: no mount is configured, or none is enabled, and no camera was found: \
     `lenslet probe` lists cameras, and `mounts: {\"cam\": Camera(device: \"/dev/video0\")}` in the configuration serves one";

impl Served {
    /// By a daemon that runs.
    fn by(daemon: &mut Blocking) -> Result<Self, Box<dyn std::error::Error>> {
        let status = status_of(daemon)?;
        is_here(&status)?;
        let (config, wrong) = match daemon.ask(ConfigRequest::Get { path: None }) {
            Ok(Reply::Config(written)) => match Config::parse(&written.text) {
                Ok(config) => (config, None),
                Err(_) => {
                    let why = "the file is wrong, and an earlier version is served: its mounts are told, their other names not";
                    (Config::default(), Some(why.to_owned()))
                }
            },
            // It serves none.
            Err(Error::Refused(_)) => (Config::default(), None),
            Ok(_) => return Err("the daemon answers something else".into()),
            Err(error) => return Err(error.into()),
        };
        let served = status.mounts.into_iter().filter(|mount| mount.state != MountState::Disabled);
        let mut paths: Vec<String> = served.map(|mount| mount.name).collect();
        paths.extend(other_names(&config));
        let user = status.access.open_to == OpenTo::Users && status.access.users > 0;
        let mut said: Vec<String> = wrong.into_iter().collect();
        said.extend(user.then(|| ask_for(&asked_of(status.access.users as usize))));
        let listen = status.addresses.iter().filter_map(|address| address.parse().ok()).collect();
        Ok(Self { listen, advertise: config.server.advertise, paths, user: Some(user), said })
    }

    /// By one that would start now.
    fn of(file: &ConfigArgument) -> Result<Self, Box<dyn std::error::Error>> {
        let config = file.load()?;
        let needed = needed(&config, &file.state());
        let listen = config.server_now().listen;
        let enabled = config.mounts.iter().filter(|(_, mount)| mount.enabled);
        let mut paths: Vec<String> = enabled.map(|(name, _)| name.clone()).collect();
        if config.discover_cameras {
            let cameras = camera::probe().into_iter().filter(|camera| camera.served).count();
            paths.extend((0..cameras).map(|number| format!("camera{number}")));
        }
        paths.extend(other_names(&config));
        let user = needed.as_ref().ok().map(|needed| needed.user);
        let said = match needed {
            Ok(Needed { user: true, said, .. }) => vec![ask_for(&said)],
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("whether a user is needed cannot be seen: {error}")],
        };
        Ok(Self { listen, advertise: config.server.advertise, paths, user, said })
    }
}

fn ask_for(said: &str) -> String {
    format!("{said} Write rtsp://NAME@..., and players ask for it.")
}

/// Aliases, without the leading slash.
fn other_names(config: &Config) -> Vec<String> {
    let path = |alias: String| alias.trim_start_matches('/').to_owned();
    let mut names: Vec<String> =
        config.server.aliases.iter().map(|(alias, _)| path(alias.to_string())).collect();
    names.sort();
    names
}

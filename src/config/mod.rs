//! The configuration file: RON text into the rooms' own settings.

mod access;
mod aliases;
mod bytes;
mod changes;
mod check;
pub mod edit;
mod error;
mod file;
mod interfaces;
mod migration;
mod mounts;
mod nearest;
mod network;
mod networks;
mod place;
mod places;
mod schema;
#[cfg(test)]
mod shipped;
pub mod store;
pub mod syntax;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::access::Networks;
use crate::server;
use crate::source::{camera, command, file as file_source, jpegs, pattern};
pub use access::Access;
pub use bytes::read;
pub use changes::{Change, changes};
pub use error::{Error, Problem};
use file::ConfigFile;
pub use interfaces::Interface;
pub use migration::{Translated, migrate};
pub(crate) use nearest::nearest;
pub use places::Places;
pub use schema::schema;

/// What is true: a server and its mounts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The server's part.
    pub server: server::Settings,
    /// Who may watch, and from where.
    pub access: Access,
    /// Mounts by path, without the leading slash.
    pub mounts: BTreeMap<String, Mount>,
    /// Every camera found becomes a mount too.
    pub discover_cameras: bool,
    /// Whose addresses are listened on beside the server's.
    pub interfaces: Vec<Interface>,
    /// Where the daemon keeps what is its own.
    pub places: Places,
}

/// A mount.
#[derive(Clone, Debug, PartialEq)]
pub struct Mount {
    /// Its source.
    pub source: MountSettings,
    /// How it is served.
    pub serving: server::MountSettings,
    /// Whether it is served.
    pub enabled: bool,
    /// From where it may be watched, of those places from where the server is reached at all.
    pub networks: Networks,
}

/// One mount's source.
#[derive(Clone, Debug, PartialEq)]
pub enum MountSettings {
    /// The test picture.
    Pattern(pattern::Settings),
    /// A file of pictures.
    File(file_source::Settings),
    /// A folder or a file of JPEGs.
    Jpegs(jpegs::Settings),
    /// A V4L2 camera.
    Camera(camera::Settings),
    /// A program that writes pictures.
    Command(command::Settings),
}

impl Mount {
    /// One that only its source is said of.
    pub fn of(source: MountSettings) -> Self {
        Self {
            source,
            serving: server::MountSettings::default(),
            enabled: true,
            networks: Networks::default(),
        }
    }
}

impl Default for Config {
    /// Without a file: the test picture at `/test`, and every camera.
    fn default() -> Self {
        let test = Mount::of(MountSettings::Pattern(pattern::Settings::default()));
        Self {
            server: server::Settings::default(),
            access: Access::default(),
            mounts: BTreeMap::from([("test".to_owned(), test)]),
            discover_cameras: true,
            interfaces: Vec::new(),
            places: Places::default(),
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or its text is no configuration: every mistake, with line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = read(path).map_err(|error| Error::whole(error.to_string()).in_file(path))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| Error::not_text(path, &bytes, &error))?;
        Self::parse(text).map_err(|error| error.in_file(path))
    }

    /// Reads RON text.
    ///
    /// # Errors
    /// Every mistake that can be found, with line and column.
    pub fn parse(text: &str) -> Result<Self, Error> {
        use ron::extensions::Extensions;
        // What some editors begin every file with.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (tree, mistakes) = syntax::parse(text);
        if let Some(another) = tree.as_ref().and_then(migration::wrong) {
            return Err(Error::schema(text, &[another]));
        }
        let wrong = tree.as_ref().map(|tree| check::check(tree, &schema::FILE)).unwrap_or_default();
        let Some(tree) = tree.as_ref().filter(|_| mistakes.is_empty()) else {
            return Err(Error::grammar(text, tree.as_ref(), &mistakes, &wrong));
        };
        if !wrong.is_empty() {
            return Err(Error::schema(text, &wrong));
        }
        let options = ron::Options::default()
            .with_default_extension(Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES);
        let file: ConfigFile = options.from_str(text).map_err(|error| Error::value(text, tree, &error))?;
        Self::from_file(file).map_err(|sentences| Error::rooms(text, tree, &sentences))
    }

    /// What could not be served now, though it may be later: interfaces, files and cameras that are not there. A
    /// sentence for each, by its mount.
    pub fn absent(&self) -> Vec<String> {
        let mounts = self.mounts.iter().filter_map(|(name, mount)| mounts::absent(name, &mount.source));
        self.absent_interfaces().into_iter().chain(mounts).collect()
    }

    /// The interfaces for which it is not listened now: a sentence for each.
    pub fn absent_interfaces(&self) -> Vec<String> {
        if self.interfaces.is_empty() {
            return Vec::new();
        }
        let of_machine = interfaces::of_this_machine();
        self.interfaces.iter().filter_map(|interface| interfaces::absent(interface, &of_machine)).collect()
    }

    /// What is true of the server, with the addresses that this machine's interfaces have now.
    pub fn server_now(&self) -> server::Settings {
        let mut server = self.server.clone();
        if !self.interfaces.is_empty() {
            server.listen =
                interfaces::resolved(&server.listen, &self.interfaces, &interfaces::of_this_machine());
        }
        server
    }

    /// What this board and the cameras that are attached to it cannot do: a sentence for each, by its mount.
    pub fn unfit(&self) -> Vec<String> {
        self.mounts.iter().filter_map(|(name, mount)| mounts::unfit(name, &mount.source)).collect()
    }

    /// What is to be known of one mount: that it cannot be served, now or as it is configured, or is served otherwise; a sentence for each.
    pub fn doubts(&self, name: &str) -> Vec<String> {
        let Some(Mount { source, .. }) = self.mounts.get(name) else { return Vec::new() };
        let cannot = mounts::absent(name, source).into_iter().chain(mounts::unfit(name, source));
        let told = cannot.chain(mounts::otherwise(name, source, &self.mounts));
        // Of which mount it is who asks knows.
        let of_it = format!("mounts[{name:?}]: ");
        told.map(|said| said.strip_prefix(&of_it).map(str::to_owned).unwrap_or(said)).collect()
    }

    /// What this board and the cameras that are attached to it do otherwise than it is configured: a sentence for each.
    pub fn otherwise(&self) -> Vec<String> {
        let of = |(name, mount): (&String, &Mount)| mounts::otherwise(name, &mount.source, &self.mounts);
        self.mounts.iter().flat_map(of).collect()
    }

    /// What is served as it says, and perhaps not meant: a sentence for each.
    pub fn doubtful(&self) -> Vec<String> {
        let timeout = self.server.session_timeout;
        let is_short = timeout < OF_PLAYERS;
        let told = || {
            format!(
                "session_timeout: {} s is shorter than the keep-alives of many players",
                timeout.as_secs()
            )
        };
        is_short.then(told).into_iter().collect()
    }

    /// What the file says, held against what can be.
    ///
    /// # Errors
    /// A sentence for each thing that cannot be, beginning with the way to it.
    fn from_file(file: ConfigFile) -> Result<Self, Vec<String>> {
        let default = Self::default();
        let mut wrong = Vec::new();
        let mut server = default.server;
        limits(&file, &mut server);
        let mut interfaces = Vec::new();
        let places = Places::read(file.state_dir.as_deref(), file.control_socket.as_deref(), &mut wrong);
        if let Some(addresses) = file.listen {
            match network::listen(&addresses) {
                Ok(listen) => (server.listen, interfaces) = (listen.addresses, listen.interfaces),
                Err(why) => wrong.push(why),
            }
        }
        if let Some((first, last)) = file.udp_ports {
            network::udp_ports(first, last)
                .map_or_else(|why| wrong.push(why), |ports| server.udp_ports = ports);
        }
        let access = file.access.map_or_else(|| Ok(Access::default()), access::access);
        let access = access.unwrap_or_else(|whys| {
            wrong.extend(whys);
            Access::default()
        });
        let discover_cameras = file.mounts.is_none();
        let names: Vec<String> = match &file.mounts {
            Some(written) => written.0.iter().map(|(name, _)| name.trim_matches('/').to_owned()).collect(),
            None => default.mounts.keys().cloned().collect(),
        };
        // Which cameras there are is not known yet; `cameraN` may be one.
        let is_camera = |name: &str| {
            let number = name.strip_prefix("camera").unwrap_or_default();
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        };
        let is_mount =
            |name: &str| names.iter().any(|known| known == name) || discover_cameras && is_camera(name);
        let mounts = match file.mounts {
            Some(written) => mounts::mounts(written.0).unwrap_or_else(|whys| {
                wrong.extend(whys);
                BTreeMap::new()
            }),
            None => default.mounts,
        };
        if let Some(written) = file.aliases {
            match aliases::aliases(written.0, is_mount, &names) {
                Ok(aliases) => server.aliases = aliases,
                Err(whys) => wrong.extend(whys),
            }
        }
        if let Some(text) = file.advertise {
            match text.parse() {
                Ok(advertise) => server.advertise = Some(advertise),
                Err(error) => wrong.push(format!("advertise: {text:?}: {error}")),
            }
        }
        if wrong.is_empty() {
            Ok(Self { server, access, mounts, discover_cameras, interfaces, places })
        } else {
            Err(wrong)
        }
    }
}

/// Many players come with their keep-alives by then, and not sooner.
const OF_PLAYERS: Duration = Duration::from_secs(10);

/// How long and how many; the schema has held them against their bounds.
fn limits(file: &ConfigFile, server: &mut server::Settings) {
    if let Some(seconds) = file.session_timeout {
        server.session_timeout = Duration::from_secs(seconds);
    }
    for (asked, place) in [
        (file.max_connections, &mut server.max_connections),
        (file.max_sessions, &mut server.max_sessions),
        (file.max_per_address, &mut server.max_per_address),
        (file.max_packet, &mut server.max_packet),
        (file.workers, &mut server.workers),
    ] {
        *place = asked.unwrap_or(*place);
    }
    server.dscp = file.dscp.unwrap_or(server.dscp);
    server.pacing = file.pacing.unwrap_or(server.pacing);
}

#[cfg(test)]
mod tests;

//! The configuration file: RON text into the rooms' own settings.

mod aliases;
pub mod edit;
mod file;
mod mounts;
mod network;
#[cfg(test)]
mod shipped;
pub mod store;
pub mod syntax;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::server;
use crate::source::{camera, command, file as file_source, jpegs, pattern};
use file::ConfigFile;

/// What is true: a server and its mounts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The server's part.
    pub server: server::Settings,
    /// Mounts by path, without the leading slash.
    pub mounts: BTreeMap<String, MountSettings>,
    /// Every camera found becomes a mount too.
    pub discover_cameras: bool,
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

/// What is wrong with a configuration, and where.
#[derive(Debug)]
pub struct Error {
    file: Option<PathBuf>,
    what: String,
}

impl Error {
    /// The same mistake, in this file.
    fn in_file(self, path: &Path) -> Self {
        Self { file: Some(path.to_owned()), ..self }
    }

    /// A file whose bytes are no text.
    fn not_text(path: &Path, error: &std::str::Utf8Error) -> Self {
        let what = format!(" it is no UTF-8 text from byte {} on: save it as UTF-8", error.valid_up_to());
        Self { file: Some(path.to_owned()), what }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}:{}", file.display(), self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for Error {}

impl Default for Config {
    /// Without a file: the test picture at `/test`, and every camera.
    fn default() -> Self {
        let test = MountSettings::Pattern(pattern::Settings::default());
        Self {
            server: server::Settings::default(),
            mounts: BTreeMap::from([("test".to_owned(), test)]),
            discover_cameras: true,
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or its text is no configuration: with line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let at = |what: String| Error { file: Some(path.to_owned()), what };
        let text = std::fs::read_to_string(path).map_err(|error| at(format!(" {error}")))?;
        Self::parse(&text).map_err(|error| at(error.what))
    }

    /// Reads RON text.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, Error> {
        use ron::extensions::Extensions;
        let options = ron::Options::default()
            .with_default_extension(Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES);
        let file: ConfigFile =
            options.from_str(text).map_err(|error| Error { file: None, what: error.to_string() })?;
        Self::from_file(file).map_err(|what| Error { file: None, what: format!(" {what}") })
    }

    /// What could not be served now, though it may be later: files and cameras that are not there. A sentence for
    /// each, by its mount.
    pub fn absent(&self) -> Vec<String> {
        self.mounts.iter().filter_map(|(name, settings)| mounts::absent(name, settings)).collect()
    }

    /// What this board and the cameras that are attached to it cannot do: a sentence for each, by its mount.
    pub fn unfit(&self) -> Vec<String> {
        self.mounts.iter().filter_map(|(name, settings)| mounts::unfit(name, settings)).collect()
    }

    fn from_file(file: ConfigFile) -> Result<Self, String> {
        let default = Self::default();
        let mut server = default.server;
        limits(&file, &mut server)?;
        if let Some(addresses) = file.listen {
            server.listen = network::listen(addresses)?;
        }
        if let Some((first, last)) = file.udp_ports {
            server.udp_ports = network::udp_ports(first, last)?;
        }
        if let Some(bytes) = file.max_packet {
            if !(576..=9000).contains(&bytes) {
                return Err(format!("max_packet: {bytes} is not between 576 and 9000"));
            }
            server.max_packet = bytes;
        }
        server.pacing = file.pacing.unwrap_or(server.pacing);
        if let Some(workers) = file.workers {
            if !(1..=64).contains(&workers) {
                return Err(format!("workers: {workers} is not between 1 and 64"));
            }
            server.workers = workers;
        }
        let discover_cameras = file.mounts.is_none();
        let mounts = match file.mounts {
            Some(written) => mounts::mounts(written.0)?,
            None => default.mounts,
        };
        // Which cameras there are is not known yet; `cameraN` may be one.
        let is_camera = |name: &str| {
            let number = name.strip_prefix("camera").unwrap_or_default();
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        };
        let is_mount = |name: &str| mounts.contains_key(name) || discover_cameras && is_camera(name);
        if let Some(written) = file.aliases {
            server.aliases = aliases::aliases(written.0, is_mount)?;
        }
        if let Some(text) = file.advertise {
            let wrong = |error| format!("advertise: {text:?}: {error}");
            server.advertise = Some(text.parse().map_err(wrong)?);
        }
        Ok(Self { server, mounts, discover_cameras })
    }
}

/// How long and how many.
fn limits(file: &ConfigFile, server: &mut server::Settings) -> Result<(), String> {
    if let Some(seconds) = file.session_timeout {
        if !(1..=3600).contains(&seconds) {
            return Err(format!("session_timeout: {seconds} is not between 1 and 3600 seconds"));
        }
        if seconds < 10 {
            tracing::warn!("session_timeout: {seconds} s is shorter than the keep-alives of many players");
        }
        server.session_timeout = Duration::from_secs(seconds);
    }
    for (name, asked, place) in [
        ("max_connections", file.max_connections, &mut server.max_connections),
        ("max_sessions", file.max_sessions, &mut server.max_sessions),
        ("max_per_address", file.max_per_address, &mut server.max_per_address),
    ] {
        match asked {
            Some(number @ 1..=65_535) => *place = number,
            Some(number) => return Err(format!("{name}: {number} is not between 1 and 65535")),
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_default() {
        let config = Config::parse("()").unwrap();
        assert!(config.discover_cameras && config.mounts.contains_key("test"));
    }

    #[test]
    fn pacing_is_automatic_unless_it_is_said() {
        let pacing = |text| Config::parse(text).map(|config| config.server.pacing);
        for (text, expected) in [
            ("()", server::Pacing::Auto),
            ("(pacing: On)", server::Pacing::On),
            ("(pacing: Off)", server::Pacing::Off),
        ] {
            assert_eq!(pacing(text).unwrap(), expected, "{text}");
        }
        assert!(pacing("(pacing: Perhaps)").unwrap_err().to_string().contains("Perhaps"));
    }

    #[test]
    fn mounts_are_named_and_typed() {
        let config = Config::parse(
            r#"(listen: ["127.0.0.1:0"], mounts: {"/a/b": Pattern(width: 64, height: 48), "clip": File(path: "x.h264", fps: 30), "door": Camera(device: "/dev/video0", format: MJPEG, width: 640, height: 480), "slides": Jpegs(path: "x")})"#,
        )
        .unwrap();
        assert_eq!(config.mounts.keys().collect::<Vec<_>>(), ["a/b", "clip", "door", "slides"]);
        let MountSettings::Camera(door) = &config.mounts["door"] else { panic!("{config:?}") };
        assert_eq!((door.wish.format, door.wish.width), (Some(camera::Pictures::Mjpeg), Some(640)));
        assert!(!config.discover_cameras);
    }

    #[test]
    fn controls_are_written_as_numbers_switches_and_names() {
        let text = r#"(mounts: {"a": Camera(device: "x", controls: {"brightness": 140, "tilt_absolute": -3, "horizontal_flip": true, "auto_exposure": "Manual Mode"})})"#;
        let mut config = Config::parse(text).unwrap();
        let Some(MountSettings::Camera(settings)) = config.mounts.remove("a") else { panic!("{config:?}") };
        let written: Vec<String> =
            settings.controls.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let expected = [
            "brightness: 140",
            "tilt_absolute: -3",
            "horizontal_flip: true",
            "auto_exposure: \"Manual Mode\"",
        ];
        assert_eq!(written, expected, "in the order in which they are written");
    }

    #[test]
    fn what_is_coded_here_is_configured_and_held_against_what_can_be() {
        let camera = |fields: &str| {
            let text = format!("(mounts: {{\"a\": Camera(device: \"/dev/video0\", {fields})}})");
            Config::parse(&text).map_err(|error| error.to_string()).map(|mut config| {
                match config.mounts.remove("a") {
                    Some(MountSettings::Camera(settings)) => settings.wish,
                    other => panic!("{other:?}"),
                }
            })
        };
        let wish = camera("encode: Hardware, bitrate: 2000000, gop: \"1.5 s\", profile: Main, level: 4.1");
        let wish = wish.unwrap();
        assert_eq!((wish.encode, wish.bitrate), (camera::Encode::Hardware, Some(2_000_000)));
        assert_eq!(wish.gop, Some(camera::Gop::Seconds(1.5)));
        assert_eq!(wish.profile, Some(camera::Profile::Main));
        assert_eq!(wish.level.unwrap().to_string(), "4.1");
        assert_eq!(camera("gop: 50").unwrap().gop, Some(camera::Gop::Pictures(50)));
        for (fields, why) in [
            ("controls: {\"brightness\": 1, \"brightness\": 2}", "\"brightness\" stands here twice"),
            ("controls: {\"focus\": 1.5}", "a number (140), true or false, or the name of a menu's entry"),
            ("controls: {\"--\": 1}", "controls: \"--\" is no name of a control"),
            ("gop: 0", "gop: 0 is not at least 1"),
            ("gop: \"0 s\"", "gop: 0 s are not between 0.01"),
            ("gop: \"soon\"", "is not like \"2 s\""),
            ("gop: 99999999999", "more pictures than there are"),
            ("level: 4.3", "H.264 has no level 4.3"),
            ("profile: Extended", "Extended"),
            ("encode: Perhaps", "Perhaps"),
            ("bitrate: 100", "bitrate: 100 is not between 10000 and 100000000"),
            ("width: 0, height: 480", "0x480 is no picture"),
            ("encode: Off, bitrate: 1000000", "bitrate: it is for what is coded here, and `encode` is Off"),
            ("encode: Off, format: Raw", "raw pictures are served coded alone"),
            ("encode: Hardware, format: HEVC", "there is no decoder for it here"),
            (
                "level: 3.0, width: 1280, height: 720",
                "level 3.0 is configured, which allows pictures of 1620 macroblocks, and 1280x720 has 3600 (level 3.1",
            ),
            (
                "level: 4.0, width: 1920, height: 1080, fps: 60",
                "245760 macroblocks a second, and this is 489600 (level 4.2 is enough)",
            ),
        ] {
            let error = camera(fields).unwrap_err();
            assert!(error.contains(why), "{fields}: {error}");
        }
        if cfg!(feature = "soft-h264") {
            for (fields, why) in [
                ("encode: Software, profile: High", "openh264 codes Baseline, and High is configured"),
                (
                    "encode: Software, width: 4096, height: 2160",
                    "from 16x16 to 3840x2160 or 2160x3840; the nearest is 3840x2160",
                ),
                ("encode: Software, level: 4.0, bitrate: 25000000, width: 640, height: 480", "20000000 bits"),
            ] {
                let error = camera(fields).unwrap_err();
                assert!(error.contains(why), "{fields}: {error}");
            }
        }
    }

    #[test]
    fn a_mount_has_other_names_and_the_server_another_address() {
        let config = Config::parse(
            r#"(advertise: "home.example:554", aliases: {"/Streaming/Channels/101": "test", "/cam?channel=1": "/camera0"})"#,
        )
        .unwrap();
        let aliases = config.server.aliases.iter().map(|(alias, mount)| (alias.to_string(), mount));
        let mut aliases: Vec<_> = aliases.collect();
        aliases.sort();
        assert_eq!(
            aliases,
            [("/Streaming/Channels/101".to_owned(), "test"), ("/cam?channel=1".to_owned(), "camera0")]
        );
        assert_eq!(config.server.advertise.unwrap().or_port(8554), "home.example:554");
    }

    #[test]
    fn wrong_files_name_the_place() {
        for (text, place) in [
            ("(lisen: [])", "1:"),
            ("(\n  listen: [\"nowhere\"])", "2:"),
            ("(mounts: {\"../x\": Pattern()})", "mounts[\"../x\"]"),
            ("(udp_ports: (80, 90))", "udp_ports"),
            ("(session_timeout: 0)", "session_timeout"),
            ("(max_sessions: 0)", "max_sessions"),
            ("(workers: 0)", "workers: 0 is not between 1 and 64"),
            ("(workers: 65)", "workers: 65 is not between 1 and 64"),
            ("(mounts: {\"a\": Pattern(),\n \"a\": Pattern()})", "2:"),
            ("(mounts: {\"a\": Pattern(), \"/a\": Pattern()})", "mounts[\"/a\"]"),
            ("(mounts: {\"live/track1\": Pattern()})", "mounts[\"live/track1\"]"),
            ("(mounts: {\"a/\": Pattern(), \"a\": Pattern()})", "mounts[\"a\"]"),
            ("(mounts: {\"x/Track1\": Pattern()})", "mounts[\"x/Track1\"]: its last part"),
            ("(mounts: {\"stream=1\": Pattern()})", "mounts[\"stream=1\"]"),
            ("(mounts: {\"a\": Pattern(width: 15, height: 20)})", "mounts[\"a\"]: width, height:"),
            ("(mounts: {\"a\": Pattern(fps: NaN)})", "mounts[\"a\"]: fps: NaN"),
            ("(mounts: {\"a\": Pattern(bitrate: 0)})", "mounts[\"a\"]: bitrate: 0"),
            ("(mounts: {\"a\": Pattern(gop: 0)})", "mounts[\"a\"]: gop: 0"),
            ("(mounts: {\"a\": File(path: \"x\", fps: -1)})", "mounts[\"a\"]: fps: -1"),
            ("(mounts: {\"a\": Jpegs(path: \"x\", fps: inf)})", "mounts[\"a\"]: fps: inf"),
            ("(mounts: {\"a\": Camera(device: \"x\", fps: 0)})", "mounts[\"a\"]: fps: 0"),
            ("(mounts: {\"a\": Command(command: \"\")})", "mounts[\"a\"]: command: it is empty"),
            (
                "(mounts: {\"a\": Command(command: \"a 'b\")})",
                "mounts[\"a\"]: command: a quote is not closed",
            ),
            ("(mounts: {\"a\": Command(command: \"a\", linger: 0)})", "mounts[\"a\"]: linger: 0"),
            ("(mounts: {\"a\": Rpicam(rotation: 90)})", "mounts[\"a\"]: rotation: 90"),
            ("(mounts: {\"a\": Camera(device: \"x\", width: 640)})", "mounts[\"a\"]: width, height: "),
            ("(mounts: {\"a\": Camera(device: \"x\", height: 480)})", "width is missing"),
            ("(listen: [])", "listen: "),
            ("(aliases: {\"/x\": \"test\",\n \"/x\": \"test\"})", "2:"),
            ("(aliases: {\"/x\": \"nowhere\"})", "aliases[\"/x\"]: there is no mount \"nowhere\""),
            ("(aliases: {\"/x\": \"test\", \"/y\": \"x\"})", "aliases[\"/y\"]: there is no mount \"x\""),
            ("(aliases: {\"/test?a=1\": \"test\"})", "aliases[\"/test?a=1\"]: there is a mount \"test\""),
            ("(aliases: {\"/camera0\": \"test\"})", "aliases[\"/camera0\"]: there is a mount \"camera0\""),
            ("(mounts: {}, aliases: {\"/x\": \"camera0\"})", "there is no mount \"camera0\""),
            (
                "(aliases: {\"/x?a=1&b=2\": \"test\", \"x/?b=2&a=1\": \"test\"})",
                "aliases[\"x/?b=2&a=1\"]: it is the same",
            ),
            ("(aliases: {\"rtsp://h/x\": \"test\"})", "aliases[\"rtsp://h/x\"]"),
            ("(advertise: \"rtsp://h\")", "advertise: \"rtsp://h\""),
            ("(advertise: \"h:0\")", "advertise: \"h:0\": a port"),
        ] {
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(error.contains(place), "{text}: {error}");
        }
    }
}

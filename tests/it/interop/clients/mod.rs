//! The clients: a small function each, that plays a mount and tells what it saw.

mod ffmpeg;
mod gstreamer;
mod live555;
mod own;
mod packets;
mod python;
mod retina;

use std::fmt;
use std::path::{Path, PathBuf};

use super::has;
use super::judge::Evidence;
use super::source::{Coding, Source};

/// What a client is to play.
pub(super) struct Visit<'a> {
    pub(super) url: &'a str,
    /// `udp` or `tcp`.
    pub(super) transport: &'a str,
    pub(super) source: &'a Source,
    /// For what it writes.
    pub(super) folder: &'a Path,
}

impl Visit<'_> {
    /// A file of the mount's JPEGs, one behind the other, for what decodes them; `None` if it has others.
    fn jpegs(&self) -> Result<Option<PathBuf>, String> {
        let Some(jpegs) = self.source.content.stream().filter(|_| self.source.coding == Coding::Jpeg) else {
            return Ok(None);
        };
        let path = self.folder.join("all.mjpeg");
        std::fs::write(&path, jpegs).map_err(|error| error.to_string())?;
        Ok(Some(path))
    }
}

/// What a client saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) pictures: usize,
    /// When each picture is to be shown, if it can tell.
    pub(super) times: Option<Times>,
    /// What it received as an Annex B stream, or as JPEGs one behind the other, if it can tell.
    pub(super) stream: Option<Vec<u8>>,
    /// What it decoded, if it tells no more.
    pub(super) looks: Option<Looks>,
    /// Of the mount's second track.
    pub(super) sound: Option<Heard>,
    /// What it or its decoder complained of.
    pub(super) complaints: Vec<String>,
}

/// Presentation times in seconds from any start, in one order or the other.
#[derive(Debug)]
pub(super) enum Times {
    Decoding(Vec<f64>),
    Shown(Vec<f64>),
}

impl Times {
    pub(super) fn seconds(&self) -> &[f64] {
        let (Self::Decoding(seconds) | Self::Shown(seconds)) = self;
        seconds
    }
}

/// Checksums of decoded pictures, by a client's own decoder.
#[derive(Debug)]
pub(super) struct Looks {
    pub(super) shown: Vec<String>,
    /// Of each of the file's pictures, once.
    pub(super) of_the_file: Vec<String>,
}

/// What a client heard.
#[derive(Debug)]
pub(super) struct Heard {
    /// Coded frames, or packets where a client knows no more.
    pub(super) count: usize,
    pub(super) times: Option<Vec<f64>>,
    pub(super) frames: Option<Vec<Vec<u8>>>,
}

impl Seen {
    /// Pictures that each have a time.
    fn timed(times: Times, stream: Option<Vec<u8>>) -> Self {
        let pictures = times.seconds().len();
        Self { pictures, times: Some(times), stream, looks: None, sound: None, complaints: Vec::new() }
    }
}

/// What was compared, in a word.
impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} pictures", self.pictures)?;
        for (there, what) in [
            (self.times.is_some(), "times"),
            (self.stream.is_some(), "coded pictures"),
            (self.looks.is_some(), "looks"),
        ] {
            write!(formatter, "{}", if there { format!(" +{what}") } else { String::new() })?;
        }
        let Some(sound) = &self.sound else { return Ok(()) };
        write!(formatter, ", {} of sound", sound.count)?;
        for (there, what) in [(sound.times.is_some(), "times"), (sound.frames.is_some(), "frames")] {
            write!(formatter, "{}", if there { format!(" +{what}") } else { String::new() })?;
        }
        Ok(())
    }
}

/// A column of the table.
pub(super) struct Client {
    pub(super) name: &'static str,
    /// What has to run for it to be there.
    tool: Option<(&'static str, &'static [&'static str])>,
    pub(super) play: fn(&Visit<'_>) -> Result<Seen, String>,
}

impl Client {
    pub(super) fn is_there(&self) -> bool {
        self.tool.is_none_or(|(tool, arguments)| has(tool, arguments))
    }
}

/// The table's columns.
pub(super) const CLIENTS: [Client; 10] = [
    Client { name: "ffmpeg", tool: Some(("ffmpeg", &["-version"])), play: ffmpeg::ffmpeg },
    Client {
        name: "gstreamer",
        tool: Some(("gst-inspect-1.0", &["avdec_h264"])),
        play: gstreamer::gstreamer,
    },
    Client { name: "mpv", tool: Some(("mpv", &["--version"])), play: ffmpeg::mpv },
    Client { name: "pyav", tool: Some(("python3", &["-c", "import av"])), play: python::pyav },
    Client { name: "opencv", tool: Some(("python3", &["-c", "import cv2"])), play: python::opencv },
    Client { name: "aiortsp", tool: Some(("python3", &["-c", "import aiortsp"])), play: python::aiortsp },
    Client {
        name: "curl",
        tool: Some(("python3", &["-c", "import ctypes; ctypes.CDLL('libcurl.so.4')"])),
        play: python::curl,
    },
    Client { name: "live555", tool: Some((live555::CLIENT, &["--version"])), play: live555::live555 },
    Client { name: "retina", tool: None, play: retina::retina },
    Client { name: "lenslet", tool: None, play: own::lenslet },
];

/// What a client cannot tell, of one mount or of any, and why.
struct Untold {
    client: &'static str,
    mount: Option<&'static str>,
    evidence: Evidence,
    why: &'static str,
}

const fn untold(
    client: &'static str,
    mount: Option<&'static str>,
    evidence: Evidence,
    why: &'static str,
) -> Untold {
    Untold { client, mount, evidence, why }
}

/// Everything that the table does not hold.
const UNTOLD: [Untold; 7] = [
    untold("mpv", None, Evidence::Pictures, "it writes no coded pictures of a live stream"),
    untold("mpv", Some("sound"), Evidence::SoundFrames, "nor coded sound"),
    untold("opencv", None, Evidence::Pictures, "it gives decoded pictures"),
    untold("opencv", Some("sound"), Evidence::Sound, "its FFmpeg backend plays pictures alone"),
    untold(
        "aiortsp",
        Some("h265"),
        Evidence::Pictures,
        "it gives packets; their numbers and times are compared",
    ),
    untold(
        "curl",
        Some("h265"),
        Evidence::Pictures,
        "it gives packets; their numbers and times are compared",
    ),
    untold("lenslet", Some("sound"), Evidence::SoundFrames, "it saves the pictures alone"),
];

/// Why a client does not tell something of a mount, if that is known.
pub(super) fn why_untold(client: &str, mount: &str, evidence: Evidence) -> Option<&'static str> {
    let about = |untold: &&Untold| {
        untold.client == client
            && untold.mount.is_none_or(|name| mount.starts_with(name))
            && untold.evidence == evidence
    };
    UNTOLD.iter().find(about).map(|untold| untold.why)
}

/// `0:00:01.033333333` as seconds.
fn clock(text: &str) -> Option<f64> {
    text.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
}

/// The text behind a mark, up to the next space or comma.
fn behind<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.split_once(mark)?.1.split([' ', ',']).next()
}

/// Lines of a player that tells other things as well which speak of loss or damage.
fn complains(line: &str) -> bool {
    let words =
        ["error", "missed", "conceal", "corrupt", "non-existing", "no frame", "warning", "invalid data"];
    let line = line.to_ascii_lowercase();
    words.iter().any(|word| line.contains(word))
}

/// FFmpeg's library, in any player, tries ports of its own until a pair is free, and says so of each that is not.
fn tries_another_port(line: &str) -> bool {
    line.ends_with("bind failed: Address already in use")
}

fn lines(output: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    String::from_utf8_lossy(output).lines().filter(|line| wanted(line)).map(str::to_owned).collect()
}

/// Every one of them, or what is said of one that is missing.
fn all<T>(values: impl Iterator<Item = Option<T>>, what: &str) -> Result<Vec<T>, String> {
    values.collect::<Option<Vec<T>>>().ok_or_else(|| format!("{what} without a time"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_text(path: &Path) -> Result<String, String> {
    read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

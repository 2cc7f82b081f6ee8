//! What a mount has to show: read from its file by ffmpeg, not by us.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use super::run;
use crate::formats::checksums;

/// How far a time may be from the source's, in seconds.
pub(super) const OFF: f64 = 0.001;

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    H264,
    H265,
    Jpeg,
}

impl Coding {
    /// What is compared of a coded stream: its NAL units; of JPEGs, whose headers receivers make anew, what
    /// ffmpeg decodes.
    pub(super) fn pieces(self, stream: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        match self {
            Self::H264 | Self::H265 => Ok(self.nal_units(stream).into_iter().map(<[u8]>::to_vec).collect()),
            Self::Jpeg => Ok(decoded(stream)?.into_iter().map(String::into_bytes).collect()),
        }
    }

    /// What [`Self::pieces`] are.
    pub(super) fn compared(self) -> &'static str {
        match self {
            Self::H264 | Self::H265 => "NAL units",
            Self::Jpeg => "looks",
        }
    }

    /// NAL units but for what a receiver may add, drop or repeat: delimiters, filler, parameter sets.
    pub(super) fn nal_units(self, annex_b: &[u8]) -> Vec<&[u8]> {
        let kept = |nal: &&[u8]| match self {
            Self::H264 => !matches!(nal[0] & 0x1f, 7..=9 | 12),
            Self::H265 => !matches!(nal[0] >> 1 & 0x3f, 32..=38),
            Self::Jpeg => false,
        };
        lenslet::media::h264::nal_units(annex_b).filter(kept).collect()
    }

    /// The format's name in FFmpeg.
    fn format(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "hevc",
            Self::Jpeg => "mjpeg",
        }
    }
}

/// A row of the table: a mount and what is in it.
pub(super) struct Source {
    pub(super) mount: &'static str,
    pub(super) coding: Coding,
    /// It has AAC as a second track.
    pub(super) sound: bool,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// Pictures at this many a second, of which a busy machine may leave some out.
    Grid(f64),
    File(Expected),
    /// The same pictures round after round, each of another look, at so many a second, of which a busy machine
    /// may leave places out.
    Loop {
        stream: Vec<u8>,
        rate: f64,
    },
}

impl Content {
    /// The coded pictures, if they are known.
    pub(super) fn stream(&self) -> Option<&[u8]> {
        match self {
            Self::Grid(_) => None,
            Self::File(file) => Some(&file.stream),
            Self::Loop { stream, .. } => Some(stream),
        }
    }
}

/// What a file has, round after round. Times are in seconds from any start.
pub(super) struct Expected {
    /// Annex B.
    pub(super) stream: Vec<u8>,
    /// When each picture is shown, in the order of decoding.
    pub(super) times: Vec<f64>,
    pub(super) sound: Option<ExpectedSound>,
    /// From one round to the next.
    pub(super) period: f64,
}

pub(super) struct ExpectedSound {
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) times: Vec<f64>,
}

impl Expected {
    /// A raw stream without B-pictures, at a rate of its mount's.
    pub(super) fn of_raw(path: &str, fps: f64) -> Self {
        let stream = std::fs::read(path).unwrap();
        let count = packets(path, "v", "packet=size").len();
        let times = (0..count).map(|number| number as f64 / fps).collect();
        Self { stream, times, sound: None, period: count as f64 / fps }
    }

    /// An MP4 or MKV file, whose longest track follows itself without a gap.
    pub(super) fn of_mp4(path: &str, coding: Coding, sound: bool) -> Self {
        let copied = |map: &str, format: &str| {
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-v", "error", "-i", path, "-map", map, "-c", "copy", "-f", format, "-"]);
            run(&mut ffmpeg).unwrap().stdout
        };
        let (times, mut period) = timed(path, "v");
        let sound = sound.then(|| {
            let (times, length) = timed(path, "a");
            period = period.max(length);
            let mut frames = adts_frames(&copied("0:a", "adts"));
            // What the edit list leaves out stands before the rest.
            frames.drain(..frames.len() - times.len());
            ExpectedSound { frames, times }
        });
        Self { stream: copied("0:v", coding.format()), times, sound, period }
    }
}

/// JPEGs of a file, or of the files of a folder, one behind the other.
pub(super) fn jpegs(path: &str) -> Vec<u8> {
    if Path::new(path).is_file() {
        return std::fs::read(path).unwrap();
    }
    let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| std::fs::read(file).unwrap()).collect()
}

/// The checksums of what ffmpeg decodes of JPEGs one behind the other, of which it may say nothing.
fn decoded(jpegs: &[u8]) -> Result<Vec<String>, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(jpegs).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "mjpeg", "-i"]).arg(file.path());
    let output = run(ffmpeg.args(["-fps_mode", "passthrough", "-f", "framemd5", "-"]))?;
    match output.stderr.as_slice() {
        [] => Ok(checksums(&output.stdout)),
        said => Err(String::from_utf8_lossy(said).into_owned()),
    }
}

/// A line a packet of a file's first track of a kind.
fn packets(path: &str, kind: &str, entries: &str) -> Vec<String> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-select_streams", kind, "-show_entries", entries]);
    let output = run(ffprobe.args(["-of", "csv=p=0", path])).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.split_whitespace().map(|line| line.trim_end_matches(',').to_owned()).collect()
}

/// When a track's packets are shown, and how long all of them last.
fn timed(path: &str, kind: &str) -> (Vec<f64>, f64) {
    let lines = packets(path, kind, "packet=pts_time,duration_time");
    let pairs = lines.iter().map(|line| line.split_once(',').unwrap());
    let pairs = pairs.map(|(time, duration)| -> (f64, f64) {
        // Matroska says no duration of the first packet.
        (time.parse().unwrap(), duration.trim_end_matches(',').parse().unwrap_or_default())
    });
    // What the edit list leaves out has times before it.
    let pairs: Vec<(f64, f64)> = pairs.filter(|(time, _)| *time > -OFF).collect();
    let end = pairs.iter().map(|(time, duration)| time + duration).fold(0.0, f64::max);
    let begin = pairs.iter().map(|(time, _)| *time).fold(f64::MAX, f64::min);
    (pairs.iter().map(|(time, _)| *time).collect(), end - begin)
}

/// The frames of an ADTS stream without their headers, which have no checksum.
pub(super) fn adts_frames(mut stream: &[u8]) -> Vec<Vec<u8>> {
    const HEADER: usize = 7;
    let mut frames = Vec::new();
    while let Some(head) = stream.get(..HEADER) {
        let length = usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5] >> 5);
        let Some(frame) = stream.get(HEADER..length) else { break };
        frames.push(frame.to_vec());
        stream = &stream[length..];
    }
    frames
}

/// Every mount of the table; a new format is one more row.
pub(crate) fn mounts() -> String {
    let fixture = |name: &str| Path::new("tests/fixtures/bitstreams").join(name).display().to_string();
    format!(
        "mounts: {{
            \"test\": Pattern(width: 320, height: 240, fps: 30, bitrate: 500000, gop: 30),
            \"clip\": File(path: {:?}, fps: 30),
            \"sound\": File(path: {:?}),
            \"h265\": File(path: {:?}),
            \"sound-mkv\": File(path: {:?}),
            \"mjpeg\": Jpegs(path: {:?}, fps: 25),
            \"pictures\": Jpegs(path: {:?}, fps: 25),
        }}",
        fixture("clip.h264"),
        fixture("seamless.mp4"),
        fixture("h265.mp4"),
        fixture("seamless.mkv"),
        fixture("loop.mjpeg"),
        fixture("pictures")
    )
}

//! The clients: a small function each, that plays a mount and tells what it saw.

use std::path::Path;
use std::process::Command;

use super::{PICTURES, has, run};
use crate::support::PATIENCE;

/// What a client is to play.
pub(super) struct Visit<'a> {
    pub(super) url: &'a str,
    /// `udp` or `tcp`.
    pub(super) transport: &'a str,
    /// For what it writes.
    pub(super) folder: &'a Path,
}

/// What a client saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) pictures: usize,
    /// When each picture is to be shown, in seconds from any start, if it can tell.
    pub(super) times: Option<Vec<f64>>,
    /// What it received as an H.264 byte stream, if it can tell.
    pub(super) stream: Option<Vec<u8>>,
    /// What it or its decoder complained of.
    pub(super) complaints: Vec<String>,
}

impl Seen {
    /// Pictures that each have a time.
    fn timed(times: Option<Vec<f64>>, stream: Option<Vec<u8>>) -> Result<Self, String> {
        let times = times.ok_or("a picture without a time")?;
        Ok(Self { pictures: times.len(), times: Some(times), stream, complaints: Vec::new() })
    }
}

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
pub(super) const CLIENTS: [Client; 6] = [
    Client { name: "ffmpeg", tool: Some(("ffmpeg", &["-version"])), play: ffmpeg },
    Client { name: "gstreamer", tool: Some(("gst-inspect-1.0", &["avdec_h264"])), play: gstreamer },
    Client { name: "mpv", tool: Some(("mpv", &["--version"])), play: mpv },
    Client { name: "pyav", tool: Some(("python3", &["-c", "import av"])), play: pyav },
    Client { name: "retina", tool: None, play: retina },
    Client { name: "lenslet", tool: None, play: lenslet },
];

/// FFmpeg's parser gives the first picture of a stream without byte positions, which RTP is, no time,
/// whoever sends it: FFmpeg's own RTP muxer as well. ffmpeg writes a zero then, mpv makes something up.
const UNTIMED: usize = 1;

fn ffmpeg(visit: &Visit<'_>) -> Result<Seen, String> {
    let (stream, times) = (visit.folder.join("stream.h264"), visit.folder.join("times"));
    let count = (PICTURES + UNTIMED).to_string();
    let copy = ["-c", "copy", "-frames:v", &count];
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "warning", "-rtsp_transport", visit.transport, "-i", visit.url]);
    ffmpeg.args(copy).args(["-f", "h264"]).arg(&stream);
    ffmpeg.args(copy).args(["-f", "framecrc"]).arg(&times);
    ffmpeg.args(["-frames:v", &count, "-f", "null", "-"]);
    let output = run(&mut ffmpeg)?;
    // A line a picture: stream, dts, pts, ...
    let times = read_text(&times)?;
    let pictures = times.lines().filter(|line| !line.starts_with('#'));
    let times = pictures.skip(UNTIMED).map(|line| ticks(line.split(',').nth(2)?.trim()));
    Ok(Seen {
        // This is about the first picture.
        complaints: lines(&output.stderr, |line| !line.contains("Timestamps are unset")),
        ..Seen::timed(times.collect(), Some(read(&stream)?))?
    })
}

fn gstreamer(visit: &Visit<'_>) -> Result<Seen, String> {
    let stream = visit.folder.join("stream.h264");
    // Its other modes estimate the sender's clock from arrival times; this one takes the sender's.
    let source = format!("rtspsrc location={} protocols={} buffer-mode=none", visit.url, visit.transport);
    let pipeline = format!(
        "{source} ! rtph264depay ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au ! \
         identity name=each silent=false eos-after={} ! tee name=both both. ! queue ! filesink location={} \
         both. ! queue ! avdec_h264 ! fakesink sync=false",
        PICTURES + 1,
        stream.display()
    );
    let mut gst = Command::new("gst-launch-1.0");
    gst.arg("-v").args(pipeline.split_whitespace());
    let output = run(&mut gst)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let pictures = said.lines().filter(|line| line.contains("each: last-message = chain"));
    let times = pictures.map(|line| clock(line.split_once(", pts: ")?.1.split(',').next()?));
    let mut complaints = lines(&output.stderr, complains);
    // What the RTP session counted: `packets-lost=(int)0`.
    let lost = said.split("packets-lost=(int)").skip(1).filter(|rest| !rest.starts_with(['0', '-']));
    complaints.extend(lost.map(|rest| format!("packets-lost={}", &rest[..rest.len().min(8)])));
    Ok(Seen { complaints, ..Seen::timed(times.collect(), Some(read(&stream)?))? })
}

fn mpv(visit: &Visit<'_>) -> Result<Seen, String> {
    let mut mpv = Command::new("mpv");
    mpv.args(["--no-config", "--vo=null", "--ao=null", "--msg-level=all=error,ffmpeg=v"]);
    mpv.arg(format!("--rtsp-transport={}", visit.transport));
    mpv.args([&format!("--frames={}", PICTURES + UNTIMED), "--vf=lavfi=[showinfo]", visit.url]);
    let output = run(&mut mpv)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let pictures = said.lines().filter(|line| line.contains("showinfo") && line.contains(" pts_time:"));
    let times = pictures.skip(UNTIMED);
    let times = times.map(|line| line.split_once(" pts_time:")?.1.split(' ').next()?.parse().ok());
    let complaints = [lines(&output.stdout, complains), lines(&output.stderr, complains)].concat();
    Ok(Seen { complaints, ..Seen::timed(times.collect(), None)? })
}

const PYAV: &str = "
import av, sys
url, transport, stream, count = sys.argv[1:]
av.logging.set_level(av.logging.WARNING)
av.logging.restore_default_callback()
container = av.open(url, options={'rtsp_transport': transport})
left = int(count)
with open(stream, 'wb') as file:
    for packet in container.demux(video=0):
        file.write(bytes(packet))
        for frame in packet.decode():
            print(frame.pts)
            left -= 1
        if left <= 0: break
";

fn pyav(visit: &Visit<'_>) -> Result<Seen, String> {
    let stream = visit.folder.join("stream.h264");
    let mut python = Command::new("python3");
    python.args(["-c", PYAV, visit.url, visit.transport]).arg(&stream);
    let output = run(python.arg((PICTURES + UNTIMED).to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let times = said.lines().skip(UNTIMED).map(ticks);
    let seen = Seen::timed(times.collect(), Some(read(&stream)?))?;
    Ok(Seen { complaints: lines(&output.stderr, |_| true), ..seen })
}

fn retina(visit: &Visit<'_>) -> Result<Seen, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(retina_plays(visit))
}

async fn retina_plays(visit: &Visit<'_>) -> Result<Seen, String> {
    use futures::StreamExt;
    use retina::client::{PlayOptions, Session, SessionOptions, SetupOptions, Transport};
    use retina::codec::CodecItem;

    let said = |error: retina::Error| error.to_string();
    let url = url::Url::parse(visit.url).map_err(|error| error.to_string())?;
    let mut session = Session::describe(url, SessionOptions::default()).await.map_err(said)?;
    let transport = match visit.transport {
        "udp" => Transport::Udp(Default::default()),
        _ => Transport::Tcp(Default::default()),
    };
    let options = SetupOptions::default().transport(transport);
    session.setup(0, options).await.map_err(said)?;
    let session = session.play(PlayOptions::default()).await.map_err(said)?;
    let mut demuxed = session.demuxed().map_err(said)?;
    let (mut times, mut stream, mut complaints) = (Vec::new(), Vec::new(), Vec::new());
    while times.len() < PICTURES {
        let item = tokio::time::timeout(PATIENCE, demuxed.next()).await.map_err(|_| "nothing comes")?;
        let Some(item) = item else { return Err("it ended".into()) };
        let CodecItem::VideoFrame(frame) = item.map_err(said)? else { continue };
        if frame.loss() > 0 {
            complaints.push(format!("lost {} before picture {}", frame.loss(), times.len()));
        }
        times.push(frame.timestamp().elapsed() as f64 / 90_000.0);
        annex_b(frame.data(), &mut stream);
    }
    Ok(Seen { complaints, ..Seen::timed(Some(times), Some(stream))? })
}

fn lenslet(visit: &Visit<'_>) -> Result<Seen, String> {
    let stream = visit.folder.join("stream.h264");
    let mut lenslet = crate::support::lenslet();
    lenslet.args(["receive", visit.url, "--transport", visit.transport, "--seconds", "4", "--json"]);
    let list = visit.folder.join("pictures.csv");
    let output = run(lenslet.arg("--save").arg(&stream).arg("--pictures").arg(&list))?;
    let list = String::from_utf8(read(&list)?).map_err(|error| error.to_string())?;
    let seconds = |line: &str| line.split(',').nth(1)?.parse().ok();
    let times = list.lines().skip(1).map(seconds).collect::<Option<Vec<f64>>>();
    let told: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let track = &told["tracks"][0];
    let mut complaints = lines(&output.stderr, complains);
    let wrong = ["lost", "damaged"].into_iter().filter(|what| track[what] != 0);
    complaints.extend(wrong.map(|what| format!("{what}: {told}")));
    let pictures = track["pictures"].as_u64().unwrap_or_default() as usize;
    Ok(Seen { pictures, times, stream: Some(read(&stream)?), complaints })
}

/// NAL units behind their lengths as a byte stream.
fn annex_b(mut sized: &[u8], stream: &mut Vec<u8>) {
    while let Some((length, rest)) = sized.split_first_chunk::<4>() {
        let (nal, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        stream.extend([0, 0, 0, 1]);
        stream.extend(nal);
        sized = rest;
    }
}

/// Ticks of 90 kHz as seconds.
fn ticks(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().map(|ticks| ticks / 90_000.0)
}

/// `0:00:01.033333333` as seconds.
fn clock(text: &str) -> Option<f64> {
    text.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
}

/// Lines of a player that tells other things as well which speak of loss or damage.
fn complains(line: &str) -> bool {
    let words =
        ["error", "missed", "conceal", "corrupt", "non-existing", "no frame", "warning", "invalid data"];
    let line = line.to_ascii_lowercase();
    words.iter().any(|word| line.contains(word))
}

fn lines(output: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    String::from_utf8_lossy(output).lines().filter(|line| wanted(line)).map(str::to_owned).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_text(path: &Path) -> Result<String, String> {
    read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

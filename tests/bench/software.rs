//! By hand: what decoding, converting and coding cost beside an ffmpeg that does the same. See README.md.
//!
//!     cargo bench --bench software -- WIDTHxHEIGHT PICTURES.mjpeg|PICTURES.yuyv FFMPEG [ENCODER]
//!
//! `ENCODER` is what FFMPEG codes with, `libopenh264` if it is not said.

use std::error::Error;
use std::process::{Command, Stdio};

use lenslet::encode::{self, Jpegs, Layout, Samples};
use lenslet::media::Picture;

const ROUNDS: usize = 5;
/// As much as ours may take of theirs: with more this program ends with 1.
const MOST: f64 = 1.1;
/// Times over that the pictures are coded in a round.
const TIMES: usize = 4;
const BITRATE: u32 = 1_000_000;
const GOP: u32 = 60;

enum Reader {
    Jpegs(Jpegs),
    Raw(Layout),
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [size, file, ffmpeg, encoder @ ..] = &arguments[..] else {
        println!("by hand: -- 640x480 PICTURES.mjpeg|PICTURES.yuyv FFMPEG [ENCODER]");
        return Ok(());
    };
    let encoder = encoder.first().map_or("libopenh264", String::as_str);
    let (width, height) = size.split_once('x').ok_or("the size is like 640x480")?;
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let bytes = std::fs::read(file)?;
    let jpegs = file.ends_with(".mjpeg");
    let pictures: Vec<&[u8]> =
        if jpegs { split(&bytes) } else { bytes.chunks_exact((width * height * 2) as usize).collect() };
    println!("{} pictures of {size}, {} times, {BITRATE} bits a second", pictures.len(), TIMES);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(ours_once((width, height), jpegs, &pictures)?);
        theirs.push(theirs_once(ffmpeg, encoder, file, size, jpegs)?);
    }
    let count = (pictures.len() * TIMES) as f64;
    for (name, times) in [("lenslet", &mut ours), (encoder, &mut theirs)] {
        times.sort_by(f64::total_cmp);
        let each: Vec<String> = times.iter().map(|time| format!("{:.3}", time * 1e3 / count)).collect();
        let share = times[ROUNDS / 2] / count * 30.0 * 100.0;
        println!("{name}: ms a picture {}; of a core at 30 a second: {share:.1} %", each.join(" "));
    }
    let ratio = ours[ROUNDS / 2] / theirs[ROUNDS / 2];
    println!("ratio of the medians: {ratio:.3}");
    if ratio > MOST { Err(format!("it is more than {MOST}").into()) } else { Ok(()) }
}

/// Seconds of processor time.
fn ours_once(size: (u32, u32), jpegs: bool, pictures: &[&[u8]]) -> Result<f64, Box<dyn Error>> {
    let start = spent(Whose::Ours)?;
    let mut reader = if jpegs {
        Reader::Jpegs(Jpegs::new(size.0, size.1))
    } else {
        Reader::Raw(Layout::new(Samples::Yuyv, size, &[size.0 * 2])?)
    };
    let settings = encode::Settings { bitrate: BITRATE, gop: GOP, fps: 30.0, level: None, full_range: jpegs };
    let mut encoder = encode::h264(settings)?;
    let mut picture = Picture::black(size.0 as usize, size.1 as usize);
    let mut coded = 0;
    for bytes in (0..TIMES).flat_map(|_| pictures) {
        match &mut reader {
            Reader::Jpegs(jpegs) => jpegs.read(bytes, &mut picture)?,
            Reader::Raw(layout) => layout.read(&[bytes], &mut picture)?,
        }
        encoder.encode(&picture, false, &mut |pieces| {
            coded += pieces.iter().map(|piece| piece.len()).sum::<usize>();
        })?;
    }
    let seconds = (pictures.len() * TIMES) as f64 / 30.0;
    println!("  lenslet: {:.0} bits a second", coded as f64 * 8.0 / seconds);
    Ok(spent(Whose::Ours)? - start)
}

fn theirs_once(
    ffmpeg: &str,
    encoder: &str,
    file: &str,
    size: &str,
    jpegs: bool,
) -> Result<f64, Box<dyn Error>> {
    let start = spent(Whose::Childrens)?;
    let mut command = Command::new(ffmpeg);
    // One thread, as we have.
    command.args(["-v", "error", "-threads", "1", "-stream_loop", &(TIMES - 1).to_string()]);
    if jpegs {
        command.args(["-f", "mjpeg", "-framerate", "30"]);
    } else {
        command.args(["-f", "rawvideo", "-pixel_format", "yuyv422", "-video_size", size, "-framerate", "30"]);
    }
    command.args(["-i", file, "-pix_fmt", "yuv420p", "-c:v", encoder, "-threads", "1"]);
    command.args(["-b:v", &BITRATE.to_string(), "-g", &GOP.to_string()]);
    match encoder {
        "libopenh264" => command.args(["-rc_mode", "bitrate", "-allow_skip_frames", "0"]),
        "libx264" => command.args(["-preset", "ultrafast", "-tune", "zerolatency"]),
        _ => &mut command,
    };
    let output = command.args(["-f", "h264", "-"]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() || output.stdout.is_empty() {
        return Err(format!("{ffmpeg}: {}", output.status).into());
    }
    println!("  {encoder}: {} bytes", output.stdout.len());
    Ok(spent(Whose::Childrens)? - start)
}

#[derive(Clone, Copy)]
enum Whose {
    Ours,
    Childrens,
}

/// Processor time until now, in seconds: of proc(5)'s `stat`, in hundredths.
fn spent(whose: Whose) -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, behind) = stat.rsplit_once(')').ok_or("no stat")?;
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let first = match whose {
        Whose::Ours => 11,
        Whose::Childrens => 13,
    };
    let ticks = fields[first].parse::<f64>()? + fields[first + 1].parse::<f64>()?;
    Ok(ticks / 100.0)
}

/// JPEGs one behind the other, without a marker in them.
fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = memchr::memmem::find_iter(bytes, &[0xff, 0xd8, 0xff]).collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| &bytes[start..end]).collect()
}

//! ffmpeg and mpv, which plays through the same library.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::super::judge::{FRAMES, PICTURES};
use super::super::source::adts_frames;
use super::{
    Heard, Looks, Seen, Times, Visit, all, behind, complains, lines, read, read_text, tries_another_port,
};
use crate::interop::run;

/// FFmpeg's parser gives the first picture of a stream without byte positions, which RTP is, no time,
/// whoever sends it: FFmpeg's own RTP muxer as well. ffmpeg writes none then, mpv makes something up.
pub(super) const UNTIMED: usize = 1;

pub(super) fn ffmpeg(visit: &Visit<'_>) -> Result<Seen, String> {
    let file = |name: &str| visit.folder.join(name);
    let (stream, times) = (file("stream"), file("times"));
    let count = (PICTURES + UNTIMED).to_string();
    let copy = ["-map", "0:v", "-c", "copy", "-frames:v", &count];
    let mut ffmpeg = Command::new("ffmpeg");
    // Shifting times to begin at 0, it would take the first picture's unknown one for 0.
    ffmpeg.args(["-v", "warning", "-copyts", "-rtsp_transport", visit.transport, "-i", visit.url]);
    // The muxers of raw streams want every time; this one writes what it is given.
    ffmpeg.args(copy).args(["-f", "rawvideo"]).arg(&stream);
    ffmpeg.args(copy).args(["-f", "framemd5"]).arg(&times);
    let (sound, sound_times) = (file("sound"), file("sound-times"));
    if visit.source.sound {
        let count = FRAMES.to_string();
        let copy = ["-map", "0:a", "-c", "copy", "-frames:a", &count];
        ffmpeg.args(copy).args(["-f", "adts"]).arg(&sound);
        ffmpeg.args(copy).args(["-f", "framemd5"]).arg(&sound_times);
    }
    ffmpeg.args(["-map", "0:v", "-frames:v", &count, "-f", "null", "-"]);
    let output = run(&mut ffmpeg)?;
    let times = all(frame_times(&times)?.into_iter().skip(UNTIMED), "a picture")?;
    let seen = Seen::timed(Times::Decoding(times), Some(read(&stream)?));
    let heard = || -> Result<Heard, String> {
        let frames = adts_frames(&read(&sound)?);
        let times = all(frame_times(&sound_times)?.into_iter(), "a frame")?;
        Ok(Heard { count: frames.len(), times: Some(times), frames: Some(frames) })
    };
    Ok(Seen {
        // The first of them is about the first picture.
        complaints: lines(&output.stderr, |line| {
            !line.contains("Timestamps are unset") && !tries_another_port(line)
        }),
        sound: visit.source.sound.then(heard).transpose()?,
        ..seen
    })
}

/// Of a line a frame: stream, dts, pts, ...; the head names the length of a tick: `#tb 0: 1/90000`.
fn frame_times(file: &Path) -> Result<Vec<Option<f64>>, String> {
    let text = read_text(file)?;
    let scale = text.lines().find_map(|line| line.strip_prefix("#tb 0: 1/")?.parse::<f64>().ok());
    let scale = scale.ok_or("no time base")?;
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    let time = |line: &str| line.split(',').nth(2)?.trim().parse::<i64>().ok();
    let known = |ticks: &i64| *ticks != i64::MIN;
    Ok(frames.map(|line| Some(time(line).filter(known)? as f64 / scale)).collect())
}

/// mpv, which tells what it decoded of each picture and each frame of sound.
fn mpv_of(what: &str, more: &[&str]) -> Result<Output, String> {
    let mut mpv = Command::new("mpv");
    mpv.args(["--no-config", "--vo=null", "--ao=null", "--msg-level=all=error,ffmpeg=v"]);
    run(mpv.args(["--vf=lavfi=[showinfo]", "--af=lavfi=[ashowinfo]"]).args(more).arg(what))
}

pub(super) fn mpv(visit: &Visit<'_>) -> Result<Seen, String> {
    let transport = format!("--rtsp-transport={}", visit.transport);
    let output = mpv_of(visit.url, &[&transport, &format!("--frames={}", PICTURES + UNTIMED)])?;
    let looks = |file: PathBuf| -> Result<Looks, String> {
        let of_the_file = mpv_of(&file.to_string_lossy(), &["--demuxer-lavf-format=mjpeg", "--untimed"])?;
        Ok(Looks { shown: sums(&output), of_the_file: sums(&of_the_file) })
    };
    let looks = visit.jpegs()?.map(looks).transpose()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let times = |filter: &'static str| {
        let told = said.lines().filter(move |line| line.contains(filter) && line.contains(" pts_time:"));
        told.map(|line| behind(line, " pts_time:")?.parse().ok())
    };
    let pictures = all(times("_showinfo_").skip(UNTIMED), "a picture")?;
    let complaints = [lines(&output.stdout, complains), lines(&output.stderr, complains)].concat();
    let sound = all(times("_ashowinfo_"), "a frame")?;
    let sound = visit.source.sound.then_some(Heard { count: sound.len(), times: Some(sound), frames: None });
    Ok(Seen { complaints, sound, looks, ..Seen::timed(Times::Shown(pictures), None) })
}

/// The checksum of each picture.
fn sums(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stdout);
    let told = said.lines().filter(|line| line.contains("_showinfo_"));
    told.filter_map(|line| behind(line, " checksum:").map(str::to_owned)).collect()
}

//! Clients that are libraries of or for Python, each behind a script of its own.

use std::process::{Command, Output};

use super::super::judge::{FRAMES, PICTURES};
use super::ffmpeg::UNTIMED;
use super::{Heard, Looks, Seen, Times, Visit, all, lines, packets, read, tries_another_port};
use crate::interop::run;

/// The rate of the sound's RTP clock in the fixture.
const SOUND_RATE: f64 = 16_000.0;

/// Runs a script with the mount's URL, the transport, and more.
fn python(script: &str, visit: &Visit<'_>, more: &[&str]) -> Result<Output, String> {
    let mut python = Command::new("python3");
    run(python.args(["-c", script, visit.url, visit.transport]).args(more))
}

/// What is behind a word in each line that begins with it.
fn told<'a>(said: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    said.lines().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '))
}

pub(super) fn pyav(visit: &Visit<'_>) -> Result<Seen, String> {
    let stream = visit.folder.join("stream");
    let count = (PICTURES + UNTIMED).to_string();
    let output = python(include_str!("pyav.py"), visit, &[&stream.to_string_lossy(), &count])?;
    let said = String::from_utf8_lossy(&output.stdout);
    let times = all(told(&said, "picture").skip(UNTIMED).map(|time| time.parse().ok()), "a picture")?;
    // `1023/16000` and the frame.
    let sound = told(&said, "sound").map(|told| {
        let (time, digits) = told.split_once(' ')?;
        let (ticks, rate) = time.split_once('/').unwrap_or((time, "1"));
        let time = ticks.parse::<f64>().ok()? / rate.parse::<f64>().ok()?;
        let octets = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok());
        Some((time, octets.collect::<Option<Vec<u8>>>()?))
    });
    let (times_heard, frames): (Vec<f64>, Vec<Vec<u8>>) = all(sound, "a frame")?.into_iter().unzip();
    let heard = Heard { count: frames.len(), times: Some(times_heard), frames: Some(frames) };
    let seen = Seen::timed(Times::Shown(times), Some(read(&stream)?));
    let sound = visit.source.sound.then_some(heard);
    Ok(Seen { complaints: lines(&output.stderr, |line| !tries_another_port(line)), sound, ..seen })
}

/// It plays the pictures alone.
pub(super) fn opencv(visit: &Visit<'_>) -> Result<Seen, String> {
    let jpegs = visit.jpegs()?;
    let jpegs = jpegs.iter().map(|path| path.to_string_lossy().into_owned()).collect::<String>();
    let output = python(include_str!("opencv.py"), visit, &[&(PICTURES + UNTIMED).to_string(), &jpegs])?;
    let said = String::from_utf8_lossy(&output.stdout);
    let sums = |word: &'static str| told(&said, word).map(str::to_owned).collect();
    let looks = (!jpegs.is_empty()).then(|| Looks { shown: sums("look"), of_the_file: sums("file") });
    let times = all(told(&said, "picture").skip(UNTIMED).map(|time| time.parse().ok()), "a picture")?;
    let complaints = lines(&output.stderr, |line| !tries_another_port(line));
    Ok(Seen { complaints, looks, ..Seen::timed(Times::Shown(times), None) })
}

pub(super) fn aiortsp(visit: &Visit<'_>) -> Result<Seen, String> {
    packets_of(include_str!("aiortsp.py"), visit)
}

pub(super) fn curl(visit: &Visit<'_>) -> Result<Seen, String> {
    packets_of(include_str!("curl.py"), visit)
}

fn packets_of(script: &str, visit: &Visit<'_>) -> Result<Seen, String> {
    let counts = [PICTURES.to_string(), FRAMES.to_string()];
    let counts: Vec<&str> =
        counts[..1 + usize::from(visit.source.sound)].iter().map(String::as_str).collect();
    let output = python(script, visit, &counts)?;
    let mut seen = packets::seen(visit, &String::from_utf8_lossy(&output.stdout), SOUND_RATE)?;
    seen.complaints.extend(lines(&output.stderr, |_| true));
    Ok(seen)
}

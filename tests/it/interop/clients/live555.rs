//! live555, by whose library VLC plays RTSP: a client of our own on it, which `live555/build` builds.

use std::process::Command;

use super::super::judge::{FRAMES, PICTURES};
use super::super::source::{Coding, OFF};
use super::{Heard, Seen, Times, Visit, all, lines};
use crate::interop::run;

/// Where the tests run this is.
pub(super) const CLIENT: &str = "target/live555/client";

pub(super) fn live555(visit: &Visit<'_>) -> Result<Seen, String> {
    let mut client = Command::new(CLIENT);
    client.args([visit.url, visit.transport, &PICTURES.to_string()]);
    if visit.source.sound {
        client.arg(FRAMES.to_string());
    }
    let output = run(&mut client)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let pieces = all(told(&said, "video"), "a picture")?;
    let mut stream = Vec::new();
    for (_, piece) in &pieces {
        // NAL units come without what a byte stream has before each.
        if visit.source.coding != Coding::Jpeg {
            stream.extend([0, 0, 0, 1]);
        }
        stream.extend(piece);
    }
    let times = of_units(pieces.iter().map(|(time, _)| *time));
    let (heard, frames): (Vec<f64>, Vec<Vec<u8>>) = all(told(&said, "audio"), "a frame")?.into_iter().unzip();
    let sound = Heard { count: frames.len(), times: Some(heard), frames: Some(frames) };
    let sound = visit.source.sound.then_some(sound);
    let complaints = lines(&output.stderr, |_| true);
    Ok(Seen { complaints, sound, ..Seen::timed(Times::Decoding(times), Some(stream)) })
}

/// The times of the access units of which these are the NAL units': a sender report that comes in the middle of one
/// shifts what is left of it by a rounding.
fn of_units(times: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut times: Vec<f64> = times.collect();
    times.dedup_by(|one, before| (*one - *before).abs() < OFF);
    times
}

/// Seconds and octets of each line of a kind.
fn told(said: &str, kind: &str) -> impl Iterator<Item = Option<(f64, Vec<u8>)>> {
    let lines = said.lines().filter_map(move |line| line.strip_prefix(kind)?.strip_prefix(' '));
    lines.map(|line| {
        let (time, digits) = line.split_once(' ')?;
        let octets =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok());
        Some((time.parse().ok()?, octets.collect::<Option<_>>()?))
    })
}

#[test]
fn a_report_in_the_middle_of_an_access_unit_makes_it_no_two() {
    let times = of_units([7.4, 7.4, 7.399_999, 7.56, 7.48, 7.480_001].into_iter());
    assert_eq!(times, [7.4, 7.56, 7.48]);
}

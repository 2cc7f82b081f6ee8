//! `lenslet receive`.

use super::super::source::Coding;
use super::{Heard, Seen, Times, Visit, complains, lines, read, read_text};
use crate::interop::run;

pub(super) fn lenslet(visit: &Visit<'_>) -> Result<Seen, String> {
    let (stream, list) = (visit.folder.join("stream.h264"), visit.folder.join("pictures.csv"));
    let mut lenslet = crate::support::lenslet();
    lenslet.args(["receive", visit.url, "--transport", visit.transport, "--seconds", "5", "--json"]);
    // Of other tracks than H.264 it counts the packets.
    let saves = visit.source.coding == Coding::H264;
    if saves {
        lenslet.arg("--save").arg(&stream).arg("--pictures").arg(&list);
    }
    let output = run(&mut lenslet)?;
    let told: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let tracks = told["tracks"].as_array().ok_or("no tracks")?;
    let mut complaints = lines(&output.stderr, complains);
    let wrong = |track: &serde_json::Value| {
        ["lost", "damaged"].into_iter().any(|what| track[what].as_u64().is_some_and(|count| count > 0))
    };
    complaints.extend(tracks.iter().filter(|track| wrong(track)).map(ToString::to_string));
    let count = |track: &serde_json::Value, what: &str| track[what].as_u64().unwrap_or_default() as usize;
    let sound =
        tracks.get(1).map(|track| Heard { count: count(track, "packets"), times: None, frames: None });
    let pictures = count(&tracks[0], if saves { "pictures" } else { "packets" });
    if !saves {
        return Ok(Seen { pictures, times: None, stream: None, sound, complaints });
    }
    let seconds = |line: &str| line.split(',').nth(1)?.parse().ok();
    let times = super::all(read_text(&list)?.lines().skip(1).map(seconds), "a picture")?;
    let seen = Seen::timed(Times::Decoding(times), Some(read(&stream)?));
    Ok(Seen { pictures, sound, complaints, ..seen })
}

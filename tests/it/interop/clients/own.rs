//! `lenslet receive`.

use super::{Heard, Seen, Times, Visit, all, complains, lines, read, read_text};
use crate::interop::run;

pub(super) fn lenslet(visit: &Visit<'_>) -> Result<Seen, String> {
    let (stream, list) = (visit.folder.join("stream"), visit.folder.join("pictures.csv"));
    let mut lenslet = crate::support::lenslet();
    lenslet.args(["receive", visit.url, "--transport", visit.transport, "--seconds", "5", "--json"]);
    let output = run(lenslet.arg("--save").arg(&stream).arg("--pictures").arg(&list))?;
    let told: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let tracks = told["tracks"].as_array().ok_or("no tracks")?;
    let mut complaints = lines(&output.stderr, complains);
    let wrong = |track: &serde_json::Value| {
        ["lost", "damaged"].into_iter().any(|what| track[what].as_u64().is_some_and(|count| count > 0))
    };
    complaints.extend(tracks.iter().filter(|track| wrong(track)).map(ToString::to_string));
    let list = read_text(&list)?;
    // The track's number, then the seconds.
    let times = |track: &str| {
        let own = list.lines().filter_map(|line| line.strip_prefix(track)?.strip_prefix(','));
        all(own.map(|line| line.split(',').next()?.parse().ok()), "a picture")
    };
    let heard = || -> Result<Heard, String> {
        let times = times("1")?;
        Ok(Heard { count: times.len(), times: Some(times), frames: None })
    };
    let sound = tracks.get(1).map(|_| heard()).transpose()?;
    let seen = Seen::timed(Times::Decoding(times("0")?), Some(read(&stream)?));
    Ok(Seen { sound, complaints, ..seen })
}

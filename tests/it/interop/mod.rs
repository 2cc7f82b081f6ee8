//! Real clients, by UDP and TCP, from both kinds of mount, held against one list of what has to be true.
//!
//! Tools that are not installed are skipped with a word; `LENSLET_REQUIRE_TOOLS=1` makes that an error.

mod capture;
mod clients;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::support::Server;
use clients::{CLIENTS, Client, Seen, Visit};

/// Pictures that every client receives at least.
const PICTURES: usize = 100;

/// Pictures a second of both mounts.
const RATE: f64 = 30.0;

/// How far a picture may be from the source's grid, in pictures: 1 ms.
const OFF: f64 = 0.001 * RATE;

pub(crate) fn has(tool: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(tool);
    let there = command.args(arguments).output().is_ok_and(|output| output.status.success());
    if !there {
        skip(tool, "is not installed");
    }
    there
}

fn skip(tool: &str, why: &str) {
    assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "{tool} is required and {why}");
    // Not `println!`: what a test prints is shown only where it fails.
    let _unseen = std::io::stderr().write_all(format!("SKIPPED: {tool} {why}\n").as_bytes());
}

/// Runs a program for at most a minute.
pub(crate) fn run(command: &mut Command) -> Result<Output, String> {
    let output = Command::new("timeout")
        .arg("60")
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {}", output.status, stderr.trim_end()))
}

/// NAL units but for what a receiver may add, drop or repeat: delimiters, filler, parameter sets.
fn nal_units(annex_b: &[u8]) -> Vec<&[u8]> {
    lenslet::media::h264::nal_units(annex_b).filter(|nal| !matches!(nal[0] & 0x1f, 7..=9 | 12)).collect()
}

/// Each picture's place on the source's grid, counted from the first.
fn places(times: &[f64]) -> Result<Vec<i64>, String> {
    let place = |time: &f64| {
        let place = (time - times[0]) * RATE;
        let off = (place - place.round()).abs();
        if off <= OFF { Ok(place.round() as i64) } else { Err(format!("{time} s is off the source's grid")) }
    };
    times.iter().map(place).collect()
}

/// What has to be true of what a client saw.
fn judge(seen: &Seen, file: Option<&[u8]>) -> Result<(), String> {
    if !seen.complaints.is_empty() {
        return Err(format!("it said: {}", seen.complaints.join("\n")));
    }
    if seen.pictures < PICTURES {
        return Err(format!("{} pictures", seen.pictures));
    }
    let places = seen.times.as_deref().map_or(Ok(Vec::new()), places)?;
    for pair in places.windows(2) {
        // A busy machine is late with a test picture now and then, which is left out then.
        let follows = if file.is_some() { pair[1] == pair[0] + 1 } else { pair[1] > pair[0] };
        if !follows {
            return Err(format!("picture {} of the grid comes after {}", pair[1], pair[0]));
        }
    }
    let (Some(file), Some(got)) = (file, &seen.stream) else { return Ok(()) };
    let (sent, got) = (nal_units(file), nal_units(got));
    let start = got.first().and_then(|first| sent.iter().position(|nal| nal == first));
    let start = start.ok_or("its first NAL unit is none of the file's")?;
    let differs = got.iter().zip(sent.iter().cycle().skip(start)).position(|(got, sent)| got != sent);
    match differs {
        Some(index) => Err(format!("NAL unit {index} is not the file's")),
        None if got.len() < PICTURES => Err(format!("{} NAL units", got.len())),
        None => Ok(()),
    }
}

/// Runs every client by both transports, side by side.
fn every_client_plays(mount: &str, file: Option<&[u8]>) {
    let server = Server::start();
    let url = server.url(mount);
    let there: Vec<&Client> = CLIENTS.iter().filter(|client| client.is_there()).collect();
    let cells = std::thread::scope(|scope| {
        let runs: Vec<_> = there
            .iter()
            .flat_map(|client| ["udp", "tcp"].map(|transport| (client, transport)))
            .map(|(client, transport)| {
                let url = &url;
                let run = scope.spawn(move || {
                    let folder = tempfile::tempdir().unwrap();
                    let seen = (client.play)(&Visit { url, transport, folder: folder.path() })?;
                    judge(&seen, file).map(|()| seen.pictures)
                });
                (client.name, transport, run)
            })
            .collect();
        runs.into_iter()
            .map(|(name, transport, run)| (name, transport, run.join().unwrap()))
            .collect::<Vec<_>>()
    });
    for (name, transport, outcome) in &cells {
        println!("{name} {transport} {mount}: {outcome:?}");
    }
    assert!(cells.iter().all(|(_, _, outcome)| outcome.is_ok()), "{cells:#?}");
}

#[test]
fn every_client_plays_the_pattern() {
    every_client_plays("test", None);
}

#[test]
fn every_client_receives_the_file_nal_by_nal() {
    let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
    every_client_plays("clip", Some(&clip));
}

#[test]
fn the_judge_bites() {
    let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
    let seen = |times: Vec<f64>, stream: &[u8]| Seen {
        pictures: times.len(),
        times: Some(times),
        stream: Some(stream.to_vec()),
        complaints: Vec::new(),
    };
    let good: Vec<f64> = (0..120).map(|picture| 7.0 + f64::from(picture) / RATE).collect();
    let twice = clip.repeat(2);
    assert_eq!(judge(&seen(good.clone(), &twice), Some(&clip)), Ok(()));
    let mut late = good.clone();
    late[50] += 0.0015;
    assert!(judge(&seen(late, &twice), None).unwrap_err().contains("off the source's grid"));
    let mut missing = good.clone();
    missing.remove(50);
    assert!(judge(&seen(missing.clone(), &twice), Some(&clip)).unwrap_err().contains("comes after"));
    assert_eq!(judge(&seen(missing, &twice), None), Ok(()));
    let mut damaged = twice.clone();
    damaged[60_000] ^= 1;
    assert!(judge(&seen(good.clone(), &damaged), Some(&clip)).unwrap_err().contains("not the file's"));
    assert!(judge(&seen(good[..99].to_vec(), &twice), None).unwrap_err().contains("99 pictures"));
}

//! Real clients, by UDP and TCP, from every kind of mount, held against one list of what has to be true.
//!
//! Tools that are not installed are skipped with a word; `LENSLET_REQUIRE_TOOLS=1` makes that an error.

mod access;
mod capture;
mod clients;
mod judge;
mod skew;
mod source;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::support::Server;
use clients::{CLIENTS, Client, Visit, why_untold};
use judge::{judge, missing};
pub(crate) use source::mounts;
use source::{Coding, Content, Expected, Source};

pub(crate) fn has(tool: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(tool);
    let there = command.args(arguments).output().is_ok_and(|output| output.status.success());
    if !there {
        skip(tool, "is not installed");
    }
    there
}

pub(crate) fn skip(tool: &str, why: &str) {
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

/// One client's visit by one transport; what it saw, in a word.
fn cell(client: &Client, transport: &str, source: &Source, url: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let seen = (client.play)(&Visit { url, transport, source, folder: folder.path() })?;
    judge(&seen, source)?;
    let mut told = seen.to_string();
    for evidence in missing(&seen, source) {
        let why = why_untold(client.name, source.mount, evidence);
        let why = why.ok_or_else(|| format!("it tells no {evidence:?}, and nothing says why"))?;
        told += &format!("; no {evidence:?}: {why}");
    }
    Ok(told)
}

/// Runs every client by both transports, side by side.
fn every_client_plays(source: &Source) {
    let server = Server::with(&source::mounts());
    let url = server.url(source.mount);
    let there: Vec<&Client> = CLIENTS.iter().filter(|client| client.is_there()).collect();
    let cells = std::thread::scope(|scope| {
        let runs: Vec<_> = there
            .iter()
            .flat_map(|client| ["udp", "tcp"].map(|transport| (client, transport)))
            .map(|(client, transport)| {
                let url = &url;
                (client.name, transport, scope.spawn(move || cell(client, transport, source, url)))
            })
            .collect();
        runs.into_iter()
            .map(|(name, transport, run)| (name, transport, run.join().unwrap()))
            .collect::<Vec<_>>()
    });
    for (name, transport, outcome) in &cells {
        println!("{name} {transport} {}: {outcome:?}", source.mount);
    }
    let failed: Vec<_> = cells.iter().filter(|(_, _, outcome)| outcome.is_err()).collect();
    assert!(failed.is_empty(), "{}: {failed:#?}", source.mount);
}

/// What a file has is asked of ffmpeg and ffprobe.
fn every_client_plays_the_file(
    mount: &'static str,
    coding: Coding,
    sound: bool,
    content: impl FnOnce() -> Expected,
) {
    if has("ffmpeg", &["-version"]) && has("ffprobe", &["-version"]) {
        every_client_plays(&Source { mount, coding, sound, content: Content::File(content()) });
    }
}

fn every_client_shows_the_jpegs(mount: &'static str, file: &str) {
    if has("ffmpeg", &["-version"]) {
        let stream = source::jpegs(&format!("tests/fixtures/bitstreams/{file}"));
        let content = Content::Loop { stream, rate: 25.0 };
        every_client_plays(&Source { mount, coding: Coding::Jpeg, sound: false, content });
    }
}

#[test]
fn every_client_plays_the_pattern() {
    let content = Content::Grid(30.0);
    every_client_plays(&Source { mount: "test", coding: Coding::H264, sound: false, content });
}

#[test]
fn every_client_receives_the_file_nal_by_nal() {
    let clip = || Expected::of_raw("tests/fixtures/bitstreams/clip.h264", 30.0);
    every_client_plays_the_file("clip", Coding::H264, false, clip);
}

#[test]
fn every_client_plays_pictures_out_of_order_and_sound() {
    let file = || Expected::of_mp4("tests/fixtures/bitstreams/seamless.mp4", Coding::H264, true);
    every_client_plays_the_file("sound", Coding::H264, true, file);
}

#[test]
fn every_client_shows_jpegs_of_a_file() {
    every_client_shows_the_jpegs("mjpeg", "loop.mjpeg");
}

/// Of 4:2:2 and with restart markers.
#[test]
fn every_client_shows_jpegs_of_a_folder() {
    every_client_shows_the_jpegs("pictures", "pictures");
}

#[test]
fn every_client_plays_h265() {
    let file = || Expected::of_mp4("tests/fixtures/bitstreams/h265.mp4", Coding::H265, false);
    every_client_plays_the_file("h265", Coding::H265, false, file);
}

#[test]
fn every_client_plays_matroska() {
    let file = || Expected::of_mp4("tests/fixtures/bitstreams/seamless.mkv", Coding::H264, true);
    every_client_plays_the_file("sound-mkv", Coding::H264, true, file);
}

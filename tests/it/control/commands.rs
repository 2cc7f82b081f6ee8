//! The commands that talk to a daemon, as they are typed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use super::fake::Fake;
use super::sockets::At;

fn command(at: &At, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lenslet"));
    command.args(words).arg("--control").arg(at.path()).env_remove("XDG_RUNTIME_DIR").stdin(Stdio::null());
    command
}

fn run(at: &At, words: &[&str]) -> Output {
    command(at, words).output().unwrap()
}

/// What it prints; it has to succeed.
fn said(at: &At, words: &[&str]) -> String {
    let output = run(at, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What it complains of; it has to fail.
fn complaint(at: &At, words: &[&str]) -> String {
    let output = run(at, words);
    assert!(!output.status.success() && output.stdout.is_empty(), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn each_command_asks_what_it_says() {
    let at = At::new(Fake::new());
    for (words, expected) in [
        (&["kick", "5f2a"][..], "session 5f2a was ended\n"),
        (&["keyframe", "cam"], "cam makes a keyframe\n"),
        (&["mount", "enable", "cam"], "cam is served\n"),
        (&["mount", "disable", "cam"], "cam is served no longer; 1 session ended\n"),
        (&["set", "cam", "bitrate", "2.5M"], "cam aims at 2500000 bits a second\n"),
        (&["set", "cam", "pan_absolute", "-3"], "cam: pan_absolute is -3\n"),
        (&["set", "cam", "auto_exposure", "Manual Mode"], "cam: auto_exposure is \"Manual Mode\"\n"),
        (&["log", "--set", "info,server=debug"], "the log's levels are info,server=debug\n"),
        (&["shutdown"], "Lenslet ends\n"),
        (&["config", "get", "mounts[\"cam\"].fps"], "30\n"),
        (&["config", "check"], "The configuration is right.\n"),
    ] {
        assert_eq!(said(&at, words), expected, "{words:?}");
    }
    let plan = "@@ -1 +1 @@\n-fps: 30\n+fps: 25\ncam starts anew: fps: 30 -> 25 (interrupts 1 session)\n\
                max_sessions holds at once\nlisten holds when the daemon starts again\n";
    assert_eq!(said(&at, &["config", "preview"]), plan);
    assert_eq!(said(&at, &["reload"]), format!("{plan}This is version 4.\n"));
    assert_eq!(
        said(&at, &["config", "set", "mounts[\"cam\"].fps", "25"]),
        format!("{plan}This is version 5.\n")
    );
    assert!(said(&at, &["config", "schema"]).contains("\"workers\""));
}

#[test]
fn what_is_refused_is_said_with_what_to_do() {
    let at = At::new(Fake::new());
    assert_eq!(
        complaint(&at, &["kick", "nobody"]),
        "lenslet: there is no session nobody: `lenslet status` shows all\n"
    );
    let newer = complaint(&at, &["config", "set", "workers", "2", "--base", "3"]);
    assert!(newer.contains("the file was changed meanwhile: it is version 4 now"), "{newer}");
    assert!(complaint(&at, &["set", "cam", "bitrate", "fast"]).contains("\"fast\" is no bitrate"));
    assert!(complaint(&at, &["config", "apply", "/nowhere/file"]).contains("/nowhere/file cannot be read"));
}

#[test]
fn a_text_is_piped_in_to_be_checked() {
    let at = At::new(Fake::new());
    let mut check = command(&at, &["config", "check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(b"(wokers: 1)").unwrap();
    let output = check.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert_eq!(told, "lenslet: 1:2: there is no field `wokers`: `workers` is nearest\n");
}

#[test]
fn the_status_is_a_table_for_people_and_json_for_scripts() {
    let at = At::new(Fake::new());
    let table = said(&at, &["status"]);
    for part in [
        "Lenslet 0.1.0, up 24 h, on porch (Raspberry Pi 4 Model B Rev 1.4)",
        "Configuration /etc/lenslet/lenslet.ron, version 4\n\
         ! the last good version is served, not the file: 3:1: a bracket is not closed\n\
         \x20 it cannot be changed: /etc is mounted read-only\n",
        "cam               stand-in 1280x720   29.5   3.95M   0.8s     1/20     15   58ms",
        "  /dev/video0 was unplugged",
        "5f2a       cam           tcp playing   3.95M   0.5%   1.5ms   3.2ms   0.0s    12",
        "  12 min from 192.168.1.20:51234, anna, LibVLC/3.0.21",
    ] {
        assert!(table.contains(part), "{part}\n{table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let status: serde_json::Value = serde_json::from_str(&said(&at, &["status", "--json"])).unwrap();
    assert_eq!(status["sessions"][0]["client"], "LibVLC/3.0.21");
}

#[test]
fn a_watched_status_comes_again_and_again_until_nobody_reads() {
    let at = At::new(Fake::new());
    let mut watch = command(&at, &["status", "--watch", "--every", "100", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        let status: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(status["version"], "0.1.0");
    }
    drop(lines);
    let output = watch.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_log_is_shown_as_it_is_kept() {
    let at = At::new(Fake::new());
    assert_eq!(
        said(&at, &["log"]),
        "(12 lines are no longer kept)\n2026-11-25T21:04:05.123Z  INFO source: cam is live\n"
    );
    assert!(complaint(&at, &["log", "--room", "attic"]).contains("there is no room \"attic\""));
}

#[test]
fn without_a_daemon_it_is_said_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let output = Command::new(env!("CARGO_BIN_EXE_lenslet"))
        .args(["status", "--control"])
        .arg(&path)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert_eq!(
        told,
        format!("lenslet: no Lenslet answers at {}: start it with `lenslet serve`\n", path.display())
    );
}

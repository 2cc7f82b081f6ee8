//! The command line: clear answers, clear errors.

use std::net::TcpListener;
use std::process::{Output, Stdio};

use crate::command;
use crate::support::{Client, PATIENCE, Server, lenslet};

fn run(arguments: &[&str]) -> Output {
    lenslet().args(arguments).output().unwrap()
}

fn errors(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), format!("(listen: [\"{address}\"])")).unwrap();
    let said = errors(&run(&["serve", "--config", config.path().to_str().unwrap()]));
    assert!(said.contains(&address) && said.contains("another program"), "{said}");
}

#[test]
fn a_wrong_configuration_is_told_with_its_place() {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "(\n  lisen: [],\n)").unwrap();
    let path = config.path().to_str().unwrap();
    for command in ["check", "serve", "urls"] {
        let said = errors(&run(&[command, "--config", path]));
        assert!(said.contains(&format!("{path}:2:")) && said.contains("lisen"), "{said}");
    }
    assert!(errors(&run(&["check", "--config", "/nowhere.ron"])).contains("/nowhere.ron"));
}

#[test]
fn a_file_that_never_ends_is_no_configuration() {
    for words in [
        &["check", "--config", "/dev/zero"][..],
        &["serve", "--config", "/dev/zero"],
        &["config", "check", "/dev/zero"],
    ] {
        let said = errors(&run(words));
        assert!(said.contains("/dev/zero") && said.contains("larger than"), "{words:?}: {said}");
    }
}

#[test]
fn urls_and_check_say_what_serve_would_do() {
    assert!(String::from_utf8_lossy(&run(&["urls"]).stdout).contains("rtsp://localhost:8554/test"));
    let checked = run(&["check"]);
    assert!(checked.status.success());
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.starts_with("The configuration is right: 1 mount.\nThere are no users: "), "{said}");
    let probed = run(&["probe", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&probed.stdout).unwrap();
    let kinds: Vec<&String> = found.as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["cameras", "denied", "encoders", "rpicam", "unopened"]);
    assert!(found["cameras"].is_array() && found["encoders"].is_array());
}

#[test]
fn check_warns_of_what_is_not_there_and_serve_starts() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("film.mkv"), [0x1a, 0x45, 0xdf, 0xa3]).unwrap();
    let mounts = format!(
        "mounts: {{ \"clip\": File(path: {:?}), \"film\": File(path: {:?}), \"door\": Jpegs(path: {:?}), \
         \"cam\": Camera(device: {:?}), \"there\": File(path: \"tests/fixtures/bitstreams/clip.h264\") }}",
        at("clip.h264"),
        at("film.mkv"),
        at("door"),
        at("video0"),
    );
    std::fs::write(at("c.ron"), format!("({mounts})")).unwrap();
    let output = run(&["check", "--config", at("c.ron").to_str().unwrap()]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for (mount, name, why) in [
        ("clip", "clip.h264", "No such file"),
        ("film", "film.mkv", "no Tracks"),
        ("door", "door", "No such file"),
        ("cam", "video0", "there is no such camera"),
    ] {
        let is_told =
            |line: &str| [mount, at(name).to_str().unwrap(), why].iter().all(|part| line.contains(part));
        assert!(said.lines().any(is_told), "{mount}: {said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("5 mounts"));
    let server = Server::with(&mounts);
    let describe = format!("DESCRIBE {} RTSP/1.0", server.url("there"));
    assert_eq!(Client::connect(&server).ask(&[&describe]).status, 200);
}

#[test]
fn a_server_stops_when_asked() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    client.set_up_tcp(&server.url("test"));
    assert!(server.stop());
}

#[test]
fn thousands_of_failed_describes_leave_nothing_behind() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    let url = format!("DESCRIBE {} RTSP/1.0", server.url("nowhere"));
    (0..200).for_each(|_| assert_eq!(client.ask(&[&url]).status, 404));
    let before = server.resident();
    (0..3000).for_each(|_| assert_eq!(client.ask(&[&url]).status, 404));
    assert!(server.resident() <= before + 512, "{before} kB, then {} kB", server.resident());
}

#[test]
fn check_refuses_what_can_never_be_served() {
    let config = tempfile::NamedTempFile::new().unwrap();
    let path = config.path().to_str().unwrap();
    let right: Vec<&str> = [
        "(mounts: {\"a\": Pattern(width: 15, height: 20)})",
        "(mounts: {\"a\": Pattern(fps: 0)})",
        "(mounts: {\"a\": Pattern(fps: NaN)})",
        "(mounts: {\"a\": Pattern(bitrate: 0)})",
        "(mounts: {\"a\": Pattern(gop: 0)})",
        "(mounts: {\"a\": File(path: \"x.h264\", fps: -1)})",
        "(mounts: {\"a\": Pattern(), \"/a\": File(path: \"x.h264\")})",
        "(listen: [])",
        "(listen: [\"127.0.0.1:8554\", \"127.0.0.1:8554\"])",
        "(udp_ports: (8001, 8002))",
        "(listen: [\"[::]:8554\", \"127.0.0.1:8554\"])",
        "(mounts: {\"a\": Pattern(), \"a/\": Pattern()})",
        "(mounts: {\"a\": Jpegs(path: \"x\", fps: 0)})",
        "(mounts: {\"a\": Camera(device: \"x\", fps: 0)})",
        // Every URL of it is that of track 1 of the root.
        "(mounts: {\"track1\": Pattern()})",
        "(mounts: {\"live/trackID=0\": Pattern()})",
        "(mounts: {\"live/streamid=2\": Pattern()})",
        "(mounts: {\"stream=1\": Pattern()})",
    ]
    .into_iter()
    .filter(|text| {
        std::fs::write(config.path(), text).unwrap();
        run(&["check", "--config", path]).status.success()
    })
    .collect();
    assert!(right.is_empty(), "called right: {right:#?}");
}

#[test]
fn output_that_nobody_reads_is_no_panic() {
    for arguments in [&["urls"][..], &["probe"], &["probe", "--json"], &["check"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = lenslet().args(arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
    }
}

#[test]
fn errors_that_nobody_reads_are_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = lenslet().args(["check", "--config", "/nowhere.ron"]).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_version_says_for_what_and_of_what_it_was_built() {
    let said = String::from_utf8(run(&["--version"]).stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let [program, target, features, commit] = lines.as_slice() else { panic!("{said}") };
    assert_eq!(*program, concat!("lenslet ", env!("CARGO_PKG_VERSION")));
    let musl = cfg!(target_env = "musl");
    assert!(
        target.starts_with(&format!("target: {}-", std::env::consts::ARCH))
            && target.contains("musl") == musl,
        "{said}"
    );
    assert_eq!(features.contains("soft-h264"), cfg!(feature = "soft-h264"), "{said}");
    assert!(commit.len() > "commit: ".len(), "{said}");
    let short = String::from_utf8(run(&["-V"]).stdout).unwrap();
    assert_eq!(short.trim_end(), *program);
}

#[test]
fn probe_lists_what_rpicam_hello_does() {
    // The fixture is a program of that name, which writes one of the lists.
    let folders = std::env::var_os("PATH").unwrap();
    let fixture = std::fs::canonicalize("tests/fixtures/rpicam").unwrap();
    let path = std::env::join_paths(std::iter::once(fixture).chain(std::env::split_paths(&folders))).unwrap();
    let probe = |arguments: &[&str]| lenslet().args(arguments).env("PATH", &path).output().unwrap().stdout;
    let found: serde_json::Value = serde_json::from_slice(&probe(&["probe", "--json"])).unwrap();
    let names: Vec<&str> =
        found["rpicam"].as_array().unwrap().iter().filter_map(|camera| camera["name"].as_str()).collect();
    assert_eq!(names, ["imx708_wide", "imx585"]);
    assert_eq!(found["rpicam"][1]["sizes"][0]["width"], 1928);
    let said = String::from_utf8(probe(&["probe"])).unwrap();
    assert!(said.contains("imx708_wide") && said.contains("Rpicam(camera: 1)"), "{said}");
    assert!(!said.contains("No cameras found"), "{said}");
}

#[test]
fn a_rpicam_hello_that_hangs_does_not_outlive_who_asked_it() {
    let folder = tempfile::tempdir().unwrap();
    let (program, pid) = (folder.path().join("rpicam-hello"), folder.path().join("pid"));
    // Written whole: who waits for it reads it once it is there.
    let lines = format!("#!/bin/sh\necho $$ >{0}.new; mv {0}.new {0}; exec sleep 7777\n", pid.display());
    std::fs::write(&program, lines).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let folders = std::env::var_os("PATH").unwrap();
    let folders = std::iter::once(folder.path().to_owned()).chain(std::env::split_paths(&folders));
    let path = std::env::join_paths(folders).unwrap();
    let mut probe = lenslet().arg("probe").env("PATH", &path).stdout(Stdio::null()).spawn().unwrap();
    let pid = command::pid(&pid);
    assert!(command::is_running(pid), "it hangs");
    probe.kill().unwrap();
    probe.wait().unwrap();
    // Where it were left, it would be there for two hours.
    let began = std::time::Instant::now();
    while command::is_running(pid) {
        assert!(began.elapsed() < PATIENCE, "it was left behind");
        std::thread::yield_now();
    }
}

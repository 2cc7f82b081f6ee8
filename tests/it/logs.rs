//! What the log says.

use lenslet::control::client::Blocking;
use lenslet::control::protocol::{Act, Ask, ConfigRequest, Reply};
use lenslet::logs::REPEATS;

use crate::support::{Client, Server, lenslet};

#[test]
fn verbose_logs_requests_and_replies() {
    use std::io::{BufRead, BufReader, Read, Write};

    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "(listen: [\"127.0.0.1:0\"], mounts: {})").unwrap();
    let mut child = lenslet()
        .args(["serve", "-v", "--config", config.path().to_str().unwrap()])
        .args(["--control", &format!("{}.sock", config.path().display())])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let mut client =
        std::net::TcpStream::connect(line.strip_prefix("listening on rtsp://").unwrap()).unwrap();
    client.write_all(b"DESCRIBE /nowhere RTSP/1.0\r\nCSeq: 4711\r\nConnection: close\r\n\r\n").unwrap();
    client.read_to_string(&mut String::new()).unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("DESCRIBE") && said.contains("404"), "{said:?}");
}

#[test]
fn a_session_is_told_by_its_beginning_alone() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    let url = server.url("test");
    let session = client.set_up_tcp(&url);
    let of = format!("Session: {session}");
    for (request, told) in [("PLAY", "playing"), ("TEARDOWN", "session over")] {
        assert_eq!(client.ask(&[&format!("{request} {url} RTSP/1.0"), &of]).status, 200);
        let line = server.logged(&[told, &session[..8]]);
        assert!(!line.contains(&session), "whoever reads it could steer the session: {line}");
    }
}

/// Whoever follows the log hears of it though nothing else happens.
#[test]
fn that_a_line_came_again_is_told_when_its_time_is_over_and_at_the_end() {
    let server = Server::start();
    let mut control = Blocking::connect(&server.control()).unwrap();
    let mut ask = || control.ask(Act::Keyframe { mount: "test".to_owned() });
    for _ in 0..3 {
        ask().unwrap();
    }
    server.logged(&["asked: keyframe test"]);
    let told = server.logged_within(REPEATS * 2, &["asked: keyframe test (2 times more)"]);
    assert!(told.is_some(), "nothing else was said in the meantime");
    for _ in 0..2 {
        ask().unwrap();
    }
    let (_, log) = server.end();
    let last: Vec<&String> = log.iter().filter(|line| line.contains("asked: keyframe")).collect();
    assert!(last.len() == 2 && last[1].contains("keyframe test (once more)"), "{last:?}");
}

#[test]
fn what_is_doubtful_in_a_configuration_is_told_once_and_not_by_each_look_at_it() {
    let mounts = "mounts: {\"a\": Pattern(width: 64, height: 48)}";
    let server = Server::on("127.0.0.1", "session_timeout: 6,", mounts);
    let mut control = Blocking::connect(&server.control()).unwrap();
    let doubt = "6 s is shorter than the keep-alives of many players";
    for _ in 0..3 {
        control.ask(Ask::Status { every_ms: None }).unwrap();
        let Reply::Checked(checked) = control.ask(ConfigRequest::Check { text: None }).unwrap() else {
            panic!()
        };
        assert_eq!(checked.warnings, [format!("session_timeout: {doubt}")]);
        control.ask(Act::Reload {}).unwrap();
    }
    let check = lenslet().args(["check", "--config"]).arg(server.config()).output().unwrap();
    assert!(check.status.success());
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(said.contains(&format!("perhaps not as it is meant: session_timeout: {doubt}")), "{said}");
    drop(control);
    // Repeats would be told at the end, with their count.
    let lines = server.end().1;
    let told: Vec<&String> = lines.iter().filter(|line| line.contains(doubt)).collect();
    assert_eq!(told.len(), 1, "{lines:#?}");
    assert!(!told[0].contains("more)"), "{told:?}");
}

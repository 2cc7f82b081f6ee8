//! What the log says.

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

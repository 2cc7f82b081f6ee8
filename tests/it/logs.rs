//! What the log says.

use crate::support::lenslet;

#[test]
fn verbose_logs_requests_and_replies() {
    use std::io::{BufRead, BufReader, Read, Write};

    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "(listen: [\"127.0.0.1:0\"], mounts: {})").unwrap();
    let mut child = lenslet()
        .args(["serve", "-v", "--config", config.path().to_str().unwrap()])
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

//! A program that was built without its screen (feature `tui`) says so. Run by
//! `cargo test --no-default-features --features soft-h264 --test it without_screen`.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use nix::pty::openpty;

use crate::support::{Server, lenslet};

const SAID: &str = "lenslet: this Lenslet was built without its screen (feature `tui`): `lenslet serve` serves, \
                    `lenslet status --watch` shows what a daemon does";

#[test]
fn lenslet_tui_says_so() {
    let server = Server::start();
    let output = lenslet().arg("tui").arg("--control").arg(server.control()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), SAID);
    // What it names instead is there.
    let figures = lenslet().arg("status").arg("--control").arg(server.control()).output().unwrap();
    assert!(figures.status.success() && String::from_utf8_lossy(&figures.stdout).contains("test"));
}

#[test]
fn lenslet_alone_at_a_terminal_says_what_to_do() {
    let pty = openpty(None, None).unwrap();
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut command = lenslet();
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    drop(command);
    drop(pty.slave);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let (mut out, mut said) = (File::from(pty.master), Vec::new());
    let mut bytes = [0; 1024];
    // The last one that had it open is gone: EIO.
    while let Ok(read @ 1..) = out.read(&mut bytes) {
        said.extend_from_slice(&bytes[..read]);
    }
    assert_eq!(String::from_utf8_lossy(&said).trim_end(), SAID);
}

//! The line to a real daemon, without a terminal.

use std::process::Stdio;
use std::time::Duration;

use lenslet::control::client::Daemon;
use lenslet::control::protocol::{Act, AnswerLine, Ask, Refusal, Reply};
use lenslet::tui::Happening;
use lenslet::tui::effect::Effect;
use lenslet::tui::link::Link;
use lenslet::tui::message::{Asked, Message};
use smol::channel::{Receiver, bounded};

use crate::support::{Server, lenslet};

/// The next message; a test that waits for what never comes has failed.
fn next(link: &mut Link, happenings: &Receiver<Happening>) -> Message {
    loop {
        let came = async { Some(happenings.recv().await.unwrap()) };
        let late = async {
            smol::Timer::after(Duration::from_secs(60)).await;
            None
        };
        match smol::block_on(smol::future::or(came, late)).expect("nothing comes") {
            Happening::Daemon(event) => {
                if let Some(message) = link.hear(event) {
                    return message;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_daemon_is_followed_and_its_end_is_told() {
    let server = Server::start();
    let (tell, happenings) = bounded(64);
    let mut link = Link::start(Daemon::At(server.control()), tell).unwrap();
    assert!(matches!(next(&mut link, &happenings), Message::Connected));
    link.perform(Effect::ask(Asked::Status, Ask::Status { every_ms: Some(100) }));
    for _ in 0..2 {
        let Message::Answered { to: Asked::Status, outcome: Ok(Reply::Status(status)) } =
            next(&mut link, &happenings)
        else {
            panic!("no status")
        };
        assert_eq!(status.addresses, [server.address.to_string()]);
    }
    // Another question does not end what comes again and again; the same one takes its place.
    link.perform(Effect::ask(Asked::Deed, Act::Kick { session: "nobody".into() }));
    let refused =
        std::iter::from_fn(|| Some(next(&mut link, &happenings))).take(50).find_map(
            |message| match message {
                Message::Answered { to: Asked::Deed, outcome } => Some(outcome),
                _ => None,
            },
        );
    assert_eq!(refused.unwrap().unwrap_err().what, "no-such-session");
    link.perform(Effect::Cancel(Asked::Status));
    assert!(server.stop());
    let lost =
        std::iter::from_fn(|| Some(next(&mut link, &happenings))).take(50).find_map(
            |message| match message {
                Message::Lost(why) => Some(why),
                _ => None,
            },
        );
    assert!(lost.is_some_and(|why| !why.is_empty()));
}

#[test]
fn who_is_turned_away_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let (tell, happenings) = bounded(64);
    let mut link = Link::start(Daemon::At(socket), tell).unwrap();
    let refusal = Refusal::new("not-allowed", "user 7 is neither root nor in group 9", "join it");
    let line = AnswerLine { id: None, more: false, outcome: Err(refusal) }.write();
    let (mut stream, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut stream, line.as_bytes()).unwrap();
    drop(stream);
    assert!(matches!(next(&mut link, &happenings), Message::Connected));
    let Message::Lost(why) = next(&mut link, &happenings) else { panic!("not lost") };
    assert!(why.contains("user 7 is neither root nor in group 9: join it"), "{why}");
}

#[test]
fn without_a_terminal_it_says_what_it_needs() {
    let server = Server::start();
    let mut command = lenslet();
    command.arg("tui").arg("--control").arg(server.control());
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.starts_with("lenslet: this needs a terminal: try `lenslet status --watch`"), "{said}");
    assert!(done.stdout.is_empty());
}

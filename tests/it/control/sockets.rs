//! The socket's file, several clients, and a daemon that comes and goes.

use std::fs;
use std::io::{BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::sync::Arc;

use lenslet::control::client::{Blocking, Daemon, Error, Event, follow};
use lenslet::control::protocol::{
    Act, Ask, Base, ConfigRequest, LogEvent, LogWish, Reply, Request, RequestLine,
};
use lenslet::control::{Steward, server};
use smol::channel::unbounded;

use super::fake::Fake;
use super::{answer, line, patient, refusal};

/// A server at a path of its own.
pub(super) struct At {
    folder: tempfile::TempDir,
    running: Option<server::Running>,
}

impl At {
    pub(super) fn new(steward: Arc<dyn Steward>) -> Self {
        let mut at = Self { folder: tempfile::tempdir().unwrap(), running: None };
        at.start(steward);
        at
    }

    fn start(&mut self, steward: Arc<dyn Steward>) {
        let socket = server::Socket::bind(&self.path()).unwrap();
        self.running = Some(server::start(Some(socket), Vec::new(), steward).unwrap());
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("run/control.sock")
    }

    pub(super) fn stop(&mut self) {
        self.running.take().into_iter().for_each(server::Running::stop);
    }

    pub(super) fn client(&self) -> BufReader<UnixStream> {
        patient(UnixStream::connect(self.path()).unwrap())
    }
}

impl Drop for At {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn the_socket_is_its_owners_and_its_groups_and_goes_at_the_end() {
    let mut at = At::new(Fake::new());
    assert_eq!(fs::metadata(at.path()).unwrap().permissions().mode() & 0o7777, 0o660);
    let mut client = at.client();
    client.get_ref().write_all(b"{\"v\":1,\"id\":1,\"do\":\"kick\",\"session\":\"who\"}\n").unwrap();
    let own = fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(answer(&mut client).outcome, Ok(Reply::Done { said: format!("user {own}") }));
    at.stop();
    assert_eq!(line(&mut client), None);
    assert!(!at.path().exists());
}

#[test]
fn a_socket_left_behind_is_taken_over_and_one_that_is_answered_not() {
    let mut at = At::new(Fake::new());
    let error = server::Socket::bind(&at.path()).unwrap_err();
    assert!(error.is_taken() && error.to_string().contains("another Lenslet answers"), "{error}");
    at.stop();
    // As a daemon leaves it that is killed.
    drop(UnixListener::bind(at.path()).unwrap());
    at.start(Fake::new());
    assert!(Blocking::connect(&at.path()).unwrap().ask(Ask::Alarms {}).is_ok());
    at.stop();
    // Another program's socket that is answered, without our lock.
    let other = UnixListener::bind(at.path()).unwrap();
    assert!(server::Socket::bind(&at.path()).unwrap_err().is_taken());
    drop(other);
    fs::remove_file(at.path()).unwrap();
    fs::write(at.path(), "precious").unwrap();
    let error = server::Socket::bind(&at.path()).unwrap_err().to_string();
    assert!(error.contains("is no socket"), "{error}");
    assert_eq!(fs::read_to_string(at.path()).unwrap(), "precious");
}

#[test]
fn a_path_that_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(200));
    assert!(server::Socket::bind(&long).unwrap_err().to_string().contains("longer than"));
    fs::write(folder.path().join("file"), "").unwrap();
    let beneath = folder.path().join("file/control.sock");
    let said = server::Socket::bind(&beneath).unwrap_err().to_string();
    assert!(said.contains("cannot be made") && said.contains("`--control PATH`"), "{said}");
}

/// The file's mode lets him through, and the kernel says who he is.
#[test]
fn a_stranger_is_refused_though_the_sockets_mode_would_let_him_in() {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "this is not root");
        println!("SKIPPED: this is not root, who may be somebody else");
        return;
    }
    let at = At::new(Fake::new());
    for open in [at.path().as_path(), at.path().parent().unwrap(), at.folder.path()] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let alarms = |user: u32| {
        let mut command = crate::support::lenslet();
        command.args(["status", "--control"]).arg(at.path()).uid(user).gid(user).output().unwrap()
    };
    let stranger = alarms(65_534);
    let said = String::from_utf8_lossy(&stranger.stderr);
    assert!(!stranger.status.success() && stranger.stdout.is_empty(), "{stranger:?}");
    assert!(said.contains("user 65534 is neither root, nor user 0, nor in group 0"), "{said}");
    assert!(alarms(0).status.success());
}

#[test]
fn no_more_clients_are_let_in_than_there_is_room_for() {
    let at = At::new(Fake::new());
    let mut clients: Vec<_> = (0..33).map(|_| at.client()).collect();
    assert_eq!(refusal(clients.last_mut().unwrap()), "too-many-clients");
}

#[test]
fn two_clients_that_edit_at_once_are_told_of_each_other() {
    let at = At::new(Fake::new());
    let (mut first, mut second) =
        (Blocking::connect(&at.path()).unwrap(), Blocking::connect(&at.path()).unwrap());
    let seen = |client: &mut Blocking| match client.ask(ConfigRequest::Get { path: None }).unwrap() {
        Reply::Config(config) => config.version.unwrap(),
        other => panic!("{other:?}"),
    };
    let (base, same) = (seen(&mut first), seen(&mut second));
    assert_eq!(base, same);
    let apply = |base| ConfigRequest::Apply { text: "()".into(), base: Base::Version(base) };
    assert!(matches!(first.ask(apply(base)), Ok(Reply::Plan(plan)) if plan.version > Some(base)));
    let Err(Error::Refused(refusal)) = second.ask(apply(base)) else { panic!("the second is not refused") };
    assert_eq!(refusal.what, "changed-meanwhile");
    let newer = seen(&mut second);
    assert!(refusal.why.contains(&newer.to_string()), "{refusal}");
    assert!(second.ask(apply(newer)).is_ok());
}

#[test]
fn the_log_follows_until_it_is_cancelled() {
    let fake = Fake::new();
    let at = At::new(fake.clone());
    let mut client = at.client();
    client.get_ref().write_all(b"{\"v\":1,\"id\":5,\"do\":\"log\",\"follow\":true}\n").unwrap();
    assert!(matches!(answer(&mut client).outcome, Ok(Reply::Log(LogEvent::Missed(12)))));
    answer(&mut client);
    fake.log("and then");
    let Ok(Reply::Log(LogEvent::Line(told))) = answer(&mut client).outcome else { panic!("no line") };
    assert_eq!(told.text, "and then");
    client.get_ref().write_all(b"{\"v\":1,\"id\":6,\"do\":\"cancel\",\"of\":5}\n").unwrap();
    assert_eq!((answer(&mut client).outcome, answer(&mut client).id), (Ok(Reply::End {}), Some(6)));
}

#[test]
fn scripts_are_told_plainly_that_nobody_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let error = Blocking::connect(&path).unwrap_err().to_string();
    assert_eq!(error, format!("no Lenslet answers at {}: start it with `lenslet serve`", path.display()));
    drop(UnixListener::bind(&path).unwrap());
    assert!(matches!(Blocking::connect(&path), Err(Error::Absent(_))));
}

#[test]
fn a_daemon_that_dies_while_it_is_asked_is_told() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    let error = Blocking::over(ours).ask(Ask::Mounts {}).unwrap_err().to_string();
    assert_eq!(error, "Lenslet ended before it answered");
    let (ours, theirs) = UnixStream::pair().unwrap();
    (&theirs).write_all(b"HTTP/1.1 400 Bad Request\r\n").unwrap();
    let error = Blocking::over(ours).ask(Ask::Mounts {}).unwrap_err().to_string();
    assert!(error.contains("no Lenslet of this version"), "{error}");
    let (ours, theirs) = UnixStream::pair().unwrap();
    (&theirs).write_all(b"{\"v\":7,\"id\":1,\"reply\":{\"hologram\":{}}}\n").unwrap();
    let error = Blocking::over(ours).ask(Ask::Mounts {}).unwrap_err().to_string();
    assert!(error.contains("speaks version 7 of the control protocol"), "{error}");
}

#[test]
fn a_watcher_breaks_off_when_it_has_seen_enough() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let running = server::start(None, vec![theirs], Fake::new()).unwrap();
    let mut client = Blocking::over(ours);
    let mut seen = 0;
    let every_ms = Some(100);
    let watched = client.watch(Ask::Status { every_ms }, |_| {
        seen += 1;
        if seen == 2 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    });
    assert!(watched.is_ok() && seen == 2);
    let wish =
        LogWish { level: lenslet::control::protocol::Level::Trace, rooms: vec![], last: 9, follow: false };
    let mut lines = 0;
    client
        .watch(Ask::Log(wish), |_| {
            lines += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(lines, 2);
    assert!(client.ask(Act::Reload {}).is_ok());
    running.stop();
}

#[test]
fn a_terminal_finds_the_daemon_again() {
    let mut at = At::new(Fake::new());
    let (ask, requests) = unbounded();
    let (told, events) = unbounded();
    let following = std::thread::spawn({
        let path = at.path();
        move || smol::block_on(follow(Daemon::At(path), requests, told))
    });
    let next = || smol::block_on(events.recv()).unwrap();
    let request = |id| RequestLine::new(id, Request::Ask(Ask::Alarms {}));
    assert!(matches!(next(), Event::Connected));
    ask.try_send(request(1)).unwrap();
    assert!(matches!(next(), Event::Answer(answer) if answer.id == Some(1) && answer.outcome.is_ok()));
    at.stop();
    let Event::Lost(why) = next() else { panic!("it is gone") };
    assert_eq!(why, "Lenslet ended before it answered");
    let Event::Lost(why) = next() else { panic!("nobody is there") };
    assert!(why.contains("no Lenslet answers"), "{why}");
    ask.try_send(request(2)).unwrap();
    let Event::Answer(answer) = next() else { panic!("nobody is there") };
    assert_eq!((answer.id, answer.outcome.unwrap_err().what.as_str()), (Some(2), "no-daemon"));
    at.start(Fake::new());
    assert!(matches!(next(), Event::Connected));
    ask.try_send(request(3)).unwrap();
    assert!(matches!(next(), Event::Answer(answer) if answer.id == Some(3) && answer.outcome.is_ok()));
    drop(ask);
    following.join().unwrap();
}

#[test]
fn in_one_process_a_pair_needs_no_path() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let running = server::start(None, vec![theirs], Fake::new()).unwrap();
    let (ask, requests) = unbounded();
    let (told, events) = unbounded();
    let following = std::thread::spawn(move || smol::block_on(follow(Daemon::Here(ours), requests, told)));
    let next = || smol::block_on(events.recv()).unwrap();
    assert!(matches!(next(), Event::Connected));
    ask.try_send(RequestLine::new(1, Request::Act(Act::Shutdown {}))).unwrap();
    assert!(matches!(next(), Event::Answer(answer) if answer.outcome.is_ok()));
    running.stop();
    assert!(matches!(next(), Event::Lost(_)));
    following.join().unwrap();
}

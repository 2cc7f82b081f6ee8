use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::protocol::{AccessRequest, Act, ConfigRequest, LogWish, Look, Status};
use super::super::{Answer, Boxed, Caller, LogStream};
use super::*;

/// Whether who lets clients in panics next, once.
static PANICS: AtomicBool = AtomicBool::new(false);

pub(super) fn may_panic() {
    assert!(!PANICS.swap(false, Ordering::SeqCst), "accept: on purpose");
}

/// Is asked nothing.
struct Nobody;

impl Steward for Nobody {
    fn status(&self) -> Boxed<'_, Result<Status, Refusal>> {
        unreachable!()
    }

    fn look(&self, _: Look) -> Boxed<'_, Answer> {
        unreachable!()
    }

    fn act<'a>(&'a self, _: &'a Caller, _: Act) -> Boxed<'a, Answer> {
        unreachable!()
    }

    fn config<'a>(&'a self, _: &'a Caller, _: ConfigRequest) -> Boxed<'a, Answer> {
        unreachable!()
    }

    fn access<'a>(&'a self, _: &'a Caller, _: AccessRequest) -> Boxed<'a, Answer> {
        unreachable!()
    }

    fn logs(&self, _: LogWish) -> Result<LogStream, Refusal> {
        unreachable!()
    }
}

#[test]
fn what_panics_ends_itself_alone() {
    let executor = LocalExecutor::new();
    let panics = executor.spawn(kept("a client", async { panic!("on purpose") }));
    let other = executor.spawn(kept("a client", async { 7 }));
    let done = smol::block_on(executor.run(async { (panics.await, other.await) }));
    assert_eq!(done, (None::<()>, Some(7)));
}

/// What a client that says nonsense is answered; nothing where it is closed.
fn answer(stream: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    // It may be closed already.
    if stream.get_ref().write_all(b"nonsense\n").is_ok() {
        let _ = stream.read_line(&mut line);
    }
    line
}

#[test]
fn a_panic_of_who_lets_clients_in_costs_one_that_comes_and_none_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let running = start(Some(Socket::bind(&path).unwrap()), Vec::new(), Arc::new(Nobody)).unwrap();
    let connect = || {
        let stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        BufReader::new(stream)
    };
    let mut there = connect();
    assert!(answer(&mut there).contains("\"v\""));
    // Twice: what panics the second time was back after the first.
    for _ in 0..2 {
        PANICS.store(true, Ordering::SeqCst);
        assert_eq!(answer(&mut connect()), "", "it comes at the wrong moment");
        assert!(!PANICS.load(Ordering::SeqCst));
        assert!(answer(&mut there).contains("\"v\""), "who is there is answered");
        assert!(answer(&mut connect()).contains("\"v\""), "the next is let in");
    }
    running.stop();
}

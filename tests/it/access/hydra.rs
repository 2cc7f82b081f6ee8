//! A program that guesses passwords (hydra), on the address of somebody who watches.
//!
//! hydra 9.4 stumbles over a challenge by SHA-256, and never gets to guess: a proxy takes that away, so that the server is
//! tried and not the tool's luck.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use lenslet::access::{Policy, Rules, What};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::flood::watch;
use super::{House, Visitor, now, rules, wait};
use crate::interop::has;

/// A word list with the right one among it, later than the guesses that the server suffers.
const WORDS: usize = 40;

/// Its guesses after its ban that are waited for.
const TURNED_AWAY: u64 = 8;

/// Passes everything on, but for challenges by SHA-256. Whoever comes through it is 127.0.0.1 to the server.
fn without_sha256(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(upstream) = TcpStream::connect(server) else { return };
            let (from, to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            std::thread::spawn(move || pass(from, to));
            std::thread::spawn(move || pass(upstream, client));
        }
    });
    address
}

fn pass(from: TcpStream, mut to: TcpStream) {
    let mut lines = BufReader::new(from);
    let mut kept = Vec::new();
    loop {
        let start = kept.len();
        if !lines.read_until(b'\n', &mut kept).is_ok_and(|read| read > 0) {
            break;
        }
        if kept[start..].windows(7).any(|word| word == b"SHA-256") {
            kept.truncate(start);
        }
        // As it came: hydra takes what it reads at once for a whole reply.
        if lines.buffer().is_empty() {
            if to.write_all(&kept).is_err() {
                break;
            }
            kept.clear();
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = lines.get_ref().shutdown(Shutdown::Both);
}

/// hydra with a list of words for one user, for as long as anything may take, and the list's folder.
fn guess(server: SocketAddr) -> (Child, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let words: String = (0..WORDS).map(|number| format!("guess{number}\n")).collect();
    std::fs::write(folder.path().join("words"), words + "bob's\n").unwrap();
    let guessing = Command::new("timeout")
        .arg("120")
        .args(["hydra", "-I", "-f", "-t", "4", "-l", "bob", "-P", "words", "-s", &server.port().to_string()])
        .args(["127.0.0.1", "rtsp"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    (guessing.unwrap(), folder)
}

fn found(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stdout).contains("password: bob's")
}

/// Tells that it is over, also where something fails.
struct Told<'a>(&'a AtomicBool);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn hydra_finds_nothing_and_keeps_nobody_of_its_address_from_watching() {
    if !has("sh", &["-c", "command -v hydra"]) {
        return;
    }
    // Where nobody stops it, it does find the password: it is a real attack.
    let policy = Policy { exempt: vec!["127.0.0.0/8".parse().unwrap()], ..Policy::default() };
    let open = House::new(Rules { policy, ..rules() });
    let (guessing, _words) = guess(without_sha256(open.address));
    let output = guessing.wait_with_output().unwrap();
    assert!(found(&output), "{output:?}");
    let house = House::new(rules());
    let url = house.url("cam");
    let mut watching = Visitor::alice(&house);
    let session = watching.play(&url);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let playing = scope.spawn(|| watch(&mut watching.client, &over));
        let _told = Told(&over);
        let (guessing, _words) = guess(without_sha256(house.address));
        // Its ban does not end it.
        wait(|| house.counted("banned") > TURNED_AWAY);
        let hydra = Pid::from_raw(guessing.id().try_into().unwrap());
        signal::kill(hydra, Signal::SIGTERM).unwrap();
        let output = guessing.wait_with_output().unwrap();
        assert!(!found(&output), "{output:?}");
        let (events, _) = house.gate.take_events();
        let who: Vec<_> = events.iter().filter(|event| matches!(event.what, What::SignedIn { .. })).collect();
        assert!(who.iter().all(|event| event.user.as_deref() == Some("alice")), "{who:?}");
        let bans = house.gate.list_bans(now());
        assert_eq!(bans.iter().map(|ban| ban.network.to_string()).collect::<Vec<_>>(), ["127.0.0.1"]);
        let mut back = Visitor::alice(&house);
        back.play(&url);
        let mut other = Visitor::from(&house, "127.0.0.2", "bob", "bob's");
        other.play(&url);
        over.store(true, Ordering::SeqCst);
        println!("hydra ended; who watched waited {:?} at most for a packet", playing.join().unwrap());
    });
    let named = format!("Session: {session}");
    assert_eq!(watching.ask("TEARDOWN", &url, &[&named]).status, 200);
}

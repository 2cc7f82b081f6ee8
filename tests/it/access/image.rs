//! What is in the memory of a process that knows of passwords, and that the kernel writes none of it to a file.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Visitor;
use crate::support::{Client, MOUNTS, Server, lenslet};
use crate::users::{by_daemon, run};

/// Not one piece of it is a word of the program's own.
const MARKER: &str = "marker-6d1f0c83";

/// How often a text is in what the process may write to: what a core dump has of it.
pub(crate) fn times_in(process: u32, text: &str) -> usize {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let writable =
        maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw")));
    let (mut found, mut looked_at) = (0, 0);
    for line in writable {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|number| u64::from_str_radix(number, 16).unwrap());
        let mut bytes = vec![0; (to - from) as usize];
        // What another thread gave back meanwhile is gone.
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            looked_at += bytes.len();
            found += memchr::memmem::find_iter(&bytes, text).count();
        }
    }
    assert!(looked_at > 100_000, "it was looked into: {looked_at}");
    found
}

/// Who signs in by Digest does not say his password, and what is kept of it are hashes: there is nothing to find.
#[test]
fn a_daemon_has_no_password_in_its_memory_of_who_signs_in_by_digest() {
    let mut server = Server::start();
    let nowhere = server.state().join("none.sock");
    let add = ["user", "add", "anna", "--password-stdin"];
    assert!(run(server.state(), &nowhere, &add, MARKER).status.success());
    server.restart();
    for sha256 in [false, true] {
        let visitor = Visitor::over(Client::connect(&server), "anna", MARKER);
        let mut visitor = if sha256 { visitor.by_sha256() } else { visitor };
        assert_eq!(visitor.ask("DESCRIBE", &server.url("test"), &[]).status, 200);
        visitor.play(&server.url("test"));
    }
    by_daemon(&server, &["status"], "");
    assert!(times_in(server.process(), "anna") > 0, "what is there is found");
    assert_eq!(times_in(server.process(), MARKER), 0);
}

/// What was typed for a user's password, or came by Basic, is wiped where it is forgotten. (By Basic it stays a while as it was
/// sent, in base64: that is documented.)
#[test]
fn a_daemon_has_no_password_in_its_memory_after_it_was_given_one() {
    let server = Server::on("127.0.0.1", "access: (basic: true),", MOUNTS);
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], "another");
    by_daemon(&server, &["user", "passwd", "anna", "--password-stdin"], MARKER);
    by_daemon(&server, &["user", "add", "bob", "--password-stdin"], MARKER);
    let refused = run(server.state(), &server.control(), &["user", "add", "bob", "--password-stdin"], MARKER);
    assert!(!refused.status.success());
    let basic = format!("Authorization: Basic {}", STANDARD.encode(format!("anna:{MARKER}")));
    let url = server.url("test");
    assert_eq!(Visitor::over(Client::connect(&server), "", "").say("DESCRIBE", &url, &[&basic]).status, 200);
    by_daemon(&server, &["status"], "");
    assert!(times_in(server.process(), "anna") > 0, "what is there is found");
    assert_eq!(times_in(server.process(), MARKER), 0);
}

/// A program in a folder of its own that may leave a core dump there, and is of another user than root: of whom it is that may look
/// into a process shows whether the kernel dumps it.
fn started(folder: &Path, words: &[&str]) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c unlimited && cd \"$0\" && exec \"$@\""]).arg(folder).args(words);
    command.env("STATE_DIRECTORY", folder).env("XDG_RUNTIME_DIR", folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.spawn().unwrap()
}

/// The user of nobody in particular.
const NOBODY: u32 = 65534;

/// Whether the kernel keeps others out of it.
fn is_closed(child: &Child) -> bool {
    fs::metadata(format!("/proc/{}/maps", child.id())).unwrap().uid() == 0
}

/// Ends it as a crash does; whether the kernel wrote a core dump.
fn dumps_core(mut child: Child) -> bool {
    Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap();
    child.wait().unwrap().core_dumped()
}

#[test]
fn no_command_that_knows_passwords_leaves_a_core_dump() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let program = folder.path().join("lenslet");
    fs::copy(lenslet().get_program(), &program).unwrap();
    let config = folder.path().join("lenslet.ron");
    fs::write(&config, format!("(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), {MOUNTS})")).unwrap();
    // Whoever connects there waits.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://anna:{MARKER}@{}/x", silent.local_addr().unwrap());
    let [program, config] = [&program, &config].map(|path| path.to_str().unwrap());
    for words in [
        &["serve", "--config", config][..],
        &["receive", &url],
        &["load", &url],
        &["user", "add", "anna", "--password-stdin", "--config", config],
    ] {
        let child = started(folder.path(), &[&[program], words].concat());
        super::wait(|| is_closed(&child));
        assert!(!dumps_core(child), "{words:?}");
    }
    // Others do, where the kernel writes them beside the program: that is how to tell.
    let other = started(folder.path(), &["sleep", "60"]);
    super::wait(|| fs::read_to_string(format!("/proc/{}/comm", other.id())).unwrap() == "sleep\n");
    assert!(!is_closed(&other));
    let dumped = dumps_core(other);
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    println!("the kernel dumps others: {dumped} ({})", pattern.trim());
    assert!(dumped || pattern.starts_with(['|', '/']), "{pattern}");
}

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
use crate::support::{Client, Incoming, MOUNTS, Server, lenslet};
use crate::users::{by_daemon, run};

/// Not one piece of it is a word of the program's own.
const MARKER: &str = "marker-6d1f0c83";
/// What is given back to the allocator has its first bytes written over: the marker stands at the end.
const PASSWORD: &str = "a much longer word, marker-6d1f0c83";

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

/// What of a password is in a process: as it is said, and as Basic sends it.
fn traces(process: u32, user: &str, password: &str) -> Vec<String> {
    let sent = STANDARD.encode(format!("{user}:{password}"));
    // What is given back to the allocator has its first bytes written over.
    let tail = |text: &str| text[text.len() - text.len().min(14)..].to_owned();
    [tail(password), tail(&sent)].into_iter().filter(|text| times_in(process, text) > 0).collect()
}

/// What was typed for a user's password, or came by Basic, is wiped where it is forgotten: the more of what comes is read in
/// pieces, refused or cut off, the more places there are where it may linger.
#[test]
fn a_daemon_has_no_password_in_its_memory_after_it_was_given_one() {
    let server = Server::on("127.0.0.1", "access: (basic: true, exempt: [\"127.0.0.0/8\"]),", MOUNTS);
    let (url, process) = (server.url("test"), server.process());
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], "another");
    for password in [MARKER, PASSWORD, "with \"quotes\" and \\ and tab\t, marker-6d1f0c83"] {
        let clean = |after: &str| {
            by_daemon(&server, &["status"], "");
            assert!(times_in(process, "anna") > 0, "what is there is found");
            assert_eq!(traces(process, "anna", password), [""; 0], "{after}: {password}");
        };
        by_daemon(&server, &["user", "passwd", "anna", "--password-stdin"], password);
        clean("user passwd");
        by_daemon(&server, &["user", "add", "bob", "--password-stdin"], password);
        clean("user add");
        let again = ["user", "add", "bob", "--password-stdin"];
        assert!(!run(server.state(), &server.control(), &again, password).status.success());
        clean("user add, refused");
        by_daemon(&server, &["user", "remove", "bob"], "");
        for (line, why) in lines(password) {
            assert!(said(&server.control(), &line).contains(why), "{why}");
            clean(why);
        }
        let sent = STANDARD.encode(format!("anna:{password}"));
        let mistaken = STANDARD.encode(format!("anna:not a {password}"));
        for (what, header, status) in [
            ("right", format!("Authorization: Basic {sent}"), 200),
            ("wrong", format!("Authorization: Basic {mistaken}"), 401),
            ("folded", format!("Authorization: Basic\r\n {sent}"), 200),
            ("not base64", format!("Authorization: Basic {sent}*"), 401),
            ("twice", format!("Authorization: Basic {sent}\r\nAuthorization: Basic {sent}"), 401),
            ("beside Latin-1", format!("Authorization: Basic {sent}\r\nX: \u{e9}"), 200),
            ("beside a header without a colon", format!("Authorization: Basic {sent}\r\nX"), 400),
        ] {
            let request = format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n{header}\r\n\r\n");
            // Latin-1, as some clients write it.
            let bytes: Vec<u8> = request.chars().map(|character| character as u8).collect();
            let mut client = Client::connect(&server);
            client.send(&bytes);
            let Incoming::Reply(reply) = client.next() else { panic!("no reply") };
            assert_eq!(reply.status, status, "{what}");
            clean(what);
        }
        // In pieces, each of which the server has read before the next comes; and never ended.
        let mut client = Client::connect(&server);
        let request = format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {sent}\r\n\r\n");
        let half = request.len() - 8;
        for piece in [format!("{request}{}", &request[..half]), request[half..].to_owned()] {
            client.send(piece.as_bytes());
            assert!(matches!(client.next(), Incoming::Reply(reply) if reply.status == 200));
        }
        clean("in pieces");
        client.send(format!("{request}{}", &request[..half]).as_bytes());
        assert!(matches!(client.next(), Incoming::Reply(reply) if reply.status == 200));
        drop(client);
        super::wait(|| crate::users::status(&server).sessions.is_empty());
        super::wait(|| traces(process, "anna", password).is_empty());
    }
}

/// While a command waits for who reads what it writes; of what it writes there is more than a pipe takes.
#[test]
fn a_passphrase_is_wiped_once_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let lines = "// a line of a configuration that is long\n".repeat(10_000);
    fs::write(path("lenslet.ron"), format!("{lines}(mounts: {{}})")).unwrap();
    fs::write(path("passphrase"), format!("{PASSWORD}\nand what else is there")).unwrap();
    let (config, said, sealed) = (path("lenslet.ron"), path("passphrase"), path("sealed"));
    let command = |words: &[&str]| {
        let mut command = lenslet();
        command.args(words).env("STATE_DIRECTORY", folder.path()).env("XDG_RUNTIME_DIR", folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    let made = ["backup", &sealed, "--passphrase-file", &said, "--config", &config];
    assert!(command(&made).status().unwrap().success());
    let none = path("none.ron");
    for words in [
        &["backup", "-", "--passphrase-file", &said, "--config", &config][..],
        &["backup", "-", "--passphrase-file", "-", "--config", &config],
        &["restore", &sealed, "--dry-run", "--passphrase-file", &said, "--config", &none],
        &["restore", &sealed, "--dry-run", "--passphrase-file", "-", "--config", &none],
    ] {
        let mut child = command(words).spawn().unwrap();
        let mut typed = child.stdin.take().unwrap();
        // Where it is not asked for nobody need read it.
        let _ = std::io::Write::write_all(&mut typed, format!("{PASSWORD}\n").as_bytes());
        let mut out = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut out, &mut [0; 20_000]).unwrap();
        let (found, others) = (traces(child.id(), "", PASSWORD), times_in(child.id(), "--passphrase-file"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(others > 0, "what is there is found");
        assert_eq!(found, [""; 0], "{words:?}");
    }
}

/// Lines with a password that are no requests, and what each is answered.
fn lines(password: &str) -> Vec<(String, &'static str)> {
    let line = |version: u64, verb: &str, more: &str| {
        let (password, name) = (serde_json::json!(password), "{\"v\":");
        format!(
            "{name}{version},\"id\":1,\"do\":\"{verb}\",\"name\":\"carl\",\"password\":{password}{more}}}"
        )
    };
    vec![
        (line(1, "user add", ",\"oops\":1"), "unknown field"),
        (line(1, "user adt", ""), "no verb is"),
        (line(2, "user add", ""), "other-version"),
        (line(1, "user add", ",,"), "not-json"),
    ]
}

/// Says a line to the control socket; what is answered.
fn said(control: &Path, line: &str) -> String {
    use std::io::{BufRead, BufReader, Write};
    let mut socket = std::os::unix::net::UnixStream::connect(control).unwrap();
    socket.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(socket).read_line(&mut answer).unwrap();
    answer
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

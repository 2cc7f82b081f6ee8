//! Which daemon a command means, or which file: never another than was said.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::support::{MOUNTS, NO_DAEMONS, Server, lenslet};
use crate::users::by_daemon;

const ADD: [&str; 4] = ["user", "add", "anna", "--password-stdin"];

/// What a daemon or a file has to be asked for.
const COMMANDS: [&[&str]; 9] = [
    &["config", "rollback", "1"],
    &["config", "history"],
    &["config", "diff"],
    &["user", "list"],
    &["user", "remove", "anna"],
    &["ban", "list"],
    &["ban", "add", "203.0.113.7"],
    &["urls"],
    &["backup", "-"],
];

/// Runs it where this user's own daemons have their sockets in a folder.
fn run(runtime: &Path, state: &Path, words: &[&str], more: &[&Path]) -> Output {
    let mut command = lenslet();
    command.args(words).args(more).env("XDG_RUNTIME_DIR", runtime).env("STATE_DIRECTORY", state);
    command.stdin(Stdio::null()).output().unwrap()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What stands in files under a folder.
fn kept(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(kept(&path));
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn a_daemon_of_another_file_is_not_asked_in_its_stead() {
    let server = Server::start();
    by_daemon(&server, &["config", "set", "max_sessions", "7"], "");
    by_daemon(&server, &ADD, "secret");
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("b.ron");
    fs::write(&other, "(mounts: {})").unwrap();
    let before = (kept(server.state()), fs::read(server.config()).unwrap());
    let option = Path::new("--config");
    for words in COMMANDS {
        let said = complaint(&run(server.state(), server.state(), words, &[option, &other]));
        let (socket, served) = (server.control(), server.config().canonicalize().unwrap());
        let expected = format!(
            "the daemon at {} serves {}, not {}: leave --config out",
            socket.display(),
            served.display(),
            other.display()
        );
        assert!(said.contains(&expected), "{words:?}: {said}");
    }
    assert_eq!((kept(server.state()), fs::read(server.config()).unwrap()), before);
    assert_eq!(fs::read(&other).unwrap(), b"(mounts: {})");
    // By another name it is the same file.
    let link = folder.path().join("link.ron");
    std::os::unix::fs::symlink(server.config(), &link).unwrap();
    for words in COMMANDS {
        let output = run(server.state(), server.state(), words, &[option, &link]);
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
    assert!(by_daemon(&server, &["config", "get"], "").contains(MOUNTS));
    assert!(!fs::read_to_string(server.config()).unwrap().contains("max_sessions"), "it is rolled back");
    // One that says where its own daemon would listen is not served by any.
    let nowhere = folder.path().join("none.sock");
    fs::write(&other, format!("(control_socket: {nowhere:?}, state_dir: {:?})", folder.path())).unwrap();
    let output = run(server.state(), server.state(), &["config", "history"], &[option, &other]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("No versions are kept of"), "{output:?}");
}

#[test]
fn urls_and_backups_are_of_what_the_daemon_serves() {
    let server = Server::start();
    by_daemon(&server, &["config", "set", "max_sessions", "7"], "");
    by_daemon(&server, &["config", "set", "aliases", "{\"other?name=1\": \"test\"}"], "");
    by_daemon(&server, &ADD, "secret");
    // What is kept where this command would keep it is another's.
    let elsewhere = tempfile::tempdir().unwrap();
    let out = |words: &[&str]| {
        let output = run(server.state(), elsewhere.path(), words, &[]);
        assert!(output.status.success(), "{words:?}: {output:?}");
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (out, err)
    };
    // With the port that the system chose.
    let (urls, said) = out(&["urls"]);
    for path in ["test", "other?name=1"] {
        assert!(urls.lines().any(|line| line == format!("rtsp://{}/{path}", server.address)), "{urls}");
    }
    assert!(said.contains("there is 1 user"), "{said}");
    by_daemon(&server, &["mount", "disable", "test"], "");
    assert!(!out(&["urls"]).0.lines().any(|line| line.ends_with("/test")), "it is served no longer");
    let (backup, _) = out(&["backup", "-"]);
    let backup: serde_json::Value = serde_json::from_str(&backup).unwrap();
    let contents = &backup["contents"];
    assert_eq!(contents["config"], fs::read_to_string(server.config()).unwrap());
    assert_eq!(contents["history"].as_array().unwrap().len(), 3, "{contents}");
    // Where the file is wrong, the last good version is served, and its mounts.
    by_daemon(&server, &["mount", "enable", "test"], "");
    fs::write(server.config(), "(mounts: {").unwrap();
    let (urls, said) = out(&["urls"]);
    assert!(urls.lines().any(|line| line.ends_with("/test")), "{urls}");
    assert!(said.contains("other names"), "{said}");
}

#[test]
fn what_is_restored_goes_where_the_daemon_that_runs_reads_it_or_nowhere() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let (backup, other) = (folder.path().join("backup"), folder.path().join("b.ron"));
    let words = ["backup", backup.to_str().unwrap()];
    assert!(run(server.state(), server.state(), &words, &[]).status.success());
    let restore = ["restore", backup.to_str().unwrap()];
    let said = complaint(&run(server.state(), server.state(), &restore, &[Path::new("--config"), &other]));
    assert!(said.contains("leave --config out") && !other.exists(), "{said}");
    // Of this user's own file no daemon is asked that is not his.
    let said = complaint(&run(server.state(), server.state(), &restore, &[]));
    let served = server.config().canonicalize().unwrap();
    assert!(said.contains(&format!("serves {}", served.display())) && said.contains("--config"), "{said}");
    let output = run(server.state(), server.state(), &restore, &[Path::new("--config"), server.config()]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_daemon_that_found_another_at_its_control_socket_has_it_when_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("c.sock");
    let serve = |name: &str| {
        let file = folder.path().join(name);
        let text = format!(
            "(listen: [\"127.0.0.1:0\"], control_socket: {socket:?}, mounts: {{\"{name}\": Pattern()}})"
        );
        fs::write(&file, text).unwrap();
        let mut command = lenslet();
        command.arg("serve").arg("--config").arg(&file).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", folder.path()).env("STATE_DIRECTORY", folder.path().join("state"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening"), "{line:?}");
        child
    };
    let mut first = serve("first");
    let mut second = serve("second");
    let log = BufReader::new(second.stderr.take().unwrap());
    let mut log = log.lines().map_while(Result::ok);
    log.by_ref().find(|line| line.contains("another Lenslet answers")).unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    log.find(|line| line.contains("is this daemon's now")).unwrap();
    let output = run(folder.path(), folder.path(), &["status", "--control"], &[&socket]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    second.kill().unwrap();
    second.wait().unwrap();
    assert!(said.contains("second") && !said.contains("first"), "{output:?}");
}

#[test]
fn who_cannot_be_asked_is_not_taken_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (file, state) = (path("b.ron"), path("state"));
    let store = lenslet::config::store::Store::new(file.clone(), &state);
    for text in ["(mounts: {})", "(mounts: {}, max_sessions: 7)"] {
        fs::write(&file, text).unwrap();
        store.load().unwrap();
    }
    fs::write(path("runtime"), "no folder").unwrap();
    let before = kept(folder.path());
    let option = Path::new("--config");
    for words in COMMANDS {
        let typed = path("typo.sock");
        let more = [option, &file, Path::new("--control"), &typed];
        let said = complaint(&run(&path("none"), &state, words, &more));
        assert!(said.contains(&format!("no Lenslet answers at {}", typed.display())), "{words:?}: {said}");
        let said = complaint(&run(&path("runtime"), &state, words, &[option, &file]));
        assert!(said.contains("Not a directory"), "{words:?}: {said}");
    }
    assert_eq!(kept(folder.path()), before);
}

/// The tests' own commands ask none of this machine's.
#[test]
fn a_service_in_a_folder_of_its_own_has_its_daemon_there() {
    let said = complaint(&lenslet().arg("status").env_remove("XDG_RUNTIME_DIR").output().unwrap());
    assert!(
        said.contains(&format!("{NO_DAEMONS}/control.sock")) && !said.contains("/run/lenslet/"),
        "{said}"
    );
    let folder = tempfile::tempdir().unwrap();
    let service = folder.path().join("second/lenslet");
    let config = folder.path().join("lenslet.ron");
    fs::write(&config, "(listen: [\"127.0.0.1:0\"], mounts: {\"a\": Pattern()})").unwrap();
    let mut serve = lenslet();
    serve
        .env_remove("XDG_RUNTIME_DIR")
        .env("RUNTIME_DIRECTORY", &service)
        .env("STATE_DIRECTORY", folder.path());
    serve.arg("serve").arg("--config").arg(&config).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = serve.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let asked = |service: &Path| {
        let mut status = lenslet();
        status
            .env_remove("XDG_RUNTIME_DIR")
            .env("RUNTIME_DIRECTORY", service)
            .args(["config", "get"])
            .output()
            .unwrap()
    };
    assert_eq!(
        String::from_utf8(asked(&service).stdout).unwrap().trim(),
        fs::read_to_string(&config).unwrap()
    );
    assert!(!asked(Path::new(NO_DAEMONS)).status.success());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_socket_that_may_not_be_opened_is_not_nobody() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let run = folder.path().join("lenslet");
    fs::create_dir(&run).unwrap();
    let _listens = std::os::unix::net::UnixListener::bind(run.join("control.sock")).unwrap();
    fs::set_permissions(run.join("control.sock"), fs::Permissions::from_mode(0o600)).unwrap();
    // Nobody's own copy: folders on the way to the other may be closed.
    let copy = folder.path().join("program");
    fs::copy(lenslet().get_program(), &copy).unwrap();
    for words in COMMANDS {
        let mut command = std::process::Command::new(&copy);
        command.args(words).uid(65534).gid(65534).env("XDG_RUNTIME_DIR", folder.path());
        let said = complaint(&command.stdin(Stdio::null()).output().unwrap());
        assert!(said.contains("may not be opened by this user"), "{words:?}: {said}");
    }
}

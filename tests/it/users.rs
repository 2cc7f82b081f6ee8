//! Users and bans, as people make them: with the daemon and without it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Instant;

use lenslet::control::client::Blocking;
use lenslet::control::protocol::{Ask, OpenTo, Reply, Status};

use crate::access::Visitor;
use crate::support::{Client, PATIENCE, Server, lenslet};

/// What stands in no log, status or file.
const MARKER: &str = "marker-p:%\"\\ä";

/// Runs a command on what is kept in a folder, by the daemon at a socket or, where there is none, without one, with
/// something piped in.
pub(crate) fn run(state: &Path, control: &Path, words: &[&str], piped: &str) -> Output {
    let mut command = lenslet();
    command.args(words);
    if words[0] == "serve" || control.exists() {
        command.arg("--control").arg(control);
    } else if words[0] != "check" && !words.contains(&"--config") {
        command.arg("--config").arg(alone(state, control));
    }
    let mut child = command
        .env("STATE_DIRECTORY", state)
        .env_remove("XDG_RUNTIME_DIR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who reads nothing has ended before.
    let _ = child.stdin.take().unwrap().write_all(piped.as_bytes());
    child.wait_with_output().unwrap()
}

/// A configuration whose daemon would listen at this socket, and does not: no command asks this machine's in its stead.
fn alone(state: &Path, control: &Path) -> PathBuf {
    let config = state.join("alone.ron");
    fs::write(&config, format!("(control_socket: {control:?})")).unwrap();
    config
}

/// Where no daemon is.
struct Alone(tempfile::TempDir);

impl Alone {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, words: &[&str], piped: &str) -> Output {
        run(self.0.path(), &self.0.path().join("none.sock"), words, piped)
    }

    fn said(&self, words: &[&str], piped: &str) -> String {
        let output = self.run(words, piped);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn complaint(&self, words: &[&str], piped: &str) -> String {
        let output = self.run(words, piped);
        assert!(!output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

pub(crate) fn by_daemon(server: &Server, words: &[&str], piped: &str) -> String {
    let output = run(server.state(), &server.control(), words, piped);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn status(server: &Server) -> Status {
    let mut client = Blocking::connect(&server.control()).unwrap();
    match client.ask(Ask::Status { every_ms: None }).unwrap() {
        Reply::Status(status) => *status,
        other => panic!("{other:?}"),
    }
}

/// The first status that is as it shall be.
pub(crate) fn wait(server: &Server, is_so: impl Fn(&Status) -> bool) -> Status {
    let mut client = Blocking::connect(&server.control()).unwrap();
    let (mut found, until) = (None, Instant::now() + PATIENCE);
    let seen = client.watch(Ask::Status { every_ms: Some(100) }, |reply| {
        let Reply::Status(status) = reply else { panic!("{reply:?}") };
        assert!(Instant::now() < until, "it does not come to that: {status:?}");
        let is_so = is_so(&status);
        found = Some(*status);
        if is_so { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    });
    seen.unwrap();
    found.unwrap()
}

const ADD: [&str; 4] = ["user", "add", "anna", "--password-stdin"];

#[test]
fn users_are_made_where_no_daemon_runs() {
    let alone = Alone::new();
    assert!(alone.said(&["user", "list"], "").starts_with("There are no users"));
    let said = alone.said(&ADD, &format!("{MARKER}\n"));
    assert!(said.starts_with("\"anna\" is a user and may watch every mount\n"), "{said}");
    let nvr = ["user", "add", "nvr", "--password-stdin", "--may-read", "cam", "--may-read", "floor1/*"];
    alone.said(&nvr, "secret");
    alone.said(&["user", "rights", "nvr", "--may-control", "cam"], "");
    alone.said(&["user", "passwd", "nvr", "--password-stdin"], "other");
    let listed = "USER  MAY READ       MAY CONTROL\nanna  *              -\nnvr   cam, floor1/*  cam\n";
    assert_eq!(alone.said(&["user", "list"], ""), listed);
    let file = alone.0.path().join("users.ron");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("marker") && !text.contains("other"), "{text}");
    for (words, piped, complaint) in [
        (&ADD[..], "x", "there is a user \"anna\" already"),
        (&["user", "add", "a:b", "--password-stdin"], "x", "no name for a user"),
        (&["user", "add", "bob", "--password-stdin"], "\n", "the password is empty"),
        (&["user", "add", "bob"], "secret\n", "--password-stdin"),
        (&["user", "add", "bob", "secret"], "", "unexpected argument"),
        (&["user", "rights", "anna"], "", "which rights?"),
        (&["user", "remove", "bob"], "", "there is no user \"bob\""),
    ] {
        let said = alone.complaint(words, piped);
        assert!(said.contains(complaint), "{words:?}: {said}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "nothing has changed");
    alone.said(&["user", "remove", "nvr"], "");
    assert!(!alone.said(&["user", "list"], "").contains("nvr"));
}

#[test]
fn a_file_of_users_that_others_may_read_is_refused_by_everybody() {
    let alone = Alone::new();
    alone.said(&ADD, "secret");
    let file = alone.0.path().join("users.ron");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    for words in [&["user", "list"][..], &["user", "remove", "anna"], &["serve"], &["check"]] {
        let said = alone.complaint(words, "");
        assert!(
            said.contains("others may read it (mode 0644)") && said.contains("chmod 600"),
            "{words:?}: {said}"
        );
    }
}

#[test]
fn a_password_is_typed_twice_and_not_shown() {
    for (again, taken) in [("geheim-1", true), ("geheim-2", false)] {
        let alone = Alone::new();
        let pty = nix::pty::openpty(None, None).unwrap();
        let terminal = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut child = lenslet()
            .args(["user", "add", "anna", "--config"])
            .arg(self::alone(alone.0.path(), &alone.0.path().join("none.sock")))
            .env("STATE_DIRECTORY", alone.0.path())
            .env_remove("XDG_RUNTIME_DIR")
            .stdin(terminal())
            .stdout(terminal())
            .stderr(terminal())
            .spawn()
            .unwrap();
        let mut master = fs::File::from(pty.master);
        let mut shown = String::new();
        for (question, answer) in [("Password for anna: ", "geheim-1"), ("Again: ", again)] {
            while !shown.ends_with(question) {
                let mut piece = [0; 256];
                let read = master.read(&mut piece).unwrap();
                shown += std::str::from_utf8(&piece[..read]).unwrap();
            }
            master.write_all(format!("{answer}\r").as_bytes()).unwrap();
        }
        assert_eq!(child.wait().unwrap().success(), taken);
        drop(pty.slave);
        // The end of a terminal that nobody has open is an error.
        let mut rest = Vec::new();
        let _ = master.read_to_end(&mut rest);
        shown += &String::from_utf8(rest).unwrap();
        assert!(!shown.contains("geheim"), "{shown}");
        assert_eq!(alone.said(&["user", "list"], "").contains("anna"), taken);
    }
}

/// What a user is answered who asks what a mount is.
fn answered(server: &Server, user: &'static str, password: &'static str) -> u16 {
    let mut visitor = Visitor::over(Client::connect(server), user, password);
    visitor.ask("DESCRIBE", &server.url("test"), &[]).status
}

#[test]
fn what_is_changed_holds_for_clients_at_once() {
    let server = Server::on("127.0.0.1", "access: (exempt: [\"127.0.0.0/8\"]),", crate::support::MOUNTS);
    let mut early = Client::connect(&server);
    let url = server.url("test");
    let session = early.set_up_tcp(&url);
    assert_eq!(early.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]).status, 200);
    by_daemon(&server, &ADD, MARKER);
    // Who was there without a password is not let stay.
    while early.next_reply().is_some() {}
    assert_eq!(answered(&server, "anna", MARKER), 200);
    assert_eq!(answered(&server, "anna", "wrong"), 401);
    assert_eq!(answered(&server, "bob", MARKER), 401);
    by_daemon(&server, &["user", "passwd", "anna", "--password-stdin"], "other");
    assert_eq!((answered(&server, "anna", MARKER), answered(&server, "anna", "other")), (401, 200));
    by_daemon(&server, &["user", "rights", "anna", "--may-read", "live/*"], "");
    assert_eq!(answered(&server, "anna", "other"), 403);
    by_daemon(&server, &["user", "rights", "anna", "--may-read", "test"], "");
    assert_eq!(answered(&server, "anna", "other"), 200);
    let told = wait(&server, |status| {
        let mut whats = status.audit.iter().map(|entry| (entry.who.as_deref(), entry.what.as_str()));
        whats.any(|(who, what)| who == Some("bob") && what.contains("wrong user or password"))
    });
    let signed_in = told.audit.iter().find(|entry| entry.what == "signed in to test").unwrap();
    assert_eq!((signed_in.who.as_deref(), signed_in.address.as_deref()), (Some("anna"), Some("127.0.0.1")));
    server.logged(&["WARN", "access", "wrong user or password", "bob", "127.0.0.1"]);
    let refused = by_daemon(&server, &["config", "set", "access.deny", "[\"127.0.0.1\"]"], "");
    assert!(refused.contains("access holds at once"), "{refused}");
    let name = lenslet::config::store::author(nix::unistd::geteuid().as_raw());
    let changed = status(&server);
    let entry = changed.audit.iter().find(|entry| entry.what.starts_with("the configuration is version"));
    assert_eq!(entry.unwrap().who.as_deref(), Some(name.as_str()));
    let reply = Client::connect(&server).ask(&[&format!("OPTIONS {url} RTSP/1.0")]);
    assert_eq!(reply.status, 403, "{reply:?}");
}

#[test]
fn users_of_another_realm_may_still_sign_in() {
    let mut server = Server::start();
    by_daemon(&server, &ADD, MARKER);
    by_daemon(&server, &["config", "set", "access", "(realm: \"Porch\")"], "");
    let odd = |status: &Status| {
        status.alarms.iter().any(|alarm| alarm.id == "access/realm" && alarm.ended_at.is_none())
    };
    wait(&server, odd);
    assert_eq!(answered(&server, "anna", MARKER), 200);
    server.restart();
    assert_eq!(answered(&server, "anna", MARKER), 200);
    by_daemon(&server, &["user", "remove", "anna"], "");
    by_daemon(&server, &ADD, MARKER);
    wait(&server, |status| !odd(status));
    assert_eq!(answered(&server, "anna", MARKER), 200);
}

#[test]
fn users_change_while_the_daemon_runs() {
    let server = Server::start();
    let before = status(&server);
    assert_eq!((before.access.users, before.access.open_to), (0, OpenTo::Private));
    let said = by_daemon(&server, &ADD, MARKER);
    assert!(said.contains("From now on nobody watches without a password"), "{said}");
    let after = status(&server);
    assert_eq!((after.access.users, after.access.open_to), (1, OpenTo::Users));
    let entry = &after.audit[0];
    assert!(entry.what.contains("\"anna\" is a user"), "{entry:?}");
    let name = lenslet::config::store::author(nix::unistd::geteuid().as_raw());
    assert_eq!(entry.who.as_deref(), Some(name.as_str()));
    // Another program, or a person without the daemon, writes the file.
    let nowhere = server.state().join("none.sock");
    let words = ["user", "add", "bob", "--password-stdin"];
    assert!(run(server.state(), &nowhere, &words, "secret").status.success());
    wait(&server, |status| status.access.users == 2);
    let listed = by_daemon(&server, &["user", "list"], "");
    assert!(listed.contains("anna") && listed.contains("bob"), "{listed}");
    by_daemon(&server, &["user", "remove", "bob"], "");
    let said = by_daemon(&server, &["user", "remove", "anna"], "");
    assert!(said.contains("There are no users any more"), "{said}");
    assert_eq!(status(&server).access.open_to, OpenTo::Private);
    server.logged(&["access", "is no user any more"]);
}

#[test]
fn a_users_file_that_goes_wrong_lets_nobody_in_and_is_an_alarm() {
    let server = Server::start();
    by_daemon(&server, &ADD, "secret");
    let file = server.state().join("users.ron");
    let right = fs::read(&file).unwrap();
    let alarm = |status: &Status| {
        status.alarms.iter().any(|alarm| alarm.id == "access/users-file" && alarm.ended_at.is_none())
    };
    let wrongs: [&dyn Fn(); 3] = [
        &|| fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).unwrap(),
        &|| fs::write(&file, "(realm").unwrap(),
        &|| fs::remove_file(&file).unwrap(),
    ];
    for wrong in wrongs {
        wrong();
        let status = wait(&server, alarm);
        assert_eq!((status.access.users, status.access.open_to), (1, OpenTo::Users));
        fs::write(&file, &right).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        wait(&server, |status| !alarm(status));
    }
}

fn users_file_alarm(status: &Status) -> Option<String> {
    let alarm =
        status.alarms.iter().find(|alarm| alarm.id == "access/users-file" && alarm.ended_at.is_none())?;
    Some(format!("{}; {}", alarm.why, alarm.what_to_do))
}

#[test]
fn where_users_signed_in_before_a_missing_file_lets_nobody_in() {
    let mut server = Server::start();
    by_daemon(&server, &ADD, "secret");
    assert_eq!(answered(&server, "anna", "secret"), 200);
    let file = server.state().join("users.ron");
    let right = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    server.restart();
    let lost = wait(&server, |status| users_file_alarm(status).is_some());
    assert_eq!((lost.access.users, lost.access.open_to), (0, OpenTo::Users));
    let told = users_file_alarm(&lost).unwrap();
    for part in
        ["users signed in before", "nobody but this machine", "`lenslet restore`", "`lenslet user add NAME`"]
    {
        assert!(told.contains(part), "{told}");
    }
    assert!(by_daemon(&server, &["status"], "").contains("this machine alone is answered"));
    // It comes back, and so does who was in it.
    fs::write(&file, &right).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    wait(&server, |status| users_file_alarm(status).is_none() && status.access.users == 1);
    assert_eq!((answered(&server, "anna", "secret"), answered(&server, "anna", "other")), (200, 401));
    // Who wants no users has none.
    by_daemon(&server, &["user", "remove", "anna"], "");
    server.restart();
    let open = status(&server);
    assert_eq!((open.access.open_to, users_file_alarm(&open)), (OpenTo::Private, None));
}

#[test]
fn a_users_file_that_is_named_and_is_not_there_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.ron");
    let server = Server::on("127.0.0.1", &format!("access: (users_file: {file:?}),"), crate::support::MOUNTS);
    let lost = wait(&server, |status| users_file_alarm(status).is_some());
    assert_eq!(lost.access.open_to, OpenTo::Users);
    assert!(users_file_alarm(&lost).unwrap().contains("access.users_file names it"));
    assert!(by_daemon(&server, &["user", "list"], "").contains("nobody but this machine watches"));
    let output = lenslet().args(["check", "--config"]).arg(server.config()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nobody but this machine watches"), "{said}");
    by_daemon(&server, &ADD, "secret");
    wait(&server, |status| users_file_alarm(status).is_none());
    assert_eq!(answered(&server, "anna", "secret"), 200);
}

#[test]
fn what_a_first_user_and_a_ban_of_everybody_change_is_said() {
    let server = Server::start();
    let said = by_daemon(&server, &ADD, "secret");
    for part in ["from outside private networks too", "lenslet config set access.allow"] {
        assert!(said.contains(part), "{said}");
    }
    let said = by_daemon(&server, &["user", "add", "bob", "--password-stdin"], "secret");
    assert!(!said.contains("outside"), "{said}");
    for name in ["a\"b", "a\\b"] {
        let words = ["user", "add", name, "--password-stdin"];
        let output = run(server.state(), &server.control(), &words, "secret");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("ffmpeg and others cannot sign in"), "{said}");
    }
    by_daemon(&server, &["ban", "add", "203.0.113.7"], "");
    by_daemon(&server, &["ban", "add", "198.51.100.0/24"], "");
    by_daemon(&server, &["ban", "add", "2001:db8::5"], "");
    let said = by_daemon(&server, &["ban", "lift", "0.0.0.0/0"], "");
    assert!(said.starts_with("198.51.100.0/24, 203.0.113.7 are not banned any more"), "{said}");
    for everybody in ["0.0.0.0/0", "::/0"] {
        let said = by_daemon(&server, &["ban", "add", everybody], "");
        let words = format!("That is everybody, users too: `lenslet ban lift {everybody}`");
        assert!(said.contains(&words), "{said}");
    }
    let said = by_daemon(&server, &["ban", "lift", "::/0"], "");
    assert!(said.starts_with("2001:db8::/64, ::/0") || said.starts_with("::/0, 2001:db8::/64"), "{said}");
}

#[test]
fn bans_outlive_the_daemon_and_are_lifted() {
    let mut server = Server::start();
    by_daemon(&server, &["ban", "add", "203.0.113.7", "--for", "2h", "--why", "a scanner"], "");
    by_daemon(&server, &["ban", "add", "2001:db8::5"], "");
    by_daemon(&server, &["ban", "add", "198.51.100.0/24", "--for", "1d"], "");
    let listed = by_daemon(&server, &["ban", "list"], "");
    let first = "ADDRESS          FOR      WHY\n203.0.113.7      119 min  a scanner\n";
    assert!(listed.starts_with(first) && listed.contains("2001:db8::/64"), "{listed}");
    assert_eq!(status(&server).access.bans, 3);
    assert!(status(&server).audit.iter().any(|entry| entry.what.contains("203.0.113.7 is banned until")));
    server.restart();
    assert_eq!(status(&server).access.bans, 3);
    by_daemon(&server, &["ban", "lift", "203.0.113.7"], "");
    assert_eq!(status(&server).access.bans, 2);
    let output = run(server.state(), &server.control(), &["ban", "lift", "203.0.113.7"], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("203.0.113.7 is not banned"), "{output:?}");
    let wrong = run(server.state(), &server.control(), &["ban", "add", "porch"], "");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("is no network"), "{wrong:?}");
    let (state, _) = server.end();
    let nowhere = state.path().join("none.sock");
    let left = run(state.path(), &nowhere, &["ban", "list", "--json"], "");
    assert!(String::from_utf8_lossy(&left.stdout).contains("198.51.100.0/24"), "{left:?}");
    assert!(run(state.path(), &nowhere, &["ban", "lift", "198.51.100.0/24"], "").status.success());
    let left = run(state.path(), &nowhere, &["ban", "list"], "");
    assert!(!String::from_utf8_lossy(&left.stdout).contains("198.51.100.0"), "{left:?}");
}

#[test]
fn a_right_of_no_mount_is_given_and_doubted() {
    let server = Server::start();
    let complaint = |words: &[&str]| {
        let output = run(server.state(), &server.control(), words, "secret");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    fn add<'a>(rights: &[&'a str]) -> Vec<&'a str> {
        [&["user", "add", "anna", "--password-stdin"], rights].concat()
    }
    let said = complaint(&add(&["--may-read", "test", "--may-read", "porch", "--may-control", "live*"]));
    assert!(
        said.contains("there is no mount \"porch\" now") && said.contains("\"live*\" names no mount"),
        "{said}"
    );
    assert!(
        !said.contains("\"test\"")
            && by_daemon(&server, &["user", "list"], "").contains("test, porch  live*")
    );
    for rights in
        [&["--may-read", "*"][..], &["--may-read", "live/*"], &["--may-control", "test"], &["--may-read", ""]]
    {
        assert_eq!(complaint(&[&["user", "rights", "anna"], rights].concat()), "", "{rights:?}");
    }
    assert!(by_daemon(&server, &["user", "list"], "").contains("anna  -         test"));
    // Without the daemon the configuration says what there is.
    let alone = Alone::new();
    let config = alone.0.path().join("lenslet.ron");
    let nowhere = alone.0.path().join("none.sock");
    fs::write(&config, format!("(control_socket: {nowhere:?}, mounts: {{ \"test\": Pattern() }})")).unwrap();
    let words = add(&["--may-read", "porch", "--config", config.to_str().unwrap()]);
    let output = alone.run(&words, "secret");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("there is no mount \"porch\" now"),
        "{output:?}"
    );
}

#[test]
fn the_help_of_rights_says_what_they_are_and_shows_some() {
    let alone = Alone::new();
    let output = lenslet().args(["user", "rights", "--help"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for line in said.lines().filter(|line| line.starts_with("  lenslet user rights anna ")) {
        let words: Vec<String> =
            line.split("  ").nth(1).unwrap().split(' ').skip(1).map(|word| word.replace('\'', "")).collect();
        let _ = alone.run(&["user", "add", "anna", "--password-stdin"], "secret");
        alone.said(&words.iter().map(String::as_str).collect::<Vec<_>>(), "");
    }
    assert!(said.matches("  lenslet user rights anna ").count() >= 3, "{said}");
}

#[test]
fn a_server_that_is_open_to_the_world_says_so() {
    let server = Server::on("127.0.0.1", "access: (open_to_world: true),", crate::support::MOUNTS);
    let lasts = |status: &Status| {
        let mut alarms = status.alarms.iter().filter(|alarm| alarm.ended_at.is_none());
        alarms.any(|alarm| alarm.id == "access/open-to-world")
    };
    let open = wait(&server, lasts);
    assert_eq!(open.access.open_to, OpenTo::World);
    assert!(by_daemon(&server, &["user", "list"], "").contains("everybody in the world may watch"));
    by_daemon(&server, &ADD, "secret");
    wait(&server, |status| !lasts(status));
    assert_eq!(status(&server).access.open_to, OpenTo::Users);
}

#[test]
fn what_is_secret_stands_nowhere_but_in_the_users_file() {
    let server = Server::by(lenslet().args(["-vv", "serve"]), crate::support::MOUNTS);
    let state = server.state().to_owned();
    by_daemon(&server, &ADD, MARKER);
    by_daemon(&server, &["user", "passwd", "anna", "--password-stdin"], MARKER);
    // What is refused is not repeated either.
    for words in [&ADD[..], &["user", "passwd", "nobody", "--password-stdin"]] {
        let output = run(&state, &server.control(), words, MARKER);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !said.contains("marker"), "{said}");
    }
    let hashes = hashes(&fs::read_to_string(state.join("users.ron")).unwrap());
    assert_eq!(hashes.len(), 2);
    let mut client = Blocking::connect(&server.control()).unwrap();
    let told = client.ask(Ask::Status { every_ms: None }).unwrap();
    let mut everything = vec![serde_json::to_string(&told).unwrap()];
    for words in
        [&["config", "get"][..], &["status"], &["user", "list", "--json"], &["config", "history"], &["log"]]
    {
        everything.push(by_daemon(&server, words, ""));
    }
    let (state, said) = server.end();
    everything.extend(said);
    for file in files(state.path()) {
        if !file.ends_with("users.ron") {
            everything.push(String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned());
        }
    }
    assert!(everything.len() > 20, "it said something: {everything:?}");
    for text in &everything {
        let leaked = text.contains("marker") || hashes.iter().any(|hash| text.contains(hash.as_str()));
        assert!(!leaked, "{text}");
    }
}

/// What is as good as a password: texts of 32 and 64 hexadecimal digits.
fn hashes(text: &str) -> Vec<String> {
    let hexadecimal = |word: &&str| word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split('"').filter(hexadecimal).map(str::to_owned).collect()
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// Else nobody would be asked for a password after the next start.
#[test]
fn what_is_kept_is_not_looked_for_where_no_users_are() {
    let server = Server::start();
    by_daemon(&server, &ADD, MARKER);
    let elsewhere = server.state().join("elsewhere");
    let set = |place: &Path| {
        run(server.state(), &server.control(), &["config", "set", "state_dir", &format!("{place:?}")], "")
    };
    let refused = set(&elsewhere);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{refused:?}");
    assert!(why.contains("nobody would be asked for a password") && why.contains("cp -a "), "{why}");
    assert!(!by_daemon(&server, &["config", "get"], "").contains("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    fs::copy(server.state().join("users.ron"), elsewhere.join("users.ron")).unwrap();
    let taken = set(&elsewhere);
    assert!(taken.status.success(), "{taken:?}");
}

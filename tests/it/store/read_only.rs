//! A root that is read-only: nothing is changed, and everybody is served.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use lenslet::control::client::{Blocking, Error};
use lenslet::control::protocol::{Ask, ConfigRequest, Reply};

use crate::support::{Client, Rtp};

/// Has `etc` and `state` read-only for the program that follows, and for nobody else.
const READ_ONLY: &str = r#"
for folder in etc state; do
    mount --bind "$1/$folder" "$1/$folder" && mount -o remount,ro,bind "$1/$folder" || exit 1
done
shift
exec "$@"
"#;

#[test]
fn on_a_read_only_root_edits_are_refused_with_the_reason_and_readers_read_on() {
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]);
    if !unshare.output().is_ok_and(|done| done.status.success()) {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "unshare cannot mount");
        println!("SKIPPED: unshare cannot mount here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    ["etc", "state", "run"].iter().for_each(|name| fs::create_dir(path(name)).unwrap());
    let file = path("etc/lenslet.ron");
    let text = "(listen: [\"127.0.0.1:0\"], mounts: {\"a\": Pattern(width: 64, height: 48)})";
    fs::write(&file, text).unwrap();
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", READ_ONLY, "sh"]).arg(folder.path());
    command.arg(super::PROGRAM).args(["serve", "--config"]).arg(&file);
    command.env("STATE_DIRECTORY", path("state")).env("XDG_RUNTIME_DIR", path("run"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on rtsp://").unwrap();
    let mut client = Client::at(address.parse().unwrap());
    let url = format!("rtsp://{address}/a");
    let session = client.set_up_tcp(&url);
    assert_eq!(client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]).status, 200);
    let first = Rtp::parse(&client.next_frame(0));
    let mut control = Blocking::connect(&path("run/lenslet/control.sock")).unwrap();
    let set = ConfigRequest::Set { path: "workers".to_owned(), value: "2".to_owned(), base: None };
    let Err(Error::Refused(refusal)) = control.ask(set) else { panic!("it is written") };
    assert_eq!(refusal.what, "not-written");
    assert!(refusal.why.contains("read-only file system: remount it"), "{refusal:?}");
    let Reply::Status(status) = control.ask(Ask::Status { every_ms: None }).unwrap() else { panic!() };
    let why = status.config.read_only.unwrap();
    assert!(why.contains("read-only file system"), "{why}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(Rtp::parse(&client.next_frame(0)).seq, first.seq.wrapping_add(1), "nothing is missing");
    // Written again, and not any more: told at the first change that fails.
    let remount = |how: &str| {
        for name in ["etc", "state"] {
            let mut mount = Command::new("nsenter");
            mount.args(["-t", &child.id().to_string(), "-m", "mount", "-o", &format!("remount,{how},bind")]);
            assert!(mount.arg(path(name)).status().unwrap().success(), "{how} {name}");
        }
    };
    let mut set = |value: &str| {
        let set = ConfigRequest::Set { path: "workers".to_owned(), value: value.to_owned(), base: None };
        let done = control.ask(set).is_ok();
        let Reply::Status(status) = control.ask(Ask::Status { every_ms: None }).unwrap() else { panic!() };
        (done, status.config.read_only.is_some())
    };
    remount("rw");
    assert_eq!(set("2"), (true, false));
    remount("ro");
    assert_eq!(set("3"), (false, true));
    child.kill().unwrap();
    child.wait().unwrap();
}

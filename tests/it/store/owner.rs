//! A daemon that may write into the folder and is not the file's owner.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use lenslet::control::client::Blocking;
use lenslet::control::protocol::ConfigRequest;

use super::{PROGRAM, Place};

const NOBODY: u32 = 65_534;
/// A group that nobody is in.
const STRANGERS: u32 = 54_321;

#[test]
fn a_daemon_that_may_give_files_to_nobody_saves_all_the_same() {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "this is not root");
        println!("SKIPPED: this is not root, who may be somebody else");
        return;
    }
    for (group, stays) in [(NOBODY, "its group and mode stay"), (STRANGERS, "its mode stays")] {
        let text =
            "(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {\"a\": Pattern(width: 64, height: 48)})";
        let place = Place::with(text);
        chown(place.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        chown(place.file(), Some(0), Some(group)).unwrap();
        fs::set_permissions(place.file(), fs::Permissions::from_mode(0o644)).unwrap();
        let mut serve = place.command(PROGRAM, &["serve"]);
        serve.uid(NOBODY).gid(NOBODY).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = serve.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.next().unwrap().starts_with("listening on"));
        let mut control = Blocking::connect(&place.control()).unwrap();
        let set = ConfigRequest::Set { path: "max_sessions".to_owned(), value: "7".to_owned(), base: None };
        let done = control.ask(set);
        assert!(done.is_ok(), "{done:?}");
        assert!(fs::read_to_string(place.file()).unwrap().contains("max_sessions: 7"));
        let now = fs::metadata(place.file()).unwrap();
        assert_eq!((now.uid(), now.gid(), now.mode() & 0o7777), (NOBODY, NOBODY, 0o644));
        let told = log.find(|line| line.contains("it belonged to user 0"));
        assert!(told.as_ref().is_some_and(|line| line.contains(stays)), "{told:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

//! Another program takes the place of one that runs, which may take its time to end, or not end at all.

use std::fs;
use std::path::Path;

use lenslet::config::store::hash;
use lenslet::control::client::{Blocking, Error};
use lenslet::control::protocol::{Base, Change, ConfigRequest, Reply};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{Camera, Player, pid, slices};
use crate::support::Server;

/// A program that passes over SIGTERM and tells its number.
fn stubborn(camera: &Camera, file: &Path) -> String {
    let pictures = camera.command("5000");
    format!("sh -c 'trap \"\" TERM; echo $$ > {}; {pictures}; true'", file.display())
}

fn mounts(cam: &str, first: u32) -> String {
    let pattern = |fps: u32| format!("Pattern(width: 64, height: 48, fps: {fps})");
    format!(
        "mounts: {{\"a\": {}, \"cam\": Command(command: {cam:?}, fps: 100), \"z\": {}}}",
        pattern(first),
        pattern(first)
    )
}

fn apply(server: &Server, mounts: &str) -> Result<Vec<(String, Change)>, String> {
    let text = format!("(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), {mounts})");
    let base = Base::Hash(hash(&fs::read(server.config()).unwrap()));
    let request = ConfigRequest::Apply { text, base };
    match Blocking::connect(&server.control()).unwrap().ask(request) {
        Ok(Reply::Plan(plan)) => {
            Ok(plan.mounts.into_iter().map(|change| (change.mount, change.change)).collect())
        }
        Err(Error::Refused(refusal)) => Err(refusal.why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_that_passes_over_sigterm_is_replaced_while_somebody_watches() {
    let Some(camera) = Camera::new() else { return };
    let server = Server::with(&mounts(&stubborn(&camera, &camera.file("old")), 10));
    let mut player = Player::play(&server);
    player.picture();
    let old = pid(&camera.file("old"));
    let told = apply(&server, &mounts(&camera.command("say:another 5000"), 10)).unwrap();
    assert!(told.contains(&("cam".to_owned(), Change::Restarted)), "{told:?}");
    server.logged(&["it says: another"]);
    assert!(!crate::command::is_running(old));
    assert!(!slices(&player.picture().data).is_empty());
}

#[test]
fn where_one_source_does_not_end_nothing_is_applied() {
    let Some(camera) = Camera::new() else { return };
    let server = Server::with(&mounts(&stubborn(&camera, &camera.file("old")), 10));
    let mut player = Player::play(&server);
    player.picture();
    let file = fs::read_to_string(server.config()).unwrap();
    let before = fs::read_to_string(format!("/proc/{}/stat", pid(&camera.file("old")))).unwrap();
    let keeper: i32 = before.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    // Who waits for it waits as for one that hangs in the kernel.
    kill(Pid::from_raw(keeper), Signal::SIGSTOP).unwrap();
    let told = apply(&server, &mounts("cat /dev/zero", 20));
    kill(Pid::from_raw(keeper), Signal::SIGCONT).unwrap();
    let why = told.unwrap_err();
    assert!(why.contains("cam: its source does not end"), "{why}");
    assert_eq!(fs::read_to_string(server.config()).unwrap(), file);
    // It goes on, and so do the others, as what is written says.
    assert!(!slices(&player.picture().data).is_empty());
    for mount in ["a", "z"] {
        let mut player = Player::of(&server, mount);
        let times: Vec<u32> = (0..4).map(|_| player.picture().timestamp).collect();
        let steps: Vec<u32> = times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        assert!(steps.iter().all(|step| *step > 6000), "{mount}: 10 pictures a second, not 20: {steps:?}");
    }
    let told = apply(&server, &mounts(&camera.command("5000"), 20)).unwrap();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|(_, change)| *change == Change::Restarted), "{told:?}");
}

//! Panics in a running program: what panics is ended and begun again, and nobody else notices. Only builds for developers can
//! be made to (`source::panics`).

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{Camera, Player, family, is_running, members, until_it_begins_again};
use crate::support::{Server, lenslet};

/// The lab's machine is slow.
const LONG: Duration = Duration::from_secs(60);

/// A server of two mounts, `cam` and one beside it, which panics at what `panics` has a file of.
fn serve(cam: &str, panics: &std::path::Path) -> Server {
    let text = format!(
        "(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {{
            \"cam\": {cam}, \"other\": Pattern(width: 64, height: 48, fps: 30),
        }})"
    );
    Server::run_text(lenslet().arg("serve").env("LENSLET_TEST_PANICS", panics), &text)
}

#[test]
fn a_keeper_that_panics_ends_all_of_its_program_which_begins_again() {
    let Some(camera) = Camera::new().filter(|_| cfg!(debug_assertions)) else { return };
    let panics = camera.file("panics");
    fs::create_dir(&panics).unwrap();
    let command = family(&camera, &camera.command("20 wait:FOLDER/never"));
    let server = serve(&format!("Command(command: {command:?}, fps: 100, silence: 60)"), &panics);
    let (mut player, mut other) = (Player::play(&server), Player::of(&server, "other"));
    player.picture();
    let first = members(&camera);
    assert!(first.into_iter().all(is_running));
    for name in ["shell", "grandchild", "session", "orphan"] {
        fs::remove_file(camera.file(name)).unwrap();
    }
    fs::write(panics.join("keeper"), "").unwrap();
    // It looks when something happens: one of its own children ends.
    kill(Pid::from_raw(first[3].cast_signed()), Signal::SIGKILL).unwrap();
    until_it_begins_again(&mut player);
    assert!(!first.into_iter().any(is_running), "those who left for sessions of their own too");
    assert!(members(&camera).into_iter().all(is_running));
    other.picture();
    server.logged(&["sh ended with its keeper, a process of Lenslet's in which there was an error"]);
}

/// Waits until a camera's own pictures come, three seconds of them: what stands in for it comes once a second, and some of
/// them may be from before.
fn until_it_plays(player: &mut Player, what: &str) {
    let (began, mut last, mut steady) = (Instant::now(), player.picture().timestamp, 0);
    while steady < 45 {
        assert!(began.elapsed() < LONG, "{what}");
        let time = player.picture().timestamp;
        steady = if time.wrapping_sub(std::mem::replace(&mut last, time)) < 45_000 { steady + 1 } else { 0 };
    }
}

#[test]
#[ignore = "needs a camera and an encoder: tests/lab/run gives them in LAB_CAMERA"]
fn a_panic_in_capture_or_encoder_takes_that_camera_down_alone_and_it_comes_back() {
    let device =
        PathBuf::from(std::env::var_os("LAB_CAMERA").expect("LAB_CAMERA is a camera of raw pictures"));
    for (encode, kinds) in [
        ("Software", &["capture", "encoder"][..]),
        // Opening it is on a thread of its own: what panicked before has it opened.
        ("Hardware", &["capture", "encoder", "opening"]),
    ] {
        let panics = tempfile::tempdir().unwrap();
        let cam = format!("Camera(device: {device:?}, width: 320, height: 180, fps: 15, encode: {encode})");
        let server = serve(&cam, panics.path());
        let mut player = Player::of(&server, "cam");
        let mut other = Player::of(&server, "other");
        until_it_plays(&mut player, encode);
        for kind in kinds {
            let what = format!("{encode}: {kind}");
            let mut planned = vec![*kind];
            if *kind == "opening" {
                planned.push("capture");
            }
            for name in &planned {
                fs::write(panics.path().join(name), "").unwrap();
            }
            let began = Instant::now();
            while planned.iter().any(|name| panics.path().join(name).exists()) {
                assert!(began.elapsed() < LONG, "nothing panics: {what}");
                other.picture();
            }
            let told = match *kind {
                "opening" => "opening it: an error in Lenslet itself",
                _ => &format!("an error in Lenslet itself: {kind}: on purpose"),
            };
            server.logged(&["mount=\"cam\"", told]);
            // No packet is missing, time goes on, and its connection is the same.
            until_it_plays(&mut player, &what);
            other.picture();
            println!("{what}: plays again after {:.1} s", began.elapsed().as_secs_f64());
        }
        assert!(server.stop(), "{encode}");
    }
}

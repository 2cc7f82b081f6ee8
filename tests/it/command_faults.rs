//! Programs that stop where no program should, and rpicam-vid, played by a script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::command::{Camera, Player, STREAM, slices};
use crate::support::{Server, lenslet};

#[test]
fn a_program_that_stands_still_in_the_middle_of_a_picture_goes_on_with_it() {
    let Some(camera) = Camera::new() else { return };
    let server =
        camera.serve("pieces:20 halves:FOLDER/go pieces:24 wait:FOLDER/never", "fps: 100, silence: 60");
    let mut player = Player::play(&server);
    let expected = slices(&fs::read(STREAM).unwrap());
    let mut seen = Vec::new();
    while seen.len() < 20 {
        seen.extend(slices(&player.picture().data));
    }
    // Longer than a picture behind which nothing comes is waited for, and less than it takes to be silent.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(900) {
        std::thread::yield_now();
    }
    fs::write(camera.file("go"), "").unwrap();
    while seen.len() < 44 {
        seen.extend(slices(&player.picture().data));
    }
    assert_eq!(seen, expected[..44]);
}

/// A program of that name in a folder, which tells its arguments and then plays a camera.
fn program(camera: &Camera, name: &str) {
    let folder = camera.file("bin");
    fs::create_dir_all(&folder).unwrap();
    let (path, arguments) = (folder.join(name), camera.file("arguments"));
    let camera =
        camera.command("wait:FOLDER/go 60 wait:FOLDER/die once:FOLDER/died:exit:255 200 wait:FOLDER/never");
    let script = format!("#!/bin/sh\necho {name} \"$@\" > {}\nexec {camera}\n", arguments.display());
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn serve(bin: &Path, text: &str) -> Server {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = lenslet();
    command.arg("serve").env("PATH", format!("{}:{path}", bin.display()));
    Server::run_text(&mut command, text)
}

#[test]
fn the_example_of_a_pi_5_is_served_by_either_name_of_its_program_through_start_death_and_restart() {
    let example = fs::read_to_string("configs/pi5-rpicam.ron").unwrap();
    for name in ["rpicam-vid", "libcamera-vid"] {
        let Some(camera) = Camera::new() else { return };
        program(&camera, name);
        let own = "(\n    listen: [\"127.0.0.1:0\"], udp_ports: (0, 0),";
        let server = serve(&camera.file("bin"), &example.replacen("\n(", &format!("\n{own}"), 1));
        let mut player = std::thread::scope(|threads| {
            // Who comes first waits while the camera starts.
            let player = threads.spawn(|| Player::play(&server));
            while !camera.file("arguments").exists() {
                assert!(!player.is_finished());
                std::thread::yield_now();
            }
            fs::write(camera.file("go"), "").unwrap();
            player.join().unwrap()
        });
        let expected = slices(&fs::read(STREAM).unwrap());
        let mut seen = Vec::new();
        while seen.len() < 20 {
            seen.extend(slices(&player.picture().data));
        }
        // On a busy machine the second keyframe is the first that it is sent.
        let from = expected.iter().position(|slice| *slice == seen[0]).unwrap();
        assert!(seen[..20] == expected[from..from + 20], "{name}: from {from}");
        fs::write(camera.file("die"), "").unwrap();
        // Behind its death what it shows next is from its beginning; what stands in for it is none of its pictures.
        while !seen.ends_with(&expected[..30]) {
            seen.extend(slices(&player.picture().data));
        }
        server.logged(&["exit status 255"]);
        let arguments = fs::read_to_string(camera.file("arguments")).unwrap();
        assert!(arguments.starts_with(&format!("{name} -t 0 -n --camera 0 --width 1280 ")), "{arguments}");
        assert!(arguments.contains(" --inline --flush "), "{arguments}");
        assert!(arguments.trim_end().ends_with(" -o -"), "{arguments}");
    }
}

#[test]
fn a_board_without_its_program_is_told_which_package_to_install() {
    let Some(camera) = Camera::new() else { return };
    let text = "(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {\"cam\": Rpicam()})";
    let server = serve(&camera.file("bin"), text);
    assert_eq!(crate::command::describe(&server).status, 503);
    server.logged(&["there is no rpicam-vid here: install the package rpicam-apps"]);
}

//! What programs say on their standard error, however much that is, and what they print behind their pictures.

use std::fs;
use std::time::{Duration, Instant};

use crate::command::{Camera, Player, STREAM, serve, shell_quoted, slices};
use crate::support::Server;

/// What a process has taken so far: of the processor, by the kernel's hundredths of a second, and in bytes that it read.
fn taken(server: &Server) -> (Duration, u64) {
    let of = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", server.process())).unwrap();
    let stat = of("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    let io = of("io");
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    (Duration::from_millis(10 * ticks), read.parse().unwrap())
}

#[test]
fn a_program_that_says_more_than_can_be_read_gives_its_pictures_and_costs_little() {
    let Some(camera) = Camera::new() else { return };
    let script = format!("yes floods >&2 & exec {}", camera.command("300 wait:FOLDER/never"));
    let server = serve(&format!("sh -c {}", shell_quoted(&script)), "fps: 100");
    let mut player = Player::play(&server);
    let expected = slices(&fs::read(STREAM).unwrap());
    let mut seen = slices(&player.picture().data);
    let (began, before) = (Instant::now(), taken(&server));
    while seen.len() < 250 {
        seen.extend(slices(&player.picture().data));
    }
    let (after, time) = (taken(&server), began.elapsed());
    assert!(seen.iter().zip(expected.iter().cycle()).all(|(seen, expected)| seen == expected));
    server.logged(&["it says: floods"]);
    // Both are for the time that it took, however long that was. Who reads all that `yes` writes takes a core, and hundreds
    // of megabytes a second; 64 KB each five milliseconds are 13.
    let (processor, read) = (after.0 - before.0, after.1 - before.1);
    println!("{processor:?} of the processor and {} MB in {time:?}", read / 1_000_000);
    assert!(processor < time / 2, "{processor:?} of the processor in {time:?}");
    assert!((read as f64) < 40e6 * time.as_secs_f64(), "{read} bytes in {time:?}");
}

#[test]
fn what_a_program_prints_behind_its_pictures_is_told_when_it_ends_and_when_it_is_silent() {
    let Some(camera) = Camera::new() else { return };
    let pictures = camera.command("30 exit:0");
    for (then, told) in [
        ("exit 3", "exit status 3; it prints text behind its pictures: \"ERROR: camera frontend timed out\""),
        (
            "sleep 60",
            "how long it may): it prints text behind its pictures: \"ERROR: camera frontend timed out\"",
        ),
    ] {
        let script = format!("{pictures}; echo; echo ERROR: camera frontend timed out; {then}");
        let server = serve(&format!("sh -c {}", shell_quoted(&script)), "fps: 100, silence: 1");
        let mut player = Player::play(&server);
        player.picture();
        server.logged(&[told]);
        assert!(server.stop());
    }
}

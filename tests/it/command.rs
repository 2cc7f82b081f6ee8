//! Programs as mounts: what they write is served, whatever becomes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use lenslet::media::h264::nal_units;
use lenslet::rtp::{DepacketizedUnit, Depacketizer};

use crate::interop::{has, run};
use crate::support::{Client, PATIENCE, Reply, Rtp, Server};

pub(crate) const STREAM: &str = "tests/fixtures/bitstreams/clip.h264";

/// A program that stands in for a camera's: see `tests/fixtures/camera.py`.
pub(crate) struct Camera(tempfile::TempDir);

impl Camera {
    pub(crate) fn new() -> Option<Self> {
        has("python3", &["-c", ""]).then(|| Self(tempfile::tempdir().unwrap()))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Steps in which `FOLDER` is a folder of its own.
    pub(crate) fn command(&self, steps: &str) -> String {
        self.command_of(STREAM, steps)
    }

    /// The same of another stream.
    pub(crate) fn command_of(&self, stream: &str, steps: &str) -> String {
        let steps = steps.replace("FOLDER", self.0.path().to_str().unwrap());
        format!("python3 tests/fixtures/camera.py {stream} {steps}")
    }

    pub(crate) fn serve(&self, steps: &str, more: &str) -> Server {
        serve(&self.command(steps), more)
    }
}

pub(crate) fn serve(command: &str, more: &str) -> Server {
    Server::with(&format!("mounts: {{\"cam\": Command(command: {command:?}, {more})}}"))
}

pub(crate) fn describe(server: &Server) -> Reply {
    Client::connect(server).ask(&[&format!("DESCRIBE {} RTSP/1.0", server.url("cam"))])
}

/// A reader that finds no number missing and no time going back.
pub(crate) struct Player {
    client: Client,
    depacketizer: Depacketizer,
    last: Option<Rtp>,
    /// Pictures come in the order in which they are shown.
    in_order: bool,
}

impl Player {
    pub(crate) fn play(server: &Server) -> Self {
        Self::of(server, "cam")
    }

    pub(crate) fn of(server: &Server, mount: &str) -> Self {
        Self::coded(server, mount, "H264")
    }

    pub(crate) fn coded(server: &Server, mount: &str, encoding: &str) -> Self {
        let mut client = Client::connect(server);
        let url = server.url(mount);
        let session = client.set_up_tcp(&url);
        let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
        assert_eq!(reply.status, 200, "{reply:?}");
        let depacketizer = Depacketizer::new(encoding, &[]).unwrap();
        Self { client, depacketizer, last: None, in_order: encoding != "H265" }
    }

    pub(crate) fn picture(&mut self) -> DepacketizedUnit {
        loop {
            if let Some(unit) = self.depacketizer.poll_unit() {
                assert!(!unit.damaged);
                return unit;
            }
            let bytes = self.client.next_frame(0);
            let packet = Rtp::parse(&bytes);
            if let Some(last) = self.last.replace(packet) {
                assert_eq!(packet.seq, last.seq.wrapping_add(1));
                let apart = packet.timestamp.wrapping_sub(last.timestamp);
                assert!(!self.in_order || apart < 90_000 * 60, "{last:?} {packet:?}");
            }
            self.depacketizer.handle_packet(packet.timestamp, packet.marker, 0, &bytes[12..]);
        }
    }
}

/// Coded slices alone.
pub(crate) fn slices(annex_b: &[u8]) -> Vec<Vec<u8>> {
    nal_units(annex_b).filter(|nal| matches!(nal[0] & 0x1f, 1 | 5)).map(<[u8]>::to_vec).collect()
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

pub(crate) fn is_running(pid: u32) -> bool {
    // One that nobody has waited for yet is there as a zombie.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

pub(crate) fn pid(file: &Path) -> u32 {
    let mut pid = None;
    until("a program that tells its number", || {
        pid = fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
        pid.is_some()
    });
    pid.unwrap()
}

#[test]
fn a_picture_is_served_before_the_next_one_is_written() {
    let Some(camera) = Camera::new() else { return };
    let server = camera.serve("40 wait:FOLDER/go 1", "");
    let mut player = Player::play(&server);
    let expected = slices(&fs::read(STREAM).unwrap());
    let mut seen = Vec::new();
    // The program has written 40 pictures and waits for us: the last of them comes all the same.
    while seen.len() < 40 {
        seen.extend(slices(&player.picture().data));
    }
    assert_eq!(seen, expected[..40]);
    fs::write(camera.file("go"), "").unwrap();
    assert_eq!(slices(&player.picture().data), expected[40..41]);
    server.logged(&["each picture comes in one piece"]);
}

#[test]
fn pictures_in_pieces_are_served_whole() {
    let Some(camera) = Camera::new() else { return };
    let server = camera.serve("pieces:45 wait:FOLDER/never", "");
    let mut player = Player::play(&server);
    let expected = slices(&fs::read(STREAM).unwrap());
    let seen: Vec<_> = (0..44).flat_map(|_| slices(&player.picture().data)).collect();
    assert_eq!(seen, expected[..44]);
}

#[test]
fn a_reader_stays_while_the_program_dies_and_begins_again() {
    let Some(camera) = Camera::new() else { return };
    let steps = "say:hello 20 once:FOLDER/died:half once:FOLDER/dead:exit:3 20 wait:FOLDER/never";
    let server = camera.serve(steps, "fps: 100");
    let mut player = Player::play(&server);
    let expected = slices(&fs::read(STREAM).unwrap());
    let mut seen = Vec::new();
    while seen.len() < 20 + 30 {
        seen.extend(slices(&player.picture().data));
    }
    assert_eq!(seen[..20], expected[..20]);
    let again = seen.iter().skip(20).position(|slice| *slice == expected[0]);
    // Between them is the half of a picture, and what is shown instead while the program is not there.
    let again = 20 + again.expect("the second run begins with a keyframe");
    assert_eq!(seen[again..], expected[..seen.len() - again]);
    server.logged(&["it says: hello"]);
    server.logged(&["exit status 3; it said last: hello"]);
    server.logged(&["runs again"]);
}

#[test]
fn a_program_that_falls_silent_is_started_anew_after_the_time_that_is_configured() {
    let Some(camera) = Camera::new() else { return };
    let steps = "20 once:FOLDER/hung:wait:FOLDER/never 300 wait:FOLDER/never";
    let server = camera.serve(steps, "fps: 100, silence: 1");
    let mut player = Player::play(&server);
    let expected = slices(&fs::read(STREAM).unwrap());
    let mut seen = Vec::new();
    // Only the second run gives more than the first twenty.
    while !seen.contains(&expected[25]) {
        seen.extend(slices(&player.picture().data));
    }
    server.logged(&["gave no picture for 1 s (`silence` says how long it may)"]);
    server.logged(&["runs again"]);
}

#[test]
fn a_program_of_a_picture_in_three_seconds_is_signal_and_is_seen_at_once() {
    let Some(camera) = Camera::new() else { return };
    let server = camera.serve("every:3:3", "");
    let began = Instant::now();
    assert_eq!(describe(&server).status, 200);
    assert!(
        began.elapsed().as_secs_f64() < 2.9,
        "its first picture is not kept until the second: {:?}",
        began.elapsed()
    );
    let mut player = Player::play(&server);
    let expected = slices(&fs::read(STREAM).unwrap());
    let seen: Vec<_> = (0..3).flat_map(|_| slices(&player.picture().data)).collect();
    assert_eq!(seen, expected[..3], "its own pictures alone");
}

#[test]
fn a_first_reader_waits_for_a_keyframe_for_as_long_as_pictures_come() {
    let Some(camera) = Camera::new() else { return };
    // In the middle of a group, of which the rest takes longer than a source that gives nothing has.
    let server = camera.serve("skip:1 every:0.4:60 wait:FOLDER/never", "");
    let mut client = Client::connect(&server);
    client.socket().set_read_timeout(Some(PATIENCE * 4)).unwrap();
    assert_eq!(client.ask(&[&format!("DESCRIBE {} RTSP/1.0", server.url("cam"))]).status, 200);
}

#[test]
fn the_first_readers_wait_while_a_program_takes_its_time() {
    let Some(camera) = Camera::new() else { return };
    let server = camera.serve("make:FOLDER/runs wait:FOLDER/go 200 wait:FOLDER/never", "fps: 100");
    std::thread::scope(|threads| {
        let described = threads.spawn(|| describe(&server).status);
        // One that sets up without having asked what there is.
        let played = threads.spawn(|| slices(&Player::play(&server).picture().data).len());
        until("the program runs", || camera.file("runs").exists());
        assert!(!described.is_finished() && !played.is_finished());
        fs::write(camera.file("go"), "").unwrap();
        assert_eq!(described.join().unwrap(), 200);
        assert_eq!(played.join().unwrap(), 1);
    });
}

#[test]
fn behind_garbage_and_pictures_of_another_size_a_reader_has_whole_ones_again() {
    let Some(camera) = Camera::new() else { return };
    let steps = "20 garbage:3000 40 raw:tests/fixtures/bitstreams/three-pps.h264 40 wait:FOLDER/never";
    let server = camera.serve(steps, "fps: 100");
    let mut player = Player::play(&server);
    let expected = slices(&fs::read(STREAM).unwrap());
    let mut seen = Vec::new();
    // Keyframes are the 30th and the 60th; what garbage hit, and what needs that, may be as it is.
    for (from, count) in [(0, 19), (30, 28), (60, 29)] {
        let begins = loop {
            seen.extend(slices(&player.picture().data));
            let at = seen.iter().position(|slice| *slice == expected[from]);
            if let Some(at) = at.filter(|at| seen.len() >= at + count) {
                break at;
            }
        };
        assert_eq!(seen[begins..begins + count], expected[from..from + count], "from {from} on");
    }
}

#[test]
fn a_program_that_floods_costs_neither_memory_nor_other_mounts_pictures() {
    let Some(camera) = Camera::new() else { return };
    let command = camera.command("20 wait:FOLDER/go flood:4000 make:FOLDER/over 100 wait:FOLDER/never");
    let server = Server::with(&format!(
        "mounts: {{\"cam\": Command(command: {command:?}, fps: 100), \"other\": Pattern(width: 64, height: 48, fps: 30)}}"
    ));
    let mut player = Player::play(&server);
    let mut other = Player::of(&server, "other");
    let (before, began) = (player.picture().timestamp, Instant::now());
    fs::write(camera.file("go"), "").unwrap();
    let mut most = 0;
    // It finds no number missing.
    while !camera.file("over").exists() {
        other.picture();
        most = server.resident().max(most);
    }
    assert!(most < 64 << 10, "{most} kB");
    // The reader is led past what it could not be sent, and told when nothing comes any more, by another picture.
    let expected = slices(&fs::read(STREAM).unwrap());
    let mut ahead = f64::MIN;
    loop {
        let unit = player.picture();
        let passed = f64::from(unit.timestamp.wrapping_sub(before)) / 90_000.0;
        ahead = ahead.max(passed - began.elapsed().as_secs_f64());
        assert!(ahead < 2.5, "its times are {ahead} s ahead");
        assert!(began.elapsed() < PATIENCE, "the reader does not come to the end");
        if slices(&unit.data).iter().all(|slice| !expected.contains(slice)) {
            break;
        }
    }
}

#[test]
fn what_no_program_does_right_is_told() {
    let Some(camera) = Camera::new() else { return };
    for (command, told) in [
        ("/nowhere/rpicam-vid -t 0", "/nowhere/rpicam-vid: there is no such program"),
        ("false", "false ended: exit status 1"),
        ("true", "true ended: it has nothing more to show"),
        ("sh -c 'echo no camera >&2; exit 255'", "sh ended: exit status 255; it said last: no camera"),
        ("sh -c 'kill -SEGV $$'", "sh ended: killed by SIGSEGV"),
        ("sh -c 'no-such-program-here'", "exit status 127 (a shell found no such program)"),
        ("yes usage: rpicam-vid", "yes prints text, no H.264: \"usage: rpicam-vid\\nusage"),
        ("echo 'no cameras available'", "it prints text, no H.264: \"no cameras available\\n\""),
        (
            "sh -c 'echo usage: camera; exit 1'",
            "exit status 1; it prints text, no H.264: \"usage: camera\\n\"",
        ),
        ("/", "/: it is a folder: name a program in it"),
        ("/etc/passwd", "/etc/passwd: it may not be run: is it executable for this user?"),
        ("cat /dev/zero", "writes no H.264, its `format`; what it writes begins with \"\\0"),
        (&camera.command("half exit:2"), "ended: exit status 2"),
        (
            "cat tests/fixtures/bitstreams/open-gop.h265",
            "cat writes H.265, and its `format` is H264: say `format: HEVC`",
        ),
        (
            "cat tests/fixtures/bitstreams/420.jpg",
            "cat writes JPEGs, and its `format` is H264: say `format: MJPEG`",
        ),
    ] {
        let server = serve(command, "");
        let reply = describe(&server);
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")), "{command}: {reply:?}");
        server.logged(&[told]);
        assert!(server.stop(), "{command}");
    }
}

#[test]
fn a_program_ends_with_its_readers_with_the_server_and_with_its_children() {
    let Some(camera) = Camera::new() else { return };
    let script = format!(
        "echo $$ > {0}/shell; sleep 60 & echo $! > {0}/child; {1}; true",
        camera.0.path().display(),
        camera.command("5000")
    );
    let command = format!("sh -c {}", shell_quoted(&script));

    let server = serve(&command, "linger: 1");
    let mut player = Player::play(&server);
    player.picture();
    let pids = [pid(&camera.file("shell")), pid(&camera.file("child"))];
    assert!(pids.into_iter().all(is_running));
    drop(player);
    until("the program ends after its last reader", || !pids.into_iter().any(is_running));
    // And is there for the next one.
    fs::remove_file(camera.file("shell")).unwrap();
    fs::remove_file(camera.file("child")).unwrap();
    let mut player = Player::play(&server);
    player.picture();
    let pids = [pid(&camera.file("shell")), pid(&camera.file("child"))];
    assert!(server.stop());
    assert!(!pids.into_iter().any(is_running), "it ends with the server");

    fs::remove_file(camera.file("shell")).unwrap();
    let server = serve(&command, "always: true");
    // Nobody watches.
    let shell = pid(&camera.file("shell"));
    drop(server);
    until("the program ends with a server that is killed", || !is_running(shell));
}

#[test]
fn a_program_that_dies_after_each_first_picture_is_told_of_once_and_run_less_and_less() {
    let Some(camera) = Camera::new() else { return };
    let steps = "say:hello 2 once:FOLDER/one:exit:3 once:FOLDER/two:exit:3 once:FOLDER/three:exit:3 once:FOLDER/four:exit:3";
    let server = camera.serve(steps, "fps: 100, always: true");
    let began = Instant::now();
    until("it runs three times", || camera.file("three").exists());
    // After 1 s and after 2 s.
    assert!(began.elapsed().as_secs_f64() > 2.9, "{:?}", began.elapsed());
    let (_state, log) = server.end();
    let told = |part: &str| log.iter().filter(|line| line.contains(part)).count();
    let counts = [
        "source: python3 ended: exit status 3",
        ": again, after",
        "runs again",
        "it says: hello",
        " runs python3",
    ]
    .map(told);
    assert_eq!(counts, [2, 1, 1, 1, 1], "{log:#?}");
}

/// A program whose children go their own ways: one stays, two leave for sessions of their own, and one of those has no
/// parent any more. Their numbers, and its own, are in files.
pub(crate) fn family(camera: &Camera, last: &str) -> String {
    let folder = camera.0.path().display();
    let leaves =
        |name: &str| format!("setsid sh -c 'trap \"\" TERM; echo $$ > {folder}/{name}; sleep 60 & wait'");
    let script = format!(
        "echo $$ > {folder}/shell; (sleep 60 & echo $! > {folder}/grandchild; wait) & {} & ( {} & ); {last}; true",
        leaves("session"),
        leaves("orphan"),
    );
    format!("sh -c {}", shell_quoted(&script))
}

pub(crate) fn members(camera: &Camera) -> [u32; 4] {
    ["shell", "grandchild", "session", "orphan"].map(|name| pid(&camera.file(name)))
}

#[test]
fn nothing_of_a_program_outlives_a_server_that_is_killed() {
    let Some(camera) = Camera::new() else { return };
    let server = serve(&family(&camera, &camera.command("5000")), "always: true");
    let pids = members(&camera);
    assert!(pids.into_iter().all(is_running));
    drop(server);
    until("all of them end", || !pids.into_iter().any(is_running));
}

#[test]
fn nothing_of_a_program_outlives_its_mount() {
    let Some(camera) = Camera::new() else { return };
    let server = serve(&family(&camera, &camera.command("5000")), "");
    let mut player = Player::play(&server);
    player.picture();
    let pids = members(&camera);
    assert!(pids.into_iter().all(is_running));
    assert!(server.stop());
    assert!(!pids.into_iter().any(is_running), "they end with the server");
}

/// Pictures until the program's first comes once more, and how many there were before it.
pub(crate) fn until_it_begins_again(player: &mut Player) -> usize {
    let first = slices(&fs::read(STREAM).unwrap())[0].clone();
    let began = Instant::now();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    loop {
        seen.extend(slices(&player.picture().data));
        if let Some(again) = seen.iter().skip(1).position(|slice| *slice == first) {
            return again + 1;
        }
        assert!(began.elapsed() < PATIENCE, "it does not begin again; {} pictures", seen.len());
    }
}

#[test]
fn a_program_whose_child_holds_its_output_is_seen_to_end() {
    let Some(camera) = Camera::new() else { return };
    let steps = camera.command("20 once:FOLDER/dead:exit:3 20 wait:FOLDER/never");
    let script = format!("echo $$ >> {}; sleep 7777 & exec {steps}", camera.file("shells").display());
    let server = serve(&format!("sh -c {}", shell_quoted(&script)), "fps: 100, silence: 60");
    let mut player = Player::play(&server);
    assert!(until_it_begins_again(&mut player) >= 20, "what it wrote is read");
    server.logged(&["sh ended: exit status 3"]);
}

#[test]
fn what_a_program_leaves_is_served_for_as_long_as_it_writes() {
    let Some(camera) = Camera::new() else { return };
    let steps = camera.command("20 make:FOLDER/runs 180 wait:FOLDER/never");
    let script = format!("{steps} & while [ ! -e {} ]; do sleep 0.01; done", camera.file("runs").display());
    let server = serve(&format!("sh -c {}", shell_quoted(&script)), "fps: 100, silence: 60");
    let mut player = Player::play(&server);
    let expected = slices(&fs::read(STREAM).unwrap());
    let seen: Vec<_> = (0..200).flat_map(|_| slices(&player.picture().data)).collect();
    assert!(seen.iter().zip(expected.iter().cycle()).all(|(seen, expected)| seen == expected));
    // When that writes nothing either, both are over.
    until_it_begins_again(&mut player);
    server.logged(&["sh ended: it has nothing more to show"]);
}

#[test]
fn a_keeper_that_is_killed_is_seen_and_the_program_begins_again_without_what_it_left() {
    let Some(camera) = Camera::new() else { return };
    let folder = camera.0.path().display();
    // Its children hold none of its pipes, and end by no signal but the last.
    let child =
        |name: &str| format!("sh -c 'trap \"\" TERM HUP; echo $$ > {folder}/{name}; sleep 60; :' >&- 2>&- &");
    let first = format!("if mkdir {folder}/first; then {} ( {} ) & fi;", child("child"), child("orphan"));
    let steps = camera.command("20 wait:FOLDER/never");
    let script = format!("echo $PPID > {folder}/keeper; {first} exec {steps}");
    let server = serve(&format!("sh -c {}", shell_quoted(&script)), "fps: 100, silence: 60");
    let mut player = Player::play(&server);
    player.picture();
    let left = ["child", "orphan"].map(|name| pid(&camera.file(name)));
    assert!(left.into_iter().all(is_running));
    let keeper = pid(&camera.file("keeper"));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(keeper as i32), nix::sys::signal::SIGKILL).unwrap();
    until_it_begins_again(&mut player);
    assert!(
        !left.into_iter().any(is_running),
        "what the program had started is ended before it begins again"
    );
    server.logged(&["sh ended with its keeper, a process of Lenslet's that somebody ended"]);
}

#[test]
fn who_ended_a_program_is_told() {
    for (command, told) in [
        // Its output is closed, and it goes on.
        (
            "sh -c 'exec >&-; sleep 60'",
            "sh closed its output, did not end within 2 s, and was ended by Lenslet",
        ),
        ("sh -c 'kill -KILL $$'", "sh ended: killed by SIGKILL, and not by Lenslet"),
        ("sh -c 'kill -40 $$'", "sh ended: killed by signal 40"),
    ] {
        let server = serve(command, "");
        assert_eq!(describe(&server).status, 503, "{command}");
        server.logged(&[told]);
    }
}

#[test]
fn a_program_that_writes_another_format_is_told_what_to_write() {
    if !has("ffmpeg", &["-version"]) {
        return;
    }
    for (format, output, told) in [
        ("H264", "-c:v libx264 -f mpegts", "writes MPEG-TS, which is not H.264 as it is: add `-f h264`"),
        (
            "H264",
            "-c:v libx264 -movflags frag_keyframe+empty_moov -f mp4",
            "writes MP4, which is not H.264 as it is",
        ),
        ("H264", "-c:v libx264 -f matroska", "writes Matroska or WebM, which"),
        ("H264", "-c:v libx264 -f flv", "writes FLV, which"),
        (
            "H264",
            "-c:v libx265 -x265-params log-level=none -f hevc",
            "writes H.265, and its `format` is H264",
        ),
        ("HEVC", "-c:v libx264 -f h264", "writes H.264, and its `format` is HEVC: say `format: H264`"),
        ("MJPEG", "-c:v libx264 -f h264", "writes H.264, and its `format` is MJPEG"),
        ("H264", "-f yuv4mpegpipe", "writes pictures that are not coded"),
    ] {
        let command = format!(
            "ffmpeg -v error -re -f lavfi -i testsrc2=size=320x240:rate=30 -pix_fmt yuv420p {output} -"
        );
        let server = serve(&command, &format!("format: {format}"));
        let reply = describe(&server);
        assert_eq!(reply.status, 503, "{format} {output}: {reply:?}");
        server.logged(&[told]);
    }
}

pub(crate) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[test]
fn real_encoders_are_served_in_every_format() {
    if !has("ffmpeg", &["-version"]) {
        return;
    }
    for (format, encoder) in [
        ("H264", "-c:v libx264 -preset ultrafast -tune zerolatency -g 15 -f h264"),
        ("HEVC", "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=15 -f hevc"),
        ("MJPEG", "-pix_fmt yuvj420p -c:v mjpeg -huffman default -f mjpeg"),
    ] {
        let command = format!(
            "ffmpeg -v error -re -f lavfi -i testsrc2=size=320x240:rate=30 -pix_fmt yuv420p {encoder} -flush_packets 1 -"
        );
        let server = serve(&command, &format!("format: {format}, fps: 30"));
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-rtsp_transport", "tcp", "-i", &server.url("cam"), "-frames:v", "40"]);
        ffmpeg.args(["-fps_mode", "passthrough", "-f", "framehash", "-"]);
        let output = run(&mut ffmpeg).unwrap_or_else(|error| panic!("{format}: {error}"));
        let text = String::from_utf8(output.stdout).unwrap();
        let pictures: std::collections::BTreeSet<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit(' ').next())
            .collect();
        assert_eq!(pictures.len(), 40, "{format}: each picture once");
    }
}

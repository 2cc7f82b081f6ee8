//! What readers see while a source fails: a reader that was there before is there after.

use std::fs;
use std::path::PathBuf;

use lenslet::encode;
use lenslet::media::Picture;
use lenslet::media::h264::nal_units;
use lenslet::rtp::DepacketizedUnit;

use crate::command::{Camera, Player, STREAM, describe, slices};
use crate::support::{Server, lenslet};

fn is_keyframe(unit: &DepacketizedUnit) -> bool {
    nal_units(&unit.data).any(|nal| nal[0] & 0x1f == 5)
}

/// Mean luma of a keyframe.
fn brightness(unit: &DepacketizedUnit) -> f64 {
    let picture = encode::decode_h264(&unit.data).unwrap();
    assert_eq!((picture.width, picture.height), (320, 240));
    picture.luma.iter().map(|luma| f64::from(*luma)).sum::<f64>() / picture.luma.len() as f64
}

/// Passes over the pictures of the source; gives the first that is shown instead.
fn until_stand_in(player: &mut Player, expected: &[Vec<u8>]) -> DepacketizedUnit {
    loop {
        let unit = player.picture();
        if !slices(&unit.data).iter().all(|slice| expected.contains(slice)) {
            return unit;
        }
    }
}

#[test]
fn a_source_that_fails_is_stood_in_for_until_it_is_back() {
    let Some(camera) = Camera::new() else { return };
    let steps = "once:FOLDER/first:30 once:FOLDER/died:exit:3 wait:FOLDER/go 200 wait:FOLDER/never";
    let server = camera.serve(steps, "fps: 100");
    let expected = slices(&fs::read(STREAM).unwrap());
    let mut player = Player::play(&server);
    let live = brightness(&player.picture());

    let first = until_stand_in(&mut player, &expected);
    let second = player.picture();
    for unit in [&first, &second] {
        assert!(is_keyframe(unit));
        let shown = brightness(unit);
        assert!(shown < live * 0.8, "{live} became {shown}");
    }
    let apart = second.timestamp.wrapping_sub(first.timestamp);
    assert!((80_000..200_000).contains(&apart), "one a second: {apart}");
    server.logged(&["exit status 3"]);
    server.logged(&["no signal: the last keyframe, with a line that says since when is shown"]);

    // Who comes now sees it too, at once.
    assert_eq!(describe(&server).status, 200);
    let mut other = Player::play(&server);
    assert!(brightness(&other.picture()) < live * 0.8);

    fs::write(camera.file("go"), "").unwrap();
    for player in [&mut player, &mut other] {
        let mut back = player.picture();
        while slices(&back.data)[0] != expected[0] {
            assert!(brightness(&back) < live * 0.8);
            back = player.picture();
        }
        for expected in &expected[1..40] {
            assert_eq!(slices(&player.picture().data), std::slice::from_ref(expected));
        }
    }
    server.logged(&["runs again"]);
}

/// Pictures of 1080p in a file of the camera's own.
pub(crate) fn large(camera: &Camera) -> PathBuf {
    let file = camera.file("large.h264");
    let settings =
        encode::Settings { bitrate: 1_000_000, gop: 30, fps: 30.0, level: None, full_range: false };
    let mut encoder = encode::h264(settings).unwrap();
    let picture = Picture::black(1920, 1080);
    let coded: Vec<Vec<u8>> = (0..30).map(|_| encoder.coded(&picture, false).unwrap()).collect();
    fs::write(&file, coded.concat()).unwrap();
    file
}

/// What a program does that gives pictures for two seconds, dies, and hangs when it is started again; `FOLDER` is its own.
pub(crate) const DIES_AND_HANGS: &str = "once:FOLDER/first:200 once:FOLDER/died:exit:3 wait:FOLDER/never";

/// The next so many pictures a second apart; before them the source's own may come.
pub(crate) fn a_second_apart(player: &mut Player, pictures: usize) {
    let mut last = player.picture().timestamp;
    let mut seen = 0;
    while seen < pictures {
        let next = player.picture().timestamp;
        let apart = f64::from(next.wrapping_sub(std::mem::replace(&mut last, next))) / 90_000.0;
        // A picture of a program is 10 ms behind the one before it; what is shown first, half a second.
        assert!(apart < 3.0, "nothing was shown for {apart:.1} s");
        seen += usize::from(apart > 0.2);
    }
}

#[test]
fn large_mounts_that_fail_together_are_all_stood_in_for_and_take_the_memory_of_one() {
    let cameras: Vec<Camera> = (0..6).map_while(|_| Camera::new()).collect();
    let Some(first) = cameras.first() else { return };
    let stream = large(first);
    let mounts: Vec<String> = cameras
        .iter()
        .enumerate()
        .map(|(number, camera)| {
            let command = camera.command_of(stream.to_str().unwrap(), DIES_AND_HANGS);
            format!("\"cam{number}\": Command(command: {command:?}, fps: 100)")
        })
        .collect();
    let server = Server::with(&format!("mounts: {{{}}}", mounts.join(", ")));
    let mut players: Vec<Player> =
        (0..mounts.len()).map(|number| Player::of(&server, &format!("cam{number}"))).collect();
    let before = server.anonymous();
    let most = std::thread::scope(|scope| {
        let playing: Vec<_> =
            players.iter_mut().map(|player| scope.spawn(|| a_second_apart(player, 8))).collect();
        let mut most = before;
        while playing.iter().any(|thread| !thread.is_finished()) {
            most = most.max(server.anonymous());
            std::thread::yield_now();
        }
        playing.into_iter().for_each(|thread| thread.join().unwrap());
        most
    });
    let after = server.anonymous();
    println!("{before} kB, at most {most} kB, then {after} kB");
    for _ in &mounts {
        server.logged(&["no signal: the last keyframe, with a line that says since when is shown"]);
    }
    assert!(most < before + (48 << 10), "{before} kB became {most} kB");
    assert!(after < before + (24 << 10), "{before} kB became {after} kB");
}

#[test]
fn a_mount_that_rested_and_whose_program_hangs_when_it_is_started_again_is_stood_in_for() {
    let Some(camera) = Camera::new() else { return };
    let command = camera.command("once:FOLDER/first:600 wait:FOLDER/never");
    let mounts = format!("mounts: {{\"cam\": Command(command: {command:?}, fps: 100, linger: 1)}}");
    let server = Server::by(lenslet().args(["-v", "serve"]), &mounts);
    drop(Player::play(&server));
    server.logged(&["rests"]);
    let mut player = Player::play(&server);
    let shown = [player.picture(), player.picture()];
    assert!(shown.iter().all(is_keyframe));
    server.logged(&["no signal: the last keyframe, with a line that says since when is shown"]);
}

#[test]
fn a_source_that_is_silent_goes_on_with_a_keyframe() {
    let Some(camera) = Camera::new() else { return };
    let server = camera.serve("40 wait:FOLDER/go 200 wait:FOLDER/never", "fps: 100");
    let expected = slices(&fs::read(STREAM).unwrap());
    let mut player = Player::play(&server);
    let live = brightness(&player.picture());
    let shown = until_stand_in(&mut player, &expected);
    assert!(is_keyframe(&shown) && brightness(&shown) < live * 0.8);

    fs::write(camera.file("go"), "").unwrap();
    // Pictures that need the ones before the silence are of no use behind it.
    let back = loop {
        let unit = player.picture();
        if expected.contains(&slices(&unit.data)[0]) {
            break unit;
        }
    };
    assert!(is_keyframe(&back));
    let at = expected.iter().rposition(|slice| *slice == slices(&back.data)[0]).unwrap();
    for offset in 1..20 {
        assert_eq!(slices(&player.picture().data), [expected[(at + offset) % expected.len()].clone()]);
    }
}

#[test]
fn what_cannot_be_marked_is_repeated_with_times_that_go_on_until_the_source_is_back() {
    for (format, encoding, file) in [("HEVC", "H265", "open-gop.h265"), ("MJPEG", "JPEG", "420.jpg")] {
        let folder = tempfile::tempdir().unwrap();
        let (died, go) = (folder.path().join("died"), folder.path().join("go"));
        let play =
            format!("for n in 1 2 3 4 5 6 7 8; do cat tests/fixtures/bitstreams/{file}; sleep 0.2; done");
        let script = format!(
            "if [ -e {died} ]; then until [ -e {go} ]; do sleep 0.05; done; fi; touch {died}; {play}; [ -e {go} ] && sleep 60; exit 3",
            died = died.display(),
            go = go.display()
        );
        let command = format!("sh -c '{script}'");
        let server = Server::with(&format!(
            "mounts: {{\"cam\": Command(command: {command:?}, format: {format}, fps: 30)}}"
        ));
        let mut player = Player::coded(&server, "cam", encoding);
        let mut last = player.picture();
        let mut shown: Vec<DepacketizedUnit> = Vec::new();
        // From one to the next it is a second, as of nothing else here.
        while shown.len() < 3 {
            let unit = player.picture();
            let apart = unit.timestamp.wrapping_sub(last.timestamp);
            if (80_000..200_000).contains(&apart) {
                shown.push(unit.clone());
            }
            last = unit;
        }
        server.logged(&["no signal: the last keyframe, as it was is shown"]);
        assert!(shown.iter().all(|unit| unit.data == shown[0].data), "{format}: the same again and again");
        fs::write(&go, "").unwrap();
        server.logged(&["runs again"]);
        // Its own, as fast as it gives them.
        let mut fast = 0;
        while fast < 3 {
            let unit = player.picture();
            fast += u32::from(unit.timestamp.wrapping_sub(last.timestamp) < 45_000);
            last = unit;
        }
    }
}

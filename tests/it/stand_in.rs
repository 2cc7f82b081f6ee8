//! What readers see while a source fails: a reader that was there before is there after.

use std::fs;

use lenslet::encode;
use lenslet::media::h264::nal_units;
use lenslet::rtp::DepacketizedUnit;

use crate::command::{Camera, Player, STREAM, describe, slices};

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

//! Where a reader starts.

use super::viewer::Viewer;
use crate::support::Server;

#[test]
fn a_reader_starts_at_a_forced_keyframe_within_one_and_a_half_pictures() {
    let server = Server::with(
        r#"mounts: { "sparse": Pattern(width: 320, height: 240, fps: 30, bitrate: 500000, gop: 600) }"#,
    );
    let mut other = Viewer::play(&server, "sparse", "tcp");
    other.pictures(30);
    let mut ticks = Vec::new();
    for _ in 0..5 {
        let asked = std::time::SystemTime::now();
        let mut viewer = Viewer::play(&server, "sparse", "tcp");
        let first = viewer.pictures(1)[0];
        assert_eq!(first.nal, 7, "a keyframe, with its parameter sets");
        let asked = loop {
            match viewer.receiver.timestamp_of(asked) {
                Some(timestamp) => break timestamp,
                None => drop(viewer.pictures(1)),
            }
        };
        ticks.push((first.timestamp.wrapping_sub(asked) as i32).abs());
        // The next keyframe can be forced.
        other.for_seconds(1);
    }
    // A busy machine may be late with some of them.
    assert!(ticks.iter().any(|ticks| *ticks <= 4_500), "{ticks:?} ticks after PLAY");
}

#[test]
fn the_first_reader_is_sent_one_keyframe_not_two() {
    for _ in 0..3 {
        let server = Server::start();
        let mut viewer = Viewer::play(&server, "test", "tcp");
        let keyframes = viewer.pictures(5).iter().filter(|packet| packet.nal == 5 && packet.marker);
        assert_eq!(keyframes.count(), 1);
    }
}

#[test]
fn a_reader_that_follows_another_need_not_wait_for_the_next_keyframe() {
    let server = Server::start();
    let mut first = Viewer::play(&server, "clip", "tcp");
    // A picture and a half of a second behind the first keyframe, and half a second before the next.
    first.pictures(45);
    let last = first.packets.last().unwrap().timestamp;
    first.request("TEARDOWN");
    let mut second = Viewer::play(&server, "clip", "tcp");
    let start = second.pictures(1)[0];
    assert_eq!(start.nal, 7);
    assert!(last.wrapping_sub(start.timestamp) as i32 >= 0, "it starts in the other's past");
}

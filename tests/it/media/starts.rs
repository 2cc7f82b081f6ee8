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
    let mut closest = i32::MAX;
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
        closest = closest.min(first.timestamp.wrapping_sub(asked) as i32);
        // The next keyframe can be forced.
        other.for_seconds(1);
    }
    // A busy machine may be late with one of them.
    assert!((0..=4_500).contains(&closest), "{closest} ticks after PLAY");
}

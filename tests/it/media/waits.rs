//! Readers that pause, stall, or stop to read. Another reader's pictures are the clock.

use std::io::Write;

use lenslet::control::client::Blocking;
use lenslet::control::protocol::{Ask, Reply};

use super::viewer::Viewer;
use crate::support::{Rtp, Server};

/// The first packet behind each hole in time, and the hole in ticks.
pub(super) fn holes(packets: &[Rtp]) -> Vec<(Rtp, u32)> {
    let pairs = packets.windows(2).map(|pair| (pair[1], pair[1].timestamp.wrapping_sub(pair[0].timestamp)));
    pairs.filter(|(_, ticks)| *ticks > 45_000).collect()
}

#[test]
fn a_pause_of_ten_seconds_leaves_no_gap_in_numbers_and_goes_on_at_a_keyframe() {
    let server = Server::start();
    let mut other = Viewer::play(&server, "test", "tcp");
    other.pictures(1);
    let mut paused = ["udp", "tcp"].map(|transport| Viewer::play(&server, "test", transport));
    for viewer in &mut paused {
        viewer.pictures(10);
        viewer.pause();
    }
    other.for_seconds(10);
    for viewer in &mut paused {
        let reply = viewer.request("PLAY");
        let first = viewer.pictures(20)[0];
        assert_eq!(u32::from(first.seq), super::field(&reply, "seq"));
        viewer.reports_and_is_understood();
        viewer.has_no_gap();
        let holes = holes(&viewer.packets);
        let [(first, ticks)] = holes[..] else { panic!("{holes:?}") };
        assert!(ticks >= 9 * 90_000, "time went on: {ticks}");
        assert_eq!(first.nal, 7, "at a keyframe, with its parameter sets");
    }
    other.reports_and_is_understood();
    other.has_no_gap();
}

/// A file of pictures of 20 kB, a keyframe a second: 5 Mbit/s.
fn heavy() -> tempfile::NamedTempFile {
    pictures_of(20_000)
}

/// A file of pictures of so many bytes, a keyframe a second, that nobody need decode.
pub(crate) fn pictures_of(bytes: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for number in 0..30u8 {
        if number == 0 {
            file.write_all(&[0, 0, 0, 1, 0x67, 66, 0xc0, 30, 0x95, 0xa0, 0x50, 0x7c, 0x80]).unwrap();
            file.write_all(&[0, 0, 0, 1, 0x68, 0xce, 0x38, 0x80]).unwrap();
        }
        let kind = if number == 0 { 0x65 } else { 0x41 };
        file.write_all(&[0, 0, 0, 1, kind, 0x88]).unwrap();
        file.write_all(&vec![number | 0x80; bytes]).unwrap();
    }
    file
}

/// `heavy` has keyframes that nobody can ask for; `sparse` has them every 20 s and on request.
fn mounts(heavy: &tempfile::NamedTempFile) -> String {
    format!(
        r#"mounts: {{
            "heavy": File(path: {:?}, fps: 30),
            "sparse": Pattern(width: 320, height: 240, fps: 120, bitrate: 4000000, gop: 2400),
        }}"#,
        heavy.path()
    )
}

#[test]
fn a_reader_that_stalled_goes_on_at_a_keyframe_and_disturbs_nobody() {
    let file = heavy();
    let server = Server::with(&mounts(&file));
    for mount in ["heavy", "sparse"] {
        let mut other = Viewer::play(&server, mount, "tcp");
        other.pictures(1);
        let mut stalled = Viewer::play_narrow(&server, mount);
        stalled.pictures(2);
        other.for_seconds(7);
        let live = other.packets.last().unwrap().timestamp;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let reached =
                    |packet: &Rtp| packet.timestamp.wrapping_sub(live).wrapping_add(90_000) < u32::MAX / 2;
                while !reached(stalled.packets.last().unwrap()) {
                    stalled.pictures(1);
                }
                stalled.pictures(40);
                stalled.reports_and_is_understood();
            });
            other.for_seconds(3);
        });
        stalled.has_no_gap();
        let holes = holes(&stalled.packets);
        for (resumed, _) in &holes {
            assert_eq!(resumed.nal, 7, "{mount}: at a keyframe, with its parameter sets");
        }
        let (resumed, _) = holes.last().expect("its socket was full for more than a second");
        let behind = live.wrapping_sub(resumed.timestamp) as i32;
        assert!(behind < 3 * 90_000, "{mount}: {behind} ticks behind");
        assert!(behind > -2 * 90_000, "{mount}: nobody asked for a keyframe: {behind}");
        other.reports_and_is_understood();
        other.has_no_gap();
    }
}

#[test]
fn a_reader_that_takes_nothing_for_fifteen_seconds_is_closed() {
    let file = heavy();
    let server = Server::with(&mounts(&file));
    let mut other = Viewer::play(&server, "sparse", "tcp");
    other.pictures(1);
    let mut silent = Viewer::play_narrow(&server, "heavy");
    silent.pictures(2);
    let last = silent.packets.last().unwrap().timestamp;
    other.for_seconds(17);
    assert!(silent.closed_before(last.wrapping_add(10 * 90_000)));
    other.has_no_gap();
}

#[test]
fn pictures_that_one_write_does_not_hold_are_counted_in_the_status() {
    let file = pictures_of(6 << 20);
    let mounts = format!(
        "mounts: {{ \"large\": File(path: {:?}, fps: 1), \"small\": Pattern(width: 64, height: 48, fps: 30) }}",
        file.path()
    );
    let server = Server::with(&mounts);
    let mut large = Viewer::play(&server, "large", "tcp");
    let mut others = ["tcp", "udp"].map(|transport| Viewer::play(&server, "small", transport));
    for viewer in &mut others {
        viewer.pictures(30);
    }
    let pictures = large.pictures(2).iter().filter(|packet| packet.marker).count() as u64;
    let mut control = Blocking::connect(&server.control()).unwrap();
    let Reply::Sessions(sessions) = control.ask(Ask::Sessions {}).unwrap() else { panic!("no sessions") };
    let mut parted: Vec<Option<u64>> = sessions.iter().map(|session| session.parted).collect();
    parted.sort_unstable();
    let [None, Some(0), Some(counted)] = parted[..] else { panic!("{parted:?}") };
    // One more may be on its way.
    assert!((pictures..=pictures + 1).contains(&counted), "{counted} of {pictures}");
}

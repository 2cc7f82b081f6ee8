//! Readers that fall behind: what they get when they go on, what is counted and told, and how far behind they are.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use lenslet::rtp::{DepacketizedUnit, Depacketizer};

use super::viewer::Viewer;
use super::waits::holes;
use crate::interop::has;
use crate::support::{Client, Rtp, Server};

/// Keyframes every 20 s and on request.
const SPARSE: &str =
    "mounts: { \"sparse\": Pattern(width: 640, height: 480, fps: 30, bitrate: 4000000, gop: 600) }";

/// Readers that fall behind together.
const LAGGING: usize = 3;

/// Whole access units of what was received.
fn units(packets: &[Vec<u8>]) -> Vec<DepacketizedUnit> {
    let mut depacketizer = Depacketizer::new("H264", &[]).unwrap();
    let mut units = Vec::new();
    for bytes in packets {
        let packet = Rtp::parse(bytes);
        depacketizer.handle_packet(packet.timestamp, packet.marker, 0, &bytes[12..]);
        units.extend(std::iter::from_fn(|| depacketizer.poll_unit()));
    }
    assert_eq!(depacketizer.dropped(), lenslet::rtp::Dropped::default());
    units
}

/// Has ffmpeg decode the units; gives what it complains of and how many pictures it made.
fn decoded(units: &[DepacketizedUnit]) -> Option<(String, usize)> {
    if !has("ffmpeg", &["-version"]) {
        return None;
    }
    let mut file = tempfile::Builder::new().suffix(".h264").tempfile().unwrap();
    units.iter().for_each(|unit| file.write_all(&unit.data).unwrap());
    let output = Command::new("ffmpeg")
        .args(["-v", "warning", "-f", "h264", "-i"])
        .arg(file.path())
        .args(["-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    let pictures = String::from_utf8_lossy(&output.stdout);
    let pictures = pictures.lines().filter(|line| !line.starts_with('#')).count();
    Some((String::from_utf8_lossy(&output.stderr).into_owned(), pictures))
}

/// Pictures of a reader that has them all, which another one was not sent.
fn missed(all: &[Rtp], some: &[Rtp]) -> usize {
    let pairs = some.windows(2).map(|pair| (pair[0].timestamp, pair[1].timestamp));
    let jumps = pairs.filter(|(from, to)| from != to);
    let ends = |packet: &&Rtp| packet.marker;
    let inside = |(from, to): (u32, u32)| {
        let hole = to.wrapping_sub(from);
        let within = |packet: &&Rtp| (1..hole).contains(&packet.timestamp.wrapping_sub(from));
        all.iter().filter(ends).filter(within).count()
    };
    jumps.map(inside).sum()
}

#[test]
fn a_reader_that_lagged_has_whole_pictures_and_it_is_counted_and_told_why() {
    let server = Server::verbose(SPARSE);
    let mut other = Viewer::play(&server, "sparse", "tcp");
    other.pictures(1);
    let mut lagging = [(); LAGGING].map(|()| Viewer::play_narrow(&server, "sparse"));
    for viewer in &mut lagging {
        viewer.kept = Some(Vec::new());
        viewer.packets.clear();
        viewer.pictures(5);
    }
    other.for_seconds(4);
    let live = other.packets.last().unwrap().timestamp;
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for viewer in &mut lagging {
            scope.spawn(|| {
                let behind = |packet: &Rtp| live.wrapping_sub(packet.timestamp) as i32 > 0;
                while behind(viewer.packets.last().unwrap()) {
                    viewer.pictures(1);
                }
                viewer.pictures(40);
                viewer.reports_and_is_understood();
                // At once: who does not read any more falls behind again.
                viewer.request("TEARDOWN");
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        while done.load(Ordering::SeqCst) < LAGGING {
            other.pictures(1);
        }
    });
    other.has_no_gap();
    no_more_keyframes_than_one_a_second(&other.packets);
    server.logged(&["readers were not sent everything", "behind live"]);
    let lines = [(); LAGGING].map(|()| server.logged(&["not sent: ["]));
    for viewer in &mut lagging {
        is_whole(viewer, &other.packets);
        let line = lines.iter().find(|line| line.contains(viewer.shown())).unwrap();
        let missed = missed(&other.packets, &viewer.packets);
        assert!(missed > 30, "{missed} pictures");
        assert!(line.contains(&format!("[{missed} behind live]")), "{missed} pictures are missing: {line}");
    }
}

#[test]
fn who_asks_for_keyframes_all_the_time_gets_one_a_second() {
    let server = Server::with(SPARSE);
    let mut viewer = Viewer::play(&server, "sparse", "tcp");
    for _ in 0..90 {
        viewer.pictures(1);
        viewer.asks_for_a_keyframe();
    }
    no_more_keyframes_than_one_a_second(&viewer.packets);
}

/// Its own count of loss is 0, it went on at keyframes, and every picture can be decoded.
fn is_whole(viewer: &Viewer, all: &[Rtp]) {
    viewer.has_no_gap();
    let mut holes = holes(&viewer.packets);
    // A busy machine's source leaves pictures out for everybody.
    holes.retain(|(resumed, ticks)| {
        let before = Rtp { timestamp: resumed.timestamp.wrapping_sub(*ticks), ..*resumed };
        missed(all, &[before, *resumed]) > 0
    });
    assert!(!holes.is_empty(), "it did not fall behind");
    assert!(holes.iter().all(|(resumed, _)| resumed.nal == 7), "at keyframes: {holes:?}");
    let units = units(viewer.kept.as_ref().unwrap());
    assert!(units.iter().all(|unit| !unit.damaged), "a picture is not whole");
    for (resumed, _) in holes {
        let unit = units.iter().find(|unit| unit.timestamp == resumed.timestamp).unwrap();
        assert!(unit.keyframe, "{resumed:?}");
    }
    let Some((complaints, pictures)) = decoded(&units) else { return };
    assert!(complaints.is_empty(), "{complaints}");
    assert_eq!(pictures, units.len());
}

/// One a second; the first needs nobody to ask.
fn no_more_keyframes_than_one_a_second(packets: &[Rtp]) {
    let keyframes: Vec<u32> = packets
        .iter()
        .filter(|packet| packet.nal == 5 && packet.marker)
        .map(|packet| packet.timestamp)
        .collect();
    assert!(keyframes.len() > 1, "nobody asked for one");
    for (index, first) in keyframes.iter().enumerate().skip(1) {
        for (more, last) in keyframes[index..].iter().enumerate() {
            let seconds = f64::from(last.wrapping_sub(*first)) / 90_000.0;
            // A request waits for the next picture.
            assert!(more as f64 <= seconds + 0.2, "{keyframes:?}");
        }
    }
}

const BEHIND: &str = "behind_live_ms";

#[test]
fn how_far_a_reader_is_behind_is_told_until_it_has_caught_up() {
    // A keyframe every two seconds, and nobody can ask for another.
    let clip = "tests/fixtures/bitstreams/clip.h264";
    let server = Server::verbose(&format!("mounts: {{ \"clip\": File(path: {clip:?}, fps: 15) }}"));
    let mut live = Viewer::play(&server, "clip", "tcp");
    live.pictures(25);
    let mut before = live.packets.last().unwrap().timestamp;
    let (mut late, mut told) = Viewer::play_and_ask(&server, "clip", "tcp", BEHIND);
    let first = told;
    loop {
        // Replies stand between pictures: what came before this one is what the server had sent.
        let sent = late.packets.last().map(|packet| packet.timestamp);
        let after = newest(&mut live);
        if let Some(sent) = sent {
            let ticks = |newest: u32| f64::from(newest.wrapping_sub(sent) as i32) / 90.0;
            let told = f64::from(told);
            assert!(told <= ticks(after) + 1.0, "{told} ms, and at most {}", ticks(after));
            assert!(told == 0.0 || told >= ticks(before) - 1.0, "{told} ms, and at least {}", ticks(before));
            if told == 0.0 {
                // It has what was the newest before.
                assert!(ticks(before) <= 0.0, "{} ms", ticks(before));
                break;
            }
        }
        before = after;
        [told] = late.parameters([BEHIND]);
    }
    assert!(first >= 1000, "{first} ms: it began with a picture of a second and a half ago");
    late.has_no_gap();
    late.pictures(10);
    assert!(late.parameters([BEHIND])[0] <= 100, "it is live");
    late.request("TEARDOWN");
    server.logged(&["not sent: [", late.shown(), "behind_ms="]);
}

/// As many requests as the connection takes.
fn flood(mut socket: &TcpStream, request: &[u8]) {
    while socket.write_all(request).is_ok() {}
}

#[test]
fn who_catches_up_and_reads_no_replies_keeps_nobody_else_waiting() {
    // A keyframe every two seconds, and nobody can ask for another.
    let clip = "tests/fixtures/bitstreams/clip.h264";
    let server = Server::with(&format!("mounts: {{ \"clip\": File(path: {clip:?}, fps: 15) }}"));
    let mut live = Viewer::play(&server, "clip", "tcp");
    let request = format!("OPTIONS {} RTSP/1.0\r\nCSeq: 9\r\n\r\n", server.url("clip")).repeat(20);
    let mut floods = Vec::new();
    for _ in 0..4 {
        let mut at_keyframe = false;
        while !at_keyframe {
            at_keyframe = live.pictures(1).iter().any(|packet| packet.nal == 7);
        }
        live.pictures(25);
        let late = Viewer::play_narrow(&server, "clip");
        late.client.socket().set_nonblocking(true).unwrap();
        for _ in 0..10 {
            flood(late.client.socket(), request.as_bytes());
            live.pictures(1);
        }
        floods.push(late);
    }
    let mut other = Client::connect(&server);
    assert_eq!(other.ask(&[&format!("OPTIONS {} RTSP/1.0", server.url("clip"))]).status, 200);
    live.has_no_gap();
}

/// The time of the newest picture that a reader which keeps up was sent.
fn newest(live: &mut Viewer) -> u32 {
    live.parameters([BEHIND]);
    live.packets.last().unwrap().timestamp
}

#[test]
fn a_reader_that_does_not_read_is_told_how_far_behind_it_is() {
    let file = super::waits::pictures_of(20_000);
    let server = Server::verbose(&format!("mounts: {{ \"heavy\": File(path: {:?}, fps: 30) }}", file.path()));
    let mut other = Viewer::play(&server, "heavy", "tcp");
    other.pictures(1);
    let mut stalled = Viewer::play_narrow(&server, "heavy");
    stalled.pictures(2);
    other.for_seconds(5);
    let session = stalled.shown().to_owned();
    // Closed with pictures unread, this resets the connection.
    drop(stalled);
    let line = server.logged(&["not sent: [", &session]);
    let behind = line.split("behind_ms=").nth(1).unwrap().split(' ').next().unwrap();
    let behind: u32 = behind.parse().unwrap();
    assert!((1000..30_000).contains(&behind), "{line}");
}

//! Each format packetized by us, described by us, put together and decoded by ffmpeg.

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lenslet::media::h264::DisplayOrder;
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, Track, TrackId, aac, h265};
use lenslet::rtp::Sender;
use lenslet::sdp;

const FIXTURES: &str = "tests/fixtures/bitstreams";

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FIXTURES}/{name}")).unwrap()
}

fn ffmpeg_is_there() -> bool {
    crate::interop::has("ffmpeg", &["-version"])
}

type Unit = (Arc<[u8]>, Link, MediaTime);

/// The frames' checksums, in order of display.
pub(crate) fn checksums(framemd5: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(framemd5);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit(", ").next().map(str::to_owned)).collect()
}

fn decoded(name: &str) -> Vec<String> {
    decoded_file(&format!("{FIXTURES}/{name}"))
}

fn decoded_file(path: &str) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i", path, "-fps_mode", "passthrough"])
        .args(["-f", "framemd5", "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    checksums(&output.stdout)
}

/// What ffmpeg makes of the packets: it is sent them until it has as many frames as it was asked for.
fn received(track: Track, units: &[Unit], frames: usize) -> (Vec<String>, String) {
    let kind = if matches!(track.codec, Codec::Aac(_)) { "-frames:a" } else { "-frames:v" };
    let mut sender = Sender::new(TrackId(0), &track.codec, 7, 65_530, u32::MAX - 5_000, 1_200);
    let session = sdp::Session {
        uri: "rtsp://h/x",
        has_query: false,
        local: "127.0.0.1".parse().unwrap(),
        id: 1,
        version: 1,
        name: "x",
        tracks: &[track],
    };
    let port = free_port();
    let described = sdp::describe(&session);
    let described = described.replace("c=IN IP4 0.0.0.0", "c=IN IP4 127.0.0.1");
    let described = described.replace(" 0 RTP/AVP", &format!(" {port} RTP/AVP"));
    let file = tempfile::Builder::new().suffix(".sdp").tempfile().unwrap();
    std::fs::write(file.path(), &described).unwrap();
    let images: Vec<_> = units
        .iter()
        .map(|(data, link, time)| {
            let unit = AccessUnit { track: TrackId(0), time: *time, link: *link, data: data.clone() };
            sender.packetize(&unit).unwrap()
        })
        .collect();
    let mut child = Command::new("timeout")
        .args(["60", "ffmpeg", "-v", "warning", "-protocol_whitelist", "file,udp,rtp", "-i"])
        .arg(file.path())
        .args(["-fps_mode", "passthrough", kind, &frames.to_string(), "-f", "framemd5", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    wait_until_bound(port, &mut child);
    for image in &images {
        for packet in image.packets() {
            let _ = socket.send_to(packet, ("127.0.0.1", port));
        }
        // The pace of a camera: a receiver's buffer is not the whole stream.
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    (checksums(&output.stdout), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// An even port that is free, and the next.
fn free_port() -> u16 {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        if port.is_multiple_of(2) && UdpSocket::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

/// Waits until ffmpeg has its socket.
fn wait_until_bound(port: u16, child: &mut Child) {
    let entry = format!(":{port:04X} ");
    loop {
        let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|path| std::fs::read_to_string(path).unwrap());
        if tables.iter().any(|table| table.contains(&entry)) {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "ffmpeg ended");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn h265_units(name: &str) -> (Vec<Unit>, h265::ParameterSets) {
    let (mut splitter, mut assembler) = (h265::Splitter::new(), h265::Assembler::new());
    let (mut order, mut units) = (DisplayOrder::new(), Vec::new());
    let mut pieces = Vec::new();
    splitter.push(&fixture(name), |unit| pieces.push(unit.to_vec())).unwrap();
    splitter.finish(|unit| pieces.push(unit.to_vec()));
    for piece in &pieces {
        if let Some((data, link)) = assembler.assemble(piece) {
            order.push(data, link, assembler.slice());
        }
    }
    order.finish();
    while let Some(frame) = order.pop() {
        let time = MediaTime::from_duration(Duration::from_millis(40) * frame.place as u32);
        units.push((frame.data, frame.link, time));
    }
    (units, assembler.parameter_sets().unwrap().clone())
}

#[test]
fn h265_with_b_pictures_and_open_groups_is_decoded_bit_exact() {
    let (units, sets) = h265_units("open-gop.h265");
    assert_eq!(units.len(), 40);
    assert_eq!(units.iter().filter(|unit| unit.1 == Link::Start).count(), 2);
    let picture = sets.picture().unwrap();
    assert_eq!((picture.width, picture.height, picture.rate), (98, 66, Some(25.0)));
    let reordered = units.windows(2).any(|pair| pair[1].2 < pair[0].2);
    assert!(reordered, "the fixture has B-pictures");
    if !ffmpeg_is_there() {
        return;
    }
    let expected = decoded("open-gop.h265");
    assert_eq!(expected.len(), 40);
    let track = Track { codec: Codec::H265(sets), bitrate: None };
    // The last pictures are not shown before the stream ends, and this one does not say that it does.
    let (got, said) = received(track, &units, 34);
    assert_eq!(got, expected[..34], "{said}");
}

#[test]
fn aac_is_decoded_bit_exact() {
    let stream = fixture("sine.aac");
    let frames: Vec<_> = aac::frames(&stream).collect::<Result<_, _>>().unwrap();
    let config = frames[0].0.config.clone();
    let units: Vec<_> = frames
        .iter()
        .enumerate()
        .map(|(number, (_, raw))| {
            (Arc::from(*raw), Link::Alone, MediaTime::from_duration(config.duration(number as u64)))
        })
        .collect();
    if !ffmpeg_is_there() {
        return;
    }
    let expected = decoded("sine.aac");
    let track = Track { codec: Codec::Aac(config), bitrate: None };
    let (got, said) = received(track, &units, 80);
    assert!(got.len() == 80 && got[..] == expected[..80], "{said}");
}

#[test]
fn jpeg_is_decoded_bit_exact() {
    for name in ["420.jpg", "422.jpg"] {
        let data: Arc<[u8]> = fixture(name).into();
        let units: Vec<_> = (0..8_u32)
            .map(|number| {
                let time = MediaTime::from_duration(Duration::from_millis(40) * number);
                (data.clone(), Link::Start, time)
            })
            .collect();
        if !ffmpeg_is_there() {
            return;
        }
        // Only whole units of eight pixels go out: the padding of odd sizes is shown.
        let padded = padded(&data);
        let expected = decoded_file(padded.path().to_str().unwrap());
        let track = Track { codec: Codec::Jpeg, bitrate: None };
        let (got, said) = received(track, &units, 5);
        assert_eq!(got, vec![expected[0].clone(); 5], "{name}: {said}");
    }
}

/// The JPEG with the size that RTP says: rounded up to whole units of eight.
fn padded(jpeg: &[u8]) -> tempfile::NamedTempFile {
    let mut jpeg = jpeg.to_vec();
    let at = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap() + 5;
    for side in [at, at + 2] {
        let size = u16::from_be_bytes([jpeg[side], jpeg[side + 1]]).next_multiple_of(8);
        jpeg[side..side + 2].copy_from_slice(&size.to_be_bytes());
    }
    let file = tempfile::Builder::new().suffix(".jpg").tempfile().unwrap();
    std::fs::write(file.path(), jpeg).unwrap();
    file
}

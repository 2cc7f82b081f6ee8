//! Files as mounts: what is served is what is in them, at their times, round after round.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lenslet::media::h264::{ParameterSets, nal_units};
use lenslet::media::{Codec, MediaTime, TrackId, aac};
use lenslet::rtp::{DepacketizedUnit, Depacketizer, Sender};
use lenslet::source::file;

use crate::interop::has;
use crate::support::{Client, Incoming, Reply, Rtp, Server};

/// A fixture of 50 pictures at 25 a second.
const FIXTURE: &str = "tests/fixtures/bitstreams/b-pictures.mp4";
const PICTURES: usize = 50;
/// A round in RTP ticks.
const ROUND: u32 = 2 * 90_000;

/// A reader of a mount's pictures.
struct Player {
    client: Client,
    depacketizer: Depacketizer,
    last: Option<u16>,
    ssrc: Option<u32>,
}

impl Player {
    fn play(server: &Server, mount: &str) -> Self {
        let mut client = Client::connect(server);
        let url = server.url(mount);
        let session = client.set_up_tcp(&url);
        let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
        assert_eq!(reply.status, 200, "{mount}: {reply:?}");
        Self { client, depacketizer: Depacketizer::new("H264", &[]).unwrap(), last: None, ssrc: None }
    }

    fn last_ssrc(&self) -> u32 {
        self.ssrc.unwrap()
    }

    /// The next picture; packets are in sequence and none is missing.
    fn picture(&mut self) -> DepacketizedUnit {
        loop {
            if let Some(unit) = self.depacketizer.poll_unit() {
                assert!(!unit.damaged);
                return unit;
            }
            let bytes = self.client.next_frame(0);
            let packet = Rtp::parse(&bytes);
            assert!(self.last.is_none_or(|last| packet.seq == last.wrapping_add(1)), "{packet:?}");
            self.last = Some(packet.seq);
            self.ssrc = Some(packet.ssrc);
            self.depacketizer.handle_packet(packet.timestamp, packet.marker, 0, &bytes[12..]);
        }
    }
}

fn output(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Pictures without what may be repeated or left out: delimiters, filler, parameter sets.
fn slices(annex_b: &[u8]) -> Vec<&[u8]> {
    nal_units(annex_b).filter(|nal| !matches!(nal[0] & 0x1f, 7..=9 | 12)).collect()
}

/// What ffmpeg finds in a file: its NAL units, and when each picture is shown, in seconds from the first.
struct Expected {
    stream: Vec<u8>,
    times: Vec<f64>,
}

impl Expected {
    fn of(file: &str) -> Self {
        let all: &[&str] = if file.ends_with(".mkv") { &[] } else { &["-ignore_editlist", "1"] };
        let copy = ["-i", file, "-c", "copy", "-f", "h264", "-"];
        let stream = output("ffmpeg", &[&["-v", "error"], all, &copy].concat());
        let times = output(
            "ffprobe",
            &[
                "-v",
                "error",
                "-select_streams",
                "v",
                "-show_entries",
                "packet=pts_time",
                "-of",
                "csv=p=0",
                file,
            ],
        );
        let times = String::from_utf8(times).unwrap();
        let times: Vec<f64> =
            times.split_whitespace().map(|time| time.trim_end_matches(',').parse().unwrap()).collect();
        let times = times.iter().map(|time| time - times[0]).collect();
        Self { stream, times }
    }

    /// Plays more than one round and holds it against the file.
    fn holds(&self, server: &Server, mount: &str) {
        let mut player = Player::play(server, mount);
        let pictures: Vec<_> = (0..PICTURES + PICTURES / 2).map(|_| player.picture()).collect();
        assert!(pictures[0].keyframe, "{mount}");
        assert_eq!(self.times.len(), PICTURES, "{mount}");
        let expected = self.times.iter().cycle();
        for (number, (picture, time)) in pictures.iter().zip(expected).enumerate() {
            let round = ROUND * u32::from(number >= PICTURES);
            let ticks = picture.timestamp.wrapping_sub(pictures[0].timestamp).wrapping_sub(round) as i32;
            let off = f64::from(ticks) / 90_000.0 - time;
            assert!(off.abs() < 0.001, "{mount}: picture {number} is {off} s off");
        }
        let sent: Vec<&[u8]> = pictures.iter().flat_map(|picture| slices(&picture.data)).collect();
        let file = slices(&self.stream);
        assert!(sent.len() > file.len(), "{mount}");
        let differs = sent.iter().zip(file.iter().cycle()).position(|(sent, file)| sent != file);
        assert_eq!(differs, None, "{mount}: NAL unit");
    }
}

fn mounts(files: &[(&str, &Path)]) -> String {
    let mount =
        |(name, path): &(&str, &Path)| format!("\"{name}\": File(path: {:?}),", path.display().to_string());
    format!("mounts: {{{}}}", files.iter().map(mount).collect::<String>())
}

#[test]
fn every_container_is_served_picture_by_picture_at_its_times() {
    if !has("ffmpeg", &["-version"]) || !has("ffprobe", &["-version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let copy: [(&str, &[&str], &[&str]); 8] = [
        ("last.mp4", &[], &["-movflags", "-faststart"]),
        ("first.mp4", &[], &["-movflags", "+faststart"]),
        ("fragments.mp4", &[], &["-movflags", "frag_keyframe+empty_moov+default_base_moof"]),
        ("fragments-of-one.mp4", &[], &["-movflags", "frag_every_frame+delay_moov"]),
        ("quicktime.mov", &[], &[]),
        ("edited.mp4", &["-ss", "0.48"], &[]),
        ("matroska.mkv", &[], &[]),
        ("recorded.mkv", &[], &["-live", "1", "-cluster_time_limit", "300"]),
    ];
    let files = copy.map(|(name, before, options)| {
        let path = folder.path().join(name);
        let path_text = path.to_str().unwrap();
        let head = ["-v", "error"];
        let arguments = [&head, before, &["-i", FIXTURE, "-c", "copy"], options, &[path_text]].concat();
        output("ffmpeg", &arguments);
        (name, path)
    });
    let named: Vec<(&str, &Path)> = files.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let server = Server::with(&mounts(&named));
    std::thread::scope(|scope| {
        for (name, path) in &named {
            let server = &server;
            scope.spawn(move || Expected::of(path.to_str().unwrap()).holds(server, name));
        }
    });
}

fn describe(server: &Server, mount: &str) -> Reply {
    Client::connect(server).ask(&[&format!("DESCRIBE {} RTSP/1.0", server.url(mount))])
}

fn line<'a>(sdp: &'a str, start: &str) -> &'a str {
    sdp.lines().find(|line| line.contains(start)).unwrap()
}

#[test]
fn a_file_that_is_replaced_goes_on_as_the_new_one_and_is_described_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("clip.mp4"), folder.path().join("other"));
    std::fs::copy("tests/fixtures/bitstreams/fields.h264", &path).unwrap();
    let server = Server::with(&mounts(&[("clip", &path)]));
    let before = describe(&server, "clip");
    let mut player = Player::play(&server, "clip");
    let first = player.picture();
    std::fs::copy(FIXTURE, &other).unwrap();
    std::fs::rename(&other, &path).unwrap();
    let old = |picture: &DepacketizedUnit| nal_units(&picture.data).next() == nal_units(&first.data).next();
    let mut last = first.timestamp;
    // The first picture that begins with other parameter sets.
    loop {
        let picture = player.picture();
        let ahead = picture.timestamp.wrapping_sub(last);
        if picture.keyframe && !old(&picture) {
            assert!((1..9000).contains(&ahead), "{ahead} ticks");
            break;
        }
        last = picture.timestamp;
    }
    let after = describe(&server, "clip");
    let version =
        |reply: &Reply| -> u64 { line(&reply.body, "o=").split(' ').nth(2).unwrap().parse().unwrap() };
    assert!(version(&after) > version(&before), "{} {}", before.body, after.body);
    assert_ne!(line(&after.body, "sprop"), line(&before.body, "sprop"));
    std::fs::write(&path, []).unwrap();
    server.logged(&["clip.mp4", "no H.264 or H.265 picture"]);
    std::fs::remove_file(&path).unwrap();
    server.logged(&["clip.mp4", "No such file"]);
    // It is there again, and the source looks by itself: the same session goes on.
    std::fs::copy(FIXTURE, &other).unwrap();
    std::fs::rename(&other, &path).unwrap();
    while !player.picture().keyframe {}
}

#[test]
fn files_that_cannot_be_served_are_told_of_and_disturb_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(FIXTURE).unwrap();
    // The last: x264 names itself in the pictures.
    let at = |kind: &[u8]| whole.windows(4).rposition(|window| window == kind).unwrap();
    let mut counted = whole.clone();
    counted[at(b"stsz") + 12..][..4].copy_from_slice(&[0xff; 4]);
    let mut audio = whole.clone();
    audio[at(b"vide")..][..4].copy_from_slice(b"soun");
    let matroska = std::fs::read("tests/fixtures/bitstreams/seamless.mkv").unwrap();
    let of_vp9 = {
        let mut matroska = matroska.clone();
        let codec = b"V_MPEG4/ISO/AVC";
        let at = matroska.windows(codec.len()).position(|window| window == codec).unwrap();
        matroska[at..at + codec.len()].copy_from_slice(b"V_VP9/A/PROFILE");
        matroska
    };
    let cases: [(&str, &[u8], &str); 11] = [
        ("empty", &[], "no H.264 or H.265 picture"),
        ("text", b"a text, and nothing else", "no H.264 or H.265 picture"),
        ("cut", &whole[..5000], "has no index"),
        ("cut-index", &whole[..whole.len() - 100], "ends inside its index"),
        ("counted", &counted, "damaged (box stsz)"),
        ("audio", &audio, "no H.264 or H.265 track"),
        ("picture", b"\x89PNG\r\n\x1a\n", "a PNG picture, which is not served"),
        ("cut-matroska", &matroska[..300], "is cut short"),
        ("matroska-head", &matroska[..40], "does not say what is in it"),
        ("vp9", &of_vp9, "V_VP9/A/PROFILE video; make one: `ffmpeg -i FILE -c:v libx264"),
        ("avi", b"RIFF\0\0\0\0AVI LIST", "ffmpeg -i FILE"),
    ];
    let paths: Vec<_> = cases
        .iter()
        .map(|(name, content, _)| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        })
        .collect();
    let enormous = folder.path().join("enormous");
    std::fs::write(&enormous, &whole[..48]).unwrap();
    std::fs::File::options().write(true).open(&enormous).unwrap().set_len(1 << 40).unwrap();
    let mut files: Vec<(&str, &Path)> =
        cases.iter().zip(&paths).map(|((name, _, _), path)| (*name, path.as_path())).collect();
    files.extend([("enormous", enormous.as_path()), ("good", Path::new(FIXTURE))]);
    let server = Server::with(&mounts(&files));
    let mut good = Player::play(&server, "good");
    good.picture();
    let before = server.resident();
    for (name, _, sentence) in &cases {
        assert_eq!(describe(&server, name).status, 503, "{name}");
        server.logged(&[folder.path().join(name).to_str().unwrap(), sentence]);
    }
    assert_eq!(describe(&server, "enormous").status, 503);
    server.logged(&["enormous", "no index"]);
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} kB more");
    for _ in 0..PICTURES {
        good.picture();
    }
}

#[test]
fn a_reader_of_a_codec_that_is_no_more_is_told_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film");
    let put = |fixture: &str| {
        let new = folder.path().join("new");
        std::fs::copy(format!("tests/fixtures/bitstreams/{fixture}"), &new).unwrap();
        std::fs::rename(&new, &path).unwrap();
    };
    put("b-pictures.mp4");
    let server = Server::with(&format!("mounts: {{\"film\": File(path: {:?})}}", path.to_str().unwrap()));
    let mut player = Player::play(&server, "film");
    player.picture();
    put("h265.mp4");
    let ssrc = player.last_ssrc();
    // Nothing of the other codec, and a BYE (RFC 3550 section 6.6) of the stream that was told of.
    loop {
        match player.client.next() {
            Incoming::Frame { channel: 0, data } => assert_eq!(Rtp::parse(&data).ssrc, ssrc),
            Incoming::Frame { data, .. } if rtcp_types(&data).contains(&203) => {
                assert_eq!(data[4..8], ssrc.to_be_bytes());
                break;
            }
            Incoming::Frame { .. } | Incoming::Reply(_) => {}
            Incoming::Closed => panic!("closed without a word"),
        }
    }
    // Who asks now is served the new one.
    let reply = describe(&server, "film");
    assert!(reply.body.contains("H265/90000"), "{reply:?}");
}

/// The types of the packets in a compound.
fn rtcp_types(mut compound: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let &[_, kind, high, low, ..] = compound {
        types.push(kind);
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        compound = compound.get(length..).unwrap_or_default();
    }
    types
}

/// The units of a real file for an hour of its own time, with nobody waiting: packetized, and their RTP times held
/// against what its first round says.
#[test]
fn an_hour_of_a_looped_file_keeps_rtp_time_and_numbers() {
    for name in ["seamless.mp4", "seamless.mkv"] {
        let path = format!("tests/fixtures/bitstreams/{name}").into();
        let file = file::File::new(file::Settings { path, fps: None });
        let sets = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let aac = Codec::Aac(aac::Config::parse(&[0x14, 0x08]).unwrap());
        let sender = |track, codec| Sender::new(TrackId(track), codec, 1, u16::MAX - 5, 7, 1420);
        let mut senders = [sender(0, &sets), sender(1, &aac)];
        let mut numbers = [u16::MAX - 5; 2];
        // In ticks from the first of each track; wrapping differences, so that the timestamps may wrap.
        let mut times: [Vec<i64>; 2] = Default::default();
        let mut first = [None; 2];
        for unit in file.units().unwrap() {
            let (due, unit) = unit.unwrap();
            if due >= MediaTime::from_duration(Duration::from_secs(3600)) {
                break;
            }
            let track = unit.track.index();
            let image = senders[track].packetize(&unit).unwrap();
            assert_eq!(image.first_seq, numbers[track], "{name}: no number is left out");
            numbers[track] = numbers[track].wrapping_add(image.packets);
            let first = *first[track].get_or_insert(image.timestamp);
            times[track].push(i64::from(image.timestamp.wrapping_sub(first) as i32));
        }
        for (track, step, count, millisecond) in [(0, 3_600, 89_900, 90), (1, 1_024, 56_200, 16)] {
            // Pictures that are shown before one that is decoded before them come in their order.
            let times = &mut times[track];
            assert!(times.len() > count, "{name}: {} units of track {track} in an hour", times.len());
            times.sort_unstable();
            times.truncate(count);
            let off =
                times.iter().zip(0..).map(|(time, number)| (time - times[0] - number * step).abs()).max();
            println!("{name}, track {track}: {} units, {off:?} ticks off at most", times.len());
            assert!(off.unwrap() < millisecond, "{name}, track {track}: {off:?} ticks");
        }
    }
}

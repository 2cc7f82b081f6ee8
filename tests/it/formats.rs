//! Each format packetized by us, described by us, put together by ffmpeg and by retina.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lenslet::media::h264::DisplayOrder;
use lenslet::media::jpeg::Image;
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, Track, TrackId, aac, h265};
use lenslet::rtp::{Sender, WireImage};
use lenslet::sdp;

use crate::interop::{has, run};
use crate::support::PATIENCE;

const FIXTURES: &str = "tests/fixtures/bitstreams";

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FIXTURES}/{name}")).unwrap()
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

/// Packets of one track behind an RTSP server that knows no more than a client by TCP needs: it sends as
/// fast as it is read, every packet, and then ends.
struct Served {
    url: String,
    thread: std::thread::JoinHandle<()>,
}

impl Served {
    fn new(track: Track, units: &[Unit], max_packet: usize) -> Self {
        let mut sender = Sender::new(TrackId(0), &track.codec, 7, 65_530, u32::MAX - 5_000, max_packet);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("rtsp://{}/x", listener.local_addr().unwrap());
        let described = sdp::describe(&sdp::Session {
            uri: &url,
            has_query: false,
            local: "127.0.0.1".parse().unwrap(),
            id: 1,
            version: 1,
            name: "x",
            tracks: &[track],
        });
        let images: Vec<_> = units
            .iter()
            .map(|(data, link, time)| {
                let unit = AccessUnit {
                    track: TrackId(0),
                    time: *time,
                    link: *link,
                    journey: None,
                    data: data.clone(),
                };
                sender.packetize(&unit).unwrap()
            })
            .collect();
        assert!(images.iter().flat_map(WireImage::packets).all(|packet| packet.len() + 28 <= max_packet));
        let thread = std::thread::spawn(move || serve(&listener, &described, &images));
        Self { url, thread }
    }
}

fn serve(listener: &TcpListener, described: &str, images: &[WireImage]) {
    let mut stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut requests = BufReader::new(stream.try_clone().unwrap()).lines();
    loop {
        let request: Vec<String> =
            requests.by_ref().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        let cseq = request.iter().find(|line| line.starts_with("CSeq:")).unwrap();
        let method = request[0].split(' ').next().unwrap();
        let (headers, body) = match method {
            "OPTIONS" => ("Public: DESCRIBE, SETUP, PLAY", ""),
            "DESCRIBE" => ("Content-Type: application/sdp", described),
            "SETUP" => ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1", ""),
            _ => ("Session: 1", ""),
        };
        let length = body.len();
        let reply =
            format!("RTSP/1.0 200 OK\r\n{cseq}\r\n{headers}\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(reply.as_bytes()).unwrap();
        if method == "PLAY" {
            break;
        }
    }
    for image in images {
        if stream.write_all(image.as_bytes()).is_err() {
            // It has seen enough.
            return;
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    // What it still has to say: TEARDOWN, or nothing.
    let _ = requests.map_while(Result::ok).last();
}

/// What ffmpeg makes of the packets: a line a frame, as `framemd5` writes them.
fn received(track: Track, units: &[Unit], max_packet: usize) -> String {
    let served = Served::new(track, units, max_packet);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "warning", "-rtsp_transport", "tcp", "-i", &served.url]);
    let output = run(ffmpeg.args(["-fps_mode", "passthrough", "-f", "framemd5", "-"])).unwrap();
    served.thread.join().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What retina makes of them: its frames, or access units of sound.
fn received_by_retina(track: Track, units: &[Unit], max_packet: usize) -> Vec<Vec<u8>> {
    use futures::StreamExt;
    use retina::client::{PlayOptions, Session, SessionOptions, SetupOptions, Transport};
    use retina::codec::CodecItem;

    let served = Served::new(track, units, max_packet);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let frames = runtime.block_on(async {
        let url = url::Url::parse(&served.url).unwrap();
        let mut session = Session::describe(url, SessionOptions::default()).await.unwrap();
        let options = SetupOptions::default().transport(Transport::Tcp(Default::default()));
        session.setup(0, options).await.unwrap();
        let mut demuxed = session.play(PlayOptions::default()).await.unwrap().demuxed().unwrap();
        let mut frames = Vec::new();
        while frames.len() < units.len() {
            let item = tokio::time::timeout(PATIENCE, demuxed.next()).await.expect("a frame in time");
            match item.expect("it goes on").unwrap() {
                CodecItem::VideoFrame(frame) => frames.push(frame.data().to_vec()),
                CodecItem::AudioFrame(frame) => frames.push(frame.data().to_vec()),
                _ => {}
            }
        }
        frames
    });
    // The rest of its session lives in there.
    drop(runtime);
    served.thread.join().unwrap();
    frames
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
    let track = Track { codec: Codec::H265(sets), bitrate: None };
    let frames = received_by_retina(track.clone(), &units, 600);
    for (frame, unit) in frames.iter().zip(&units) {
        assert_eq!(slices(sized(frame)), slices(h265::nal_units(&unit.0)));
    }
    if has("ffmpeg", &["-version"]) {
        let expected = decoded("open-gop.h265");
        assert_eq!(expected.len(), 40);
        for max_packet in [1400, 576] {
            assert_eq!(checksums(received(track.clone(), &units, max_packet).as_bytes()), expected);
        }
    }
}

/// NAL units behind their lengths.
fn sized(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (nal, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        bytes = rest;
        Some(nal)
    })
}

fn slices<'a>(nals: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    nals.filter(|nal| h265::NalType::of(nal).is_slice()).collect()
}

/// The access units of the fixture, at the times that its configuration says; and their lengths' range.
fn aac_units(config: &aac::Config) -> Vec<Unit> {
    let stream = fixture("sine.aac");
    let frames = aac::frames(&stream).map(Result::unwrap).enumerate();
    let time = |number: usize| MediaTime::from_duration(config.duration(number as u64));
    frames.map(|(number, (_, raw))| (Arc::from(raw), Link::Alone, time(number))).collect()
}

#[test]
fn aac_whole_and_in_pieces_is_decoded_bit_exact() {
    let config = aac::frames(&fixture("sine.aac")).next().unwrap().unwrap().0.config;
    let units = aac_units(&config);
    let track = Track { codec: Codec::Aac(config), bitrate: None };
    // Smaller than what the configuration allows: no access unit of the fixture is longer than that.
    let pieces = 160;
    assert!(units.iter().filter(|unit| unit.0.len() + 44 > pieces).count() > 40);
    for max_packet in [1400, pieces] {
        let frames = received_by_retina(track.clone(), &units, max_packet);
        assert!(frames.iter().zip(&units).all(|(frame, unit)| frame[..] == unit.0[..]), "{max_packet}");
        if has("ffmpeg", &["-version"]) {
            let got = received(track.clone(), &units, max_packet);
            assert_eq!(checksums(got.as_bytes()), decoded("sine.aac"), "{max_packet}");
        }
    }
}

#[test]
fn sbr_that_is_signalled_is_heard_at_its_rate() {
    // SBR first: a core of 44 100, heard at 88 200, then LC.
    let config = aac::Config::parse(&[0x2a, 0x10, 0x88, 0x00]).unwrap();
    assert_eq!((config.sample_rate(), config.samples(), config.channels()), (88_200, 2048, 2));
    let units = aac_units(&config);
    if !has("ffmpeg", &["-version"]) {
        return;
    }
    let got = received(Track { codec: Codec::Aac(config), bitrate: None }, &units, 1400);
    assert!(got.contains("#sample_rate 0: 88200"), "{got}");
    let frames: Vec<Vec<u64>> = got
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(',').skip(2).take(2).map(|field| field.trim().parse().unwrap()).collect())
        .collect();
    assert_eq!(frames.len(), units.len());
    // Each frame's duration, and none missing between it and the next.
    assert!(frames.iter().all(|frame| frame[1] == 2048), "{got}");
    assert!(frames.windows(2).all(|pair| pair[1][0] - pair[0][0] == 2048), "{got}");
}

#[test]
fn jpeg_is_decoded_bit_exact() {
    for name in ["420.jpg", "422.jpg", "restart-420.jpg", "restart-422.jpg"] {
        let data: Arc<[u8]> = fixture(name).into();
        let image = Image::parse(&data).unwrap();
        assert_eq!(image.restart_interval.is_some(), name.starts_with("restart"));
        let time = |number: u32| MediaTime::from_duration(Duration::from_millis(40) * number);
        let units: Vec<_> = (0..8).map(|number| (data.clone(), Link::Start, time(number))).collect();
        let track = Track { codec: Codec::Jpeg, bitrate: None };
        // Only whole units of eight pixels go out: the padding of odd sizes is shown.
        let padded = padded(&data);
        for max_packet in [1400, 576] {
            for frame in received_by_retina(track.clone(), &units, max_packet) {
                let got = Image::parse(&frame).unwrap();
                assert_eq!(got, Image { width: got.width, height: got.height, ..image }, "{name}");
            }
            if has("ffmpeg", &["-version"]) {
                let expected = decoded_file(padded.path().to_str().unwrap());
                let got = received(track.clone(), &units, max_packet);
                assert_eq!(checksums(got.as_bytes()), vec![expected[0].clone(); 8], "{name}");
            }
        }
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

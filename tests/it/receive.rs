//! `lenslet receive`: against our own server, and against servers with faults.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use lenslet::media::h264::{Assembler, ParameterSets, Splitter, nal_units};
use lenslet::media::jpeg::Image;
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, Track, TrackId, aac, h265};
use lenslet::rtp::Sender;
use lenslet::sdp;
use serde_json::Value;

use crate::support::{Server, lenslet};

fn receive(url: &str, arguments: &[&str]) -> Output {
    lenslet().args(["receive", url]).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// NAL units of pictures, without delimiters, filler, SEI and parameter sets.
fn pictures(annex_b: &[u8]) -> Vec<&[u8]> {
    nal_units(annex_b).filter(|nal| matches!(nal[0] & 0x1f, 1 | 5)).collect()
}

#[test]
fn our_own_server_is_received_without_loss_and_the_file_as_it_is() {
    let server = Server::start();
    let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
    for mount in ["test", "clip"] {
        for transport in ["udp", "tcp"] {
            let file = tempfile::Builder::new().suffix(".h264").tempfile().unwrap();
            let path = file.path().to_str().unwrap();
            let told = json(&receive(
                &server.url(mount),
                &["--transport", transport, "--seconds", "5", "--save", path, "--json"],
            ));
            let track = &told["tracks"][0];
            assert_eq!((&told["transport"], &track["encoding"]), (&transport.into(), &"H264".into()));
            assert_eq!((&track["width"], &track["height"]), (&320.into(), &240.into()), "{told}");
            assert_eq!(
                (&track["lost"], &track["damaged"]),
                (&0.into(), &0.into()),
                "{mount} {transport}: {told}"
            );
            assert!(track["pictures"].as_u64().unwrap() >= 100, "{mount} {transport}: {told}");
            assert_eq!(track["keyframe_interval"][1].as_f64().unwrap().round(), 1.0, "{told}");
            assert!(told["first_picture_ms"].as_f64().is_some() && told["round_trip_ms"].as_f64().is_some());
            let saved = std::fs::read(file.path()).unwrap();
            let got = pictures(&saved);
            assert!(got.len() >= 100);
            if mount == "clip" {
                let sent = pictures(&clip);
                let start = sent.iter().position(|nal| *nal == got[0]).expect("a picture of the file");
                assert!(got.iter().zip(sent.iter().cycle().skip(start)).all(|(got, sent)| got == sent));
            }
        }
    }
}

#[test]
fn people_are_told_in_sentences() {
    let server = Server::start();
    let output = receive(&server.url("test"), &["--seconds", "1"]);
    let said = String::from_utf8(output.stdout).unwrap();
    for part in
        ["/test by UDP, 1.", "track 0: video H264 320x240, ", "first picture ", "The path to the server is "]
    {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() {
    let server = Server::start();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let no_rtsp = answering(|mut stream| stream.write_all(&[0; 8192]).unwrap());
    for (url, part) in [
        ("http://h/".to_owned(), "http:// is not spoken here"),
        ("rtsp://".to_owned(), "names no host"),
        (format!("rtsp://{nobody}/x"), "cannot reach 127.0.0.1"),
        (server.url("nowhere"), "DESCRIBE with 404"),
        (server.url("absent"), "DESCRIBE with 503"),
        (format!("rtsp://{no_rtsp}/x"), "neither a request nor"),
    ] {
        let output = receive(&url, &["--seconds", "1"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.starts_with("lenslet: ") && said.contains(part),
            "{url}: {said}"
        );
    }
    let output = receive(&server.url("test"), &["--save", "/nowhere/file.h264"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/file.h264: "));
}

#[test]
fn an_interrupt_ends_it_with_the_figures_so_far() {
    let server = Server::start();
    let child = lenslet()
        .args(["receive", &server.url("test"), "--seconds", "600", "--json", "--save", "/dev/stderr"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = child;
    // The first pictures have come when some of them were saved.
    let mut saved = BufReader::new(child.stderr.take().unwrap());
    assert!(!saved.fill_buf().unwrap().is_empty());
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    std::thread::spawn(move || std::io::copy(&mut saved, &mut std::io::sink()));
    let told = json(&child.wait_with_output().unwrap());
    assert!(told["tracks"][0]["pictures"].as_u64().unwrap() > 0);
}

#[test]
fn a_pictures_line_is_written_when_it_comes() {
    let server = Server::start();
    let mut child = lenslet()
        .args(["receive", &server.url("test"), "--seconds", "600", "--json", "--pictures", "/dev/stderr"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("track,seconds,arrival,"));
    assert!(lines.next().unwrap().unwrap().starts_with("0,0.000000,"));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    std::thread::spawn(move || lines.for_each(drop));
    let told = json(&child.wait_with_output().unwrap());
    // A buffer of a file holds some hundreds.
    assert!(told["tracks"][0]["pictures"].as_u64().unwrap() < 100, "{told}");
}

#[test]
fn loss_is_counted_to_the_packet_by_both_transports() {
    for (transport, missing) in [("udp", 7), ("tcp", 7), ("udp", 0)] {
        let address = camera(Faults { every: missing, ..Faults::default() });
        let told = json(&receive(
            &format!("rtsp://{address}/live"),
            &["--transport", transport, "--seconds", "1", "--json"],
        ));
        let track = &told["tracks"][0];
        let (packets, lost) = (track["packets"].as_u64().unwrap(), track["lost"].as_u64().unwrap());
        let expected = (packets + lost).checked_div(missing).unwrap_or(0);
        assert_eq!(lost, expected, "{transport}: {told}");
        assert_eq!(told["path"], if missing == 0 { "good" } else { "poor" }, "{told}");
        assert_eq!(track["damaged"].as_u64().unwrap() > 0, missing != 0, "{told}");
    }
}

/// Plays a film and gives what was told and what was saved.
fn watch(film: &Film, transport: &str, every: u64) -> (Value, Vec<u8>) {
    let address = playing(film.clone(), Faults { every, ..Faults::default() });
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let url = format!("rtsp://{address}/live");
    let told = json(&receive(&url, &["--transport", transport, "--seconds", "2", "--save", path, "--json"]));
    (told, std::fs::read(file.path()).unwrap())
}

/// The figures of a film that came whole: how many units were, and in what size.
fn whole(told: &Value, encoding: &str, size: Option<(u64, u64)>) -> usize {
    let track = &told["tracks"][0];
    assert_eq!((&track["encoding"], &track["lost"]), (&encoding.into(), &0.into()), "{told}");
    assert_eq!(track["damaged"], 0, "{told}");
    // On a busy machine it is fair.
    assert_ne!(told["path"], "poor", "{told}");
    let told_size = track["width"].as_u64().zip(track["height"].as_u64());
    assert_eq!(told_size, size, "{told}");
    assert!(told["first_picture_ms"].is_number());
    let units = track["pictures"].as_u64().unwrap();
    assert!(units > 20, "{told}");
    units as usize
}

/// Every seventh packet is missing: counted, and the path is what it is.
fn with_loss(film: &Film, transport: &str) -> Value {
    let (told, _) = watch(film, transport, 7);
    let track = &told["tracks"][0];
    let (packets, lost) = (track["packets"].as_u64().unwrap(), track["lost"].as_u64().unwrap());
    assert!(lost > 0 && lost == (packets + lost) / 7, "{told}");
    assert_eq!(told["path"], "poor", "{told}");
    told
}

#[test]
fn h265_is_received_bit_exact_and_its_loss_is_seen() {
    let film = Film::h265();
    assert_eq!(film.units.len(), 40);
    for transport in ["udp", "tcp"] {
        let (told, saved) = watch(&film, transport, 0);
        let units = whole(&told, "H265", Some((98, 66)));
        let sent: Vec<u8> =
            film.units.iter().cycle().take(units).flat_map(|(data, _)| data.to_vec()).collect();
        assert!(saved == sent, "{transport}: {} bytes of {} were saved", saved.len(), sent.len());
        let track = &told["tracks"][0];
        assert!(track["keyframes"].as_u64().unwrap() >= 2, "{told}");
        let second = film.units.iter().skip(1).position(|(_, link)| *link == Link::Start).unwrap() + 1;
        let apart = |units: usize| (film.step * units as u32).as_secs_f64();
        assert_eq!(track["keyframe_interval"][0], apart(second), "{told}");
        assert_eq!(track["keyframe_interval"][1], apart(film.units.len() - second), "{told}");
        let told = with_loss(&film, transport);
        assert!(told["tracks"][0]["damaged"].as_u64().unwrap() > 0, "{told}");
    }
}

#[test]
fn aac_is_received_bit_exact_and_its_loss_is_seen() {
    let film = Film::aac();
    for transport in ["udp", "tcp"] {
        let (told, saved) = watch(&film, transport, 0);
        let units = whole(&told, "MPEG4-GENERIC", None);
        let stream = fixture("sine.aac");
        assert!(!saved.is_empty() && saved.iter().eq(stream.iter().cycle().take(saved.len())), "{transport}");
        let frames: Vec<_> = aac::frames(&saved).collect::<Result<_, _>>().unwrap();
        assert_eq!(frames.len(), units);
        let track = &told["tracks"][0];
        assert_eq!((&track["kind"], &track["keyframes"]), (&"audio".into(), &Value::Null), "{told}");
        // A unit a packet: each is whole or missing.
        let track = with_loss(&film, transport)["tracks"][0].clone();
        assert_eq!(track["damaged"], 0, "{track}");
        // By UDP the last ones wait for what is missing before them.
        let waiting = track["packets"].as_u64().unwrap() - track["pictures"].as_u64().unwrap();
        assert!(track["pictures"].as_u64().unwrap() > 20 && (transport == "udp" || waiting == 0), "{track}");
    }
}

#[test]
fn jpegs_are_received_bit_exact_and_their_loss_is_seen() {
    for (name, transport, size) in [("420.jpg", "udp", (168, 112)), ("422.jpg", "tcp", (160, 104))] {
        let film = Film::jpeg(name);
        let (told, saved) = watch(&film, transport, 0);
        let pictures = whole(&told, "JPEG", Some(size));
        assert_eq!(told["tracks"][0]["keyframe_interval"], Value::Null, "{told}");
        let original = fixture(name);
        // Sizes travel in whole blocks.
        let (width, height) = (size.0 as u16, size.1 as u16);
        let sent = Image { width, height, ..Image::parse(&original).unwrap() };
        let one = sent.to_jpeg();
        assert!(saved == one.repeat(pictures), "{name}: {} bytes saved, {} sent", saved.len(), one.len());
        assert_eq!(Image::parse(&saved).unwrap(), sent);
        let told = with_loss(&film, transport);
        assert!(told["tracks"][0]["pictures"].as_u64().unwrap() > 0, "{told}");
    }
}

#[test]
fn a_server_without_udp_is_asked_again_by_tcp() {
    let address = camera(Faults { refuses_udp: true, ..Faults::default() });
    let url = format!("rtsp://{address}/live");
    let told = json(&receive(&url, &["--seconds", "1", "--json"]));
    assert_eq!(told["transport"], "tcp");
    assert!(told["note"].as_str().unwrap().contains("refuses UDP"), "{told}");
    let output = receive(&url, &["--seconds", "1", "--transport", "udp"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("SETUP with 461"), "what was asked for is done");
}

#[test]
fn datagrams_that_never_come_are_told_and_tcp_is_used() {
    let address = camera(Faults { silent_udp: true, ..Faults::default() });
    let told = json(&receive(&format!("rtsp://{address}/live"), &["--seconds", "1", "--json"]));
    assert_eq!(told["transport"], "tcp");
    assert!(told["note"].as_str().unwrap().contains("no packet came by UDP for 5 s"), "{told}");
}

#[test]
fn a_redirection_is_followed_and_a_circle_is_not() {
    let camera = camera(Faults::default());
    let elsewhere = redirecting(format!("rtsp://{camera}/live"));
    let told = json(&receive(&format!("rtsp://{elsewhere}/moved"), &["--seconds", "1", "--json"]));
    assert_eq!(told["url"], format!("rtsp://{camera}/live"));
    let circle = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/round", circle.local_addr().unwrap());
    redirect_on(circle, url.clone());
    let output = receive(&url, &["--seconds", "1"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("redirects more than 5 times"));
}

/// A pass of what a camera plays, over and over: its sound, or its pictures.
#[derive(Clone)]
struct Film {
    track: Track,
    units: Vec<(Arc<[u8]>, Link)>,
    /// From a unit to the next.
    step: Duration,
}

impl Film {
    fn new(codec: Codec, units: Vec<(Arc<[u8]>, Link)>) -> Self {
        let step = Duration::from_millis(33);
        Self { track: Track { codec, bitrate: None }, units, step }
    }

    /// H.264 whose description says nothing more.
    fn h264() -> Self {
        let clip = fixture("clip.h264");
        let (mut splitter, mut assembler, mut units) = (Splitter::new(), Assembler::new(), Vec::new());
        splitter.push(&clip, |unit| units.extend(assembler.assemble(unit))).unwrap();
        Self::new(Codec::H264(ParameterSets::new(&[0x67, 0x42, 0xc0, 0x1e], &[0x68])), units)
    }

    fn h265() -> Self {
        let (mut splitter, mut assembler) = (h265::Splitter::new(), h265::Assembler::new());
        let mut units = Vec::new();
        splitter.push(&fixture("open-gop.h265"), |unit| units.extend(assembler.assemble(unit))).unwrap();
        splitter.finish(|unit| units.extend(assembler.assemble(unit)));
        Self::new(Codec::H265(assembler.parameter_sets().unwrap().clone()), units)
    }

    fn aac() -> Self {
        let stream = fixture("sine.aac");
        let frames: Vec<_> = aac::frames(&stream).collect::<Result<_, _>>().unwrap();
        let config = frames[0].0.config.clone();
        let step = config.duration(1);
        let units = frames.iter().map(|(_, raw)| (Arc::from(*raw), Link::Alone)).collect();
        Self { step, ..Self::new(Codec::Aac(config), units) }
    }

    fn jpeg(name: &str) -> Self {
        Self::new(Codec::Jpeg, vec![(fixture(name).into(), Link::Start)])
    }

    fn description(&self) -> String {
        if matches!(self.track.codec, Codec::H264(_)) {
            return "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t\r\n".into();
        }
        sdp::describe(&sdp::Session {
            uri: "rtsp://h/live",
            has_query: false,
            local: std::net::Ipv4Addr::LOCALHOST.into(),
            id: 1,
            version: 1,
            name: "live",
            tracks: std::slice::from_ref(&self.track),
        })
    }
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new("tests/fixtures/bitstreams").join(name)).unwrap()
}

/// What a camera does wrong.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Leaves out each packet of so many; 0 leaves out none.
    pub(crate) every: u64,
    pub(crate) refuses_udp: bool,
    pub(crate) silent_udp: bool,
    /// Asks for `admin` and `geheim`, by Digest.
    pub(crate) asks_for_password: bool,
}

/// Without `qop` the answer to it is the same each time.
const CHALLENGE: &str = "Digest realm=\"cam\", nonce=\"5f1ab2\"";

/// Whether a request says the password, for its own method and URI.
fn knows_password(first: &str, fields: &Fields) -> bool {
    let mut words = first.split(' ');
    let (method, uri) = (words.next().unwrap(), words.next().unwrap());
    let mut answer = http_auth::PasswordClient::builder().challenges(CHALLENGE).build().unwrap();
    let parameters =
        http_auth::PasswordParams { username: "admin", password: "geheim", uri, method, body: Some(b"") };
    fields.get("authorization") == answer.respond(&parameters).ok().as_ref()
}

pub(crate) fn answering(answer: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap())));
    address
}

fn redirecting(to: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    redirect_on(listener, to);
    address
}

fn redirect_on(listener: TcpListener, to: String) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut requests = BufReader::new(stream.unwrap());
            while let Some((first, fields)) = request(&mut requests) {
                let cseq = &fields["cseq"];
                let status = if first.starts_with("OPTIONS") { "200 OK" } else { "302 Moved" };
                let reply = format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\nLocation: {to}\r\n\r\n");
                let _ = requests.get_mut().write_all(reply.as_bytes());
            }
        }
    });
}

pub(crate) type Fields = std::collections::BTreeMap<String, String>;

/// A request's first line and fields; frames before it are passed over.
pub(crate) fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, Fields)> {
    loop {
        let next = stream.fill_buf().ok()?;
        if *next.first()? != b'$' {
            break;
        }
        let mut head = [0; 4];
        std::io::Read::read_exact(stream, &mut head).ok()?;
        let mut frame = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
        std::io::Read::read_exact(stream, &mut frame).ok()?;
    }
    let mut lines = stream.by_ref_lines();
    let first = lines.next()?;
    let fields = lines.map_while(|line| {
        line.split_once(": ").map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()))
    });
    Some((first, fields.collect()))
}

trait Lines {
    fn by_ref_lines(&mut self) -> impl Iterator<Item = String>;
}

impl Lines for BufReader<TcpStream> {
    fn by_ref_lines(&mut self) -> impl Iterator<Item = String> {
        std::iter::from_fn(|| {
            let mut line = String::new();
            self.read_line(&mut line).ok().filter(|read| *read > 0)?;
            Some(line.trim_end().to_owned()).filter(|line| !line.is_empty())
        })
    }
}

/// A camera of H.264.
pub(crate) fn camera(faults: Faults) -> SocketAddr {
    playing(Film::h264(), faults)
}

/// A camera of one track that plays to one client at a time.
fn playing(film: Film, faults: Faults) -> SocketAddr {
    answering(move |stream| {
        let local = stream.local_addr().unwrap();
        let mut requests = BufReader::new(stream);
        let mut way = None;
        while let Some((first, fields)) = request(&mut requests) {
            let method = first.split(' ').next().unwrap();
            let transport = fields.get("transport").cloned().unwrap_or_default();
            let mut reply = String::from("RTSP/1.0 200 OK\r\n");
            let mut body = String::new();
            match method {
                _ if faults.asks_for_password && !knows_password(&first, &fields) => {
                    reply = format!("RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: {CHALLENGE}\r\n");
                }
                "DESCRIBE" => {
                    body = film.description();
                }
                "SETUP" if transport.contains("client_port") && faults.refuses_udp => {
                    reply = "RTSP/1.0 461 Unsupported Transport\r\n".into();
                }
                "SETUP" => {
                    let socket = UdpSocket::bind((local.ip(), 0)).unwrap();
                    reply += &format!("Session: 1\r\nTransport: {transport}\r\n");
                    let port =
                        transport.split("client_port=").nth(1).and_then(|ports| ports.split('-').next());
                    let to = port.map(|port| SocketAddr::new(local.ip(), port.parse().unwrap()));
                    way = Some((socket, to));
                }
                _ => {}
            }
            reply += &format!("CSeq: {}\r\nContent-Length: {}\r\n\r\n{body}", fields["cseq"], body.len());
            requests.get_mut().write_all(reply.as_bytes()).unwrap();
            if method == "PLAY"
                && let Some((socket, to)) = way.take()
            {
                let stream = requests.get_ref().try_clone().unwrap();
                let film = film.clone();
                if !(faults.silent_udp && to.is_some()) {
                    std::thread::spawn(move || send(stream, &socket, to, &film, faults));
                }
            }
        }
    })
}

/// Sends units until nobody takes them.
fn send(mut stream: TcpStream, socket: &UdpSocket, to: Option<SocketAddr>, film: &Film, faults: Faults) {
    let mut sender = Sender::new(TrackId(0), &film.track.codec, 1, u16::MAX - 20, 2, 1420);
    let mut count = 0;
    for (number, (data, link)) in film.units.iter().cloned().cycle().enumerate() {
        let time = MediaTime::from_duration(film.step * number as u32);
        let image =
            sender.packetize(&AccessUnit { track: TrackId(0), time, link, journey: None, data }).unwrap();
        for frame in image.frames() {
            count += 1;
            if faults.every > 0 && count % faults.every == 0 {
                continue;
            }
            let sent = match to {
                Some(to) => socket.send_to(&frame[4..], to).map(drop),
                None => stream.write_all(frame),
            };
            if sent.is_err() {
                return;
            }
        }
        // The camera's own pace: pictures are not waited for here.
        std::thread::sleep(film.step);
    }
}

#[test]
fn a_server_that_asks_without_end_and_reads_nothing_fills_no_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/x", listener.local_addr().unwrap());
    let mut child = crate::support::lenslet().args(["receive", &url]).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
    let requests = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(1000);
    // 60 MB, or as much as it takes.
    for _ in 0..2000 {
        if stream.write_all(&requests).is_err() {
            break;
        }
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let peak: u64 = line.map_or(0, |line| line.split_whitespace().nth(1).unwrap().parse().unwrap());
    assert!(peak < 40_000, "{peak} kB");
}

#[test]
fn a_file_is_not_emptied_for_a_url_that_plays_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "last week's recording").unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("rtsp://{gone}/typo");
    let output =
        crate::support::lenslet().args(["receive", &url, "--save"]).arg(file.path()).output().unwrap();
    assert!(!output.status.success());
    let output = crate::support::lenslet().args(["receive", &url, "--json"]).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["error"].as_str().unwrap().contains("cannot reach"), "{told}");
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "last week's recording");
}

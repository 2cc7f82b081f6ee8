//! JPEGs as mounts: what is served is what lies there, in order, round after round.

use std::fs;
use std::path::Path;
use std::process::Command;

use lenslet::media::jpeg::Image;

use crate::formats::{checksums, fixture};
use crate::interop::{has, run};
use crate::support::{Client, Server};

/// Pictures that the clients are given.
const PICTURES: usize = 7;
/// Pictures that each client shows: more than two rounds.
const SHOWN: usize = 17;

fn mounts(paths: &[(&str, &Path)]) -> String {
    let mount = |(name, path): &(&str, &Path)| {
        format!("\"{name}\": Jpegs(path: {:?}, fps: 20),", path.display().to_string())
    };
    format!("mounts: {{{}}}", paths.iter().map(mount).collect::<String>())
}

/// What a client is to play.
struct Visit<'a> {
    url: String,
    transport: &'a str,
    folder: &'a Path,
}

/// A client that tells the checksums of the pictures that it decoded; and what has to run for it to be there.
type Player = (&'static str, &'static [&'static str], fn(&Visit<'_>) -> Vec<String>);

const CLIENTS: [Player; 3] = [
    ("ffmpeg", &["-version"], |visit| {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "warning", "-rtsp_transport", visit.transport, "-i", &visit.url]);
        ffmpeg.args(["-fps_mode", "passthrough", "-frames:v", &SHOWN.to_string(), "-f", "framemd5", "-"]);
        checksums(&run(&mut ffmpeg).unwrap().stdout)
    }),
    ("gst-inspect-1.0", &["rtpjpegdepay"], |visit| {
        let pipeline = format!(
            "rtspsrc location={} protocols={} ! rtpjpegdepay ! identity eos-after={} ! tee name=both both. ! \
             queue ! multifilesink location={}/%03d.jpg both. ! queue ! jpegdec ! fakesink sync=false",
            visit.url,
            visit.transport,
            SHOWN + 1,
            visit.folder.display()
        );
        let mut gst = Command::new("gst-launch-1.0");
        run(gst.args(pipeline.split_whitespace())).unwrap();
        decoded(&visit.folder.join("%03d.jpg"))
    }),
    ("python3", &["-c", "import av"], |visit| {
        let mut python = Command::new("python3");
        python.args(["-c", PYAV, &visit.url, visit.transport, &SHOWN.to_string()]);
        let output = run(&mut python).unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }),
];

/// The checksum is of the planes without their padding, as `framemd5` has it.
const PYAV: &str = "
import av, hashlib, sys
url, transport, count = sys.argv[1:]
container = av.open(url, options={'rtsp_transport': transport})
for number, frame in zip(range(int(count)), container.decode(video=0)):
    print(hashlib.md5(frame.to_ndarray().tobytes()).hexdigest())
";

/// What ffmpeg decodes of a file, or of a row of files (`%03d.jpg`).
fn decoded(file: &Path) -> Vec<String> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i", file.to_str().unwrap(), "-fps_mode", "passthrough"]);
    checksums(&run(ffmpeg.args(["-f", "framemd5", "-"])).unwrap().stdout)
}

#[test]
fn every_client_shows_the_pictures_of_a_folder_and_of_a_file() {
    if !has("ffmpeg", &["-version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    fs::create_dir(&pictures).unwrap();
    let row = pictures.join("%02d.jpg");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=800x600:rate=5"]);
    ffmpeg.args(["-frames:v", &PICTURES.to_string(), "-pix_fmt", "yuvj420p", "-huffman", "default"]);
    run(ffmpeg.arg(&row)).unwrap();
    let expected = decoded(&row);
    assert_eq!(expected.len(), PICTURES);
    let stream = folder.path().join("stream.mjpeg");
    let name = |number: usize| pictures.join(format!("{number:02}.jpg"));
    let joined = (1..=PICTURES).flat_map(|number| fs::read(name(number)).unwrap());
    fs::write(&stream, joined.collect::<Vec<u8>>()).unwrap();

    let server = Server::with(&mounts(&[("folder", &pictures), ("stream", &stream)]));
    let visits: Vec<(&str, &str, &Player)> = CLIENTS
        .iter()
        .filter(|(tool, arguments, _)| has(tool, arguments))
        .flat_map(|client| ["udp", "tcp"].map(|transport| (transport, client)))
        .flat_map(|(transport, client)| ["folder", "stream"].map(|mount| (mount, transport, client)))
        .collect();
    std::thread::scope(|scope| {
        for (mount, transport, (name, _, play)) in visits {
            let (server, expected) = (&server, &expected);
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let shown = play(&Visit { url: server.url(mount), transport, folder: folder.path() });
                assert!(shown.len() >= SHOWN, "{name} {transport} {mount}: {} pictures", shown.len());
                let start = expected.iter().position(|picture| *picture == shown[0]);
                let start = start.unwrap_or_else(|| panic!("{name} {transport} {mount}: another picture"));
                let follows = shown.iter().zip(expected.iter().cycle().skip(start));
                let differs = follows.enumerate().find(|(_, (shown, expected))| shown != expected);
                assert_eq!(differs, None, "{name} {transport} {mount}");
                println!("{name} {transport} {mount}: {} pictures", shown.len());
            });
        }
    });
}

/// A picture as it came: its size in units of eight, its scan.
#[derive(Debug)]
struct Picture {
    timestamp: u32,
    size: (u8, u8),
    scan: Vec<u8>,
}

struct Reader(Client);

impl Reader {
    fn play(server: &Server, mount: &str) -> Self {
        let mut client = Client::connect(server);
        let url = server.url(mount);
        let session = client.set_up_tcp(&url);
        let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
        assert_eq!(reply.status, 200, "{reply:?}");
        Self(client)
    }

    fn picture(&mut self) -> Picture {
        let mut scan = Vec::new();
        loop {
            let packet = self.0.next_frame(0);
            let (header, payload) = packet.split_at(12);
            let restart = if payload[4] >= 64 { 4 } else { 0 };
            let first = payload[..4] == [0; 4];
            scan.extend(&payload[8 + restart + if first { 132 } else { 0 }..]);
            if header[1] & 0x80 != 0 {
                let timestamp = u32::from_be_bytes(header[4..8].try_into().unwrap());
                return Picture { timestamp, size: (payload[6], payload[7]), scan };
            }
        }
    }

    /// Passes pictures over until one has this scan.
    fn until(&mut self, jpeg: &[u8]) -> Picture {
        let scan = Image::parse(jpeg).unwrap().scan;
        loop {
            let picture = self.picture();
            if picture.scan == scan {
                return picture;
            }
        }
    }
}

fn status(server: &Server, mount: &str) -> u16 {
    Client::connect(server).ask(&[&format!("DESCRIBE {} RTSP/1.0", server.url(mount))]).status
}

/// Puts a file in its place in one step.
fn put(folder: &Path, name: &str, content: &[u8]) {
    let unfinished = folder.join(".unfinished.jpg");
    fs::write(&unfinished, content).unwrap();
    fs::rename(&unfinished, folder.join(name)).unwrap();
}

#[test]
fn a_folder_may_change_while_it_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (first, second) = (fixture("420.jpg"), fixture("422.jpg"));
    put(path, "b.jpg", &first);
    put(path, "a.JPEG", &second);
    fs::write(path.join("c.png"), b"no name of a JPEG").unwrap();
    let server = Server::with(&mounts(&[("pictures", path)]));
    let mut reader = Reader::play(&server, "pictures");
    let mut last = reader.until(&second).timestamp;
    for expected in [&first, &second, &first, &second] {
        let picture = reader.picture();
        assert_eq!(picture.scan, Image::parse(expected).unwrap().scan);
        let ahead = picture.timestamp.wrapping_sub(last);
        // A busy machine leaves places of the grid out.
        assert!(
            (1..100).any(|places| ahead == places * 4500),
            "20 a second, over the round's end too: {ahead}"
        );
        last = picture.timestamp;
    }
    // What cannot be served is named, and passed over.
    let mut progressive = first.clone();
    let sof = progressive.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    progressive[sof + 1] = 0xc2;
    put(path, "d\n.jpg", &progressive);
    fs::create_dir(path.join("e.jpg")).unwrap();
    put(path, "f.jpg", &first[..500]);
    server.logged(&["d\\n.jpg", "baseline", "jpegtran"]);
    server.logged(&["e.jpg", "this is a folder"]);
    server.logged(&["f.jpg", "cut short"]);
    assert_eq!(reader.until(&first).size, (21, 14));
    assert_eq!(reader.picture().size, (20, 13));
    // Removed and replaced, another one added.
    fs::remove_file(path.join("b.jpg")).unwrap();
    let mut other = second.clone();
    let scan = other.len() - 40;
    other[scan] ^= 1;
    put(path, "a.JPEG", &other);
    put(path, "g.jpg", &first);
    reader.until(&other);
    reader.until(&first);
    assert_eq!(reader.picture().scan, Image::parse(&other).unwrap().scan);
    // None is left.
    for name in ["a.JPEG", "g.jpg"] {
        fs::remove_file(path.join(name)).unwrap();
    }
    let line = server.logged(&["none of its pictures can be served"]);
    assert!(line.contains("d\\n.jpg"), "{line}");
    assert!(!line.contains("png"), "{line}");
    // It looks again by itself, and the same session goes on.
    put(path, "h.jpg", &first);
    let again = reader.until(&first);
    assert!(again.timestamp.wrapping_sub(last) < 1 << 31, "{} {last}", again.timestamp);
}

#[test]
fn what_cannot_be_served_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("text"), b"a text, and nothing else").unwrap();
    let enormous = fs::File::create(at("enormous")).unwrap();
    enormous.set_len(1 << 30).unwrap();
    let cut = fixture("420.jpg");
    fs::write(at("cut"), &cut[..1000]).unwrap();
    let names = ["empty", "text", "enormous", "cut", "absent"];
    let paths = names.map(at);
    let named: Vec<(&str, &Path)> = names.iter().zip(&paths).map(|(name, path)| (*name, &**path)).collect();
    let server = Server::with(&mounts(&named));
    let before = server.resident();
    for (name, sentence) in [
        ("empty", "there is no .jpg or .jpeg file in this folder"),
        ("text", "there is no JPEG in this file"),
        ("enormous", "there is no JPEG in this file"),
        ("cut", "none of its pictures can be served; picture 1: the JPEG is cut short"),
        ("absent", "No such file"),
    ] {
        assert_eq!(status(&server, name), 503, "{name}");
        server.logged(&[at(name).to_str().unwrap(), sentence]);
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} kB more");
}

#[test]
fn a_file_of_jpegs_passes_over_what_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream.mjpeg");
    let (first, second) = (fixture("420.jpg"), fixture("422.jpg"));
    fs::write(&path, [&first[..], b"between", &first[..900], &second].concat()).unwrap();
    let server = Server::with(&mounts(&[("stream", &path)]));
    let mut reader = Reader::play(&server, "stream");
    reader.until(&first);
    for expected in [&second, &first, &second] {
        assert_eq!(reader.picture().scan, Image::parse(expected).unwrap().scan);
    }
    server.logged(&["picture 2: the JPEG is cut short"]);
}

//! JPEGs as mounts: what is served is what lies there, in order, round after round. (What clients show of it is in
//! `interop`.)

use std::fs;
use std::path::Path;

use lenslet::media::jpeg::Image;

use crate::formats::fixture;
use crate::support::{Client, Server};

fn mounts(paths: &[(&str, &Path)]) -> String {
    let mount = |(name, path): &(&str, &Path)| {
        format!("\"{name}\": Jpegs(path: {:?}, fps: 20),", path.display().to_string())
    };
    format!("mounts: {{{}}}", paths.iter().map(mount).collect::<String>())
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
    let line = loop {
        let line = server.logged(&[]);
        if line.contains("none of its pictures can be served") {
            break line;
        }
        assert!(!["d\\n.jpg", "e.jpg", "f.jpg"].iter().any(|name| line.contains(name)), "told again: {line}");
    };
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

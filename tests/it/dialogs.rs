//! Conversations as data: `tests/fixtures/dialogs/*.dialog`, whose README says how they are written.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use crate::interop::mounts as files;
use crate::support::{Client, Incoming, MOUNTS, PATIENCE, Reply, Server, udp_pair};
use crate::two_tracks::{House, Plan};

enum Step {
    Send(Vec<String>),
    Expect(Vec<String>),
    Frame(u8, String),
    Datagram(String, String),
    SendDatagram(String, Vec<u8>),
    /// So many packets come at the second place, and meanwhile none at the first.
    Silence(String, String, usize),
    Connect {
        name: String,
        from: Option<String>,
    },
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mounts {
    Usual,
    /// Those of `two_tracks`.
    TwoTracks,
    /// Those of `interop`.
    Files,
}

pub(crate) struct Dialog {
    pub(crate) name: String,
    pub(crate) shows: Vec<String>,
    /// Where the server listens, and what else it is told.
    on: String,
    settings: String,
    mounts: Mounts,
    steps: Vec<Step>,
}

impl Dialog {
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn dialogs() -> Vec<Dialog> {
    let folder = root().join("tests/fixtures/dialogs");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "dialog"));
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| read(&name(path), &fs::read_to_string(path).unwrap())).collect()
}

fn read(name: &str, text: &str) -> Dialog {
    let mut dialog = Dialog {
        name: name.to_owned(),
        shows: Vec::new(),
        on: "127.0.0.1".to_owned(),
        settings: String::new(),
        mounts: Mounts::Usual,
        steps: Vec::new(),
    };
    for line in text.lines() {
        let (kind, rest) = line.split_at(line.len().min(1));
        let rest = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
        match (kind, dialog.steps.last_mut()) {
            ("", _) => {}
            ("#", _) => comment(&mut dialog, &rest),
            (">", Some(Step::Send(lines))) => lines.push(rest),
            (">", _) => dialog.steps.push(Step::Send(vec![rest])),
            ("<", Some(Step::Expect(lines))) if !rest.starts_with("RTSP/") => lines.push(rest),
            ("<", _) => dialog.steps.push(Step::Expect(vec![rest])),
            ("$", _) => {
                let (channel, hex) = rest.split_once(' ').unwrap();
                dialog.steps.push(Step::Frame(channel.parse().unwrap(), hex.to_owned()));
            }
            ("%", _) => {
                let (socket, hex) = rest.split_once(' ').unwrap();
                dialog.steps.push(Step::Datagram(socket.to_owned(), hex.to_owned()));
            }
            ("@", _) => {
                let (socket, hex) = rest.split_once(' ').unwrap();
                dialog.steps.push(Step::SendDatagram(socket.to_owned(), from_hex(hex)));
            }
            ("~", _) => {
                let words: Vec<&str> = rest.split(' ').collect();
                let [silent, "while", heard, count] = words[..] else { panic!("{name}: what is {line:?}?") };
                let count = count.parse().unwrap();
                dialog.steps.push(Step::Silence(silent.to_owned(), heard.to_owned(), count));
            }
            ("=", _) if rest == "closed" => dialog.steps.push(Step::Closed),
            ("=", _) => {
                let (name, from) =
                    rest.split_once(" from ").map_or((&*rest, None), |(name, from)| (name, Some(from)));
                dialog.steps.push(Step::Connect { name: name.to_owned(), from: from.map(str::to_owned) });
            }
            _ => panic!("{name}: what is {line:?}?"),
        }
    }
    dialog
}

fn comment(dialog: &mut Dialog, text: &str) {
    match text.split_once(": ") {
        Some(("shows", ids)) => dialog.shows.extend(ids.split_whitespace().map(str::to_owned)),
        Some(("on", address)) => dialog.on = address.to_owned(),
        Some(("with", settings)) => dialog.settings = format!("{settings},"),
        Some(("mounts", "two tracks")) => dialog.mounts = Mounts::TwoTracks,
        Some(("mounts", "files")) => dialog.mounts = Mounts::Files,
        _ => {}
    }
}

fn filled_in(line: &str, known: &BTreeMap<String, String>) -> String {
    known.iter().fold(line.to_owned(), |line, (name, value)| line.replace(&format!("{{{name}}}"), value))
}

/// Bytes of a block: every line ends in CRLF; `\n`, `\0`, `\xNN`, `\*N` (the byte before, N times) are escapes.
fn bytes(lines: &[String], known: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        let line = filled_in(line, known);
        let raw = line.strip_prefix('!');
        let mut rest = raw.unwrap_or(&line).chars().peekable();
        while let Some(character) = rest.next() {
            if character != '\\' {
                out.extend(character.to_string().as_bytes());
                continue;
            }
            match rest.next().unwrap() {
                'n' => out.push(b'\n'),
                '0' => out.push(0),
                '\\' => out.push(b'\\'),
                'x' => {
                    let digits: String = rest.by_ref().take(2).collect();
                    out.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                '*' => {
                    let digits: String = std::iter::from_fn(|| rest.next_if(char::is_ascii_digit)).collect();
                    let last = *out.last().unwrap();
                    out.extend(std::iter::repeat_n(last, digits.parse::<usize>().unwrap() - 1));
                }
                other => panic!("no escape: {other}"),
            }
        }
        if raw.is_none() {
            out.extend(b"\r\n");
        }
    }
    out
}

/// The number in SDP's origin, another after each start of a server, as `ID`.
fn without_id(line: &str) -> String {
    match line.strip_prefix("o=- ").and_then(|rest| rest.split_once(' ')) {
        Some((id, rest)) if id.parse::<u32>().is_ok() => format!("o=- ID {rest}"),
        _ => line.to_owned(),
    }
}

fn check(expected: &[String], reply: &Reply, known: &BTreeMap<String, String>) -> Result<(), String> {
    let status: u16 = expected[0].split(' ').nth(1).unwrap().parse().unwrap();
    if reply.status != status {
        return Err(format!("expected {status}"));
    }
    let body = reply.body.split_inclusive("\r\n").map(without_id).collect::<String>();
    let mut lines = body.split_terminator("\r\n");
    let mut whole = false;
    for line in &expected[1..] {
        let line = filled_in(line, known);
        let holds = if let Some(text) = line.strip_prefix("line ") {
            whole = true;
            lines.next().is_some_and(|line| match text.strip_suffix("...") {
                Some(beginning) => line.starts_with(beginning),
                None => line == text,
            })
        } else if let Some(text) = line.strip_prefix("body ") {
            body.contains(text)
        } else if let Some(name) = line.strip_prefix("no ") {
            reply.header(&name.to_ascii_lowercase()).is_none()
        } else if let Some((name, text)) = line.split_once(" ~ ") {
            reply.header(&name.to_ascii_lowercase()).is_some_and(|value| contains(value, text))
        } else {
            let (name, value) = line.split_once(": ").unwrap();
            reply.header(&name.to_ascii_lowercase()) == Some(value)
        };
        if !holds {
            return Err(format!("expected {line:?}"));
        }
    }
    match lines.next() {
        Some(more) if whole => Err(format!("unexpected {more:?}")),
        _ if whole && !body.ends_with("\r\n") => Err("the body's last line has no end".to_owned()),
        _ => Ok(()),
    }
}

/// Whether the parts, which stand apart as ` ... `, are in the value in this order.
fn contains(value: &str, parts: &str) -> bool {
    let mut rest = Some(value);
    for part in parts.split(" ... ") {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, behind)| behind);
    }
    rest.is_some()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A running conversation.
struct Play {
    address: SocketAddr,
    clients: BTreeMap<String, Client>,
    current: String,
    known: BTreeMap<String, String>,
    sockets: BTreeMap<String, UdpSocket>,
    /// Frames since the last reply that nothing asked for yet: tracks' first packets and reports come in no fixed order.
    passed: Vec<(u8, String)>,
}

impl Play {
    fn begin(address: SocketAddr) -> Self {
        let mut known = BTreeMap::from([
            ("host".to_owned(), address.to_string()),
            ("port".to_owned(), address.port().to_string()),
        ]);
        let mut sockets = BTreeMap::new();
        for pair in ["", "2"] {
            let (rtp, rtcp) = udp_pair(address.ip());
            for (name, socket) in [("rtp", rtp), ("rtcp", rtcp)] {
                let name = format!("{name}{pair}");
                known.insert(name.clone(), socket.local_addr().unwrap().port().to_string());
                sockets.insert(name, socket);
            }
        }
        let clients = BTreeMap::from([("1".to_owned(), Client::at(address))]);
        Self { address, clients, current: "1".to_owned(), known, sockets, passed: Vec::new() }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let client = self.clients.get_mut(&self.current).unwrap();
        let began = Instant::now();
        match step {
            Step::Send(lines) => client.send(&bytes(lines, &self.known)),
            Step::Expect(lines) => {
                let reply = client.next_reply().ok_or_else(|| format!("closed before {lines:?}"))?;
                self.passed.clear();
                check(lines, &reply, &self.known).map_err(|wrong| format!("{wrong}, got {reply:?}"))?;
                self.learn(&reply);
            }
            Step::Frame(channel, part) => {
                let wanted = |(its, data): &(u8, String)| its == channel && data.contains(part);
                if let Some(at) = self.passed.iter().position(wanted) {
                    self.passed.remove(at);
                    return Ok(());
                }
                loop {
                    if began.elapsed() > PATIENCE {
                        return Err(format!("no {part} on channel {channel}"));
                    }
                    match client.next() {
                        Incoming::Frame { channel: its, data } => {
                            let frame = (its, hex(&data));
                            if wanted(&frame) {
                                break;
                            }
                            self.passed.push(frame);
                        }
                        other => return Err(format!("expected {part} on channel {channel}, got {other:?}")),
                    }
                }
            }
            Step::Datagram(name, part) => self.datagram(name, part)?,
            Step::SendDatagram(name, bytes) => {
                let port = self.known[&format!("from {}", name.trim_end_matches('2'))].parse().unwrap();
                self.sockets[name].send_to(bytes, (self.address.ip(), port)).unwrap();
            }
            Step::Silence(silent, heard, count) => self.silence(silent, heard, *count)?,
            Step::Closed => {
                if let Some(reply) = client.next_reply() {
                    return Err(format!("not closed: {reply:?}"));
                }
            }
            Step::Connect { name, from } => {
                self.current.clone_from(name);
                self.clients.entry(name.clone()).or_insert_with(|| match from {
                    Some(from) => Client::connect_from(self.address, from),
                    None => Client::at(self.address),
                });
            }
        }
        Ok(())
    }

    fn learn(&mut self, reply: &Reply) {
        if let Some(session) = reply.header("session") {
            let session = session.split(';').next().unwrap().to_owned();
            let before = self.known.insert("session".to_owned(), session.clone());
            if let Some(before) = before.filter(|before| *before != session) {
                self.known.entry("first".to_owned()).or_insert(before);
            }
        }
        let transport = reply.header("transport").unwrap_or_default();
        if let Some((_, ssrc)) = transport.split_once(";ssrc=") {
            let bytes = ssrc.as_bytes().chunks(2).map(|byte| format!("\\x{}", String::from_utf8_lossy(byte)));
            self.known.insert("ssrc".to_owned(), bytes.collect());
        }
        if let Some(ports) = transport.split(';').find_map(|part| part.strip_prefix("server_port=")) {
            let (rtp, rtcp) = ports.split_once('-').unwrap();
            self.known.insert("from rtp".to_owned(), rtp.to_owned());
            self.known.insert("from rtcp".to_owned(), rtcp.to_owned());
        }
    }

    /// Hears packets at one place (a channel or a socket) and none at another.
    fn silence(&mut self, silent: &str, heard: &str, count: usize) -> Result<(), String> {
        if let (Ok(silent), Ok(heard)) = (silent.parse::<u8>(), heard.parse::<u8>()) {
            let client = self.clients.get_mut(&self.current).unwrap();
            let mut seen = 0;
            while seen < count {
                match client.next() {
                    Incoming::Frame { channel, .. } if channel == silent => {
                        return Err(format!("a frame on channel {silent}"));
                    }
                    Incoming::Frame { channel, .. } => seen += usize::from(channel == heard),
                    other => return Err(format!("expected frames on channel {heard}, got {other:?}")),
                }
            }
            return Ok(());
        }
        let (silent, heard) = (&self.sockets[silent], &self.sockets[heard]);
        let mut bytes = [0; 2048];
        // What came before is of before.
        silent.set_nonblocking(true).unwrap();
        while silent.recv(&mut bytes).is_ok() {}
        for _ in 0..count {
            heard.recv(&mut bytes).map_err(|error| format!("expected datagrams: {error}"))?;
        }
        let came = silent.recv(&mut bytes).is_ok();
        silent.set_nonblocking(false).unwrap();
        if came { Err("a datagram where there should be silence".to_owned()) } else { Ok(()) }
    }

    /// Waits for a datagram with `part` in it, and holds all of them to the port that SETUP announced.
    fn datagram(&self, name: &str, part: &str) -> Result<(), String> {
        let (mut bytes, began) = ([0; 2048], Instant::now());
        while began.elapsed() < PATIENCE {
            let (length, from) = self.sockets[name]
                .recv_from(&mut bytes)
                .map_err(|error| format!("{name} {part}: {error}"))?;
            let announced = &self.known[&format!("from {}", name.trim_end_matches('2'))];
            if from.port().to_string() != *announced || from.ip() != self.address.ip() {
                return Err(format!("{name} came from {from} instead of port {announced}"));
            }
            if hex(&bytes[..length]).contains(part) {
                return Ok(());
            }
        }
        Err(format!("no {part} on {name}"))
    }
}

fn run(dialog: &Dialog, address: SocketAddr) -> Result<(), String> {
    let mut play = Play::begin(address);
    for (number, step) in dialog.steps.iter().enumerate() {
        play.step(step).map_err(|wrong| format!("{}, step {}: {wrong}", dialog.name, number + 1))?;
    }
    Ok(())
}

/// Dialogs that one server does for.
type Group = ((String, String, Mounts), Vec<Dialog>);

/// So many servers at once, and the longest first: most of a conversation is waiting for the next picture.
const SIDE_BY_SIDE: usize = 2;

fn groups() -> Vec<Group> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for dialog in dialogs() {
        let key = (dialog.on.clone(), dialog.settings.clone(), dialog.mounts);
        groups.entry(key).or_default().push(dialog);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, dialogs)| dialogs.len());
    groups
}

/// Plays one after the other; gives what went otherwise.
fn play(((on, settings, mounts), dialogs): &Group) -> Vec<String> {
    let all = |address| dialogs.iter().filter_map(|dialog| run(dialog, address).err()).collect();
    let mounts = match mounts {
        Mounts::Usual => MOUNTS.to_owned(),
        Mounts::Files => files(),
        Mounts::TwoTracks => {
            let house = House::start(Plan { on, settings, ..Plan::default() });
            return all(house.address);
        }
    };
    let server = Server::on(on, settings, &mounts);
    all(server.address)
}

#[test]
fn every_dialog_goes_as_written() {
    let (left, wrong) = (Mutex::new(groups()), Mutex::new(Vec::new()));
    let next = || left.lock().unwrap().pop();
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(group) = next() {
                    let otherwise = play(&group);
                    wrong.lock().unwrap().extend(otherwise);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

//! Conversations as data: `tests/fixtures/dialogs/*.dialog`, whose README says how they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Instant;

use crate::support::{Client, Incoming, MOUNTS, PATIENCE, Reply, Server, udp_pair};

enum Step {
    Send(Vec<String>),
    Expect(Vec<String>),
    Frame(u8, String),
    Datagram(String, String),
    SendDatagram(String, Vec<u8>),
    Connect { name: String, from: Option<String> },
    Closed,
}

struct Dialog {
    name: String,
    shows: Vec<String>,
    /// Where the server listens, and what else it is told.
    on: String,
    settings: String,
    steps: Vec<Step>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn dialogs() -> Vec<Dialog> {
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

fn check(expected: &[String], reply: &Reply, known: &BTreeMap<String, String>) -> Result<(), String> {
    let status: u16 = expected[0].split(' ').nth(1).unwrap().parse().unwrap();
    if reply.status != status {
        return Err(format!("expected {status}"));
    }
    let mut lines = reply.body.split_terminator("\r\n");
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
            reply.body.contains(text)
        } else if let Some(name) = line.strip_prefix("no ") {
            reply.header(&name.to_ascii_lowercase()).is_none()
        } else if let Some((name, text)) = line.split_once(" ~ ") {
            reply.header(&name.to_ascii_lowercase()).is_some_and(|value| value.contains(text))
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
        _ if whole && !reply.body.ends_with("\r\n") => Err("the body's last line has no end".to_owned()),
        _ => Ok(()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A running conversation.
struct Play<'a> {
    server: &'a Server,
    clients: BTreeMap<String, Client>,
    current: String,
    known: BTreeMap<String, String>,
    sockets: BTreeMap<String, UdpSocket>,
}

impl<'a> Play<'a> {
    fn begin(server: &'a Server) -> Self {
        let mut known = BTreeMap::from([
            ("host".to_owned(), server.address.to_string()),
            ("port".to_owned(), server.address.port().to_string()),
        ]);
        let mut sockets = BTreeMap::new();
        for pair in ["", "2"] {
            let (rtp, rtcp) = udp_pair(server.address.ip());
            for (name, socket) in [("rtp", rtp), ("rtcp", rtcp)] {
                let name = format!("{name}{pair}");
                known.insert(name.clone(), socket.local_addr().unwrap().port().to_string());
                sockets.insert(name, socket);
            }
        }
        let clients = BTreeMap::from([("1".to_owned(), Client::connect(server))]);
        Self { server, clients, current: "1".to_owned(), known, sockets }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let client = self.clients.get_mut(&self.current).unwrap();
        let began = Instant::now();
        match step {
            Step::Send(lines) => client.send(&bytes(lines, &self.known)),
            Step::Expect(lines) => {
                let reply = client.next_reply().ok_or_else(|| format!("closed before {lines:?}"))?;
                check(lines, &reply, &self.known).map_err(|wrong| format!("{wrong}, got {reply:?}"))?;
                self.learn(&reply);
            }
            Step::Frame(channel, part) => loop {
                if began.elapsed() > PATIENCE {
                    return Err(format!("no {part} on channel {channel}"));
                }
                match client.next() {
                    Incoming::Frame { channel: its, data }
                        if its == *channel && hex(&data).contains(part) =>
                    {
                        break;
                    }
                    Incoming::Frame { .. } => {}
                    other => return Err(format!("expected {part} on channel {channel}, got {other:?}")),
                }
            },
            Step::Datagram(name, part) => self.datagram(name, part)?,
            Step::SendDatagram(name, bytes) => {
                let port = self.known[&format!("from {}", name.trim_end_matches('2'))].parse().unwrap();
                self.sockets[name].send_to(bytes, (self.server.address.ip(), port)).unwrap();
            }
            Step::Closed => {
                if let Some(reply) = client.next_reply() {
                    return Err(format!("not closed: {reply:?}"));
                }
            }
            Step::Connect { name, from } => {
                self.current.clone_from(name);
                self.clients.entry(name.clone()).or_insert_with(|| match from {
                    Some(from) => Client::connect_from(self.server, from),
                    None => Client::connect(self.server),
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
        if let Some(ports) = transport.split(';').find_map(|part| part.strip_prefix("server_port=")) {
            let (rtp, rtcp) = ports.split_once('-').unwrap();
            self.known.insert("from rtp".to_owned(), rtp.to_owned());
            self.known.insert("from rtcp".to_owned(), rtcp.to_owned());
        }
    }

    /// Waits for a datagram with `part` in it, and holds all of them to the port that SETUP announced.
    fn datagram(&self, name: &str, part: &str) -> Result<(), String> {
        let (mut bytes, began) = ([0; 2048], Instant::now());
        while began.elapsed() < PATIENCE {
            let (length, from) = self.sockets[name]
                .recv_from(&mut bytes)
                .map_err(|error| format!("{name} {part}: {error}"))?;
            let announced = &self.known[&format!("from {}", name.trim_end_matches('2'))];
            if from.port().to_string() != *announced || from.ip() != self.server.address.ip() {
                return Err(format!("{name} came from {from} instead of port {announced}"));
            }
            if hex(&bytes[..length]).contains(part) {
                return Ok(());
            }
        }
        Err(format!("no {part} on {name}"))
    }
}

fn run(dialog: &Dialog, server: &Server) -> Result<(), String> {
    let mut play = Play::begin(server);
    for (number, step) in dialog.steps.iter().enumerate() {
        play.step(step).map_err(|wrong| format!("{}, step {}: {wrong}", dialog.name, number + 1))?;
    }
    Ok(())
}

#[test]
fn every_dialog_goes_as_written() {
    let mut servers = BTreeMap::new();
    let mut wrong = Vec::new();
    for dialog in dialogs() {
        let key = (dialog.on.clone(), dialog.settings.clone());
        let server = servers.entry(key).or_insert_with_key(|(on, settings)| Server::on(on, settings, MOUNTS));
        wrong.extend(run(&dialog, server).err());
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Rules that a conversation cannot show, or not wholly, and the tests that do.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "A7",
        "tests/it/bad_input.rs",
        "twenty_requests_in_one_piece_or_a_hundred_are_answered_in_order_each_once",
    ),
    ("A9", "tests/it/protocol.rs", "as_many_headers_as_allowed_and_one_more"),
    ("A11", "tests/it/bad_input.rs", "a_handshake_of_tls_is_closed_within_a_second"),
    ("A18", "tests/it/bad_input.rs", "whatever_is_sent_the_others_go_on_and_nothing_is_left"),
    ("A21", "tests/it/media", "the_reply_to_play_comes_before_the_first_packet"),
    ("A23", "tests/it/sessions.rs", "a_udp_session_outlives_its_connection_until_its_timeout"),
    ("B9", "tests/it/protocol.rs", "one_track_of_two_is_not_played_alone"),
    ("B10", "tests/it/protocol.rs", "one_track_of_two_is_torn_down_and_the_other_plays_on"),
    ("B15", "tests/it/sessions.rs", "a_session_outlives_its_source"),
    ("C3", "tests/it/commands.rs", "thousands_of_failed_describes_leave_nothing_behind"),
    ("C4", "tests/it/sessions.rs", "a_describe_waits_for_a_late_source_and_nobody_else_does"),
    ("C6", "src/hub/mount.rs", "describing_the_same_tracks_again_changes_nothing"),
    ("D6", "src/server/connection.rs", "channels_that_are_taken_are_replaced_by_free_ones"),
    ("D11", "tests/it/protocol.rs", "one_track_of_two_is_torn_down_and_the_other_plays_on"),
    ("D14", "src/rtsp/server/sessions.rs", "an_address_and_the_server_have_only_so_many_sessions"),
    ("D14", "src/server/admission.rs", "an_address_has_only_so_many_connections_and_the_server_too"),
    ("D15", "tests/it/sessions.rs", "a_session_that_never_plays_ends_and_its_ports_are_free"),
    ("E1", "tests/it/media", "rtp_info_names_the_first_packet"),
    ("E5", "tests/it/media", "a_pause_of_ten_seconds_leaves_no_gap_in_numbers_and_goes_on_at_a_keyframe"),
    ("E6", "tests/it/media", "a_pause_of_ten_seconds_leaves_no_gap_in_numbers_and_goes_on_at_a_keyframe"),
    ("E7", "tests/it/media", "the_first_picture_is_a_keyframe_with_its_parameter_sets"),
    ("E8", "tests/it/sessions.rs", "a_file_that_begins_again_goes_on_in_time"),
    ("F2", "tests/it/sessions.rs", "whoever_shows_life_is_kept"),
    ("F2", "tests/it/protocol.rs", "what_refreshes_a_session_and_what_does_not"),
    ("F5", "tests/it/sessions.rs", "a_keep_alive_is_answered_at_once_though_media_is_stuck"),
    ("F6", "tests/it/sessions.rs", "an_interleaved_session_ends_with_its_connection"),
    ("F6", "tests/it/sessions.rs", "a_udp_session_outlives_its_connection_until_its_timeout"),
    ("F7", "tests/it/sessions.rs", "a_session_that_says_nothing_ends_with_a_goodbye"),
    ("F8", "src/rtsp/server/sessions.rs", "a_name_alone_lets_nobody_in"),
    ("F9", "tests/it/sessions.rs", "everybody_is_told_when_the_server_stops"),
];

/// Names of the test functions of a source file or of a folder's files, in whatever modules.
fn tests_of(place: &str) -> BTreeSet<String> {
    struct Tests(BTreeSet<String>);
    impl<'ast> syn::visit::Visit<'ast> for Tests {
        fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
            let is_test = function.attrs.iter().any(|attribute| attribute.path().is_ident("test"));
            let is_ignored = function.attrs.iter().any(|attribute| attribute.path().is_ident("ignore"));
            if is_test && !is_ignored {
                self.0.insert(function.sig.ident.to_string());
            }
        }
    }
    let mut tests = Tests(BTreeSet::new());
    let place = root().join(place);
    let files = match fs::read_dir(&place) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => vec![place],
    };
    for file in files {
        let source = fs::read_to_string(file).unwrap_or_default();
        syn::visit::Visit::visit_file(&mut tests, &syn::parse_file(&source).unwrap());
    }
    tests.0
}

/// Rules that are left out, with the reason: a table of the README.
fn left_out() -> BTreeMap<&'static str, &'static str> {
    let readme = include_str!("../fixtures/dialogs/README.md");
    let table = readme.split_once("## Left out").unwrap().1;
    let rows =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    rows.filter(|(id, _)| id.ends_with(|last: char| last.is_ascii_digit())).collect()
}

#[test]
fn every_rule_is_shown_or_left_out_with_a_reason() {
    let rules: Vec<&str> = include_str!("../fixtures/dialogs/rules.txt")
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for (section, last) in [("A", 27), ("B", 15), ("C", 20), ("D", 17), ("E", 8), ("F", 9)] {
        for number in 1..=last {
            assert!(rules.contains(&&*format!("{section}{number}")), "rules.txt lacks {section}{number}");
        }
    }
    let mut shown: BTreeSet<String> = BTreeSet::new();
    for dialog in dialogs() {
        assert!(!dialog.shows.is_empty() && !dialog.steps.is_empty(), "{} shows nothing", dialog.name);
        shown.extend(dialog.shows);
    }
    for (id, file, test) in ELSEWHERE {
        assert!(tests_of(file).contains(*test), "{id}: {file} has no test {test}");
        shown.insert((*id).to_owned());
    }
    let left_out = left_out();
    for id in shown.iter().map(String::as_str).chain(left_out.keys().copied()) {
        assert!(rules.contains(&id), "rules.txt knows no {id}");
    }
    let missing: Vec<&&str> =
        rules.iter().filter(|id| !shown.contains(**id) && !left_out.contains_key(**id)).collect();
    assert!(missing.is_empty(), "nothing shows {missing:?}");
    let both: Vec<&&str> = left_out.keys().filter(|id| shown.contains(**id)).collect();
    assert!(both.is_empty(), "shown, yet left out: {both:?}");
    assert!(left_out.values().all(|reason| reason.len() > 20), "a reason is a sentence");
}

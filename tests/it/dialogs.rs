//! Conversations as data: `tests/fixtures/dialogs/*.dialog`, whose README says how they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Instant;

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

struct Dialog {
    name: String,
    shows: Vec<String>,
    /// Where the server listens, and what else it is told.
    on: String,
    settings: String,
    /// It is about the mounts of `two_tracks`.
    two_tracks: bool,
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
        two_tracks: false,
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
        Some(("mounts", "two tracks")) => dialog.two_tracks = true,
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
        _ if whole && !reply.body.ends_with("\r\n") => Err("the body's last line has no end".to_owned()),
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

#[test]
fn every_dialog_goes_as_written() {
    let (mut servers, mut houses) = (BTreeMap::new(), BTreeMap::new());
    let mut wrong = Vec::new();
    for dialog in dialogs() {
        let key = (dialog.on.clone(), dialog.settings.clone());
        let address = if dialog.two_tracks {
            let house =
                |(on, settings): &(String, String)| House::start(Plan { on, settings, ..Plan::default() });
            houses.entry(key).or_insert_with_key(house).address
        } else {
            servers.entry(key).or_insert_with_key(|(on, settings)| Server::on(on, settings, MOUNTS)).address
        };
        wrong.extend(run(&dialog, address).err());
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
    ("G1", "tests/it/two_tracks.rs", "the_numbers_of_a_hundred_mounts_begin_at_random"),
    ("G2", "src/rtp/sender.rs", "packets_are_numbered_stamped_and_only_the_last_is_marked"),
    ("G2", "tests/it/media", "pictures_come_on_the_sources_grid_without_loss"),
    ("G3", "src/media/time.rs", "a_century_of_uptime_does_not_overflow"),
    ("G3", "src/source/grid.rs", "a_day_of_ntsc_pictures_does_not_drift"),
    ("G4", "src/rtp/sender.rs", "packets_are_numbered_stamped_and_only_the_last_is_marked"),
    ("G5", "src/rtp/sender.rs", "packets_are_numbered_stamped_and_only_the_last_is_marked"),
    ("G5", "tests/it/receiving.rs", "a_clip_comes_back_bit_exact_at_every_packet_size"),
    ("G7", "tests/it/two_tracks.rs", "a_reader_whose_port_is_closed_is_let_go_and_the_others_play_on"),
    ("H1", "tests/it/two_tracks.rs", "both_tracks_reports_are_of_one_clock_and_count_what_was_sent"),
    ("H2", "tests/it/two_tracks.rs", "both_tracks_reports_are_of_one_clock_and_count_what_was_sent"),
    ("H3", "tests/it/two_tracks.rs", "both_tracks_reports_are_of_one_clock_and_count_what_was_sent"),
    ("H4", "tests/it/two_tracks.rs", "both_tracks_reports_are_of_one_clock_and_count_what_was_sent"),
    ("H5", "src/rtcp/mod.rs", "loss_is_signed_and_keyframe_requests_are_told_apart"),
    ("H5", "src/rtcp/mod.rs", "the_round_trip_is_what_the_receiver_did_not_hold"),
    ("H6", "src/rtp/receiver.rs", "a_report_tells_the_loss_since_the_last_one"),
    ("H6", "src/rtp/receiver.rs", "duplicates_are_dropped_and_make_loss_negative"),
    ("H6", "src/rtp/receiver.rs", "a_sender_that_begins_anew_is_followed_without_loss"),
    ("H6", "src/rtp/jitter.rs", "a_sixteenth_of_each_deviation_counts"),
    ("H6", "src/rtp/sequence.rs", "numbers_go_on_where_16_bits_end"),
    ("H8", "src/rtcp/mod.rs", "no_truncation_and_no_flipped_bit_panics"),
    ("I1", "src/sdp.rs", "a_track_is_described_as_clients_expect"),
    ("I2", "src/rtp/h264/packetizer.rs", "units_of_every_size_come_back_bit_exact"),
    ("I3", "src/rtp/h264/packetizer.rs", "units_of_every_size_come_back_bit_exact"),
    ("I3", "src/rtp/h264/packetizer.rs", "all_fragments_but_the_last_have_one_size"),
    ("I4", "src/rtp/h264/packetizer.rs", "delimiters_filler_and_reserved_types_are_not_sent"),
    ("I5", "src/rtp/h264/packetizer.rs", "delimiters_filler_and_reserved_types_are_not_sent"),
    ("I5", "src/media/h264/nal.rs", "start_codes_of_three_and_four_bytes_and_trailing_zeros_are_taken_off"),
    ("I6", "src/media/h264/assembler.rs", "parameter_sets_stand_before_every_idr_picture_once"),
    ("I6", "tests/it/media", "the_first_picture_is_a_keyframe_with_its_parameter_sets"),
    ("I7", "src/rtp/sender.rs", "packets_are_numbered_stamped_and_only_the_last_is_marked"),
    ("I8", "src/media/h264/assembler.rs", "changed_parameter_sets_are_in_force_at_once"),
    ("I8", "src/hub/mount.rs", "describing_the_same_tracks_again_changes_nothing"),
    ("I9", "tests/it/receiving.rs", "a_clip_comes_back_bit_exact_at_every_packet_size"),
    ("I10", "src/rtp/h264/packetizer.rs", "units_of_every_size_come_back_bit_exact"),
    ("I11", "src/rtp/h264/depacketizer.rs", "nal_units_are_found_in_payloads_of_every_kind"),
    ("I11", "src/rtp/h264/depacketizer.rs", "a_part_of_a_nal_unit_is_damage"),
    ("I11", "src/rtp/h264/depacketizer.rs", "what_means_nothing_is_passed_over"),
    ("J1", "tests/it/two_tracks.rs", "a_pli_or_fir_forces_one_keyframe_and_many_are_one"),
    ("J2", "src/sdp.rs", "a_track_is_described_as_clients_expect"),
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

/// Rules that are left out, with the reason, or that arrive with something else: tables of the README.
fn left_out() -> BTreeMap<&'static str, &'static str> {
    let readme = include_str!("../fixtures/dialogs/README.md");
    let table = readme.split_once("## Arrives with").unwrap().1;
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
    for (section, last) in [
        ("A", 27),
        ("B", 15),
        ("C", 20),
        ("D", 17),
        ("E", 8),
        ("F", 9),
        ("G", 7),
        ("H", 9),
        ("I", 23),
        ("J", 3),
    ] {
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

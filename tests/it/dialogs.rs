//! Conversations as data: `tests/fixtures/dialogs/*.dialog`, whose README says how they are written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{Client, Reply, Server};

enum Step {
    Send(Vec<String>),
    Expect(Vec<String>),
    Connect(String),
    Closed,
}

struct Dialog {
    name: String,
    shows: Vec<String>,
    steps: Vec<Step>,
}

fn dialogs() -> Vec<Dialog> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dialogs");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "dialog"));
    files.sort();
    files.iter().map(|path| read(&path.display().to_string(), &fs::read_to_string(path).unwrap())).collect()
}

fn read(name: &str, text: &str) -> Dialog {
    let mut dialog = Dialog { name: name.to_owned(), shows: Vec::new(), steps: Vec::new() };
    for line in text.lines() {
        let (kind, rest) = line.split_at(line.len().min(1));
        let rest = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
        match (kind, dialog.steps.last_mut()) {
            ("", _) => {}
            ("#", _) => {
                if let Some(ids) = rest.strip_prefix("shows:") {
                    dialog.shows.extend(ids.split_whitespace().map(str::to_owned));
                }
            }
            (">", Some(Step::Send(lines))) => lines.push(rest),
            (">", _) => dialog.steps.push(Step::Send(vec![rest])),
            ("<", Some(Step::Expect(lines))) if !rest.starts_with("RTSP/") => lines.push(rest),
            ("<", _) => dialog.steps.push(Step::Expect(vec![rest])),
            ("=", _) if rest == "closed" => dialog.steps.push(Step::Closed),
            ("=", _) => dialog.steps.push(Step::Connect(rest)),
            _ => panic!("{name}: what is {line:?}?"),
        }
    }
    dialog
}

/// Bytes of a block: every line ends in CRLF; `\n`, `\0`, `\xNN`, `\*N` (the byte before, N times) are escapes.
fn bytes(lines: &[String], known: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        let mut line = line.clone();
        for (name, value) in known {
            line = line.replace(&format!("{{{name}}}"), value);
        }
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
    for line in &expected[1..] {
        let mut line = line.clone();
        for (name, value) in known {
            line = line.replace(&format!("{{{name}}}"), value);
        }
        let holds = if let Some(text) = line.strip_prefix("body ") {
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
    Ok(())
}

fn run(dialog: &Dialog, server: &Server) -> Result<(), String> {
    let mut known = BTreeMap::from([("host".to_owned(), server.address.to_string())]);
    let mut clients = BTreeMap::from([("1".to_owned(), Client::connect(server))]);
    let mut current = "1".to_owned();
    for step in &dialog.steps {
        let client = clients.get_mut(&current).unwrap();
        match step {
            Step::Send(lines) => client.send(&bytes(lines, &known)),
            Step::Expect(lines) => {
                let reply = client.next_reply().ok_or_else(|| format!("closed before {lines:?}"))?;
                check(lines, &reply, &known).map_err(|wrong| format!("{wrong}, got {reply:?}"))?;
                if let Some(session) = reply.header("session") {
                    let session = session.split(';').next().unwrap().to_owned();
                    if let Some(before) = known.insert("session".to_owned(), session) {
                        known.entry("first".to_owned()).or_insert(before);
                    }
                }
            }
            Step::Closed => {
                if let Some(reply) = client.next_reply() {
                    return Err(format!("not closed: {reply:?}"));
                }
            }
            Step::Connect(name) => {
                current.clone_from(name);
                clients.entry(name.clone()).or_insert_with(|| Client::connect(server));
            }
        }
    }
    Ok(())
}

#[test]
fn every_dialog_goes_as_written() {
    let server = Server::start();
    let wrong: Vec<String> = dialogs()
        .iter()
        .filter_map(|dialog| run(dialog, &server).err().map(|error| format!("{}: {error}", dialog.name)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Rules of the conformance list that a conversation does not show, with the test that does.
const ELSEWHERE: [(&str, &str); 8] = [
    ("A21", "media::the_reply_to_play_comes_before_the_first_packet"),
    ("E1", "media::rtp_info_names_the_first_packet"),
    ("E5", "media::a_pause_leaves_no_gap"),
    ("E6", "media::a_pause_leaves_no_gap"),
    ("E7", "media::the_first_picture_is_a_keyframe_with_its_parameter_sets"),
    ("F7", "rtsp::server::sessions, beside the code"),
    ("F9", "commands::a_server_stops_when_asked"),
    ("D16", "interop: every UDP client"),
];

#[test]
fn every_rule_named_is_shown_somewhere() {
    let list = include_str!("../fixtures/dialogs/rules.txt");
    let dialogs = dialogs();
    let missing: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|id| !dialogs.iter().any(|dialog| dialog.shows.iter().any(|shown| shown == id)))
        .filter(|id| !ELSEWHERE.iter().any(|(elsewhere, _)| elsewhere == id))
        .collect();
    assert!(missing.is_empty(), "no dialog shows {missing:?}");
}

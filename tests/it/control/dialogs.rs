//! Conversations as data: `->` is sent, `<-` is what comes, `-|` ends the client's side, `<|` is the server's end. `~>` is
//! sent without a newline. Strings that are "*" stand for any.

use std::collections::BTreeSet;
use std::fs;
use std::net::Shutdown;
use std::path::Path;

use lenslet::control::protocol::{AnswerLine, Request, RequestLine};
use serde_json::Value;

use super::fake::{self, Fake};
use super::{Pair, line};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn play(name: &str, dialog: &str) {
    let mut pair = Pair::new(Fake::new());
    for (number, text) in dialog.lines().enumerate() {
        let at = format!("{name}:{}", number + 1);
        match text.split_at_checked(2).unwrap_or((text, "")) {
            ("->", rest) => pair.send(&format!("{}\n", rest.trim())),
            ("~>", rest) => pair.send(rest.trim()),
            ("-|", _) => pair.reader.get_ref().shutdown(Shutdown::Write).unwrap(),
            ("<|", _) => assert_eq!(line(&mut pair.reader), None, "{at}: nothing more comes"),
            ("<-", rest) => {
                let got = line(&mut pair.reader).unwrap_or_else(|| panic!("{at}: the end"));
                let expected: Value =
                    serde_json::from_str(rest).unwrap_or_else(|error| panic!("{at}: {error}"));
                let told: Value = serde_json::from_str(&got).unwrap();
                assert!(same(&expected, &told), "{at}:\nexpected {expected}\n     got {told}");
            }
            _ => assert!(text.is_empty() || text.starts_with('#'), "{at}: {text}"),
        }
    }
}

fn same(expected: &Value, told: &Value) -> bool {
    match (expected, told) {
        (Value::String(any), Value::String(_)) if any == "*" => true,
        (Value::Object(expected), Value::Object(told)) => {
            expected.keys().eq(told.keys()) && expected.iter().all(|(key, value)| same(value, &told[key]))
        }
        (Value::Array(expected), Value::Array(told)) => {
            expected.len() == told.len()
                && expected.iter().zip(told).all(|(expected, told)| same(expected, told))
        }
        _ => expected == told,
    }
}

#[test]
fn control_dialogs_go_as_they_are_written() {
    let folder = root().join("tests/fixtures/control");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        play(&file.display().to_string(), &fs::read_to_string(&file).unwrap());
    }
}

/// The blocks of `docs/control.md` that are conversations.
fn documented() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/control.md")).unwrap();
    let blocks = text.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix("dialog\n")).map(str::to_owned).collect()
}

#[test]
fn what_the_documentation_shows_is_what_is_said() {
    for block in documented() {
        play("docs/control.md", &block);
    }
}

#[test]
fn every_verb_is_documented_and_its_examples_hold_nothing_that_is_not_read() {
    let mut seen = BTreeSet::new();
    for block in documented() {
        for text in block.lines() {
            if let Some(text) = text.strip_prefix("->")
                && let Ok(request) = RequestLine::read(text.trim().as_bytes())
            {
                let again: Value = serde_json::from_str(&request.write()).unwrap();
                seen.insert(again["do"].as_str().unwrap().to_owned());
            } else if let Some(text) = text.strip_prefix("<-") {
                let answer = AnswerLine::read(text.as_bytes()).unwrap();
                let (told, again): (Value, Value) =
                    (serde_json::from_str(text).unwrap(), serde_json::from_str(&answer.write()).unwrap());
                assert_eq!(told, again);
            }
        }
    }
    let verbs: BTreeSet<String> = Request::verbs().map(str::to_owned).collect();
    assert_eq!(seen, verbs);
}

#[test]
fn every_field_of_the_status_is_documented() {
    fn keys(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                into.insert(key.clone());
                keys(value, into);
            }),
            Value::Array(entries) => entries.iter().for_each(|entry| keys(entry, into)),
            _ => {}
        }
    }
    let mut fields = BTreeSet::new();
    keys(&serde_json::to_value(fake::status()).unwrap(), &mut fields);
    let text = fs::read_to_string(root().join("docs/control.md")).unwrap();
    let missing: Vec<_> = fields.iter().filter(|field| !text.contains(&format!("| `{field}` |"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

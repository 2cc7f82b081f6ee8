//! What strangers may say of themselves, on every screen: names, programs, reasons, lines of the log. Nothing of it steers the
//! terminal, stands where something else belongs, or ends the program; nor do figures that nobody expects.

use lenslet::control::protocol::{
    BanEntry, Change, Checked, ConfigRequest, ConfigText, Control, ControlKind, Level, LogEvent, LogLine,
    MountChange, Plan, Problem, Refusal, Reply, Status, UserEntry, VersionEntry, Written,
};
use lenslet::tui::message::{Asked, ConfigAsked, Message};
use lenslet::tui::model::Model;
use lenslet::tui::theme::{Glyphs, Theme};
use lenslet::tui::update::update;
use ratatui::buffer::Buffer;
use ratatui::text::Span;
use serde_json::{Value, json};

use super::config::Screen;
use super::support::{controls, draw, press, snapshot, status, tell, text as shown};

/// What it may be called.
const TEXTS: &[(&str, &str)] = &[
    ("nothing", ""),
    ("spaces", "   "),
    ("clears the screen", "a\x1b[2J\x1b[1;1Hb"),
    ("sets a title", "a\x1b]0;title\x07b\x1b\\"),
    ("control characters of eight bits", "a\u{9b}2Jb\u{90}c\u{9c}d\u{85}e"),
    (
        "all control characters",
        "\0\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x1b\x7f",
    ),
    ("lines", "one\ntwo\r\nthree\u{2028}four\u{2029}five"),
    ("tabs", "a\tb\t\tc"),
    ("backwards", "\u{202e}drowssap\u{202c} \u{2066}x\u{2069} \u{200f}y\u{61c}z\u{200e}"),
    ("not seen", "a\u{200b}b\u{200d}c\u{feff}d\u{2060}e\u{ad}f\u{180e}g\u{fff9}h\u{e0041}i"),
    ("wide", "\u{524d}\u{95e8}\u{6444}\u{50cf}\u{5934}\u{ff21}\u{ff22}\u{ff23}\u{d55c}\u{ad6d}\u{c5b4}"),
    ("marks on letters", "e\u{301}a\u{308}\u{301}o\u{327} \u{e01}\u{e33}\u{e19}\u{e49}\u{e33}"),
    ("a mark alone", "\u{301}\u{301}abc"),
    (
        "faces",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{1f44d}\u{1f3fd} \u{2600}\u{fe0f} 1\u{fe0f}\u{20e3} \u{1f1e9}\u{1f1ea}\u{1f1e9}",
    ),
    (
        "from right to left",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{627}\u{644}\u{633}\u{644}\u{627}\u{645} \u{644}\u{627}",
    ),
    ("last of all", "\u{10ffff}\u{e000}\u{fffd}"),
    ("bytes that are no text, as they are escaped", "\\xff\\xfe\\x1b[2J \\u{d800} %1b%5b2J \u{fffd}\u{fffd}"),
];

/// Texts that are too long to be written down.
pub(super) fn texts() -> Vec<(&'static str, String)> {
    let long = [
        ("one word", "w".repeat(10_000)),
        ("one wide word", "\u{524d}".repeat(2000)),
        ("a tower of marks", format!("a{}", "\u{301}\u{322}\u{36f}".repeat(200))),
        ("many words", "lorem ipsum ".repeat(400)),
    ];
    TEXTS.iter().map(|(name, text)| (*name, (*text).to_owned())).chain(long).collect()
}

/// What nobody may see: what orders a terminal, has others read backwards, or is not there and still counts.
fn is_harmful(sign: char) -> bool {
    sign.is_control()
        || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(sign, '\u{61c}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn wide(text: &str) -> usize {
    Span::raw(text).width()
}

/// Each sign is as wide as any terminal takes it for, and none stands over the edge.
pub(super) fn holds(buffer: &Buffer, what: &str) {
    let area = buffer.area;
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let symbol = buffer[(x, y)].symbol();
            let width = wide(symbol);
            assert!(!symbol.chars().any(is_harmful), "{what}: {symbol:?} at {x},{y}");
            // Some terminals add up what each character is wide, some know which of them are one sign.
            let added: usize = symbol.chars().map(|sign| wide(sign.encode_utf8(&mut [0; 4]))).sum();
            assert!(
                width == added && (1..=2).contains(&width),
                "{what}: {symbol:?} at {x},{y}: {width}, {added}"
            );
            assert!(symbol.chars().count() <= 5, "{what}: a tower at {x},{y}: {symbol:?}");
            assert!(x + width as u16 <= area.width, "{what}: {symbol:?} stands over the edge of line {y}");
            // What the second half of a wide sign hides is nothing.
            assert!(
                width == 1 || buffer[(x + 1, y)].symbol() == " ",
                "{what}: half of {symbol:?} at {x},{y}"
            );
            x += width as u16;
        }
    }
}

const SIZES: [(u16, u16); 7] = [(1, 1), (20, 5), (20, 8), (40, 10), (80, 24), (120, 40), (300, 100)];

/// Names that have to differ.
const NAMES: [&str; 2] = ["id", "name"];

/// A place of a status: the way to it, the name of the field and where in its list it is.
struct Leaf {
    pointer: String,
    key: String,
    at: usize,
}

/// The places of a status where one of these may stand.
fn leaves(status: &Status, others: impl Fn(&Value) -> Vec<Value>) -> Vec<(Leaf, Value)> {
    let mut value = serde_json::to_value(status).unwrap();
    let mut ways = Vec::new();
    walk(&value, &mut Vec::new(), &mut ways);
    let mut found = Vec::new();
    for way in ways {
        let key = way.iter().rev().find(|step| step.parse::<usize>().is_err()).cloned().unwrap_or_default();
        let at = way.iter().find_map(|step| step.parse().ok()).unwrap_or(0);
        let pointer = format!("/{}", way.join("/"));
        let before = value.pointer(&pointer).unwrap().clone();
        for other in others(&before) {
            *value.pointer_mut(&pointer).unwrap() = other.clone();
            let fits = serde_json::from_value::<Status>(value.clone()).is_ok();
            *value.pointer_mut(&pointer).unwrap() = before.clone();
            if fits {
                found.push((Leaf { pointer, key, at }, other));
                break;
            }
        }
    }
    found
}

fn walk(value: &Value, way: &mut Vec<String>, leaves: &mut Vec<Vec<String>>) {
    let mut into = |step: String, value: &Value, leaves: &mut Vec<Vec<String>>| {
        way.push(step);
        walk(value, way, leaves);
        way.pop();
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| into(name.clone(), value, leaves)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| into(at.to_string(), value, leaves));
        }
        _ => leaves.push(way.clone()),
    }
}

fn with(status: &Status, others: impl Iterator<Item = (String, Value)>) -> Status {
    let mut value = serde_json::to_value(status).unwrap();
    for (pointer, other) in others {
        *value.pointer_mut(&pointer).unwrap() = other;
    }
    serde_json::from_value(value).unwrap()
}

/// All that is said in words is this; what has to be one of several words stays, and names differ.
fn with_text(status: &Status, words: &[(Leaf, Value)], text: &str) -> Status {
    let said = |leaf: &Leaf| match NAMES.contains(&leaf.key.as_str()) && leaf.at > 0 {
        true => format!("{text}{}", leaf.at),
        false => text.to_owned(),
    };
    with(status, words.iter().map(|(leaf, _)| (leaf.pointer.clone(), json!(said(leaf)))))
}

fn words(status: &Status) -> Vec<(Leaf, Value)> {
    leaves(status, |leaf| match leaf {
        Value::String(_) | Value::Null => vec![json!("x")],
        _ => Vec::new(),
    })
}

/// All figures are as large, or as small, as they can be.
fn with_figures(status: &Status, greatest: bool) -> Status {
    let figures = leaves(status, |leaf| match leaf {
        Value::Number(_) if greatest => vec![
            json!(1e300),
            json!(u64::MAX),
            json!(i64::MAX),
            json!(u32::MAX),
            json!(i32::MAX),
            json!(u16::MAX),
        ],
        Value::Number(_) => vec![json!(-1e300), json!(i64::MIN), json!(i32::MIN), json!(0)],
        _ => Vec::new(),
    });
    with(status, figures.into_iter().map(|(leaf, other)| (leaf.pointer, other)))
}

/// What no line of the protocol can say, and a computation can come to.
fn with_none(status: &Status) -> Status {
    let mut status = status.clone();
    let nan = Some(f32::NAN);
    for mount in &mut status.mounts {
        mount.fps = nan;
        for stage in &mut mount.latency {
            (stage.p50_ms, stage.p90_ms, stage.p99_ms) = (nan, nan, nan);
        }
    }
    for session in &mut status.sessions {
        (session.loss_percent, session.jitter_ms, session.round_trip_ms) = (nan, nan, nan);
    }
    let board = &mut status.board;
    (board.cpu_percent, board.own_cpu_percent, board.temperature_celsius, board.load) = (nan, nan, nan, nan);
    status
}

/// A terminal whose daemon has said this three times, with what it answers to all that the screens ask.
fn model(status: &Status, text: &str, schema: &Value) -> Model {
    let mut model = Model { theme: Theme::default(), ..Model::default() };
    update(&mut model, Message::Connected);
    for later in 0..3 {
        let mut status = status.clone();
        status.uptime_s = status.uptime_s.saturating_add(later * 2);
        tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(status))));
    }
    press(&mut model, "5");
    for level in [Level::Error, Level::Warn, Level::Info, Level::Debug] {
        let line = LogLine { at: text.into(), level, room: text.into(), text: text.into() };
        tell(&mut model, Asked::Log, Ok(Reply::Log(LogEvent::Line(line))));
    }
    press(&mut model, "3");
    if let Some(name) = model.panes.mount.name.clone() {
        let control = |control: Control| Control { name: text.into(), ..control };
        let menu = ControlKind::Menu(vec![(0, text.to_owned())]);
        let menu = Control { name: text.into(), kind: menu, value: Some(0), ..controls().remove(0) };
        let all = controls().into_iter().map(control).chain([menu]).collect();
        tell(&mut model, Asked::Controls(name.clone()), Ok(Reply::Controls(all)));
        tell(&mut model, Asked::Snapshot(name), Ok(Reply::Snapshot(snapshot())));
    }
    configured(&mut model, text, schema);
    press(&mut model, "1");
    model
}

fn configured(model: &mut Model, text: &str, schema: &Value) {
    let mut say = |asked, reply| drop(tell(model, Asked::Config(asked), Ok(reply)));
    let written = |path: String, value: &str, kind: Option<&str>| Written {
        path,
        value: value.into(),
        kind: kind.map(str::to_owned),
    };
    let name = text.replace(['\\', '"'], "");
    let mount = format!("mounts[\"{name}\"]");
    say(ConfigAsked::Schema, Reply::Schema(schema.clone()));
    let file = ConfigText { version: Some(4), text: text.into(), hash: None, is_default: false };
    say(ConfigAsked::Text, Reply::Config(file));
    say(
        ConfigAsked::Values,
        Reply::Values(vec![
            written(mount.clone(), text, Some("Camera")),
            written(format!("{mount}.device"), text, None),
            written(format!("{mount}.label"), &format!("\"{text}\""), None),
            written("mounts[\"b\"]".into(), text, Some(text)),
        ]),
    );
    let version = |version| VersionEntry {
        version,
        at: text.into(),
        author: text.into(),
        bytes: u64::MAX,
        trouble: (version == 0).then(|| text.to_owned()),
    };
    say(ConfigAsked::History, Reply::History(vec![version(u64::MAX), version(0)]));
    let user = UserEntry { name: text.into(), read: vec![text.into(); 3], control: vec![text.into()] };
    say(ConfigAsked::Users, Reply::Users(vec![user]));
    let ban = BanEntry { address: text.into(), until: text.into(), for_s: u64::MAX, why: text.into() };
    say(ConfigAsked::Bans, Reply::Bans(vec![ban]));
    let camera = json!({"path": text, "id": text, "card": text, "verdict": text, "controls": [], "formats": [
        {"fourcc": text, "sizes": [{"width": u32::MAX, "height": 0, "rates": [1e300, -1.0]}]}]});
    say(ConfigAsked::Probe, Reply::Probe(json!({"encoders": [], "cameras": [camera]})));
}

fn plan(text: &str) -> Plan {
    let mount = |change| MountChange {
        mount: text.into(),
        change,
        why: Some(text.into()),
        interrupts: vec![text.into(); 3],
    };
    Plan {
        version: Some(u64::MAX),
        diff: format!("--- a\n+++ b\n-{text}\n+{text} more\n"),
        mounts: vec![mount(Change::Added), mount(Change::Refused), mount(Change::Kept)],
        changed: vec![text.into()],
        after_restart: vec![text.into()],
        unkept: None,
    }
}

/// The screens: their keys, what is told there, and what stands there whatever that is.
const SCREENS: &[(&str, &str, &[&str])] = &[
    ("dashboard", "1", &["Mounts", "READERS", "P99ms", "Box", "CPU", "Alarms"]),
    ("its question", "1 d", &["Mounts", "y", "n"]),
    ("sessions", "2", &["Sessions:", "FROM", "LOSS%", "BEHIND"]),
    ("sessions that are filtered", "2 / a b", &["Sessions:", "Show only"]),
    ("a session", "2 Enter", &["Session", "bitrate", "behind live", "round trip"]),
    ("kick", "2 x", &["Sure?"]),
    ("ban", "2 B", &["Ban ", " for"]),
    ("url of a session", "2 u", &[]),
    ("mount", "3", &["Mount", "bitrate", "Settings, live", "Picture"]),
    ("a control", "3 j", &["Settings, live", "GOP, pictures"]),
    ("url of a mount", "3 u", &[]),
    ("sections", "4 G k", &["Configuration", "Server", "Users and bans"]),
    ("form", "4 G k Enter", &["device", "fps", "format"]),
    ("a line", "4 G k Enter Enter", &["take it", "leave it"]),
    ("kinds", "4 a", &["What is to be served?", "Camera", "Pattern"]),
    ("the text", "4 e End", &["The file's text", "Check"]),
    ("versions", "4 v", &["Versions of the file"]),
    ("review", "4 e x ^S w", &["What applying it would do"]),
    ("users and bans", "4 ACCESS", &["MAY WATCH", "BANNED ADDRESS", "WHY"]),
    ("a user's rights", "4 ACCESS Enter", &["May watch", "May watch", "May steer"]),
    ("a ban is lifted", "4 ACCESS j x", &["Sure?"]),
    ("log", "5", &["Log", "ERROR", "debug"]),
    ("a line of the log", "5 Enter", &["Log"]),
    ("what is looked for", "5 / a b", &["Log", "Look for: "]),
    ("alarms", "6", &["Alarms, the newest first"]),
    ("help", "1 ?", &["help", "leave"]),
];

/// Has a screen opened, from wherever one is, and what it asks answered.
pub(super) fn open(model: &mut Model, keys: &str, text: &str, schema: &Value) {
    model.overlay = None;
    model.panes.config = Default::default();
    model.panes.sessions.filter.clear();
    model.panes.sessions.open = None;
    model.places = Default::default();
    configured(model, text, schema);
    for key in keys.split(' ') {
        match key {
            "ACCESS" => {
                let listed = model.panes.config.listed();
                let access = listed.iter().position(|it| format!("{it:?}") == "Access").unwrap();
                (0..access).for_each(|_| drop(press(model, "j")));
                press(model, "Enter");
            }
            key => drop(press(model, key)),
        }
        let mistake = Problem { line: Some(u32::MAX), said: text.into(), ..Problem::default() };
        let checked = |errors, warnings| Ok(Reply::Checked(Checked { errors, warnings }));
        let (asked, reply) = match key {
            "^S" => (ConfigAsked::Check, checked(Vec::new(), vec![text.into()])),
            "e" => (ConfigAsked::Check, checked(vec![mistake], vec![text.into()])),
            "w" => (ConfigAsked::Preview, Ok(Reply::Plan(plan(text)))),
            _ => continue,
        };
        tell(model, Asked::Config(asked), reply);
    }
}

/// Draws each screen at each size.
fn put_through(model: &mut Model, what: &str, text: &str, schema: &Value) {
    for (screen, keys, own) in SCREENS {
        open(model, keys, text, schema);
        for (width, height) in SIZES {
            for glyphs in [Glyphs::Utf8, Glyphs::Ascii] {
                model.theme.glyphs = glyphs;
                let (buffer, what) =
                    (draw(model, width, height), format!("{screen}, {what}, {width}x{height}"));
                holds(&buffer, &what);
                if width >= 80 {
                    let shown = shown(&buffer);
                    let lacks: Vec<_> = own.iter().filter(|part| !shown.contains(**part)).collect();
                    assert!(lacks.is_empty(), "{what}: {lacks:?}\n{shown}");
                }
            }
        }
    }
}

pub(super) fn schema() -> Value {
    match Screen::new().control.ask(ConfigRequest::Schema {}) {
        Ok(Reply::Schema(schema)) => schema,
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_text_of_a_stranger_steers_the_terminal_or_stands_where_something_else_belongs() {
    let (schema, status) = (schema(), status("typical"));
    let words = words(&status);
    assert!(words.len() > 100, "{}", words.len());
    for (what, text) in texts() {
        let mut model = model(&with_text(&status, &words, &text), &text, &schema);
        put_through(&mut model, what, &text, &schema);
        // What is said of what was done, and of a daemon that does not answer.
        press(&mut model, "1");
        tell(&mut model, Asked::Deed, Err(Refusal::new(text.as_str(), text.as_str(), text.as_str())));
        holds(&draw(&mut model, 80, 24), &format!("a refusal, {what}"));
        update(&mut model, Message::Lost(text.clone()));
        holds(&draw(&mut model, 80, 24), &format!("lost, {what}"));
    }
}

#[test]
fn no_figure_is_too_large_or_none() {
    let (schema, status) = (schema(), status("typical"));
    for (what, status) in [
        ("greatest", with_figures(&status, true)),
        ("least", with_figures(&status, false)),
        ("none", with_none(&status)),
    ] {
        put_through(&mut model(&status, "x", &schema), what, "x", &schema);
    }
}

#[test]
fn ten_thousand_sessions_are_a_list_as_any_other() {
    let mut status = status("typical");
    let session = status.sessions[0].clone();
    status.sessions = (0..10_000)
        .map(|number| {
            let mut session = session.clone();
            (session.id, session.address) = (format!("s{number}"), format!("10.0.0.1:{number}"));
            session
        })
        .collect();
    let mut model = Model::default();
    tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(status))));
    for keys in ["1", "2", "G", "PgUp", "/ 9 9 9 9", "Enter", "Enter", "Esc", "1"] {
        press(&mut model, keys);
        for (width, height) in SIZES {
            holds(&draw(&mut model, width, height), keys);
        }
    }
}

/// What a driver says of a control need not make sense: each key and each place of the slider does something or nothing.
#[test]
fn a_control_that_makes_no_sense_is_no_panic() {
    let ends = [i64::MIN, -1, 0, 1, i64::MAX];
    for (least, greatest) in ends.into_iter().flat_map(|least| ends.map(|greatest| (least, greatest))) {
        for (step, value) in ends.into_iter().flat_map(|step| ends.map(|value| (step, value))) {
            let mut model = Model::default();
            let mut status = status("typical");
            let encoder = status.mounts[0].encoder.as_mut().unwrap();
            encoder.bitrate_bps = Some(value.unsigned_abs());
            encoder.gop_pictures = Some(u32::try_from(value).unwrap_or(u32::MAX));
            tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(status))));
            press(&mut model, "3");
            let kind = ControlKind::Number { least, greatest, step };
            let control = Control { kind, value: Some(value), default: step, ..controls().remove(0) };
            tell(&mut model, Asked::Controls("door".into()), Ok(Reply::Controls(vec![control])));
            for line in 0..3 {
                draw(&mut model, 80, 24);
                press(&mut model, "h l H L 0 Enter Space - +");
                for place in [0, 7, 15] {
                    lenslet::tui::panes::mount::slide(&mut model, line, place, 16);
                }
                press(&mut model, "Down");
            }
        }
    }
}

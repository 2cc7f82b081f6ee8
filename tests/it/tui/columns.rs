//! What a stranger says in one column of a list moves no other.

use lenslet::control::protocol::{
    BanEntry, Control, Level, LogEvent, LogLine, MountStatus, Reply, SessionStatus, Status, UserEntry,
    VersionEntry,
};
use lenslet::tui::message::{Asked, ConfigAsked};
use lenslet::tui::model::{Model, Spot};
use lenslet::tui::sort::Sort;
use serde_json::Value;

use super::hostile::{open, schema, texts};
use super::support::{controls, draw, press, status, tell};

/// Fills a list with two entries, which are called so.
type Fill = fn(&Value, [&str; 2]) -> Model;

/// Lists, by what stands in the column that is filled.
const LISTS: [(&str, Fill); 11] = [
    ("mounts", |_, names| {
        let mut status = status("typical");
        let first = status.mounts[0].clone();
        status.mounts = names.map(|name| MountStatus { name: name.to_owned(), ..first.clone() }).to_vec();
        told(status, "1")
    }),
    ("addresses of sessions", |_, names| sessions(names, |session, text| session.address = text)),
    ("mounts of sessions", |_, names| sessions(names, |session, text| session.mount = text)),
    ("users of sessions", |_, names| sessions(names, |session, text| session.user = Some(text))),
    ("programs", |_, names| sessions(names, |session, text| session.client = Some(text))),
    ("rooms of the log", |_, names| {
        let mut model = told(status("typical"), "5");
        for room in names.map(str::to_owned) {
            let at = "2026-11-25T21:00:00.123Z".to_owned();
            let line = LogLine { at, level: Level::Info, room, text: "said".into() };
            tell(&mut model, Asked::Log, Ok(Reply::Log(LogEvent::Line(line))));
        }
        press(&mut model, "g");
        model
    }),
    ("controls", |_, names| {
        let mut model = told(status("typical"), "3");
        let all = names.map(|name| Control { name: name.to_owned(), ..controls().remove(0) }).to_vec();
        tell(&mut model, Asked::Controls("door".into()), Ok(Reply::Controls(all)));
        model
    }),
    ("users", |schema, names| {
        let users = names.map(|name| UserEntry { name: name.into(), ..user("r") });
        config(schema, "4 ACCESS", ConfigAsked::Users, Reply::Users(users.to_vec()))
    }),
    ("what users may", |schema, names| {
        config(schema, "4 ACCESS", ConfigAsked::Users, Reply::Users(names.map(user).to_vec()))
    }),
    ("banned addresses", |schema, names| {
        let ban = |it: &str| BanEntry { address: it.into(), for_s: 5, why: "w".into(), until: "u".into() };
        config(schema, "4 ACCESS", ConfigAsked::Bans, Reply::Bans(names.map(ban).to_vec()))
    }),
    ("versions", |schema, names| {
        let version = |at: &str| VersionEntry {
            version: 1,
            at: at.into(),
            author: "author".into(),
            bytes: 9,
            trouble: None,
        };
        config(schema, "4 v", ConfigAsked::History, Reply::History(names.map(version).to_vec()))
    }),
];

fn told(status: Status, keys: &str) -> Model {
    let mut model = Model::default();
    tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(status))));
    press(&mut model, keys);
    model
}

fn sessions(names: [&str; 2], call: fn(&mut SessionStatus, String)) -> Model {
    let mut status = status("typical");
    let first = status.sessions[0].clone();
    let session = |name: &str| {
        let mut session = first.clone();
        session.id = name.len().to_string();
        call(&mut session, name.to_owned());
        session
    };
    status.sessions = names.map(session).to_vec();
    let mut model = told(status, "2");
    // As they come.
    model.panes.sessions.sort = Sort::Since;
    model
}

fn user(right: &str) -> UserEntry {
    UserEntry { name: "u".into(), read: vec![right.into()], control: vec!["c".into()] }
}

fn config(schema: &Value, keys: &str, asked: ConfigAsked, reply: Reply) -> Model {
    let mut model = told(status("typical"), "1");
    open(&mut model, keys, "x", schema);
    let none = [(ConfigAsked::Users, Reply::Users(Vec::new())), (ConfigAsked::Bans, Reply::Bans(Vec::new()))];
    for (asked, reply) in none.into_iter().chain([(asked, reply)]) {
        tell(&mut model, Asked::Config(asked), Ok(reply));
    }
    model
}

/// The two lines of a list, sign by sign.
fn rows(model: &mut Model, name: &str) -> [Vec<String>; 2] {
    let buffer = draw(model, 120, 40);
    [0, 1].map(|place| {
        let is_it = |spot: &Spot| match spot {
            Spot::Row(row) | Spot::Slider(row, ..) => *row == place,
            _ => false,
        };
        let found = model.places.spots.iter().rev().find(|(_, spot)| is_it(spot));
        let area = found.unwrap_or_else(|| panic!("{name}: {:?}", model.places.spots)).0;
        (0..120).map(|x| buffer[(x, area.y)].symbol().to_owned()).collect()
    })
}

#[test]
fn what_one_column_says_moves_no_other() {
    let (schema, long) = (schema(), "b".repeat(6000));
    for (name, fill) in LISTS {
        let shown = |text: &str| rows(&mut fill(&schema, [text, &long]), name);
        let [short, long] = shown("a");
        let own: Vec<usize> = (0..120).filter(|x| short[*x] != long[*x]).collect();
        assert!(own.len() > 4 && own.len() < 100, "{name}: {own:?}\n{}\n{}", short.concat(), long.concat());
        let own = own[0]..own[own.len() - 1] + 1;
        for (what, text) in texts() {
            let [row, _] = shown(&text);
            let moved: Vec<usize> = (0..120).filter(|x| row[*x] != short[*x] && !own.contains(x)).collect();
            assert!(moved.is_empty(), "{name}, {what}: {moved:?}\n{}\n{}", short.concat(), row.concat());
        }
    }
}

//! The configuration's screens, with a real daemon behind them that answers.

use std::rc::Rc;
use std::time::Instant;

use lenslet::control::client::{Blocking, Error};
use lenslet::control::protocol::{
    AccessRequest, Ask, BanEntry, ConfigRequest, Refusal, Reply, Request, UserEntry, VersionEntry,
};
use lenslet::tui::effect::Effect;
use lenslet::tui::message::{Asked, Message};
use lenslet::tui::model::{Model, Tab};
use lenslet::tui::panes::config;
use lenslet::tui::update::update;

use ratatui::style::Modifier;

use super::screens::shows;
use super::support::{draw, key, press, seen, status, tell, text};
use crate::support::{PATIENCE, Server};

const MOUNTS: &str = r#"mounts: {
    // Above the door.
    "door": Pattern(width: 640, height: 480, fps: 15, label: "Front door"),
    "yard": Camera(device: "/dev/v4l/by-id/usb-046d_C920-video-index0", width: 1280, height: 720, gop: "2 s"),
}"#;

/// A screen and the daemon that its questions go to.
pub(super) struct Screen {
    pub(super) model: Model,
    pub(super) control: Blocking,
    /// Those that the daemon tells of.
    pub(super) users: Vec<UserEntry>,
    pub(super) bans: Vec<BanEntry>,
    pub(super) versions: Vec<VersionEntry>,
    /// What was asked of the daemon since this was looked at last, by the verbs.
    pub(super) asked: Vec<String>,
    server: Rc<Server>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self::of(MOUNTS)
    }

    /// Of a daemon with these mounts.
    pub(super) fn of(mounts: &str) -> Self {
        Self::on(Rc::new(Server::with(mounts)))
    }

    fn on(server: Rc<Server>) -> Self {
        let control = Blocking::connect(&server.control()).unwrap();
        let mut status = status("typical");
        status.config.path = Some("/etc/lenslet/lenslet.ron".into());
        status.config.version = Some(1);
        let (users, bans, versions, asked) = (users(), bans(), versions(), Vec::new());
        let mut screen = Self { model: seen(&status), control, users, bans, versions, asked, server };
        screen.press("4");
        screen
    }

    pub(super) fn press(&mut self, keys: &str) {
        for name in keys.split(' ') {
            let effects = update(&mut self.model, Message::Key(key(name).event()));
            self.perform(effects);
        }
    }

    /// Another one of the same daemon.
    pub(super) fn beside(&self) -> Self {
        Self::on(self.server.clone())
    }

    pub(super) fn shown(&mut self) -> String {
        text(&draw(&mut self.model, 80, 24))
    }

    /// Presses keys whose questions the daemon has not answered yet.
    pub(super) fn holds(&mut self, keys: &str) -> Vec<Effect> {
        press(&mut self.model, keys)
    }

    /// Types signs.
    pub(super) fn types(&mut self, text: &str) {
        for sign in text.chars() {
            self.press(if sign == ' ' { "Space".to_owned() } else { sign.to_string() }.as_str());
        }
    }

    /// Down to a setting of the form that is open.
    pub(super) fn to(&mut self, name: &str) {
        let settings = self.model.panes.config.settings();
        let place = settings.iter().position(|setting| setting.field.name == name).unwrap();
        for _ in 0..place {
            self.press("j");
        }
    }

    /// Somebody edits the file by hand; the screen hears of it as soon as the daemon tells.
    pub(super) fn by_hand(&mut self, change: impl Fn(&str) -> String) {
        let path = self.server.config().to_owned();
        let text = change(&std::fs::read_to_string(&path).unwrap());
        std::fs::write(path, text).unwrap();
        self.hears();
    }

    /// Hears of the file as it is now.
    pub(super) fn hears(&mut self) {
        let Ok(Reply::Config(file)) = self.control.ask(ConfigRequest::Get { path: None }) else { panic!() };
        let end = Instant::now() + PATIENCE;
        let config = loop {
            let Ok(Reply::Status(status)) = self.control.ask(Ask::Status { every_ms: None }) else {
                panic!()
            };
            if status.config.hash == file.hash {
                break status.config;
            }
            assert!(Instant::now() < end, "the daemon does not tell");
            std::thread::yield_now();
        };
        let mut status = self.model.status.clone().unwrap();
        (status.config.hash, status.config.origin) = (config.hash, config.origin);
        let effects = tell(&mut self.model, Asked::Status, Ok(Reply::Status(status)));
        self.perform(effects);
    }

    /// The file's text.
    pub(super) fn file(&self) -> String {
        std::fs::read_to_string(self.server.config()).unwrap()
    }

    /// What the version says that is gone back to.
    fn then(&self) -> String {
        let file = &self.model.panes.config.draft.file;
        file.replace("fps: 15", "fps: 25").replace("    // Above the door.\n", "")
    }

    pub(super) fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Ask { to, request } = effect else {
                self.asked.push(format!("{effect:?}"));
                continue;
            };
            let asked = serde_json::to_value(&request).unwrap();
            self.asked.push(asked["do"].as_str().unwrap().to_owned());
            // The daemon has no versions.
            let request = match request {
                Request::Config(ConfigRequest::Preview { to: Some(_), .. }) => {
                    Request::Config(ConfigRequest::Preview { text: Some(self.then()), to: None })
                }
                other => other,
            };
            let outcome = match request {
                Request::Config(ConfigRequest::History {}) => Ok(Reply::History(self.versions.clone())),
                Request::Access(AccessRequest::UserList {}) => Ok(Reply::Users(self.users.clone())),
                Request::Access(AccessRequest::BanList {}) => Ok(Reply::Bans(self.bans.clone())),
                Request::Config(request) => match self.control.ask(request) {
                    Ok(reply) => Ok(reply),
                    Err(Error::Refused(refusal)) => Err(refusal),
                    Err(error) => Err(Refusal::new("lost", error.to_string(), "")),
                },
                _ if to == Asked::Config(config::Asked::Probe) => Ok(Reply::Probe(probed())),
                _ => continue,
            };
            let next = tell(&mut self.model, to, outcome);
            self.perform(next);
        }
    }
}

pub(super) fn users() -> Vec<UserEntry> {
    let user = |name: &str, read: &[&str], control: &[&str]| UserEntry {
        name: name.into(),
        read: read.iter().map(|it| (*it).to_owned()).collect(),
        control: control.iter().map(|it| (*it).to_owned()).collect(),
    };
    vec![
        user("anna", &["*"], &["*"]),
        user("nvr", &["*"], &[]),
        user("porter", &["door", "yard", "floor1/*"], &["door"]),
    ]
}

pub(super) fn bans() -> Vec<BanEntry> {
    let ban = |address: &str, for_s, until: &str, why: &str| BanEntry {
        address: address.into(),
        until: until.into(),
        for_s,
        why: why.into(),
    };
    vec![
        ban("203.0.113.7", 300, "2026-11-25T21:09:05Z", "10 wrong passwords within a minute"),
        ban("2001:db8:7::", 86_400, "2026-11-26T21:04:05Z", "a scanner"),
    ]
}

pub(super) fn versions() -> Vec<VersionEntry> {
    let version = |version, at: &str, author: &str, bytes| VersionEntry {
        version,
        at: at.into(),
        author: author.into(),
        bytes,
        trouble: None,
    };
    vec![
        version(3, "2026-11-26T03:00:00Z", "uid 1000 (process 812)", 412),
        version(2, "2026-11-25T21:04:05Z", "restore of 2026-11-20T04:00:00Z (porch)", 398),
        version(1, "2026-11-20T09:15:00Z", "by hand", 402),
    ]
}

fn probed() -> serde_json::Value {
    let size = |width: u32, height: u32| serde_json::json!({"width": width, "height": height, "rates": [30.0, 15.0]});
    let format =
        |fourcc: &str, sizes: &[serde_json::Value]| serde_json::json!({"fourcc": fourcc, "sizes": sizes});
    let menu = serde_json::json!({"Menu": [[1, "Manual Mode"], [3, "Aperture Priority Mode"]]});
    let control = |name: &str, kind: serde_json::Value, range: [i64; 3], current: i64| serde_json::json!({"name": name, "kind": kind, "range": range, "default": 0, "current": current});
    let controls = [
        control("brightness", "Integer".into(), [0, 255, 1], 128),
        control("horizontal_flip", "Boolean".into(), [0, 1, 1], 0),
        control("auto_exposure", menu, [0, 3, 1], 3),
    ];
    serde_json::json!({"encoders": [], "cameras": [
        {"path": "/dev/video0", "id": "/dev/v4l/by-id/usb-046d_C920-video-index0", "card": "HD Pro Webcam C920",
         "verdict": "H264 as it comes", "controls": controls,
         "formats": [format("YUYV", &[size(640, 480)]), format("H264", &[size(1920, 1080), size(1280, 720)])]},
        {"path": "/dev/video2", "id": null, "card": "USB2.0 Camera", "verdict": "YUYV, coded by the processor",
         "formats": [format("YUYV", &[size(640, 480)])]}]})
}

#[test]
fn the_sections_and_the_wizard() {
    let mut screen = Screen::new();
    assert_eq!(screen.model.tab, Tab::Config);
    shows("config-sections", &mut screen.model);
    screen.press("?");
    shows("config-help", &mut screen.model);
    screen.press("Esc");
    screen.press("a");
    shows("config-kinds", &mut screen.model);
    screen.press("j Enter");
    shows("config-name", &mut screen.model);
    screen.press("Enter Down");
    shows("config-device", &mut screen.model);
    screen.press("Enter");
    shows("config-added", &mut screen.model);
}

#[test]
fn a_form_and_its_values() {
    let mut screen = Screen::new();
    screen.press("G Enter");
    shows("config-form", &mut screen.model);
    screen.press("?");
    shows("config-form-help", &mut screen.model);
    screen.press("Esc");
    screen.to("encode");
    screen.press("Enter");
    shows("config-choice", &mut screen.model);
    screen.press("Esc g");
    screen.to("format");
    screen.press("Enter");
    shows("config-format", &mut screen.model);
    screen.press("Esc g");
    screen.to("controls");
    screen.press("Enter Down Down");
    shows("config-controls", &mut screen.model);
    screen.press("Esc g");
    screen.to("fps");
    screen.press("Enter");
    screen.types("5000");
    shows("config-wrong", &mut screen.model);
    screen.press("Backspace Backspace Enter w");
    shows("config-review", &mut screen.model);
}

#[test]
fn a_review_shows_what_differs_in_lines_that_are_longer_than_the_screen() {
    let mut screen = Screen::new();
    screen.press("G Enter");
    screen.to("gop");
    screen.press("Enter ^U");
    screen.types("75");
    screen.press("Enter w");
    for (width, height) in [(80, 24), (40, 10)] {
        draw(&mut screen.model, width, height);
        screen.press("End");
        let end = draw(&mut screen.model, width, height);
        assert!(text(&end).contains("75"), "{}", text(&end));
        let marked: String = end
            .content
            .iter()
            .filter(|cell| cell.modifier.contains(Modifier::UNDERLINED))
            .map(|cell| cell.symbol())
            .collect();
        assert!(marked.contains("75"), "{marked}");
        screen.press("Home");
    }
}

#[test]
fn a_file_that_is_not_there_is_warned_of() {
    let mut screen = Screen::new();
    screen.press("a j j j Enter Enter");
    let shown = text(&draw(&mut screen.model, 80, 24));
    assert!(shown.contains("it may not be empty") && !shown.contains("✖ it may"), "{shown}");
    screen.types("/no/such/clip.mp4");
    let shown = text(&draw(&mut screen.model, 80, 24));
    assert!(shown.contains('▲') && shown.contains("/no/such/clip.mp4"), "{shown}");
    assert!(!shown.contains("it fits"), "{shown}");
}

#[test]
fn the_text_and_the_versions() {
    let mut screen = Screen::new();
    screen.press("v");
    shows("config-versions", &mut screen.model);
    screen.press("Enter");
    shows("config-rollback", &mut screen.model);
    screen.press("Esc Esc e");
    shows("config-text", &mut screen.model);
    screen.press("F1");
    shows("config-text-help", &mut screen.model);
    screen.press("Esc");
    screen.types("x");
    shows("config-text-wrong", &mut screen.model);
}

#[test]
fn a_page_of_the_text_is_as_many_lines_as_are_seen() {
    let mounts = (0..60).map(|number| format!("    \"camera{number}\": Pattern(fps: 15, enabled: false),\n"));
    let mut screen = Screen::of(&format!("mounts: {{\n{}}}", mounts.collect::<String>()));
    screen.press("e");
    let first = |screen: &mut Screen| {
        let shown = screen.shown();
        let lines: Vec<String> =
            shown.lines().filter(|line| line.contains("\"camera")).map(str::to_owned).collect();
        (lines.len(), lines.last().unwrap().clone())
    };
    let (lines, before) = first(&mut screen);
    assert!(lines > 5 && before.contains("camera1"), "{before}");
    screen.press("PgDn");
    let (seen, after) = first(&mut screen);
    assert!(seen >= lines && after.contains(&format!("camera{}\"", lines * 2)), "{lines} {after}");
    screen.press("PgDn PgDn PgUp PgUp PgUp");
    assert_eq!(first(&mut screen).1, before);
}

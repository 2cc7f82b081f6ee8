#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::form::Section;
use super::*;
use crate::config::edit;
use crate::control::protocol::{
    AccessRequest, BanEntry, Base, Checked, ConfigText, Edit, MountChange, Outcome, Plan, Problem, Refusal,
    Reply, Request, UserEntry, VersionEntry, Written,
};
use crate::tui::message::Message;
use crate::tui::model::Overlay;
use crate::tui::update::update;

const FILE: &str =
    "( // mine\n    workers: 2,\n    mounts: {\n        \"cam\": Pattern(fps: 5), // left\n    },\n)\n";

/// A daemon that answers what the pane asks, by the rooms that the real one asks too.
#[derive(Default)]
struct Fake {
    file: String,
    version: u64,
    /// What the one version that is kept says.
    then: String,
    users: Vec<UserEntry>,
    bans: Vec<BanEntry>,
    asked: Vec<String>,
}

impl Fake {
    fn answer(&mut self, request: ConfigRequest) -> Outcome {
        let refused = |why: String| Refusal::new("not-edited", why, "");
        let config = |text: String, version| {
            Ok(Reply::Config(ConfigText { version, text, hash: None, is_default: false }))
        };
        match request {
            ConfigRequest::Schema {} => Ok(Reply::Schema(crate::config::schema())),
            ConfigRequest::Get { .. } => config(self.file.clone(), Some(self.version)),
            ConfigRequest::Values { text } => Ok(Reply::Values(written(&text.unwrap()))),
            ConfigRequest::Edit { text, edits } => {
                let change = |it: &Edit| match it.clone() {
                    Edit::Set { path, value } => (0, path, value),
                    Edit::Insert { path, value } => (1, path, value),
                    Edit::Remove { path } => (2, path, String::new()),
                    Edit::Rename { path, to } => (3, path, to),
                };
                let parts: Vec<(u8, String, String)> = edits.iter().map(change).collect();
                let changes: Vec<edit::Change<'_>> = parts
                    .iter()
                    .map(|(what, path, value)| match what {
                        0 => edit::Change::Set(path, value),
                        1 => edit::Change::Insert(path, value),
                        2 => edit::Change::Remove(path),
                        _ => edit::Change::Rename(path, value),
                    })
                    .collect();
                let text = edit::all(&text.unwrap(), &changes).map_err(|error| refused(error.to_string()))?;
                config(text, None)
            }
            ConfigRequest::Check { text } => {
                let errors = match crate::config::Config::parse(&text.unwrap()) {
                    Ok(_) => Vec::new(),
                    Err(error) => {
                        vec![Problem { line: Some(2), said: error.to_string(), ..Problem::default() }]
                    }
                };
                Ok(Reply::Checked(Checked { errors, warnings: Vec::new() }))
            }
            ConfigRequest::Preview { text, to } => {
                let text = if to.is_some() { self.then.clone() } else { text.unwrap() };
                let diff = crate::config::store::difference(("now", &self.file), ("then", &text));
                Ok(Reply::Plan(Plan { diff, ..plan(None) }))
            }
            ConfigRequest::Apply { text, base } => {
                if base != Base::Version(self.version) {
                    return Err(Refusal::new("changed-meanwhile", "another came between", "read it again"));
                }
                (self.file, self.version) = (text, self.version + 1);
                Ok(Reply::Plan(plan(Some(self.version))))
            }
            ConfigRequest::History {} => Ok(Reply::History(vec![VersionEntry {
                version: 4,
                at: "2026-11-26T03:00:00Z".into(),
                author: "pi".into(),
                bytes: 9,
            }])),
            ConfigRequest::Rollback { to, .. } => Ok(Reply::Plan(plan(Some(to + 10)))),
            other => panic!("{other:?}"),
        }
    }
}

impl Fake {
    fn admit(&mut self, request: AccessRequest) -> Outcome {
        let done = |said: &str| Ok(Reply::Done { said: said.to_owned() });
        match request {
            AccessRequest::UserList {} => return Ok(Reply::Users(self.users.clone())),
            AccessRequest::BanList {} => return Ok(Reply::Bans(self.bans.clone())),
            AccessRequest::UserAdd { name, password, read, control } => {
                if self.users.iter().any(|user| user.name == name) {
                    return Err(Refusal::new("exists", format!("there is a user {name} already"), ""));
                }
                assert_eq!(password.0, "sesame");
                let (read, control) = (read.unwrap(), control.unwrap());
                self.users.push(UserEntry { name, read, control });
            }
            AccessRequest::UserPassword { password, .. } => assert_eq!(password.0, "new"),
            AccessRequest::UserRights { name, read, control } => {
                let user = self.users.iter_mut().find(|user| user.name == name).unwrap();
                (user.read, user.control) = (read.unwrap(), control.unwrap());
            }
            AccessRequest::UserRemove { name } => self.users.retain(|user| user.name != name),
            AccessRequest::BanAdd { address, seconds, why } => {
                let (for_s, why) = (seconds.unwrap(), why.unwrap());
                self.bans.push(BanEntry { address, for_s, why, ..BanEntry::default() });
            }
            AccessRequest::BanLift { address } => self.bans.retain(|ban| ban.address != address),
        }
        done("it is so")
    }
}

/// What the daemon's own tells of these texts.
fn written(text: &str) -> Vec<Written> {
    let it = |path: &str, value: &str, kind: Option<&str>| Written {
        path: path.into(),
        value: value.into(),
        kind: kind.map(Into::into),
    };
    let config = crate::config::Config::parse(text).unwrap();
    let mut all: Vec<Written> = Vec::new();
    for name in config.mounts.keys() {
        let kind = if text.contains(&format!("\"{name}\": File")) { "File" } else { "Pattern" };
        all.push(it(&draft::mount_path(name, None), kind, Some(kind)));
    }
    for (name, path) in [("workers: ", "workers"), ("fps: ", "mounts[\"cam\"].fps")] {
        if let Some((_, rest)) = text.split_once(name) {
            let end = rest.find([',', ')']).unwrap();
            all.push(it(path, &rest[..end], None));
        }
    }
    all
}

fn plan(version: Option<u64>) -> Plan {
    use crate::control::protocol::Change;
    let mount = |mount: &str, change, viewers: usize| MountChange {
        mount: mount.into(),
        change,
        why: None,
        interrupts: vec!["1".to_owned(); viewers],
    };
    let mounts = vec![mount("cam", Change::Restarted, 2), mount("other", Change::Kept, 0)];
    Plan {
        version,
        diff: "-fps: 5\n+fps: 25\n".into(),
        mounts,
        changed: vec!["workers".into()],
        after_restart: vec![],
    }
}

struct Screenful {
    model: Model,
    fake: Fake,
}

impl Screenful {
    fn new() -> Self {
        let mut model = Model { tab: Tab::Config, ..Model::default() };
        let fake = Fake { file: FILE.to_owned(), version: 4, then: FILE.to_owned(), ..Fake::default() };
        let effects = enter(&mut model);
        let mut screenful = Self { model, fake };
        screenful.perform(effects);
        screenful
    }

    /// Has the daemon answer until nothing is asked any more.
    fn perform(&mut self, effects: Effects) {
        for effect in effects {
            let Effect::Ask { to, request } = effect else { continue };
            self.fake.asked.push(format!("{request:?}"));
            let outcome = match request {
                Request::Config(request) => self.fake.answer(request),
                Request::Access(request) => self.fake.admit(request),
                _ => continue,
            };
            let next = update(&mut self.model, Message::Answered { to, outcome });
            self.perform(next);
        }
    }

    fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.chars() {
            let key = match key {
                '\n' => Key::Code(KeyCode::Enter),
                '\x1b' => Key::Code(KeyCode::Esc),
                '\x08' => Key::Code(KeyCode::Backspace),
                '>' => Key::Code(KeyCode::Down),
                '\x13' => Key::Control('s'),
                sign => Key::Sign(sign),
            };
            let effects = update(&mut self.model, Message::Key(key.event()));
            self.perform(effects);
        }
        self
    }

    fn state(&self) -> &State {
        &self.model.panes.config
    }

    fn said(&self) -> &str {
        self.model.notice.as_ref().map_or("", |notice| &notice.said)
    }
}

/// Down to a setting of the form that is open.
fn to(screenful: &mut Screenful, name: &str) {
    let place = screenful.state().settings().iter().position(|setting| setting.field.name == name).unwrap();
    screenful.keys(&">".repeat(place));
}

#[test]
fn a_value_is_typed_tried_and_applied_and_comments_stay() {
    let mut it = Screenful::new();
    assert_eq!(it.state().listed().last(), Some(&Section::Mount("cam".into())));
    it.keys("G\n");
    to(&mut it, "fps");
    it.keys("\n\x08999");
    let Some(Editor::Line(line)) = &it.state().editor else { panic!() };
    assert!(matches!(&line.tried, editor::Tried::Wrong(why) if why.contains("999")), "{:?}", line.tried);
    it.keys("\n");
    assert!(it.state().editor.is_some(), "what is wrong is not taken");
    it.keys("\x08\x08\x0825\n");
    assert!(it.state().editor.is_none());
    assert_eq!(it.state().draft.text, FILE.replace("fps: 5", "fps: 25"));
    it.keys("w");
    let Screen::Review(review) = &it.state().screen else { panic!("{:?}", it.state().screen) };
    let lines = review.lines();
    assert_eq!(lines[0], "! cam: starts anew: its viewers see a gap, 2 viewers now");
    assert!(lines.contains(&"! server, at once: workers".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with('+') && line.contains("fps: 25")), "{lines:?}");
    it.keys("y");
    assert_eq!(it.fake.file, FILE.replace("fps: 5", "fps: 25"));
    assert_eq!(it.said(), "It is served as version 5.");
    assert!(!it.state().draft.changed());
}

#[test]
fn undo_redo_default_and_switches() {
    let mut it = Screenful::new();
    it.keys("G\n");
    to(&mut it, "enabled");
    it.keys(" ");
    assert!(it.state().draft.text.contains("enabled: false"), "{}", it.state().draft.text);
    it.keys("u");
    assert_eq!(it.state().draft.text, FILE);
    it.keys("u");
    assert_eq!(it.said(), "Nothing was changed since it was read.");
    it.keys("g");
    to(&mut it, "fps");
    it.keys("d");
    assert!(!it.state().draft.text.contains("fps"), "{}", it.state().draft.text);
    it.keys("w\x1b");
    assert!(matches!(it.state().screen, Screen::Sections));
}

#[test]
fn a_mount_is_added_renamed_and_taken_out() {
    let mut it = Screenful::new();
    // The fourth kind is a file, which has to have a path.
    it.keys("a>>>\n");
    let Some(Editor::Line(line)) = &it.state().editor else { panic!("{:?}", it.state().editor) };
    assert_eq!(line.input.value(), "file");
    it.keys("\x08\x08\x08\x08clip\n/srv/clip.mp4\n");
    assert!(
        it.state().draft.text.contains("\"clip\": File(path: \"/srv/clip.mp4\"),"),
        "{}",
        it.state().draft.text
    );
    assert_eq!(it.state().section(), Some(Section::Mount("clip".into())));
    it.keys("\x1bGn2\n");
    let renamed = it.state().draft.text.clone();
    assert!(renamed.contains("2\": "), "{renamed}");
    it.keys("\x1bGx");
    assert_ne!(it.state().draft.text, renamed);
    it.keys("gx");
    assert_eq!(it.said(), "Only mounts can be taken out.");
}

/// A review of another rate, and the file as another has changed it meanwhile.
fn overtaken(file: &str) -> Screenful {
    let mut it = Screenful::new();
    it.keys("G\n");
    to(&mut it, "fps");
    it.keys("\n9\nw");
    (it.fake.file, it.fake.version) = (file.to_owned(), 7);
    it.keys("y");
    it
}

#[test]
fn who_comes_too_late_sees_what_it_does_to_the_file_as_it_is_now() {
    let mut it = overtaken(&FILE.replace("workers: 2", "workers: 3"));
    assert!(it.said().contains("was changed meanwhile"), "{}", it.said());
    let Screen::Review(review) = &it.state().screen else { panic!("{:?}", it.state().screen) };
    let lines = review.lines();
    assert!(lines.iter().any(|line| line.starts_with('+') && line.contains("fps: 59")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with(['+', '-']) && line.contains("workers")), "{lines:?}");
    it.keys("y");
    assert_eq!(it.said(), "It is served as version 8.");
    assert_eq!(it.fake.file, FILE.replace("workers: 2", "workers: 3").replace("fps: 5", "fps: 59"));
    let same = overtaken(&FILE.replace("fps: 5", "fps: 59"));
    assert!(same.said().contains("says all of this already"), "{}", same.said());
    assert!(!same.state().draft.changed());
}

#[test]
fn who_changed_the_same_as_another_is_told_and_loses_nothing() {
    let mut it = overtaken(&FILE.replace("fps: 5", "fps: 6"));
    assert!(it.said().contains("R reads it again and drops"), "{}", it.said());
    assert!(it.state().draft.changed());
    // Another look at the pane keeps it too.
    it.keys("12345");
    let effects = enter(&mut it.model);
    it.perform(effects);
    assert!(it.state().draft.text.contains("fps: 59"), "{}", it.state().draft.text);
    it.model.tab = Tab::Config;
    it.keys("R");
    assert!(matches!(it.model.overlay, Some(Overlay::Question(_))));
    it.keys("y");
    assert!(!it.state().draft.changed());
    assert!(it.state().draft.text.contains("fps: 6"), "{}", it.state().draft.text);
}

#[test]
fn the_text_is_edited_checked_and_taken_only_if_it_is_right() {
    let mut it = Screenful::new();
    it.keys("ex");
    let Screen::Raw(raw) = &it.state().screen else { panic!() };
    assert!(!raw.checked.as_ref().unwrap().errors.is_empty());
    it.keys("\x13");
    assert_eq!(it.said(), "There is something wrong with it still.");
    it.keys("\x1b");
    assert!(matches!(it.model.overlay, Some(Overlay::Question(_))), "what was typed is not lost by one key");
    it.keys("n");
    it.keys("\x08");
    // The cursor went to the mistake's line: the sign is taken away there, or the text is as it was.
    it.keys("\x1b");
    if it.model.overlay.is_some() {
        it.keys("y");
    }
    it.keys("e// first\n\x13");
    assert!(it.state().draft.text.starts_with("// first\n( // mine"), "{}", it.state().draft.text);
}

#[test]
fn a_version_is_gone_back_to_once_its_difference_was_seen() {
    let mut it = Screenful::new();
    it.keys("v\n");
    assert_eq!(it.said(), "Version 4 says what the file says already.");
    it.fake.then = FILE.replace("fps: 5", "fps: 7");
    it.keys("\n");
    let Screen::Review(review) = &it.state().screen else { panic!("{:?}", it.state().screen) };
    assert_eq!((review.back_to, review.lines().is_empty()), (Some(4), false));
    let asked = it.fake.asked.last().unwrap();
    assert_eq!(*asked, format!("{:?}", Request::from(ConfigRequest::Preview { text: None, to: Some(4) })));
    it.keys("\x1b");
    assert!(matches!(it.state().screen, Screen::History));
    it.keys("\ny");
    assert_eq!(it.said(), "It is served as version 14.");
    assert!(it.fake.asked.iter().any(|asked| asked.contains("Rollback { to: 4, base: Some(Version(4)) }")));
}

#[test]
fn going_back_forgets_what_was_changed_here_and_says_so() {
    let mut it = Screenful::new();
    it.fake.then = FILE.replace("fps: 5", "fps: 7");
    it.keys("G\n");
    to(&mut it, "fps");
    it.keys("\n9\nv\n");
    let Screen::Review(review) = &it.state().screen else { panic!("{:?}", it.state().screen) };
    assert!(review.lines()[0].contains("is forgotten"), "{:?}", review.lines());
}

/// To the users and bans.
fn access() -> Screenful {
    let mut it = Screenful::new();
    let place = it.state().listed().iter().position(|section| *section == Section::Access).unwrap();
    it.keys(&">".repeat(place)).keys("\n");
    assert!(matches!(it.state().screen, Screen::Access));
    it
}

fn wrong(it: &Screenful) -> &str {
    match &it.state().editor {
        Some(Editor::Steps(steps)) => steps.wrong.as_deref().unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_user_is_added_by_a_password_that_is_typed_twice() {
    let mut it = access();
    it.keys("a\n");
    assert_eq!(wrong(&it), "A user has a name.");
    it.keys("anna\nsesame\nsesamo\n");
    assert_eq!(wrong(&it), "The two passwords differ.");
    it.keys("\x08e\n\x08cam yard/*\n");
    assert!(!format!("{:?}", it.model).contains("sesame"), "passwords are not printed");
    it.keys("cam\n");
    assert!(it.state().editor.is_none() && it.said() == "it is so", "{:?}", it.state().editor);
    let anna = UserEntry {
        name: "anna".into(),
        read: vec!["cam".into(), "yard/*".into()],
        control: vec!["cam".into()],
    };
    assert_eq!(it.state().access.users.as_deref(), Some(&[anna][..]));
    assert!(!it.fake.asked.iter().any(|asked| asked.contains("sesame")));
    // What the daemon refuses stays, to be changed.
    it.keys("aanna\nsesame\nsesame\n\n\n");
    assert!(wrong(&it).contains("there is a user anna already"));
    it.keys("\x1b");
    assert!(it.state().editor.is_none());
}

#[test]
fn users_get_other_passwords_and_rights_and_go() {
    let mut it = access();
    it.keys("p");
    assert_eq!(it.said(), "There is nobody yet: a adds a user.");
    it.keys("anvr\nsesame\nsesame\n\n\n");
    it.keys("pnew\nnew\n");
    assert_eq!(it.said(), "it is so");
    it.keys("\n\x08door\n\n");
    assert_eq!(it.fake.users[0].read, ["door"]);
    it.keys("x");
    let Some(Overlay::Question(question)) = &it.model.overlay else { panic!() };
    assert!(question.asks.contains("nvr"), "{}", question.asks);
    it.keys("y");
    assert!(it.fake.users.is_empty() && it.state().access.users.as_ref().unwrap().is_empty());
}

#[test]
fn addresses_are_banned_and_let_in_again() {
    let mut it = access();
    it.keys("bhost\n");
    assert!(wrong(&it).contains("no address"));
    it.keys("\x08\x08\x08\x08192.0.2.7\n\x08\x08\n");
    assert!(wrong(&it).contains("2h"));
    it.keys("2h\na scanner\n");
    let ban = &it.fake.bans[0];
    assert_eq!((ban.address.as_str(), ban.for_s, ban.why.as_str()), ("192.0.2.7", 7200, "a scanner"));
    it.keys("\n");
    assert_eq!(it.said(), "That is an address: x lifts its ban.");
    it.keys("xy");
    assert!(it.fake.bans.is_empty());
}

#[test]
fn who_is_banned_meanwhile_is_seen() {
    let mut it = access();
    let mut status = crate::control::protocol::Status::default();
    let mut told = |it: &mut Screenful, bans| {
        status.access.bans = bans;
        let reply = Ok(Reply::Status(Box::new(status.clone())));
        update(&mut it.model, Message::Answered { to: Question::Status, outcome: reply })
    };
    assert!(told(&mut it, 0).is_empty());
    it.fake.bans.push(BanEntry { address: "192.0.2.7".into(), ..BanEntry::default() });
    let effects = told(&mut it, 1);
    it.perform(effects);
    assert_eq!(it.state().access.length(), 1);
    assert!(told(&mut it, 1).is_empty(), "it is asked once");
}

#[test]
fn what_is_pasted_is_typed_where_something_is_typed() {
    let mut it = Screenful::new();
    let paste = |it: &mut Screenful, text: &str| {
        let effects = update(&mut it.model, Message::Pasted(text.to_owned()));
        it.perform(effects);
    };
    paste(&mut it, "q");
    it.keys("G\n");
    to(&mut it, "label");
    it.keys("\n");
    paste(&mut it, "Front door");
    it.keys("\ne");
    assert!(it.state().draft.text.contains("label: \"Front door\""), "{}", it.state().draft.text);
    paste(&mut it, "// two\n// lines\n");
    it.keys("\x13");
    assert!(it.state().draft.text.starts_with("// two\n// lines\n( // mine"), "{}", it.state().draft.text);
}

#[test]
fn leaving_asks_before_changes_are_forgotten_and_nothing_is_answered_unseen() {
    let mut it = Screenful::new();
    it.keys("G\n");
    to(&mut it, "fps");
    it.keys("\n9\nq");
    assert!(matches!(it.model.overlay, Some(Overlay::Question(_))), "changes are not lost by one key");
    it.keys("n");
    it.keys("w");
    it.model.places.too_small = true;
    it.keys("y");
    assert_eq!(it.fake.file, FILE, "what nobody sees is not applied");
    let effects = update(&mut it.model, Message::Key(Key::Sign('q').event()));
    assert_eq!(effects, [Effect::Leave]);
}

#[test]
fn what_has_to_be_said_is_not_left_empty_and_no_mistake_before_one_types() {
    let mut it = Screenful::new();
    it.keys("a>>>\n\n");
    let line = |it: &Screenful| match &it.state().editor {
        Some(Editor::Line(line)) => (line.touched, matches!(&line.tried, editor::Tried::Wrong(_))),
        other => panic!("{other:?}"),
    };
    assert_eq!(line(&it), (false, true));
    it.keys("\n");
    assert_eq!(line(&it), (true, true));
    assert_eq!(it.state().draft.text, FILE, "an empty path is none");
    it.keys("x\n");
    assert!(it.state().draft.text.contains("File(path: \"x\")"), "{}", it.state().draft.text);
}

#[test]
fn control_c_leaves_what_is_typed() {
    let mut it = Screenful::new();
    let control_c = |it: &mut Screenful| drop(update(&mut it.model, Message::Key(Key::Control('c').event())));
    it.keys("a");
    control_c(&mut it);
    assert!(it.state().editor.is_none());
    it.keys("e");
    control_c(&mut it);
    assert!(matches!(it.state().screen, Screen::Sections));
    it.keys("ex");
    control_c(&mut it);
    assert!(matches!(it.model.overlay, Some(Overlay::Question(_))), "what was typed is not lost by one key");
}

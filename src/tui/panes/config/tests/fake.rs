//! The pane, and a daemon that answers what it asks.

use super::*;
use crate::config::edit;
use crate::control::protocol::{
    AccessRequest, BanEntry, Base, Checked, ConfigText, Edit, MountChange, Outcome, Plan, Problem, Refusal,
    Reply, UserEntry, VersionEntry, Written,
};

pub(super) const FILE: &str =
    "( // mine\n    workers: 2,\n    mounts: {\n        \"cam\": Pattern(fps: 5), // left\n    },\n)\n";

/// A daemon that answers what the pane asks, by the rooms that the real one asks too.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) file: String,
    pub(super) version: u64,
    /// What the one version that is kept says.
    pub(super) then: String,
    pub(super) users: Vec<UserEntry>,
    pub(super) bans: Vec<BanEntry>,
    pub(super) asked: Vec<String>,
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
                trouble: None,
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
        unkept: None,
    }
}

/// The pane on a screen of its own.
pub(super) struct Screenful {
    pub(super) model: Model,
    pub(super) fake: Fake,
}

impl Screenful {
    pub(super) fn new() -> Self {
        let mut model = Model { tab: Tab::Config, ..Model::default() };
        let fake = Fake { file: FILE.to_owned(), version: 4, then: FILE.to_owned(), ..Fake::default() };
        let effects = enter(&mut model);
        let mut screenful = Self { model, fake };
        screenful.perform(effects);
        screenful
    }

    /// Has the daemon answer until nothing is asked any more.
    pub(super) fn perform(&mut self, effects: Effects) {
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

    pub(super) fn keys(&mut self, keys: &str) -> &mut Self {
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

    pub(super) fn state(&self) -> &State {
        &self.model.panes.config
    }

    pub(super) fn said(&self) -> &str {
        self.model.notice.as_ref().map_or("", |notice| &notice.said)
    }
}

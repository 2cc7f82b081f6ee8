//! The configuration: read, tried and changed. Nothing is written that is not served, and nothing is served of a file that
//! could not be written.

use std::sync::Arc;

use super::super::alarms::Trouble;
use super::super::applied::Applied;
use super::{Steward, values};
use crate::clock;
use crate::config::store::{self, From, Store};
use crate::config::{self, Config, changes, edit, syntax};
use crate::control::protocol::{
    Base, Change, Checked, ConfigOrigin, ConfigRequest, ConfigState, ConfigText, Edit, MountChange, Plan,
    Problem, Refusal, Reply, VersionEntry,
};
use crate::control::{Answer, Caller};
use crate::redact::redact;
use crate::server::SessionFigures;

impl Steward {
    /// Files and cameras are looked at: not on the thread that all clients share.
    pub(super) async fn configure(self: &Arc<Self>, caller: &Caller, request: ConfigRequest) -> Answer {
        match request {
            ConfigRequest::Get { path: None } => self.get().await,
            ConfigRequest::Check { text } => self.check(text).await,
            ConfigRequest::Preview { text, to } => self.preview(text, to).await,
            ConfigRequest::Apply { text, base } => {
                let _turn = self.edits.lock().await;
                self.apply(caller, text, vec![seen(base)]).await
            }
            ConfigRequest::History {} => self.history().await,
            ConfigRequest::Diff { from, to } => {
                let diff = self.with_store(move |store| store.difference(from, to).map_err(refusal)).await?;
                Ok(Reply::Diff(diff))
            }
            ConfigRequest::Rollback { to, base } => {
                let _turn = self.edits.lock().await;
                let text = self.version(to).await?;
                self.apply(caller, text, base.into_iter().map(seen).collect()).await
            }
            ConfigRequest::Get { path: Some(path) } => self.get_at(&path).await,
            ConfigRequest::Set { path, value, base } => {
                let _turn = self.edits.lock().await;
                let before = self.text(None).await?;
                let text = edit::set(&before, &path, &value);
                let text = text.map_err(|error| hinted(not_edited(error), &before, &path, &value))?;
                let made_of = store::Seen::Hash(store::hash(before.as_bytes()));
                self.apply(caller, text, base.into_iter().map(seen).chain([made_of]).collect()).await
            }
            ConfigRequest::Edit { text, edits } => {
                let changes: Vec<edit::Change<'_>> = edits.iter().map(change).collect();
                let text = edit::all(&self.text(text).await?, &changes).map_err(not_edited)?;
                Ok(Reply::Config(ConfigText { version: None, text, hash: None, is_default: false }))
            }
            ConfigRequest::Values { text } => Ok(Reply::Values(values::values(&self.text(text).await?)?)),
            ConfigRequest::Schema {} => Ok(Reply::Schema(config::schema())),
        }
    }

    /// Reads the file again and does what is different in it.
    pub(super) async fn reload(&self) -> Answer {
        let refused = |why: String| Refusal::new("not-applied", why, "what is served is as it was");
        let difference = self.difference(None).await.unwrap_or_default();
        let applied = self.rooms.asker.reload().await.map_err(refused);
        self.look_at_config();
        let applied = applied?;
        Ok(Reply::Plan(difference.of(plan(&applied, &[]))))
    }

    pub(super) fn config_state(&self) -> ConfigState {
        let Some(store) = &self.store else { return ConfigState::default() };
        // Who asks may stand in another folder.
        let path = std::path::absolute(store.path()).unwrap_or_else(|_| store.path().to_owned());
        let path = Some(path.display().to_string());
        store.keep_again();
        let looked = store.look();
        let unserved = self.rooms.asker.unserved();
        let file = looked.as_ref().ok().filter(|loaded| loaded.from == From::File && unserved.is_none());
        let unkept = file.and_then(|loaded| store.unkept(&loaded.text));
        let version = store.newest().filter(|_| unkept.is_none());
        let (origin, why) = match looked.map(|loaded| loaded.from) {
            Ok(From::File) => match unserved {
                Some(why) => (ConfigOrigin::LastGood, Some(in_a_line(&why))),
                None => (ConfigOrigin::File, None),
            },
            Ok(From::Nothing) => (ConfigOrigin::Default, None),
            Ok(From::LastGood { why, .. }) => (ConfigOrigin::LastGood, Some(in_a_line(&why))),
            Err(error) => (ConfigOrigin::LastGood, Some(in_a_line(&error.lines()))),
        };
        let hash = store.written().ok().map(|text| store::hash(text.unwrap_or_default().as_bytes()));
        let read_only = store.may_save().err().map(|error| error.of_daemon());
        let state_dir = Some(self.state.display().to_string());
        ConfigState { path, version, unkept, hash, origin, why, read_only, state_dir }
    }

    async fn get(&self) -> Answer {
        let text = self.text(None).await?;
        let said = text.clone();
        let newest = move |store: &Store| Ok(store.newest().filter(|_| store.unkept(&said).is_none()));
        let version = self.with_store(newest).await?;
        let hash = Some(store::hash(text.as_bytes()));
        Ok(Reply::Config(ConfigText { version, text, hash, is_default: false }))
    }

    /// What stands at a path of the file.
    async fn get_at(&self, path: &str) -> Answer {
        let no_path = |why: String| Refusal::new("no-path", why, "");
        let steps: syntax::Path = path.parse().map_err(no_path)?;
        let text = self.text(None).await?;
        let tree = syntax::parse(&text).0.ok_or_else(|| no_path("the file is empty".to_owned()))?;
        let steps = edit::fitted(&steps, &tree);
        let Some(node) = tree.at(&steps) else {
            let misspelt = edit::no_such_mount(&steps, &tree);
            let refused = misspelt.map(|why| Err(Refusal::new("no-such-mount", why, "")));
            return refused.unwrap_or_else(|| default(path, &steps, &tree));
        };
        let value = text.get(node.span.clone()).unwrap_or_default().to_owned();
        Ok(Reply::Config(ConfigText { version: None, text: value, hash: None, is_default: false }))
    }

    async fn check(&self, text: Option<String>) -> Answer {
        let text = self.text(text).await?;
        Ok(Reply::Checked(smol::unblock(move || checked(&text)).await))
    }

    async fn preview(&self, text: Option<String>, to: Option<u64>) -> Answer {
        let text = match to {
            Some(to) => Some(self.version(to).await?),
            None => text,
        };
        let difference = self.difference(text.clone()).await.unwrap_or_default();
        let config = parsed(&self.text(text).await?)?;
        let ending = || Refusal::new("ending", "Lenslet ends", "");
        let (mut applied, interrupted) = self.rooms.asker.preview(config.clone()).await.ok_or_else(ending)?;
        let mut anew = [&applied.added, &applied.restarted, &applied.changed].map(Clone::clone).concat();
        anew.retain(|name| !applied.reasons.contains_key(name));
        // Cameras and encoders are asked, as `check` does.
        let doubts = move || {
            let of = |name: String| (config.doubts(&name).join("; "), name);
            anew.into_iter().map(of).filter(|(doubts, _)| !doubts.is_empty()).collect::<Vec<_>>()
        };
        applied.reasons.extend(smol::unblock(doubts).await.into_iter().map(|(doubts, name)| (name, doubts)));
        Ok(Reply::Plan(difference.of(plan(&applied, &interrupted))))
    }

    /// From what the file says to a text; without one, from what is served to what the file says.
    async fn difference(&self, text: Option<String>) -> Result<Difference, Refusal> {
        let of = move |store: &Store| {
            let written = store.written()?.unwrap_or_default();
            let Some(text) = text else {
                let served = store.newest().and_then(|newest| store.text(newest).ok()).unwrap_or_default();
                let diff = store.difference(None, None)?;
                return Ok(Difference { diff, changes: changes(&served, &written) });
            };
            let path = store.path().display().to_string();
            let diff = store::difference((&path, &written), (&format!("{path} (new)"), &text));
            Ok(Difference { diff, changes: changes(&written, &text) })
        };
        self.with_store(|store| of(store).map_err(refusal)).await
    }

    async fn history(&self) -> Answer {
        let versions = self.with_store(|store| store.history().map_err(refusal)).await?;
        let entry = |version: store::Version| VersionEntry {
            version: version.number,
            at: version.at,
            author: version.author,
            bytes: version.bytes,
            trouble: version.damage.map(|damage| damage.to_string()),
        };
        Ok(Reply::History(versions.into_iter().rev().map(entry).collect()))
    }

    /// Writes the text, then serves it. What cannot be written is not served, and what cannot be served is taken back and no
    /// version. `seen` is what the file has to say still.
    async fn apply(&self, caller: &Caller, text: String, seen: Vec<store::Seen>) -> Answer {
        let config = parsed(&text)?;
        let author = super::who(caller);
        self.rooms.asker.expect(Some(text.clone()));
        let difference = self.difference(Some(text.clone())).await.unwrap_or_default();
        let write = move |store: &Store| {
            let newest = store.newest();
            let written = store.write(&text, &seen, clock::wall()).map_err(refusal)?;
            Ok((written, newest))
        };
        let written = self.with_store(write).await.inspect_err(|_| {
            // Who writes it by hand now is heard.
            self.rooms.asker.expect(None);
            // Why it cannot be written holds for the next as well.
            self.look_at_config();
        });
        let (written, newest) = written?;
        let lost = written.lost();
        let applied = match self.rooms.asker.apply(config).await {
            Ok(applied) => applied,
            Err(why) => {
                self.rooms
                    .keeper
                    .note(&author, &format!("a change of the configuration was not made: {why}"));
                let refusal = self.undo(written, why).await;
                self.look_at_config();
                return Err(refusal);
            }
        };
        let who = author.clone();
        let version = move |store: &Store| Ok(store.make_version(&written, &who, clock::wall()));
        let (version, unkept) = match self.with_store(version).await? {
            Ok(version) => (Some(version), lost),
            Err(why) => (None, Some(store::Error::NotKept(Box::new(why)).of_daemon())),
        };
        self.look_at_config();
        match (version, &unkept) {
            (Some(version), _) if newest != Some(version) => {
                self.rooms.keeper.note(&author, &format!("the configuration is version {version}"));
            }
            (None, Some(why)) => {
                tracing::warn!("{why}");
                self.rooms.keeper.note(&author, "the configuration was changed, and is no version");
            }
            _ => {}
        }
        Ok(Reply::Plan(Plan { version, unkept, ..difference.of(plan(&applied, &[])) }))
    }

    /// Has the file say again what it said, as what it says now could not be served; says what is true then.
    async fn undo(&self, written: store::Written, why: String) -> Refusal {
        let undone = self.with_store(move |store| store.take_back(&written).map_err(refusal)).await;
        // What it says again is known.
        self.rooms.asker.expect(None);
        let what_to_do = match undone {
            Ok(()) => "nothing was changed",
            Err(_) => "the file is written; what is served is as it was: change it, or roll it back",
        };
        Refusal::new("not-applied", why, what_to_do)
    }

    async fn text(&self, text: Option<String>) -> Result<String, Refusal> {
        match text {
            Some(text) => Ok(text),
            // What the file says, right or not: what is served instead of a wrong one nobody wrote there.
            None => self.with_store(|store| Ok(store.written().map_err(refusal)?.unwrap_or_default())).await,
        }
    }

    /// What a version says, in the words of this one.
    async fn version(&self, number: u64) -> Result<String, Refusal> {
        self.with_store(move |store| store.text_for_now(number).map_err(refusal)).await
    }

    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Some(store) = self.store.clone() else {
            let why = "no configuration file is served";
            return Err(Refusal::new("no-file", why, "start the daemon with `--config FILE`"));
        };
        smol::unblock(move || work(&store)).await
    }
}

/// What another text says otherwise.
#[derive(Default)]
struct Difference {
    diff: String,
    changes: Vec<config::Change>,
}

impl Difference {
    /// The plan with it, and with what is different beside each mount.
    fn of(self, mut plan: Plan) -> Plan {
        for mount in plan.mounts.iter_mut().filter(|mount| mount.change != Change::Refused) {
            let way = syntax::Path::default().field("mounts").key(&mount.mount).0;
            let of_mount = self.changes.iter().filter(|change| change.path.0.len() > way.len());
            let of_mount = of_mount.filter(|change| change.path.0.starts_with(&way));
            let told = of_mount.map(|change| {
                let path = syntax::Path(change.path.0[way.len()..].to_vec());
                let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "the default".to_owned());
                format!("{path}: {} -> {}", said(&change.before), said(&change.after))
            });
            let told: Vec<String> = told.collect();
            let different = (!told.is_empty()).then(|| told.join(", "));
            let all: Vec<String> = different.into_iter().chain(mount.why.take()).collect();
            mount.why = (!all.is_empty()).then(|| all.join("; "));
        }
        Plan { diff: self.diff, ..plan }
    }
}

/// What the schema has in one of the configuration's own settings.
fn outer_fields<'a>(schema: &'a serde_json::Value, outer: &syntax::Step) -> Option<&'a serde_json::Value> {
    let syntax::Step::Field(name) = outer else { return None };
    schema["fields"].as_array()?.iter().find(|field| field["name"] == **name)?.get("fields")
}

/// What holds at a path where nothing is written.
fn default(path: &str, steps: &syntax::Path, tree: &syntax::Value) -> Answer {
    let schema = config::schema();
    let of_kind = |mount: &str| {
        let at = syntax::Path::default().field("mounts").key(mount);
        let syntax::Kind::Struct { name: Some((kind, _)), .. } = &tree.at(&at)?.kind else { return None };
        schema["kinds"].as_array()?.iter().find(|known| known["name"] == **kind).map(|kind| &kind["fields"])
    };
    let named = |fields: &serde_json::Value, name: &str| {
        fields.as_array()?.iter().find(|field| field["name"] == *name).cloned()
    };
    let setting = match &steps.0[..] {
        [syntax::Step::Field(name)] => named(&schema["fields"], name),
        [syntax::Step::Field(outer), syntax::Step::Field(name)] => {
            named(&schema["fields"], outer).and_then(|outer| named(&outer["fields"], name))
        }
        [syntax::Step::Field(_), syntax::Step::Key(mount), syntax::Step::Field(name)] => {
            of_kind(mount).and_then(|fields| named(fields, name))
        }
        _ => None,
    };
    let unknown = "`lenslet config schema` lists what there is, `lenslet config get` what is written";
    let Some(setting) = setting else {
        let known = match &steps.0[..] {
            [_, syntax::Step::Key(mount), _] => of_kind(mount),
            [outer, _] => outer_fields(&schema, outer),
            _ => schema.get("fields"),
        };
        let known = known.and_then(|known| known.as_array()).into_iter().flatten();
        let names = known.filter_map(|field| field["name"].as_str());
        let near = match steps.0.last() {
            Some(syntax::Step::Field(name)) => config::nearest(name, names),
            _ => None,
        };
        let what_to_do = near.map_or_else(|| unknown.to_owned(), |near| format!("{near} is nearest"));
        return Err(Refusal::new("no-such-setting", format!("there is no {path}"), what_to_do));
    };
    match (setting["default"].as_str(), setting["default_in_words"].as_str()) {
        (Some(text), _) => Ok(Reply::Config(ConfigText {
            version: None,
            text: text.to_owned(),
            hash: None,
            is_default: true,
        })),
        (None, words) => {
            let why = format!("nothing is written at {path}: {}", words.unwrap_or("it has to be written"));
            Err(Refusal::new("not-written", why, ""))
        }
    }
}

/// All mistakes, as a field for people has them, who may not all read the file.
fn in_a_line(why: &str) -> String {
    redact(&why.lines().collect::<Vec<_>>().join("; ")).into_owned()
}

/// What is wrong with the file, if that is so.
pub(super) fn trouble(state: &ConfigState, unserved: bool) -> Option<Trouble> {
    let why = state.why.clone().filter(|_| state.origin == ConfigOrigin::LastGood)?;
    if unserved {
        let what_to_do =
            "`lenslet reload` tries it again; `lenslet config rollback` writes what is served into the file";
        return Some(Trouble { id: "config/unserved".to_owned(), why, what_to_do: what_to_do.to_owned() });
    }
    let what_to_do =
        "`lenslet config check` says where; `lenslet config rollback` writes a version that was right";
    Some(Trouble { id: "config/damaged".to_owned(), why, what_to_do: what_to_do.to_owned() })
}

/// What is served cannot be gone back to, if that is so.
pub(super) fn unkept(state: &ConfigState) -> Option<Trouble> {
    let why = format!(
        "the configuration that is served is no version that can be gone back to: {}",
        state.unkept.as_ref()?
    );
    let what_to_do = "it is tried again by itself; a change made before that leaves nothing of it".to_owned();
    Some(Trouble { id: "config/unkept".to_owned(), why, what_to_do })
}

fn seen(base: Base) -> store::Seen {
    match base {
        Base::Version(number) => store::Seen::Version(number),
        Base::Hash(hash) => store::Seen::Hash(hash),
    }
}

fn change(edit: &Edit) -> edit::Change<'_> {
    match edit {
        Edit::Set { path, value } => edit::Change::Set(path, value),
        Edit::Insert { path, value } => edit::Change::Insert(path, value),
        Edit::Remove { path } => edit::Change::Remove(path),
        Edit::Rename { path, to } => edit::Change::Rename(path, to),
    }
}

fn not_edited(error: edit::Error) -> Refusal {
    let what_to_do = match &error {
        edit::Error::Text(_) => {
            "`lenslet config check` says more, `lenslet config rollback` writes a version that was right"
        }
        _ => "nothing was changed",
    };
    Refusal::new("not-edited", error.to_string(), what_to_do)
}

/// The refusal, and how the value is written where it would be right as a text (a shell takes the quotes that stand alone), or
/// with the other side of a size.
fn hinted(refusal: Refusal, before: &str, path: &str, value: &str) -> Refusal {
    let quoted = syntax::quoted(value);
    if edit::set(before, path, &quoted).is_ok() {
        return Refusal { what_to_do: format!("a text has its quotes within others: '{quoted}'"), ..refusal };
    }
    let sides = [("width", "height", "HEIGHT"), ("height", "width", "WIDTH")];
    let other = sides.into_iter().find_map(|(side, other, fill_in)| {
        let other = path.strip_suffix(side)?.to_owned() + other;
        let both = [edit::Change::Set(path, value), edit::Change::Set(&other, A_SIDE)];
        edit::all(before, &both).is_ok().then_some((other, fill_in))
    });
    let Some((other, fill_in)) = other else { return refusal };
    let [path, value, other] = [path, value, &other].map(shell_words::quote);
    let what_to_do = format!("they are set at once: `lenslet config set {path} {value} {other} {fill_in}`");
    Refusal { what_to_do, ..refusal }
}

/// As a width or height what every mount can have.
const A_SIDE: &str = "480";

fn parsed(text: &str) -> Result<Config, Refusal> {
    Config::parse(text).map_err(|error| Refusal::new("no-configuration", error.to_string(), ""))
}

fn checked(text: &str) -> Checked {
    match Config::parse(text) {
        Ok(config) => {
            let warnings = config.absent().into_iter().chain(config.otherwise()).chain(config.unfit());
            let warnings = warnings.chain(config.doubtful()).collect();
            Checked { errors: Vec::new(), warnings }
        }
        Err(error) => {
            let number = |number: usize| u32::try_from(number).ok();
            let problem = |problem: &config::Problem| Problem {
                line: problem.place.and_then(|(line, _)| number(line)),
                column: problem.place.and_then(|(_, column)| number(column)),
                path: Some(problem.path.clone()).filter(|path| !path.is_empty()),
                said: problem.to_string(),
            };
            let more = (error.more() > 0).then(|| format!("and {} more", error.more()));
            let more = more.map(|said| Problem { line: None, column: None, path: None, said });
            let errors = error.problems().iter().map(problem).chain(more).collect();
            Checked { errors, warnings: Vec::new() }
        }
    }
}

fn refusal(error: store::Error) -> Refusal {
    let (what, what_to_do) = match &error {
        store::Error::Invalid(_) => ("no-configuration", ""),
        store::Error::Changed { .. } => ("changed-meanwhile", ""),
        store::Error::NoVersion(_) => ("no-such-version", ""),
        store::Error::Damaged(..) => ("damaged-version", ""),
        store::Error::System { .. } | store::Error::NotKept(_) => ("not-written", ""),
    };
    Refusal::new(what, error.of_daemon(), what_to_do)
}

fn plan(applied: &Applied, interrupted: &[SessionFigures]) -> Plan {
    let change = |mount: &String, change: Change, why: Option<String>| MountChange {
        mount: mount.clone(),
        change,
        why,
        interrupts: interrupted
            .iter()
            .filter(|session| session.mount == *mount)
            .map(|session| session.number.to_string())
            .collect(),
    };
    let of = |mounts: &[String], what: Change| {
        let why = |mount: &String| applied.reasons.get(mount).cloned();
        mounts.iter().map(|mount| change(mount, what, why(mount))).collect::<Vec<_>>()
    };
    let mut mounts = of(&applied.restarted, Change::Restarted);
    mounts.extend(of(&applied.changed, Change::Changed));
    mounts.extend(of(&applied.kept, Change::Kept));
    mounts.extend(of(&applied.added, Change::Added));
    mounts.extend(of(&applied.removed, Change::Removed));
    mounts
        .extend(applied.refused.iter().map(|(mount, why)| change(mount, Change::Refused, Some(why.clone()))));
    mounts.sort_by(|one, other| one.mount.cmp(&other.mount));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Plan {
        version: None,
        unkept: None,
        diff: String::new(),
        mounts,
        changed: names(&applied.server.now),
        after_restart: names(&applied.server.after_restart),
    }
}

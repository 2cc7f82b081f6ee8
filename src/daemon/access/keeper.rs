//! Has the rules that the server asks: of the configuration and of the users' file, however they change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::audit::{self, Audit};
use super::file::{Edit, Error, Mark, UsersFile};
use super::kept::{self, BansFile};
use super::pace::Pace;
use crate::access::{Gate, Guest, Memory, Network, Networks, Now, Policy, Rules, Users};
use crate::amount::amount;
use crate::clock;
use crate::config::{self, Config};
use crate::control::protocol::{AccessCount, AccessState, AuditEntry, BanEntry, OpenTo, UserEntry};
use crate::daemon::Trouble;

/// When a user was there last is kept as exactly: it matters for a week.
const HOUR: Duration = Duration::from_secs(3600);
/// Wrong passwords that may be lost with the power.
const FAILURES: u32 = 10;

/// What the first user changes beside that.
const REACHES: &str = ", and whoever knows one is answered from outside private networks too. To keep the server to a network of \
                       yours: `lenslet config set access.allow '[\"192.168.0.0/16\"]'`, with the network that is yours";

/// Who may watch, while the daemon runs.
#[derive(Debug)]
pub struct Keeper {
    gate: Arc<Gate>,
    state: PathBuf,
    bans: BansFile,
    known: Mutex<Known>,
    audit: Mutex<Audit>,
    kept: Mutex<Kept>,
}

/// What the rules are made of.
#[derive(Debug)]
struct Known {
    access: config::Access,
    mounts: BTreeMap<String, Networks>,
    file: UsersFile,
    users: Users,
    /// Of the file, when it was read.
    mark: Option<Mark>,
    /// Why the file is not what is true.
    trouble: Option<String>,
    /// At the start something told that there were users.
    signed_in: bool,
}

/// What is on the disk.
#[derive(Debug)]
struct Kept {
    memory: Memory,
    /// Of the file, when it was written or read last.
    mark: Option<Mark>,
    pace: Pace,
}

impl Keeper {
    /// What the configuration and the files under `state` say is what is true at this gate from now on.
    ///
    /// # Errors
    /// The users' file may be read by others: who did can sign in as anybody. One that cannot be read, or is damaged, is an alarm, and
    /// nobody but this machine is answered: a box in a cupboard is to say so.
    pub fn open(config: &Config, state: &Path, gate: Arc<Gate>) -> Result<Self, Error> {
        let file = UsersFile::of(&config.access, state);
        let mark = file.mark();
        let (users, trouble) = match file.load() {
            Ok(users) => (users, None),
            Err(error @ Error::Readable { .. }) => return Err(error),
            Err(error) => (Users::new(&config.access.realm), Some(error.of_daemon())),
        };
        let bans = BansFile::in_state(state);
        let memory = bans.load().unwrap_or_else(|error| {
            tracing::warn!(%error, "the bans cannot be read: nobody is banned");
            Memory::default()
        });
        let known = Known {
            access: config.access.clone(),
            mounts: mounts(config),
            file,
            users,
            mark,
            trouble,
            // Nobody is banned for a wrong password either where none is asked for.
            signed_in: !(memory.guests.is_empty() && memory.bans.is_empty() && memory.records.is_empty()),
        };
        gate.replace(known.rules());
        gate.restore(memory.clone(), now());
        let kept = Mutex::new(Kept { memory, mark: Mark::of(bans.path()), pace: Pace::default() });
        known.tell();
        let (known, audit) = (Mutex::new(known), Mutex::default());
        Ok(Self { gate, state: state.to_owned(), bans, known, audit, kept })
    }

    /// Whether a configuration says something else of access than is true.
    pub fn differs(&self, config: &Config) -> bool {
        self.known().access != config.access
    }

    /// Whether everybody who is asked for a password now is so when the daemon has started again, and keeps what is its own there.
    ///
    /// # Errors
    /// There are users here, and none there: in a sentence.
    pub fn may_move_to(&self, state: &Path, config: &Config) -> Result<(), String> {
        let known = self.known();
        let there = UsersFile::of(&config.access, state);
        let moves = there.path() != UsersFile::of(&config.access, &self.state).path();
        if !moves || known.users.is_empty() || there.mark().is_some() {
            return Ok(());
        }
        let (here, state) = (self.state.display(), state.display());
        Err(format!(
            "state_dir: there is no {}, and nobody would be asked for a password when Lenslet starts again: first take along what it \
             keeps, as in: mkdir -p {state} && cp -a {here}/. {state}",
            there.path().display()
        ))
    }

    /// Another configuration. A users' file that cannot be read changes nobody.
    pub fn apply(&self, config: &Config) {
        let mut known = self.known();
        let file = UsersFile::of(&config.access, &self.state);
        let another = file != known.file;
        (known.access, known.mounts, known.file) = (config.access.clone(), mounts(config), file);
        if another {
            known.read();
        }
        self.gate.replace(known.rules());
    }

    /// Looks whether the file was written by somebody else, what happened at the gate, and what is to be kept. Once a
    /// second or so.
    pub fn look(&self) {
        let mut known = self.known();
        if known.file.mark() != known.mark {
            let before = known.rules();
            known.read();
            if known.rules() != before {
                self.gate.replace(known.rules());
                self.audit().changed(
                    "by hand",
                    "the users' file was written, and holds from now on",
                    clock::wall(),
                );
            }
        }
        drop(known);
        let (events, more) = self.gate.take_events();
        self.audit().tried(events, more, clock::wall());
        self.keep(false);
    }

    /// Changes a user; what is said of it.
    ///
    /// # Errors
    /// It cannot be done: nothing has changed.
    pub fn edit(&self, who: &str, edit: &Edit) -> Result<String, Error> {
        let mut known = self.known();
        let before = known.users.is_empty();
        let users = known.file.change(edit)?;
        (known.users, known.mark, known.trouble) = (users, known.file.mark(), None);
        self.gate.replace(known.rules());
        let mut said = edit.said();
        self.audit().changed(who, &said, clock::wall());
        match (before, known.users.is_empty()) {
            (true, false) => {
                said += ". From now on nobody watches without a password";
                if known.access.networks.allow.is_empty() && !known.access.open_to_world {
                    said += REACHES;
                }
            }
            (false, true) => said += ". There are no users any more: who may come watches without a password",
            _ => {}
        }
        Ok(said)
    }

    /// Everybody, by name.
    pub fn users(&self) -> Vec<UserEntry> {
        super::entries(&self.known().users)
    }

    /// Bans a network; what is said of it, or why it is not done.
    ///
    /// # Errors
    /// There are too many bans.
    pub fn ban(&self, who: &str, network: Network, length: Duration, why: &str) -> Result<String, String> {
        let why = &audit::shown(why);
        if !self.gate.ban(network, length, why, now()) {
            return Err("there are too many bans by hand already".to_owned());
        }
        let until = clock::rfc3339(clock::wall() + length);
        self.audit().changed(who, &format!("{network} is banned until {until}: {why}"), clock::wall());
        self.keep(true);
        let everybody = if network.is_everybody() {
            format!(". That is everybody, users too: `lenslet ban lift {network}` lets them try again")
        } else {
            String::new()
        };
        Ok(format!("{network} is banned until {until}; what it plays goes on{everybody}"))
    }

    /// Lifts the bans of a network and of those in it; what is said of it, or why there is none to lift.
    ///
    /// # Errors
    /// It is not banned, or what it is in is.
    pub fn lift(&self, who: &str, network: Network) -> Result<String, String> {
        let covering = self.gate.covering_ban(network, now());
        let within = kept::within(network, &self.gate.list_bans(now()));
        if !self.gate.lift(network, now()) {
            return Err(kept::not_lifted(network, covering));
        }
        let said = kept::lifted(network, &within, covering);
        self.audit().changed(who, &said, clock::wall());
        self.keep(true);
        Ok(said)
    }

    /// The bans that last.
    pub fn bans(&self) -> Vec<BanEntry> {
        let now = now();
        self.gate.list_bans(now).iter().map(|ban| kept::entry(ban, now.wall)).collect()
    }

    /// Who is let in, as a whole.
    pub fn state(&self) -> AccessState {
        let bans = self.gate.list_bans(now()).len();
        let known = self.known();
        AccessState {
            users: known.users.iter().count() as u32,
            open_to: known.open_to(),
            users_file: Some(known.file.path().display().to_string()),
            bans: bans as u32,
            counters: self.gate.counters().into_iter().map(count).collect(),
        }
    }

    /// What happened, the newest first.
    pub fn audit_entries(&self) -> Vec<AuditEntry> {
        self.audit().entries()
    }

    /// Remembers what somebody changed elsewhere.
    pub fn note(&self, who: &str, what: &str) {
        self.audit().changed(who, what, clock::wall());
    }

    /// What is wrong now.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.known().troubles()
    }

    /// Keeps what is not on the disk yet.
    pub fn end(&self) {
        self.keep(true);
    }

    /// Bans that somebody else wrote, as a restore does, hold beside those that there are.
    fn take_bans(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = Mark::of(self.bans.path());
        if mark.is_none() || mark == kept.mark {
            return;
        }
        kept.mark = mark;
        match self.bans.load() {
            Ok(memory) => {
                self.gate.restore(memory.clone(), now());
                kept.memory = memory;
                self.audit().changed("by hand", "the file of bans was written, and holds too", clock::wall());
            }
            Err(error) => tracing::warn!(target: "lenslet::access", %error, "the bans cannot be read"),
        }
    }

    /// Writes what is to be kept, if it is time to, or at once.
    fn keep(&self, at_once: bool) {
        self.take_bans();
        let memory = self.gate.memory(now());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if as_good(&kept.memory, &memory) {
            return;
        }
        let (now, is_urgent) = (clock::now(), is_longer(&kept.memory, &memory));
        if !at_once && !kept.pace.may(is_urgent, now) {
            return;
        }
        kept.pace.writes(now);
        match self.bans.save(&memory) {
            Ok(()) => (kept.memory, kept.mark) = (memory, Mark::of(self.bans.path())),
            Err(error) => tracing::warn!(target: "lenslet::access", "bans are not kept: {error}"),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn audit(&self) -> MutexGuard<'_, Audit> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why nobody knows who the users are.
#[derive(Debug)]
enum Lost {
    /// Their file cannot be read, for this reason.
    Unread(String),
    /// There is no file, and this says that there has to be one.
    Gone(&'static str),
}

impl Known {
    fn rules(&self) -> Rules {
        Rules {
            users: self.users.clone(),
            networks: self.access.networks.clone(),
            mounts: self.mounts.clone(),
            open_to_world: self.access.open_to_world,
            lost: self.lost().is_some(),
            basic: self.access.basic,
            policy: Policy { exempt: self.access.exempt.clone(), ..Policy::default() },
            ..Rules::default()
        }
    }

    /// Reads the file. Where that cannot be, those who were there stay: nobody is let in by a slip.
    fn read(&mut self) {
        self.mark = self.file.mark();
        let gone = self.mark.is_none() && !self.users.is_empty();
        let read = if gone {
            Err(format!("{}: the users' file is gone", self.file.path().display()))
        } else {
            self.file.load().map_err(|error| error.of_daemon())
        };
        match read {
            Ok(users) => (self.users, self.trouble) = (users, None),
            Err(why) => self.trouble = Some(why),
        }
    }

    /// Why there have to be users though nobody knows whom: nobody is let in without a password by a slip.
    fn lost(&self) -> Option<Lost> {
        if !self.users.is_empty() {
            return None;
        }
        match (self.trouble.as_ref(), self.mark) {
            (Some(why), _) => Some(Lost::Unread(why.clone())),
            (None, Some(_)) => None,
            (None, None) if self.access.users_file.is_some() => {
                Some(Lost::Gone("access.users_file names it"))
            }
            (None, None) => self.signed_in.then_some(Lost::Gone("users signed in before")),
        }
    }

    fn open_to(&self) -> OpenTo {
        if self.lost().is_some() {
            return OpenTo::Users;
        }
        match (self.users.is_empty(), self.access.open_to_world) {
            (false, _) => OpenTo::Users,
            (true, false) => OpenTo::Private,
            (true, true) => OpenTo::World,
        }
    }

    fn troubles(&self) -> Vec<Trouble> {
        let trouble = |id: &str, why: String, what_to_do: &str| Trouble {
            id: format!("access/{id}"),
            why,
            what_to_do: what_to_do.to_owned(),
        };
        let world = (self.open_to() == OpenTo::World).then(|| {
            let why =
                "everybody in the world may watch: there are no users, and access.open_to_world is true";
            trouble(
                "open-to-world",
                why.to_owned(),
                "`lenslet user add NAME` has everybody asked for a password",
            )
        });
        let unread = self.trouble.clone().filter(|_| !self.users.is_empty()).map(|why| {
            trouble(
                "users-file",
                why,
                "mend it, or `lenslet restore` it: until then those are users who were before",
            )
        });
        let lost = self.lost().map(|why| {
            let file = self.file.path().display();
            match why {
                Lost::Unread(why) => {
                    let what = "mend it, or `lenslet restore` it: until then nobody but this machine is answered";
                    trouble("users-file", why, what)
                }
                Lost::Gone(why) => {
                    let why = format!("{file}: there is no such file, and {why}: nobody but this machine is answered");
                    let what = "bring it back (`lenslet restore`), or make another by `lenslet user add NAME`; to go on without users, \
                                remove that user again";
                    trouble("users-file", why, what)
                }
            }
        });
        let realm = (!self.users.is_empty() && self.users.realm() != self.access.realm).then(|| {
            let (kept, asked) = (self.users.realm(), &self.access.realm);
            let why = format!("passwords are kept for the realm {kept:?}, and access.realm says {asked:?}");
            let what = "write the former, or remove the users' file and add all users again";
            trouble("realm", why, what)
        });
        [world, unread, lost, realm].into_iter().flatten().collect()
    }

    /// Says at the start who is let in.
    fn tell(&self) {
        let count = self.users.iter().count();
        match self.open_to() {
            // It is an alarm.
            _ if self.lost().is_some() => {}
            OpenTo::Users => {
                tracing::info!(target: "lenslet::access", "{}, who are asked for passwords", amount(count, "user"))
            }
            OpenTo::Private => tracing::info!(
                target: "lenslet::access",
                "there are no users: this machine and private networks alone are answered; `lenslet user add NAME` has \
                 everybody asked for a password, wherever from"
            ),
            // It is an alarm.
            OpenTo::World => {}
        }
    }
}

/// Whether what is kept is as good as this: who comes and goes is not written each time.
fn as_good(kept: &Memory, memory: &Memory) -> bool {
    let near = |one: SystemTime, other: SystemTime| {
        let apart = other.duration_since(one).or_else(|_| one.duration_since(other));
        apart.is_ok_and(|apart| apart < HOUR)
    };
    let same = |(one, other): (&Guest, &Guest)| {
        // In whatever order: players come by turns.
        let manners = one.manners.len() == other.manners.len()
            && one.manners.iter().all(|manner| other.manners.contains(manner));
        (one.network, &one.user) == (other.network, &other.user) && manners && near(one.at, other.at)
    };
    // A wrong password more is not worth a write either.
    let tried = |memory: &Memory| -> u32 { memory.failures.iter().map(|failures| failures.times).sum() };
    (&kept.bans, &kept.by_hand) == (&memory.bans, &memory.by_hand)
        && tried(kept).abs_diff(tried(memory)) < FAILURES
        && kept.guests.len() == memory.guests.len()
        && kept.guests.iter().zip(&memory.guests).all(same)
}

/// Whether somebody is banned who was not, or for longer.
fn is_longer(kept: &Memory, memory: &Memory) -> bool {
    let bans = |memory: &Memory| memory.bans.iter().chain(&memory.by_hand).cloned().collect::<Vec<_>>();
    let kept = bans(kept);
    bans(memory).iter().any(|ban| !kept.contains(ban))
}

/// A counter in control's words.
pub(in crate::daemon) fn count((what, times): (&str, u64)) -> AccessCount {
    AccessCount { what: what.to_owned(), times }
}

/// The networks of mounts that have some.
fn mounts(config: &Config) -> BTreeMap<String, Networks> {
    let limited = config.mounts.iter().filter(|(_, mount)| mount.networks != Networks::default());
    limited.map(|(name, mount)| (name.clone(), mount.networks.clone())).collect()
}

fn now() -> Now {
    Now { wall: clock::wall(), steady: Duration::from_nanos(clock::media().as_nanos()) }
}

#[cfg(test)]
mod tests;

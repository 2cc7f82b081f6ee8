//! Answers the control socket: what the rooms know, in control's words.

mod access;
mod acts;
mod configuration;
mod figures;
mod log;
mod looks;
mod mounts;
mod values;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::access::Keeper;
use super::alarms::{Alarms, Trouble};
use super::bell::{Bell, Rung, Wake};
use super::listing::{Listed, Listing};
use super::panics::{keep_up, may_panic};
use super::reload::Asker;
use super::unwatched::Unwatched;
use crate::board::{Board, Health};
use crate::clock;
use crate::config::store::{Store, author};
use crate::config::{MountSettings, nearest};
use crate::control::protocol::{
    AccessRequest, Act, ConfigRequest, ConfigState, LogWish, Look, Refusal, Status,
};
use crate::control::{Answer, Boxed, Caller, LogStream};
use crate::hub::State;
use crate::logs::Logs;
use crate::server::Handle;
use crate::source::camera::VideoNode;
use mounts::Meter;

/// From one look at the mounts to the next.
const TICK: Duration = Duration::from_secs(1);
/// From one look at the box to the next.
const BOARD_EVERY: u32 = 5;

/// What the steward looks into and steers.
pub(super) struct Rooms {
    pub(super) server: Handle,
    pub(super) mounts: Listing,
    pub(super) asker: Asker,
    pub(super) keeper: Arc<Keeper>,
    pub(super) unwatched: Unwatched,
}

/// The daemon, as the control socket sees it.
pub(super) struct Steward {
    began: Instant,
    rooms: Rooms,
    store: Option<Store>,
    /// The folder of what is kept across starts.
    state: PathBuf,
    logs: Option<Logs>,
    stop: smol::channel::Sender<()>,
    seen: Mutex<Seen>,
    /// Who looks at the file, one at a time: what was seen first must not be told last.
    at_the_file: Mutex<()>,
    /// Who edits it, one at a time: of two at once neither is in vain.
    edits: smol::lock::Mutex<()>,
}

/// What was seen last.
struct Seen {
    board: Board,
    health: Health,
    alarms: Alarms,
    meters: BTreeMap<String, Meter>,
    /// Of the file; not read anew for each who asks.
    config: ConfigState,
    ticks: u32,
}

/// The thread that looks at everything once a second.
pub(super) struct Watching {
    bell: Bell,
    thread: JoinHandle<()>,
}

impl Watching {
    pub(super) fn join(self) {
        self.bell.end();
        // A panic there has been told of by its message.
        let _ = self.thread.join();
    }
}

impl Steward {
    /// Whoever asks for the end sends on `stop`; `state` is the folder of what is kept across starts.
    pub(super) fn new(
        rooms: Rooms,
        store: Option<Store>,
        state: &Path,
        logs: Option<Logs>,
        stop: smol::channel::Sender<()>,
    ) -> Arc<Self> {
        let file = store.as_ref().map(Store::path);
        let folder = file.and_then(Path::parent).filter(|folder| folder.is_dir());
        let mut disks = vec![folder.map_or_else(|| PathBuf::from("/"), Into::into)];
        disks.extend(state.is_dir().then(|| state.to_owned()));
        let seen = Seen {
            board: Board::new("/", disks),
            health: Health::default(),
            alarms: Alarms::default(),
            meters: BTreeMap::new(),
            config: ConfigState::default(),
            // Before the first of them the board is looked at.
            ticks: 1,
        };
        let (seen, at_the_file) = (Mutex::new(seen), Mutex::new(()));
        let edits = smol::lock::Mutex::new(());
        let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
        Arc::new(Self { began: clock::now(), rooms, store, state, logs, stop, seen, at_the_file, edits })
    }

    /// Starts to look once a second, and at the file whenever the bell rings: rates are those of the last seconds, and alarms
    /// begin whether or not somebody asks.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn watch(self: &Arc<Self>, bell: Bell, rung: Rung) -> io::Result<Watching> {
        // Whoever asks first is told what is true.
        self.look_at_board(clock::now());
        self.look_at_config();
        let steward = self.clone();
        let watch = move || {
            keep_up("the thread that looks at everything", || {
                let mut due = clock::now();
                loop {
                    let now = clock::now();
                    if now >= due {
                        steward.look_around(now);
                        due = now + TICK;
                    }
                    match rung.sleep(due.saturating_duration_since(clock::now())) {
                        Wake::FileRead => steward.look_at_config(),
                        Wake::Late => {}
                        Wake::End => return,
                    }
                }
            });
        };
        let thread = thread::Builder::new().name("lenslet-watch".to_owned()).spawn(watch)?;
        Ok(Watching { bell, thread })
    }

    fn look_around(&self, now: Instant) {
        self.logs.iter().for_each(|logs| logs.tell_repeats(now));
        self.rooms.keeper.look();
        let mounts = self.rooms.mounts.all();
        let mut looks_at_file = false;
        let mut seen = self.seen();
        may_panic("watch");
        seen.meters.retain(|name, _| mounts.iter().any(|listed| listed.mount.name() == name));
        for listed in &mounts {
            let meter = seen.meters.entry(listed.mount.name().to_owned()).or_default();
            meter.look(now, listed.mount.flow());
        }
        if seen.ticks.is_multiple_of(BOARD_EVERY) {
            seen.health = seen.board.look(now);
            // Where the folder is not watched nobody rings.
            looks_at_file = true;
        }
        seen.ticks = seen.ticks.wrapping_add(1);
        if !looks_at_file {
            return self.judge(&mut seen, &mounts);
        }
        drop(seen);
        self.look_at_config();
    }

    fn look_at_board(&self, now: Instant) {
        let mut seen = self.seen();
        seen.health = seen.board.look(now);
    }

    /// Sees at once what the file says, and whether that is an alarm.
    fn look_at_config(&self) {
        let _one_at_a_time = self.at_the_file.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.config_state();
        let mounts = self.rooms.mounts.all();
        let mut seen = self.seen();
        seen.config = state;
        self.judge(&mut seen, &mounts);
    }

    /// Alarms begin and end by what was seen last.
    fn judge(&self, seen: &mut Seen, mounts: &[Listed]) {
        let mut troubles = troubles(mounts, &seen.health);
        troubles.extend(configuration::trouble(&seen.config, self.rooms.asker.unserved().is_some()));
        troubles.extend(configuration::unkept(&seen.config));
        troubles.extend(self.rooms.keeper.troubles());
        troubles.extend(self.rooms.unwatched.troubles());
        troubles.extend(denied(&self.rooms.mounts.denied()));
        seen.alarms.look(troubles, &tried(mounts), clock::wall());
    }

    async fn status_now(&self) -> Status {
        let sessions = self.rooms.server.sessions().await;
        let figures = self.rooms.server.mounts();
        let (now, wall) = (clock::now(), clock::wall());
        let listed = self.rooms.mounts.all();
        let seen = self.seen();
        let mut sent: BTreeMap<&str, u64> = BTreeMap::new();
        for session in &sessions {
            *sent.entry(&session.mount).or_default() += session.bytes;
        }
        let mount = |listed: &Listed| {
            let name = listed.mount.name();
            let figures = figures.iter().find(|figures| figures.mount.name() == name);
            let sent = sent.get(name).copied().unwrap_or_default();
            mounts::status(listed, seen.meters.get(name), figures, sent, now)
        };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: clock::rfc3339(wall),
            uptime_s: now.saturating_duration_since(self.began).as_secs(),
            addresses: self.rooms.server.addresses().iter().map(ToString::to_string).collect(),
            board: figures::board(&seen.health),
            mounts: {
                let disabled = self.rooms.mounts.disabled();
                let disabled = disabled.iter().map(|(name, settings)| mounts::disabled(name, settings));
                let mut all: Vec<_> = listed.iter().map(mount).chain(disabled).collect();
                all.sort_by(|one, other| one.name.cmp(&other.name));
                all
            },
            sessions: sessions.iter().map(figures::session).collect(),
            connections: u32::try_from(self.rooms.server.connections()).unwrap_or(u32::MAX),
            alarms: seen.alarms.all().map(|alarm| figures::alarm(alarm, wall)).collect(),
            config: seen.config.clone(),
            access: {
                let mut access = self.rooms.keeper.state();
                let limits = self.rooms.server.refused().into_iter().filter(|(_, times)| *times > 0);
                access.counters.extend(limits.map(crate::daemon::access::count));
                access
            },
            audit: self.rooms.keeper.audit_entries(),
        }
    }

    /// A mount's own name, where an alias of it is said.
    fn own_name(&self, said: &str) -> String {
        let said = said.trim_matches('/');
        self.rooms.server.settings().aliases.mount_called(said).unwrap_or(said).to_owned()
    }

    /// The mount of that name or alias, if it is served.
    fn find(&self, name: &str) -> Result<Listed, Refusal> {
        let asked = &*self.own_name(name);
        self.rooms.mounts.find(asked).ok_or_else(|| {
            let disabled = self.rooms.mounts.disabled();
            if disabled.iter().any(|(name, _)| name == asked) {
                let what_to_do = format!("`lenslet mount enable {asked}` has it served");
                return Refusal::new("mount-disabled", format!("{asked} is disabled"), what_to_do);
            }
            let mut known = self.rooms.mounts.names();
            known.extend(disabled.into_iter().map(|(name, _)| name));
            known.sort();
            let settings = self.rooms.server.settings();
            let aliases: Vec<&str> = settings.aliases.iter().map(|(alias, _)| alias.path()).collect();
            no_such_mount(asked, &known, &aliases)
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refusal of a name that no mount has: with the one that is meant, be it an alias, if there is such a one, else with all.
fn no_such_mount(asked: &str, known: &[String], aliases: &[&str]) -> Refusal {
    /// More are not told.
    const MOST: usize = 12;
    let names = known.iter().map(String::as_str).chain(aliases.iter().copied());
    let what_to_do = match (nearest(asked, names), known.len()) {
        (Some(near), _) => format!("{near} is nearest"),
        (None, 0) => "there are none".to_owned(),
        (None, 1..=MOST) => format!("there are {}", known.join(", ")),
        (None, all) => format!("there are {} and {} more", known[..MOST].join(", "), all - MOST),
    };
    Refusal::new("no-such-mount", format!("there is no mount {asked:?}"), what_to_do)
}

/// What is wrong now.
fn troubles(mounts: &[Listed], health: &Health) -> Vec<Trouble> {
    let mounts = mounts.iter().filter_map(|listed| {
        let why = match listed.mount.state() {
            State::Failed(why) => why.to_string(),
            State::StandIn(why) => format!("{why}; meanwhile its last picture is shown"),
            State::Idle | State::Starting | State::Live => return None,
        };
        Some(Trouble {
            id: id(listed),
            why,
            what_to_do: "it is tried again by itself; `lenslet check` and `lenslet probe` say more"
                .to_owned(),
        })
    });
    let board = health.warnings().into_iter().map(|warning| Trouble {
        id: format!("box/{}", warning.what),
        why: warning.why,
        what_to_do: warning.what_to_do.to_owned(),
    });
    mounts.chain(board).collect()
}

/// Cameras that would be mounts, and may not be opened.
fn denied(nodes: &[VideoNode]) -> Option<Trouble> {
    let named: Vec<String> = nodes.iter().map(|node| node.to_string().replace("  ", " ")).collect();
    (!named.is_empty()).then(|| Trouble {
        id: "cameras/denied".to_owned(),
        why: format!("{} may not be opened", named.join(", ")),
        what_to_do: format!("{}, and start Lenslet again", VideoNode::IF_DENIED),
    })
}

/// The alarms of mounts whose source is away still, whatever became of them meanwhile: it gave no picture since.
fn tried(mounts: &[Listed]) -> Vec<String> {
    let tried = |listed: &&Listed| match listed.mount.state() {
        State::Starting => true,
        // Between two attempts; of what nobody wants nothing is wrong.
        State::Idle => listed.mount.wanted() > 0,
        // That is a trouble by itself.
        State::Failed(_) | State::StandIn(_) | State::Live => false,
    };
    mounts.iter().filter(tried).map(id).collect()
}

/// The alarm of a mount whose source fails: one, whether its last picture is shown meanwhile or nothing.
fn id(listed: &Listed) -> String {
    format!("mount/{}/failed", listed.mount.name())
}

/// A caller in words: `pi`, `pi from 192.168.1.9`.
fn who(caller: &Caller) -> String {
    let from = caller.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    author(caller.uid) + &from
}

/// What feeds a mount, in a word, and its device.
fn kind(settings: &MountSettings) -> (&'static str, Option<&Path>) {
    match settings {
        MountSettings::Pattern(_) => ("pattern", None),
        MountSettings::File(_) => ("file", None),
        MountSettings::Jpegs(_) => ("jpegs", None),
        MountSettings::Command(_) => ("command", None),
        MountSettings::Camera(settings) => ("camera", Some(settings.device.as_path())),
    }
}

/// What the socket's server calls, for as long as anybody may call it.
pub(super) struct Shared(pub(super) Arc<Steward>);

impl crate::control::Steward for Shared {
    fn status(&self) -> Boxed<'_, Result<Status, Refusal>> {
        Box::pin(async { Ok(self.0.status_now().await) })
    }

    fn look(&self, look: Look) -> Boxed<'_, Answer> {
        Box::pin(self.0.look(look))
    }

    fn act<'a>(&'a self, caller: &'a Caller, act: Act) -> Boxed<'a, Answer> {
        tracing::info!("{} asked: {act}", who(caller));
        Box::pin(self.0.act(act))
    }

    fn config<'a>(&'a self, caller: &'a Caller, request: ConfigRequest) -> Boxed<'a, Answer> {
        Box::pin(self.0.configure(caller, request))
    }

    fn access<'a>(&'a self, caller: &'a Caller, request: AccessRequest) -> Boxed<'a, Answer> {
        Box::pin(self.0.access(caller, request))
    }

    fn logs(&self, wish: LogWish) -> Result<LogStream, Refusal> {
        log::stream(self.0.logs.as_ref(), wish)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bell::bell;
    use super::super::panics::on_purpose;
    use super::super::reload::tests::Daemon;
    use super::*;
    use crate::media::{AccessUnit, Codec, Link, MediaTime, Track, TrackId};

    #[test]
    fn cameras_that_may_not_be_opened_are_one_alarm_that_names_them() {
        assert_eq!(denied(&[]), None);
        let node =
            |path: &str, name: Option<&str>| VideoNode { path: path.into(), name: name.map(str::to_owned) };
        let alarm = denied(&[node("/dev/video0", Some("C920")), node("/dev/video2", None)]).unwrap();
        assert_eq!(alarm.why, "/dev/video0 C920, /dev/video2 may not be opened");
        assert!(alarm.what_to_do.starts_with("add the user to the group `video`"), "{}", alarm.what_to_do);
    }

    #[test]
    fn a_source_that_is_away_is_one_alarm_which_tells_whether_something_is_shown_meanwhile() {
        let (outlet, mount) = crate::hub::mount("cam");
        let picture = |millis| AccessUnit {
            track: TrackId(0),
            time: MediaTime::from_duration(Duration::from_millis(millis)),
            link: Link::Start,
            journey: None,
            data: [0][..].into(),
        };
        let listed = [Listed { mount: mount.clone(), settings: MountSettings::Pattern(Default::default()) }];
        let mut alarms = Alarms::default();
        let mut lasting = || -> Vec<(String, String, u32)> {
            alarms.look(troubles(&listed, &Health::default()), &tried(&listed), clock::wall());
            let lasting = alarms.all().filter(|alarm| alarm.until.is_none());
            lasting.map(|alarm| (alarm.trouble.id.clone(), alarm.trouble.why.clone(), alarm.times)).collect()
        };
        let one = |why: &str| -> Vec<_> { vec![("mount/cam/failed".to_owned(), why.to_owned(), 1)] };
        outlet.describe(vec![Track { codec: Codec::Jpeg, bitrate: None }], false);
        outlet.publish(picture(0));
        assert_eq!(lasting(), []);
        outlet.fail("unplugged");
        assert_eq!(lasting(), one("unplugged"));
        // Somebody comes, and is shown something.
        let demand = mount.want();
        assert!(outlet.stand_in().publish(picture(1000)));
        assert_eq!(lasting(), one("unplugged; meanwhile its last picture is shown"));
        // He leaves.
        drop(demand);
        outlet.fail("unplugged");
        assert_eq!(lasting(), one("unplugged"));
        outlet.publish(picture(2000));
        assert_eq!(lasting(), []);
    }

    #[test]
    fn a_look_that_panics_costs_a_second_and_all_is_looked_at_again() {
        let daemon = Daemon::new();
        let folder = tempfile::tempdir().unwrap();
        let (stop, _stopped) = smol::channel::bounded(1);
        let rooms = Rooms {
            server: daemon.server.handle(),
            mounts: daemon.listing.clone(),
            asker: daemon.reloader.asker(),
            keeper: daemon.keeper.clone(),
            unwatched: Unwatched::default(),
        };
        let steward = Steward::new(rooms, None, folder.path(), None, stop);
        on_purpose::plan("watch");
        let before = steward.seen().ticks;
        let (bell, rung) = bell();
        let watching = steward.watch(bell, rung).unwrap();
        while steward.seen().ticks == before {
            thread::yield_now();
        }
        assert!(on_purpose::happened("watch"));
        watching.join();
        daemon.reloader.join();
    }
}

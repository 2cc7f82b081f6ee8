//! Answers the control socket: what the rooms know, in control's words.

mod acts;
mod figures;
mod log;
mod looks;
mod mounts;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::alarms::{Alarms, Trouble};
use crate::board::{Board, Health};
use crate::clock;
use crate::config::{Config, MountSettings};
use crate::control::protocol::{
    Act, Checked, ConfigOrigin, ConfigRequest, ConfigState, ConfigText, LogWish, Look, Problem, Refusal,
    Reply, Status,
};
use crate::control::{Answer, Boxed, Caller, LogStream};
use crate::hub::{self, State};
use crate::logs::Logs;
use mounts::Meter;

/// From one look at the mounts to the next.
const TICK: Duration = Duration::from_secs(1);
/// From one look at the box to the next.
const BOARD_EVERY: u32 = 5;

/// What is served, as the daemon set it up.
pub(super) struct Served {
    pub(super) mount: hub::Mount,
    /// `camera`, `pattern`, ...
    pub(super) kind: &'static str,
    /// Where it is a camera's.
    pub(super) device: Option<PathBuf>,
}

/// The daemon, as the control socket sees it.
pub(super) struct Steward {
    began: Instant,
    addresses: Vec<SocketAddr>,
    mounts: Vec<Served>,
    config: Option<PathBuf>,
    logs: Option<Logs>,
    stop: smol::channel::Sender<()>,
    seen: Mutex<Seen>,
}

/// What was seen last.
struct Seen {
    board: Board,
    health: Health,
    alarms: Alarms,
    meters: BTreeMap<String, Meter>,
    ticks: u32,
}

/// The thread that looks at everything once a second.
pub(super) struct Watching {
    end: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Watching {
    pub(super) fn join(self) {
        drop(self.end);
        // A panic there has been told of by its message.
        let _ = self.thread.join();
    }
}

impl Steward {
    /// Whoever asks for the end sends on `stop`.
    pub(super) fn new(
        addresses: Vec<SocketAddr>,
        mounts: Vec<Served>,
        config: Option<PathBuf>,
        logs: Option<Logs>,
        stop: smol::channel::Sender<()>,
    ) -> Arc<Self> {
        let folder = config.as_ref().and_then(|path| path.parent()).filter(|folder| folder.is_dir());
        let disks = folder.map_or_else(|| PathBuf::from("/"), Into::into);
        let seen = Seen {
            board: Board::new("/", vec![disks]),
            health: Health::default(),
            alarms: Alarms::default(),
            meters: BTreeMap::new(),
            ticks: 0,
        };
        Arc::new(Self { began: clock::now(), addresses, mounts, config, logs, stop, seen: Mutex::new(seen) })
    }

    /// Starts to look once a second: rates are those of the last seconds, and alarms begin whether or not somebody asks.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn watch(self: &Arc<Self>) -> io::Result<Watching> {
        let steward = self.clone();
        let (end, ended) = sync_channel(0);
        let watch = move || {
            loop {
                steward.look_around(clock::now());
                if ended.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("lenslet-watch".to_owned()).spawn(watch)?;
        Ok(Watching { end, thread })
    }

    fn look_around(&self, now: Instant) {
        let mut seen = self.seen();
        for served in &self.mounts {
            let name = served.mount.name();
            if !seen.meters.contains_key(name) {
                seen.meters.insert(name.to_owned(), Meter::default());
            }
            if let Some(meter) = seen.meters.get_mut(name) {
                meter.look(now, served.mount.flow());
            }
        }
        if seen.ticks.is_multiple_of(BOARD_EVERY) {
            seen.health = seen.board.look(now);
        }
        seen.ticks = seen.ticks.wrapping_add(1);
        let troubles = self.troubles(&seen.health);
        seen.alarms.look(troubles, clock::wall());
    }

    /// What is wrong now.
    fn troubles(&self, health: &Health) -> Vec<Trouble> {
        let mounts = self.mounts.iter().filter_map(|served| {
            let (state, why) = match served.mount.state() {
                State::Failed(why) => ("failed", why),
                State::StandIn(why) => ("stand-in", why),
                State::Idle | State::Starting | State::Live => return None,
            };
            Some(Trouble {
                id: format!("mount/{}/{state}", served.mount.name()),
                why: why.to_string(),
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

    fn status_now(&self) -> Status {
        let (now, wall) = (clock::now(), clock::wall());
        let seen = self.seen();
        let mount = |served: &Served| mounts::status(served, seen.meters.get(served.mount.name()), now);
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: figures::time(wall),
            uptime_s: now.saturating_duration_since(self.began).as_secs(),
            addresses: self.addresses.iter().map(ToString::to_string).collect(),
            board: figures::board(&seen.health),
            mounts: self.mounts.iter().map(mount).collect(),
            alarms: seen.alarms.all().map(|alarm| figures::alarm(alarm, wall)).collect(),
            config: self.config_state(),
            ..Status::default()
        }
    }

    fn config_state(&self) -> ConfigState {
        let origin = if self.config.is_some() { ConfigOrigin::File } else { ConfigOrigin::Default };
        let path = self.config.as_ref().map(|path| path.display().to_string());
        ConfigState { path, origin, ..ConfigState::default() }
    }

    fn find(&self, name: &str) -> Result<&Served, Refusal> {
        let asked = name.trim_matches('/');
        self.mounts.iter().find(|served| served.mount.name() == asked).ok_or_else(|| {
            let names: Vec<&str> = self.mounts.iter().map(|served| served.mount.name()).collect();
            let known = match names[..] {
                [] => "there are none".to_owned(),
                _ => format!("there are {}", names.join(", ")),
            };
            Refusal::new("no-such-mount", format!("there is no mount {asked:?}"), known)
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> Result<String, Refusal> {
        let Some(path) = &self.config else {
            let why = "no configuration file is served";
            return Err(Refusal::new("no-file", why, "start the daemon with `--config FILE`"));
        };
        std::fs::read_to_string(path).map_err(|error| {
            let why = format!("{} cannot be read: {error}", path.display());
            Refusal::new("unreadable", why, "look at the file and its permissions")
        })
    }

    fn configure(&self, request: ConfigRequest) -> Answer {
        match request {
            ConfigRequest::Get { path: None } => {
                let text = self.file()?;
                Ok(Reply::Config(ConfigText { version: None, text, is_default: false }))
            }
            ConfigRequest::Check { text } => {
                let text = text.map_or_else(|| self.file(), Ok)?;
                Ok(Reply::Checked(check(&text)))
            }
            _ => Err(Refusal::new(
                "not-here",
                "this daemon does not change its configuration while it runs",
                "edit the file and start the daemon again",
            )),
        }
    }
}

fn check(text: &str) -> Checked {
    match Config::parse(text) {
        Ok(config) => {
            let warnings = config.absent().into_iter().chain(config.unfit()).collect();
            Checked { errors: Vec::new(), warnings }
        }
        Err(error) => {
            let problem = Problem { said: error.to_string(), ..Problem::default() };
            Checked { errors: vec![problem], warnings: Vec::new() }
        }
    }
}

/// What feeds a mount, in a word, and its device.
pub(super) fn kind(settings: &MountSettings) -> (&'static str, Option<PathBuf>) {
    match settings {
        MountSettings::Pattern(_) => ("pattern", None),
        MountSettings::File(_) => ("file", None),
        MountSettings::Jpegs(_) => ("jpegs", None),
        MountSettings::Command(_) => ("command", None),
        MountSettings::Camera(settings) => ("camera", Some(settings.device.clone())),
    }
}

/// What the socket's server calls, for as long as anybody may call it.
pub(super) struct Shared(pub(super) Arc<Steward>);

impl crate::control::Steward for Shared {
    fn status(&self) -> Boxed<'_, Result<Status, Refusal>> {
        Box::pin(async { Ok(self.0.status_now()) })
    }

    fn look(&self, look: Look) -> Boxed<'_, Answer> {
        Box::pin(self.0.look(look))
    }

    fn act<'a>(&'a self, caller: &'a Caller, act: Act) -> Boxed<'a, Answer> {
        tracing::info!(uid = caller.uid, "asked by the control socket: {act:?}");
        Box::pin(self.0.act(act))
    }

    fn config<'a>(&'a self, _caller: &'a Caller, request: ConfigRequest) -> Boxed<'a, Answer> {
        let steward = self.0.clone();
        // Files and cameras are looked at: not on the thread that all clients share.
        Box::pin(smol::unblock(move || steward.configure(request)))
    }

    fn logs(&self, wish: LogWish) -> Result<LogStream, Refusal> {
        log::stream(self.0.logs.as_ref(), wish)
    }
}

//! What the ends of a mount share.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::control::ControlRequest;
use super::flow::Flow;
use super::latency::Latency;
use super::making::{Failures, Lost, Making};
use super::ring::{Bounds, Ring, Weigh};
use crate::media::{AccessUnit, Link, MediaTime, Picture, Track};

/// Life of a mount: `Idle -> Starting -> Live <-> StandIn -> Idle`, and `Failed` while its source cannot run and
/// there is nothing to show instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody wants it.
    Idle,
    /// Wanted; no access unit yet.
    Starting,
    /// Access units come.
    Live,
    /// Something is shown instead of the source, which fails or is silent: why, in a sentence.
    StandIn(Arc<str>),
    /// The source cannot run now, in a sentence that says why; it tries again by itself.
    Failed(Arc<str>),
}

impl State {
    /// Whether access units come, whoever makes them.
    pub fn flows(&self) -> bool {
        matches!(self, Self::Live | Self::StandIn(_))
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) units: Ring<AccessUnit>,
    pub(super) demand: AtomicUsize,
    pub(super) keyframe: AtomicBool,
    /// Bits a second.
    pub(super) bitrate: Wish,
    /// Pictures from one keyframe to the next.
    pub(super) gop: Wish,
    pub(super) stop: AtomicBool,
    /// How long the source runs on after the last demand, in milliseconds.
    pub(super) linger: AtomicU32,
    /// The source is to end and another takes over; the mount goes on.
    pub(super) handover: AtomicBool,
    /// None before the source takes any, and once it has ended.
    pub(super) controls: Mutex<Option<Vec<ControlRequest>>>,
    pub(super) latency: Latency,
    pub(super) status: Mutex<Status>,
}

/// What an encoder is asked for while it runs, in numbers from 1 on.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// 0 once taken.
    asked: AtomicU32,
    /// What a source is to have whenever it begins; 0: its own.
    kept: AtomicU32,
}

impl Wish {
    pub(super) fn set(&self, value: u32) {
        self.kept.store(value, Ordering::SeqCst);
        self.asked.store(value, Ordering::SeqCst);
    }

    /// What was asked for since the last call.
    pub(super) fn take(&self) -> Option<u32> {
        Some(self.asked.swap(0, Ordering::SeqCst)).filter(|value| *value != 0)
    }

    /// What was asked for last.
    pub(super) fn kept(&self) -> Option<u32> {
        Some(self.kept.load(Ordering::SeqCst)).filter(|value| *value != 0)
    }

    /// It is asked for again.
    pub(super) fn ask_again(&self) {
        if let Some(kept) = self.kept() {
            self.asked.store(kept, Ordering::SeqCst);
        }
    }
}

#[derive(Debug)]
pub(super) struct Status {
    pub(super) state: State,
    pub(super) tracks: Option<Arc<[Track]>>,
    pub(super) forces_keyframes: bool,
    /// Counts changes of the tracks: SDP's version.
    pub(super) version: u64,
    /// Counts changes of anything here.
    pub(super) changes: u64,
    pub(super) watchers: Vec<Waker>,
    pub(super) source: Option<Waker>,
    /// Who is woken when pictures have come for so long.
    pub(super) live: Vec<(Duration, Waker)>,
    pub(super) shown: Shown,
    pub(super) flow: Flow,
    pub(super) making: Making,
    pub(super) lost: Lost,
    pub(super) failures: Failures,
}

/// Ten seconds: who comes again soon, or sets up and then plays, finds it running.
const LINGER: u32 = 10_000;

/// Access units a slow reader of access units may lag before it loses some.
const UNITS: Bounds = Bounds { items: 32, bytes: 16 << 20, age: Duration::from_secs(5), groups: usize::MAX };

impl Shared {
    pub(super) fn new(name: String) -> Self {
        let status = Status {
            state: State::Idle,
            tracks: None,
            forces_keyframes: false,
            version: 0,
            changes: 0,
            watchers: Vec::new(),
            source: None,
            live: Vec::new(),
            shown: Shown::default(),
            flow: Flow::default(),
            making: Making::default(),
            lost: Lost::default(),
            failures: Failures::default(),
        };
        Self {
            name,
            units: Ring::new(UNITS),
            demand: AtomicUsize::new(0),
            keyframe: AtomicBool::new(false),
            bitrate: Wish::default(),
            gop: Wish::default(),
            stop: AtomicBool::new(false),
            linger: AtomicU32::new(LINGER),
            handover: AtomicBool::new(false),
            controls: Mutex::new(None),
            latency: Latency::default(),
            status: Mutex::new(status),
        }
    }

    pub(super) fn wanted(&self) -> bool {
        self.demand.load(Ordering::SeqCst) > 0
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Status) -> bool) {
        let mut status = self.status();
        if !change(&mut status) {
            return;
        }
        status.changes += 1;
        let watchers = std::mem::take(&mut status.watchers);
        drop(status);
        watchers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_source(&self) {
        let status = self.status();
        for waker in status.source.iter().chain(&status.shown.waker) {
            waker.wake_by_ref();
        }
    }
}

impl Status {
    /// Takes on a state; says whether that is another one.
    pub(super) fn become_state(&mut self, state: State) -> bool {
        let changed = self.state != state;
        self.state = state;
        changed
    }

    /// Has those woken for whom pictures have come for long enough; says whether there are any.
    pub(super) fn wake_live(&mut self) -> bool {
        let Some(played) = self.flow.played().filter(|_| !self.live.is_empty()) else { return false };
        let before = self.watchers.len();
        let due = self.live.extract_if(.., |(after, _)| *after <= played).map(|(_, waker)| waker);
        self.watchers.extend(due);
        self.watchers.len() > before
    }
}

/// Two pictures of one instant would be one to a reader.
pub(super) const LEAST: Duration = Duration::from_millis(1);

/// What was published last.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The last keyframe of the first video track.
    pub(super) last: Option<AccessUnit>,
    /// When the last picture of the source was taken, and how long that was after the one before it.
    pub(super) newest: Option<MediaTime>,
    pub(super) interval: Option<Duration>,
    /// The last picture of a source that holds its pixels, once it stands still or fails.
    pub(super) left: Option<Picture>,
    /// Since when somebody waits for pictures, as far as who shows something instead has noticed.
    pub(super) awaited: Option<MediaTime>,
    /// Why the source failed, until it gives a picture or rests.
    pub(super) gone: Option<Arc<str>>,
    /// When something came last that was no picture to begin with.
    pub(super) coming: Option<MediaTime>,
    /// The time of what was shown instead: what comes after it has later ones.
    pub(super) floor: Option<MediaTime>,
    pub(super) keyframe: bool,
    pub(super) waker: Option<Waker>,
}

impl Shown {
    pub(super) fn can_stand_in(&self) -> bool {
        self.last.is_some()
    }

    /// Remembers what the source gives; `first`: since it failed, or was begun.
    pub(super) fn published(&mut self, unit: &mut AccessUnit, first: bool) {
        self.gone = None;
        if let Some(floor) = self.floor {
            if unit.time > floor {
                self.floor = None;
            } else {
                // It was on its way while something else was shown.
                unit.time = floor + LEAST;
                self.floor = Some(unit.time);
            }
        }
        if unit.link == Link::Alone {
            return;
        }
        self.left = None;
        let before = self.newest.replace(unit.time);
        // How long it was away says nothing of how far apart its pictures are.
        if !first || self.interval.is_none() {
            self.interval = before.map(|before| unit.time.since(before)).or(self.interval);
        }
        if unit.link == Link::Start && self.last.as_ref().is_none_or(|last| last.track >= unit.track) {
            self.last = Some(unit.clone());
        }
    }
}

impl Weigh for AccessUnit {
    fn bytes(&self) -> usize {
        self.data.len()
    }

    fn time(&self) -> MediaTime {
        self.time
    }

    fn starts(&self) -> bool {
        self.link == Link::Start
    }
}

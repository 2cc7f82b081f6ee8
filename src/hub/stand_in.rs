//! What is shown while a source fails or is silent: whoever makes it, it goes where the source's access units go,
//! and never between them.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::mount::{Shared, State};
use crate::media::{AccessUnit, Kind, Link, MediaTime, Track};

/// A source that is wanted and gave nothing for this long is silent, or for three times as long as it takes from a
/// picture to the next.
const SILENCE: Duration = Duration::from_secs(2);

/// Two pictures of one instant would be one to a reader.
const LEAST: Duration = Duration::from_millis(1);

/// The end of a mount for whoever shows something while its source does not.
#[derive(Debug)]
pub struct StandIn(Arc<Shared>);

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nobody wants the mount, or there is nothing to show: wait for the waker.
    Nothing,
    /// The source gives pictures: look again then.
    From(MediaTime),
    /// Something has to be shown; the last picture was of that time.
    Show {
        /// When the last picture was taken.
        since: MediaTime,
    },
}

/// What was published last.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The last keyframe of the first video track.
    last: Option<AccessUnit>,
    /// When the last picture of the source was taken, and how long that was after the one before it.
    newest: Option<MediaTime>,
    interval: Duration,
    /// The time of what was shown instead: what comes after it has later ones.
    floor: Option<MediaTime>,
    pub(super) keyframe: bool,
    pub(super) waker: Option<Waker>,
}

impl Shown {
    pub(super) fn can_stand_in(&self) -> bool {
        self.last.is_some()
    }

    /// Remembers what the source gives.
    pub(super) fn published(&mut self, unit: &mut AccessUnit) {
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
        let before = self.newest.replace(unit.time);
        self.interval = before.map_or(Duration::ZERO, |before| unit.time.since(before));
        if unit.link == Link::Start && self.last.as_ref().is_none_or(|last| last.track >= unit.track) {
            self.last = Some(unit.clone());
        }
    }
}

impl StandIn {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The mount's path without the leading slash.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether the mount ends.
    pub fn stopped(&self) -> bool {
        self.0.stopped()
    }

    /// Sets who is woken when demand begins or ends, a keyframe is asked for, the source fails or the mount ends.
    pub fn wake_by(&self, waker: Waker) {
        self.0.status().shown.waker = Some(waker);
    }

    /// What there is to do `now`.
    pub fn need(&self, now: MediaTime) -> Need {
        let status = self.0.status();
        let (true, Some(_), Some(since)) = (self.0.wanted(), &status.shown.last, status.shown.newest) else {
            return Need::Nothing;
        };
        match &status.state {
            State::StandIn(_) | State::Failed(_) => Need::Show { since },
            State::Live => {
                let until = since + SILENCE.max(status.shown.interval * 3);
                if until > now { Need::From(until) } else { Need::Show { since } }
            }
            State::Idle | State::Starting => Need::Nothing,
        }
    }

    /// The last keyframe that the source gave, and its track.
    pub fn last(&self) -> Option<(AccessUnit, Track)> {
        let status = self.0.status();
        let last = status.shown.last.clone()?;
        let track = status.tracks.as_ref()?.get(last.track.index())?.clone();
        (track.codec.kind() == Kind::Video).then_some((last, track))
    }

    /// Whether a keyframe was asked for since the last call: somebody joins.
    pub fn take_keyframe_request(&self) -> bool {
        std::mem::take(&mut self.0.status().shown.keyframe)
    }

    /// Shows a picture that needs none before it, unless the source gives its own again; says whether it did.
    pub fn publish(&self, mut unit: AccessUnit) -> bool {
        let mut published = false;
        self.0.change(|status| {
            let reason: Arc<str> = match &status.state {
                State::Failed(reason) | State::StandIn(reason) => reason.clone(),
                State::Live if self.silent(status.shown.newest, status.shown.interval, unit.time) => {
                    "it gives no pictures".into()
                }
                State::Live | State::Idle | State::Starting => return false,
            };
            // A source's times may be ahead of the clock by what it smooths.
            let last = status.shown.floor.max(status.shown.newest);
            unit.time = unit.time.max(last.map_or(unit.time, |last| last + LEAST));
            published = true;
            status.shown.floor = Some(unit.time);
            let changed = status.become_state(State::StandIn(reason));
            self.0.units.push(unit);
            changed
        });
        published
    }

    fn silent(&self, newest: Option<MediaTime>, interval: Duration, now: MediaTime) -> bool {
        newest.is_some_and(|newest| newest + SILENCE.max(interval * 3) <= now)
    }
}

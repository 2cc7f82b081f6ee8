//! A mount: demand goes in, access units come out.
//!
//! ```text
//! server side                              source side (a thread)
//!   Mount::want() ------- demand --------->  Outlet::wanted()
//!   Mount::request_keyframe() ------------>  Outlet::take_keyframe_request()
//!   Mount::set_bitrate(), set_gop() ------>  Outlet::take_bitrate(), take_gop()
//!   Mount::set_control() ----------------->  Outlet::take_controls()
//!   Mount::tracks(), state() <------------   Outlet::describe(), fail()
//!   Mount::units() (a Ring) <-------------   Outlet::publish()
//! ```

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::control::{ControlAnswer, ControlRequest, ControlValue};
use super::flow::Flow;
use super::latency::Latency;
use super::making::Making;
use super::ring::Ring;
use super::shared::{Shared, State, Status};
use super::stand_in::{self, StandIn};
use crate::media::{AccessUnit, Link, MediaTime, Picture, Track};

/// The server's end of a mount. Clones are the same mount.
#[derive(Clone, Debug)]
pub struct Mount(Arc<Shared>);

/// The source's end of a mount; the mount ends when it is dropped.
#[derive(Debug)]
pub struct Outlet(Arc<Shared>, Ends);

/// Whether the mount ends with this handle.
#[derive(Debug)]
struct Ends(bool);

/// Keeps a mount's source running while it lives.
#[derive(Debug)]
pub struct Demand(Arc<Shared>);

/// Requests to set controls that may wait.
const CONTROLS: usize = 64;

/// What came so long ago says that more comes.
const COMING: Duration = Duration::from_secs(3);

/// A new mount's two ends.
pub fn mount(name: impl Into<String>) -> (Outlet, Mount) {
    let shared = Arc::new(Shared::new(name.into()));
    (Outlet(shared.clone(), Ends(true)), Mount(shared))
}

impl Mount {
    /// Its path without the leading slash: `camera0`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it carries, once the source has found out. Kept while the source rests.
    pub fn tracks(&self) -> Option<Arc<[Track]>> {
        self.0.status().tracks.clone()
    }

    /// Counts the changes of [`Mount::tracks`].
    pub fn version(&self) -> u64 {
        self.0.status().version
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.0.status().state.clone()
    }

    /// Whether a keyframe can be made on request.
    pub fn forces_keyframes(&self) -> bool {
        let status = self.0.status();
        status.forces_keyframes || matches!(status.state, State::StandIn(_))
    }

    /// Whether there is something to show while its source fails.
    pub fn can_stand_in(&self) -> bool {
        self.0.status().shown.can_stand_in()
    }

    /// Makes the source run for as long as the answer lives.
    pub fn want(&self) -> Demand {
        if self.0.demand.fetch_add(1, Ordering::SeqCst) == 0 {
            self.0.wake_source();
        }
        Demand(self.0.clone())
    }

    /// How many want it.
    pub fn wanted(&self) -> usize {
        self.0.demand.load(Ordering::SeqCst)
    }

    /// Asks the source for a keyframe as soon as it can. Limit how often this is called.
    pub fn request_keyframe(&self) {
        self.0.keyframe.store(true, Ordering::SeqCst);
        self.0.status().shown.keyframe = true;
        self.0.wake_source();
    }

    /// Asks the source for another bitrate, in bits a second, in the same stream. A source that does not
    /// encode passes over it; one that begins anew by itself is asked again.
    pub fn set_bitrate(&self, bitrate: u32) {
        self.0.bitrate.set(bitrate);
        self.0.wake_source();
    }

    /// Asks the source for another distance from one keyframe to the next, in pictures from 1 on, in the same way.
    pub fn set_gop(&self, pictures: u32) {
        self.0.gop.set(pictures);
        self.0.wake_source();
    }

    /// Asks the source to set a control of what it takes pictures with (a camera's brightness, focus, flip), by the name
    /// that `v4l2-ctl -l` shows, in the same stream. The answer says in a sentence what became of it; at once that nothing
    /// did if the source has no controls.
    pub fn set_control(&self, name: &str, value: ControlValue) -> ControlAnswer {
        let (request, answer) = ControlRequest::new(name.to_owned(), value);
        let mut controls = self.0.controls.lock().unwrap_or_else(PoisonError::into_inner);
        // More than these at once nobody sets by hand; who is left out is told so.
        if let Some(waiting) = controls.as_mut().filter(|waiting| waiting.len() < CONTROLS) {
            waiting.push(request);
        }
        drop(controls);
        self.0.wake_source();
        answer
    }

    /// Whether its source gives something `now`, though perhaps nothing yet that a reader could begin with.
    pub fn comes(&self, now: MediaTime) -> bool {
        self.0.status().shown.coming.is_some_and(|coming| now.since(coming) < COMING)
    }

    /// The last keyframe that the source gave, of its first video track.
    pub fn last_keyframe(&self) -> Option<AccessUnit> {
        self.0.status().shown.last.clone()
    }

    /// How long its source may give nothing before something is shown instead.
    pub fn patience(&self) -> Duration {
        stand_in::patience(self.0.status().shown.interval)
    }

    /// Its access units.
    pub fn units(&self) -> &Ring<AccessUnit> {
        &self.0.units
    }

    /// The bitrate that was asked for while it ran, in bits a second.
    pub fn bitrate(&self) -> Option<u32> {
        self.0.bitrate.kept()
    }

    /// The pictures from one keyframe to the next that were asked for while it ran.
    pub fn gop(&self) -> Option<u32> {
        self.0.gop.kept()
    }

    /// How its pictures come about, as far as its source has said.
    pub fn making(&self) -> Making {
        self.0.status().making.clone()
    }

    /// Pictures that were lost before they were coded since the start, by the reason.
    pub fn lost(&self) -> Vec<(&'static str, u64)> {
        self.0.status().lost.all()
    }

    /// Why its source failed since the start, and how often for each reason.
    pub fn failures(&self) -> Vec<(Arc<str>, u32)> {
        self.0.status().failures.all()
    }

    /// What its source gave since the start.
    pub fn flow(&self) -> Flow {
        self.0.status().flow
    }

    /// How long its pictures took, stage by stage.
    pub fn latency(&self) -> &Latency {
        &self.0.latency
    }

    /// Waits until something changed after `seen` changes (state, tracks); gives the new count.
    pub fn poll_changed(&self, seen: u64, context: &mut Context<'_>) -> Poll<u64> {
        let mut status = self.0.status();
        if status.changes > seen {
            return Poll::Ready(status.changes);
        }
        if !status.watchers.iter().any(|waker| waker.will_wake(context.waker())) {
            status.watchers.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Tells the source to end so that another takes over by [`Outlet::renew`]: readers stay, and so do the numbers of
    /// what they are sent.
    pub fn stop_source(&self) {
        self.0.handover.store(true, Ordering::SeqCst);
        self.0.wake_source();
    }

    /// The source is not to end after all.
    pub fn keep_source(&self) {
        self.0.handover.store(false, Ordering::SeqCst);
    }

    /// Tells the source to end, and with it the mount.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
        self.0.wake_source();
    }
}

impl Outlet {
    /// The mount's path without the leading slash.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Says what the mount carries and whether a keyframe can be forced. Call it before the first
    /// [`Outlet::publish`] and whenever parameter sets change; the same again changes nothing.
    pub fn describe(&self, tracks: Vec<Track>, forces_keyframes: bool) {
        self.0.change(|status| {
            let same = status.tracks.as_deref() == Some(tracks.as_slice());
            if same && status.forces_keyframes == forces_keyframes {
                return false;
            }
            status.version += u64::from(!same);
            status.tracks = Some(tracks.into());
            status.forces_keyframes = forces_keyframes;
            true
        });
    }

    /// Says how many pictures a second come, where that is known before there are some.
    pub fn expects(&self, rate: f64) {
        if let Some(interval) = Duration::try_from_secs_f64(1.0 / rate).ok().filter(|_| rate > 0.0) {
            self.0.status().shown.interval.get_or_insert(interval);
        }
    }

    /// Hands an access unit on. Behind something that was shown instead only one is taken that needs none before
    /// it; the others are dropped, and a keyframe is asked for.
    pub fn publish(&self, mut unit: AccessUnit) {
        let mut waiting = None;
        self.0.change(|status| {
            if matches!(status.state, State::StandIn(_)) && unit.link == Link::Follows {
                self.0.keyframe.store(true, Ordering::SeqCst);
                return false;
            }
            let first = status.flow.played().is_none();
            status.flow.count(&unit);
            status.shown.published(&mut unit, first);
            let changed = status.become_state(State::Live) | status.wake_live();
            // Under the lock: nothing that is shown instead may come between.
            waiting = Some(self.0.units.put(unit).1);
            changed
        });
        // Who is woken looks at the mount first, and would wait for its lock: three system calls more.
        if let Some(waiting) = waiting {
            self.0.units.wake(waiting);
        }
    }

    /// Says that something came `now` that no reader can begin with: what precedes the first keyframe.
    pub fn comes(&self, now: MediaTime) {
        self.0.status().shown.coming = Some(now);
    }

    /// Says that the source cannot run now, in a sentence for people: what, where, what to do.
    pub fn fail(&self, reason: &str) {
        {
            let mut status = self.0.status();
            status.flow.fail();
            status.failures.add(reason);
            status.shown.gone = Some(reason.into());
        }
        // Who joins is shown something all the same; what is told is why it fails now.
        self.0.change(|status| {
            let shown = matches!(status.state, State::StandIn(_)) && self.wanted();
            let reason = reason.into();
            status.become_state(if shown { State::StandIn(reason) } else { State::Failed(reason) })
        });
        if let Some(waker) = &self.0.status().shown.waker {
            waker.wake_by_ref();
        }
    }

    /// Gives away the last picture that was published, of a source that holds its pixels and gives none for now: it is what
    /// is shown while it does not.
    pub fn leave(&self, picture: Picture) {
        self.0.status().shown.left = Some(picture);
    }

    /// Says how pictures come about: whenever that is found out anew.
    pub fn made_by(&self, making: Making) {
        self.0.status().making = making;
    }

    /// Counts pictures that were lost before they were coded.
    pub fn lost(&self, reason: &'static str, pictures: u64) {
        if pictures > 0 {
            self.0.status().lost.add(reason, pictures);
        }
    }

    /// Says that the source has begun to open what it needs. What bitrate and distance of keyframes were asked
    /// for is asked for again.
    pub fn starting(&self) {
        self.0.bitrate.ask_again();
        self.0.gop.ask_again();
        self.set_state(State::Starting, |status| matches!(status.state, State::StandIn(_)));
    }

    /// Says that the source rests.
    pub fn idle(&self) {
        let wanted = self.wanted();
        {
            let mut status = self.0.status();
            status.flow.rest();
            status.shown.gone.take_if(|_| !wanted);
        }
        let standing_in = |status: &Status| matches!(status.state, State::StandIn(_)) && wanted;
        self.set_state(State::Idle, standing_in);
    }

    /// Another source takes over: what was asked of the one before is forgotten. What it was described as stays until
    /// [`Outlet::describe`] says otherwise.
    pub fn renew(&self) {
        self.0.bitrate.set(0);
        self.0.gop.set(0);
        *self.0.controls.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.handover.store(false, Ordering::SeqCst);
        self.idle();
    }

    /// The same for a thread of the source's that may be left behind: the mount does not end with it.
    pub fn lend(&self) -> Self {
        Self(self.0.clone(), Ends(false))
    }

    /// The handle of whoever shows something instead while the source fails.
    pub fn stand_in(&self) -> StandIn {
        StandIn::new(self.0.clone())
    }

    /// Whether anybody wants access units.
    pub fn wanted(&self) -> bool {
        self.0.wanted()
    }

    /// Wants access units itself: the source runs for as long as the answer lives, whether anybody watches or not.
    pub fn want(&self) -> Demand {
        Mount(self.0.clone()).want()
    }

    /// How long the source is to run on after the last demand, as far as that is worth it.
    pub fn linger(&self) -> Duration {
        Duration::from_millis(self.0.linger.load(Ordering::Relaxed).into())
    }

    /// Sets [`Outlet::linger`], which is 10 s if nobody does.
    pub fn set_linger(&self, linger: Duration) {
        let millis = u32::try_from(linger.as_millis()).unwrap_or(u32::MAX);
        self.0.linger.store(millis, Ordering::Relaxed);
    }

    /// Whether a keyframe was asked for since the last call.
    pub fn take_keyframe_request(&self) -> bool {
        self.0.keyframe.swap(false, Ordering::SeqCst)
    }

    /// The bitrate that was asked for since the last call, in bits a second.
    pub fn take_bitrate(&self) -> Option<u32> {
        self.0.bitrate.take()
    }

    /// The pictures from one keyframe to the next that were asked for since the last call.
    pub fn take_gop(&self) -> Option<u32> {
        self.0.gop.take()
    }

    /// What was asked for while it ran and is asked for again at each start: the bitrate, and the pictures from one keyframe
    /// to the next.
    pub fn asked(&self) -> (Option<u32>, Option<u32>) {
        (self.0.bitrate.kept(), self.0.gop.kept())
    }

    /// The bitrate that was asked for cannot be: it is as if nobody had asked.
    pub fn refuse_bitrate(&self) {
        self.0.bitrate.set(0);
    }

    /// The controls that are to be set since the last call. Who calls this takes such requests from now on.
    pub fn take_controls(&self) -> Vec<ControlRequest> {
        let mut controls = self.0.controls.lock().unwrap_or_else(PoisonError::into_inner);
        // Most times none, and none is no allocation.
        controls.replace(Vec::new()).unwrap_or_default()
    }

    /// Whether the source is to end.
    pub fn stopped(&self) -> bool {
        self.0.stopped() || self.0.handover.load(Ordering::SeqCst)
    }

    /// Sets who is woken when demand begins or ends, a keyframe is asked for or the source is to end.
    /// Look at all of them once after this call.
    pub fn wake_by(&self, waker: Waker) {
        self.0.status().source = Some(waker);
    }

    /// Has somebody woken, once, when pictures have come for so long since it began, failed or rested.
    pub fn wake_when_live(&self, after: Duration, waker: Waker) {
        self.0.status().live.push((after, waker));
    }

    /// For how long pictures have come since it began, failed or rested; none if none did.
    pub fn played(&self) -> Option<Duration> {
        self.0.status().flow.played()
    }

    fn set_state(&self, state: State, unless: impl FnOnce(&Status) -> bool) {
        self.0.change(|status| !unless(status) && status.become_state(state));
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let Ends(true) = self.1 else { return };
        *self.0.controls.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.units.close();
    }
}

impl Drop for Demand {
    fn drop(&mut self) {
        if self.0.demand.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.wake_source();
        }
    }
}

#[cfg(test)]
mod tests;

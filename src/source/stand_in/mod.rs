//! What readers see while a source fails or is silent: its last picture where that was left, else its last keyframe,
//! marked, once a second and for everyone who joins. One thread for all mounts, so that a source that hangs in the kernel holds up nothing.

mod picture;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use super::panics::message;
use super::{rest, waker};
use crate::clock;
use crate::hub::{Need, StandIn};
use crate::media::MediaTime;
use picture::Picture;

/// From one picture to the next.
const EVERY: Duration = Duration::from_secs(1);

/// Starts the thread for these mounts; it ends when all of them do.
///
/// # Errors
/// The system gives no more threads.
pub fn spawn(mounts: Vec<StandIn>) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("stand-in".to_owned());
    thread.spawn(move || run(mounts.into_iter().map(Standing::new).collect(), Standing::step))
}

fn run(mut mounts: Vec<Standing>, step: impl Fn(&mut Standing, MediaTime) -> Option<MediaTime>) {
    let waker = waker();
    mounts.iter().for_each(|mount| mount.mount.wake_by(waker.clone()));
    while mounts.iter().any(|mount| !mount.mount.stopped()) {
        let now = clock::media();
        let next = mounts.iter_mut().filter_map(|mount| mount.guarded(now, &step)).min();
        match next {
            Some(next) => rest(next.since(clock::media())),
            None => std::thread::park(),
        }
    }
}

/// A mount, and what is shown instead of its source.
struct Standing {
    mount: StandIn,
    shown: Option<Shown>,
}

struct Shown {
    since: MediaTime,
    picture: Picture,
    due: MediaTime,
}

impl Standing {
    fn new(mount: StandIn) -> Self {
        Self { mount, shown: None }
    }

    /// Takes a step; a panic in it costs what this mount shows until the next one, and no other mount anything.
    fn guarded(
        &mut self,
        now: MediaTime,
        step: impl Fn(&mut Self, MediaTime) -> Option<MediaTime>,
    ) -> Option<MediaTime> {
        catch_unwind(AssertUnwindSafe(|| step(self, now))).unwrap_or_else(|panic| {
            let panic = message(&*panic);
            tracing::error!(
                mount = self.mount.name(),
                "what is shown instead: an error in Lenslet itself: {panic}"
            );
            self.shown = None;
            Some(now + EVERY)
        })
    }

    /// Shows what is due; says when to look again, if not only when woken.
    fn step(&mut self, now: MediaTime) -> Option<MediaTime> {
        match self.mount.need(now) {
            Need::Nothing => {
                self.show_nothing();
                None
            }
            Need::From(at) => {
                self.show_nothing();
                Some(at)
            }
            Need::Show { since } => self.show(since, now),
        }
    }

    /// What it was coded with took several times what a mount takes at rest.
    fn show_nothing(&mut self) {
        if self.shown.take().is_some() {
            super::sys::give_back();
        }
    }

    fn show(&mut self, since: MediaTime, now: MediaTime) -> Option<MediaTime> {
        if self.shown.as_ref().is_none_or(|shown| shown.since != since) {
            let (unit, track) = self.mount.last()?;
            let picture = Picture::new(unit, &track.codec, self.mount.take_left(), wall(since, now));
            tracing::info!(mount = self.mount.name(), "no signal: {picture} is shown");
            self.shown = Some(Shown { since, picture, due: now });
        }
        let shown = self.shown.as_mut()?;
        if self.mount.take_keyframe_request() || now >= shown.due {
            shown.due = now + EVERY;
            if let Some(unit) = shown.picture.next(now, wall(since, now))
                && !self.mount.publish(unit)
            {
                // The source gives its own again, or was about to.
                return Some(now + EVERY);
            }
        }
        Some(shown.due)
    }
}

/// The instant on the wall clock.
fn wall(time: MediaTime, now: MediaTime) -> SystemTime {
    let wall = clock::wall();
    wall.checked_sub(now.since(time)).unwrap_or(wall)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use super::*;
    use crate::hub::{Cursor, Mount, Outlet, Slot, mount};
    use crate::media::h264::ParameterSets;
    use crate::media::{AccessUnit, Codec, Link, Track, TrackId};

    /// A mount that is wanted, gave a picture, and fails.
    fn failing(name: &str) -> (Outlet, Mount) {
        let (outlet, mount) = mount(name);
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        outlet.describe(vec![Track { codec, bitrate: None }], false);
        let data = [0, 0, 0, 1, 0x65, 1, 2, 3][..].into();
        let time = clock::media();
        outlet.publish(AccessUnit { track: TrackId(0), time, link: Link::Start, journey: None, data });
        outlet.fail("on purpose");
        (outlet, mount)
    }

    #[test]
    fn when_the_signal_went_is_told_by_the_wall_clock_as_it_is_now() {
        let step = Arc::new(AtomicI64::new(0));
        clock::stepped::follow(step.clone());
        let now = clock::media();
        let since = MediaTime::from_nanos(now.as_nanos() - 60_000_000_000);
        let before = wall(since, now);
        assert!(clock::wall().duration_since(before).unwrap() >= Duration::from_secs(60));
        for seconds in [3600, -3600] {
            step.store(seconds, Ordering::SeqCst);
            let told = wall(since, now);
            let moved = told
                .duration_since(before)
                .map_or_else(|back| -back.duration().as_secs_f64(), |on| on.as_secs_f64());
            assert!((moved - seconds as f64).abs() < 60.0, "{seconds}: {moved}");
        }
    }

    #[test]
    fn a_panic_costs_a_mount_a_second_and_the_others_nothing() {
        let (ends, mounts): (Vec<_>, Vec<_>) = ["first", "second"].map(failing).into_iter().unzip();
        let demands: Vec<_> = mounts.iter().map(Mount::want).collect();
        let standing = ends.iter().map(|end| Standing::new(end.stand_in())).collect();
        let panics = AtomicUsize::new(0);
        let thread = std::thread::spawn(move || {
            run(standing, |mount, now| {
                let panics = || panics.fetch_add(1, Ordering::SeqCst) < 2;
                assert!(mount.mount.name() != "first" || !panics(), "on purpose");
                mount.step(now)
            });
        });
        for mount in mounts.iter().rev() {
            let mut at = Cursor::default();
            let mut shown = 0;
            // The source's own, and three that are shown instead.
            while shown < 4 {
                let next =
                    smol::block_on(std::future::poll_fn(|context| mount.units().poll_next(at, context)));
                shown += usize::from(matches!(next, Some(Slot::Here(_))));
                at = at.next();
            }
        }
        mounts.iter().for_each(Mount::stop);
        thread.join().unwrap();
        drop(demands);
    }
}

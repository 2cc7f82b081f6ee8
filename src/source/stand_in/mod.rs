//! What readers see while a source fails or is silent: its last picture where that was left, else its last keyframe,
//! marked, once a second and for everyone who joins; unmarked until that is done. One thread for all mounts, so that a source that
//! hangs in the kernel holds up nothing, and another while pictures are marked.

mod marking;
mod picture;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::TryRecvError;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use super::panics::message;
use super::{rest, waker};
use crate::clock;
use crate::encode;
use crate::hub::{Need, StandIn};
use crate::media::{Codec, MediaTime};
use marking::{Desk, Marking, Refused};
use picture::{Picture, Unmarked};

pub use marking::Spares;

/// From one picture to the next.
const EVERY: Duration = Duration::from_secs(1);

/// A picture that is marked in this time is the first that is shown; who joins does not wait for it.
const SOON: Duration = Duration::from_millis(500);

/// After this time it is tried again where there was no memory to mark one.
const LATER: Duration = Duration::from_secs(10);

/// What a picture whose parameter sets do not say it may measure.
const UNKNOWN: (u32, u32) = (1920, 1080);

/// Starts the thread for these mounts; it ends when all of them do. Pictures are marked while there is memory for it.
///
/// # Errors
/// The system gives no more threads.
pub fn spawn(mounts: Vec<StandIn>, spares: Spares) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("stand-in".to_owned());
    let mounts = mounts.into_iter().map(Standing::new).collect();
    thread.spawn(move || run(mounts, spares, Standing::step))
}

fn run(
    mut mounts: Vec<Standing>,
    spares: Spares,
    step: impl Fn(&mut Standing, MediaTime, &Desk) -> Option<MediaTime>,
) {
    let waker = waker();
    mounts.iter().for_each(|mount| mount.mount.wake_by(waker.clone()));
    let desk = Desk::new(spares, waker);
    while mounts.iter().any(|mount| !mount.mount.stopped()) {
        let now = clock::media();
        let next =
            mounts.iter_mut().filter_map(|mount| mount.guarded(now, |it, now| step(it, now, &desk))).min();
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
    mark: Mark,
    /// What marking it takes.
    bytes: u64,
    due: MediaTime,
    /// What was said to be shown.
    told: Option<&'static str>,
}

/// Whether a picture is to be marked.
enum Mark {
    /// It is, or cannot be.
    Over,
    /// Then.
    At(MediaTime),
    /// It is being marked.
    Under(Marking),
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
    fn step(&mut self, now: MediaTime, desk: &Desk) -> Option<MediaTime> {
        match self.mount.need(now) {
            Need::Nothing => {
                self.shown = None;
                None
            }
            Need::From(at) => {
                self.shown = None;
                Some(at)
            }
            Need::Show { since } => self.show(since, now, desk),
        }
    }

    fn show(&mut self, since: MediaTime, now: MediaTime, desk: &Desk) -> Option<MediaTime> {
        if self.shown.as_ref().is_none_or(|shown| shown.since != since) {
            self.shown = Some(Shown::new(&self.mount, since, now)?);
        }
        let shown = self.shown.as_mut()?;
        shown.mark(&self.mount, now, desk);
        if self.mount.take_keyframe_request() || now >= shown.due {
            shown.due = now + EVERY;
            if !self.mount.publish(shown.picture.next(now)) {
                // The source gives its own again, or was about to.
                return Some(shown.due);
            }
            let name = shown.picture.name();
            if shown.told.replace(name) != Some(name) {
                tracing::info!(mount = self.mount.name(), "no signal: {name} is shown");
            }
        }
        Some(shown.due)
    }
}

impl Shown {
    /// Of a source that has given nothing `since`.
    fn new(mount: &StandIn, since: MediaTime, now: MediaTime) -> Option<Self> {
        let (last, track) = mount.last()?;
        // Those of who joined while the source gave its own.
        mount.take_keyframe_request();
        let (mark, bytes, due) = match &track.codec {
            Codec::H264(sets) if encode::SOFTWARE => {
                let size = sets.picture().map_or(UNKNOWN, |picture| (picture.width, picture.height));
                (Mark::At(now), picture::bytes(size), now + SOON)
            }
            _ => (Mark::Over, 0, now),
        };
        Some(Self { since, picture: Picture::AsItWas(last), mark, bytes, due, told: None })
    }

    /// Sees to it that there is a marked picture, and that what it says is true.
    fn mark(&mut self, mount: &StandIn, now: MediaTime, desk: &Desk) {
        if let Mark::Under(marking) = &self.mark {
            match marking.try_recv() {
                Err(TryRecvError::Empty) => return,
                Ok(Ok(marked)) => self.picture = Picture::Marked(marked),
                Ok(Err(error)) => self.unmark(mount, &error.to_string()),
                // Its message is told where it panicked.
                Err(TryRecvError::Disconnected) => self.unmark(mount, "an error in Lenslet itself"),
            }
            (self.mark, self.due) = (Mark::Over, now);
        }
        let instant = wall(self.since, now);
        match self.mark {
            Mark::At(at) if at <= now => {}
            Mark::Over if self.picture.is_outdated(instant) => {}
            _ => return,
        }
        let begun = desk.begin(self.bytes, instant, || match &self.picture {
            Picture::Marked(marked) => Unmarked::Again(marked.clone()),
            Picture::AsItWas(last) => Unmarked::Last { last: last.clone(), left: mount.take_left() },
        });
        self.mark = match begun {
            Ok(marking) => Mark::Under(marking),
            // The waker tells when that is over.
            Err(Refused::Busy) => Mark::At(now),
            Err(refused) => {
                tracing::debug!(mount = mount.name(), "not marked for now: {refused}");
                // Nobody waits for it, and the last picture's pixels are memory too.
                self.due = if self.told.is_none() { now } else { self.due };
                mount.take_left();
                Mark::At(now + LATER)
            }
        };
    }

    fn unmark(&mut self, mount: &StandIn, why: &str) {
        tracing::debug!(mount = mount.name(), "the last keyframe is shown unmarked: {why}");
        if let Some((last, _)) = mount.last() {
            self.picture = Picture::AsItWas(last);
        }
    }
}

/// The instant on the wall clock.
fn wall(time: MediaTime, now: MediaTime) -> SystemTime {
    let wall = clock::wall();
    wall.checked_sub(now.since(time)).unwrap_or(wall)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
    use std::sync::{Arc, OnceLock};
    use std::task::Waker;

    use super::*;
    use crate::hub::{Cursor, Mount, Outlet, Slot, mount};
    use crate::media::h264::ParameterSets;
    use crate::media::{self, AccessUnit, Codec, Encoder, Link, Track, TrackId};

    /// A mount that is wanted, gave a picture, and fails.
    fn failing(name: &str) -> (Outlet, Mount) {
        let (outlet, mount) = mount(name);
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        outlet.describe(vec![Track { codec, bitrate: None }], false);
        let time = clock::media();
        outlet.publish(AccessUnit {
            track: TrackId(0),
            time,
            link: Link::Start,
            journey: None,
            data: keyframe(),
        });
        outlet.fail("on purpose");
        (outlet, mount)
    }

    /// A picture that can be decoded, where this build can.
    fn keyframe() -> Arc<[u8]> {
        static KEYFRAME: OnceLock<Arc<[u8]>> = OnceLock::new();
        let settings =
            encode::Settings { bitrate: 100_000, gop: 1, fps: 1.0, level: None, full_range: false };
        let coded = |mut encoder: Box<dyn Encoder>| {
            encoder.coded(&media::Picture::black(64, 48), true).unwrap().into()
        };
        let made = || encode::h264(settings).map_or_else(|_| [0, 0, 0, 1, 0x65, 1, 2, 3][..].into(), coded);
        KEYFRAME.get_or_init(made).clone()
    }

    /// What was published behind the source's own picture.
    fn shown(mount: &Mount) -> Vec<Arc<[u8]>> {
        let mut at = Cursor::default().next();
        let mut shown = Vec::new();
        while let Slot::Here(unit) = mount.units().get(at) {
            shown.push(unit.data.clone());
            at = at.next();
        }
        shown
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn where_memory_is_short_the_keyframe_is_shown_at_once_and_as_it_was() {
        let (outlet, mount) = failing("short");
        let _demand = mount.want();
        let desk = Desk::new(Arc::new(|bytes| bytes < 30 << 20), Waker::noop().clone());
        let mut standing = Standing::new(outlet.stand_in());
        let began = clock::media();
        while shown(&mount).is_empty() {
            // Others may mark one at the moment.
            standing.step(began, &desk);
        }
        assert_eq!(standing.step(began, &desk), Some(began + SECOND));
        standing.step(began + SECOND, &desk);
        assert_eq!(shown(&mount), [keyframe(), keyframe()]);
    }

    #[cfg(feature = "soft-h264")]
    #[test]
    fn until_it_is_marked_the_keyframe_is_shown_as_it_was_and_to_who_joins_at_once() {
        let (outlet, mount) = failing("waits");
        let _demand = mount.want();
        let desk = Desk::new(Arc::new(|_| true), Waker::noop().clone());
        let mut standing = Standing::new(outlet.stand_in());
        let began = clock::media();
        // Somebody else's is being marked.
        let busy = loop {
            if let Some(busy) = marking::Busy::new(Waker::noop().clone()) {
                break busy;
            }
        };
        assert_eq!(standing.step(began, &desk), Some(began + SOON));
        assert!(shown(&mount).is_empty(), "it may be marked in a moment");
        outlet.idle();
        outlet.starting();
        standing.step(began + SOON, &desk);
        assert_eq!(shown(&mount), [keyframe()], "the source begins again meanwhile");
        mount.request_keyframe();
        standing.step(began + SOON + SECOND / 10, &desk);
        assert_eq!(shown(&mount), [keyframe(), keyframe()], "somebody joins");
        drop(busy);
        let now = began + SOON + SECOND / 5;
        while shown(&mount).len() < 3 {
            standing.step(now, &desk);
            std::thread::yield_now();
        }
        standing.step(now + SECOND, &desk);
        let shown = shown(&mount);
        assert!(shown[2] != keyframe() && shown[3] != keyframe() && shown[2] != shown[3]);
        assert_eq!(standing.shown.unwrap().told, Some("the last keyframe, with a line that says since when"));
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
            run(standing, Arc::new(|_| true), |mount, now, desk| {
                let panics = || panics.fetch_add(1, Ordering::SeqCst) < 2;
                assert!(mount.mount.name() != "first" || !panics(), "on purpose");
                mount.step(now, desk)
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

//! What readers see while a source fails or is silent: its last keyframe, marked, once a second and for everyone
//! who joins. One thread for all mounts, so that a source that hangs in the kernel holds up nothing.

mod picture;

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

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
    thread.spawn(move || run(mounts.into_iter().map(Standing::new).collect()))
}

fn run(mut mounts: Vec<Standing>) {
    let waker = waker();
    mounts.iter().for_each(|mount| mount.mount.wake_by(waker.clone()));
    while mounts.iter().any(|mount| !mount.mount.stopped()) {
        let now = clock::media();
        let next = mounts.iter_mut().filter_map(|mount| mount.step(now)).min();
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

    /// Shows what is due; says when to look again, if not only when woken.
    fn step(&mut self, now: MediaTime) -> Option<MediaTime> {
        match self.mount.need(now) {
            Need::Nothing => {
                self.shown = None;
                None
            }
            Need::From(at) => {
                self.shown = None;
                Some(at)
            }
            Need::Show { since } => self.show(since, now),
        }
    }

    fn show(&mut self, since: MediaTime, now: MediaTime) -> Option<MediaTime> {
        if self.shown.as_ref().is_none_or(|shown| shown.since != since) {
            let (unit, track) = self.mount.last()?;
            let picture = Picture::new(unit, &track.codec, wall(since, now));
            tracing::info!(mount = self.mount.name(), "no signal: {picture} is shown");
            self.shown = Some(Shown { since, picture, due: now });
        }
        let shown = self.shown.as_mut()?;
        if self.mount.take_keyframe_request() || now >= shown.due {
            shown.due = now + EVERY;
            if let Some(unit) = shown.picture.next(now)
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

//! Runs a source on a thread of its own, tells why it fails, and tries again.

mod patience;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Source;
use super::hotplug::Hotplug;
use super::panics::message;
use crate::clock;
use crate::hub::{Mount, Outlet, alike};
use patience::Patience;

pub(super) use patience::WELL;

/// Of one row of failures so many different reasons are told, not counting those that differ by their numbers alone.
const REASONS: usize = 8;

/// A source's thread.
#[derive(Debug)]
pub struct Running {
    thread: JoinHandle<()>,
    /// The mount's end, once the source has let go of all that it had.
    over: Receiver<Outlet>,
    /// Whether it is to be over: decided once.
    ends: Arc<Mutex<bool>>,
}

impl Running {
    /// Waits for the thread to end; stop its mount first.
    pub fn join(self) {
        // A panic in a source is caught below; there is nothing else to learn here.
        let _ = self.thread.join();
    }

    /// Waits for the source's end for so long, and gives its end of the mount back: another source may have it. None if
    /// the source still runs: it may hang in the kernel.
    pub fn join_within(&self, time: Duration) -> Option<Outlet> {
        self.over.recv_timeout(time).ok()
    }

    /// Has a source that was told to make room for another ([`hub::Mount::stop_source`](crate::hub::Mount::stop_source))
    /// stay, if it has not begun to end; says whether it stays.
    pub fn keep(&self, mount: &Mount) -> bool {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if !*ends {
            mount.keep_source();
        }
        !*ends
    }
}

/// Starts a source's thread.
///
/// # Errors
/// The system gives no more threads.
pub fn spawn(name: &str, source: Box<dyn Source>, outlet: Outlet) -> io::Result<Running> {
    spawn_near(name, source, outlet, Hotplug::default())
}

/// Starts a source's thread; one that waits to be tried again is tried when a device comes.
///
/// # Errors
/// The system gives no more threads.
pub fn spawn_near(
    name: &str,
    mut source: Box<dyn Source>,
    outlet: Outlet,
    hotplug: Hotplug,
) -> io::Result<Running> {
    // The kernel shows 15 bytes of a thread's name.
    let thread = thread::Builder::new().name(format!("src-{name}"));
    let (sender, over) = channel();
    let ends = Arc::new(Mutex::new(false));
    let decided = ends.clone();
    let run = move || {
        // Whoever stopped it may have thought better of it meanwhile.
        while !is_over(&outlet, &decided) {
            supervise(&mut *source, &outlet, &hotplug);
        }
        // First: who takes over finds the device free.
        drop(source);
        // Nobody may wait for it.
        let _ = sender.send(outlet);
    };
    Ok(Running { thread: thread.spawn(run)?, over, ends })
}

fn is_over(outlet: &Outlet, ends: &Mutex<bool>) -> bool {
    let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
    *ends = outlet.stopped();
    *ends
}

fn supervise(source: &mut dyn Source, outlet: &Outlet, hotplug: &Hotplug) {
    outlet.wake_by(super::waker());
    let _told = hotplug.wakes(thread::current());
    let mut patience = Patience::default();
    let mut row: Option<Row> = None;
    while !outlet.stopped() {
        let came = hotplug.came();
        let run = catch_unwind(AssertUnwindSafe(|| source.run(outlet)));
        let reason = match run {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("an error in Lenslet itself: {}", message(&*panic)),
        };
        super::sys::give_back();
        // The source may have set a waker of its own.
        outlet.wake_by(super::waker());
        let played = outlet.played();
        // Before it is told: who reads of it finds it so.
        outlet.fail(&reason);
        if row.as_ref().is_none_or(Row::is_over) {
            row = Some(Row::begin(outlet));
        }
        if let Some(line) = row.as_mut().and_then(|row| row.failed(reason, played)) {
            tracing::warn!(mount = outlet.name(), "{line}");
        }
        wait(patience.failed(played, clock::now()), outlet, || hotplug.came() != came);
        // From now on it may work: who wants it waits for the next attempt instead of being told of the last.
        outlet.idle();
        patience.waited(hotplug.came() != came, clock::now());
    }
}

/// Failures without having run well in between: each reason is told once, and they are counted.
struct Row {
    told: Vec<String>,
    /// It was told that it fails again and again.
    again: bool,
    recovery: Arc<Recovery>,
}

impl Row {
    fn begin(outlet: &Outlet) -> Self {
        let recovery = Arc::new(Recovery { mount: outlet.name().to_owned(), ..Recovery::default() });
        outlet.wake_when_live(Duration::ZERO, Arc::new(Runs(recovery.clone())).into());
        outlet.wake_when_live(WELL, Arc::new(RunsWell(recovery.clone())).into());
        Self { told: Vec::new(), again: false, recovery }
    }

    fn is_over(&self) -> bool {
        self.recovery.well.load(Ordering::SeqCst)
    }

    /// Counts a failure after pictures came for so long; what is to be told of it, if anything.
    fn failed(&mut self, reason: String, played: Option<Duration>) -> Option<String> {
        let first = self.recovery.failures.fetch_add(1, Ordering::SeqCst) == 0;
        let new = !self.told.iter().any(|told| alike(told, &reason)) && self.told.len() < REASONS;
        let again = played.filter(|_| !first && !std::mem::replace(&mut self.again, true));
        if !new && again.is_none() {
            return None;
        }
        let line = again.map_or_else(
            || reason.clone(),
            |played| {
                let (played, well) = (played.as_secs_f64(), WELL.as_secs());
                format!(
                    "{reason}: again, after {played:.1} s of pictures; it is tried less and less, and the same is not told any more until it has run for {well} s"
                )
            },
        );
        if new {
            self.told.push(reason);
        }
        Some(line)
    }
}

/// What is known of a row by whoever is woken when it ends.
#[derive(Default)]
struct Recovery {
    mount: String,
    failures: AtomicU32,
    well: AtomicBool,
}

/// Woken when pictures come again: that is told, once a row.
struct Runs(Arc<Recovery>);

impl Wake for Runs {
    fn wake(self: Arc<Self>) {
        tracing::info!(mount = self.0.mount, "runs again");
    }
}

/// Woken when they have come for long enough.
struct RunsWell(Arc<Recovery>);

impl Wake for RunsWell {
    fn wake(self: Arc<Self>) {
        self.0.well.store(true, Ordering::SeqCst);
        let failures = self.0.failures.load(Ordering::SeqCst);
        if failures > 1 {
            tracing::info!(mount = self.0.mount, "runs well, after {failures} failures");
        }
    }
}

/// Waits, unless the source is to end or there is a reason to try again at once.
fn wait(pause: Duration, outlet: &Outlet, at_once: impl Fn() -> bool) {
    let until = clock::now() + pause;
    while !outlet.stopped() && !at_once() {
        let left = until.saturating_duration_since(clock::now());
        if left.is_zero() {
            return;
        }
        super::rest(left);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::patience::FIRST;
    use super::*;
    use crate::hub::{State, mount};
    use crate::media::{AccessUnit, Link, TrackId};

    /// Fails at once, and is well the next time that somebody wants it.
    struct FailsOnce(bool);

    impl Source for FailsOnce {
        fn run(&mut self, outlet: &Outlet) -> Result<(), super::super::Error> {
            outlet.wake_by(super::super::waker());
            if std::mem::replace(&mut self.0, false) {
                return Err(super::super::Error::new("not yet"));
            }
            if super::super::until_wanted(outlet) {
                outlet.describe(Vec::new(), false);
                while !outlet.stopped() {
                    std::thread::park();
                }
            }
            Ok(())
        }
    }

    #[test]
    fn a_failure_is_not_for_ever_though_nobody_wants_the_source_meanwhile() {
        let (outlet, mount) = mount("test");
        let running = spawn("test", Box::new(FailsOnce(true)), outlet).unwrap();
        let mut seen = 0;
        let mut states = Vec::new();
        while states.last() != Some(&State::Idle) {
            seen = smol::block_on(std::future::poll_fn(|context| mount.poll_changed(seen, context)));
            states.push(mount.state());
        }
        assert!(matches!(&states[0], State::Failed(reason) if &**reason == "not yet"), "{states:?}");
        // One who asks once is served.
        let _demand = mount.want();
        while mount.tracks().is_none() {
            seen = smol::block_on(std::future::poll_fn(|context| mount.poll_changed(seen, context)));
        }
        mount.stop();
        running.join();
    }

    /// Fails until there is a device.
    struct Absent(std::path::PathBuf, std::sync::mpsc::Sender<bool>);

    impl Source for Absent {
        fn run(&mut self, _: &Outlet) -> Result<(), super::super::Error> {
            let there = self.0.exists();
            let _ = self.1.send(there);
            Err(super::super::Error::new("absent"))
        }
    }

    #[test]
    fn a_device_that_comes_is_tried_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (hotplug, watching) = super::super::hotplug::watch(folder.path()).unwrap();
        let (outlet, mount) = mount("test");
        let seen = hotplug.clone();
        let device = folder.path().join("video0");
        let (sender, tries) = std::sync::mpsc::channel();
        let running = spawn_near("test", Box::new(Absent(device.clone(), sender)), outlet, hotplug).unwrap();
        // The fourth try is 7 s after the first by the clock alone, the fifth 8 s after that.
        for _ in 0..3 {
            assert!(!tries.recv().unwrap());
        }
        let began = clock::now();
        std::fs::write(device, "").unwrap();
        assert!(tries.recv().unwrap());
        assert!(
            clock::now().duration_since(began) < Duration::from_secs(3),
            "without it the next try is 4 s later"
        );
        // It may be ready a moment later.
        assert!(tries.recv().unwrap());
        assert!(clock::now().duration_since(began) < Duration::from_secs(4), "another try comes soon");
        mount.stop();
        running.join();
        watching.join();
        assert!(seen.is_idle(), "a source that ended is told of no device");
    }

    /// Gives a picture each time that it is run, and fails.
    struct Flaps(std::sync::mpsc::Sender<Instant>);

    impl Source for Flaps {
        fn run(&mut self, outlet: &Outlet) -> Result<(), super::super::Error> {
            let _ = self.0.send(clock::now());
            outlet.describe(Vec::new(), false);
            outlet.publish(AccessUnit {
                track: TrackId(0),
                time: clock::media(),
                link: Link::Start,
                journey: None,
                data: Arc::from(&[0][..]),
            });
            Err(super::super::Error::new("again"))
        }
    }

    #[test]
    fn what_gives_a_picture_between_its_faults_is_waited_for_longer_each_time() {
        let (outlet, mount) = mount("test");
        let (sender, runs) = std::sync::mpsc::channel();
        let running = spawn("test", Box::new(Flaps(sender)), outlet).unwrap();
        let runs: Vec<Instant> = (0..3).map(|_| runs.recv().unwrap()).collect();
        let pauses = [runs[1].duration_since(runs[0]), runs[2].duration_since(runs[1])];
        assert!(pauses[0] >= FIRST && pauses[1] >= FIRST * 2, "{pauses:?}");
        mount.stop();
        running.join();
    }

    #[test]
    fn a_row_of_failures_tells_each_reason_once_and_once_that_it_goes_on() {
        let (outlet, _mount) = mount("test");
        let mut row = Row::begin(&outlet);
        let mut told = |reason: &str, played: Option<u64>| {
            row.failed(reason.to_owned(), played.map(Duration::from_secs)).unwrap_or_default()
        };
        assert_eq!([told("a", Some(3)), told("a", None), told("b", None)], ["a", "", "b"]);
        assert!(told("a", Some(2)).starts_with("a: again, after 2.0 s of pictures;"));
        assert_eq!([told("a", Some(2)), told("b", None), told("c", Some(1))], ["", "", "c"]);
        // What differs by its numbers is one reason.
        assert_eq!(told("frame 7 @ 0x55d0", None), "frame 7 @ 0x55d0");
        assert!((8..20).all(|number| told(&format!("frame {number} @ 0x7f{number}"), None).is_empty()));
        let more: Vec<String> = (0..20).map(|number| told(&format!("d{number}"), None)).collect();
        assert_eq!(more.iter().filter(|line| !line.is_empty()).count(), REASONS - 4);
        assert!(!row.is_over());
        assert_eq!(row.recovery.failures.load(Ordering::SeqCst), 7 + 13 + 20, "all are counted");
    }

    /// Publishes a picture of that time.
    fn show(outlet: &Outlet, seconds: u64) {
        outlet.publish(AccessUnit {
            track: TrackId(0),
            time: crate::media::MediaTime::from_duration(Duration::from_secs(seconds)),
            link: Link::Start,
            journey: None,
            data: Arc::from(&[0][..]),
        });
    }

    #[test]
    fn a_row_is_over_when_pictures_came_for_a_while() {
        let (outlet, _mount) = mount("test");
        let row = Row::begin(&outlet);
        for (begins, ends, over) in [(100, 109, false), (200, 210, true)] {
            show(&outlet, begins);
            show(&outlet, ends);
            assert_eq!(row.is_over(), over, "{begins} to {ends}");
            outlet.fail("again");
        }
    }

    /// Panics the first time, and then says what it carries.
    struct PanicsOnce(bool);

    impl Source for PanicsOnce {
        fn run(&mut self, outlet: &Outlet) -> Result<(), super::super::Error> {
            assert!(!std::mem::replace(&mut self.0, false), "on purpose");
            FailsOnce(false).run(outlet)
        }
    }

    #[test]
    fn a_source_that_panicked_runs_again() {
        let (outlet, mount) = mount("test");
        let running = spawn("test", Box::new(PanicsOnce(true)), outlet).unwrap();
        let _demand = mount.want();
        let mut seen = 0;
        let mut failed = false;
        while mount.tracks().is_none() {
            seen = smol::block_on(std::future::poll_fn(|context| mount.poll_changed(seen, context)));
            failed |= matches!(mount.state(), State::Failed(_));
        }
        assert!(failed);
        mount.stop();
        running.join();
    }

    #[test]
    fn a_source_that_is_kept_runs_on_and_one_that_has_ended_does_not() {
        let (outlet, mount) = mount("test");
        let running = spawn("test", Box::new(FailsOnce(false)), outlet).unwrap();
        let demand = mount.want();
        let mut seen = 0;
        let mut until_described = |version: u64| {
            while mount.version() < version {
                seen = smol::block_on(std::future::poll_fn(|context| mount.poll_changed(seen, context)));
            }
        };
        until_described(1);
        assert!(running.keep(&mount), "nobody told it to end");
        mount.stop_source();
        let outlet = running.join_within(Duration::from_secs(10)).unwrap();
        assert!(!running.keep(&mount), "there is nobody left to stay");
        assert!(outlet.stopped());
        drop((demand, outlet));
    }

    struct Panics;

    impl Source for Panics {
        fn run(&mut self, _: &Outlet) -> Result<(), super::super::Error> {
            panic!("on purpose")
        }
    }

    #[test]
    fn a_panic_is_told_and_stop_ends_the_wait_at_once() {
        let (outlet, mount) = mount("test");
        let running = spawn("test", Box::new(Panics), outlet).unwrap();
        let failed = std::future::poll_fn(|context| mount.poll_changed(0, context));
        smol::block_on(failed);
        assert!(matches!(mount.state(), State::Failed(reason) if reason.contains("on purpose")));
        mount.stop();
        running.join();
    }
}

//! Runs a source on a thread of its own, tells why it fails, and tries again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::task::Wake;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Source;
use super::hotplug::Hotplug;
use super::panics::message;
use crate::clock;
use crate::hub::Outlet;

/// A source that fails is tried again after this time, doubled up to [`LONGEST`] each time that it gives no picture.
const FIRST: Duration = Duration::from_secs(1);
/// One that ran for longer than [`FIRST`] before is tried after this time, and then after it doubled: cameras that
/// refuse the first two attempts after a fault are back within a second.
const SOON: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);
/// For so long after it ran well it is tried every [`FIRST`] at least: it is back soon after what ails it is over.
const HOPEFUL: Duration = Duration::from_secs(30);

/// A source's thread.
#[derive(Debug)]
pub struct Running {
    thread: JoinHandle<()>,
    /// The mount's end, once the source has let go of all that it had.
    over: Receiver<Outlet>,
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
    let run = move || {
        supervise(&mut *source, &outlet, &hotplug);
        // First: who takes over finds the device free.
        drop(source);
        // Nobody may wait for it.
        let _ = sender.send(outlet);
    };
    Ok(Running { thread: thread.spawn(run)?, over })
}

fn supervise(source: &mut dyn Source, outlet: &Outlet, hotplug: &Hotplug) {
    outlet.wake_by(super::waker());
    let _told = hotplug.wakes(thread::current());
    let mut pause = FIRST;
    let mut well: Option<Instant> = None;
    let mut told: Option<Arc<Told>> = None;
    while !outlet.stopped() {
        let (began, came) = (clock::now(), hotplug.came());
        let run = catch_unwind(AssertUnwindSafe(|| source.run(outlet)));
        let reason = match run {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("an error in Lenslet itself: {}", message(&*panic)),
        };
        super::sys::give_back();
        // The source may have set a waker of its own.
        outlet.wake_by(super::waker());
        // Before it is told: who reads of it finds it so.
        outlet.fail(&reason);
        // What gave pictures meanwhile has another fault, not the same one still.
        let ran = clock::now().duration_since(began);
        if ran > FIRST {
            well = Some(clock::now());
        }
        if told.as_ref().is_none_or(|told| told.is_over()) || ran > LONGEST {
            pause = first_pause(ran);
        }
        if !told.as_ref().is_some_and(|told| told.still(&reason)) {
            tracing::warn!(mount = outlet.name(), "{reason}");
            let new =
                Arc::new(Told { mount: outlet.name().to_owned(), reason, over: AtomicBool::new(false) });
            outlet.wake_when_live(new.clone().into());
            told = Some(new);
        }
        wait(pause, outlet, || hotplug.came() != came);
        // From now on it may work: who wants it waits for the next attempt instead of being told of the last.
        outlet.idle();
        pause = next_pause(pause, well.map(|well| clock::now().duration_since(well)));
    }
}

/// How long to wait after the next fault in a row, so long after the source ran well, if it ever did.
fn next_pause(pause: Duration, since_well: Option<Duration>) -> Duration {
    let hopeful = since_well.is_some_and(|since| since < HOPEFUL);
    (pause * 2).min(if hopeful { FIRST } else { LONGEST })
}

/// How long to wait after the first fault of a source that ran for so long: what fails again and again as soon as it
/// gave a picture is not run four times a second.
fn first_pause(ran: Duration) -> Duration {
    if ran > FIRST { SOON } else { FIRST }
}

/// A failure that was told of; woken when it is over, which is told too.
struct Told {
    mount: String,
    reason: String,
    over: AtomicBool,
}

impl Told {
    /// Whether this is the reason ever since it was told.
    fn still(&self, reason: &str) -> bool {
        self.reason == reason && !self.is_over()
    }

    /// Whether the source gave pictures since.
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.over.store(true, Ordering::SeqCst);
        tracing::info!(mount = self.mount, "runs again");
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
    fn what_gives_pictures_between_its_faults_is_not_waited_for_longer_each_time() {
        let (outlet, mount) = mount("test");
        let (sender, runs) = std::sync::mpsc::channel();
        let running = spawn("test", Box::new(Flaps(sender)), outlet).unwrap();
        let runs: Vec<Instant> = (0..4).map(|_| runs.recv().unwrap()).collect();
        let pause = runs[3].duration_since(runs[2]);
        assert!(pause < FIRST * 3, "{pause:?}; doubled each time it would be four seconds");
        mount.stop();
        running.join();
    }

    #[test]
    fn what_ran_well_is_back_within_a_second_though_two_attempts_fail() {
        let pause = first_pause(Duration::from_secs(5));
        assert!(pause + pause * 2 < Duration::from_secs(1), "{pause:?}");
        assert_eq!(first_pause(Duration::from_millis(20)), FIRST, "what flaps is not run all the time");
        let (soon, late) = (Some(Duration::from_secs(5)), Some(Duration::from_secs(31)));
        assert_eq!((next_pause(FIRST, soon), next_pause(SOON, soon)), (FIRST, SOON * 2));
        assert_eq!(next_pause(FIRST, late), FIRST * 2, "what does not come back is tried less and less");
        assert_eq!((next_pause(LONGEST, late), next_pause(FIRST, None)), (LONGEST, FIRST * 2));
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

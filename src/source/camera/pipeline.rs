//! One loop with one wait: filled buffers in, access units out.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::dropped::Dropped;
use super::plan::{self, Plan};
use super::stream::{Skipped, Stream};
use super::times::{self, Times};
use crate::clock;
use crate::hub::Outlet;
use crate::media::{AccessUnit, MediaTime, Track, TrackId};
use crate::source::Error;
use crate::v4l2::{self, Alarm, Capture, Device, FORCE_KEY_FRAME, Filled, Queue, Ready};

/// How long the camera goes on after the last reader left: the next one starts at once.
const LINGER: Duration = Duration::from_secs(10);
/// A camera silent for so long hangs; opening it again often helps.
pub(super) const SILENCE: Duration = Duration::from_secs(10);
/// How often the loop looks at the time while nothing happens.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// Streams as planned until nobody has wanted it for [`LINGER`] or the source is to end.
pub(super) fn run(
    device: Device,
    queue: Queue,
    plan: &Plan,
    alarm: &Alarm,
    outlet: &Outlet,
) -> Result<(), Error> {
    let name = device.path().display().to_string();
    let forces_keyframes = device.has_control(FORCE_KEY_FRAME);
    let wish = v4l2::Wish { fourcc: plan.fourcc, size: plan.size, interval: plan.interval() };
    let mut capture = Capture::start(device, queue, &wish).map_err(sentence)?;
    tell(&capture, plan, outlet);
    let mut pipeline = Pipeline::new(&name, outlet, plan, forces_keyframes);
    let mut alive = clock::now();
    let mut wanted = alive;
    loop {
        let ready = alarm
            .wait(Some(capture.as_fd()), Some(TICK))
            .map_err(|error| Error::new(format!("{name}: poll failed: {error}")))?;
        let now = clock::now();
        if outlet.stopped() || over(outlet, now, &mut wanted) {
            return Ok(());
        }
        if outlet.take_keyframe_request() {
            pipeline.keyframe(&capture);
        }
        if ready != Ready::Woken && pipeline.drain(&mut capture)? {
            alive = now;
        } else if ready == Ready::Failed {
            return Err(Error::new(format!("{name}: the camera stopped by itself")));
        }
        pipeline.tell(now);
        if now.saturating_duration_since(alive) > SILENCE {
            let seconds = SILENCE.as_secs();
            return Err(Error::new(format!("{name}: no picture for {seconds} s (does the camera hang?)")));
        }
    }
}

struct Pipeline<'a> {
    /// The camera's, for people.
    name: &'a str,
    outlet: &'a Outlet,
    forces_keyframes: bool,
    stream: Stream,
    times: Times,
    /// The driver's of the last buffer.
    stamp: Option<MediaTime>,
    told_of_stamps: bool,
    dropped: Dropped,
}

impl<'a> Pipeline<'a> {
    fn new(name: &'a str, outlet: &'a Outlet, plan: &Plan, forces_keyframes: bool) -> Self {
        Self {
            name,
            outlet,
            forces_keyframes,
            stream: Stream::new(plan.coding),
            times: Times::default(),
            stamp: None,
            told_of_stamps: false,
            dropped: Dropped::default(),
        }
    }

    /// Passes on every filled buffer; says whether there was one. Each coded picture needs those before
    /// it, so none is skipped to catch up.
    fn drain(&mut self, capture: &mut Capture) -> Result<bool, Error> {
        let mut any = false;
        while let Some(filled) = capture.dequeue().map_err(sentence)? {
            any = true;
            if filled.is_damaged() {
                self.dropped.add("damaged, says the driver");
                // What follows is decoded from what is not there.
                self.keyframe(capture);
            } else {
                self.pass(&filled)?;
            }
            capture.requeue(filled).map_err(sentence)?;
        }
        Ok(any)
    }

    fn pass(&mut self, filled: &Filled) -> Result<(), Error> {
        let again = filled.time.is_some() && filled.time == self.stamp;
        self.stamp = filled.time;
        let (data, link) = match self.stream.take(filled.bytes(), again) {
            Ok(unit) => unit,
            Err(Skipped::Early) => return Ok(()),
            Err(Skipped::Broken(reason)) => {
                self.dropped.add(reason);
                return Ok(());
            }
            Err(Skipped::Unfit(why)) => return Err(Error::new(format!("{}: {why}", self.name))),
        };
        let Some(codec) = self.stream.codec() else { return Ok(()) };
        self.outlet.describe(vec![Track { codec, bitrate: None }], self.forces_keyframes);
        let time = self.taken(filled);
        let time = self.times.next(time, self.stream.slice());
        self.outlet.publish(AccessUnit { track: TrackId(0), time, link, data });
        Ok(())
    }

    fn taken(&mut self, filled: &Filled) -> MediaTime {
        let (time, stamped) = times::taken(filled.time, clock::media());
        if !stamped && !self.told_of_stamps {
            self.told_of_stamps = true;
            tracing::info!(
                mount = self.outlet.name(),
                "{}: the driver does not stamp pictures by the monotonic clock: they have the time at which they come",
                self.name
            );
        }
        time
    }

    /// Asks the camera for a keyframe, if it can be asked.
    fn keyframe(&self, capture: &Capture) {
        if self.forces_keyframes {
            // Refused or not, the next keyframe comes in its own time.
            let _ = capture.device().set_control(FORCE_KEY_FRAME, 1);
        }
    }

    fn tell(&mut self, now: Instant) {
        if let Some(what) = self.dropped.tell(now) {
            tracing::warn!(mount = self.outlet.name(), "{}: {what}", self.name);
        }
    }
}

/// Says what comes, and where that is not what was wished.
fn tell(capture: &Capture, plan: &Plan, outlet: &Outlet) {
    let (mount, name) = (outlet.name(), capture.device().path().display());
    let format = capture.format();
    let rate = capture.interval().map(|interval| format!(" at {} a second", plan::rounded(interval.rate())));
    let got = format!("{} {}x{}{}", format.fourcc, format.width, format.height, rate.unwrap_or_default());
    for departure in &plan.departures {
        tracing::warn!(mount, "{name}: the camera {departure}");
    }
    if plan.size.is_some_and(|size| size != (format.width, format.height)) {
        tracing::warn!(mount, "{name}: asked for {plan}, the driver gives {got}");
    } else {
        tracing::info!(mount, "{name}: {got}");
    }
}

/// Whether nobody has wanted it for [`LINGER`].
pub(super) fn over(outlet: &Outlet, now: Instant, wanted: &mut Instant) -> bool {
    if outlet.wanted() {
        *wanted = now;
    }
    now.saturating_duration_since(*wanted) > LINGER
}

fn sentence(error: v4l2::Error) -> Error {
    Error::new(error.to_string())
}

//! One loop with one wait: filled buffers in, access units out.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::{Settings, plan, probe};
use crate::clock;
use crate::hub::Outlet;
use crate::media::h264::Assembler;
use crate::media::{AccessUnit, Codec, MediaTime, Track, TrackId};
use crate::source::Error;
use crate::v4l2::{Alarm, Capture, Device, FORCE_KEY_FRAME, Filled, Queue, Ready};

/// How long the camera goes on after the last reader left: the next one starts at once.
const LINGER: Duration = Duration::from_secs(10);
/// A camera silent for so long hangs; opening it again often helps.
const SILENCE: Duration = Duration::from_secs(10);
/// How often the loop looks at the time while nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// Streams until nobody has wanted it for [`LINGER`] or the source is to end.
pub(super) fn run(
    device: Device,
    queue: Queue,
    settings: &Settings,
    alarm: &Alarm,
    outlet: &Outlet,
) -> Result<(), Error> {
    let offers = probe::offers(&device, queue);
    let name = device.path().display().to_string();
    let Some(wish) = plan::wish(&offers, settings) else {
        return Err(Error::new(format!("{name}: the camera gives no H.264")));
    };
    let forces_keyframes = device.has_control(FORCE_KEY_FRAME);
    let mut capture = Capture::start(device, queue, &wish).map_err(sentence)?;
    let mut pipeline = Pipeline { outlet, forces_keyframes, assembler: Assembler::new(), last: None };
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
        if outlet.take_keyframe_request() && forces_keyframes {
            // Refused or not, the next keyframe comes in its own time.
            let _ = capture.device().set_control(FORCE_KEY_FRAME, 1);
        }
        if ready != Ready::Woken && pipeline.drain(&mut capture)? {
            alive = now;
        } else if ready == Ready::Failed {
            return Err(Error::new(format!("{name}: the camera stopped by itself")));
        }
        if now.saturating_duration_since(alive) > SILENCE {
            let seconds = SILENCE.as_secs();
            return Err(Error::new(format!("{name}: no picture for {seconds} s (does the camera hang?)")));
        }
    }
}

struct Pipeline<'a> {
    outlet: &'a Outlet,
    forces_keyframes: bool,
    assembler: Assembler,
    last: Option<MediaTime>,
}

impl Pipeline<'_> {
    /// Passes on every filled buffer; says whether there was one. Each coded picture needs those before
    /// it, so none is skipped to catch up.
    fn drain(&mut self, capture: &mut Capture) -> Result<bool, Error> {
        let mut any = false;
        while let Some(filled) = capture.dequeue().map_err(sentence)? {
            any = true;
            self.pass(&filled);
            capture.requeue(filled).map_err(sentence)?;
        }
        Ok(any)
    }

    fn pass(&mut self, filled: &Filled) {
        if filled.is_damaged() {
            return;
        }
        let Some((data, link)) = self.assembler.assemble(filled.bytes()) else {
            return;
        };
        let Some(sets) = self.assembler.parameter_sets() else {
            return;
        };
        let track = Track { codec: Codec::H264(sets.clone()), bitrate: None };
        self.outlet.describe(vec![track], self.forces_keyframes);
        let time = self.forward(filled.time.unwrap_or_else(clock::media));
        self.outlet.publish(AccessUnit { track: TrackId(0), time, link, data });
    }

    /// Keeps time going forward: two pictures of one instant would be one to a reader.
    fn forward(&mut self, time: MediaTime) -> MediaTime {
        let least = self.last.map(|last| last + Duration::from_micros(100));
        let time = least.map_or(time, |least| time.max(least));
        self.last = Some(time);
        time
    }
}

/// Whether nobody has wanted it for [`LINGER`].
fn over(outlet: &Outlet, now: Instant, wanted: &mut Instant) -> bool {
    if outlet.wanted() {
        *wanted = now;
    }
    now.saturating_duration_since(*wanted) > LINGER
}

fn sentence(error: crate::v4l2::Error) -> Error {
    Error::new(error.to_string())
}

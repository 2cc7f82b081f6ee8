//! Raw pictures through the board's encoder: one thread and one wait for the camera and for the encoder.
//!
//! ```text
//! camera -> newest -> OUTPUT [encoder] CAPTURE -> assembler -> outlet
//!    ^                  |         pairs: which picture is it of?
//!    +---- requeue <----+
//! ```
//!
//! The encoder reads the camera's own buffers (DMABUF) where both drivers can, else pictures are copied to
//! it, once. It stays open while readers come and go: drivers were seen to hang after many starts
//! ([pikvm issue 1704](https://github.com/pikvm/pikvm/issues/1704)).
//!
//! `ladder` says what is done about an encoder in trouble: opened anew while the camera goes on, or given up
//! for a while ([`Failure::Encoder`]), when somebody else may code.

mod controls;
mod converter;
mod counts;
mod held;
mod kernel;
mod ladder;
mod layout;
mod opening;
mod pairs;
mod rule;
mod running;
mod stream;
mod watched;
mod wedged;

use std::time::{Duration, Instant};

use crate::clock;
use crate::hub::Outlet;
use crate::media::h264::{Level, Load, Profile};
use crate::source::Error;
use crate::source::camera::board::EncoderNode;
use crate::source::camera::controls::apply::Wished;
use crate::source::camera::fields;
use crate::source::camera::streaming::{Streaming, sentence};
use crate::source::camera::thin;
use crate::source::rhythm::Rhythm;
use crate::v4l2::{self, Alarm, Capture, Device, FourCc, Lines, Prepared, Queue};

use ladder::{Fault, Ladder, Step};
use opening::Trouble;
use running::{Arrangement, Exported, Ready, Running};
use stream::{End, Over};
use wedged::{Machine, This};

pub use wedged::OnWedged;

/// A camera's buffers where the encoder reads them: two with the encoder, the newest, and two to fill.
const SHARED_BUFFERS: u32 = 5;
/// A camera's buffers where they are copied: the newest, and the others to fill.
const BUFFERS: u32 = 4;

/// What is asked of the camera and of the encoder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    /// The camera's format, size and rate.
    pub(super) capture: v4l2::Wish,
    /// Who encodes.
    pub(super) encoder: EncoderNode,
    /// The pixel format in which the encoder is given what the camera gives.
    pub(super) input: FourCc,
    /// Whether it may read the camera's buffers.
    pub(super) dmabuf: bool,
    /// Whether the processor makes `input` of what the camera gives.
    pub(super) converted: bool,
    /// Bits a second.
    pub(super) bitrate: u32,
    /// Pictures from one keyframe to the next.
    pub(super) gop: u32,
    /// Pictures a second that are coded at most.
    pub(super) fps: f64,
    /// Or the next poorer one that the encoder has.
    pub(super) profile: Profile,
    /// The lowest that fits if none.
    pub(super) level: Option<Level>,
    /// Whether it is that level and no other.
    pub(super) level_configured: bool,
}

/// A board's encoder as one camera uses it: kept from one reader to the next.
pub(super) struct Hardware {
    running: Option<Running>,
    /// That the drivers do not share buffers was found out by trying.
    refused: bool,
    ladder: Ladder,
    given_up: Option<GivenUp>,
    /// How often one was opened anew for its faults.
    reopened: u64,
    on_wedged: OnWedged,
    acted: bool,
    machine: Box<dyn Machine>,
}

/// An encoder that is left alone for a while.
#[derive(Clone, Debug)]
pub(super) struct GivenUp {
    /// When it is tried again.
    pub(super) until: Instant,
    /// Why.
    pub(super) error: Error,
}

/// A camera that streams, an encoder for it, and the camera's buffers if the encoder reads those.
type Pair = (Capture, Running, Vec<Exported>);

/// What does not go on.
#[derive(Debug)]
enum Broken {
    /// The camera.
    Camera(Error),
    /// The encoder.
    Encoder(Trouble),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Camera(error)
    }
}

impl From<Trouble> for Broken {
    fn from(trouble: Trouble) -> Self {
        Self::Encoder(trouble)
    }
}

/// Why pictures do not go through the encoder.
pub(super) enum Failure {
    /// The camera's doing.
    Camera(Error),
    /// The encoder is given up for a while: others may code.
    Encoder(GivenUp),
}

impl Hardware {
    /// None that runs yet; what is done once one is wedged.
    pub(super) fn new(on_wedged: OnWedged) -> Self {
        let (ladder, machine) = (Ladder::default(), Box::new(This));
        let (given_up, reopened) = (None, 0);
        Self { running: None, refused: false, ladder, given_up, reopened, on_wedged, acted: false, machine }
    }

    /// The encoder if it is to be left alone at `now`.
    pub(super) fn given_up(&self, now: Instant) -> Option<&GivenUp> {
        self.given_up.as_ref().filter(|given_up| now < given_up.until)
    }

    /// Why the encoder was given up, until it runs again.
    pub(super) fn last_trouble(&self) -> Option<&Error> {
        self.given_up.as_ref().map(|given_up| &given_up.error)
    }

    /// When an encoder that was given up is tried next: later yet if it is not there when its time has come.
    pub(super) fn again_at(&mut self, now: Instant) -> Option<Instant> {
        let given_up = self.given_up.as_mut()?;
        if now >= given_up.until {
            let (Step::Rest(rest) | Step::Wedged(rest)) = self.ladder.fault(Fault::Busy, false, now) else {
                return None;
            };
            given_up.until = now + rest;
        }
        Some(given_up.until)
    }

    /// Streams until nobody has wanted it for a while, or the source is to end.
    pub(super) fn run(
        &mut self,
        (device, queue): (Device, Queue),
        settings: &Settings,
        wished: &mut Wished,
        rhythm: &mut Rhythm,
        alarm: &Alarm,
        outlet: &Outlet,
    ) -> Result<(), Failure> {
        let mut settings = settings.clone();
        settings.dmabuf &= !self.refused;
        let started = self.start(device, queue, &settings, outlet);
        let mut pair = started.map_err(|broken| self.failure(broken, false, &settings, outlet))?;
        let _streaming = Streaming::new(pair.0.device().path(), outlet.name());
        self.given_up = None;
        pair.1.arrangement.interval.inspect(|interval| outlet.expects(interval.rate()));
        loop {
            let codes = pair.1.arrangement.settings.clone();
            let over = watched::run(pair, wished, rhythm, alarm, outlet);
            let coded = outlet.played().is_some();
            let over = over.map_err(|broken| self.failure(broken, coded, &codes, outlet))?;
            pair = match self.after(over, outlet)? {
                Some(again) => again,
                None => return Ok(()),
            };
        }
    }

    /// What goes on after a stream: nothing, or the camera with the encoder opened anew.
    fn after(&mut self, over: Over, outlet: &Outlet) -> Result<Option<Pair>, Failure> {
        let Over { end, capture, running, sound, coded } = over;
        let mut arrangement = running.arrangement.clone();
        match end {
            Ok(()) => {
                self.keep(running, sound && !outlet.stopped());
                return Ok(None);
            }
            Err(End::Broken(Broken::Camera(error))) => {
                self.keep(running, sound && !outlet.stopped());
                return Err(Failure::Camera(error));
            }
            Err(End::Broken(Broken::Encoder(Trouble { fault, why }))) => {
                let step = self.ladder.fault(fault, coded > 0, clock::now());
                if step != Step::Reopen {
                    opening::let_go(running);
                    return Err(self.give_up(step, &why, &arrangement.settings, outlet));
                }
                self.reopened += 1;
                let times = self.reopened;
                tracing::warn!(mount = outlet.name(), "{why}: it is opened anew (restarts so far: {times})");
            }
            // Who was left is not waited for; it is another stream's end that is seen here.
            Err(End::Anew | End::Left) => {}
            Err(End::Refused) => self.refused = true,
        }
        arrangement.settings.dmabuf &= !self.refused;
        let settings = arrangement.settings.clone();
        let again = self.again(capture, running, arrangement, outlet);
        again.map(Some).map_err(|broken| self.failure(broken, coded > 0, &settings, outlet))
    }

    fn keep(&mut self, running: Running, sound: bool) {
        if sound {
            self.running = Some(running);
        } else {
            opening::let_go(running);
        }
    }

    /// Closes the encoder and opens it for a camera that streams meanwhile.
    fn again(
        &self,
        capture: Capture,
        running: Running,
        arrangement: Arrangement,
        outlet: &Outlet,
    ) -> Result<Pair, Broken> {
        // Some boards have but one.
        opening::close(running)?;
        let ready = opening::open(arrangement)?;
        let share = ready.can_share();
        self.pair(capture, ready, share, outlet)
    }

    /// What it means for whoever asked for pictures that neither goes on; `coded` says whether the encoder
    /// coded some before.
    fn failure(&mut self, broken: Broken, coded: bool, settings: &Settings, outlet: &Outlet) -> Failure {
        match broken {
            Broken::Camera(error) => Failure::Camera(error),
            Broken::Encoder(Trouble { fault, why }) => {
                let step = self.ladder.fault(fault, coded, clock::now());
                self.give_up(step, &why, settings, outlet)
            }
        }
    }

    /// Leaves the encoder alone for a while.
    fn give_up(&mut self, step: Step, why: &str, settings: &Settings, outlet: &Outlet) -> Failure {
        let (rest, sentence) = match step {
            // Nothing is open that could be opened anew at once.
            Step::Reopen => (Duration::ZERO, why.to_owned()),
            Step::Rest(rest) => (rest, why.to_owned()),
            Step::Wedged(rest) => {
                let said = kernel::line(&settings.encoder.driver);
                let said = said.map(|line| format!("; the kernel says: {line}")).unwrap_or_default();
                if let Some(done) = wedged::act(self.on_wedged, &mut self.acted, &mut *self.machine) {
                    tracing::error!(mount = outlet.name(), "encoder wedged: {done}");
                }
                (rest, format!("{why}: encoder wedged: only a reboot clears this{said}"))
            }
        };
        let given_up = GivenUp { until: clock::now() + rest, error: Error::new(sentence) };
        self.given_up = Some(given_up.clone());
        Failure::Encoder(given_up)
    }

    /// Starts both, the encoder only if it does not run already as it should.
    fn start(
        &mut self,
        device: Device,
        queue: Queue,
        settings: &Settings,
        outlet: &Outlet,
    ) -> Result<Pair, Broken> {
        let mut camera = Prepared::new(device, queue, &settings.capture).map_err(sentence)?;
        if let Some(running) = &self.running {
            let lines = running.arrangement.format.lines();
            if !settings.converted {
                adapt(&mut camera, lines)?;
            }
        }
        let asked = arrangement(settings, &camera)?;
        let live = outlet.asked();
        if let Some(running) = self.running.take_if(|running| running.arrangement.serves(&asked, live)) {
            let buffers = if running.shares() { SHARED_BUFFERS } else { BUFFERS };
            let capture = match camera.start(buffers) {
                Ok(capture) => capture,
                Err(error) => {
                    // It is not the encoder's fault.
                    self.running = Some(running);
                    return Err(sentence(error).into());
                }
            };
            let exported = if running.shares() { export(&capture) } else { Some(Vec::new()) };
            // As many as last time, or its indices are others.
            if let Some(exported) = exported.filter(|_| running.fits(&capture)) {
                return Ok((capture, running, exported));
            }
            opening::close(running)?;
            return self.pair(capture, opening::open(asked)?, false, outlet);
        }
        self.running.take().map_or(Ok(()), opening::close)?;
        let mut ready = opening::open(asked)?;
        // Even where pictures are copied: in as few pieces as can be.
        if !settings.converted && !ready.can_share() {
            let lines = ready.lines();
            let adapted;
            (ready, adapted) = opening::beside(ready, adapt(&mut camera, lines))?;
            if adapted {
                // The first one is closed before the second is opened: some boards have but one.
                opening::close(ready)?;
                ready = opening::open(arrangement(settings, &camera)?)?;
            }
        }
        let share = ready.can_share();
        let started = camera.start(if share { SHARED_BUFFERS } else { BUFFERS }).map_err(sentence);
        let (ready, capture) = opening::beside(ready, started)?;
        self.pair(capture, ready, share, outlet)
    }

    /// Starts the encoder for a camera that streams.
    fn pair(&self, capture: Capture, ready: Ready, share: bool, outlet: &Outlet) -> Result<Pair, Broken> {
        let exported = if share { export(&capture) } else { None };
        let shared = exported.as_ref().map(|_| capture.buffers());
        let running = opening::start(ready, shared)?;
        tell(&capture, &running, outlet);
        let exported = exported.filter(|_| running.shares()).unwrap_or_default();
        Ok((capture, running, exported))
    }
}

/// What the encoder is to be set up for, now that the camera's driver has settled.
fn arrangement(settings: &Settings, camera: &Prepared) -> Result<Arrangement, Error> {
    let format =
        if settings.converted { converter::made_of(camera.format()) } else { camera.format().clone() };
    let size = (format.width, format.height);
    let readable = match settings.converted {
        true => converter::Converter::new(camera.format()).map(drop),
        false => layout::layout(&format, size).map(drop),
    };
    readable.map_err(|why| Error::new(format!("{}: {why}", camera.device().path().display())))?;
    // Of a driver that does not say it is known where it is what comes in by HDMI.
    let given = camera.interval().filter(|interval| interval.rate() > 0.0).or(settings.capture.interval);
    // Pictures come no faster than what is left of them.
    let interval = match given.map(v4l2::Interval::rate) {
        Some(rate) if thin::is_thinned(settings.fps, rate) => v4l2::Interval::from_rate(settings.fps),
        _ => given,
    };
    let load = Load {
        size,
        rate: interval.map_or(30.0, v4l2::Interval::rate),
        bitrate: settings.bitrate,
        profile: settings.profile,
    };
    if let Some(why) = settings.encoder.unfit(&load) {
        return Err(Error::new(format!("{}: {why}", camera.device().path().display())));
    }
    Ok(Arrangement {
        settings: settings.clone(),
        camera: camera.format().clone(),
        format,
        interval,
        given,
        load,
    })
}

/// Asks the camera for lines of so many bytes; says whether it has them now, and had not before. What an encoder takes may be in
/// fewer planes of memory than what the camera gives, or more: then those that both have are asked for.
fn adapt(camera: &mut Prepared, mut lines: Lines) -> Result<bool, Error> {
    lines.truncate(camera.format().planes.len());
    let has = |camera: &Prepared| camera.format().lines().starts_with(&lines);
    if has(camera) {
        return Ok(false);
    }
    camera.set_lines(lines.clone()).map_err(sentence)?;
    Ok(has(camera))
}

/// The camera's buffers for another driver; none where the driver gives none.
fn export(capture: &Capture) -> Option<Vec<Exported>> {
    let exported: Result<Vec<Exported>, v4l2::Error> =
        (0..capture.buffers()).map(|index| capture.export(index)).collect();
    exported.inspect_err(|error| tracing::debug!("{error}: pictures are copied")).ok()
}

/// Says what comes and who codes it.
fn tell(capture: &Capture, running: &Running, outlet: &Outlet) {
    let (format, settings) = (capture.format(), &running.arrangement.settings);
    let rate = running.arrangement.load.rate;
    let name = capture.device().path().display();
    tracing::info!(
        mount = outlet.name(),
        "{name}: {} {}x{} at {} a second, coded by {} at {} kbit/s, {}",
        format.fourcc,
        format.width,
        format.height,
        (rate * 100.0).round() / 100.0,
        running::name(settings),
        settings.bitrate / 1000,
        match running.shares() {
            true => "without a copy",
            false if settings.converted => "each picture converted by the processor",
            false => "each picture copied once",
        },
    );
    if let Some(told) = fields::told(format) {
        tracing::warn!(mount = outlet.name(), "{name}: {told}");
    }
    if settings.capture.size.is_some_and(|size| size != (format.width, format.height)) {
        let (width, height) = settings.capture.size.unwrap_or_default();
        tracing::warn!(mount = outlet.name(), "{name}: asked for {width}x{height}, the driver gives another");
    }
}

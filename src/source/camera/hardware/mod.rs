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

mod controls;
mod converter;
mod counts;
mod layout;
mod pairs;
mod rule;
mod running;
mod stream;

use crate::hub::Outlet;
use crate::media::h264::{Level, Load, Profile};
use crate::source::Error;
use crate::source::camera::board::EncoderNode;
use crate::source::camera::controls::apply::Wished;
use crate::source::camera::thin;
use crate::v4l2::{self, Alarm, Capture, Device, FourCc, Prepared, Queue};

use running::{Arrangement, Exported, Ready, Running};
use stream::Stream;

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
}

/// A board's encoder as one camera uses it: kept from one reader to the next.
#[derive(Debug, Default)]
pub(super) struct Hardware {
    running: Option<Running>,
    /// That the drivers do not share buffers was found out by trying.
    refused: bool,
}

impl Hardware {
    /// Streams until nobody has wanted it for a while, or the source is to end.
    pub(super) fn run(
        &mut self,
        device: Device,
        queue: Queue,
        settings: &Settings,
        wished: &mut Wished,
        alarm: &Alarm,
        outlet: &Outlet,
    ) -> Result<(), Error> {
        let mut settings = settings.clone();
        settings.dmabuf &= !self.refused;
        let (capture, running, exported) = self.start(device, queue, &settings, outlet)?;
        let over = Stream::new(capture, running, exported, alarm, outlet).run(wished);
        self.refused |= over.refused;
        self.running = over.running;
        over.result
    }

    /// Starts both, the encoder only if it does not run already as it should.
    fn start(
        &mut self,
        device: Device,
        queue: Queue,
        settings: &Settings,
        outlet: &Outlet,
    ) -> Result<(Capture, Running, Vec<Exported>), Error> {
        let mut camera = Prepared::new(device, queue, &settings.capture).map_err(sentence)?;
        if let Some(running) = &self.running {
            let bytesperline = running.arrangement.format.bytesperline();
            if !settings.converted {
                adapt(&mut camera, bytesperline)?;
            }
        }
        let asked = arrangement(settings, &camera)?;
        if let Some(running) = self.running.take_if(|running| running.arrangement == asked) {
            let buffers = if running.shares() { SHARED_BUFFERS } else { BUFFERS };
            let capture = camera.start(buffers).map_err(sentence)?;
            let exported = if running.shares() { export(&capture) } else { Some(Vec::new()) };
            // As many as last time, or its indices are others.
            if let Some(exported) = exported.filter(|_| running.fits(&capture)) {
                return Ok((capture, running, exported));
            }
            drop(running);
            return self.pair(capture, Ready::new(asked).map_err(sentence)?, false, outlet);
        }
        self.running = None;
        let mut ready = Ready::new(asked).map_err(sentence)?;
        // Even where pictures are copied: in as few pieces as can be.
        if !settings.converted && !ready.can_share() && adapt(&mut camera, ready.bytesperline())? {
            // The first one is closed before the second is opened: some boards have but one.
            drop(ready);
            ready = Ready::new(arrangement(settings, &camera)?).map_err(sentence)?;
        }
        let share = ready.can_share();
        let capture = camera.start(if share { SHARED_BUFFERS } else { BUFFERS }).map_err(sentence)?;
        self.pair(capture, ready, share, outlet)
    }

    /// Starts the encoder for a camera that streams.
    fn pair(
        &mut self,
        capture: Capture,
        ready: Ready,
        share: bool,
        outlet: &Outlet,
    ) -> Result<(Capture, Running, Vec<Exported>), Error> {
        let exported = if share { export(&capture) } else { None };
        let shared = exported.as_ref().map(|_| capture.buffers());
        let running = ready.start(shared).map_err(|error| beyond(&error))?;
        tell(&capture, &running, outlet);
        let exported = exported.filter(|_| running.shares()).unwrap_or_default();
        Ok((capture, running, exported))
    }
}

/// What the encoder is to be set up for, now that the camera's driver has settled.
fn arrangement(settings: &Settings, camera: &Prepared) -> Result<Arrangement, Error> {
    let format =
        if settings.converted { converter::made_of(camera.format()) } else { camera.format().clone() };
    let given = camera.interval().filter(|interval| interval.rate() > 0.0);
    // Pictures come no faster than what is left of them.
    let interval = match given.map(v4l2::Interval::rate) {
        Some(rate) if thin::is_thinned(settings.fps, rate) => v4l2::Interval::from_rate(settings.fps),
        _ => given.or(settings.capture.interval),
    };
    let load = Load {
        size: (format.width, format.height),
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

/// Asks the camera for lines of so many bytes; says whether it has them now, and had not before.
fn adapt(camera: &mut Prepared, bytesperline: u32) -> Result<bool, Error> {
    let before = camera.format().bytesperline();
    if before == bytesperline {
        return Ok(false);
    }
    camera.set_bytesperline(bytesperline).map_err(sentence)?;
    Ok(camera.format().bytesperline() == bytesperline)
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
    if settings.capture.size.is_some_and(|size| size != (format.width, format.height)) {
        let (width, height) = settings.capture.size.unwrap_or_default();
        tracing::warn!(mount = outlet.name(), "{name}: asked for {width}x{height}, the driver gives another");
    }
}

/// An encoder's refusal to start says nothing of why.
fn beyond(error: &v4l2::Error) -> Error {
    let why = match error {
        v4l2::Error::Refused { call: "VIDIOC_STREAMON" | "VIDIOC_REQBUFS", .. } => {
            " (a size, level or bitrate beyond the encoder, or no memory for it: see CmaFree in /proc/meminfo)"
        }
        _ => "",
    };
    Error::new(format!("{error}{why}"))
}

fn sentence(error: v4l2::Error) -> Error {
    Error::new(error.to_string())
}

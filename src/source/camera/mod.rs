//! Cameras: finding them, passing on what they code (H.264, H.265 or a JPEG a picture), and coding what they
//! do not.
//!
//! `plan` chooses the format, size, rate and encoder from what a node offers ([`Node`]), what the board has
//! ([`EncoderNode`]) and what is wished ([`Wish`]); `pipeline` takes the buffers, `stream` makes access units
//! of them, `software` codes them on the processor where the plan says so, `times` says when each is shown,
//! `dropped` counts those left out.
//!
//! [`probe()`] says what is attached and what each camera lacks; [`Camera`] is the source of a mount.
//! A camera is known by its stable name (`/dev/v4l/by-id/...`) where udev gives it one, else by its
//! driver, name and place on the bus, so that it is found again under another number.

mod asking;
mod board;
mod buffers;
mod controls;
mod doubt;
mod dropped;
mod edid;
mod fields;
mod gaps;
mod hardware;
mod hdmi;
mod known;
mod look;
mod patience;
mod pipeline;
mod plan;
mod probe;
mod samples;
mod signal;
mod software;
pub(in crate::source) mod stream;
mod streaming;
mod thin;
mod unopened;

use std::path::{Path, PathBuf};
use std::time::Duration;

use controls::apply::{self, Wished};
use hardware::{Failure, GivenUp, Hardware};
use known::Known;
use plan::{Plan, Refusal, Way};

use crate::clock;
use crate::encode;
use crate::hub::Outlet;
use crate::source::rhythm::{Rhythm, SILENCE};
use crate::source::{Error, Source, sys};
use crate::v4l2::{self, Alarm, Capability, Device, Queue};

pub use crate::hub::ControlValue;
pub use crate::media::h264::{Level, Profile};
pub use board::{EncoderNode, Encoders, Node, Offered, Range, Size};
pub use controls::{Control, Kind};
pub use hardware::OnWedged;
pub use look::Unserved;
pub use plan::{Coding, Encode, Gop, Pictures, Wish};
pub(crate) use plan::{level, profile};
pub use probe::{Board, Found, denied, encoders, found, probe};
pub use signal::Signal;
pub use unopened::VideoNode;

/// Which camera, and what is wished of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// A node (`/dev/video0`) or a stable name (`/dev/v4l/by-id/...`).
    pub device: PathBuf,
    /// Its format, size and rate.
    pub wish: Wish,
    /// What its controls are set to when it starts, by the names that `v4l2-ctl -l` shows.
    pub controls: Vec<(String, ControlValue)>,
    /// How long it goes on after the last reader left: the next one starts at once. 10 s if not said.
    pub linger: Option<Duration>,
    /// It goes on whether somebody watches or not.
    pub always: bool,
    /// What is done once the board's encoder is wedged.
    pub on_encoder_wedged: OnWedged,
}

/// A camera that codes its pictures by itself, as a [`Source`].
pub struct Camera {
    settings: Settings,
    wished: Wished,
    known: Option<Known>,
    hardware: Hardware,
    rhythm: Rhythm,
}

impl Settings {
    /// Whether both name one camera, by whatever name.
    pub fn is_of_the_camera_of(&self, other: &Self) -> bool {
        streaming::real(&self.device) == streaming::real(&other.device)
    }

    /// Holds the settings against what can be, whatever the camera is.
    ///
    /// # Errors
    /// The first field that cannot be, in a sentence that names it, the limit and why.
    pub fn check(&self) -> Result<(), Error> {
        if self.device.as_os_str().is_empty() {
            return Err(Error::new(
                "device: it is empty: name a node such as /dev/video0; `lenslet probe` lists those that are there",
            ));
        }
        crate::source::check_fps(self.wish.fps)?;
        self.wish.check().map_err(Error::new)?;
        match self.controls.iter().find(|(name, _)| controls::written(name).is_empty()) {
            Some((name, _)) => Err(Error::new(format!("controls: {name:?} is no name of a control"))),
            None => Ok(()),
        }
    }
}

impl Camera {
    /// A camera that is opened once somebody wants it.
    pub fn new(settings: Settings) -> Self {
        let hardware = Hardware::new(settings.on_encoder_wedged);
        let wished = Wished::new(settings.controls.clone());
        Self { settings, wished, known: None, hardware, rhythm: Rhythm::new(SILENCE) }
    }

    /// How pictures become a stream, without the board's encoder if that is given up and `encode` is `Auto`.
    fn plan(
        &self,
        path: &Path,
        node: &Node,
        given_up: Option<&GivenUp>,
        outlet: &Outlet,
    ) -> Result<Plan, Error> {
        let wish = &self.settings.wish;
        // Who has one open keeps it from nobody.
        let encoders = if wish.may_encode() && given_up.is_none() { encoders() } else { Encoders::default() };
        let plan = match given_up {
            Some(given_up) if wish.encode != Encode::Auto => return Err(given_up.error.clone()),
            _ => plan::plan(node, &encoders, encode::SOFTWARE, wish),
        };
        // A bitrate that was set while nobody knew who would code.
        let asked = outlet.asked().0;
        let plan = match (plan, asked) {
            (Ok(plan), Some(bitrate)) if plan.making(path).handed_over(bitrate).is_some() => {
                let wish = Wish { bitrate: Some(bitrate), ..wish.clone() };
                plan::plan(node, &encoders, encode::SOFTWARE, &wish)
            }
            (plan, _) => plan,
        };
        plan.map_err(|refusal| match given_up {
            Some(given_up) => given_up.error.clone(),
            None => match self
                .hardware
                .last_trouble()
                .filter(|_| matches!(refusal, Refusal::NoEncoder(_) | Refusal::Unopened(_)))
            {
                // One that does not even answer any more is in trouble still.
                Some(error) => error.clone(),
                None => Error::new(format!("{}: {refusal}", path.display())),
            },
        })
    }

    /// Opens the camera: under its stable name, its own path, or wherever it is attached now.
    fn open(&mut self) -> Result<Opened, v4l2::Error> {
        let path = &self.settings.device;
        let Some(known) = &mut self.known else {
            let opened = open_camera(path)?;
            self.known = Some(Known::new(path, &opened.2));
            return Ok(opened);
        };
        // Others' nodes too: an encoder's, that may be stuck.
        let ask = |path: &Path| asking::ask(path, open_camera);
        let (opened, another) =
            known.find(path, &probe::nodes(), clock::now(), ask, |(_, _, capability)| capability)?;
        if another {
            tracing::info!("{}: another camera, {}, is in its place", path.display(), opened.2.card);
            self.known = Some(Known::new(path, &opened.2));
        }
        Ok(opened)
    }

    /// What controls it has, if that can be seen while it rests.
    fn look(&self) -> impl FnOnce() -> Option<Vec<Control>> + use<> {
        let known = self.known.as_ref().and_then(Known::stable);
        let path = known.unwrap_or(&self.settings.device).to_owned();
        let list = |path: &Path| Some(apply::list(&open_camera(path).ok()?.0));
        move || asking::ask(&path, list).flatten()
    }
}

impl Source for Camera {
    fn run(&mut self, outlet: &Outlet) -> Result<(), Error> {
        let alarm = Alarm::new().map_err(|error| Error::new(format!("no waker: {error}")))?;
        outlet.wake_by(alarm.waker());
        self.settings.linger.into_iter().for_each(|linger| outlet.set_linger(linger));
        let _kept_warm = self.settings.always.then(|| outlet.want());
        while !outlet.stopped() {
            if !outlet.wanted() {
                let look = self.look();
                apply::put_off(&self.settings.device, &mut self.wished, outlet, look);
                alarm.wait(None, None).map_err(|error| Error::new(format!("poll failed: {error}")))?;
                continue;
            }
            outlet.starting();
            let (device, queue, capability) = self.open().map_err(|error| Error::new(error.to_string()))?;
            self.rhythm.started();
            hdmi::begin(&device, outlet)?;
            let path = device.path().to_owned();
            let node = probe::node(&device, queue, &capability);
            apply::begin(&device, &mut self.wished, outlet);
            let given_up = self.hardware.given_up(clock::now()).cloned();
            let plan = self.plan(&path, &node, given_up.as_ref(), outlet)?;
            outlet.made_by(plan.making(&path));
            let controls = &mut self.wished;
            match &plan.way {
                Way::Hardware(way) => {
                    plan.tell(&device, outlet);
                    let settings = hardware::Settings::new(&plan, way);
                    let rhythm = &mut self.rhythm;
                    match self.hardware.run((device, queue), &settings, controls, rhythm, &alarm, outlet) {
                        Ok(()) => {}
                        Err(Failure::Camera(error)) => return Err(error),
                        Err(Failure::Encoder(given_up)) => {
                            let others = self.plan(&path, &node, Some(&given_up), outlet)?;
                            tracing::warn!(mount = outlet.name(), "{}; meanwhile: {others}", given_up.error);
                            // Readers go on: this is no failure.
                            continue;
                        }
                    }
                }
                Way::Passthrough | Way::Software(_) => {
                    // Back to the encoder where it codes the same, not where readers would have to go.
                    let codes = matches!(plan.way, Way::Software(_));
                    let until = self.hardware.again_at(clock::now()).filter(|_| codes);
                    let rhythm = &mut self.rhythm;
                    pipeline::run((device, queue), &plan, controls, rhythm, &alarm, outlet, until)?;
                    sys::give_back();
                }
            }
            outlet.idle();
        }
        Ok(())
    }
}

/// A camera that is open, and what it is.
type Opened = (Device, Queue, Capability);

fn open_camera(path: &Path) -> Result<Opened, v4l2::Error> {
    let device = Device::open(path)?;
    let capability = device.capability()?;
    let Some(queue) = capability.camera() else {
        let refusal = if capability.is_loopback() { Refusal::Unfed } else { Refusal::NoCamera };
        return Err(v4l2::Error::Unfit(path.to_owned(), refusal.to_string()));
    };
    Ok((device, queue, capability))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::mount;

    #[test]
    fn a_camera_that_is_kept_warm_is_opened_though_nobody_watches() {
        let (outlet, mount) = mount("test");
        let device = "/nowhere/video0".into();
        let mut camera = Camera::new(Settings { device, always: true, ..Settings::default() });
        // One that is not would wait for a reader.
        let error = camera.run(&outlet).unwrap_err();
        assert!(error.to_string().contains("/nowhere/video0"), "{error}");
        assert_eq!(mount.wanted(), 0, "until it is tried again");
    }
}

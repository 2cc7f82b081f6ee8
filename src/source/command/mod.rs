//! A program that writes pictures: `rpicam-vid`, ffmpeg, any that puts H.264, H.265 or JPEGs on its standard output.
//!
//! It runs while somebody watches, and for a while after; with its children it is ended when the mount is, and by
//! its `keeper` when we are; `processes` knows whose children there are, and in which group. `playing` is one at work: `framer`
//! cuts what it writes into pictures without adding one of delay, `pace` gives them steady times, `pictures` passes them on, `silence` says how long there may be none, `said` puts what it
//! says into the log; `recognized` and `wrote` know what are no pictures; `listed` which cameras
//! there are for `rpicam-vid`.

mod child;
mod framer;
mod keeper;
mod listed;
mod pace;
mod pictures;
mod playing;
mod processes;
mod recognized;
mod rpicam;
mod said;
mod settings;
mod silence;
mod wrote;

use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::supervisor::WELL;
use super::{Error, Source};
use crate::clock;
use crate::hub::Outlet;
use child::Child;
use playing::Playing;
use said::log;

pub use keeper::keep;
pub use listed::{Listed, Size, listed};
pub use rpicam::Rpicam;
pub use settings::{Run, Settings};

/// Serves what a program writes.
#[derive(Debug)]
pub struct Command {
    settings: Settings,
    /// It is run again and again: what it says each time is for who looks closer.
    again: bool,
}

impl Command {
    /// A source of this program's pictures; it is started when somebody wants them.
    pub fn new(settings: Settings) -> Self {
        Self { settings, again: false }
    }

    /// Looks whether there is such a program.
    ///
    /// # Errors
    /// There is none: in a sentence that names it.
    pub fn look(&self) -> Result<(), Error> {
        let program = self.words()?.swap_remove(0);
        child::unfit(&program).map_or(Ok(()), |why| Err(Error::new(format!("{program}: {why}"))))
    }

    fn words(&self) -> Result<Vec<String>, Error> {
        match &self.settings.run {
            Run::Words(words) => Ok(words.clone()),
            Run::Rpicam(rpicam) => Ok(rpicam.words(&rpicam::model(), rpicam::program()?)),
        }
    }

    /// Runs the program until nobody wants its pictures.
    fn play(&self, outlet: &Outlet, bell: &EventFd) -> Result<(), Error> {
        let words = self.words()?;
        log(outlet, self.again, &format!("runs {}", shell_words::join(&words)));
        let child = Child::start(&words)?;
        let mut playing = Playing::new(child, &self.settings, outlet, self.again);
        let mut wanted = clock::now();
        loop {
            let ready = playing
                .wait(bell)
                .map_err(|error| Error::new(format!("{}: poll failed: {error}", words[0])))?;
            let now = clock::now();
            if ready.woken {
                let _ = bell.read();
            }
            if outlet.wanted() || self.settings.always {
                wanted = now;
            }
            if outlet.stopped() || now.saturating_duration_since(wanted) > self.settings.linger {
                return Ok(());
            }
            playing.take(ready, now)?;
        }
    }
}

impl Source for Command {
    fn run(&mut self, outlet: &Outlet) -> Result<(), Error> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_value_and_flags(0, flags)
            .map_err(|error| Error::new(format!("no waker: {error}")))?;
        outlet.wake_by(super::waker());
        let wanted = self.settings.always && !outlet.stopped() || super::until_wanted(outlet);
        if !wanted {
            return Ok(());
        }
        let bell = Arc::new(bell);
        outlet.wake_by(Arc::new(Ring(bell.clone())).into());
        outlet.starting();
        let played = self.play(outlet, &bell);
        self.again = played.is_err() && outlet.played().is_none_or(|played| played < WELL);
        played?;
        outlet.idle();
        super::at_rest(outlet);
        Ok(())
    }
}

/// Wakes a thread that waits for its program.
struct Ring(Arc<EventFd>);

impl std::task::Wake for Ring {
    fn wake(self: Arc<Self>) {
        // Full means that it rings already.
        let _ = self.0.write(1);
    }
}

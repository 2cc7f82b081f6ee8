//! Which program, and what it writes.

use std::time::Duration;

use super::rpicam::Rpicam;
use crate::source::camera::Coding;
use crate::source::{Error, check_fps};

/// It runs on for this long after the last reader left, where the configuration does not say.
const LINGER: Duration = Duration::from_secs(10);

/// Which program, and what it writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The program and its arguments.
    pub run: Run,
    /// What it writes.
    pub format: Coding,
    /// Pictures a second, where they are known; else they are found out.
    pub fps: Option<f64>,
    /// It is started anew when it gave no picture for so long; by the rhythm of its pictures if that is not said.
    pub silence: Option<Duration>,
    /// How long it runs on after the last reader left.
    pub linger: Duration,
    /// It is started with the server, and runs whether somebody watches or not.
    pub always: bool,
}

/// Where a command comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// As it was configured, split where a shell would split it.
    Words(Vec<String>),
    /// One for the camera of a Raspberry Pi, made for the board that we are on.
    Rpicam(Rpicam),
}

impl Settings {
    /// A program that writes H.264, by its command line; it is split as a shell would split it, and no shell is run.
    ///
    /// # Errors
    /// The line is empty, or a quote in it is not closed.
    pub fn new(command: &str) -> Result<Self, Error> {
        let words = shell_words::split(command)
            .map_err(|_| Error::new(format!("command: a quote is not closed in {command:?}")))?;
        if words.is_empty() {
            return Err(Error::new("command: it is empty: name a program and its arguments"));
        }
        Ok(Self::of(Run::Words(words)))
    }

    /// `rpicam-vid` with these settings.
    pub fn rpicam(rpicam: Rpicam) -> Self {
        Self { fps: Some(rpicam.fps), ..Self::of(Run::Rpicam(rpicam)) }
    }

    fn of(run: Run) -> Self {
        Self { run, format: Coding::H264, fps: None, silence: None, linger: LINGER, always: false }
    }

    /// Holds the settings against what can be; whether there is such a program is another matter.
    ///
    /// # Errors
    /// A field that cannot be, in a sentence that names it.
    pub fn check(&self) -> Result<(), Error> {
        check_fps(self.fps)?;
        match &self.run {
            Run::Rpicam(rpicam) => rpicam.check(),
            Run::Words(_) => Ok(()),
        }
    }
}

//! A program that writes pictures: `rpicam-vid`, ffmpeg, any that puts H.264, H.265 or JPEGs on its standard output.
//!
//! It runs while somebody watches, and for a while after; with its children it is ended when the mount is, and by
//! its `keeper` when we are. `framer` cuts what it writes into pictures without adding one of delay, `pace` gives
//! them steady times, `said` puts what it says into the log.

mod child;
mod framer;
mod keeper;
mod pace;
mod recognized;
mod rpicam;
mod said;

use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::camera::Coding;
use super::camera::stream::{Skipped, Stream};
use super::rhythm::Rhythm;
use super::supervisor::WELL;
use super::times::Times;
use super::{Error, Source, check_fps};
use crate::clock;
use crate::hub::Outlet;
use crate::media::{AccessUnit, Journey, MediaTime, Track, TrackId};
use crate::redact::redact;
use child::{Child, Ready};
use framer::{Framer, LONG, Waits};
use pace::Pace;
use recognized::{ENOUGH, mistaken};
use said::{Said, Told};

pub use keeper::keep;
pub use rpicam::Rpicam;

/// It runs on for this long after the last reader left, where the configuration does not say.
const LINGER: Duration = Duration::from_secs(10);

/// A program that was just started has so long to its first picture: a camera that is probed, a connection.
const START: Duration = Duration::from_secs(20);

/// One that gave few pictures, how many a second nobody knows, has so long to the next: time lapses are slow.
const UNKNOWN: Duration = Duration::from_secs(120);

/// A picture that is handed over in one piece has no pause this long in it.
const QUIET: Duration = Duration::from_millis(4);

/// Readers that come and go are looked at so often.
const TICK: Duration = Duration::from_secs(1);

/// Without a picture in so much it is not what it is said to be.
const BARREN: usize = 1 << 20;

/// So much of what it writes is shown where they are no pictures.
const HEAD: usize = 80;

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
        let bell = std::sync::Arc::new(bell);
        outlet.wake_by(std::sync::Arc::new(Ring(bell.clone())).into());
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
struct Ring(std::sync::Arc<EventFd>);

impl std::task::Wake for Ring {
    fn wake(self: std::sync::Arc<Self>) {
        // Full means that it rings already.
        let _ = self.0.write(1);
    }
}

/// A program at work.
struct Playing<'a> {
    child: Child,
    outlet: &'a Outlet,
    format: Coding,
    framer: Framer,
    said: Said,
    block: Vec<u8>,
    pictures: Pictures<'a>,
    /// When something came of it last.
    alive: Instant,
    silence: Silence,
    /// Bytes since the last picture, and the first of them.
    barren: usize,
    head: Vec<u8>,
    /// Whether it was told how its pictures come.
    eager: bool,
    again: bool,
}

/// What becomes of whole pictures.
struct Pictures<'a> {
    outlet: &'a Outlet,
    stream: Stream,
    pace: Pace,
    times: Times,
    published: u64,
    /// Whether there were some since the last look.
    any: bool,
    unfit: Option<String>,
}

impl<'a> Playing<'a> {
    fn new(child: Child, settings: &Settings, outlet: &'a Outlet, again: bool) -> Self {
        Self {
            child,
            outlet,
            format: settings.format,
            framer: Framer::new(settings.format),
            said: Said::default(),
            block: vec![0; 64 << 10],
            pictures: Pictures {
                outlet,
                stream: Stream::new(settings.format),
                pace: Pace::new(settings.fps),
                times: Times::default(),
                published: 0,
                any: false,
                unfit: None,
            },
            alive: clock::now(),
            silence: Silence::new(settings),
            barren: 0,
            head: Vec::new(),
            eager: false,
            again,
        }
    }

    fn wait(&self, bell: &EventFd) -> std::io::Result<Ready> {
        let timeout = match self.framer.waits() {
            Waits::ForMore => QUIET,
            Waits::ForLong => LONG,
            Waits::No => TICK,
        };
        self.child.wait(std::os::fd::AsFd::as_fd(bell), timeout)
    }

    fn take(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        if ready.said {
            self.hear(now);
        }
        if ready.pictures {
            self.read(now)?;
        } else if !ready.said && !ready.woken {
            let pictures = &mut self.pictures;
            self.framer.quiet(clock::media(), |picture, began| pictures.take(picture, began));
            self.served(now)?;
        }
        let over = self.silence.over(self.pictures.published == 0, self.alive, now);
        over.map_or(Ok(()), |patience| {
            let seconds = patience.as_secs_f64();
            let printed = self.printed().map(|printed| format!(": it {printed}")).unwrap_or_default();
            Err(self
                .over(&format!("gave no picture for {seconds} s (`silence` says how long it may){printed}")))
        })
    }

    fn read(&mut self, now: Instant) -> Result<(), Error> {
        let read = self.child.read(&mut self.block);
        let length = match read {
            Ok(None) => return Ok(()),
            Ok(Some(0)) => return Err(self.ended(now)),
            Ok(Some(length)) => length,
            Err(error) => return Err(self.over(&format!("cannot be read: {error}"))),
        };
        if self.head.len() < ENOUGH {
            self.head.extend(&self.block[..length.min(ENOUGH - self.head.len())]);
            // Before it is cut into pictures: somewhere in another format there may be what looks like one.
            if let Some(what) = self.mistaken() {
                return Err(self.over(&what));
            }
        }
        self.barren += length;
        let pictures = &mut self.pictures;
        let pushed = self.framer.push(&self.block[..length], clock::media(), |picture, began| {
            pictures.take(picture, began);
        });
        self.served(now)?;
        if pushed.is_err() || self.barren > BARREN && self.pictures.published == 0 {
            let wrote = wrote(&self.head, self.format);
            return Err(self.over(&wrote));
        }
        Ok(())
    }

    /// Looks at what was published.
    fn served(&mut self, now: Instant) -> Result<(), Error> {
        if let Some(why) = self.pictures.unfit.take() {
            return Err(self.over(&why));
        }
        if std::mem::take(&mut self.pictures.any) {
            self.alive = now;
            self.silence.rhythm.came(now);
            self.barren = 0;
            self.head.clear();
        }
        if self.framer.is_eager() != self.eager {
            self.eager = self.framer.is_eager();
            let how = if self.eager {
                "each picture comes in one piece, and is served as soon as it has come"
            } else {
                "pictures come in pieces, and each is served when the next one begins; rpicam-vid's --flush helps"
            };
            log(self.outlet, self.again, how);
        }
        Ok(())
    }

    fn hear(&mut self, now: Instant) {
        let mut bytes = [0; 4096];
        if let Some(length) = self.child.read_said(&mut bytes) {
            let (outlet, again) = (self.outlet, self.again);
            self.said.push(&bytes[..length], now, |told| tell(outlet, again, told));
        }
    }

    /// It closed its output.
    fn ended(&mut self, now: Instant) -> Error {
        let how = self.child.end();
        let printed = self.printed().map(|printed| format!("; it {printed}")).unwrap_or_default();
        self.with_last(how + &printed, now)
    }

    /// That it writes something else, where it never wrote a picture.
    fn mistaken(&self) -> Option<String> {
        if self.pictures.published == 0 { mistaken(&self.head, self.format) } else { None }
    }

    /// That it writes text, where it never wrote a picture: its help, or an error that is not on its standard error.
    fn printed(&self) -> Option<String> {
        (self.pictures.published == 0 && is_text(&self.head)).then(|| wrote(&self.head, self.format))
    }

    /// It is of no use any more.
    fn over(&mut self, what: &str) -> Error {
        let name = self.child.name().to_owned();
        self.child.end();
        self.with_last(format!("{name} {what}"), clock::now())
    }

    fn with_last(&mut self, what: String, now: Instant) -> Error {
        // What it said before it ended may not have been read yet, and a child of its own may write for ever.
        for _ in 0..64 {
            self.hear(now);
        }
        let (outlet, again) = (self.outlet, self.again);
        let last = self.said.finish(now, |told| tell(outlet, again, told));
        Error::new(match last {
            Some(last) => format!("{what}; it said last: {last}"),
            None => what,
        })
    }
}

/// How long a program may give nothing.
#[derive(Debug)]
struct Silence {
    /// What is configured.
    fixed: Option<Duration>,
    /// To the first picture.
    start: Duration,
    rhythm: Rhythm,
}

impl Silence {
    fn new(settings: &Settings) -> Self {
        let interval = settings.fps.and_then(|fps| Duration::try_from_secs_f64(3.0 / fps).ok());
        let start = START.max(settings.silence.or(interval).unwrap_or_default());
        Self { fixed: settings.silence, start, rhythm: Rhythm::new(interval.unwrap_or(UNKNOWN)) }
    }

    /// For how long it gave nothing since it was `alive`, if that is too long.
    fn over(&self, first: bool, alive: Instant, now: Instant) -> Option<Duration> {
        let limit = if first { Some(self.start) } else { self.fixed };
        match limit {
            Some(limit) => (now.saturating_duration_since(alive) > limit).then_some(limit),
            None => self.rhythm.over(alive, now),
        }
    }
}

/// What a program does that wrote no picture, by what it began with.
fn wrote(head: &[u8], format: Coding) -> String {
    // Before it is cut: of what is cut nobody knows any more that it is a password.
    let begins: String = redact(&String::from_utf8_lossy(head)).chars().take(HEAD).collect();
    let begins = begins.escape_debug();
    let head = &head[..head.len().min(HEAD)];
    let format = match format {
        Coding::H264 => "H.264",
        Coding::Hevc => "H.265",
        Coding::Mjpeg => "JPEGs",
    };
    if is_text(head) {
        format!("prints text, no {format}: \"{begins}\"")
    } else {
        format!("writes no {format}, its `format`; what it writes begins with \"{begins}\"")
    }
}

/// Whether these bytes are for people; the last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.trim().is_empty()
        && text
            .chars()
            .all(|character| !character.is_control() || matches!(character, '\n' | '\r' | '\t' | '\x1b'))
}

fn tell(outlet: &Outlet, again: bool, told: Told) {
    match told {
        Told::Line(line) => log(outlet, again, &format!("it says: {line}")),
        Told::More(lines) => log(outlet, again, &format!("it said {lines} lines more")),
    }
}

fn log(outlet: &Outlet, again: bool, line: &str) {
    let mount = outlet.name();
    if again {
        tracing::debug!(mount, "{line}");
    } else {
        tracing::info!(mount, "{line}");
    }
}

impl Pictures<'_> {
    fn take(&mut self, picture: &[u8], began: MediaTime) {
        let (data, link) = match self.stream.take(picture, false) {
            Ok(unit) => unit,
            Err(Skipped::Early) => {
                self.outlet.comes(clock::media());
                return;
            }
            Err(Skipped::Broken(reason)) => {
                tracing::debug!(mount = self.outlet.name(), "a picture was left out: {reason}");
                return;
            }
            Err(Skipped::Unfit(why)) => {
                self.unfit = Some(why);
                return;
            }
        };
        let Some(codec) = self.stream.codec() else { return };
        self.outlet.describe(vec![Track { codec, bitrate: None }], false);
        let time = self.times.next(self.pace.next(began), self.stream.slice());
        // When the program took it nobody knows: it is measured from its first byte on.
        let journey = Some(Journey::new(began, began, clock::media()));
        self.outlet.publish(AccessUnit { track: TrackId(0), time, link, journey, data });
        self.published += 1;
        self.any = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole seconds that a program is waited for, before its first picture and after so many, a minute apart.
    fn patience(fps: Option<f64>, silence: Option<u64>, pictures: u64) -> u64 {
        let settings =
            Settings { fps, silence: silence.map(Duration::from_secs), ..Settings::new("x").unwrap() };
        let mut silence = Silence::new(&settings);
        let mut now = clock::now();
        for _ in 0..pictures {
            now += Duration::from_secs(60);
            silence.rhythm.came(now);
        }
        (0..)
            .find(|seconds| silence.over(pictures == 0, now, now + Duration::from_secs(*seconds)).is_some())
            .unwrap()
            - 1
    }

    #[test]
    fn a_slow_program_is_not_started_anew_between_its_pictures() {
        for (fps, silence, pictures, seconds) in [
            (None, None, 0, 20),
            (None, None, 1, 120),
            (None, None, 2, 180),
            (None, None, 50, 180),
            (Some(30.0), None, 1, 10),
            (Some(0.2), None, 1, 15),
            (Some(0.1), None, 0, 30),
            (None, Some(3), 0, 20),
            (None, Some(3), 50, 3),
            (None, Some(3600), 0, 3600),
            (None, Some(3600), 1, 3600),
            (Some(30.0), Some(5), 1, 5),
        ] {
            assert_eq!(patience(fps, silence, pictures), seconds, "{fps:?} {silence:?}, {pictures} pictures");
        }
    }
}

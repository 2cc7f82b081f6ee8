//! A program at work: what it writes is cut into pictures, what it says is told, and how it ends.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use super::child::{Child, Ready};
use super::framer::{Framer, LONG, Waits};
use super::pictures::Pictures;
use super::recognized::{ENOUGH, mistaken};
use super::said::{Said, log, tell};
use super::settings::Settings;
use super::silence::Silence;
use super::wrote::{Tail, is_text, wrote};
use crate::clock;
use crate::hub::Outlet;
use crate::source::Error;
use crate::source::camera::Coding;

/// A picture that is handed over in one piece has no pause this long in it.
const QUIET: Duration = Duration::from_millis(4);

/// Readers that come and go are looked at so often.
const TICK: Duration = Duration::from_secs(1);

/// Pictures are so far ahead of the clock at most, by their times, but for what is read at once.
const MOST_AHEAD: Duration = Duration::from_secs(1);

/// A program that ended may have left somebody who writes pictures: nobody who gives none for so long.
const LEFT: Duration = Duration::from_millis(500);

/// So much is read at once of what it says; who says more is held up by his pipe.
const HEARD: usize = 64 << 10;

/// What it says is looked for no sooner again, and no sooner than four times as long as it took to read: who says much without a
/// pause costs a fifth of a processor at most.
const DEAF: Duration = Duration::from_millis(5);

/// Without a picture in so much it is not what it is said to be.
const BARREN: usize = 1 << 20;

/// A program at work.
pub(super) struct Playing<'a> {
    child: Child,
    outlet: &'a Outlet,
    format: Coding,
    framer: Framer,
    said: Said,
    block: Vec<u8>,
    heard: Vec<u8>,
    pictures: Pictures<'a>,
    /// When something came of it last.
    alive: Instant,
    silence: Silence,
    /// When the program ended, or what it left gave a picture last.
    left: Option<Instant>,
    /// What it says is not looked for before.
    deaf: Instant,
    /// When some of its pictures were read last.
    read: Instant,
    /// Bytes since the last picture, and the first of them.
    barren: usize,
    head: Vec<u8>,
    /// What it wrote last.
    tail: Tail,
    /// Whether it was told how its pictures come.
    eager: bool,
    again: bool,
}

impl<'a> Playing<'a> {
    pub(super) fn new(child: Child, settings: &Settings, outlet: &'a Outlet, again: bool) -> Self {
        Self {
            child,
            outlet,
            format: settings.format,
            framer: Framer::new(settings.format),
            said: Said::default(),
            block: vec![0; 64 << 10],
            heard: vec![0; HEARD],
            pictures: Pictures::new(settings, outlet),
            alive: clock::now(),
            silence: Silence::new(settings),
            left: None,
            deaf: clock::now(),
            read: clock::now(),
            barren: 0,
            head: Vec::new(),
            tail: Tail::default(),
            eager: false,
            again,
        }
    }

    pub(super) fn wait(&mut self, bell: &EventFd) -> std::io::Result<Ready> {
        // Whoever writes faster than any camera waits for the clock, and the pipe holds him up.
        let ahead = self.pictures.ahead(clock::media());
        if ahead > MOST_AHEAD {
            let rest = PollTimeout::try_from((ahead - MOST_AHEAD).min(TICK)).unwrap_or(PollTimeout::ZERO);
            poll(&mut [PollFd::new(bell.as_fd(), PollFlags::POLLIN)], rest)?;
            // There may be the half of a picture: it is not its end that nothing was read.
            return Ok(Ready { woken: true, ..Ready::default() });
        }
        let timeout = if self.left.is_some() { self.pause().min(LEFT) } else { self.pause() };
        let deaf = self.deaf.saturating_duration_since(clock::now());
        let timeout = if deaf.is_zero() { timeout } else { timeout.min(deaf) };
        self.child.wait(bell.as_fd(), deaf.is_zero(), timeout)
    }

    /// How long nothing more has to come to make a difference.
    fn pause(&self) -> Duration {
        match self.framer.waits() {
            Waits::ForMore => QUIET,
            Waits::ForLong => LONG,
            Waits::No => TICK,
        }
    }

    pub(super) fn take(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        if ready.said {
            self.hear(now);
        }
        if ready.over {
            self.left = Some(now);
        }
        if ready.pictures {
            self.read(now)?;
        } else if !ready.woken && !ready.over && now.saturating_duration_since(self.read) >= self.pause() {
            let pictures = &mut self.pictures;
            self.framer.quiet(clock::media(), |picture, began| pictures.take(picture, began));
            self.served(now)?;
        }
        if self.left.is_some_and(|left| now.saturating_duration_since(left.max(self.alive)) >= LEFT) {
            return Err(self.ended(now));
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
        self.tail.push(&self.block[..length]);
        self.read = clock::now();
        self.barren += length;
        let pictures = &mut self.pictures;
        let pushed = self.framer.push(&self.block[..length], clock::media(), |picture, began| {
            pictures.take(picture, began);
        });
        self.served(now)?;
        if pushed.is_err() || self.barren > BARREN && self.pictures.published == 0 {
            let wrote = self.printed().unwrap_or_else(|| wrote(&self.head, self.format));
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
        let Some(length) = self.child.read_said(&mut self.heard) else { return };
        let (outlet, again) = (self.outlet, self.again);
        let began = clock::now();
        self.said.push(&self.heard[..length], now, |told| tell(outlet, again, told));
        let ended = clock::now();
        self.deaf = ended + DEAF.max(4 * ended.saturating_duration_since(began));
    }

    /// It ended, or closed its output.
    fn ended(&mut self, now: Instant) -> Error {
        let how = self.child.end();
        let printed = self.printed().map(|printed| format!("; it {printed}")).unwrap_or_default();
        self.with_last(how + &printed, now)
    }

    /// That it writes something else, where it never wrote a picture.
    fn mistaken(&self) -> Option<String> {
        if self.pictures.published == 0 { mistaken(&self.head, self.format) } else { None }
    }

    /// That it writes text, where it never wrote a picture, or behind its pictures: its help, or an error that is not on its
    /// standard error.
    fn printed(&self) -> Option<String> {
        if self.pictures.published > 0 {
            return self.tail.printed();
        }
        is_text(&self.head).then(|| wrote(&self.head, self.format))
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

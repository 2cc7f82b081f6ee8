//! From what `tracing` says to lines.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer};

use super::levels::crate_name;
use super::line::Escaped;
use super::repeats::{Counted, Repeats, Verdict};
use super::{Keeper, Level, Line};
use crate::clock;
use crate::redact::redact;

/// Writes lines and has them kept.
#[derive(Debug)]
pub(super) struct Lines {
    keeper: Arc<Keeper>,
    journal: bool,
    repeats: Mutex<Repeats>,
}

/// What `tracing` tells them.
pub(super) struct Writing(pub(super) Arc<Lines>);

impl Lines {
    pub(super) fn new(keeper: Arc<Keeper>, journal: bool) -> Self {
        Self { keeper, journal, repeats: Mutex::default() }
    }

    pub(super) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    /// Writes how often lines came again whose time is over by then.
    pub(super) fn tell_repeats(&self, now: Instant) {
        let counted = self.repeats().forget(now);
        self.tell(counted);
    }

    /// The same of all, for nothing more comes.
    pub(super) fn end(&self) {
        let counted = self.repeats().forget_all();
        self.tell(counted);
    }

    fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, counted: Vec<Counted>) {
        for Counted { level, room, text } in counted {
            self.write(level, room, text);
        }
    }

    fn write(&self, level: Level, room: &'static str, text: String) {
        let line = Line { time: time(), level, room, text };
        let written = if self.journal {
            format!("<{}>{}: {}\n", level.priority(), line.room, line.text)
        } else {
            format!("{line}\n")
        };
        // In one go, so that lines of threads do not mix; where nobody reads it is lost.
        let _ = io::stderr().lock().write_all(written.as_bytes());
        self.keeper.keep(line);
    }
}

impl<S: Subscriber> Layer<S> for Writing {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = Level::from(*event.metadata().level());
        let room = room(event.metadata().target());
        let mut said = Said::default();
        event.record(&mut said);
        let text = harmless(said.text());
        let (counted, verdict) = self.0.repeats().look(level, room, &text, clock::now());
        self.0.tell(counted);
        if verdict == Verdict::Write {
            self.0.write(level, room, text);
        }
    }
}

/// Programs and peers say what is theirs alone.
fn harmless(text: String) -> String {
    match redact(&text) {
        Cow::Owned(redacted) => redacted,
        Cow::Borrowed(_) => text,
    }
}

/// The first module under the crate: what readers of a log know the parts by.
fn room(target: &'static str) -> &'static str {
    let inside = target.strip_prefix(crate_name()).and_then(|rest| rest.strip_prefix("::"));
    inside.map_or(target, |path| path.split("::").next().unwrap_or(path))
}

fn time() -> String {
    let mut time = String::new();
    // Into a string nothing fails.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

/// An event's message and values.
#[derive(Default)]
struct Said {
    message: String,
    values: String,
}

impl Said {
    fn text(mut self) -> String {
        if self.message.is_empty() {
            return self.values.trim_start().to_owned();
        }
        self.message.push_str(&self.values);
        self.message
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = if field.name() == "message" {
            write!(Escaped(&mut self.message), "{value:?}")
        } else {
            write!(Escaped(&mut self.values), " {}={value:?}", field.name())
        };
        // What fails is a value that cannot say itself; the rest of the line is written all the same.
        let _ = written;
    }
}

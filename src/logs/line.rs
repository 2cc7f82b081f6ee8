//! A line of the log.

use std::fmt::{self, Write};

use crate::plain::is_harmful;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is broken and stays so.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happened: who came, who left.
    Info,
    /// Requests, replies, reasons.
    Debug,
    /// Everything.
    Trace,
}

/// A line as it was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, by RFC 3339 in UTC.
    pub time: String,
    /// How much it matters.
    pub level: Level,
    /// The part of the program that says it: `server`, `source`.
    pub room: &'static str,
    /// What it says, and the values that belong to it; without control characters.
    pub text: String,
}

impl Level {
    /// All of them, the gravest first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// By its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level of that name, in either case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    /// syslog's number for it ([sd-daemon(3)](https://man7.org/linux/man-pages/man3/sd-daemon.3.html)).
    pub(super) fn priority(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warn => 4,
            Self::Info => 6,
            Self::Debug | Self::Trace => 7,
        }
    }
}

impl From<tracing::Level> for Level {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.name().to_ascii_uppercase();
        write!(f, "{} {level:>5} {}: {}", self.time, self.room, self.text)
    }
}

/// Passes text on with what would do harm escaped: one line stays one line and is read as it is written, and a terminal takes
/// no orders.
pub(super) struct Escaped<'a>(pub(super) &'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if is_harmful(character) {
                self.0.extend(character.escape_default());
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

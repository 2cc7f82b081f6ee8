//! How long a program may give nothing.

use std::time::{Duration, Instant};

use super::settings::Settings;
use crate::source::rhythm::Rhythm;

/// A program that was just started has so long to its first picture: a camera that is probed, a connection.
const START: Duration = Duration::from_secs(20);

/// One that gave few pictures, how many a second nobody knows, has so long to the next: time lapses are slow.
const UNKNOWN: Duration = Duration::from_secs(120);

/// How long a program may give nothing.
#[derive(Debug)]
pub(super) struct Silence {
    /// What is configured.
    fixed: Option<Duration>,
    /// To the first picture.
    start: Duration,
    pub(super) rhythm: Rhythm,
}

impl Silence {
    pub(super) fn new(settings: &Settings) -> Self {
        let interval = settings.fps.and_then(|fps| Duration::try_from_secs_f64(3.0 / fps).ok());
        let start = START.max(settings.silence.or(interval).unwrap_or_default());
        Self { fixed: settings.silence, start, rhythm: Rhythm::new(interval.unwrap_or(UNKNOWN)) }
    }

    /// For how long it gave nothing since it was `alive`, if that is too long.
    pub(super) fn over(&self, first: bool, alive: Instant, now: Instant) -> Option<Duration> {
        let limit = if first { Some(self.start) } else { self.fixed };
        match limit {
            Some(limit) => (now.saturating_duration_since(alive) > limit).then_some(limit),
            None => self.rhythm.over(alive, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

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

//! How long a source may give nothing before it is believed to hang: longer than it takes by itself from a picture to
//! the next, which may be a minute.

use std::time::{Duration, Instant};

/// A source of many pictures a second that gives none for so long hangs.
pub(super) const SILENCE: Duration = Duration::from_secs(10);
/// So many times as long as from a picture to the next; at most [`LONGEST`].
const TIMES: u32 = 3;
const LONGEST: Duration = Duration::from_secs(900);
/// Each third time in a row that it is started anew for its silence it is waited for so long.
const THIRD: u32 = 3;
const PATIENT: Duration = Duration::from_secs(75);
/// Before so many pictures nobody knows its rhythm: it may have begun with several at once.
const LEARNED: u32 = 8;

/// Learns how often pictures come, and says when it is too long since the last one.
#[derive(Clone, Debug)]
pub(super) struct Rhythm {
    /// Patience until the rhythm is known.
    first: Duration,
    pictures: u32,
    last: Option<Instant>,
    /// The longest pause between pictures that is no accident, and when it was.
    pause: Option<(Duration, Instant)>,
    /// Pictures in a row since it was started anew for its silence.
    row: u32,
    /// How often it was started anew, for its silence, since the last picture.
    silences: u32,
    anew: bool,
}

impl Rhythm {
    /// Of a source that is given so much time for each picture until its rhythm is known.
    pub(super) fn new(first: Duration) -> Self {
        Self {
            first: first.max(SILENCE),
            pictures: 0,
            last: None,
            pause: None,
            row: 0,
            silences: 0,
            anew: false,
        }
    }

    /// A picture came.
    pub(super) fn came(&mut self, now: Instant) {
        self.pictures = self.pictures.saturating_add(1);
        let pause = self.last.replace(now).map(|last| now.saturating_duration_since(last));
        // A source that was started anew once, and goes on, did hang; and so did one that gave many pictures before. One
        // that gives few, whatever is done, is slow.
        let own = match std::mem::take(&mut self.silences) {
            0 => true,
            1 => false,
            _ => self.row < LEARNED,
        };
        self.row = if own { self.row.saturating_add(1) } else { 1 };
        let Some(pause) = pause.filter(|_| own) else { return };
        let shorter = self.pause.is_some_and(|(known, at)| {
            let known_for = now.saturating_duration_since(at);
            pause < known / 2 && known_for < known * 10 + Duration::from_secs(60)
        });
        if !shorter {
            self.pause = Some((pause, now));
        }
    }

    /// It is to be started anew, for its silence.
    pub(super) fn silent(&mut self) {
        self.silences = self.silences.saturating_add(1);
        self.anew = true;
    }

    /// It is started. Unless for its silence, the pause since its last picture says nothing.
    pub(super) fn started(&mut self) {
        if !std::mem::take(&mut self.anew) {
            (self.last, self.silences) = (None, 0);
        }
    }

    /// Whether it gave nothing for longer than it may, `since` it was started or gave the last picture; for how long it may.
    pub(super) fn over(&self, since: Instant, now: Instant) -> Option<Duration> {
        let patience = self.patience();
        (now.saturating_duration_since(since) > patience).then_some(patience)
    }

    fn patience(&self) -> Duration {
        let own = self.pause.map_or(SILENCE, |(pause, _)| (pause * TIMES).clamp(SILENCE, LONGEST));
        let own = if self.pictures < LEARNED { own.max(self.first) } else { own };
        // Starting it anew does not help: it may give a picture a minute, each while nobody is there to take it.
        let long = self.silences > 0 && self.silences.is_multiple_of(THIRD);
        if long { own.max(PATIENT) } else { own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: f64 = 60.0;

    /// Seconds that a source is waited for after pictures so many seconds apart.
    fn patience(first: u64, pauses: impl IntoIterator<Item = f64>) -> u64 {
        let mut rhythm = Rhythm::new(Duration::from_secs(first));
        let mut now = crate::clock::now();
        rhythm.came(now);
        for pause in pauses {
            now += Duration::from_secs_f64(pause);
            rhythm.came(now);
        }
        rhythm.patience().as_secs()
    }

    fn apart(pause: f64, count: usize) -> impl Iterator<Item = f64> {
        std::iter::repeat_n(pause, count)
    }

    #[test]
    fn a_source_is_waited_for_as_its_rhythm_is() {
        assert_eq!(patience(120, apart(1.0 / 30.0, 100)), 10);
        assert_eq!(patience(120, apart(MINUTE, 3)), 180);
        assert_eq!(patience(10, apart(MINUTE, 3)), 180);
        assert_eq!(patience(120, []), 120, "nobody knows after the first picture");
        assert_eq!(patience(120, apart(0.01, 5)), 120, "nor after some at once");
        assert_eq!(patience(0, []), 10);
        assert_eq!(patience(10, apart(3600.0, 3)), 900, "not for ever");
    }

    #[test]
    fn bursts_are_no_rhythm_and_what_was_slow_once_is_forgotten() {
        let bursts = || (0..5).flat_map(|_| apart(0.04, 30).chain([MINUTE]).chain(apart(0.04, 30)));
        assert_eq!(patience(10, bursts()), 180, "thirty pictures each minute");
        assert_eq!(patience(10, bursts().chain(apart(0.04, 25 * 600))), 180);
        assert_eq!(patience(10, bursts().chain(apart(0.04, 25 * 700))), 10);
    }

    #[test]
    fn one_that_hung_is_as_before_and_one_that_is_slow_becomes_known() {
        for (before, silences, expected) in
            [(20, 0, 96), (20, 1, 10), (20, 2, 10), (1, 1, 10), (1, 2, 96), (7, 3, 96)]
        {
            let mut rhythm = Rhythm::new(SILENCE);
            let mut now = crate::clock::now();
            for _ in 0..before {
                now += Duration::from_millis(40);
                rhythm.came(now);
            }
            for _ in 0..silences {
                rhythm.silent();
                rhythm.started();
            }
            now += Duration::from_secs(32);
            rhythm.came(now);
            assert_eq!(rhythm.patience().as_secs(), expected, "started anew {silences} times after {before}");
        }
        // One that hung, and then gives a picture now and then.
        let mut rhythm = Rhythm::new(SILENCE);
        let mut now = crate::clock::now();
        for (pictures, expected) in [(100, 10), (1, 10), (1, 96), (1, 96)] {
            (0..3).for_each(|_| rhythm.silent());
            now += Duration::from_secs(32);
            for _ in 0..pictures {
                rhythm.came(now);
            }
            assert_eq!(rhythm.patience().as_secs(), expected);
        }
        let mut rhythm = Rhythm::new(SILENCE);
        let began = crate::clock::now();
        rhythm.came(began);
        rhythm.started();
        rhythm.came(began + Duration::from_secs(3600));
        assert_eq!(rhythm.patience(), SILENCE, "it was not there");
    }

    /// How often a camera that gives a picture each minute, whether it is started anew or not, is taken to hang in its first
    /// twenty minutes and in the hour behind them; started anew, it is there `down` seconds later.
    fn restarts(down: f64) -> [u32; 2] {
        let began = crate::clock::now();
        let at = |seconds: f64| began + Duration::from_secs_f64(seconds);
        let mut rhythm = Rhythm::new(SILENCE);
        let (mut restarts, mut alive) = ([0, 0], 0.0);
        let mut next = 37.0;
        while alive < 80.0 * MINUTE {
            let hangs = alive + rhythm.patience().as_secs_f64() + 0.001;
            if next < hangs {
                rhythm.came(at(next));
                (alive, next) = (next, next + MINUTE);
                continue;
            }
            assert!(rhythm.over(at(alive), at(hangs)).is_some());
            rhythm.silent();
            restarts[usize::from(hangs > 20.0 * MINUTE)] += 1;
            alive = hangs + down;
            // What comes meanwhile nobody takes.
            while next < alive {
                next += MINUTE;
            }
            rhythm.started();
        }
        restarts
    }

    #[test]
    fn a_camera_of_a_picture_a_minute_is_left_alone_once_that_is_known() {
        for down in [0.3, 1.0, 3.0, 10.0] {
            let [first, behind] = restarts(down);
            assert!(first <= 40 && behind == 0, "{down}: {first} times, then {behind}");
        }
    }

    #[test]
    fn silence_begins_where_patience_ends() {
        let rhythm = Rhythm::new(SILENCE);
        let began = crate::clock::now();
        assert_eq!(rhythm.over(began, began + SILENCE), None);
        assert_eq!(rhythm.over(began, began + SILENCE + Duration::from_millis(1)), Some(SILENCE));
    }
}

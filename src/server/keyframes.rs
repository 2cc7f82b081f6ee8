//! When a mount's source is asked for a keyframe: at most once a second, whoever wants one.

use std::time::{Duration, Instant};

/// From one to the next.
const INTERVAL: Duration = Duration::from_secs(1);

/// One that was asked for is there after this long, or nobody counts on it.
const COMES: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub(super) struct Keyframes {
    asked: Option<Instant>,
    /// None has come since.
    awaited: bool,
    /// Somebody waits for one that could not be asked for yet.
    owed: bool,
}

/// What becomes of a wish for a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The source is to be asked.
    Ask,
    /// One that was asked for is on its way.
    Shared,
    /// It was asked less than a second ago, and that one has come already.
    TooSoon,
}

impl Keyframes {
    /// Somebody wants one.
    pub(super) fn want(&mut self, now: Instant) -> Wish {
        let Some(since) = self.asked.map(|asked| now.saturating_duration_since(asked)) else {
            return self.ask(now);
        };
        match self.awaited {
            _ if since >= INTERVAL => self.ask(now),
            true if since < COMES => Wish::Shared,
            _ => Wish::TooSoon,
        }
    }

    /// Who wanted one too soon waits for it: it is asked for when it may be, unless one comes before.
    pub(super) fn owe(&mut self) {
        self.owed = true;
    }

    /// Whether one is owed that may be asked for by now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.owed && self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= INTERVAL)
    }

    /// A keyframe came, asked for or not.
    pub(super) fn came(&mut self) {
        (self.awaited, self.owed) = (false, false);
    }

    fn ask(&mut self, now: Instant) -> Wish {
        *self = Self { asked: Some(now), awaited: true, owed: false };
        Wish::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::Wish::{Ask, Shared, TooSoon};
    use super::*;

    fn at(millis: u64) -> Instant {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *START.get_or_init(crate::clock::now) + Duration::from_millis(millis)
    }

    #[test]
    fn the_source_is_asked_once_a_second_and_what_is_on_its_way_is_shared() {
        let mut keyframes = Keyframes::default();
        let wishes = [0, 0, 249, 250, 999, 1000, 1001, 5000].map(|millis| keyframes.want(at(millis)));
        assert_eq!(wishes, [Ask, Shared, Shared, TooSoon, TooSoon, Ask, Shared, Ask]);
        // Once it is there, another would be a second one.
        keyframes.came();
        let wishes = [5001, 5999, 6000].map(|millis| keyframes.want(at(millis)));
        assert_eq!(wishes, [TooSoon, TooSoon, Ask]);
    }

    #[test]
    fn who_waits_for_one_has_it_asked_for_when_the_second_is_over_unless_one_comes() {
        let mut keyframes = Keyframes::default();
        keyframes.want(at(0));
        keyframes.came();
        assert!(!keyframes.is_due(at(2000)), "nobody waits");
        assert_eq!(keyframes.want(at(500)), TooSoon);
        keyframes.owe();
        assert_eq!([999, 1000].map(|millis| keyframes.is_due(at(millis))), [false, true]);
        keyframes.came();
        assert!(!keyframes.is_due(at(1000)), "one came");
        keyframes.owe();
        assert_eq!(keyframes.want(at(1000)), Ask);
        assert!(!keyframes.is_due(at(3000)), "it was asked for");
    }
}

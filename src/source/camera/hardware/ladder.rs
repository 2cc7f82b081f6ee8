//! What is done about an encoder in trouble, as a table: which fault, what was tried before, what next.
//!
//! | fault | before | next |
//! |---|---|---|
//! | it hangs, or its driver fails | fewer than [`RESTARTS`] in [`WINDOW`] | it is opened anew |
//! | the same | as many | wedged |
//! | it will not open or start | it never coded anything | a rest: a refusal of these settings |
//! | the same | it has coded | wedged |
//! | a call does not return | | wedged |
//! | others have it, or it takes no such pictures | | a rest |
//!
//! Wedged or resting, it is tried again after [`REST`], doubled each time up to [`LONGEST_REST`]: drivers
//! were seen to hang after many starts ([pikvm issue 1704](https://github.com/pikvm/pikvm/issues/1704)).

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

/// So many are opened anew in [`WINDOW`]; one more fault, and that does not help.
const RESTARTS: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);
/// Before it is tried again.
const REST: Duration = Duration::from_secs(10);
const LONGEST_REST: Duration = Duration::from_secs(320);

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It has pictures and codes none.
    Hangs,
    /// Its driver says no while it runs, or what it gives is nothing, time and again.
    Fails,
    /// It will not open or start.
    Refuses,
    /// A call does not return.
    Stuck,
    /// Others have it.
    Busy,
    /// It takes no such pictures.
    Unfit,
}

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is closed and opened again, now.
    Reopen,
    /// It is tried again after this time.
    Rest(Duration),
    /// The same, and it is believed that a reboot alone helps.
    Wedged(Duration),
}

/// What was tried already.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    restarts: ArrayVec<Instant, RESTARTS>,
    /// Whether it ever coded a picture.
    worked: bool,
    rests: u32,
    /// When the last rest ended.
    rested: Option<Instant>,
}

impl Ladder {
    /// The next step after a fault at `now`; `coded` says whether it coded pictures since the last one.
    pub(super) fn fault(&mut self, fault: Fault, coded: bool, now: Instant) -> Step {
        self.worked |= coded;
        self.restarts.retain(|at| now.saturating_duration_since(*at) < WINDOW);
        if coded && self.rested.is_none_or(|rested| now.saturating_duration_since(rested) >= WINDOW) {
            self.rests = 0;
        }
        match fault {
            Fault::Hangs | Fault::Fails if self.restarts.try_push(now).is_ok() => Step::Reopen,
            Fault::Hangs | Fault::Fails | Fault::Stuck => Step::Wedged(self.rest(now)),
            Fault::Refuses if self.worked => Step::Wedged(self.rest(now)),
            Fault::Refuses | Fault::Busy | Fault::Unfit => Step::Rest(self.rest(now)),
        }
    }

    fn rest(&mut self, now: Instant) -> Duration {
        let rest = REST.saturating_mul(1 << self.rests.min(16)).min(LONGEST_REST);
        self.rests += 1;
        self.rested = Some(now + rest);
        // What follows is another attempt, with restarts of its own.
        self.restarts.clear();
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::Fault::{Busy, Fails, Hangs, Refuses, Stuck, Unfit};
    use super::*;

    /// Faults with the seconds at which they come, whether pictures were coded before, and what is done.
    type Story = &'static [(u64, Fault, bool, Step)];

    const fn rest(seconds: u64) -> Step {
        Step::Rest(Duration::from_secs(seconds))
    }

    const fn wedged(seconds: u64) -> Step {
        Step::Wedged(Duration::from_secs(seconds))
    }

    const STORIES: &[(&str, Story)] = &[
        (
            "three restarts in a minute, the fourth is one too many",
            &[
                (0, Hangs, true, Step::Reopen),
                (2, Fails, true, Step::Reopen),
                (4, Hangs, false, Step::Reopen),
                (6, Hangs, false, wedged(10)),
            ],
        ),
        (
            "one a minute goes on for ever",
            &[
                (0, Hangs, true, Step::Reopen),
                (30, Hangs, true, Step::Reopen),
                (59, Hangs, true, Step::Reopen),
                (60, Hangs, true, Step::Reopen),
                (90, Hangs, true, Step::Reopen),
            ],
        ),
        ("opened anew it refuses", &[(0, Hangs, true, Step::Reopen), (1, Refuses, false, wedged(10))]),
        (
            "it never worked: the settings are to blame",
            &[(0, Refuses, false, rest(10)), (10, Refuses, false, rest(20))],
        ),
        ("a call does not return", &[(0, Stuck, false, wedged(10))]),
        (
            "others have it, which is no reason to start the board anew",
            &[(0, Hangs, true, Step::Reopen), (1, Busy, false, rest(10)), (12, Unfit, false, rest(20))],
        ),
        (
            "the rests get longer up to a limit, until it has worked for a while",
            &[
                (0, Stuck, true, wedged(10)),
                (10, Stuck, false, wedged(20)),
                (30, Stuck, false, wedged(40)),
                (70, Stuck, false, wedged(80)),
                (150, Stuck, false, wedged(160)),
                (310, Stuck, false, wedged(320)),
                (630, Stuck, false, wedged(320)),
                (970, Stuck, true, wedged(320)),
                (1_400, Stuck, true, wedged(10)),
            ],
        ),
        (
            "after a rest it has restarts again",
            &[
                (0, Hangs, true, Step::Reopen),
                (1, Hangs, true, Step::Reopen),
                (2, Hangs, true, Step::Reopen),
                (3, Hangs, true, wedged(10)),
                (14, Hangs, true, Step::Reopen),
            ],
        ),
    ];

    #[test]
    fn each_fault_has_its_step() {
        let began = crate::clock::now();
        for (name, story) in STORIES {
            let mut ladder = Ladder::default();
            for (seconds, fault, coded, step) in *story {
                let now = began + Duration::from_secs(*seconds);
                assert_eq!(ladder.fault(*fault, *coded, now), *step, "{name}: {fault:?} at {seconds} s");
            }
        }
    }
}

//! Whether new viewers are let in: they are refused before those who watch suffer.
//!
//! Two things tell that there is no room for more. Pictures wait: from coded to the kernel, or the housekeeping, which
//! is due once a second, comes late. And memory: what the system, or the control group that we are in, has left.

use std::fmt;
use std::time::Duration;

/// Pictures that wait so long wait for the processor. Where a control group takes it from us for the rest of each tenth
/// of a second, and all is well on the whole, they wait a little less.
const LATE: Duration = Duration::from_millis(100);

/// So many seconds have to be bad in a row: one may be anybody's.
const BAD: u32 = 2;

/// And so many good ones, each at half of that at most, until viewers are let in again.
const GOOD: u32 = 5;

/// What has to be left of the memory: an eighth of what there may be, within these.
const LEAST: u64 = 4 << 20;
const MOST: u64 = 32 << 20;

/// What a second was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Second {
    /// How long nine of ten pictures waited at most, or housekeeping did.
    pub(super) lag: Duration,
    /// What is left of the memory, where it can be told.
    pub(super) memory: Option<Room>,
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) left: u64,
    pub(super) of: u64,
}

impl Room {
    /// What has to be left of it.
    pub(super) fn reserve(self) -> u64 {
        (self.of / 8).clamp(LEAST, MOST)
    }
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strain {
    /// Pictures wait for the processor.
    Late(Duration),
    /// Too little memory is left.
    Memory(Room),
}

impl fmt::Display for Strain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(lag) => write!(f, "pictures wait {} ms for the processor", lag.as_millis()),
            Self::Memory(Room { left, of }) => {
                write!(f, "{} MB of {} MB of memory are left", left >> 20, of >> 20)
            }
        }
    }
}

/// Judges second after second.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    strain: Option<Strain>,
    /// Seconds in a row that say the opposite of what is so.
    against: u32,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Begins(Strain),
    Over,
}

impl Pressure {
    /// A second is over.
    pub(super) fn note(&mut self, second: Second) -> Option<Turn> {
        let Some(strain) = self.strain else {
            // Memory does not come back by waiting: who comes in a second may be one too many.
            let (strain, patience) = match (second.short(1), second.lag > LATE) {
                (Some(memory), _) => (memory, 1),
                (None, true) => (Strain::Late(second.lag), BAD),
                (None, false) => {
                    self.against = 0;
                    return None;
                }
            };
            return self.turns(patience, Turn::Begins(strain));
        };
        let good = match strain {
            Strain::Late(_) => second.lag <= LATE / 2 && second.short(1).is_none(),
            // Twice as much as would do: nobody is let in only to be the last again.
            Strain::Memory(_) => second.short(2).is_none() && second.lag <= LATE,
        };
        if !good {
            self.against = 0;
            return None;
        }
        self.turns(GOOD, Turn::Over)
    }

    /// Why nobody is let in.
    pub(super) fn strain(&self) -> Option<Strain> {
        self.strain
    }

    fn turns(&mut self, patience: u32, turn: Turn) -> Option<Turn> {
        self.against += 1;
        if self.against < patience {
            return None;
        }
        self.against = 0;
        self.strain = match turn {
            Turn::Begins(strain) => Some(strain),
            Turn::Over => None,
        };
        Some(turn)
    }
}

impl Second {
    /// Whether less memory is left than so many times what has to be.
    fn short(self, times: u64) -> Option<Strain> {
        let room = self.memory?;
        (room.left < room.reserve() * times).then_some(Strain::Memory(room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn late(millis: u64) -> Second {
        Second { lag: Duration::from_millis(millis), memory: None }
    }

    fn left(left: u64, of: u64) -> Second {
        Second { memory: Some(Room { left: left * MB, of: of * MB }), ..Second::default() }
    }

    /// Whether somebody would be let in after each second: `y` or `n`.
    fn admits(seconds: &[Second]) -> String {
        let mut pressure = Pressure::default();
        let mut admits = |second: &Second| {
            pressure.note(*second);
            if pressure.strain().is_some() { 'n' } else { 'y' }
        };
        seconds.iter().map(&mut admits).collect()
    }

    #[test]
    fn viewers_are_refused_while_pictures_wait_and_let_in_when_they_have_not_for_a_while() {
        for (lags, expected) in [
            (&[0, 90, 99, 100, 100][..], "yyyyy"),
            (&[0, 400, 0, 400, 0], "yyyyy"),
            (&[0, 101, 101, 0, 0, 0, 0, 0], "yynnnnny"),
            (&[300, 300, 40, 40, 60, 40, 40, 40, 40, 40], "ynnnnnnnny"),
            // As it begins, it says so once.
            (&[300, 300, 300, 300], "ynnn"),
        ] {
            let seconds: Vec<Second> = lags.iter().copied().map(late).collect();
            assert_eq!(admits(&seconds), expected, "{lags:?}");
        }
    }

    #[test]
    fn viewers_are_refused_at_once_where_memory_is_short() {
        for (room, expected) in [
            (&[left(9, 64), left(8, 64), left(7, 64)][..], "yyn"),
            (&[left(7, 64), left(15, 64), left(15, 64), left(15, 64), left(15, 64), left(15, 64)], "nnnnnn"),
            (&[left(7, 64), left(16, 64), left(16, 64), left(16, 64), left(16, 64), left(16, 64)], "nnnnny"),
            // A board of 8 GB has not to keep 1 GB free, and one of 16 MB not just 2.
            (&[left(33, 8192), left(31, 8192)], "yn"),
            (&[left(5, 16), left(3, 16)], "yn"),
        ] {
            assert_eq!(admits(room), expected, "{room:?}");
        }
    }

    #[test]
    fn each_turn_is_told_once_with_its_reason() {
        let mut pressure = Pressure::default();
        let told: Vec<_> = [late(150); 4].into_iter().filter_map(|second| pressure.note(second)).collect();
        let strain = Strain::Late(Duration::from_millis(150));
        assert_eq!(told, [Turn::Begins(strain)]);
        assert_eq!(strain.to_string(), "pictures wait 150 ms for the processor");
        let told: Vec<_> = [late(0); 9].into_iter().filter_map(|second| pressure.note(second)).collect();
        assert_eq!(told, [Turn::Over]);
        let Some(Turn::Begins(short)) = pressure.note(left(3, 64)) else { panic!("it is short") };
        assert_eq!(short.to_string(), "3 MB of 64 MB of memory are left");
    }
}

//! Users who signed in from an address, and how those speak who failed there: in spite of a ban the former have an attempt now
//! and then.

use std::time::{Duration, SystemTime};

use crate::rtsp::auth::Manner;

/// An address with a good user in it keeps an attempt in so long.
const ONE_IN: Duration = Duration::from_secs(10);
/// Of clients that speak like none that signed in, in so long: the first ones' attempt is left to them. So it is between those
/// that nobody heard before and those that failed again and again.
const STRANGE_ONE_IN: Duration = Duration::from_secs(20);
/// Manners of one user that are remembered, and of those that failed at one address.
const MANNERS: usize = 4;
/// Users of one address that are remembered.
const GUESTS: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) user: String,
    pub(super) at: SystemTime,
    /// The latest last.
    pub(super) manners: Vec<Manner>,
}

/// How somebody speaks who claims to be a user of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// As those that signed in as that user.
    Known,
    /// As nobody before: perhaps that user's new program.
    New,
    /// As who failed there again and again.
    Failing,
}

/// The last attempts of an address that were taken in spite of a ban, of whichever user, by how their clients spoke.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    known: Option<SystemTime>,
    new: Option<SystemTime>,
    failing: Option<SystemTime>,
}

impl Taken {
    /// Whether an attempt is taken; the place where it is to be written down when.
    pub(super) fn open(&mut self, speaks: Speaks, now: SystemTime) -> Option<&mut Option<SystemTime>> {
        let rests = |taken: Option<SystemTime>, long| {
            taken.is_some_and(|taken| now.duration_since(taken).is_ok_and(|ago| ago < long))
        };
        if speaks == Speaks::Known {
            return Some(&mut self.known).filter(|taken| !rests(**taken, ONE_IN));
        }
        let others = rests(self.known, STRANGE_ONE_IN) || rests(self.new, STRANGE_ONE_IN);
        match speaks {
            Speaks::Failing => {
                Some(&mut self.failing).filter(|failing| !others && !rests(**failing, STRANGE_ONE_IN))
            }
            _ => Some(&mut self.new).filter(|_| !others),
        }
    }
}

/// In which manners somebody failed at an address, and how often.
#[derive(Clone, Debug, Default)]
pub(super) struct Failing(Vec<(Manner, u32)>);

impl Failing {
    pub(super) fn failed(&mut self, manner: Manner) {
        let before = self.0.iter().position(|(known, _)| *known == manner).map(|index| self.0.remove(index));
        if self.0.len() >= MANNERS {
            self.0.remove(0);
        }
        self.0.push((manner, before.map_or(1, |(_, times)| times.saturating_add(1))));
    }

    /// Whether who speaks so failed more often than by a slip.
    pub(super) fn has(&self, manner: Manner, slips: u32) -> bool {
        self.0.iter().any(|(known, times)| *known == manner && *times > slips)
    }

    /// Who speaks so signed in.
    pub(super) fn forgive(&mut self, manner: Manner) {
        self.0.retain(|(known, _)| *known != manner);
    }
}

impl SignedIn {
    pub(super) fn speaks(&mut self, manner: Manner) {
        self.manners.retain(|known| *known != manner);
        if self.manners.len() >= MANNERS {
            self.manners.remove(0);
        }
        self.manners.push(manner);
    }
}

/// The user is among the guests, the oldest of too many no more.
pub(super) fn remember<'a>(guests: &'a mut Vec<SignedIn>, user: &str, at: SystemTime) -> &'a mut SignedIn {
    let index = guests.iter().position(|guest| guest.user == user).unwrap_or_else(|| {
        if guests.len() >= GUESTS
            && let Some(oldest) = (0..guests.len()).min_by_key(|index| guests[*index].at)
        {
            guests.swap_remove(oldest);
        }
        let (manners, user) = (Vec::new(), user.to_owned());
        guests.push(SignedIn { user, at, manners });
        guests.len() - 1
    });
    guests[index].at = at;
    &mut guests[index]
}

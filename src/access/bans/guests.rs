//! Users who signed in from an address: in spite of a ban they have an attempt now and then.

use std::time::{Duration, SystemTime};

use crate::rtsp::auth::Manner;

/// An address with a good user in it keeps an attempt in so long.
const ONE_IN: Duration = Duration::from_secs(10);
/// Of clients that speak like none that signed in, in so long: the first ones' attempt is left to them.
const STRANGE_ONE_IN: Duration = Duration::from_secs(20);
/// Manners of one user that are remembered.
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

/// The last attempts of an address that were taken in spite of a ban, of whichever user: of a client that speaks as those
/// that signed in as that user, and of any other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    known: Option<SystemTime>,
    strange: Option<SystemTime>,
}

impl Taken {
    /// Whether an attempt is taken; the place where it is to be written down when.
    pub(super) fn open(&mut self, is_known: bool, now: SystemTime) -> Option<&mut Option<SystemTime>> {
        let rests = |taken: Option<SystemTime>, long| {
            taken.is_some_and(|taken| now.duration_since(taken).is_ok_and(|ago| ago < long))
        };
        if is_known {
            return Some(&mut self.known).filter(|taken| !rests(**taken, ONE_IN));
        }
        let hers = rests(self.known, STRANGE_ONE_IN);
        Some(&mut self.strange).filter(|strange| !hers && !rests(**strange, STRANGE_ONE_IN))
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

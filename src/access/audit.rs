//! What happened, for the log and for who looks: bounded, whatever an attacker does.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::SystemTime;

use super::{Ban, Network, Reason};
use crate::plain::is_harmful;

/// Events of each kind that wait to be fetched: those who are refused do not wash away who signed in, and bans.
const KEPT: usize = 256;
/// Refusals of one address that are told one by one; of more it is told how many there were.
const OF_ONE: usize = 8;
/// Characters that are kept of a name that somebody claimed, and of a mount that he asked for.
const CLAIMED: usize = 64;

/// Something that people want to know of afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// When last.
    pub at: SystemTime,
    /// From where, if it was a client.
    pub peer: Option<IpAddr>,
    /// Who, or who he claimed to be; without control characters.
    pub user: Option<String>,
    /// What.
    pub what: What,
    /// How often in a row, since it was fetched last.
    pub times: u32,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A user signed in, on a connection.
    SignedIn {
        /// For which mount, if for one.
        mount: Option<String>,
    },
    /// Somebody was not let in, or may not.
    Refused {
        /// Why.
        reason: Reason,
        /// What mount he asked for, if it came to that.
        mount: Option<String>,
    },
    /// A ban begins.
    Banned(Ban),
    /// A ban was lifted by a person.
    Lifted(Network),
}

/// How often what happened since the start, by its name.
pub type Counters = BTreeMap<&'static str, u64>;

/// What waits to be fetched, and what was counted.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Sign-ins, bans, refusals.
    events: [VecDeque<Audit>; 3],
    lost: u64,
    counters: Counters,
}

impl Journal {
    pub(super) fn note(&mut self, at: SystemTime, peer: Option<IpAddr>, user: Option<&str>, what: What) {
        *self.counters.entry(what.name()).or_default() += 1;
        let events = &mut self.events[what.kind()];
        let mut event = Audit { at, peer, user: user.map(shown), what: what.shown(), times: 1 };
        // An attacker says the same again and again, or something else each time.
        if let Some(known) = events.iter_mut().rev().find(|known| known.is_like(&event)) {
            return known.again(at);
        }
        if let What::Refused { mount, .. } = &mut event.what
            && events.iter().filter(|known| known.peer == peer).count() >= OF_ONE
        {
            (event.user, *mount) = (None, None);
            if let Some(known) = events.iter_mut().rev().find(|known| known.is_like(&event)) {
                return known.again(at);
            }
        }
        if events.len() >= KEPT {
            // The first of it tells more than the last.
            self.lost += 1;
            return;
        }
        events.push_back(event);
    }

    pub(super) fn take(&mut self) -> (Vec<Audit>, u64) {
        let mut events: Vec<Audit> = self.events.iter_mut().flat_map(std::mem::take).collect();
        events.sort_by_key(|event| event.at);
        (events, std::mem::take(&mut self.lost))
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl Audit {
    fn is_like(&self, other: &Self) -> bool {
        (self.peer, &self.user, &self.what) == (other.peer, &other.user, &other.what)
    }

    fn again(&mut self, at: SystemTime) {
        (self.at, self.times) = (at, self.times.saturating_add(1));
    }
}

impl What {
    fn kind(&self) -> usize {
        match self {
            Self::SignedIn { .. } => 0,
            Self::Banned(_) | Self::Lifted(_) => 1,
            Self::Refused { .. } => 2,
        }
    }

    /// As a log may show it.
    fn shown(self) -> Self {
        let of = |mount: Option<String>| mount.map(|mount| shown(&mount));
        match self {
            Self::SignedIn { mount } => Self::SignedIn { mount: of(mount) },
            Self::Refused { reason, mount } => Self::Refused { reason, mount: of(mount) },
            other => other,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::SignedIn { .. } => "signed in",
            Self::Refused { reason, .. } => reason.name(),
            Self::Banned(_) => "bans",
            Self::Lifted(_) => "bans lifted",
        }
    }
}

/// What somebody said, as a log may show it: cut, and without what acts on terminals or turns the direction of text.
fn shown(said: &str) -> String {
    let harmless = |each: char| if is_harmful(each) { '?' } else { each };
    said.chars().take(CLAIMED).map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(journal: &mut Journal, user: &str) {
        let what = What::Refused { reason: Reason::WrongPassword, mount: None };
        journal.note(SystemTime::UNIX_EPOCH, Some([10, 0, 0, 1].into()), Some(user), what);
    }

    #[test]
    fn what_comes_again_is_counted_and_what_is_too_much_is_told_as_a_number() {
        let mut journal = Journal::default();
        for _ in 0..3 {
            refused(&mut journal, "a\nb");
            refused(&mut journal, "admin");
        }
        let (events, lost) = journal.take();
        let told: Vec<_> = events.iter().map(|event| (event.user.as_deref(), event.times)).collect();
        assert_eq!((told, lost), (vec![(Some("a?b"), 3), (Some("admin"), 3)], 0));
        (0..1000).for_each(|number| refused(&mut journal, &format!("{number}{}", "x".repeat(1000))));
        let (events, lost) = journal.take();
        assert_eq!((events.len(), lost), (OF_ONE + 1, 0), "eight by name, the rest by number");
        assert_eq!(events.iter().map(|event| event.times).sum::<u32>(), 1000);
        assert!(events.iter().flat_map(|event| &event.user).all(|user| user.len() <= CLAIMED));
        assert_eq!(journal.counters()[Reason::WrongPassword.name()], 1006);
        assert_eq!(journal.take(), (Vec::new(), 0));
    }

    #[test]
    fn who_is_refused_washes_nobody_away() {
        let mut journal = Journal::default();
        let (at, ip) = (SystemTime::UNIX_EPOCH, |number: u32| Some(IpAddr::V4(number.into())));
        for number in 0..1000 {
            let what = What::Refused { reason: Reason::NoUsers, mount: Some("m".repeat(5000) + "\u{202e}") };
            journal.note(at, ip(number), None, what);
        }
        journal.note(at, ip(1), Some("anna"), What::SignedIn { mount: None });
        let network = "10.0.0.1".parse().unwrap();
        journal.note(at, None, None, What::Lifted(network));
        let (events, lost) = journal.take();
        assert_eq!((events.len(), lost), (KEPT + 2, 1000 - KEPT as u64));
        assert!(events.iter().any(|event| event.user.as_deref() == Some("anna")));
        assert!(events.iter().any(|event| event.what == What::Lifted(network)));
        let long = |event: &Audit| matches!(&event.what, What::Refused { mount: Some(mount), .. } if mount.len() > CLAIMED);
        assert!(!events.iter().any(long));
        assert_eq!(shown("a\u{202e}b\u{1b}[2J"), "a?b?[2J");
    }
}

//! What happened, for the log and for who looks: bounded, whatever an attacker does.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::SystemTime;

use super::{Ban, Network, Reason};

/// Events that wait to be fetched.
const KEPT: usize = 256;
/// Characters that are kept of a name that somebody claimed.
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
    events: VecDeque<Audit>,
    lost: u64,
    counters: Counters,
}

impl Journal {
    pub(super) fn note(&mut self, at: SystemTime, peer: Option<IpAddr>, user: Option<&str>, what: What) {
        *self.counters.entry(what.name()).or_default() += 1;
        let user = user.map(shown);
        let same = |event: &&mut Audit| event.peer == peer && event.user == user && event.what == what;
        // An attacker says the same again and again.
        if let Some(event) = self.events.iter_mut().rev().find(same) {
            (event.at, event.times) = (at, event.times.saturating_add(1));
            return;
        }
        if self.events.len() >= KEPT {
            // The first of it tells more than the last.
            self.lost += 1;
            return;
        }
        self.events.push_back(Audit { at, peer, user, what, times: 1 });
    }

    pub(super) fn take(&mut self) -> (Vec<Audit>, u64) {
        (std::mem::take(&mut self.events).into(), std::mem::take(&mut self.lost))
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl What {
    fn name(&self) -> &'static str {
        match self {
            Self::SignedIn { .. } => "signed in",
            Self::Refused { reason, .. } => reason.name(),
            Self::Banned(_) => "bans",
            Self::Lifted(_) => "bans lifted",
        }
    }
}

/// A claimed name as a log may show it.
fn shown(name: &str) -> String {
    name.chars().take(CLAIMED).map(|each| if each.is_control() { '?' } else { each }).collect()
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
        assert_eq!((events.len(), lost), (KEPT, 1000 - KEPT as u64));
        assert!(events.iter().all(|event| event.user.as_ref().unwrap().len() <= CLAIMED));
        assert_eq!(journal.counters()[Reason::WrongPassword.name()], 1006);
        assert_eq!(journal.take(), (Vec::new(), 0));
    }
}

//! What happened to access: told to the log, and the last of it kept for who looks.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::access::{Audit as Event, What};
use crate::clock;
use crate::control::protocol::AuditEntry;

/// So many attempts are kept, and so many changes: whoever knocks does not wash away what people did.
const KEPT: usize = 100;
/// What comes again within this time is counted.
const AGAIN: Duration = Duration::from_secs(600);
/// Lines at once in the log; the rest is told as a number.
const LINES: usize = 20;

/// What happened, within bounds.
#[derive(Debug, Default)]
pub(super) struct Audit {
    attempts: VecDeque<Entry>,
    changes: VecDeque<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    at: SystemTime,
    who: Option<String>,
    address: Option<IpAddr>,
    what: String,
    times: u32,
}

impl Audit {
    /// What a person or a program changed.
    pub(super) fn changed(&mut self, who: &str, what: &str, now: SystemTime) {
        tracing::info!(target: ROOM, who, "{what}");
        let entry =
            Entry { at: now, who: Some(who.to_owned()), address: None, what: what.to_owned(), times: 1 };
        keep(&mut self.changes, entry);
    }

    /// What clients tried, and what was more than is told one by one.
    pub(super) fn tried(&mut self, events: Vec<Event>, more: u64) {
        let (mut told, mut untold) = (0, more);
        for event in events {
            // Of who bans and lifts by hand it is known who did it: it is told as a change.
            if event.peer.is_none() {
                continue;
            }
            let entry = Entry {
                what: sentence(&event.what),
                who: event.user,
                address: event.peer,
                at: event.at,
                times: event.times,
            };
            if told < LINES {
                tell(&entry, matches!(event.what, What::SignedIn { .. }));
                told += 1;
            } else {
                untold += u64::from(entry.times);
            }
            keep(&mut self.attempts, entry);
        }
        if untold > 0 {
            tracing::warn!(target: ROOM, "{untold} attempts more than are told one by one");
        }
    }

    /// The newest first.
    pub(super) fn entries(&self) -> Vec<AuditEntry> {
        let mut all: Vec<&Entry> = self.attempts.iter().chain(&self.changes).collect();
        all.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        let told = |entry: &Entry| AuditEntry {
            at: clock::rfc3339(entry.at),
            who: entry.who.clone(),
            address: entry.address.map(|ip| ip.to_string()),
            what: entry.what.clone(),
            times: entry.times,
        };
        all.into_iter().map(told).collect()
    }
}

/// The room that these lines of the log are of.
const ROOM: &str = "lenslet::access";

fn tell(entry: &Entry, welcome: bool) {
    let user = entry.who.as_deref().unwrap_or("-");
    let from = entry.address.map(|ip| ip.to_string()).unwrap_or_default();
    let times = if entry.times > 1 { format!(" ({} times)", entry.times) } else { String::new() };
    if welcome {
        tracing::info!(target: ROOM, user, from, "{}{times}", entry.what);
    } else {
        tracing::warn!(target: ROOM, user, from, "{}{times}", entry.what);
    }
}

/// Keeps an entry; one like it is counted, and is the newest then.
fn keep(entries: &mut VecDeque<Entry>, mut entry: Entry) {
    let same = |known: &Entry| {
        (&known.who, known.address, &known.what) == (&entry.who, entry.address, &entry.what)
            && entry.at.duration_since(known.at).unwrap_or_default() < AGAIN
    };
    if let Some(known) = entries.iter().position(same).and_then(|index| entries.remove(index)) {
        entry.times = entry.times.saturating_add(known.times);
    }
    if entries.len() >= KEPT {
        entries.pop_front();
    }
    entries.push_back(entry);
}

fn sentence(what: &What) -> String {
    let of = |mount: &Option<String>| mount.as_ref().map(|mount| format!(" to {mount}")).unwrap_or_default();
    match what {
        What::SignedIn { mount } => format!("signed in{}", of(mount)),
        What::Refused { reason, mount } => format!("was not let in{}: {}", of(mount), reason.name()),
        What::Banned(ban) => {
            format!("{} is banned until {}: {}", ban.network, clock::rfc3339(ban.until), ban.why)
        }
        What::Lifted(network) => format!("{network} is not banned any more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Reason;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn refused(user: &str, seconds: u64) -> Event {
        let what = What::Refused { reason: Reason::WrongPassword, mount: Some("cam".into()) };
        Event { at: at(seconds), peer: Some([10, 0, 0, 1].into()), user: Some(user.into()), what, times: 2 }
    }

    #[test]
    fn what_comes_again_is_counted_and_nothing_washes_away_what_people_did() {
        let mut audit = Audit::default();
        audit.changed("uid 0", "\"anna\" is a user", at(1));
        audit.tried(vec![refused("anna", 2)], 0);
        audit.tried(vec![refused("anna", 3), refused("bob", 3)], 7);
        let told = |audit: &Audit| -> Vec<(String, u32)> {
            audit.entries().into_iter().map(|entry| (entry.who.unwrap(), entry.times)).collect()
        };
        let mut first = told(&audit);
        first[..2].sort();
        assert_eq!(first, [("anna".into(), 4), ("bob".into(), 2), ("uid 0".into(), 1)]);
        audit.tried(vec![refused("anna", 604)], 0);
        assert_eq!(told(&audit)[0], ("anna".into(), 2), "long ago is told apart");
        audit.tried((0..1000).map(|number| refused(&number.to_string(), 700)).collect(), 0);
        let entries = audit.entries();
        assert_eq!(entries.len(), KEPT + 1);
        assert_eq!(
            (entries[KEPT].what.as_str(), entries[0].address.as_deref()),
            ("\"anna\" is a user", Some("10.0.0.1"))
        );
    }
}

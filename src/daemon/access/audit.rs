//! What happened to access: told to the log, and the last of it kept for who looks.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::access::{Audit as Event, Reason, What};
use crate::amount::amount;
use crate::clock;
use crate::control::protocol::AuditEntry;
use crate::plain::is_harmful;

/// So many of each kind are kept: whoever knocks does not wash away who signed in, bans, and what people did.
const KEPT: usize = 100;
/// Refusals of one address among them that are told apart.
const OF_ONE: usize = 16;
/// What comes again within this time is counted.
const AGAIN: Duration = Duration::from_secs(600);
/// Lines of a kind in the log within a minute; the rest is told as a number.
const LINES: usize = 60;
/// What is refused again is told of once in so long.
const QUIET: Duration = Duration::from_secs(60);
/// Refusals that are counted at once until they are told of again.
const COUNTED: usize = 256;

/// What happened, within bounds.
#[derive(Debug, Default)]
pub(super) struct Audit {
    changes: VecDeque<Entry>,
    signed_in: VecDeque<Entry>,
    bans: VecDeque<Entry>,
    refused: VecDeque<Entry>,
    /// What was told of lately, and is counted meanwhile.
    quiet: HashMap<Key, Quiet>,
    lines: [Lines; 3],
}

/// Of a banned address it does not matter whose name it says.
type Key = (Option<IpAddr>, String, Option<String>);

#[derive(Debug)]
struct Quiet {
    since: SystemTime,
    entry: Entry,
}

/// What may be told of a kind.
#[derive(Clone, Copy, Debug, Default)]
struct Lines {
    since: Option<SystemTime>,
    told: usize,
    untold: u64,
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

    /// What clients tried, and what was more than is told one by one. Once a second or so.
    pub(super) fn tried(&mut self, events: Vec<Event>, more: u64, now: SystemTime) {
        self.lines[REFUSED].untold += more;
        self.tell_counted(now);
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
            match event.what {
                What::SignedIn { .. } => {
                    self.tell(SIGNED_IN, &entry, now);
                    keep(&mut self.signed_in, entry);
                }
                What::Banned(_) | What::Lifted(_) => {
                    self.tell(BANS, &entry, now);
                    keep(&mut self.bans, entry);
                }
                What::Refused { reason, .. } => {
                    let banned = matches!(reason, Reason::Banned(_));
                    self.count(&entry, banned, now);
                    let entry = self.one_of_few(entry, reason);
                    keep(&mut self.refused, entry);
                }
            }
        }
    }

    /// Tells of a refusal, or counts it where one like it was told of lately.
    fn count(&mut self, entry: &Entry, banned: bool, now: SystemTime) {
        let who = entry.who.clone().filter(|_| !banned);
        let what = if banned { Reason::Banned(now).name().to_owned() } else { entry.what.clone() };
        let key = (entry.address, what, who);
        if let Some(quiet) = self.quiet.get_mut(&key) {
            quiet.entry.times = quiet.entry.times.saturating_add(entry.times);
            return;
        }
        self.tell(REFUSED, entry, now);
        if self.quiet.len() < COUNTED {
            let entry = Entry { who: key.2.clone(), times: 0, ..entry.clone() };
            self.quiet.insert(key, Quiet { since: now, entry });
        }
    }

    /// Tells of what was counted for long enough.
    fn tell_counted(&mut self, now: SystemTime) {
        let over = |quiet: &Quiet| passed(quiet.since, now) >= QUIET;
        let due: Vec<Key> =
            self.quiet.iter().filter(|(_, quiet)| over(quiet)).map(|(key, _)| key.clone()).collect();
        for key in due {
            let Some(Quiet { entry, .. }) = self.quiet.remove(&key).filter(|quiet| quiet.entry.times > 0)
            else {
                continue;
            };
            self.tell(REFUSED, &entry, now);
            let entry = Entry { times: 0, ..entry };
            self.quiet.insert(key, Quiet { since: now, entry });
        }
        for lines in &mut self.lines {
            if lines.since.is_some_and(|since| passed(since, now) >= QUIET) {
                if lines.untold > 0 {
                    let untold = lines.untold;
                    tracing::warn!(target: ROOM, "{} more than are told one by one", amount(untold, "attempt"));
                }
                *lines = Lines::default();
            }
        }
    }

    /// A line of the log, if it is not one too many of its kind.
    fn tell(&mut self, kind: usize, entry: &Entry, now: SystemTime) {
        let lines = &mut self.lines[kind];
        lines.since.get_or_insert(now);
        if lines.told >= LINES {
            lines.untold += u64::from(entry.times);
            return;
        }
        lines.told += 1;
        tell(entry, kind == SIGNED_IN);
    }

    /// The entry, or where its address has many already the one of what else it tried.
    fn one_of_few(&self, entry: Entry, reason: Reason) -> Entry {
        let its = self.refused.iter().filter(|known| known.address == entry.address).count();
        if its < OF_ONE || self.refused.iter().any(|known| known.is_like(&entry)) {
            return entry;
        }
        Entry { who: None, what: sentence(&What::Refused { reason, mount: None }), ..entry }
    }

    /// The newest first.
    pub(super) fn entries(&self) -> Vec<AuditEntry> {
        let mut all: Vec<&Entry> =
            [&self.changes, &self.signed_in, &self.bans, &self.refused].into_iter().flatten().collect();
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

/// Characters that are kept of what a person says.
const SAID: usize = 200;
/// Kinds of lines.
const SIGNED_IN: usize = 0;
const BANS: usize = 1;
const REFUSED: usize = 2;

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
    let same = |known: &Entry| known.is_like(&entry) && passed(known.at, entry.at) < AGAIN;
    if let Some(known) = entries.iter().position(same).and_then(|index| entries.remove(index)) {
        entry.times = entry.times.saturating_add(known.times);
    }
    if entries.len() >= KEPT {
        entries.pop_front();
    }
    entries.push_back(entry);
}

impl Entry {
    fn is_like(&self, other: &Self) -> bool {
        (&self.who, self.address, &self.what) == (&other.who, other.address, &other.what)
    }
}

fn passed(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or_default()
}

/// What a person says, as a list may show it: no longer than a line or two, and nothing that acts on terminals.
pub(super) fn shown(said: &str) -> String {
    said.chars().take(SAID).map(|each| if is_harmful(each) { '?' } else { each }).collect()
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
    use crate::access::Ban;

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
        audit.tried(vec![refused("anna", 2)], 0, at(2));
        audit.tried(vec![refused("anna", 3), refused("bob", 3)], 7, at(3));
        let told = |audit: &Audit| -> Vec<(String, u32)> {
            audit.entries().into_iter().map(|entry| (entry.who.unwrap(), entry.times)).collect()
        };
        let mut first = told(&audit);
        first[..2].sort();
        assert_eq!(first, [("anna".into(), 4), ("bob".into(), 2), ("uid 0".into(), 1)]);
        audit.tried(vec![refused("anna", 604)], 0, at(604));
        assert_eq!(told(&audit)[0], ("anna".into(), 2), "long ago is told apart");
        audit.tried((0..1000).map(|number| refused(&number.to_string(), 700)).collect(), 0, at(700));
        let entries = audit.entries();
        assert!(entries.len() <= OF_ONE + 4, "one address is not all there is: {}", entries.len());
        let others = |number: u32| Event { peer: Some(IpAddr::V4(number.into())), ..refused("x", 800) };
        let signed_in = What::SignedIn { mount: Some("cam".into()) };
        audit.tried(vec![Event { what: signed_in, ..refused("carla", 701) }], 0, at(701));
        let ban = Ban { network: "10.0.0.1".parse().unwrap(), until: at(900), why: "why".into() };
        audit.tried(vec![Event { what: What::Banned(ban), ..refused("x", 702) }], 0, at(702));
        audit.tried((0..1000).map(others).collect(), 0, at(800));
        let entries = audit.entries();
        assert_eq!(entries.len(), KEPT + 3);
        for what in ["\"anna\" is a user", "signed in to cam", "10.0.0.1 is banned until"] {
            assert!(entries.iter().any(|entry| entry.what.starts_with(what)), "{what}");
        }
    }

    #[test]
    fn a_banned_address_is_told_of_once_a_minute() {
        let mut audit = Audit::default();
        let told = |audit: &Audit| audit.lines[REFUSED].told;
        let banned = |second, user: &str| Event {
            what: What::Refused { reason: Reason::Banned(at(9000)), mount: None },
            ..refused(user, second)
        };
        for second in 0..60 {
            audit.tried(vec![banned(second, "anna"), banned(second, &second.to_string())], 0, at(second));
        }
        assert_eq!(told(&audit), 1);
        let counted: u32 = audit.quiet.values().map(|quiet| quiet.entry.times).sum();
        assert_eq!(counted, 4 * 60 - 2, "all but what was told");
        audit.tried(Vec::new(), 0, at(60));
        assert_eq!((told(&audit), audit.quiet.len()), (0, 1), "told of, in a minute that is over");
        audit.tried(Vec::new(), 0, at(120));
        assert!(audit.quiet.is_empty(), "it went away");
    }
}

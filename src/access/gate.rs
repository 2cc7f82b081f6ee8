//! The one place that is asked who may: the server's workers ask it, the daemon gives it the rules. From any thread.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use super::audit::Journal;
use super::{
    Admission, Audit, Ban, Bans, Counters, Memory, Network, Reason, Refused, Right, Rules, Users, What,
};
use crate::rtsp::auth::{Asked, Challenger, Identity, Manner, Verdict};

/// What is told of a mount in place of a name that is none.
const NO_MOUNT: &str = "a mount that there is not";

/// Who is asked by all.
#[derive(Debug)]
pub struct Gate {
    rules: RwLock<Arc<Current>>,
    bans: Mutex<Bans>,
    journal: Mutex<Journal>,
    /// How often the rules were replaced.
    changes: AtomicU64,
}

#[derive(Debug)]
struct Current {
    rules: Rules,
    challenger: Challenger,
    /// Which of the passwords that it had each name has: numbers that are never given again.
    passwords: BTreeMap<String, u64>,
}

/// What time it is.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the wall's clock: bans end by it. It may step.
    pub wall: SystemTime,
    /// Since any fixed time: nonces end by it.
    pub steady: Duration,
}

/// A request, as far as it matters for whether it may be.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// From where.
    pub peer: IpAddr,
    /// On which connection: its number.
    pub connection: u64,
    /// Its method, as it was written.
    pub method: &'a str,
    /// Its URI, as it was written.
    pub uri: &'a str,
    /// The mount that it is about, by its own name.
    pub mount: Option<&'a str>,
    /// There is that mount. What names none is a stranger's text, and is told nowhere: it may hold a password.
    pub is_mount: bool,
    /// What right it needs.
    pub right: Right,
    /// The value of its `Authorization`.
    pub authorization: Option<&'a str>,
    /// What program asks, as it says.
    pub agent: Option<&'a str>,
    /// Who signed in on its connection before.
    pub held: Option<&'a Identity>,
    /// It is about a session that was set up on its connection.
    pub own_session: bool,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It is answered: to this user, or to nobody in particular where there are no users.
    Granted(Option<Identity>),
    /// It is answered 401 with these values of `WWW-Authenticate`, after a while.
    Challenge {
        /// The values.
        headers: Vec<String>,
        /// How long the answer waits.
        delay: Duration,
    },
    /// It is answered 403.
    Forbidden(Reason),
    /// It is answered 403 after a while, and the connection ends.
    Banned {
        /// How long the answer waits.
        delay: Duration,
    },
}

impl Gate {
    /// By these rules; `secret` is random and of this process alone.
    pub fn new(rules: Rules, secret: [u8; 32]) -> Self {
        let challenger =
            Challenger::new(rules.users.realm(), secret, rules.basic).with_nonces_of(rules.nonce_lives);
        Self {
            bans: Mutex::new(Bans::new(rules.policy.clone())),
            rules: RwLock::new(Arc::new(Current { passwords: numbered(&rules.users), rules, challenger })),
            journal: Mutex::default(),
            changes: AtomicU64::new(0),
        }
    }

    /// By other rules from now on. Bans go on, and so does what was asked of clients. Whose password is another one has to sign
    /// in anew.
    pub fn replace(&self, rules: Rules) {
        self.bans().set_policy(rules.policy.clone());
        let mut current = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        let challenger =
            current.challenger.with(rules.users.realm(), rules.basic).with_nonces_of(rules.nonce_lives);
        let number = self.changes() + 1;
        let passwords = renumbered(&current, &rules.users, number);
        *current = Arc::new(Current { rules, challenger, passwords });
        self.changes.store(number, Ordering::Release);
    }

    /// The rules now.
    pub fn rules(&self) -> Rules {
        self.current().rules.clone()
    }

    /// How often the rules were replaced: those who are in are to be looked at again by [`Gate::still`].
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether a connection from there is taken, before anything is read.
    ///
    /// # Errors
    /// Why not; it is counted.
    pub fn admit(&self, ip: IpAddr, now: Now) -> Result<(), Refused> {
        let reason = match (self.current().rules.admit(ip), self.bans().admit(ip, now.wall)) {
            (Err(reason), _) => reason,
            (Ok(()), Admission::Banned(until)) => Reason::Banned(until),
            (Ok(()), Admission::Open | Admission::Guests(_)) => return Ok(()),
        };
        self.note(now, Some(ip), None, What::Refused { reason, mount: None });
        let retry_after = match reason {
            Reason::Banned(until) => until.duration_since(now.wall).ok(),
            _ => None,
        };
        Err(Refused { reason, retry_after })
    }

    /// What becomes of a request.
    pub fn sign_in(&self, attempt: &Attempt<'_>, now: Now) -> Ruling {
        let current = self.current();
        if current.rules.users.is_empty() {
            return self.ruled(&current, attempt, None, now);
        }
        // By a password that is another one now he is not in.
        let held = attempt.held.filter(|held| current.knows(held)).cloned();
        let Some(value) = attempt.authorization else {
            if let Some(held) = held.filter(|_| attempt.own_session) {
                return self.ruled(&current, attempt, Some(held), now);
            }
            return match self.bans().admit(attempt.peer, now.wall) {
                Admission::Banned(until) => self.banned(attempt, None, until, now),
                Admission::Open | Admission::Guests(_) => {
                    current.challenge(attempt, now, false, Duration::ZERO)
                }
            };
        };
        let Attempt { method, uri, peer, connection, .. } = *attempt;
        let asked = Asked { method, uri, peer, connection, now: now.steady };
        let verdict = current.challenger.check(value, &asked, |user| current.rules.users.secret(user));
        let claimed = match &verdict {
            Verdict::Known(user) | Verdict::Stale(user) | Verdict::Old(user) => Some(user.as_str()),
            Verdict::Wrong(user) => user.as_deref(),
            Verdict::Unasked => None,
        };
        // Who is in is not kept from what he may; who is not is not told whether he was right.
        if held.as_ref().is_none_or(|held| claimed != Some(&*held.name)) {
            let again = matches!(verdict, Verdict::Stale(_) | Verdict::Old(_));
            let mut bans = self.bans();
            let admission = match bans.admit(peer, now.wall) {
                Admission::Guests(_) => bans.attempt(peer, claimed, attempt.manner(), again, now.wall),
                other => other,
            };
            drop(bans);
            match (admission, &verdict) {
                (Admission::Banned(until), _) => return self.banned(attempt, claimed, until, now),
                // Nor whose name is known here.
                (Admission::Guests(_), Verdict::Wrong(_)) => {
                    self.failed(&current, attempt, claimed, now);
                    return Ruling::Banned { delay: current.rules.policy.delay };
                }
                _ => {}
            }
        }
        match verdict {
            Verdict::Known(user) => self.ruled(&current, attempt, Some(current.identity(&user)), now),
            // Some clients (retina) take a second 401 for the last word.
            Verdict::Old(user) if is_held(&held, &user) => self.ruled(&current, attempt, held, now),
            Verdict::Stale(user) if attempt.own_session && is_held(&held, &user) => {
                self.ruled(&current, attempt, held, now)
            }
            Verdict::Stale(_) | Verdict::Old(_) => current.challenge(attempt, now, true, Duration::ZERO),
            Verdict::Unasked => current.challenge(attempt, now, false, Duration::ZERO),
            Verdict::Wrong(user) => self.failed(&current, attempt, user.as_deref(), now),
        }
    }

    /// Whether who plays may go on by the rules now. Bans are of attempts.
    ///
    /// # Errors
    /// Why not.
    pub fn still(&self, ip: IpAddr, user: Option<&Identity>, mount: &str) -> Result<(), Reason> {
        let current = self.current();
        let known = current.rules.users.is_empty() || user.is_none_or(|user| current.knows(user));
        match current.rules.may(ip, user.map(|user| &*user.name), Right::Read, Some(mount)) {
            Ok(()) if !known => Err(Reason::Outdated),
            Err(Reason::WrongPassword) => Err(Reason::Outdated),
            done => done,
        }
    }

    /// These users are there still, each at an address where he signed in.
    pub fn present<'a>(&self, users: impl Iterator<Item = (IpAddr, &'a str)>, now: Now) {
        let mut users = users.peekable();
        if users.peek().is_some() {
            let mut bans = self.bans();
            users.for_each(|(ip, user)| bans.present(ip, user, now.wall));
        }
    }

    /// The bans that last, by their end.
    pub fn list_bans(&self, now: Now) -> Vec<Ban> {
        self.bans().list(now.wall)
    }

    /// A person bans a network for so long; false where there are too many bans already.
    pub fn ban(&self, network: Network, length: Duration, why: &str, now: Now) -> bool {
        let Some(until) = now.wall.checked_add(length) else { return false };
        let done = self.bans().ban(network, until, why, now.wall);
        if done {
            self.note(now, None, None, What::Banned(Ban { network, until, why: why.to_owned() }));
        }
        done
    }

    /// A person lifts the bans of a network and of all within it; whether there were any.
    pub fn lift(&self, network: Network, now: Now) -> bool {
        let done = self.bans().lift(network, now.wall);
        if done {
            self.note(now, None, None, What::Lifted(network));
        }
        done
    }

    /// The banned network that another one is in.
    pub fn covering_ban(&self, network: Network, now: Now) -> Option<Network> {
        self.bans().covering(network, now.wall)
    }

    /// What is to be kept over a restart. Once a second or so, which also ends what a clock set back makes too long.
    pub fn memory(&self, now: Now) -> Memory {
        let mut bans = self.bans();
        bans.settle(now.wall);
        bans.memory(now.wall)
    }

    /// Takes what was kept.
    pub fn restore(&self, memory: Memory, now: Now) {
        self.bans().restore(memory, now.wall);
    }

    /// How often what happened since the start.
    pub fn counters(&self) -> Counters {
        self.journal().counters()
    }

    /// What happened since the last call, and how much more did than was kept.
    pub fn take_events(&self) -> (Vec<Audit>, u64) {
        self.journal().take()
    }

    /// The password was right, or none is needed: may he?
    fn ruled(&self, current: &Current, attempt: &Attempt<'_>, user: Option<Identity>, now: Now) -> Ruling {
        let Attempt { peer, mount, right, held, .. } = *attempt;
        let name = user.as_ref().map(|user| &*user.name);
        if let Some(name) = name.filter(|_| held != user.as_ref()) {
            self.bans().signed_in(peer, name, attempt.manner(), now.wall);
            let what = What::SignedIn { mount: attempt.told() };
            self.note(now, Some(peer), Some(name), what);
        }
        match current.rules.may(peer, name, right, mount) {
            Ok(()) => Ruling::Granted(user),
            // He was removed while he was in.
            Err(Reason::WrongPassword) => current.challenge(attempt, now, false, Duration::ZERO),
            Err(reason) => {
                self.note(now, Some(peer), name, What::Refused { reason, mount: attempt.told() });
                Ruling::Forbidden(reason)
            }
        }
    }

    fn failed(&self, current: &Current, attempt: &Attempt<'_>, user: Option<&str>, now: Now) -> Ruling {
        let consequence = self.bans().failed(attempt.peer, user, attempt.manner(), now.wall);
        let mount = attempt.told();
        let what = What::Refused { reason: Reason::WrongPassword, mount };
        self.note(now, Some(attempt.peer), user, what);
        let Some(ban) = consequence.banned else {
            return current.challenge(attempt, now, false, consequence.delay);
        };
        self.note(now, Some(attempt.peer), None, What::Banned(ban));
        Ruling::Banned { delay: consequence.delay }
    }

    fn banned(&self, attempt: &Attempt<'_>, user: Option<&str>, until: SystemTime, now: Now) -> Ruling {
        let mount = attempt.told();
        self.note(now, Some(attempt.peer), user, What::Refused { reason: Reason::Banned(until), mount });
        // Guesses that are not looked at are not to come fast either.
        Ruling::Banned { delay: self.current().rules.policy.delay }
    }

    fn note(&self, now: Now, peer: Option<IpAddr>, user: Option<&str>, what: What) {
        self.journal().note(now.wall, peer.map(|ip| ip.to_canonical()), user, what);
    }

    fn current(&self) -> Arc<Current> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn bans(&self) -> MutexGuard<'_, Bans> {
        self.bans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// The mount as people are told of it: quoted where it could be read as something else.
    fn told(&self) -> Option<String> {
        let plain = |each: char| each.is_alphanumeric() || "-_./".contains(each);
        match self.mount? {
            _ if !self.is_mount => Some(NO_MOUNT.to_owned()),
            name if name.chars().all(plain) => Some(name.to_owned()),
            name => Some(format!("{name:?}")),
        }
    }

    fn manner(&self) -> Manner {
        Manner::of(self.agent, self.authorization)
    }
}

/// Whether who signed in on the connection is that user.
fn is_held(held: &Option<Identity>, user: &str) -> bool {
    held.as_ref().is_some_and(|held| *held.name == *user)
}

/// Each user's first password that is known.
fn numbered(users: &Users) -> BTreeMap<String, u64> {
    users.iter().map(|(name, _)| (name.to_owned(), 0)).collect()
}

/// The passwords that are as they were keep their number, all others have this one.
fn renumbered(before: &Current, users: &Users, number: u64) -> BTreeMap<String, u64> {
    let same = |name: &str| {
        let known = before.passwords.get(name).copied();
        known.filter(|_| before.rules.users.secret(name) == users.secret(name))
    };
    users.iter().map(|(name, _)| (name.to_owned(), same(name).unwrap_or(number))).collect()
}

impl Current {
    fn identity(&self, name: &str) -> Identity {
        Identity { name: name.into(), password: self.passwords.get(name).copied().unwrap_or_default() }
    }

    /// Whether he signed in by the password that is his now.
    fn knows(&self, user: &Identity) -> bool {
        self.passwords.get(&*user.name) == Some(&user.password)
    }

    fn challenge(&self, attempt: &Attempt<'_>, now: Now, stale: bool, delay: Duration) -> Ruling {
        Ruling::Challenge { headers: self.challenger.challenges(attempt.peer, now.steady, stale), delay }
    }
}

#[cfg(test)]
mod tests;

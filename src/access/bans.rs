//! Failures to sign in, what they cost, and bans.
//!
//! | an address has | its next attempt |
//! |---|---|
//! | failed less than [`Policy::free`] times within a minute | is answered at once |
//! | failed more often | is answered late, on that connection alone |
//! | failed [`Policy::most`] times within a minute | is refused for a while: longer each time, up to a day |
//! | been banned, and a user signed in from it within a week | is taken once in ten seconds if it is that user's, by a client of the [`Manner`] that signed in, however many users there are: who shares the address can come back |
//! | been exempted | is answered at once, always |
//!
//! What plays goes on: a ban is of attempts.
//!
//! Behind one router a thief and a good client are one address, and he may know her name. Of his guesses and her answer the
//! server cannot take more than one in ten seconds together, or he would have more guesses; which one it takes has to be
//! told by something else than the password. That is how a client speaks: what program it says that it is, and how it
//! writes its `Authorization`. Clients of the manner in which she signed in have their attempt to themselves; all others
//! share one in twenty seconds, and only where hers was not taken in that time, so that both together are no more than one
//! in ten. A thief who imitates her player to the letter competes with her for each attempt.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Network;
use crate::rtsp::auth::Manner;

/// Failures are counted over so long.
const WINDOW: Duration = Duration::from_secs(60);
/// A sign-in is remembered so long.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);
/// An address with a good user in it keeps an attempt in so long.
const ONE_IN: Duration = Duration::from_secs(10);
/// Of clients that speak like none that signed in, in so long: the first ones' attempt is left to them.
const STRANGE_ONE_IN: Duration = Duration::from_secs(20);
/// Manners of one user that are remembered.
const MANNERS: usize = 4;
/// Each ban is so many times as long as the one before it.
const LONGER: u32 = 6;
/// Users of one address that are remembered.
const GUESTS: usize = 8;
/// Bans by people, at most.
const BY_HAND: usize = 1024;
/// Addresses that are kept in mind at once; those that failed least lately are forgotten first.
const KEPT: usize = 4096;

/// How much is suffered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Failures within a minute that cost nothing: a password mistyped.
    pub free: u32,
    /// Failures within a minute that end in a ban.
    pub most: u32,
    /// What each failure in between costs.
    pub delay: Duration,
    /// The first ban.
    pub first_ban: Duration,
    /// The longest ban; after that long without one the next is a first one again.
    pub longest_ban: Duration,
    /// From here nobody is banned.
    pub exempt: Vec<Network>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            free: 3,
            most: 10,
            delay: Duration::from_secs(2),
            first_ban: Duration::from_secs(5 * 60),
            longest_ban: Duration::from_secs(24 * 3600),
            exempt: Vec::new(),
        }
    }
}

/// Whether an attempt is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Open,
    /// It is if it is one of a user who signed in from there: ask by [`Bans::attempt`] once that is known.
    Guests(SystemTime),
    /// It is not, until then.
    Banned(SystemTime),
}

/// What a failure costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// The answer waits so long.
    pub delay: Duration,
    /// A ban begins.
    pub banned: Option<Ban>,
}

/// A ban, as people see it and as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Whose: of IPv6 the first of 64 bits' addresses, which one client has all of.
    pub network: Network,
    /// When it ends.
    pub until: SystemTime,
    /// Why, in a sentence.
    pub why: String,
}

/// A user who signed in, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// From where.
    pub network: Network,
    /// Who.
    pub user: String,
    /// When last.
    pub at: SystemTime,
    /// How the clients spoke.
    #[serde(default)]
    pub manners: Vec<Manner>,
}

/// How often an address was banned lately, as it is kept: the next ban is longer for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose.
    pub network: Network,
    /// Bans so far.
    pub bans: u32,
    /// When the last one ends or ended.
    pub until: SystemTime,
}

/// What is kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Bans of addresses whose passwords were wrong.
    pub bans: Vec<Ban>,
    /// Bans by people.
    pub by_hand: Vec<Ban>,
    /// How often addresses were banned lately.
    pub records: Vec<Record>,
    /// Who signed in from where within a week.
    pub guests: Vec<Guest>,
}

/// What is known of addresses.
#[derive(Debug, Default)]
pub struct Bans {
    policy: Policy,
    known: HashMap<Network, Known>,
    by_hand: Vec<Ban>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// When, and of whom by a number that stands for the name.
    failures: Vec<(SystemTime, Option<u64>)>,
    ban: Option<Ban>,
    /// Bans so far.
    bans: u32,
    guests: Vec<SignedIn>,
    taken: Taken,
    seen: Option<SystemTime>,
}

#[derive(Clone, Debug)]
struct SignedIn {
    user: String,
    at: SystemTime,
    /// The latest last.
    manners: Vec<Manner>,
}

/// The last attempts of an address that were taken in spite of a ban, of whichever user: of a client that speaks as those
/// that signed in as that user, and of any other.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    known: Option<SystemTime>,
    strange: Option<SystemTime>,
}

impl Taken {
    /// Whether an attempt is taken; the place where it is to be written down when.
    fn open(&mut self, is_known: bool, now: SystemTime) -> Option<&mut Option<SystemTime>> {
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
    fn speaks(&mut self, manner: Manner) {
        self.manners.retain(|known| *known != manner);
        if self.manners.len() >= MANNERS {
            self.manners.remove(0);
        }
        self.manners.push(manner);
    }
}

impl Known {
    fn banned_until(&self, now: SystemTime) -> Option<SystemTime> {
        self.ban.as_ref().map(|ban| ban.until).filter(|until| *until > now)
    }
}

impl Bans {
    /// With nothing known yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Other rules from now on; bans that there are go on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Whether attempts of this address are looked at.
    pub fn admit(&self, ip: IpAddr, now: SystemTime) -> Admission {
        if self.is_exempt(ip) {
            return Admission::Open;
        }
        if let Some(ban) = self.by_hand.iter().find(|ban| ban.until > now && ban.network.contains(ip)) {
            return Admission::Banned(ban.until);
        }
        let Some(known) = self.known.get(&Network::of_customer(ip)) else { return Admission::Open };
        match known.banned_until(now) {
            None => Admission::Open,
            Some(until) if known.guests.iter().any(|guest| since(guest.at, now) < REMEMBERED) => {
                Admission::Guests(until)
            }
            Some(until) => Admission::Banned(until),
        }
    }

    /// Whether this attempt is looked at, of who claims to be that user and speaks like that: [`Admission::Guests`] if it is
    /// in spite of a ban, which it then is no more for a while. `again`: its client will make it once more, and that counts.
    pub fn attempt(
        &mut self,
        ip: IpAddr,
        user: Option<&str>,
        manner: Manner,
        again: bool,
        now: SystemTime,
    ) -> Admission {
        let Admission::Guests(until) = self.admit(ip, now) else { return self.admit(ip, now) };
        let Some(known) = self.known.get_mut(&Network::of_customer(ip)) else { return Admission::Open };
        let guest = known.guests.iter().find(|guest| Some(guest.user.as_str()) == user);
        let guest = guest.filter(|guest| since(guest.at, now) < REMEMBERED);
        let Some(taken) = guest.and_then(|guest| known.taken.open(guest.manners.contains(&manner), now))
        else {
            return Admission::Banned(until);
        };
        if !again {
            *taken = Some(now);
        }
        Admission::Guests(until)
    }

    /// A password was wrong, of who claims to be that user.
    pub fn failed(&mut self, ip: IpAddr, user: Option<&str>, now: SystemTime) -> Consequence {
        let none = Consequence { delay: Duration::ZERO, banned: None };
        if self.is_exempt(ip) {
            return none;
        }
        let Policy { free, most, delay, first_ban, longest_ban, .. } = self.policy;
        let network = Network::of_customer(ip);
        let known = self.known(network, now);
        // Those of a time to come are of a clock that was set back since.
        known.failures.retain(|(time, _)| since(*time, now).max(since(now, *time)) < WINDOW);
        known.failures.push((now, user.map(number_of)));
        let failures = known.failures.len() as u32;
        if failures < most {
            return if failures > free { Consequence { delay, banned: None } } else { none };
        }
        if known.ban.as_ref().is_some_and(|ban| since(ban.until, now) > longest_ban) {
            known.bans = 0;
        }
        let length = LONGER.checked_pow(known.bans).and_then(|times| first_ban.checked_mul(times));
        let until = now + length.unwrap_or(longest_ban).min(longest_ban);
        known.bans += 1;
        known.failures.clear();
        let ban = Ban { network, until, why: format!("{failures} wrong passwords within a minute") };
        known.ban = Some(ban.clone());
        Consequence { delay, banned: Some(ban) }
    }

    /// A user signed in: what failures there were of that name were slips. Those of other names stay, or one account of
    /// somebody's would let him guess at all the others.
    pub fn signed_in(&mut self, ip: IpAddr, user: &str, manner: Manner, now: SystemTime) {
        let known = self.known(Network::of_customer(ip), now);
        let number = number_of(user);
        known.failures.retain(|(_, of)| *of != Some(number));
        remember(&mut known.guests, user, now).speaks(manner);
    }

    /// A user who signed in from there is there still: the week begins anew.
    pub fn present(&mut self, ip: IpAddr, user: &str, now: SystemTime) {
        let known = self.known.get_mut(&Network::of_customer(ip));
        let mut guests = known.into_iter().flat_map(|known| &mut known.guests);
        if let Some(guest) = guests.find(|guest| guest.user == user) {
            guest.at = guest.at.max(now);
        }
    }

    /// A person bans a network; false where there are too many bans already.
    pub fn ban(&mut self, network: Network, until: SystemTime, why: &str, now: SystemTime) -> bool {
        self.by_hand.retain(|ban| ban.until > now && ban.network != network);
        if self.by_hand.len() >= BY_HAND {
            return false;
        }
        self.by_hand.push(Ban { network, until, why: why.to_owned() });
        true
    }

    /// A person lifts the bans of a network, and of all within it; whether there were any.
    pub fn lift(&mut self, network: Network, now: SystemTime) -> bool {
        let mut lifted = false;
        let mut over = |ban: &Ban| {
            let meant = network.covers(&ban.network);
            lifted |= meant && ban.until > now;
            meant
        };
        self.by_hand.retain(|ban| !over(ban));
        for known in self.known.values_mut() {
            if known.ban.as_ref().is_some_and(&mut over) {
                (known.ban, known.bans) = (None, 0);
            }
        }
        lifted
    }

    /// The ban of a larger network that the network is in, if there is one: it is not lifted for a part.
    pub fn covering(&self, network: Network, now: SystemTime) -> Option<Network> {
        let covers = |ban: &Ban| ban.network != network && ban.network.covers(&network);
        self.list(now).into_iter().find(covers).map(|ban| ban.network)
    }

    /// The bans that last, by their end.
    pub fn list(&self, now: SystemTime) -> Vec<Ban> {
        let bans = self.known.values().filter_map(|known| known.ban.as_ref()).chain(&self.by_hand);
        let mut bans: Vec<Ban> = bans.filter(|ban| ban.until > now).cloned().collect();
        bans.sort_by_key(|ban| (ban.until, ban.network));
        bans
    }

    /// The clock may have been set back: no ban but a person's ends later than the longest one that begins now.
    pub fn settle(&mut self, now: SystemTime) {
        let latest = now + self.policy.longest_ban;
        for ban in self.known.values_mut().filter_map(|known| known.ban.as_mut()) {
            ban.until = ban.until.min(latest);
        }
    }

    /// What is to be kept over a restart.
    pub fn memory(&self, now: SystemTime) -> Memory {
        let lasts = |ban: &&Ban| ban.until > now;
        let guests = self.known.iter().flat_map(|(network, known)| {
            let guest = |guest: &SignedIn| Guest {
                network: *network,
                user: guest.user.clone(),
                at: guest.at,
                manners: guest.manners.clone(),
            };
            known.guests.iter().filter(|guest| since(guest.at, now) < REMEMBERED).map(guest)
        });
        let records = self.known.iter().filter_map(|(network, known)| {
            let until = known.ban.as_ref().map(|ban| ban.until)?;
            let counts = known.bans > 0 && since(until, now) <= self.policy.longest_ban;
            counts.then_some(Record { network: *network, bans: known.bans, until })
        });
        let mut memory = Memory {
            records: records.collect(),
            bans: self.known.values().filter_map(|known| known.ban.as_ref()).filter(lasts).cloned().collect(),
            by_hand: self.by_hand.iter().filter(lasts).cloned().collect(),
            guests: guests.collect(),
        };
        memory.bans.sort_by_key(|ban| ban.network);
        memory.records.sort_by_key(|record| record.network);
        memory.guests.sort_by(|one, other| (one.network, &one.user).cmp(&(other.network, &other.user)));
        memory
    }

    /// Takes what was kept.
    pub fn restore(&mut self, memory: Memory, now: SystemTime) {
        for ban in memory.bans.into_iter().filter(|ban| ban.until > now) {
            let known = self.known(ban.network, now);
            known.bans = known.bans.max(1);
            known.ban = Some(ban);
        }
        for Record { network, bans, until } in memory.records {
            if since(until, now) <= self.policy.longest_ban {
                let known = self.known(network, now);
                known.bans = bans;
                known.ban.get_or_insert_with(|| Ban { network, until, why: String::new() });
            }
        }
        for ban in memory.by_hand {
            self.ban(ban.network, ban.until, &ban.why, now);
        }
        for guest in memory.guests.into_iter().filter(|guest| since(guest.at, now) < REMEMBERED) {
            let known = remember(&mut self.known(guest.network, now).guests, &guest.user, guest.at);
            guest.manners.into_iter().for_each(|manner| known.speaks(manner));
        }
        self.settle(now);
    }

    fn is_exempt(&self, ip: IpAddr) -> bool {
        self.policy.exempt.iter().any(|network| network.contains(ip))
    }

    fn known(&mut self, network: Network, now: SystemTime) -> &mut Known {
        self.make_room();
        let known = self.known.entry(network).or_default();
        known.seen = Some(now);
        known
    }

    /// Forgets those who failed least lately, bans last.
    fn make_room(&mut self) {
        if self.known.len() < KEPT {
            return;
        }
        // Many at once, so that it is done seldom.
        let rank = |known: &Known| (known.ban.is_some(), !known.guests.is_empty(), known.seen);
        let mut ranked: Vec<_> = self.known.iter().map(|(network, known)| (rank(known), *network)).collect();
        ranked.sort_unstable();
        for (_, network) in &ranked[..KEPT / 4] {
            self.known.remove(network);
        }
    }
}

/// The user is among the guests, the oldest of too many no more.
fn remember<'a>(guests: &'a mut Vec<SignedIn>, user: &str, at: SystemTime) -> &'a mut SignedIn {
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

/// A name as a number: names may be long, and there may be many addresses.
fn number_of(user: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    hasher.finish()
}

/// How long ago that was; nothing for what is to come, as after a step of the clock.
fn since(time: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(time).unwrap_or_default()
}

#[cfg(test)]
mod tests;

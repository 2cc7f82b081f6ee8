//! Failures to sign in, what they cost, and bans.
//!
//! | an address has | its next attempt |
//! |---|---|
//! | failed less than [`Policy::free`] times within a minute | is answered at once |
//! | failed more often | is answered late, on that connection alone |
//! | failed [`Policy::most`] times within a minute, or [`Policy::most_a_day`] times within a day | is refused for a while: longer each time, up to a day |
//! | been banned, and a user signed in from it within a week | is taken once in ten seconds if it is that user's, by a client of the [`Manner`] that signed in, however many users there are: who shares the address can come back |
//! | been exempted | is answered at once, always |
//!
//! What plays goes on: a ban is of attempts.
//!
//! At home everybody has the same 64 bits of IPv6, and anybody may take as many addresses in them as he likes. There each
//! address is banned by itself; where many are at once, it is one who has many, and the network is banned.
//!
//! Behind one router a thief and a good client are one address, and he may know her name. Of his guesses and her answer the
//! server cannot take more than one in ten seconds together, or he would have more guesses; which one it takes has to be
//! told by something else than the password. That is how a client speaks: what program it says that it is, and how it
//! writes its `Authorization`. Clients of the manner in which she signed in have their attempt to themselves; all others
//! share one in twenty seconds, and only where hers was not taken in that time, so that both together are no more than one
//! in ten. Of the others, those that speak as somebody who failed there again and again have only what her new program, which
//! nobody heard before, leaves them. A thief who imitates her player to the letter, or speaks in another way each time,
//! competes with her for each attempt.

mod guests;
mod tries;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Network;
use crate::rtsp::auth::Manner;
use guests::{Failing, SignedIn, Speaks, Taken, remember};
use tries::Tries;

/// Failures are counted over so long.
const WINDOW: Duration = Duration::from_secs(60);
/// A sign-in is remembered so long.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Each ban is so many times as long as the one before it.
const LONGER: u32 = 6;
/// Bans by people, at most.
const BY_HAND: usize = 1024;
/// Addresses that are kept in mind at once; those that failed least lately are forgotten first.
const KEPT: usize = 4096;
/// Addresses of one private network of IPv6 that are banned at once before it is.
const OF_HOME: usize = 8;

/// How much is suffered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Failures within a minute that cost nothing: a password mistyped.
    pub free: u32,
    /// Failures within a minute that end in a ban.
    pub most: u32,
    /// Failures within a day that do, however far apart they are.
    pub most_a_day: u32,
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
            most_a_day: 100,
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

/// Wrong passwords of an address within an hour, as they are kept: of those that have many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// Whose.
    pub network: Network,
    /// When the hour began.
    pub hour: SystemTime,
    /// How many there were.
    pub times: u32,
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
    /// Wrong passwords within a day.
    pub failures: Vec<Failures>,
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
    /// Within a day.
    tries: Tries,
    ban: Option<Ban>,
    /// Bans so far.
    bans: u32,
    guests: Vec<SignedIn>,
    failing: Failing,
    taken: Taken,
    seen: Option<SystemTime>,
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
        if let Some(ban) = self.by_hand.iter().find(|ban| ban.until > now && ban.network.contains(ip)) {
            return Admission::Banned(ban.until);
        }
        if self.is_exempt(ip) {
            return Admission::Open;
        }
        let networks = [Some(Network::of_customer(ip)), Network::of_home(ip)];
        let bans = networks.iter().flatten().filter_map(|network| self.known.get(network)?.banned_until(now));
        let known = networks[0].and_then(|network| self.known.get(&network));
        let mut guests = known.into_iter().flat_map(|known| &known.guests);
        match bans.max() {
            None => Admission::Open,
            Some(until) if guests.any(|guest| since(guest.at, now) < REMEMBERED) => Admission::Guests(until),
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
        let Some(guest) = guest else { return Admission::Banned(until) };
        let speaks = match guest.manners.contains(&manner) {
            true => Speaks::Known,
            false if known.failing.has(manner, self.policy.free) => Speaks::Failing,
            false => Speaks::New,
        };
        let Some(taken) = known.taken.open(speaks, now) else { return Admission::Banned(until) };
        if !again {
            *taken = Some(now);
        }
        Admission::Guests(until)
    }

    /// A password was wrong, of who claims to be that user and speaks like that.
    pub fn failed(&mut self, ip: IpAddr, user: Option<&str>, manner: Manner, now: SystemTime) -> Consequence {
        let none = Consequence { delay: Duration::ZERO, banned: None };
        if self.is_exempt(ip) {
            return none;
        }
        let Policy { free, most, most_a_day, delay, .. } = self.policy;
        let network = Network::of_customer(ip);
        let known = self.known(network, now);
        // Those of a time to come are of a clock that was set back since.
        known.failures.retain(|(time, _)| since(*time, now).max(since(now, *time)) < WINDOW);
        known.failures.push((now, user.map(number_of)));
        known.failing.failed(manner);
        let failures = known.failures.len() as u32;
        let tries = known.tries.add(now, 1, now);
        let why = match (failures >= most, tries >= most_a_day) {
            (true, _) => format!("{failures} wrong passwords within a minute"),
            (false, true) => format!("{tries} wrong passwords within a day"),
            (false, false) if failures > free => return Consequence { delay, banned: None },
            (false, false) => return none,
        };
        known.failures.clear();
        if tries >= most_a_day {
            known.tries = Tries::default();
        }
        let ban = self.ban_again(network, why, now);
        let banned = Some(self.ban_home(ip, now).unwrap_or(ban));
        Consequence { delay, banned }
    }

    /// A ban for what was tried, longer than the one before.
    fn ban_again(&mut self, network: Network, why: String, now: SystemTime) -> Ban {
        let Policy { first_ban, longest_ban, .. } = self.policy;
        let known = self.known(network, now);
        if known.ban.as_ref().is_some_and(|ban| since(ban.until, now) > longest_ban) {
            known.bans = 0;
        }
        let length = LONGER.checked_pow(known.bans).and_then(|times| first_ban.checked_mul(times));
        let until = now + length.unwrap_or(longest_ban).min(longest_ban);
        known.bans += 1;
        let ban = Ban { network, until, why };
        known.ban = Some(ban.clone());
        ban
    }

    /// Bans the private network that a banned address is in, where there are many of them.
    fn ban_home(&mut self, ip: IpAddr, now: SystemTime) -> Option<Ban> {
        let home = Network::of_home(ip)?;
        let lasts = |(network, known): &(&Network, &Known)| {
            **network != home && home.covers(network) && known.banned_until(now).is_some()
        };
        let banned = self.known.iter().filter(lasts).count();
        (banned >= OF_HOME)
            .then(|| self.ban_again(home, format!("{banned} of its addresses are banned"), now))
    }

    /// A user signed in: what failures there were of that name were slips. Those of other names stay, or one account of
    /// somebody's would let him guess at all the others. Within a day one was a slip, or who shares the address of a user that
    /// comes again and again could guess as often.
    pub fn signed_in(&mut self, ip: IpAddr, user: &str, manner: Manner, now: SystemTime) {
        let known = self.known(Network::of_customer(ip), now);
        let number = number_of(user);
        let before = known.failures.len();
        known.failures.retain(|(_, of)| *of != Some(number));
        if known.failures.len() < before {
            known.tries.forgive();
        }
        known.failing.forgive(manner);
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
                (known.ban, known.bans, known.tries) = (None, 0, Tries::default());
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
        let tried = self.known.iter().filter(|(_, known)| known.tries.sum(now) >= self.policy.most);
        let failures = tried.flat_map(|(network, known)| {
            known.tries.hours().map(|(hour, times)| Failures { network: *network, hour, times })
        });
        let mut memory = Memory {
            records: records.collect(),
            failures: failures.collect(),
            bans: self.known.values().filter_map(|known| known.ban.as_ref()).filter(lasts).cloned().collect(),
            by_hand: self.by_hand.iter().filter(lasts).cloned().collect(),
            guests: guests.collect(),
        };
        memory.bans.sort_by_key(|ban| ban.network);
        memory.records.sort_by_key(|record| record.network);
        memory.failures.sort_by_key(|failures| (failures.network, failures.hour));
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
        for Failures { network, hour, times } in memory.failures {
            self.known(network, now).tries.add(hour, times, now);
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

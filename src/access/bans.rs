//! Failures to sign in, what they cost, and bans.
//!
//! | an address has | its next attempt |
//! |---|---|
//! | failed less than [`Policy::free`] times within a minute | is answered at once |
//! | failed more often | is answered late, on that connection alone |
//! | failed [`Policy::most`] times within a minute | is refused for a while: longer each time, up to a day |
//! | been banned, and a user signed in from it within a week | is taken once in ten seconds if it is that user's: who shares the address can come back |
//! | been exempted | is answered at once, always |
//!
//! What plays goes on: a ban is of attempts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Network;

/// Failures are counted over so long.
const WINDOW: Duration = Duration::from_secs(60);
/// A sign-in is remembered so long.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);
/// An address with a good user in it keeps an attempt in so long.
const ONE_IN: Duration = Duration::from_secs(10);
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
}

/// What is kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Bans of addresses whose passwords were wrong.
    pub bans: Vec<Ban>,
    /// Bans by people.
    pub by_hand: Vec<Ban>,
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
    failures: Vec<SystemTime>,
    ban: Option<Ban>,
    /// Bans so far.
    bans: u32,
    guests: Vec<SignedIn>,
    seen: Option<SystemTime>,
}

#[derive(Clone, Debug)]
struct SignedIn {
    user: String,
    at: SystemTime,
    /// The last attempt that was taken in spite of a ban.
    taken: Option<SystemTime>,
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

    /// Whether this attempt is looked at, of who claims to be that user.
    pub fn attempt(&mut self, ip: IpAddr, user: Option<&str>, now: SystemTime) -> Admission {
        let Admission::Guests(until) = self.admit(ip, now) else { return self.admit(ip, now) };
        let known = self.known.get_mut(&Network::of_customer(ip));
        let guests = known.into_iter().flat_map(|known| &mut known.guests);
        let guest = guests.into_iter().find(|guest| Some(guest.user.as_str()) == user);
        match guest {
            Some(guest)
                if since(guest.at, now) < REMEMBERED
                    && guest.taken.is_none_or(|taken| since(taken, now) >= ONE_IN) =>
            {
                guest.taken = Some(now);
                Admission::Open
            }
            _ => Admission::Banned(until),
        }
    }

    /// A password was wrong.
    pub fn failed(&mut self, ip: IpAddr, now: SystemTime) -> Consequence {
        let none = Consequence { delay: Duration::ZERO, banned: None };
        if self.is_exempt(ip) {
            return none;
        }
        let Policy { free, most, delay, first_ban, longest_ban, .. } = self.policy;
        let network = Network::of_customer(ip);
        let known = self.known(network, now);
        known.failures.retain(|time| since(*time, now) < WINDOW);
        known.failures.push(now);
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

    /// A user signed in.
    pub fn signed_in(&mut self, ip: IpAddr, user: &str, now: SystemTime) {
        let known = self.known(Network::of_customer(ip), now);
        known.failures.clear();
        remember(&mut known.guests, user, now);
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

    /// The bans that last, by their end.
    pub fn list(&self, now: SystemTime) -> Vec<Ban> {
        let bans = self.known.values().filter_map(|known| known.ban.as_ref()).chain(&self.by_hand);
        let mut bans: Vec<Ban> = bans.filter(|ban| ban.until > now).cloned().collect();
        bans.sort_by_key(|ban| (ban.until, ban.network));
        bans
    }

    /// What is to be kept over a restart.
    pub fn memory(&self, now: SystemTime) -> Memory {
        let lasts = |ban: &&Ban| ban.until > now;
        let guests = self.known.iter().flat_map(|(network, known)| {
            let guest =
                |guest: &SignedIn| Guest { network: *network, user: guest.user.clone(), at: guest.at };
            known.guests.iter().filter(|guest| since(guest.at, now) < REMEMBERED).map(guest)
        });
        let mut memory = Memory {
            bans: self.known.values().filter_map(|known| known.ban.as_ref()).filter(lasts).cloned().collect(),
            by_hand: self.by_hand.iter().filter(lasts).cloned().collect(),
            guests: guests.collect(),
        };
        memory.bans.sort_by_key(|ban| ban.network);
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
        for ban in memory.by_hand {
            self.ban(ban.network, ban.until, &ban.why, now);
        }
        for guest in memory.guests.into_iter().filter(|guest| since(guest.at, now) < REMEMBERED) {
            remember(&mut self.known(guest.network, now).guests, &guest.user, guest.at);
        }
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
fn remember(guests: &mut Vec<SignedIn>, user: &str, at: SystemTime) {
    if let Some(guest) = guests.iter_mut().find(|guest| guest.user == user) {
        guest.at = at;
        return;
    }
    if guests.len() >= GUESTS
        && let Some(oldest) = (0..guests.len()).min_by_key(|index| guests[*index].at)
    {
        guests.swap_remove(oldest);
    }
    guests.push(SignedIn { user: user.to_owned(), at, taken: None });
}

/// How long ago that was; nothing for what is to come, as after a step of the clock.
fn since(time: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const THIEF: &str = "203.0.113.7";

    /// So many failures in one second; the last one's consequence.
    fn fail(bans: &mut Bans, address: &str, times: u32, second: u64) -> Consequence {
        (0..times).map(|_| bans.failed(ip(address), at(second))).last().unwrap()
    }

    fn ends(consequence: Consequence) -> Option<SystemTime> {
        consequence.banned.map(|ban| ban.until)
    }

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn failures_cost_time_and_then_a_ban_that_grows() {
        let mut bans = Bans::default();
        let none = Consequence { delay: Duration::ZERO, banned: None };
        let late = Consequence { delay: Duration::from_secs(2), banned: None };
        assert_eq!(fail(&mut bans, THIEF, 3, 0), none);
        assert_eq!(fail(&mut bans, THIEF, 1, 1), late);
        assert_eq!(fail(&mut bans, THIEF, 5, 2), late);
        assert_eq!(bans.admit(ip(THIEF), at(2)), Admission::Open);
        assert_eq!(ends(fail(&mut bans, THIEF, 1, 3)), Some(at(303)));
        assert_eq!(bans.admit(ip(THIEF), at(302)), Admission::Banned(at(303)));
        assert_eq!(bans.admit(ip("::ffff:203.0.113.7"), at(302)), Admission::Banned(at(303)));
        assert_eq!(bans.admit(ip("203.0.113.8"), at(4)), Admission::Open, "nobody else");
        assert_eq!(bans.admit(ip(THIEF), at(303)), Admission::Open, "it is over");
        let lengths: Vec<u64> = [1000, 10_000, 30_000, 120_000]
            .map(|second| {
                let until = ends(fail(&mut bans, THIEF, 10, second)).unwrap();
                until.duration_since(at(second)).unwrap().as_secs()
            })
            .into();
        assert_eq!(lengths, [1800, 10_800, 64_800, 86_400]);
        let later = 120_000 + 86_400 * 2 + 1;
        assert_eq!(ends(fail(&mut bans, THIEF, 10, later)), Some(at(later + 300)), "long forgiven");
    }

    #[test]
    fn failures_of_more_than_a_minute_ago_do_not_count() {
        let mut bans = Bans::default();
        for minute in 0..100 {
            assert_eq!(fail(&mut bans, THIEF, 3, minute * 60).delay, Duration::ZERO);
        }
        fail(&mut bans, THIEF, 3, 6000);
        bans.signed_in(ip(THIEF), "alice", at(6001));
        assert_eq!(fail(&mut bans, THIEF, 3, 6002).delay, Duration::ZERO, "a right one ends the count");
    }

    #[test]
    fn who_shares_the_address_of_a_thief_can_come_back() {
        let mut bans = Bans::default();
        bans.signed_in(ip(THIEF), "alice", at(0));
        fail(&mut bans, THIEF, 10, 10);
        let banned = Admission::Banned(at(310));
        assert_eq!(bans.admit(ip(THIEF), at(11)), Admission::Guests(at(310)));
        for user in [Some("admin"), Some("Alice"), None] {
            assert_eq!(bans.attempt(ip(THIEF), user, at(11)), banned, "who was never there: {user:?}");
        }
        let mut alice = |second| bans.attempt(ip(THIEF), Some("alice"), at(second));
        assert_eq!(alice(11), Admission::Open, "one attempt");
        assert_eq!((alice(12), alice(20)), (banned, banned));
        assert_eq!((alice(21), alice(21)), (Admission::Open, banned), "ten seconds later another");
        let week = 7 * 24 * 3600;
        fail(&mut bans, THIEF, 10, week);
        assert_eq!(
            bans.admit(ip(THIEF), at(week + 1)),
            Admission::Banned(at(week + 300)),
            "nobody for a week"
        );
    }

    #[test]
    fn so_many_users_of_an_address_are_remembered_and_the_last_ones_are() {
        let mut bans = Bans::default();
        for number in 0..20 {
            bans.signed_in(ip(THIEF), &format!("user{number}"), at(number));
        }
        fail(&mut bans, THIEF, 10, 30);
        let open =
            |bans: &mut Bans, user: &str| bans.attempt(ip(THIEF), Some(user), at(31)) == Admission::Open;
        assert!(open(&mut bans, "user19") && open(&mut bans, "user12") && !open(&mut bans, "user11"));
    }

    #[test]
    fn one_customer_of_ipv6_is_one() {
        let mut bans = Bans::default();
        for number in 0..10 {
            fail(&mut bans, &format!("2001:db8:1:2::{number}"), 1, 0);
        }
        assert!(matches!(bans.admit(ip("2001:db8:1:2:ffff::1"), at(1)), Admission::Banned(_)));
        assert_eq!(bans.admit(ip("2001:db8:1:3::1"), at(1)), Admission::Open);
        assert_eq!(bans.list(at(1))[0].network, network("2001:db8:1:2::/64"));
    }

    #[test]
    fn people_ban_exempt_and_lift() {
        let exempt = vec!["192.168.0.0/16".parse().unwrap()];
        let mut bans = Bans::new(Policy { exempt, ..Policy::default() });
        assert_eq!(
            fail(&mut bans, "192.168.1.1", 1000, 0),
            Consequence { delay: Duration::ZERO, banned: None }
        );
        bans.signed_in(ip(THIEF), "alice", at(0));
        assert!(bans.ban(network("203.0.113.0/24"), at(100), "by hand", at(1)));
        let banned = Admission::Banned(at(100));
        assert_eq!(bans.attempt(ip(THIEF), Some("alice"), at(2)), banned, "also where somebody signed in");
        assert_eq!(bans.admit(ip("203.0.114.1"), at(2)), Admission::Open);
        let listed = Ban { network: network("203.0.113.0/24"), until: at(100), why: "by hand".to_owned() };
        assert_eq!(bans.list(at(2)).as_slice(), std::slice::from_ref(&listed));
        assert!(!bans.lift(network(THIEF), at(3)), "a part of it is not lifted");
        assert!(bans.lift(network("203.0.0.0/16"), at(3)));
        assert!(!bans.lift(network("203.0.0.0/16"), at(3)));
        assert_eq!((bans.admit(ip(THIEF), at(4)), bans.list(at(4)).len()), (Admission::Open, 0));
        fail(&mut bans, THIEF, 10, 5);
        assert!(bans.lift(network(THIEF), at(6)));
        assert_eq!(bans.admit(ip(THIEF), at(6)), Admission::Open);
    }

    #[test]
    fn what_is_kept_over_a_restart_is_true_after_it() {
        let mut bans = Bans::default();
        fail(&mut bans, THIEF, 10, 0);
        fail(&mut bans, "198.51.100.1", 10, 0);
        bans.signed_in(ip("198.51.100.1"), "alice", at(1));
        bans.ban(network("192.0.2.0/24"), at(1000), "by hand", at(1));
        let text = serde_json::to_string(&bans.memory(at(2))).unwrap();
        assert!(text.contains("\"192.0.2.0/24\""), "{text}");
        let mut other = Bans::default();
        other.restore(serde_json::from_str(&text).unwrap(), at(3));
        assert_eq!((other.list(at(3)), other.memory(at(3))), (bans.list(at(3)), bans.memory(at(3))));
        assert_eq!(other.attempt(ip("198.51.100.1"), Some("alice"), at(3)), Admission::Open);
        assert_eq!(ends(fail(&mut other, THIEF, 10, 400)), Some(at(2200)), "the second of it");
        let mut late = Bans::default();
        late.restore(serde_json::from_str(&text).unwrap(), at(8 * 24 * 3600));
        assert_eq!(late.memory(at(8 * 24 * 3600)), Memory::default());
    }

    #[test]
    fn many_addresses_cost_bounded_memory_and_free_no_one_who_is_banned() {
        let mut bans = Bans::default();
        fail(&mut bans, THIEF, 10, 0);
        for number in 0..20_000_u32 {
            bans.failed(IpAddr::V4((0x0b00_0000 + number).into()), at(1));
        }
        assert!(bans.known.len() <= KEPT);
        assert!(matches!(bans.admit(ip(THIEF), at(2)), Admission::Banned(_)));
    }
}

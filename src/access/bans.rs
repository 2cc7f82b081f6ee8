//! Failures to sign in, what they cost, and bans.
//!
//! | an address has | its next attempt |
//! |---|---|
//! | failed less than [`Policy::free`] times within a minute | is answered at once |
//! | failed more often | is answered late, on that connection alone |
//! | failed [`Policy::most`] times within a minute | is refused for a while: longer each time, up to a day |
//! | been banned, and a user signed in from it within a week | is taken once in ten seconds: who shares the address can come back |
//! | been exempted | is answered at once, always |
//!
//! What plays goes on: a ban is of attempts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
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
    /// It is not, until then.
    Banned(SystemTime),
}

/// What a failure costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// The answer waits so long.
    pub delay: Duration,
    /// A ban begins, which lasts until then.
    pub banned: Option<SystemTime>,
}

/// A ban, as people see it and as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Whose: of IPv6 the first of 64 bits' addresses, which one client has all of.
    pub address: IpAddr,
    /// When it ends.
    pub until: SystemTime,
    /// Why, in a sentence.
    pub why: String,
}

/// What is known of addresses.
#[derive(Debug, Default)]
pub struct Bans {
    policy: Policy,
    known: HashMap<IpAddr, Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    failures: Vec<SystemTime>,
    ban: Option<Ban>,
    /// Bans so far, and when the last of them ended.
    bans: u32,
    signed_in: Option<SystemTime>,
    /// The last attempt that was taken in spite of a ban.
    taken: Option<SystemTime>,
    seen: Option<SystemTime>,
}

impl Bans {
    /// With nothing known yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy, known: HashMap::new() }
    }

    /// Other rules from now on; bans that there are go on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Whether an attempt of this address is looked at.
    pub fn admit(&mut self, ip: IpAddr, now: SystemTime) -> Admission {
        if self.is_exempt(ip) {
            return Admission::Open;
        }
        let Some(known) = self.known.get_mut(&subject(ip)) else { return Admission::Open };
        let Some(until) = known.ban.as_ref().map(|ban| ban.until).filter(|until| *until > now) else {
            return Admission::Open;
        };
        let within =
            |time: Option<SystemTime>, span: Duration| time.is_some_and(|time| since(time, now) < span);
        if within(known.signed_in, REMEMBERED) && !within(known.taken, ONE_IN) {
            known.taken = Some(now);
            return Admission::Open;
        }
        Admission::Banned(until)
    }

    /// A password was wrong.
    pub fn failed(&mut self, ip: IpAddr, now: SystemTime) -> Consequence {
        let none = Consequence { delay: Duration::ZERO, banned: None };
        if self.is_exempt(ip) {
            return none;
        }
        self.make_room();
        let Policy { free, most, delay, first_ban, longest_ban, .. } = self.policy;
        let known = self.known.entry(subject(ip)).or_default();
        known.seen = Some(now);
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
        let why = format!("{failures} wrong passwords within a minute");
        known.ban = Some(Ban { address: subject(ip), until, why });
        Consequence { delay, banned: Some(until) }
    }

    /// A user signed in.
    pub fn signed_in(&mut self, ip: IpAddr, now: SystemTime) {
        self.make_room();
        let known = self.known.entry(subject(ip)).or_default();
        known.signed_in = Some(now);
        known.seen = Some(now);
        known.failures.clear();
    }

    /// A person bans an address.
    pub fn ban(&mut self, ip: IpAddr, until: SystemTime, why: &str, now: SystemTime) {
        self.make_room();
        let known = self.known.entry(subject(ip)).or_default();
        known.seen = Some(now);
        // Whoever signed in from there is meant too.
        known.signed_in = None;
        known.ban = Some(Ban { address: subject(ip), until, why: why.to_owned() });
    }

    /// A person lifts a ban; whether there was one.
    pub fn lift(&mut self, ip: IpAddr, now: SystemTime) -> bool {
        let known = self.known.remove(&subject(ip));
        known.and_then(|known| known.ban).is_some_and(|ban| ban.until > now)
    }

    /// The bans that last, by their end.
    pub fn list(&self, now: SystemTime) -> Vec<Ban> {
        let bans = self.known.values().filter_map(|known| known.ban.clone());
        let mut bans: Vec<Ban> = bans.filter(|ban| ban.until > now).collect();
        bans.sort_by_key(|ban| (ban.until, ban.address));
        bans
    }

    /// Takes bans that were kept.
    pub fn restore(&mut self, bans: Vec<Ban>, now: SystemTime) {
        for ban in bans.into_iter().filter(|ban| ban.until > now) {
            self.make_room();
            let known = self.known.entry(subject(ban.address)).or_default();
            known.bans = known.bans.max(1);
            known.seen = Some(now);
            known.ban = Some(ban);
        }
    }

    fn is_exempt(&self, ip: IpAddr) -> bool {
        self.policy.exempt.iter().any(|network| network.contains(ip))
    }

    /// Forgets those who failed least lately, bans last.
    fn make_room(&mut self) {
        if self.known.len() < KEPT {
            return;
        }
        // Many at once, so that it is done seldom.
        let rank = |known: &Known| (known.ban.is_some(), known.signed_in.is_some(), known.seen);
        let mut ranked: Vec<_> = self.known.iter().map(|(address, known)| (rank(known), *address)).collect();
        ranked.sort_unstable();
        for (_, address) in &ranked[..KEPT / 4] {
            self.known.remove(address);
        }
    }
}

/// How long ago that was; nothing for what is to come, as after a step of the clock.
fn since(time: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(time).unwrap_or_default()
}

/// Who is counted as one: an address, of IPv6 the 64 bits that a network gives to one customer at least.
fn subject(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
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

    #[test]
    fn failures_cost_time_and_then_a_ban_that_grows() {
        let mut bans = Bans::default();
        let none = Consequence { delay: Duration::ZERO, banned: None };
        let late = Consequence { delay: Duration::from_secs(2), banned: None };
        assert_eq!(fail(&mut bans, THIEF, 3, 0), none);
        assert_eq!(fail(&mut bans, THIEF, 1, 1), late);
        assert_eq!(fail(&mut bans, THIEF, 5, 2), late);
        assert_eq!(bans.admit(ip(THIEF), at(2)), Admission::Open);
        assert_eq!(fail(&mut bans, THIEF, 1, 3).banned, Some(at(303)));
        assert_eq!(bans.admit(ip(THIEF), at(302)), Admission::Banned(at(303)));
        assert_eq!(bans.admit(ip("::ffff:203.0.113.7"), at(302)), Admission::Banned(at(303)));
        assert_eq!(bans.admit(ip("203.0.113.8"), at(4)), Admission::Open, "nobody else");
        assert_eq!(bans.admit(ip(THIEF), at(303)), Admission::Open, "it is over");
        let lengths: Vec<u64> = [1000, 10_000, 30_000, 120_000]
            .map(|second| {
                let until = fail(&mut bans, THIEF, 10, second).banned.unwrap();
                until.duration_since(at(second)).unwrap().as_secs()
            })
            .into();
        assert_eq!(lengths, [1800, 10_800, 64_800, 86_400]);
        let later = 120_000 + 86_400 * 2 + 1;
        assert_eq!(fail(&mut bans, THIEF, 10, later).banned, Some(at(later + 300)), "long forgiven");
    }

    #[test]
    fn failures_of_more_than_a_minute_ago_do_not_count() {
        let mut bans = Bans::default();
        for minute in 0..100 {
            assert_eq!(fail(&mut bans, THIEF, 3, minute * 60).delay, Duration::ZERO);
        }
        fail(&mut bans, THIEF, 3, 6000);
        bans.signed_in(ip(THIEF), at(6001));
        assert_eq!(fail(&mut bans, THIEF, 3, 6002).delay, Duration::ZERO, "a right one ends the count");
    }

    #[test]
    fn who_shares_the_address_of_a_thief_can_come_back() {
        let mut bans = Bans::default();
        bans.signed_in(ip(THIEF), at(0));
        fail(&mut bans, THIEF, 10, 10);
        assert_eq!(bans.admit(ip(THIEF), at(11)), Admission::Open, "one attempt");
        assert_eq!(bans.admit(ip(THIEF), at(12)), Admission::Banned(at(310)));
        assert_eq!(bans.admit(ip(THIEF), at(20)), Admission::Banned(at(310)));
        assert_eq!(bans.admit(ip(THIEF), at(21)), Admission::Open, "ten seconds later another");
        let week = 7 * 24 * 3600;
        fail(&mut bans, THIEF, 10, week);
        assert!(
            matches!(bans.admit(ip(THIEF), at(week + 1)), Admission::Banned(_)),
            "nobody signed in for a week"
        );
    }

    #[test]
    fn one_customer_of_ipv6_is_one() {
        let mut bans = Bans::default();
        for number in 0..10 {
            fail(&mut bans, &format!("2001:db8:1:2::{number}"), 1, 0);
        }
        assert!(matches!(bans.admit(ip("2001:db8:1:2:ffff::1"), at(1)), Admission::Banned(_)));
        assert_eq!(bans.admit(ip("2001:db8:1:3::1"), at(1)), Admission::Open);
        assert_eq!(bans.list(at(1))[0].address, ip("2001:db8:1:2::"));
    }

    #[test]
    fn people_ban_exempt_and_lift() {
        let exempt = vec!["192.168.0.0/16".parse().unwrap()];
        let mut bans = Bans::new(Policy { exempt, ..Policy::default() });
        assert_eq!(
            fail(&mut bans, "192.168.1.1", 1000, 0),
            Consequence { delay: Duration::ZERO, banned: None }
        );
        bans.signed_in(ip(THIEF), at(0));
        bans.ban(ip(THIEF), at(100), "by hand", at(1));
        assert_eq!(bans.admit(ip(THIEF), at(2)), Admission::Banned(at(100)), "also where somebody signed in");
        let listed = Ban { address: ip(THIEF), until: at(100), why: "by hand".to_owned() };
        assert_eq!(bans.list(at(2)).as_slice(), std::slice::from_ref(&listed));
        let mut other = Bans::default();
        other.restore(vec![listed], at(50));
        assert_eq!(other.admit(ip(THIEF), at(51)), Admission::Banned(at(100)), "as it was kept");
        assert!(bans.lift(ip(THIEF), at(3)));
        assert!(!bans.lift(ip(THIEF), at(3)));
        assert_eq!((bans.admit(ip(THIEF), at(4)), bans.list(at(4)).len()), (Admission::Open, 0));
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

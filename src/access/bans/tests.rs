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
    (0..times).map(|_| bans.failed(ip(address), Some("alice"), guesser(), at(second))).last().unwrap()
}

fn ends(consequence: Consequence) -> Option<SystemTime> {
    consequence.banned.map(|ban| ban.until)
}

/// How a player speaks.
fn player() -> Manner {
    Manner::of(Some("LibVLC/3.0.20"), None)
}

/// How a thief does.
fn guesser() -> Manner {
    Manner::of(Some("hydra"), None)
}

fn tries(bans: &mut Bans, user: Option<&str>, manner: Manner, second: u64) -> Admission {
    bans.attempt(ip(THIEF), user, manner, false, at(second))
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
    for minute in 0..30 {
        assert_eq!(fail(&mut bans, THIEF, 3, minute * 60).delay, Duration::ZERO);
    }
    fail(&mut bans, THIEF, 3, 1800);
    bans.signed_in(ip(THIEF), "alice", player(), at(1801));
    assert_eq!(fail(&mut bans, THIEF, 3, 1802).delay, Duration::ZERO, "a right one ends the count");
}

/// So many each minute, as far as they are looked at, for so many days; how many are.
fn guesses(bans: &mut Bans, a_minute: u32, days: u64) -> u32 {
    let mut looked_at = 0;
    for minute in 0..days * 24 * 60 {
        for _ in 0..a_minute {
            if bans.admit(ip(THIEF), at(minute * 60)) == Admission::Open {
                fail(bans, THIEF, 1, minute * 60);
                looked_at += 1;
            }
        }
    }
    looked_at
}

#[test]
fn who_guesses_slowly_is_banned_too_and_longer_each_time() {
    // A hundred, and 5 min, 30 min, 3 h, 18 h of rest: the fifth hundred ends in a day's.
    assert_eq!(guesses(&mut Bans::default(), 9, 1), 500);
    assert_eq!(guesses(&mut Bans::default(), 9, 30), 500 + 28 * 100);
    assert_eq!(guesses(&mut Bans::default(), 1, 1), 400);
    let mut bans = Bans::default();
    let patient = 24 * 3600 / 90;
    for number in 0..1000 {
        assert_eq!(fail(&mut bans, THIEF, 1, number * patient).banned, None, "90 a day are nobody's ban");
    }
    let mut slow = Bans::default();
    let ban = (0..100).find_map(|number| fail(&mut slow, THIEF, 1, number * 600).banned).unwrap();
    assert_eq!((ban.why.as_str(), ban.until), ("100 wrong passwords within a day", at(99 * 600 + 300)));
}

#[test]
fn a_slow_ban_has_the_exceptions_of_a_fast_one() {
    let mut bans = Bans::default();
    bans.signed_in(ip(THIEF), "alice", player(), at(0));
    let slowly = |bans: &mut Bans, times: u64, from: u64| {
        (0..times).filter(|number| fail(bans, THIEF, 1, from + number * 60).banned.is_some()).count()
    };
    assert_eq!(slowly(&mut bans, 100, 0), 1);
    assert!(matches!(tries(&mut bans, Some("alice"), player(), 99 * 60 + 1), Admission::Guests(_)));
    assert!(matches!(tries(&mut bans, Some("alice"), player(), 99 * 60 + 2), Admission::Banned(_)));
    // Who mistypes once each time he comes is nobody's thief; who guesses beside him is.
    let mut slips = Bans::default();
    for number in 0..500 {
        assert_eq!(fail(&mut slips, THIEF, 1, number * 100).banned, None);
        slips.signed_in(ip(THIEF), "alice", player(), at(number * 100 + 1));
    }
    let mut banned = 0;
    for number in 0..60 {
        let second = 60_000 + number * 100;
        banned += (0..3).filter(|_| fail(&mut slips, THIEF, 1, second).banned.is_some()).count();
        slips.signed_in(ip(THIEF), "alice", player(), at(second + 1));
    }
    assert_eq!(banned, 1);
    let exempt = vec![network(THIEF)];
    let mut bans = Bans::new(Policy { exempt, ..Policy::default() });
    assert_eq!(slowly(&mut bans, 1000, 0), 0);
    assert_eq!(bans.memory(at(60_000)), Memory::default());
}

#[test]
fn slow_guesses_are_remembered_over_a_restart_and_no_longer_than_a_day() {
    let mut bans = Bans::default();
    for number in 0..99 {
        fail(&mut bans, THIEF, 1, number * 600);
        if number < 9 {
            fail(&mut bans, "198.51.100.1", 1, number * 600);
        }
    }
    let text = serde_json::to_string(&bans.memory(at(60_000))).unwrap();
    assert!(!text.contains("198.51.100.1"), "some slips are not worth a file: {text}");
    let restored = |second| {
        let mut other = Bans::default();
        other.restore(serde_json::from_str(&text).unwrap(), at(second));
        other
    };
    assert_eq!(restored(60_000).memory(at(60_000)), bans.memory(at(60_000)));
    assert_eq!(ends(fail(&mut restored(60_001), THIEF, 1, 60_001)), Some(at(60_301)));
    assert_eq!(fail(&mut restored(86_400), THIEF, 1, 86_400).banned, None, "the first ones were a day ago");
    assert_eq!(restored(60_000 + 90_000).memory(at(60_000 + 90_000)), Memory::default());
    let mut set_back = restored(60_000);
    assert_eq!(fail(&mut set_back, THIEF, 1, 0).banned, None, "what is to come was not today");
}

#[test]
fn hosts_of_a_private_network_are_told_apart_until_many_of_them_are_banned() {
    for (first, home) in [("fe80::", "fe80::/64"), ("fd00:1:2:3::", "fd00:1:2:3::/64")] {
        let mut bans = Bans::default();
        let host = |number: u32| format!("{first}{number:x}");
        bans.signed_in(ip(&host(1)), "alice", player(), at(0));
        let ban = fail(&mut bans, &host(2), 10, 0).banned.unwrap();
        assert_eq!(ban.network, network(&host(2)));
        assert_eq!(bans.admit(ip(&host(3)), at(1)), Admission::Open, "an NVR with an old password");
        let ended: Vec<Network> =
            (3..10).map(|number| fail(&mut bans, &host(number), 10, 1).banned.unwrap().network).collect();
        assert_eq!(ended[5], network(&host(8)));
        assert_eq!(ended[6], network(home), "the eighth");
        assert!(matches!(bans.admit(ip(&host(77)), at(2)), Admission::Banned(_)));
        assert!(matches!(bans.admit(ip(&host(1)), at(2)), Admission::Guests(_)), "who signed in before");
        assert_eq!(bans.admit(ip("fd99::1"), at(2)), Admission::Open);
        assert!(bans.lift(network(home), at(3)));
        assert_eq!((bans.admit(ip(&host(2)), at(4)), bans.list(at(4)).len()), (Admission::Open, 0));
    }
}

#[test]
fn what_a_person_bans_is_banned_though_it_is_exempt() {
    let mut bans = Bans::new(Policy { exempt: vec![network(THIEF)], ..Policy::default() });
    assert!(bans.ban(network(THIEF), at(100), "by hand", at(0)));
    assert_eq!(bans.admit(ip(THIEF), at(1)), Admission::Banned(at(100)));
}

#[test]
fn ones_own_account_does_not_let_one_guess_at_others() {
    let mut bans = Bans::default();
    let mut last = None;
    for second in 0..4 {
        (0..3).for_each(|_| last = Some(bans.failed(ip(THIEF), Some("anna"), guesser(), at(second))));
        bans.signed_in(ip(THIEF), "mallory", player(), at(second));
    }
    assert!(matches!(bans.admit(ip(THIEF), at(4)), Admission::Guests(_)), "{last:?}");
}

#[test]
fn who_shares_the_address_of_a_thief_can_come_back() {
    let mut bans = Bans::default();
    bans.signed_in(ip(THIEF), "alice", player(), at(0));
    fail(&mut bans, THIEF, 10, 10);
    let banned = Admission::Banned(at(310));
    assert_eq!(bans.admit(ip(THIEF), at(11)), Admission::Guests(at(310)));
    for user in [Some("admin"), Some("Alice"), None] {
        assert_eq!(tries(&mut bans, user, player(), 11), banned, "who was never there: {user:?}");
    }
    let mut alice = |second| tries(&mut bans, Some("alice"), player(), second);
    assert_eq!(alice(11), Admission::Guests(at(310)), "one attempt");
    assert_eq!((alice(12), alice(20)), (banned, banned));
    assert_eq!((alice(21), alice(21)), (Admission::Guests(at(310)), banned), "ten seconds later another");
    let week = 7 * 24 * 3600;
    fail(&mut bans, THIEF, 10, week);
    assert_eq!(bans.admit(ip(THIEF), at(week + 1)), Admission::Banned(at(week + 300)), "nobody for a week");
}

#[test]
fn a_thief_who_knows_her_name_neither_eats_her_attempt_nor_has_more_guesses() {
    let (tool, mut bans) = (Manner::of(Some("another"), None), Bans::default());
    bans.signed_in(ip(THIEF), "alice", player(), at(0));
    fail(&mut bans, THIEF, 10, 10);
    let open = |bans: &mut Bans, manner, second| {
        matches!(tries(bans, Some("alice"), manner, second), Admission::Guests(_))
    };
    let guesses = (11..210).filter(|second| open(&mut bans, tool, *second)).count();
    assert_eq!(guesses, 10, "with another player she could come, too");
    assert!(open(&mut bans, player(), 210), "her own is open all the while");
    let both =
        (211..311).filter(|second| open(&mut bans, tool, *second) | open(&mut bans, player(), *second));
    assert!(both.count() <= 10, "together no more than one in ten seconds");
    bans.signed_in(ip(THIEF), "alice", tool, at(311));
    fail(&mut bans, THIEF, 10, 312);
    assert!(open(&mut bans, tool, 330), "what let her in is hers");
    assert!(!open(&mut bans, player(), 331), "and one attempt for all of them");
    (0..20).for_each(|number| {
        bans.signed_in(ip(THIEF), "alice", Manner::of(Some(&number.to_string()), None), at(340));
    });
    assert!(!open(&mut bans, tool, 345), "the last ones are remembered");
}

#[test]
fn her_new_program_does_not_share_with_who_failed_again_and_again() {
    let mut bans = Bans::default();
    let new = |number: u32| Manner::of(Some(&format!("a player of {number}")), None);
    bans.signed_in(ip(THIEF), "alice", player(), at(0));
    fail(&mut bans, THIEF, 10, 10);
    let open = |bans: &mut Bans, manner, second| {
        matches!(tries(bans, Some("alice"), manner, second), Admission::Guests(_))
    };
    // He takes what there is, and hers is open at any moment.
    for second in 11..110 {
        open(&mut bans, guesser(), second);
    }
    assert!(open(&mut bans, new(1), 111));
    assert!(
        !open(&mut bans, new(2), 120) && open(&mut bans, new(2), 131),
        "one in twenty seconds for all of them"
    );
    assert!(!open(&mut bans, guesser(), 150) && open(&mut bans, guesser(), 151), "he has what is left");
    let together = (152..252).filter(|second| {
        let guesses = [guesser(), new(3), player()].map(|manner| open(&mut bans, manner, *second));
        guesses.contains(&true)
    });
    assert!(together.count() <= 10, "together no more than one in ten seconds");
    // A slip or two of hers are none of it; and who signs in by it has it forgiven.
    let mut slips = Bans::default();
    slips.signed_in(ip(THIEF), "alice", player(), at(0));
    for _ in 0..3 {
        slips.failed(ip(THIEF), Some("alice"), new(1), at(9));
    }
    fail(&mut slips, THIEF, 10, 10);
    assert!(open(&mut slips, guesser(), 11) && open(&mut slips, new(1), 12));
    slips.signed_in(ip(THIEF), "bob", guesser(), at(13));
    assert!(open(&mut slips, guesser(), 32), "it is as new");
}

/// How who comes at a second speaks.
type Speech = fn(u64) -> Manner;

#[test]
fn an_address_with_a_user_keeps_one_attempt_in_ten_seconds_whatever_the_manner_of_the_others() {
    // Of those who claim her name and speak so, each second: the attempts in 200 s, where she does not come.
    let manners: [(Speech, usize); 4] = [
        (|_| guesser(), 10),
        (|_| Manner::of(None, None), 10),
        (|second| Manner::of(Some(&format!("program {second}")), None), 10),
        (|_| player(), 20),
    ];
    for (speaks, alone) in manners {
        for she in [false, true] {
            let mut bans = Bans::default();
            bans.signed_in(ip(THIEF), "alice", player(), at(0));
            fail(&mut bans, THIEF, 10, 10);
            let open = |bans: &mut Bans, manner, second| {
                matches!(tries(bans, Some("alice"), manner, second), Admission::Guests(_))
            };
            let mut taken = 0;
            for second in 20..220 {
                if she && second % 10 == 0 {
                    assert!(open(&mut bans, player(), second), "hers is there whenever she comes");
                    taken += 1;
                }
                taken += usize::from(open(&mut bans, speaks(second), second));
            }
            let expected = if she { 20 } else { alone };
            assert_eq!(taken, expected, "with her: {she}, {:?}", speaks(0));
        }
    }
}

/// Whenever she comes, before or behind an attempt of the others in the same second.
#[test]
fn hers_is_taken_at_any_second_and_theirs_are_one_in_ten_at_most() {
    let manners: [Speech; 4] = [
        |_| guesser(),
        |_| Manner::of(None, None),
        |second| Manner::of(Some(&format!("program {second}")), None),
        |second| if second % 3 == 0 { guesser() } else { Manner::of(Some("another"), None) },
    ];
    for (speaks, period) in
        manners.into_iter().flat_map(|speaks| [10, 11, 13, 19, 20, 29, 60].map(|period| (speaks, period)))
    {
        for (phase, is_first) in (0..period).flat_map(|phase| [(phase, true), (phase, false)]) {
            let mut bans = Bans::default();
            bans.signed_in(ip(THIEF), "alice", player(), at(0));
            fail(&mut bans, THIEF, 10, 10);
            let mut theirs = Vec::new();
            let mut open = |manner, second| {
                matches!(tries(&mut bans, Some("alice"), manner, second), Admission::Guests(_))
            };
            for second in 20..300 {
                let comes = second % period == phase;
                if comes && is_first {
                    assert!(open(player(), second), "at {second}, every {period} s");
                }
                theirs.extend(open(speaks(second), second).then_some(second));
                if comes && !is_first {
                    assert!(open(player(), second), "at {second}, every {period} s, behind the others");
                }
            }
            let close = theirs.windows(3).find(|three| three[2] - three[0] < 20);
            assert_eq!(close, None, "every {period} s from {phase} on: {theirs:?}");
        }
    }
}

#[test]
fn who_is_there_is_remembered_a_week_after_that() {
    let (mut bans, day) = (Bans::default(), 24 * 3600);
    bans.signed_in(ip(THIEF), "alice", player(), at(0));
    bans.present(ip(THIEF), "alice", at(6 * day));
    bans.present(ip(THIEF), "alice", at(5 * day));
    bans.present(ip(THIEF), "mallory", at(6 * day));
    fail(&mut bans, THIEF, 10, 12 * day);
    assert!(matches!(bans.admit(ip(THIEF), at(12 * day)), Admission::Guests(_)));
    assert!(matches!(tries(&mut bans, Some("mallory"), player(), 12 * day), Admission::Banned(_)));
    fail(&mut bans, THIEF, 10, 13 * day);
    assert!(matches!(bans.admit(ip(THIEF), at(13 * day + 1)), Admission::Banned(_)));
}

#[test]
fn so_many_users_of_an_address_are_remembered_and_the_last_ones_are() {
    let mut bans = Bans::default();
    for number in 0..20 {
        bans.signed_in(ip(THIEF), &format!("user{number}"), player(), at(number));
    }
    fail(&mut bans, THIEF, 10, 30);
    let open = |bans: &mut Bans, user: &str, second| {
        matches!(tries(bans, Some(user), player(), second), Admission::Guests(_))
    };
    assert!(open(&mut bans, "user19", 31) && open(&mut bans, "user12", 41) && !open(&mut bans, "user11", 51));
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
    assert_eq!(fail(&mut bans, "192.168.1.1", 1000, 0), Consequence { delay: Duration::ZERO, banned: None });
    bans.signed_in(ip(THIEF), "alice", player(), at(0));
    assert!(bans.ban(network("203.0.113.0/24"), at(100), "by hand", at(1)));
    let banned = Admission::Banned(at(100));
    assert_eq!(tries(&mut bans, Some("alice"), player(), 2), banned, "also where somebody signed in");
    assert_eq!(bans.admit(ip("203.0.114.1"), at(2)), Admission::Open);
    let listed = Ban { network: network("203.0.113.0/24"), until: at(100), why: "by hand".to_owned() };
    assert_eq!(bans.list(at(2)).as_slice(), std::slice::from_ref(&listed));
    assert!(!bans.lift(network(THIEF), at(3)), "a part of it is not lifted");
    assert_eq!(bans.covering(network(THIEF), at(3)), Some(network("203.0.113.0/24")));
    assert_eq!(bans.covering(network("203.0.113.0/24"), at(3)), None, "it is that itself");
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
    bans.signed_in(ip("198.51.100.1"), "alice", player(), at(1));
    bans.ban(network("192.0.2.0/24"), at(1000), "by hand", at(1));
    let text = serde_json::to_string(&bans.memory(at(2))).unwrap();
    assert!(text.contains("\"192.0.2.0/24\""), "{text}");
    let mut other = Bans::default();
    other.restore(serde_json::from_str(&text).unwrap(), at(3));
    assert_eq!((other.list(at(3)), other.memory(at(3))), (bans.list(at(3)), bans.memory(at(3))));
    let known = other.attempt(ip("198.51.100.1"), Some("alice"), player(), false, at(3));
    assert!(matches!(known, Admission::Guests(_)));
    let known = other.attempt(ip("198.51.100.1"), Some("alice"), player(), false, at(4));
    assert!(matches!(known, Admission::Banned(_)), "how she speaks is kept too");
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
        bans.failed(IpAddr::V4((0x0b00_0000 + number).into()), None, guesser(), at(1));
    }
    assert!(bans.known.len() <= KEPT);
    assert!(matches!(bans.admit(ip(THIEF), at(2)), Admission::Banned(_)));
}

#[test]
fn who_was_banned_before_a_restart_is_banned_longer_after_it() {
    let restarted = |bans: &Bans, second| {
        let text = serde_json::to_string(&bans.memory(at(second))).unwrap();
        let mut other = Bans::default();
        other.restore(serde_json::from_str(&text).unwrap(), at(second));
        other
    };
    let mut bans = Bans::default();
    fail(&mut bans, THIEF, 10, 0);
    fail(&mut bans, THIEF, 10, 1000);
    // The second one, of half an hour, is over.
    let mut bans = restarted(&bans, 5000);
    assert_eq!((bans.admit(ip(THIEF), at(5000)), bans.list(at(5000))), (Admission::Open, Vec::new()));
    assert_eq!(ends(fail(&mut bans, THIEF, 10, 5000)), Some(at(5000 + 10_800)));
    // That one is not.
    let mut bans = restarted(&bans, 6000);
    assert_eq!(bans.admit(ip(THIEF), at(6000)), Admission::Banned(at(15_800)));
    assert_eq!(ends(fail(&mut bans, THIEF, 10, 20_000)), Some(at(20_000 + 64_800)));
    assert!(bans.lift(network(THIEF), at(20_001)));
    assert_eq!(restarted(&bans, 20_002).memory(at(20_002)), Memory::default(), "a person forgives");
}

#[test]
fn an_address_has_one_attempt_however_many_users_signed_in_from_it() {
    let mut bans = Bans::default();
    let users: Vec<String> = (0..8).map(|number| format!("user{number}")).collect();
    users.iter().for_each(|user| bans.signed_in(ip(THIEF), user, player(), at(0)));
    fail(&mut bans, THIEF, 10, 10);
    for manner in [player(), Manner::of(Some("hydra"), None)] {
        let second = if manner == player() { 100 } else { 200 };
        let taken = users
            .iter()
            .filter(|user| matches!(tries(&mut bans, Some(user), manner, second), Admission::Guests(_)));
        assert_eq!(taken.count(), 1);
    }
}

#[test]
fn a_clock_that_is_set_back_makes_no_ban_longer_and_keeps_no_failures() {
    let (mut bans, year) = (Bans::default(), 365 * 24 * 3600);
    fail(&mut bans, THIEF, 10, year);
    fail(&mut bans, "198.51.100.1", 9, year);
    bans.ban(network("192.0.2.0/24"), at(year), "by hand", at(0));
    let day = at(24 * 3600);
    let mut restored = Bans::default();
    restored.restore(bans.memory(at(year)), at(0));
    bans.settle(at(0));
    for bans in [&bans, &restored] {
        assert_eq!(bans.admit(ip(THIEF), at(0)), Admission::Banned(day));
    }
    let ends: Vec<SystemTime> = bans.list(at(0)).iter().map(|ban| ban.until).collect();
    assert_eq!(ends, [day, at(year)], "a person's is as long as was said");
    let none = Consequence { delay: Duration::ZERO, banned: None };
    assert_eq!(fail(&mut bans, "198.51.100.1", 3, 0), none, "what is to come is no minute ago");
}

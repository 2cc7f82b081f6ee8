use super::*;

#[test]
fn who_comes_and_goes_is_not_written_each_time() {
    let network: Network = "192.168.1.7".parse().unwrap();
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let guest =
        |user: &str, seconds| Guest { network, user: user.to_owned(), at: at(seconds), manners: Vec::new() };
    let of = |guests| Memory { guests, ..Memory::default() };
    let kept = of(vec![guest("anna", 10_000)]);
    for (seconds, good) in [(10_000, true), (13_599, true), (13_600, false), (6_401, true), (6_400, false)] {
        assert_eq!(as_good(&kept, &of(vec![guest("anna", seconds)])), good, "{seconds}");
    }
    assert!(!as_good(&kept, &of(vec![guest("bob", 10_000)])));
    assert!(!as_good(&kept, &of(vec![guest("anna", 10_000), guest("bob", 10_000)])));
    let ban = crate::access::Ban { network, until: at(20_000), why: String::new() };
    assert!(!as_good(&kept, &Memory { bans: vec![ban], ..kept.clone() }));
    let tried = |times| {
        let failures = vec![crate::access::Failures { network, hour: at(7200), times }];
        Memory { failures, ..kept.clone() }
    };
    assert!(
        !as_good(&kept, &tried(10)) && as_good(&tried(10), &tried(19)) && !as_good(&tried(10), &tried(20))
    );
}

#[test]
fn a_users_file_that_there_has_to_be_and_is_not_closes_the_gate_to_all_but_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.ron");
    let gate = Arc::new(Gate::new(Rules::default(), [7; 32]));
    let mut config = Config::default();
    config.access.users_file = Some(file.clone());
    let keeper = Keeper::open(&config, folder.path(), gate.clone()).unwrap();
    let admitted = |address: &str| gate.admit(address.parse().unwrap(), now()).is_ok();
    assert_eq!(
        (admitted("127.0.0.1"), admitted("192.168.1.7"), admitted("203.0.113.7")),
        (true, false, false)
    );
    assert_eq!(keeper.troubles().len(), 1);
    let rights = crate::access::Rights::default();
    let add = Edit::Add { name: "anna".into(), password: "x".into(), rights };
    keeper.edit("uid 0", &add).unwrap();
    assert!(admitted("192.168.1.7") && admitted("203.0.113.7"), "who signs in may come");
    assert!(keeper.troubles().is_empty());
    keeper.edit("uid 0", &Edit::Remove { name: "anna".into() }).unwrap();
    assert_eq!((admitted("192.168.1.7"), admitted("203.0.113.7")), (true, false), "it was said");
}

#[test]
fn a_panic_at_the_users_and_at_the_audit_locks_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::new(Rules::default(), [7; 32]));
    let keeper = Keeper::open(&Config::default(), folder.path(), gate.clone()).unwrap();
    let panics = std::thread::scope(|threads| {
        let panicking = threads.spawn(|| {
            let (_known, _audit) = (keeper.known(), keeper.audit());
            let _kept = keeper.kept.lock();
            panic!("on purpose");
        });
        panicking.join().is_err()
    });
    assert!(panics && keeper.known.is_poisoned() && keeper.audit.is_poisoned() && keeper.kept.is_poisoned());
    let rights = crate::access::Rights::default();
    keeper.edit("uid 0", &Edit::Add { name: "anna".into(), password: "x".into(), rights }).unwrap();
    assert!(gate.ban("203.0.113.7".parse().unwrap(), Duration::from_secs(600), "a scanner", now()));
    keeper.look();
    assert!(gate.admit("203.0.113.8".parse().unwrap(), now()).is_ok(), "there are users");
    assert_eq!(keeper.bans.load().unwrap().by_hand.len(), 1, "bans are kept");
}

#[test]
fn a_new_ban_is_kept_at_once_and_of_many_those_that_follow_rest() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::new(Rules::default(), [7; 32]));
    let keeper = Keeper::open(&Config::default(), folder.path(), gate.clone()).unwrap();
    let kept = || keeper.bans.load().unwrap().by_hand.len();
    for number in 1..=10 {
        let address = format!("203.0.113.{number}").parse().unwrap();
        assert!(gate.ban(address, Duration::from_secs(600), "a scanner", now()));
        keeper.look();
        assert_eq!(kept(), number.min(8), "{address}");
    }
    keeper.keep(true);
    assert_eq!(kept(), 10);
    // Neither who comes nor whose ban is over is as urgent.
    let who = gate.memory(now()).by_hand.remove(0);
    assert!(is_longer(&Memory::default(), &gate.memory(now())));
    let fewer = Memory { by_hand: vec![who], ..Memory::default() };
    assert!(!is_longer(&gate.memory(now()), &fewer) && !is_longer(&fewer, &fewer));
}

#[test]
fn bans_that_a_restore_brings_hold_while_the_daemon_runs_and_are_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::new(Rules::default(), [7; 32]));
    let keeper = Keeper::open(&Config::default(), folder.path(), gate.clone()).unwrap();
    let banned = |address: &str| keeper.bans().iter().any(|ban| ban.address == address);
    assert!(gate.ban("203.0.113.7".parse().unwrap(), Duration::from_secs(600), "a scanner", now()));
    keeper.look();
    // As another daemon kept it.
    let other = tempfile::tempdir().unwrap();
    let elsewhere = Arc::new(Gate::new(Rules::default(), [8; 32]));
    let theirs = Keeper::open(&Config::default(), other.path(), elsewhere.clone()).unwrap();
    assert!(elsewhere.ban("203.0.113.9".parse().unwrap(), Duration::from_secs(600), "another", now()));
    theirs.end();
    let text = std::fs::read(theirs.bans.path()).unwrap();
    config::store::replace(keeper.bans.path(), &text, 0o600).unwrap();
    keeper.look();
    assert!(banned("203.0.113.9") && banned("203.0.113.7"), "{:?}", keeper.bans());
    keeper.end();
    assert_eq!(keeper.bans.load().unwrap().by_hand.len(), 2);
}

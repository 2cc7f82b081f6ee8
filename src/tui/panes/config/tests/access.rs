//! Users and bans.

use super::*;
use crate::control::protocol::{BanEntry, Reply, UserEntry};

/// To the users and bans.
fn access() -> Screenful {
    let mut it = Screenful::new();
    let place = it.state().listed().iter().position(|section| *section == Section::Access).unwrap();
    it.keys(&">".repeat(place)).keys("\n");
    assert!(matches!(it.state().screen, Screen::Access));
    it
}

fn wrong(it: &Screenful) -> &str {
    match &it.state().editor {
        Some(Editor::Steps(steps)) => steps.wrong.as_deref().unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_user_is_added_by_a_password_that_is_typed_twice() {
    let mut it = access();
    it.keys("a\n");
    assert_eq!(wrong(&it), "A user has a name.");
    it.keys("anna\nsesame\nsesamo\n");
    assert_eq!(wrong(&it), "The two passwords differ.");
    it.keys("\x08e\n\x08cam yard/*\n");
    assert!(!format!("{:?}", it.model).contains("sesame"), "passwords are not printed");
    it.keys("cam\n");
    let Some(Overlay::Question(question)) = &it.model.overlay else { panic!("{:?}", it.model.overlay) };
    assert!(question.asks.starts_with("anna is the first user"), "{}", question.asks);
    it.keys("y");
    assert!(it.state().editor.is_none() && it.said() == "it is so", "{:?}", it.state().editor);
    let anna = UserEntry {
        name: "anna".into(),
        read: vec!["cam".into(), "yard/*".into()],
        control: vec!["cam".into()],
    };
    assert_eq!(it.state().access.users.as_deref(), Some(&[anna][..]));
    assert!(!it.fake.asked.iter().any(|asked| asked.contains("sesame")));
    // What the daemon refuses stays, to be changed.
    it.keys("aanna\nsesame\nsesame\n\n\n");
    assert!(wrong(&it).contains("there is a user anna already"));
    it.keys("\x1b");
    assert!(it.state().editor.is_none());
}

#[test]
fn users_get_other_passwords_and_rights_and_go() {
    let mut it = access();
    it.keys("p");
    assert_eq!(it.said(), "There is nobody yet: a adds a user.");
    it.keys("anvr\nsesame\nsesame\n\n\ny");
    it.keys("pnew\nnew\n");
    assert_eq!(it.said(), "it is so");
    it.keys("\n\x08door\n\n");
    assert_eq!(it.fake.users[0].read, ["door"]);
    it.keys("x");
    let Some(Overlay::Question(question)) = &it.model.overlay else { panic!() };
    assert!(question.asks.contains("nvr"), "{}", question.asks);
    it.keys("y");
    assert!(it.fake.users.is_empty() && it.state().access.users.as_ref().unwrap().is_empty());
}

#[test]
fn addresses_are_banned_and_let_in_again() {
    let mut it = access();
    it.keys("bhost\n");
    assert!(wrong(&it).contains("no address"));
    it.keys("\x08\x08\x08\x08192.0.2.7\n\x08\x08\n");
    assert!(wrong(&it).contains("2h"));
    it.keys("2h\na scanner\n");
    let ban = &it.fake.bans[0];
    assert_eq!((ban.address.as_str(), ban.for_s, ban.why.as_str()), ("192.0.2.7", 7200, "a scanner"));
    it.keys("\n");
    assert_eq!(it.said(), "That is an address: x lifts its ban.");
    it.keys("xy");
    assert!(it.fake.bans.is_empty());
}

#[test]
fn who_is_banned_meanwhile_is_seen() {
    let mut it = access();
    let mut status = crate::control::protocol::Status::default();
    let mut told = |it: &mut Screenful, bans| {
        status.access.bans = bans;
        let reply = Ok(Reply::Status(Box::new(status.clone())));
        update(&mut it.model, Message::Answered { to: Question::Status, outcome: reply })
    };
    assert!(told(&mut it, 0).is_empty());
    it.fake.bans.push(BanEntry { address: "192.0.2.7".into(), ..BanEntry::default() });
    let effects = told(&mut it, 1);
    it.perform(effects);
    assert_eq!(it.state().access.length(), 1);
    assert!(told(&mut it, 1).is_empty(), "it is asked once");
}

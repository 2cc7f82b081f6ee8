//! Users and bans.

use lenslet::control::protocol::OpenTo;
use lenslet::tui::panes::config::form::Section;

use super::config::Screen;
use super::screens::shows;
use super::support::{draw, text};

/// On the users and bans.
pub(super) fn access() -> Screen {
    accessed(Screen::new())
}

pub(super) fn accessed(mut screen: Screen) -> Screen {
    if let Some(status) = &mut screen.model.status {
        let count = |length| u32::try_from(length).unwrap();
        (status.access.users, status.access.bans) = (count(screen.users.len()), count(screen.bans.len()));
        status.access.users_file = Some("/var/lib/lenslet/users.ron".into());
        status.access.open_to = if screen.users.is_empty() { OpenTo::Private } else { OpenTo::Users };
    }
    let place = screen.model.panes.config.listed().iter().position(|it| *it == Section::Access).unwrap();
    for _ in 0..place {
        screen.press("j");
    }
    screen.press("Enter j");
    screen
}

#[test]
fn users_and_bans() {
    let mut screen = access();
    shows("access", &mut screen.model);
    screen.press("?");
    shows("access-help", &mut screen.model);
    screen.press("Esc x");
    shows("access-remove", &mut screen.model);
    screen.press("n a");
    screen.types("gate");
    screen.press("Enter");
    screen.types("sesame");
    screen.press("Enter");
    screen.types("sesam");
    screen.press("Enter");
    shows("access-add", &mut screen.model);
}

#[test]
fn what_is_wrong_with_a_user_is_told_on_the_smallest_screen() {
    let mut screen = access();
    screen.press("a");
    screen.types("gate");
    screen.press("Enter");
    screen.types("sesame");
    screen.press("Enter Enter");
    let shown = text(&draw(&mut screen.model, 40, 10));
    assert!(shown.contains("The two passwords differ"), "{shown}");
    assert!(shown.contains("Once more"), "{shown}");
}

#[test]
fn who_is_interrupted_by_the_first_user_is_told_before() {
    let mut screen = Screen::new();
    screen.users = Vec::new();
    let mut screen = accessed(screen);
    let watching: Vec<_> = screen.model.status.as_ref().unwrap().sessions.clone();
    let without = watching.iter().filter(|it| it.user.is_none()).count();
    assert!(without > 0);
    let add = |screen: &mut Screen| {
        screen.press("a");
        screen.types("anna");
        screen.press("Enter");
        screen.types("sesame");
        screen.press("Enter");
        screen.types("sesame");
        screen.press("Enter Enter Enter");
        screen.asked.clear();
    };
    add(&mut screen);
    let shown = screen.shown().replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("anna is the first user") && shown.contains("What these watch ends"), "{shown}");
    let first = watching.iter().find(|it| it.user.is_none()).unwrap();
    assert!(shown.contains(&format!("{} on {}", first.address, first.mount)), "{shown}");
    assert_eq!(shown.contains("more."), without > 3, "{shown}");
    // No: what was typed stays.
    screen.press("n");
    assert!(screen.asked.is_empty() && screen.shown().contains("Another user"), "{}", screen.shown());
    screen.press("Enter y");
    assert_eq!(screen.asked, ["user add"]);
    // Where there are users nobody is interrupted.
    let mut screen = access();
    add(&mut screen);
    assert!(screen.model.overlay.is_none(), "{}", screen.shown());
}

#[test]
fn rights_of_no_mount_are_told_of_as_one_types_and_before_they_are_given() {
    let mut screen = access();
    screen.press("r ^U");
    for (typed, told) in [
        ("door", None),
        ("door *", None),
        ("dor", Some("There is no mount dor now; the right holds once there is.")),
        ("do*", Some("do* names no mount: all under a folder are folder/*, and all there are *.")),
        ("floor9/*", Some("There is no mount floor9/* now")),
    ] {
        screen.press("^U");
        screen.types(typed);
        let shown = screen.shown().replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(shown.contains("▲"), told.is_some(), "{typed}: {shown}");
        assert!(told.is_none_or(|told| shown.contains(told)), "{typed}: {shown}");
    }
    screen.press("Enter");
    screen.asked.clear();
    screen.press("^U Enter");
    assert!(screen.asked.is_empty());
    assert!(screen.shown().contains("Sure?"), "{}", screen.shown());
    screen.press("y");
    assert_eq!(screen.asked, ["user rights"]);
}

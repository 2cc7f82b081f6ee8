//! The configuration's forms: little and much in them, what may be typed, and two who edit at once.

use lenslet::control::protocol::{BanEntry, ConfigRequest, Reply, UserEntry, VersionEntry};
use lenslet::tui::panes::config::{form::Section, schema::Shape};

use super::access::accessed;
use super::config::{Screen, bans, users, versions};
use super::screens::{shows, shows_large};

/// Nothing is written, nobody is there and no version is kept; then more of all than any screen shows.
#[test]
fn little_and_much() {
    let many: Vec<String> = (0..60)
        .map(|number| format!("    \"camera{number}\": Pattern(fps: 15, enabled: false),\n"))
        .collect();
    for (day, mounts) in
        [("empty", "mounts: {}".to_owned()), ("overloaded", format!("mounts: {{\n{}}}", many.concat()))]
    {
        let mut screen = Screen::of(&mounts);
        (screen.users, screen.bans, screen.versions) = (Vec::new(), Vec::new(), Vec::new());
        if day == "overloaded" {
            screen.users = (0..40)
                .flat_map(|number| users().into_iter().map(move |it| (number, it)))
                .map(|(number, user)| UserEntry { name: format!("{}{number}", user.name), ..user })
                .collect();
            screen.bans = (0..200)
                .map(|number| BanEntry { address: format!("203.0.113.{number}"), ..bans().remove(0) })
                .collect();
            screen.versions = (0..50)
                .rev()
                .map(|number| VersionEntry { version: number + 1, ..versions().remove(0) })
                .collect();
        }
        shows(&format!("config-sections-{day}"), &mut screen.model);
        screen.press("v");
        shows(&format!("config-versions-{day}"), &mut screen.model);
        screen.press("Esc e");
        shows(&format!("config-text-{day}"), &mut screen.model);
        screen.press("Esc w");
        shows(&format!("config-review-{day}"), &mut screen.model);
        // Of a section nothing of which is written, or the last of more mounts than there is room for.
        screen.press(if day == "empty" { "g Enter" } else { "G Enter" });
        shows(&format!("config-form-{day}"), &mut screen.model);
        screen.press("Esc g");
        let mut screen = accessed(screen);
        shows(&format!("access-{day}"), &mut screen.model);
    }
}

#[test]
fn a_form_on_a_large_terminal_has_the_help_of_each_setting() {
    let mut screen = Screen::new();
    screen.press("G Enter");
    shows_large("config-form", &mut screen.model);
}

/// Opens the line of a setting and types this in place of what is there.
fn typed(screen: &mut Screen, setting: usize, value: &str) -> String {
    screen.press("g");
    (0..setting).for_each(|_| screen.press("j"));
    screen.press("Enter ^U");
    screen.types(value);
    screen.shown()
}

#[test]
fn numbers_out_of_their_range_are_refused_as_one_types_with_the_range() {
    let mut screen = Screen::new();
    let (mut tried, sections) = (0, screen.model.panes.config.listed().len());
    for section in 0..sections {
        screen.press("g");
        (0..section).for_each(|_| screen.press("j"));
        if matches!(screen.model.panes.config.listed()[section], Section::Access) {
            continue;
        }
        screen.press("Enter");
        let numbers: Vec<(usize, Vec<String>, String)> =
            (screen.model.panes.config.settings().iter().enumerate())
                .filter_map(|(place, setting)| {
                    let outside = match setting.field.shape {
                        Shape::Integer { min, max } => {
                            let past =
                                [min.and_then(|it| it.checked_sub(1)), max.and_then(|it| it.checked_add(1))];
                            past.into_iter().flatten().map(|it| it.to_string()).collect()
                        }
                        Shape::Number { min, max } => {
                            let past = [min.map(|it| it - 1.0), max.map(|it| it + 1.0)];
                            past.into_iter().flatten().map(|it| it.to_string()).collect()
                        }
                        _ => return None,
                    };
                    Some((place, outside, setting.field.range()?))
                })
                .collect();
        for (place, outside, range) in numbers {
            for value in outside {
                let shown = typed(&mut screen, place, &value);
                let said = shown.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(said.contains(&format!("> {value}")) && said.contains("✖"), "{value}:\n{shown}");
                assert!(said.contains(&format!("may be {range}")), "{range}:\n{shown}");
                screen.press("Enter");
                assert!(screen.model.panes.config.editor.is_some(), "{value} was taken");
                screen.press("Esc");
                tried += 1;
            }
        }
        screen.press("Esc");
    }
    assert!(tried > 20, "{tried}");
    assert!(!screen.model.panes.config.draft.changed());
}

#[test]
fn networks_are_typed_without_brackets_and_quotes() {
    let mut screen = Screen::new();
    let place =
        screen.model.panes.config.listed().iter().position(|it| *it == Section::Structure("access".into()));
    (0..place.unwrap()).for_each(|_| screen.press("j"));
    screen.press("Enter");
    let of = |screen: &Screen, name: &str| {
        screen.model.panes.config.settings().iter().position(|it| it.field.name == name).unwrap()
    };
    for (name, value, written) in [
        ("deny", "192.168.1.66", "deny: [\"192.168.1.66\"]"),
        ("allow", "192.168.0.0/16, fd00::/8", "allow: [\"192.168.0.0/16\", \"fd00::/8\"]"),
        ("deny", "[\"10.0.0.1\"]", "deny: [\"10.0.0.1\"]"),
    ] {
        let setting = of(&screen, name);
        let shown = typed(&mut screen, setting, value);
        assert!(shown.contains("it fits") && shown.contains("Several have spaces between them"), "{shown}");
        screen.press("Enter");
        let text = &screen.model.panes.config.draft.text;
        assert!(text.contains(written), "{text}");
    }
    let setting = of(&screen, "deny");
    for value in ["192.168.1", "192.168.1.0/33", "the neighbour's"] {
        let shown = typed(&mut screen, setting, value);
        assert!(shown.contains("✖") && !shown.contains("it fits"), "{shown}");
        screen.press("Esc");
    }
    screen.press("w y");
    assert!(screen.shown().contains("It is served"), "{}", screen.shown());
    // A mount's own.
    screen.press("G k Enter");
    let setting = of(&screen, "deny");
    let shown = typed(&mut screen, setting, "10.1.2.3");
    assert!(shown.contains("it fits"), "{shown}");
}

#[test]
fn two_screens_that_change_the_file_at_once_both_have_their_way_unless_it_is_the_same_place() {
    let mut first = Screen::new();
    let mut second = first.beside();
    let change = |screen: &mut Screen, name: &str, value: &str| {
        screen.press("Esc Esc 4 g G k Enter");
        let place = screen.model.panes.config.settings().iter().position(|it| it.field.name == name).unwrap();
        let shown = typed(screen, place, value);
        assert!(shown.contains("it fits"), "{shown}");
        screen.press("Enter w");
    };
    change(&mut first, "fps", "20");
    change(&mut second, "gop", "40");
    first.press("y");
    assert!(first.shown().contains("It is served"), "{}", first.shown());
    second.press("y");
    let shown = second.shown();
    assert!(
        shown.contains("The file was changed meanwhile") && shown.contains("What applying it would do"),
        "{shown}"
    );
    second.press("y");
    assert!(second.shown().contains("It is served"), "{}", second.shown());
    let text = |screen: &mut Screen| match screen.control.ask(ConfigRequest::Get { path: None }) {
        Ok(Reply::Config(file)) => file.text,
        other => panic!("{other:?}"),
    };
    let written = text(&mut second);
    assert!(written.contains("fps: 20") && written.contains("gop: 40"), "{written}");
    assert!(written.contains("// Above the door."), "{written}");
    // The same setting: nothing of the other's is lost, nor of one's own before that was said.
    let mut first = second.beside();
    change(&mut first, "fps", "21");
    change(&mut second, "fps", "22");
    first.press("y");
    second.press("y");
    let shown = second.shown();
    assert!(shown.contains("at the same place"), "{shown}");
    assert!(second.model.panes.config.draft.text.contains("fps: 22"));
    assert!(text(&mut second).contains("fps: 21"));
    second.press("R");
    assert!(second.shown().contains("forget"), "{}", second.shown());
    second.press("y");
    assert!(second.model.panes.config.draft.text.contains("fps: 21"));
}

/// The daemon may take its time: what is changed meanwhile is one's own still.
#[test]
fn what_is_changed_while_another_change_is_applied_is_not_taken_for_it() {
    let mut screen = Screen::new();
    let fps = |screen: &Screen| {
        screen.model.panes.config.settings().iter().position(|it| it.field.name == "fps").unwrap()
    };
    screen.press("G k Enter");
    let place = fps(&screen);
    typed(&mut screen, place, "20");
    screen.press("Enter w");
    let applying = screen.holds("y");
    screen.press("y");
    assert_eq!(screen.asked.iter().filter(|it| *it == "config apply").count(), 0, "it is under way");
    screen.press("Esc G k Enter");
    typed(&mut screen, place, "21");
    screen.press("Enter");
    screen.perform(applying);
    let shown = screen.shown();
    assert!(shown.contains("It is served"), "{shown}");
    assert!(shown.contains("width"), "the form stays: {shown}");
    assert!(
        screen.model.panes.config.draft.changed() && screen.model.panes.config.draft.text.contains("fps: 21")
    );
    screen.press("w");
    let shown = screen.shown();
    assert!(shown.contains("fps: 20") && shown.contains("fps: 21"), "{shown}");
    screen.press("y");
    assert!(screen.shown().contains("It is served"), "{}", screen.shown());
    assert!(!screen.model.panes.config.draft.changed());
}

#[test]
fn a_refusal_that_comes_when_the_review_is_left_is_told() {
    let mut first = Screen::new();
    let mut second = first.beside();
    for (screen, name, value) in [(&mut first, "fps", "20"), (&mut second, "gop", "40")] {
        screen.press("G k Enter");
        let place = screen.model.panes.config.settings().iter().position(|it| it.field.name == name).unwrap();
        typed(screen, place, value);
        screen.press("Enter w");
    }
    first.press("y");
    let applying = second.holds("y");
    second.press("Esc");
    second.perform(applying);
    assert!(second.shown().contains("nothing was applied"), "{}", second.shown());
    let draft = &second.model.panes.config.draft.text;
    assert!(draft.contains("fps: 20") && draft.contains("gop: 40"), "{draft}");
    second.press("w y");
    assert!(second.shown().contains("It is served"), "{}", second.shown());
}

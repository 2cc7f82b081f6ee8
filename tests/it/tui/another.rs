//! The file is edited by hand while it is shown here: what is seen is what it says, and nothing of one's own is lost.

use lenslet::tui::panes::config::Screen as Shown;

use super::config::Screen;

/// The text in the raw editor.
fn typed(screen: &Screen) -> String {
    match &screen.model.panes.config.screen {
        Shown::Raw(raw) => raw.text(),
        other => panic!("{other:?}"),
    }
}

fn line_and_column(screen: &Screen) -> (usize, usize) {
    match &screen.model.panes.config.screen {
        Shown::Raw(raw) => (raw.area.cursor().0, raw.area.cursor().1),
        other => panic!("{other:?}"),
    }
}

fn other_rate(text: &str) -> String {
    text.replace("fps: 15", "fps: 17")
}

fn in_a_line(shown: &str) -> String {
    shown.split_whitespace().filter(|word| !word.starts_with(['│', '|'])).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_text_that_is_open_and_was_not_touched_is_the_files_again() {
    let mut screen = Screen::new();
    screen.hears();
    screen.press("e Down Right Right");
    for change in [
        |text: &str| text.replace("fps: 15", "fps: 17"),
        |text: &str| format!("// by hand\n{text}"),
        // Nothing that can be served: it is what the file says all the same, and its mistake is told.
        |text: &str| text.replace("fps: 17", "fsp: 17"),
    ] {
        screen.by_hand(change);
        assert_eq!(typed(&screen).trim_end(), screen.file().trim_end());
        let shown = screen.shown();
        assert!(shown.contains("The file was changed"), "{shown}");
    }
    let shown = screen.shown();
    assert!(shown.contains("fsp"), "{shown}");
    assert!(shown.contains("✖") || shown.contains("line "), "{shown}");
    // A line came above the one where one was.
    assert_eq!(line_and_column(&screen), (2, 2));
    screen.press("Esc");
    assert!(screen.model.overlay.is_none(), "nothing was typed");
}

#[test]
fn what_was_typed_into_the_text_is_kept_in_the_file_as_it_is_now() {
    let mut screen = Screen::new();
    screen.hears();
    screen.press("e");
    screen.types("// typed");
    screen.press("Enter");
    screen.by_hand(other_rate);
    let shown = in_a_line(&screen.shown());
    assert!(shown.contains("The file was changed meanwhile: what you typed is kept in it"), "{shown}");
    assert_eq!(typed(&screen).trim_end(), format!("// typed\n{}", screen.file()).trim_end());
    assert_eq!(line_and_column(&screen), (1, 0));
    screen.press("^S w");
    let shown = screen.shown();
    let changed: Vec<&str> =
        shown.lines().filter(|line| line.starts_with("│+") || line.starts_with("│-")).collect();
    assert!(changed.len() == 1 && changed[0].contains("// typed"), "only what is one's own: {shown}");
    screen.press("y");
    assert!(screen.shown().contains("It is served"), "{}", screen.shown());
    let file = screen.file();
    assert!(file.starts_with("// typed\n") && file.contains("fps: 17"), "{file}");
}

#[test]
fn what_two_typed_at_the_same_place_is_shown_and_ones_own_stays_in_the_text() {
    let mut screen = Screen::new();
    screen.hears();
    // A change of the draft, and one of the text.
    screen.press("G k Enter");
    screen.to("fps");
    screen.press("Enter ^U");
    screen.types("16");
    screen.press("Enter e");
    screen.types("// typed");
    screen.press("Enter");
    screen.by_hand(|text| other_rate(text).replace("height: 480", "height: 360"));
    let text = typed(&screen);
    assert!(text.starts_with("// typed\n") && text.contains("fps: 16"), "{text}");
    assert!(text.contains("height: 360"), "what only the other changed is taken: {text}");
    let shown = screen.shown();
    let said = in_a_line(&shown);
    assert!(said.contains("fps: 17") && said.contains("at the same place"), "{shown}");
    // One more change of the other's; the place is told still.
    screen.by_hand(|text| text.replace("// Above the door.", "// Above the gate."));
    let shown = in_a_line(&screen.shown());
    assert!(typed(&screen).contains("// Above the gate."));
    assert!(shown.contains("fps: 17") && shown.contains("at the same place"), "{shown}");
    // Taken as it is, it is a change of the file as it is now, which says so before it holds.
    screen.press("^S w");
    let shown = screen.shown();
    assert!(shown.contains("fps: 17") && shown.contains("fps: 16"), "{shown}");
    screen.press("y");
    assert!(screen.shown().contains("It is served"), "{}", screen.shown());
    let file = screen.file();
    for part in ["// typed", "fps: 16", "height: 360", "// Above the gate."] {
        assert!(file.contains(part), "{part}: {file}");
    }
}

#[test]
fn a_form_shows_what_another_wrote_and_keeps_ones_own() {
    let mut screen = Screen::new();
    screen.hears();
    screen.press("G k Enter");
    screen.by_hand(other_rate);
    let shown = screen.shown();
    assert!(shown.contains("17") && shown.contains("The file was changed"), "{shown}");
    assert!(!screen.model.panes.config.draft.changed());
    screen.to("gop");
    // A line that is open is tried on the file as it is now.
    screen.press("Enter ^U");
    screen.types("40");
    screen.by_hand(|text| text.replace("fps: 17", "fps: 18"));
    assert!(screen.shown().contains("> 40"), "{}", screen.shown());
    screen.press("Enter");
    let text = &screen.model.panes.config.draft.text;
    assert!(text.contains("fps: 18") && text.contains("gop: 40"), "{text}");
    screen.by_hand(|text| text.replace("fps: 18", "fps: 19"));
    let text = &screen.model.panes.config.draft.text;
    assert!(text.contains("fps: 19") && text.contains("gop: 40"), "{text}");
    let shown = screen.shown();
    assert!(shown.contains("19") && shown.contains("is kept in it"), "{shown}");
    // What it would do is shown anew.
    screen.press("w");
    screen.by_hand(|text| text.replace("fps: 19", "fps: 20"));
    let shown = screen.shown();
    assert!(shown.contains("What applying it would do") && shown.contains("fps: 20"), "{shown}");
    screen.press("y");
    let file = screen.file();
    assert!(file.contains("fps: 20") && file.contains("gop: 40"), "{file}");
}

#[test]
fn a_form_that_another_changed_at_the_same_place_tells_and_its_text_has_both() {
    let mut screen = Screen::new();
    screen.hears();
    screen.press("G k Enter");
    screen.to("fps");
    screen.press("Enter ^U");
    screen.types("16");
    screen.press("Enter");
    screen.by_hand(other_rate);
    let said = in_a_line(&screen.shown());
    assert!(said.contains("at the same place") && said.contains("R reads it again"), "{said}");
    assert!(screen.model.panes.config.draft.text.contains("fps: 16"));
    screen.press("Esc");
    assert!(screen.shown().contains("changed by another too"), "{}", screen.shown());
    screen.press("e");
    let said = in_a_line(&screen.shown());
    assert!(said.contains("fps: 17") && said.contains("at the same place"), "{said}");
    screen.press("^S w y");
    assert!(screen.shown().contains("It is served"), "{}", screen.shown());
    assert!(screen.file().contains("fps: 16"));
    // Where the other takes it back there is nothing between them any more.
    screen.press("G k Enter");
    screen.to("fps");
    screen.press("Enter ^U");
    screen.types("15");
    screen.press("Enter");
    screen.by_hand(|text| text.replace("fps: 16", "fps: 99"));
    screen.press("Esc");
    assert!(screen.shown().contains("changed by another too"), "{}", screen.shown());
    screen.by_hand(|text| text.replace("fps: 99", "fps: 16"));
    assert!(screen.shown().contains("changed: w applies"), "{}", screen.shown());
}

#[test]
fn a_form_of_a_mount_that_another_took_out_is_left() {
    let mut screen = Screen::new();
    screen.hears();
    screen.press("G Enter");
    screen.to("gop");
    screen.press("Enter");
    screen.by_hand(|text| {
        text.lines().filter(|line| !line.contains("\"yard\"")).map(|line| format!("{line}\n")).collect()
    });
    assert!(matches!(screen.model.panes.config.screen, Shown::Sections));
    assert!(screen.model.panes.config.editor.is_none());
    let shown = screen.shown();
    assert!(shown.contains("yard is not in the configuration any more") && shown.contains("door"), "{shown}");
}

#[test]
fn the_versions_are_asked_again_and_nothing_is_asked_twice() {
    let mut screen = Screen::new();
    screen.hears();
    screen.press("v");
    screen.asked.clear();
    screen.by_hand(other_rate);
    assert!(screen.asked.contains(&"config history".to_owned()), "{:?}", screen.asked);
    screen.asked.clear();
    (0..3).for_each(|_| screen.hears());
    assert_eq!(screen.asked, [] as [&str; 0]);
    // Nor of what was written here.
    screen.press("Esc G k x w y");
    screen.asked.clear();
    screen.hears();
    assert_eq!(screen.asked, [] as [&str; 0]);
}

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod fake;

use super::*;
use crate::control::protocol::{ConfigRequest, Request};
use crate::tui::message::Message;
use crate::tui::model::Overlay;
use crate::tui::update::update;
use fake::{FILE, Screenful};
use form::Section;

/// Down to a setting of the form that is open.
fn to(screenful: &mut Screenful, name: &str) {
    let place = screenful.state().settings().iter().position(|setting| setting.field.name == name).unwrap();
    screenful.keys(&">".repeat(place));
}

#[test]
fn a_value_is_typed_tried_and_applied_and_comments_stay() {
    let mut it = Screenful::new();
    assert_eq!(it.state().listed().last(), Some(&Section::Mount("cam".into())));
    it.keys("G\n");
    to(&mut it, "fps");
    it.keys("\n\x08999");
    let Some(Editor::Line(line)) = &it.state().editor else { panic!() };
    assert!(matches!(&line.tried, editor::Tried::Wrong(why) if why.contains("999")), "{:?}", line.tried);
    it.keys("\n");
    assert!(it.state().editor.is_some(), "what is wrong is not taken");
    it.keys("\x08\x08\x0825\n");
    assert!(it.state().editor.is_none());
    assert_eq!(it.state().draft.text, FILE.replace("fps: 5", "fps: 25"));
    it.keys("w");
    let Screen::Review(review) = &it.state().screen else { panic!("{:?}", it.state().screen) };
    let lines = review.lines();
    assert_eq!(lines[0], "! cam: starts anew: its viewers see a gap, 2 viewers now");
    assert!(lines.contains(&"! server, at once: workers".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with('+') && line.contains("fps: 25")), "{lines:?}");
    it.keys("y");
    assert_eq!(it.fake.file, FILE.replace("fps: 5", "fps: 25"));
    assert_eq!(it.said(), "It is served as version 5.");
    assert!(!it.state().draft.changed());
}

#[test]
fn undo_redo_default_and_switches() {
    let mut it = Screenful::new();
    it.keys("G\n");
    to(&mut it, "enabled");
    it.keys(" ");
    assert!(it.state().draft.text.contains("enabled: false"), "{}", it.state().draft.text);
    it.keys("u");
    assert_eq!(it.state().draft.text, FILE);
    it.keys("u");
    assert_eq!(it.said(), "Nothing was changed since it was read.");
    it.keys("g");
    to(&mut it, "fps");
    it.keys("d");
    assert!(!it.state().draft.text.contains("fps"), "{}", it.state().draft.text);
    it.keys("w\x1b");
    assert!(matches!(it.state().screen, Screen::Sections));
}

#[test]
fn a_mount_is_added_renamed_and_taken_out() {
    let mut it = Screenful::new();
    // The fourth kind is a file, which has to have a path.
    it.keys("a>>>\n");
    let Some(Editor::Line(line)) = &it.state().editor else { panic!("{:?}", it.state().editor) };
    assert_eq!(line.input.value(), "file");
    it.keys("\x08\x08\x08\x08clip\n/srv/clip.mp4\n");
    assert!(
        it.state().draft.text.contains("\"clip\": File(path: \"/srv/clip.mp4\"),"),
        "{}",
        it.state().draft.text
    );
    assert_eq!(it.state().section(), Some(Section::Mount("clip".into())));
    it.keys("\x1bGn2\n");
    let renamed = it.state().draft.text.clone();
    assert!(renamed.contains("2\": "), "{renamed}");
    it.keys("\x1bGx");
    assert_ne!(it.state().draft.text, renamed);
    it.keys("gx");
    assert_eq!(it.said(), "Only mounts can be taken out.");
}

#[test]
fn of_several_cameras_of_rpicam_a_new_mount_is_asked_for_one() {
    let camera = |number, name| serde_json::json!({"camera": number, "name": name, "sizes": []});
    for (cameras, written) in [
        (vec![camera(0, "imx708"), camera(1, "imx477")], "\"rpicam\": Rpicam(camera: 1)"),
        (vec![camera(0, "imx708")], "\"rpicam\": Rpicam()"),
    ] {
        let (mut it, several) = (Screenful::new(), cameras.len() > 1);
        let found = serde_json::json!({"cameras": [], "encoders": [], "rpicam": cameras});
        it.model.panes.config.probed = super::super::super::state::config::probed::Probed(Some(found));
        it.keys("a>>\n\n");
        if several {
            let Some(Editor::Line(line)) = &it.state().editor else { panic!("{:?}", it.state().editor) };
            let shown: Vec<&str> = line.suggestions.iter().map(|it| it.shown.as_str()).collect();
            assert_eq!((line.title.as_str(), &shown[..]), ("rpicam: camera", &["0 imx708", "1 imx477"][..]));
            it.keys("1\n");
        }
        assert!(it.state().editor.is_none(), "{:?}", it.state().editor);
        assert!(it.state().draft.text.contains(written), "{}", it.state().draft.text);
    }
}

/// A review of another rate, and the file as another has changed it meanwhile.
fn overtaken(file: &str) -> Screenful {
    let mut it = Screenful::new();
    it.keys("G\n");
    to(&mut it, "fps");
    it.keys("\n9\nw");
    (it.fake.file, it.fake.version) = (file.to_owned(), 7);
    it.keys("y");
    it
}

#[test]
fn who_comes_too_late_sees_what_it_does_to_the_file_as_it_is_now() {
    let mut it = overtaken(&FILE.replace("workers: 2", "workers: 3"));
    assert!(it.said().contains("was changed meanwhile"), "{}", it.said());
    let Screen::Review(review) = &it.state().screen else { panic!("{:?}", it.state().screen) };
    let lines = review.lines();
    assert!(lines.iter().any(|line| line.starts_with('+') && line.contains("fps: 59")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with(['+', '-']) && line.contains("workers")), "{lines:?}");
    it.keys("y");
    assert_eq!(it.said(), "It is served as version 8.");
    assert_eq!(it.fake.file, FILE.replace("workers: 2", "workers: 3").replace("fps: 5", "fps: 59"));
    let same = overtaken(&FILE.replace("fps: 5", "fps: 59"));
    assert!(same.said().contains("says all of this already"), "{}", same.said());
    assert!(!same.state().draft.changed());
}

#[test]
fn who_changed_the_same_as_another_is_told_and_loses_nothing() {
    let mut it = overtaken(&FILE.replace("fps: 5", "fps: 6"));
    assert!(it.said().contains("R reads it again and drops"), "{}", it.said());
    assert!(it.state().draft.changed());
    // Another look at the pane keeps it too.
    it.keys("12345");
    let effects = enter(&mut it.model);
    it.perform(effects);
    assert!(it.state().draft.text.contains("fps: 59"), "{}", it.state().draft.text);
    it.model.tab = Tab::Config;
    it.keys("R");
    assert!(matches!(it.model.overlay, Some(Overlay::Question(_))));
    it.keys("y");
    assert!(!it.state().draft.changed());
    assert!(it.state().draft.text.contains("fps: 6"), "{}", it.state().draft.text);
}

#[test]
fn the_text_is_edited_checked_and_taken_only_if_it_is_right() {
    let mut it = Screenful::new();
    it.keys("ex");
    let Screen::Raw(raw) = &it.state().screen else { panic!() };
    assert!(!raw.checked.as_ref().unwrap().errors.is_empty());
    it.keys("\x13");
    assert_eq!(it.said(), "There is something wrong with it still.");
    it.keys("\x1b");
    assert!(matches!(it.model.overlay, Some(Overlay::Question(_))), "what was typed is not lost by one key");
    it.keys("n");
    it.keys("\x08");
    // The cursor went to the mistake's line: the sign is taken away there, or the text is as it was.
    it.keys("\x1b");
    if it.model.overlay.is_some() {
        it.keys("y");
    }
    it.keys("e// first\n\x13");
    assert!(it.state().draft.text.starts_with("// first\n( // mine"), "{}", it.state().draft.text);
}

#[test]
fn a_version_is_gone_back_to_once_its_difference_was_seen() {
    let mut it = Screenful::new();
    it.keys("v\n");
    assert_eq!(it.said(), "Version 4 says what the file says already.");
    it.fake.then = FILE.replace("fps: 5", "fps: 7");
    it.keys("\n");
    let Screen::Review(review) = &it.state().screen else { panic!("{:?}", it.state().screen) };
    assert_eq!((review.back_to, review.lines().is_empty()), (Some(4), false));
    let asked = it.fake.asked.last().unwrap();
    assert_eq!(*asked, format!("{:?}", Request::from(ConfigRequest::Preview { text: None, to: Some(4) })));
    it.keys("\x1b");
    assert!(matches!(it.state().screen, Screen::History));
    it.keys("\ny");
    assert_eq!(it.said(), "It is served as version 14.");
    assert!(it.fake.asked.iter().any(|asked| asked.contains("Rollback { to: 4, base: Some(Version(4)) }")));
}

#[test]
fn going_back_forgets_what_was_changed_here_and_says_so() {
    let mut it = Screenful::new();
    it.fake.then = FILE.replace("fps: 5", "fps: 7");
    it.keys("G\n");
    to(&mut it, "fps");
    it.keys("\n9\nv\n");
    let Screen::Review(review) = &it.state().screen else { panic!("{:?}", it.state().screen) };
    assert!(review.lines()[0].contains("is forgotten"), "{:?}", review.lines());
}

#[test]
fn what_is_pasted_is_typed_where_something_is_typed() {
    let mut it = Screenful::new();
    let paste = |it: &mut Screenful, text: &str| {
        let effects = update(&mut it.model, Message::Pasted(text.to_owned()));
        it.perform(effects);
    };
    paste(&mut it, "q");
    it.keys("G\n");
    to(&mut it, "label");
    it.keys("\n");
    paste(&mut it, "Front door");
    it.keys("\ne");
    assert!(it.state().draft.text.contains("label: \"Front door\""), "{}", it.state().draft.text);
    paste(&mut it, "// two\n// lines\n");
    it.keys("\x13");
    assert!(it.state().draft.text.starts_with("// two\n// lines\n( // mine"), "{}", it.state().draft.text);
}

#[test]
fn leaving_asks_before_changes_are_forgotten_and_nothing_is_answered_unseen() {
    let mut it = Screenful::new();
    it.keys("G\n");
    to(&mut it, "fps");
    it.keys("\n9\nq");
    assert!(matches!(it.model.overlay, Some(Overlay::Question(_))), "changes are not lost by one key");
    it.keys("n");
    it.keys("w");
    it.model.places.too_small = true;
    it.keys("y");
    assert_eq!(it.fake.file, FILE, "what nobody sees is not applied");
    let effects = update(&mut it.model, Message::Key(Key::Sign('q').event()));
    assert_eq!(effects, [Effect::Leave]);
}

#[test]
fn what_has_to_be_said_is_not_left_empty_and_no_mistake_before_one_types() {
    let mut it = Screenful::new();
    it.keys("a>>>\n\n");
    let line = |it: &Screenful| match &it.state().editor {
        Some(Editor::Line(line)) => (line.touched, matches!(&line.tried, editor::Tried::Wrong(_))),
        other => panic!("{other:?}"),
    };
    assert_eq!(line(&it), (false, true));
    it.keys("\n");
    assert_eq!(line(&it), (true, true));
    assert_eq!(it.state().draft.text, FILE, "an empty path is none");
    it.keys("x\n");
    assert!(it.state().draft.text.contains("File(path: \"x\")"), "{}", it.state().draft.text);
}

#[test]
fn control_c_leaves_what_is_typed() {
    let mut it = Screenful::new();
    let control_c = |it: &mut Screenful| drop(update(&mut it.model, Message::Key(Key::Control('c').event())));
    it.keys("a");
    control_c(&mut it);
    assert!(it.state().editor.is_none());
    it.keys("e");
    control_c(&mut it);
    assert!(matches!(it.state().screen, Screen::Sections));
    it.keys("ex");
    control_c(&mut it);
    assert!(matches!(it.model.overlay, Some(Overlay::Question(_))), "what was typed is not lost by one key");
}

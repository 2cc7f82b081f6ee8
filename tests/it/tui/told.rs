//! What comes in beside keys, and what is said of it.

use lenslet::control::protocol::{Board, Disk, Level, LogEvent, LogLine, Power, Refusal, Reply};
use lenslet::tui::message::{Asked, Message};
use lenslet::tui::model::Model;
use lenslet::tui::update::update;

use super::keys::{asked, day};
use super::mouse::{click, place};
use super::support::{draw, press, seen, status, tell, text};

#[test]
fn a_chosen_session_stays_chosen_where_others_come_and_go() {
    let mut model = day();
    press(&mut model, "2 j j");
    let id = model.panes.sessions.chosen.clone().unwrap();
    let mut later = status("typical");
    later.sessions.retain(|session| session.id != "62aa");
    tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(later))));
    assert_eq!(asked(&press(&mut model, "x y")), format!("{{\"do\":\"kick\",\"session\":\"{id}\"}}"));
}

#[test]
fn who_leaves_is_asked_whether_the_daemon_that_was_started_here_ends_too() {
    let mut model = day();
    model.link.ours = true;
    for (answer, asks) in [("y", "end"), ("n", "leave"), ("Esc", ""), ("q", "")] {
        assert!(press(&mut model, "q").is_empty());
        let shown = text(&draw(&mut model, 40, 12));
        assert!(shown.contains("7 viewers are told") && shown.contains("n it goes on"), "{shown}");
        assert_eq!(asked(&press(&mut model, answer)), asks);
        assert!(model.overlay.is_none());
    }
    for (part, asks) in [("y it ends", "end"), ("n it goes on", "leave")] {
        press(&mut model, "q");
        let (x, y) = place(&mut model, part);
        assert_eq!(asked(&click(&mut model, x, y)), asks);
    }
    // One that has ended by itself ends no more.
    update(&mut model, Message::Lost("it is gone".into()));
    assert_eq!(asked(&press(&mut model, "Esc q")), "leave");
}

#[test]
fn a_url_is_one_that_others_reach_and_can_be_typed() {
    for (addresses, mount, url) in [
        (&["[::]:8554"][..], "door", "rtsp://porch:8554/door"),
        (&["127.0.0.1:8554", "192.168.1.5:8554"], "door", "rtsp://192.168.1.5:8554/door"),
        (&["[::1]:8554", "127.0.0.1:8554"], "door", "rtsp://[::1]:8554/door"),
        (&["0.0.0.0:554"], "floor 1/\u{fc}ber?", "rtsp://porch/floor%201/%C3%BCber%3F"),
    ] {
        let mut model = day();
        let status = model.status.as_mut().unwrap();
        status.addresses = addresses.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(lenslet::tui::panes::mount::url(&model, mount).as_deref(), Some(url));
    }
}

#[test]
fn what_was_done_or_refused_is_said() {
    let mut model = day();
    tell(&mut model, Asked::Deed, Ok(Reply::Done { said: "session 5f2a was ended".into() }));
    assert!(text(&draw(&mut model, 80, 24)).contains("session 5f2a was ended"));
    let refusal = Refusal::new("no-such-session", "there is no session 5f2a", "`lenslet status` shows all");
    tell(&mut model, Asked::Deed, Err(refusal));
    assert!(text(&draw(&mut model, 80, 24)).contains("there is no session 5f2a: `lenslet status` shows all"));
    press(&mut model, "j");
    assert!(!text(&draw(&mut model, 80, 24)).contains("5f2a"));
}

#[test]
fn a_daemon_that_comes_back_is_asked_for_all_that_was_watched() {
    let mut model = day();
    press(&mut model, "5");
    update(&mut model, Message::Lost("it is gone".into()));
    let asked = asked(&update(&mut model, Message::Connected));
    assert!(asked.contains("\"do\":\"status\",\"every_ms\":250"), "{asked}");
    assert!(asked.contains("\"do\":\"log\""), "{asked}");
    assert!(model.panes.logs.lines.is_empty());
}

#[test]
fn a_log_that_stands_still_does_so_while_the_daemon_begins_anew() {
    let mut model = day();
    let said = |model: &mut Model, text: &str| {
        let at = "2026-11-25T21:00:00.123Z".to_owned();
        let line = LogLine { at, level: Level::Warn, room: "source".into(), text: text.into() };
        tell(model, Asked::Log, Ok(Reply::Log(LogEvent::Line(line))));
    };
    press(&mut model, "5");
    said(&mut model, "the last words");
    press(&mut model, "p");
    update(&mut model, Message::Lost("it is gone".into()));
    update(&mut model, Message::Connected);
    tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(status("typical")))));
    said(&mut model, "it begins");
    let shown = text(&draw(&mut model, 80, 24));
    assert!(shown.contains("the last words") && shown.contains("PAUSED, 1 wait"), "{shown}");
    press(&mut model, "p");
    let shown = text(&draw(&mut model, 80, 24));
    assert!(shown.contains("it begins") && !shown.contains("the last words"), "{shown}");
}

#[test]
fn a_live_picture_is_asked_for_once_a_second_and_not_before_the_last_came() {
    let mut model = day();
    press(&mut model, "3 v");
    let status = status("typical");
    let second = |model: &mut Model| -> usize {
        let said = || Ok(Reply::Status(Box::new(status.clone())));
        (0..4).map(|_| asked(&tell(model, Asked::Status, said())).matches("snapshot").count()).sum()
    };
    assert_eq!(second(&mut model), 0);
    tell(&mut model, Asked::Snapshot("door".into()), Ok(Reply::Snapshot(super::support::snapshot())));
    assert_eq!(second(&mut model), 1);
    assert_eq!(second(&mut model), 0);
    tell(&mut model, Asked::Snapshot("door".into()), Ok(Reply::Snapshot(super::support::snapshot())));
    press(&mut model, "1");
    assert_eq!(second(&mut model), 0);
}

#[test]
fn a_help_that_has_no_room_is_scrolled() {
    let mut model = day();
    press(&mut model, "3 ?");
    draw(&mut model, 60, 16);
    assert!(!text(&draw(&mut model, 60, 16)).contains("leave; it goes on"));
    press(&mut model, "j PgDn End");
    assert!(text(&draw(&mut model, 60, 16)).contains("leave; it goes on"));
    press(&mut model, "k Home");
    assert!(text(&draw(&mut model, 60, 16)).contains("the line above"));
    press(&mut model, "x");
    assert!(model.overlay.is_none());
    // Where all of it is seen, each key closes it.
    press(&mut model, "?");
    draw(&mut model, 120, 40);
    press(&mut model, "j");
    assert!(model.overlay.is_none());
}

#[test]
fn text_that_is_pasted_is_typed() {
    let mut model = day();
    press(&mut model, "2 /");
    update(&mut model, Message::Pasted("v\nlc".into()));
    assert_eq!(model.panes.sessions.filter, "vlc");
    press(&mut model, "Esc");
    update(&mut model, Message::Pasted("q".into()));
    assert!(model.overlay.is_none());
}

#[test]
fn a_ban_for_no_time_and_a_filter_with_a_slip_are_told_of() {
    let mut model = day();
    press(&mut model, "2 B ^U a b c Enter");
    let shown = text(&draw(&mut model, 80, 24));
    assert!(shown.contains("A number and s, m, h or d"), "{shown}");
    assert!(shown.lines().last().unwrap().contains("abc"), "what is typed stays: {shown}");
    press(&mut model, "Esc / l o s s > a");
    let shown = text(&draw(&mut model, 80, 24));
    assert!(shown.contains("loss>a is not understood"), "{shown}");
    press(&mut model, "Backspace 1");
    assert!(!text(&draw(&mut model, 80, 24)).contains("not understood"));
}

#[test]
fn a_refusal_is_told_whole_at_the_smallest_size() {
    let mut model = day();
    let why = "the camera /dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920-video-index0 does not take that";
    let refusal = Refusal::new("x", why, "look at the end of this sentence");
    tell(&mut model, Asked::Deed, Err(refusal));
    for (width, height) in [(40, 12), (80, 24)] {
        let shown = text(&draw(&mut model, width, height));
        assert!(shown.contains("end of this") && shown.contains("sentence"), "{shown}");
    }
}

#[test]
fn a_line_of_the_log_is_read_whole_on_the_smallest_screen() {
    let mut model = day();
    let text_ = format!("{} the end of it", "all that was said of a camera ".repeat(30));
    let line = LogLine {
        at: "2026-11-25T21:00:00.123Z".into(),
        level: Level::Warn,
        room: "source".into(),
        text: text_,
    };
    press(&mut model, "5");
    tell(&mut model, Asked::Log, Ok(Reply::Log(LogEvent::Line(line))));
    press(&mut model, "Enter");
    assert!(text(&draw(&mut model, 40, 10)).contains("2026-11-25T21:00:00.123Z source:"));
    press(&mut model, "End");
    let shown = text(&draw(&mut model, 40, 10));
    assert!(shown.contains("the end of it"), "{shown}");
    press(&mut model, "q");
    assert!(model.overlay.is_none());
}

/// Each is told where there is little room too, whatever else stands there.
#[test]
fn what_is_wrong_with_the_box_is_told() {
    let whole = |board: &mut Board| {
        board.power = Some(Power { under_voltage_before: false, ..board.power.unwrap() });
        let disk = board.disks[0].clone();
        for path in ["/var/lib/lenslet", "/home"] {
            let total_bytes = disk.total_bytes + board.disks.len() as u64 * 1_000_000_000;
            board.disks.push(Disk { path: path.into(), total_bytes, ..disk.clone() });
        }
    };
    let power = |board: &mut Board, change: fn(&mut Power)| change(board.power.as_mut().unwrap());
    type Change<'a> = &'a dyn Fn(&mut Board);
    let wrong: &[(&str, Change<'_>)] = &[
        ("UNDER-VOLTAGE", &|board| power(board, |power| power.under_voltage = true)),
        ("THROTTLED", &|board| power(board, |power| power.throttled = true)),
        ("CAPPED", &|board| power(board, |power| power.capped = true)),
        ("HOT: slowed down", &|board| power(board, |power| power.soft_limit = true)),
        ("supply was too weak", &|board| power(board, |power| power.under_voltage_before = true)),
        ("C HOT", &|board| board.temperature_celsius = Some(81.0)),
        ("/home READ-ONLY", &|board| board.disks[2].read_only = true),
        ("FULL", &|board| board.disks[1].free_bytes = 1000),
        ("NOT SET", &|board| board.clock_synchronised = Some(false)),
        ("WEAK", &|board| board.wifi.iter_mut().for_each(|wifi| wifi.level_dbm = -90.0)),
    ];
    let shown = |change: Change<'_>, width| {
        let mut status = status("typical");
        whole(&mut status.board);
        change(&mut status.board);
        text(&draw(&mut seen(&status), width, 24))
    };
    for width in [50, 80, 120] {
        let well = shown(&|_| {}, width);
        for (said, change) in wrong {
            let shown = shown(change, width);
            assert!(shown.contains(said) && !well.contains(said), "{said}, {width}:\n{shown}");
        }
        let all = shown(&|board| wrong[5..].iter().for_each(|(_, change)| change(board)), width);
        let lacks: Vec<&str> =
            wrong[5..].iter().map(|(said, _)| *said).filter(|said| !all.contains(said)).collect();
        assert!(lacks.is_empty(), "{lacks:?}, {width}:\n{all}");
    }
}

#[test]
fn a_dumb_terminal_is_told_what_is_needed() {
    use lenslet::tui::terminal::{DUMB, is_dumb};
    assert!(is_dumb(Some("dumb")) && !is_dumb(Some("xterm")) && !is_dumb(None));
    assert!(DUMB.contains("TERM=xterm-256color"));
}

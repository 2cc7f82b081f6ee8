//! A screen without a terminal and without a daemon.

use lenslet::control::protocol::{
    AnswerLine, Control, ControlKind, Level, LogEvent, LogLine, Outcome, Reply, SessionStatus, Snapshot,
    Status,
};
use lenslet::tui::effect::Effect;
use lenslet::tui::keys::Key;
use lenslet::tui::message::{Asked, Message};
use lenslet::tui::model::Model;
use lenslet::tui::theme::Theme;
use lenslet::tui::update::update;
use lenslet::tui::view::view;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Position;

/// What a daemon said of itself.
pub(super) fn status(name: &str) -> Status {
    let path = format!("{}/tests/fixtures/status/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The typical daemon with 16 mounts and 500 sessions, of which every seventh suffers.
pub(super) fn overloaded() -> Status {
    let mut status = status("typical");
    let (mounts, sessions) = (status.mounts.clone(), status.sessions.clone());
    status.mounts = (0..16)
        .map(|number| {
            let mut mount = mounts[number % mounts.len()].clone();
            mount.name = format!("camera{number}");
            (mount.readers, mount.max_readers) = (500 / 16, Some(32));
            mount
        })
        .collect();
    status.sessions = (0..500)
        .map(|number| {
            let mut session: SessionStatus = sessions[number % sessions.len()].clone();
            session.id = format!("s{number}");
            session.mount = format!("camera{}", number % 16);
            session.address = format!("192.168.{}.{}:{}", number / 250, number % 250 + 1, 40_000 + number);
            session.duration_s = 5000 - number as u64;
            if number % 7 == 0 {
                (session.loss_percent, session.behind_live_ms) = (Some(12.5), Some(2400));
            }
            session
        })
        .collect();
    status.board.cpu_percent = Some(97.0);
    status.board.temperature_celsius = Some(83.5);
    status.board.wifi.iter_mut().for_each(|wifi| wifi.level_dbm = -82.0);
    status.board.memory_available_bytes = Some(101_221_225);
    if let Some(power) = &mut status.board.power {
        (power.under_voltage, power.throttled) = (true, true);
    }
    let alarm = status.alarms[0].clone();
    for number in 0..20 {
        let mut alarm = alarm.clone();
        alarm.id = format!("mount/camera{number}/failed");
        alarm.mount = Some(format!("camera{number}"));
        status.alarms.insert(0, alarm);
    }
    status
}

/// What a real daemon answered, as tests/fixtures/status/record.py has kept it: to what, and what.
pub(super) fn answers(day: &str) -> Vec<(String, Outcome)> {
    let path = format!("{}/tests/fixtures/status/streams/{day}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let answer = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let answer = AnswerLine::read(line["answer"].to_string().as_bytes()).unwrap();
        (line["to"].as_str().unwrap().to_owned(), answer.outcome)
    };
    text.lines().map(answer).collect()
}

/// A terminal that has heard that, status by status.
pub(super) fn recorded(day: &str) -> Model {
    let mut model = Model { theme: Theme::default(), ..Model::default() };
    update(&mut model, Message::Connected);
    press(&mut model, "5");
    for (to, outcome) in answers(day) {
        match to.as_str() {
            "status" => drop(tell(&mut model, Asked::Status, outcome)),
            "log" => drop(tell(&mut model, Asked::Log, outcome)),
            _ => {}
        }
    }
    press(&mut model, "1");
    model
}

/// A terminal whose daemon has said this for some minutes, with bitrates that go up and down.
pub(super) fn seen(status: &Status) -> Model {
    let mut model = Model { theme: Theme::default(), ..Model::default() };
    update(&mut model, Message::Connected);
    for step in 0..100u64 {
        let mut then = status.clone();
        then.uptime_s = status.uptime_s + step * 2 - 198;
        let share = |place: usize| 1000 - (step * 37 + place as u64 * 113) % 400;
        for (place, mount) in then.mounts.iter_mut().enumerate() {
            mount.bitrate_bps = mount.bitrate_bps.map(|bits| bits * share(place) / 1000);
        }
        for (place, session) in then.sessions.iter_mut().enumerate() {
            session.bitrate_bps = session.bitrate_bps * share(place) / 1000;
            session.loss_percent = session.loss_percent.map(|percent| percent * share(place) as f32 / 1000.0);
        }
        tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(then))));
    }
    tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(status.clone()))));
    model
}

/// Gives an answer.
pub(super) fn tell(model: &mut Model, to: Asked, outcome: Outcome) -> Vec<Effect> {
    update(model, Message::Answered { to, outcome })
}

/// Draws it, and remembers where things are, as the program does.
pub(super) fn draw(model: &mut Model, width: u16, height: u16) -> Buffer {
    draw_with_cursor(model, width, height).0
}

/// The same, and where the cursor stands then.
pub(super) fn draw_with_cursor(model: &mut Model, width: u16, height: u16) -> (Buffer, Position) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut places = None;
    terminal.draw(|frame| places = Some(view(model, frame))).unwrap();
    model.places = places.unwrap();
    let cursor = terminal.get_cursor_position().unwrap();
    (terminal.backend().buffer().clone(), cursor)
}

/// What stands on a screen, without its colours.
pub(super) fn text(buffer: &Buffer) -> String {
    let lines = (0..buffer.area.height).map(|y| {
        let mut line = String::new();
        let mut hidden = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if hidden == 0 {
                line += symbol;
                hidden = ratatui::text::Span::raw(symbol).width().saturating_sub(1);
            } else {
                hidden -= 1;
            }
        }
        line.trim_end().to_owned() + "\n"
    });
    lines.collect()
}

/// Presses keys: `j`, `Enter`, `^C`, one after the other with spaces between them.
pub(super) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    keys.split(' ').flat_map(|name| update(model, Message::Key(key(name).event()))).collect()
}

/// A key by its name.
pub(super) fn key(name: &str) -> Key {
    let mut signs = name.chars();
    match (name, signs.next(), signs.next()) {
        (_, Some(sign), None) => Key::Sign(sign),
        (_, Some('^'), Some(sign)) => Key::Control(sign.to_ascii_lowercase()),
        ("Space", ..) => Key::Sign(' '),
        ("Up", ..) => Key::Code(KeyCode::Up),
        ("Down", ..) => Key::Code(KeyCode::Down),
        ("Left", ..) => Key::Code(KeyCode::Left),
        ("Right", ..) => Key::Code(KeyCode::Right),
        ("PgUp", ..) => Key::Code(KeyCode::PageUp),
        ("PgDn", ..) => Key::Code(KeyCode::PageDown),
        ("Home", ..) => Key::Code(KeyCode::Home),
        ("End", ..) => Key::Code(KeyCode::End),
        ("Enter", ..) => Key::Code(KeyCode::Enter),
        ("Tab", ..) => Key::Code(KeyCode::Tab),
        ("Shift-Tab", ..) => Key::Code(KeyCode::BackTab),
        ("Esc", ..) => Key::Code(KeyCode::Esc),
        ("Backspace", ..) => Key::Code(KeyCode::Backspace),
        ("Delete", ..) => Key::Code(KeyCode::Delete),
        ("F1", ..) => Key::Code(KeyCode::F(1)),
        _ => panic!("no key is {name}"),
    }
}

/// A camera's controls.
pub(super) fn controls() -> Vec<Control> {
    let control = |name: &str, kind, value, default| Control {
        name: name.to_owned(),
        kind,
        value,
        default,
        read_only: false,
        inactive: false,
    };
    let number = |least, greatest, step| ControlKind::Number { least, greatest, step };
    let menu = ControlKind::Menu(vec![(0, "Auto Mode".to_owned()), (1, "Manual Mode".to_owned())]);
    let mut temperature = control("white_balance_temperature", number(2800, 6500, 10), Some(4600), 4600);
    temperature.inactive = true;
    vec![
        control("brightness", number(-64, 64, 1), Some(10), 0),
        control("contrast", number(0, 95, 1), Some(32), 32),
        control("saturation", number(0, 100, 1), Some(60), 55),
        temperature,
        control("auto_exposure", menu, Some(0), 0),
        control("exposure_time_absolute", number(1, 10_000, 1), Some(157), 157),
        control("horizontal_flip", ControlKind::Switch, Some(0), 0),
        control("focus_once", ControlKind::Button, None, 0),
    ]
}

/// A picture: a landscape, 160x90.
pub(super) fn snapshot() -> Snapshot {
    use base64::Engine;
    let (width, height) = (160u16, 90u16);
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let hill = 52.0 + 14.0 * (f32::from(x) / 23.0).sin() + 6.0 * (f32::from(x) / 7.0).cos();
            let sun = (f32::from(x) - 118.0).hypot(f32::from(y) - 22.0);
            let sky = f32::from(y) / f32::from(height);
            rgb.extend(match () {
                () if sun < 9.0 => [255, 226, 120],
                () if f32::from(y) > hill + 14.0 => [38, 74, 42],
                () if f32::from(y) > hill => [62, 110, 58],
                () => [(70.0 + 140.0 * sky) as u8, (130.0 + 80.0 * sky) as u8, (210.0 - 40.0 * sky) as u8],
            });
        }
    }
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
    encoder.encode(&rgb, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    let jpeg = base64::engine::general_purpose::STANDARD.encode(jpeg);
    Snapshot { width: width.into(), height: height.into(), age_ms: Some(40), jpeg }
}

/// Lines of a log.
pub(super) fn log(model: &mut Model, count: usize) {
    let said = [
        (Level::Info, "server", "192.168.1.20:51234 plays door by tcp client=LibVLC/3.0.21"),
        (Level::Debug, "server", "PLAY rtsp://porch:8554/door RTSP/1.0 cseq=5"),
        (Level::Warn, "source", "gate: /dev/video2 was unplugged; its last picture is shown"),
        (Level::Info, "source", "door is live: YUYV 1280x720 at 30, bcm2835-codec"),
        (Level::Error, "source", "shed: /dev/video4: no signal at the HDMI input"),
        (Level::Info, "config", "version 4 is served: door changed (bitrate: 3000000 -> 4000000)"),
    ];
    for number in 0..count {
        let (level, room, text) = said[number % said.len()];
        let (minutes, seconds) = (number / 60 % 60, number % 60);
        let at = format!("2026-11-25T21:{minutes:02}:{seconds:02}.123Z");
        let line = LogLine { at, level, room: room.to_owned(), text: text.to_owned() };
        tell(model, Asked::Log, Ok(Reply::Log(LogEvent::Line(line))));
    }
}

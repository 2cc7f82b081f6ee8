//! The daemon behind the socket.

use lenslet::control::client::{Blocking, Error};
use lenslet::control::protocol::{
    Act, Ask, ConfigRequest, Level, LogEvent, LogWish, Look, MountState, MountStatus, Reply, Status,
};

use crate::support::{Client, Rtp, Server};

fn connect(server: &Server) -> Blocking {
    Blocking::connect(&server.control()).unwrap()
}

fn status(client: &mut Blocking) -> Status {
    match client.ask(Ask::Status { every_ms: None }).unwrap() {
        Reply::Status(status) => *status,
        other => panic!("{other:?}"),
    }
}

/// The first status in which a mount is as it shall be.
fn wait(client: &mut Blocking, name: &str, is_so: impl Fn(&MountStatus) -> bool) -> Status {
    let mut found = None;
    client
        .watch(Ask::Status { every_ms: Some(100) }, |reply| {
            let Reply::Status(status) = reply else { panic!("{reply:?}") };
            let is_so = status.mounts.iter().any(|mount| mount.name == name && is_so(mount));
            found = Some(*status);
            if is_so { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
        })
        .unwrap();
    found.unwrap()
}

fn refusal(client: &mut Blocking, act: Act) -> String {
    match client.ask(act) {
        Err(Error::Refused(refusal)) => refusal.what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_served_is_seen_while_it_is_watched() {
    let server = Server::start();
    let mut control = connect(&server);
    let first = status(&mut control);
    let mount = |status: &Status, name: &str| -> MountStatus {
        status.mounts.iter().find(|mount| mount.name == name).unwrap().clone()
    };
    assert_eq!(first.addresses, [server.address.to_string()]);
    assert_eq!((mount(&first, "test").state, mount(&first, "test").readers), (MountState::Idle, 0));
    assert!(first.board.own_memory_bytes.is_some_and(|bytes| bytes > 1 << 20));
    let mut player = Client::connect(&server);
    let url = server.url("test");
    let session = player.set_up_tcp(&url);
    assert_eq!(player.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]).status, 200);
    let mut control = connect(&server);
    let seen = wait(&mut control, "test", |mount| mount.fps.is_some_and(|fps| fps > 1.0));
    let test = mount(&seen, "test");
    assert_eq!((test.state, test.kind.as_str(), test.readers), (MountState::Live, "pattern", 1));
    assert_eq!((test.tracks[0].codec.as_str(), test.tracks[0].width), ("H.264", Some(320)));
    assert!(test.bitrate_bps.is_some_and(|bits| bits > 1000) && test.keyframe_age_ms.is_some());
}

#[test]
fn a_mount_that_fails_is_an_alarm_with_what_to_do() {
    let server = Server::start();
    // Somebody wants it.
    let mut player = Client::connect(&server);
    assert_ne!(player.ask(&[&format!("DESCRIBE {} RTSP/1.0", server.url("absent"))]).status, 200);
    let mut control = connect(&server);
    let failing = loop {
        player.ask(&[&format!("DESCRIBE {} RTSP/1.0", server.url("absent"))]);
        let status = status(&mut control);
        if let Some(alarm) = status.alarms.into_iter().find(|alarm| alarm.mount.as_deref() == Some("absent"))
        {
            break alarm;
        }
    };
    assert_eq!(failing.id, "mount/absent/failed");
    assert!(failing.why.contains("/nowhere/absent.h264") && !failing.what_to_do.is_empty(), "{failing:?}");
}

#[test]
fn mounts_are_steered_and_what_cannot_be_is_refused() {
    let server = Server::start();
    let mut control = connect(&server);
    for act in [
        Act::Keyframe { mount: "test".into() },
        Act::Keyframe { mount: "/live/cam".into() },
        Act::SetBitrate { mount: "test".into(), bitrate_bps: 800_000 },
        Act::SetGop { mount: "test".into(), pictures: 15 },
        Act::LogLevels { levels: "info,server=debug".into() },
    ] {
        assert!(matches!(control.ask(act.clone()), Ok(Reply::Done { .. })), "{act:?}");
    }
    for (act, what) in [
        (Act::Keyframe { mount: "nowhere".into() }, "no-such-mount"),
        (Act::SetBitrate { mount: "clip".into(), bitrate_bps: 800_000 }, "not-coded-here"),
        (Act::SetBitrate { mount: "test".into(), bitrate_bps: 1 }, "out-of-range"),
        (Act::SetGop { mount: "clip".into(), pictures: 15 }, "not-coded-here"),
        (Act::SetGop { mount: "test".into(), pictures: 0 }, "out-of-range"),
        (Act::LogLevels { levels: "loud".into() }, "no-levels"),
        (Act::LogLevels { levels: "info,sevrer=debug".into() }, "no-levels"),
    ] {
        assert_eq!(refusal(&mut control, act.clone()), what, "{act:?}");
    }
    let wish = LogWish { level: Level::Info, rooms: vec!["sevrer".into()], last: 50, follow: false };
    let Err(Error::Refused(refusal)) = control.watch(Ask::Log(wish), |_| std::ops::ControlFlow::Continue(()))
    else {
        panic!("no refusal")
    };
    assert!(refusal.to_string().starts_with("there is no room \"sevrer\": there are access, "), "{refusal}");
}

#[test]
fn a_picture_of_a_mount_is_a_jpeg_as_wide_as_asked() {
    let server = Server::start();
    let mut control = connect(&server);
    for (max_width, width) in [(None, 320), (Some(160), 160)] {
        let Ok(Reply::Snapshot(picture)) = control.ask(Look::Snapshot { mount: "test".into(), max_width })
        else {
            panic!("no picture")
        };
        assert_eq!((picture.width, picture.height), (width, width * 3 / 4));
        assert!(picture.jpeg.starts_with("/9j/"), "a JPEG's first bytes");
    }
}

#[test]
fn each_codec_gives_its_picture_or_says_plainly_that_it_has_none() {
    let at = |file: &str| format!("{}/tests/fixtures/bitstreams/{file}", env!("CARGO_MANIFEST_DIR"));
    let mounts = format!(
        "mounts: {{\"jpegs\": Jpegs(path: {:?}), \"both\": File(path: {:?}), \"h265\": File(path: {:?})}}",
        at("loop.mjpeg"),
        at("pictures-and-sound.mp4"),
        at("open-gop.h265")
    );
    let server = Server::with(
        &mounts.replace("mounts: {", &format!("mounts: {{\"sound\": File(path: {:?}), ", at("sine.aac"))),
    );
    let mut control = connect(&server);
    let mut look = |mount: &str| control.ask(Look::Snapshot { mount: mount.into(), max_width: None });
    for mount in ["jpegs", "both"] {
        let Ok(Reply::Snapshot(picture)) = look(mount) else { panic!("{mount}: no picture") };
        assert!(picture.width > 0 && picture.jpeg.starts_with("/9j/"), "{mount}");
    }
    let Err(Error::Refused(refusal)) = look("h265") else { panic!("no refusal") };
    let told = (refusal.what.as_str(), refusal.why.as_str());
    assert_eq!(told, ("no-picture", "there is no decoder for H.265 here"));
    assert_eq!(refusal.what_to_do, "play the mount with a player to see it");
    // A source that cannot run is not waited for.
    let Err(Error::Refused(refusal)) = look("sound") else { panic!("no refusal") };
    assert!(refusal.why.starts_with("sound cannot run: ") && refusal.why.contains("sine.aac"), "{refusal:?}");
}

#[test]
fn the_log_comes_through_the_socket() {
    let server = Server::start();
    let mut control = connect(&server);
    let wish = LogWish { level: Level::Info, rooms: vec!["server".into()], last: 50, follow: true };
    let mut told = String::new();
    let mut player = Client::connect(&server);
    let url = server.url("test");
    let session = player.set_up_tcp(&url);
    player.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
    control
        .watch(Ask::Log(wish), |reply| {
            let Reply::Log(LogEvent::Line(line)) = reply else { return std::ops::ControlFlow::Continue(()) };
            assert_eq!(line.room, "server");
            told = line.text;
            if told.contains("playing") {
                return std::ops::ControlFlow::Break(());
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert!(told.contains("test"), "{told}");
}

#[test]
fn the_configuration_is_read_and_checked() {
    let server = Server::start();
    let mut control = connect(&server);
    let Ok(Reply::Config(config)) = control.ask(ConfigRequest::Get { path: None }) else { panic!("no text") };
    assert!(config.text.contains("Pattern(width: 320"), "{}", config.text);
    let checked = |text: &str, control: &mut Blocking| match control
        .ask(ConfigRequest::Check { text: Some(text.into()) })
    {
        Ok(Reply::Checked(checked)) => checked,
        other => panic!("{other:?}"),
    };
    assert!(checked("()", &mut control).errors.is_empty());
    let wrong = checked("(wokers: 1)", &mut control);
    assert!(wrong.errors[0].said.contains("wokers"), "{wrong:?}");
}

#[test]
fn it_ends_when_it_is_told_and_says_goodbye() {
    let server = Server::start();
    let mut control = connect(&server);
    assert_eq!(control.ask(Act::Shutdown {}).unwrap(), Reply::Done { said: "Lenslet ends".into() });
    server.logged(&["stopping"]);
    // The answer came before the end; the socket goes with the daemon.
    while server.control().exists() {
        std::thread::yield_now();
    }
    assert!(control.ask(Ask::Alarms {}).is_err());
}

#[test]
fn a_mount_tells_its_chain_its_encoder_and_what_it_sent() {
    let server = Server::start();
    let mut control = connect(&server);
    let mut player = Client::connect(&server);
    let url = server.url("test");
    let session = player.set_up_tcp(&url);
    assert_eq!(player.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]).status, 200);
    let find = |status: &Status| status.mounts.iter().find(|mount| mount.name == "test").unwrap().clone();
    let seen = wait(&mut control, "test", |mount| mount.sent_bytes > 0 && mount.state == MountState::Live);
    let test = find(&seen);
    assert_eq!(
        test.chain.first().map(String::as_str),
        Some("test picture 320x240 at 30"),
        "{:?}",
        test.chain
    );
    assert_eq!(test.chain.last().map(String::as_str), Some("H.264 320x240"), "{:?}", test.chain);
    let encoder = test.encoder.unwrap();
    assert_eq!((encoder.name.as_str(), encoder.running), ("openh264", true));
    // What is set while it runs is what it aims at.
    let mut steering = connect(&server);
    steering.ask(Act::SetBitrate { mount: "test".into(), bitrate_bps: 432_000 }).unwrap();
    let aims = |mount: &MountStatus| mount.encoder.as_ref().and_then(|encoder| encoder.bitrate_bps);
    let mut control = connect(&server);
    wait(&mut control, "test", |mount| aims(mount) == Some(432_000));
    server.logged(&["432 kbit/s from now on"]);
    // What a session was sent stays counted once it is over.
    let before = find(&status(&mut steering)).sent_bytes;
    drop(player);
    let mut control = connect(&server);
    let over = wait(&mut control, "test", |mount| mount.readers == 0);
    assert!(over.sessions.is_empty() && find(&over).sent_bytes >= before, "{before} {:?}", find(&over));
}

/// The pictures from one keyframe to the next, of the next so many keyframes that a player is sent.
fn distances(player: &mut Client, keyframes: usize) -> Vec<u32> {
    let (mut distances, mut since, mut keyframe) = (Vec::new(), 0, false);
    while distances.len() < keyframes {
        let packet = Rtp::parse(&player.next_frame(0));
        keyframe |= packet.nal == 5;
        if packet.marker {
            if std::mem::take(&mut keyframe) {
                distances.push(std::mem::take(&mut since));
            }
            since += 1;
        }
    }
    distances
}

#[test]
fn another_distance_of_keyframes_is_seen_in_the_stream() {
    let server = Server::with("mounts: {\"test\": Pattern(width: 64, height: 48, fps: 60, gop: 20)}");
    let mut control = connect(&server);
    let mut player = Client::connect(&server);
    let url = server.url("test");
    let session = player.set_up_tcp(&url);
    assert_eq!(player.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]).status, 200);
    // What comes to the first keyframes may have been cut short by requests for one.
    assert_eq!(distances(&mut player, 5)[3..], [20, 20]);
    let aims = |mount: &MountStatus| mount.encoder.as_ref().and_then(|encoder| encoder.gop_pictures);
    for pictures in [7, 31] {
        control.ask(Act::SetGop { mount: "test".into(), pictures }).unwrap();
        server.logged(&[&format!("a keyframe every {pictures} pictures from now on")]);
        // What was on its way by then has the distance from before.
        let seen = distances(&mut player, 12);
        assert_eq!(seen[9..], [pictures; 3], "{seen:?}");
        wait(&mut connect(&server), "test", |mount| {
            let began = mount.encoder.as_ref().and_then(|encoder| encoder.configured_gop_pictures);
            began == Some(20) && aims(mount) == Some(pictures) && mount.gop_pictures == Some(pictures)
        });
    }
}

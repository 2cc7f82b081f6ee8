//! The daemon behind the socket.

use std::process::Command;

use lenslet::control::client::{Blocking, Error};
use lenslet::control::protocol::{
    Act, Ask, ConfigRequest, Level, LogEvent, LogWish, Look, MountState, MountStatus, Reply, Status,
};

use crate::support::{Client, Rtp, Server, lenslet};

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

/// In a namespace of users whose inotify instances are used up.
const UNWATCHED: &str = "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$@\"";

#[test]
fn what_cannot_be_watched_is_an_alarm_with_what_to_do() {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", UNWATCHED, "sh"]);
    if !Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", UNWATCHED, "sh", "true"])
        .output()
        .is_ok_and(|done| done.status.success())
    {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "no namespaces of users");
        println!("SKIPPED: no namespaces of users here");
        return;
    }
    command.arg(lenslet().get_program()).arg("serve");
    let server = Server::by(&mut command, "mounts: {\"test\": Pattern(width: 64, height: 48, fps: 5)}");
    let mut control = connect(&server);
    for (id, why, what_to_do) in [
        ("cameras/unwatched", "/dev is not watched: ", "found when it is tried again"),
        (
            "config/unwatched",
            "the configuration's file is not watched: ",
            "`lenslet reload` or SIGHUP has it read",
        ),
    ] {
        server.logged(&["WARN", why, "sysctl fs.inotify"]);
        let alarm = status(&mut control).alarms.into_iter().find(|alarm| alarm.id == id).unwrap();
        assert!(alarm.why.starts_with(why) && alarm.what_to_do.contains(what_to_do), "{alarm:?}");
        assert_eq!((alarm.ended_at, alarm.times), (None, 1));
    }
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

/// By the command, and read by another program.
#[test]
fn a_picture_is_written_that_others_can_read() {
    let at = |file: &str| format!("{}/tests/fixtures/bitstreams/{file}", env!("CARGO_MANIFEST_DIR"));
    let mounts = format!(
        "mounts: {{\"h264\": Pattern(width: 320, height: 240), \"mjpeg\": Jpegs(path: {:?})}}",
        at("loop.mjpeg")
    );
    let server = Server::with(&mounts);
    let folder = tempfile::tempdir().unwrap();
    for mount in ["h264", "mjpeg"] {
        let file = folder.path().join(format!("{mount}.jpg"));
        let mut snapshot = crate::support::lenslet();
        snapshot.args(["snapshot", mount, "-o"]).arg(&file).arg("--control").arg(server.control());
        let done = snapshot.output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let mut decode = std::process::Command::new("ffmpeg");
        decode
            .args(["-v", "error", "-xerror", "-i"])
            .arg(&file)
            .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"]);
        let Ok(decoded) = decode.output() else {
            assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "ffmpeg is not there");
            println!("SKIPPED: no ffmpeg");
            return;
        };
        assert!(decoded.status.success() && decoded.stderr.is_empty(), "{mount}: {decoded:?}");
        let [least, most] = [decoded.stdout.iter().min(), decoded.stdout.iter().max()].map(Option::unwrap);
        assert!(most - least > 100, "{mount} is all of one colour");
    }
}

#[test]
fn a_width_that_cannot_be_is_told_with_what_can() {
    let server = Server::start();
    let mut control = connect(&server);
    for width in [0, 15, 16_385, u32::MAX] {
        let look = Look::Snapshot { mount: "test".into(), max_width: Some(width) };
        let Err(Error::Refused(refusal)) = control.ask(look) else { panic!("{width}") };
        assert_eq!(
            (refusal.what.as_str(), refusal.why),
            ("out-of-range", format!("max_width: {width} is not between 16 and 16384 pixels"))
        );
    }
}

/// The next would not be there in time: the file's only one comes round in a minute.
#[test]
fn a_source_that_makes_keyframes_when_it_likes_has_its_newest_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let stream = include_bytes!("../../fixtures/bitstreams/clip.h264");
    let sets_and_idr = lenslet::media::h264::nal_units(stream);
    let mut one_group = Vec::new();
    let mut keyframes = 0;
    for nal in sets_and_idr {
        keyframes += usize::from(nal[0] & 0x1f == 5);
        if keyframes <= 1 {
            one_group.extend([0, 0, 0, 1]);
            one_group.extend(nal);
        }
    }
    let file = folder.path().join("one.h264");
    std::fs::write(&file, one_group).unwrap();
    // A picture in two seconds, thirty of them.
    let server = Server::with(&format!("mounts: {{\"slow\": File(path: {file:?}, fps: 0.5)}}"));
    let mut player = Client::connect(&server);
    let url = server.url("slow");
    let session = player.set_up_tcp(&url);
    assert_eq!(player.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]).status, 200);
    player.next_frame(0);
    let mut control = connect(&server);
    for _ in 0..2 {
        let told = control.ask(Look::Snapshot { mount: "slow".into(), max_width: None });
        let Ok(Reply::Snapshot(picture)) = told else { panic!("{told:?}") };
        assert_eq!(picture.width, 320);
    }
}

/// Numbers of a report that a client made, by its bytes (RFC 3550 section 6.4.2).
#[test]
fn what_a_viewer_reports_is_what_the_status_says() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    let url = server.url("test");
    let (session, rtp, rtcp) = client.set_up_udp(&url);
    assert_eq!(client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]).status, 200);
    let mut packet = [0; 2048];
    let length = rtp.recv(&mut packet).unwrap();
    let media = Rtp::parse(&packet[..length]);
    // The first sender report, whose time the round trip is measured by.
    let (length, from) = rtcp.recv_from(&mut packet).unwrap();
    assert_eq!((packet[1], length >= 28), (200, true));
    let last_report = packet[10..14].to_vec();
    let mut report = vec![0x81, 201, 0, 7, 9, 9, 9, 9];
    report.extend(media.ssrc.to_be_bytes());
    // A quarter lost, 291 in all; the highest number that came, a jitter of 10 ms.
    report.extend([64, 0, 1, 0x23]);
    report.extend(u32::from(media.seq).to_be_bytes());
    report.extend(900_u32.to_be_bytes());
    report.extend(last_report);
    report.extend(0_u32.to_be_bytes());
    rtcp.send_to(&report, from).unwrap();
    let mut control = connect(&server);
    let mut told = None;
    control
        .watch(Ask::Status { every_ms: Some(100) }, |reply| {
            let Reply::Status(status) = reply else { panic!("{reply:?}") };
            told = status.sessions.first().filter(|session| session.loss_percent.is_some()).cloned();
            if told.is_some() {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        })
        .unwrap();
    let told = told.unwrap();
    assert_eq!((told.loss_percent, told.lost_packets, told.jitter_ms), (Some(25.0), Some(291), Some(10.0)));
    let round_trip = told.round_trip_ms.unwrap();
    assert!((0.0..20_000.0).contains(&round_trip), "{round_trip}");
    assert_eq!(told.transport, lenslet::control::protocol::Transport::Udp);
    assert!(told.packets > 0 && told.behind_live_ms.is_some(), "{told:?}");
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

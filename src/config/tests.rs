//! Whole files, and what is true then.

use super::*;

#[test]
fn an_empty_file_is_the_default() {
    let config = Config::parse("()").unwrap();
    assert!(config.discover_cameras && config.mounts.contains_key("test"));
}

#[test]
fn pacing_is_automatic_unless_it_is_said() {
    let pacing = |text| Config::parse(text).map(|config| config.server.pacing);
    for (text, expected) in [
        ("()", server::Pacing::Auto),
        ("(pacing: On)", server::Pacing::On),
        ("(pacing: Off)", server::Pacing::Off),
    ] {
        assert_eq!(pacing(text).unwrap(), expected, "{text}");
    }
    assert!(pacing("(pacing: Perhaps)").unwrap_err().to_string().contains("Perhaps"));
}

#[test]
fn mounts_are_named_and_typed() {
    let config = Config::parse(
        r#"(listen: ["127.0.0.1:0"], mounts: {"/a/b": Pattern(width: 64, height: 48), "clip": File(path: "x.h264", fps: 30), "door": Camera(device: "/dev/video0", format: MJPEG, width: 640, height: 480), "slides": Jpegs(path: "x")})"#,
    )
    .unwrap();
    assert_eq!(config.mounts.keys().collect::<Vec<_>>(), ["a/b", "clip", "door", "slides"]);
    let MountSettings::Camera(door) = &config.mounts["door"].source else { panic!("{config:?}") };
    assert_eq!((door.wish.format, door.wish.width), (Some(camera::Pictures::Mjpeg), Some(640)));
    assert!(!config.discover_cameras);
}

#[test]
fn every_kind_of_mount_has_a_label_readers_and_a_switch() {
    for kind in [
        "Pattern(",
        "File(path: \"x\", ",
        "Jpegs(path: \"x\", ",
        "Camera(device: \"x\", ",
        "Command(command: \"x\", ",
        "Rpicam(",
    ] {
        let with = |fields: &str| {
            let text = format!("(mounts: {{\"a\": {kind}{fields})}})");
            Config::parse(&text).map(|mut config| config.mounts.remove("a").unwrap())
        };
        let mount = with(r#"label: "Front door", enabled: false, max_readers: 3, pacing: On"#).unwrap();
        let label = Some("Front door".to_owned());
        let pacing = Some(server::Pacing::On);
        assert_eq!(mount.serving, server::MountSettings { label, max_readers: Some(3), pacing }, "{kind}");
        assert!(!mount.enabled && with("").unwrap().enabled, "{kind}");
        for (fields, why) in [
            (r#"label: "a\nm=video""#, r#"mounts["a"].label: '\n' cannot be in it"#),
            (r#"label: " ""#, "leave it out"),
            ("max_readers: 0", "max_readers: 0 is not between 1 and 65535"),
        ] {
            let error = with(fields).unwrap_err().to_string();
            assert!(error.contains(why), "{kind}: {error}");
        }
    }
}

#[test]
fn controls_are_written_as_numbers_switches_and_names() {
    let text = r#"(mounts: {"a": Camera(device: "x", controls: {"brightness": 140, "tilt_absolute": -3, "horizontal_flip": true, "auto_exposure": "Manual Mode"})})"#;
    let mut config = Config::parse(text).unwrap();
    let Some(MountSettings::Camera(settings)) = config.mounts.remove("a").map(|mount| mount.source) else {
        panic!("{config:?}")
    };
    let written: Vec<String> =
        settings.controls.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let expected =
        ["brightness: 140", "tilt_absolute: -3", "horizontal_flip: true", "auto_exposure: \"Manual Mode\""];
    assert_eq!(written, expected, "in the order in which they are written");
}

#[test]
fn what_is_coded_here_is_configured_and_held_against_what_can_be() {
    let camera = |fields: &str| {
        let text = format!("(mounts: {{\"a\": Camera(device: \"/dev/video0\", {fields})}})");
        Config::parse(&text).map_err(|error| error.to_string()).map(|mut config| {
            match config.mounts.remove("a").map(|mount| mount.source) {
                Some(MountSettings::Camera(settings)) => settings.wish,
                other => panic!("{other:?}"),
            }
        })
    };
    let wish = camera("encode: Hardware, bitrate: 2000000, gop: \"1.5 s\", profile: Main, level: 4.1");
    let wish = wish.unwrap();
    assert_eq!((wish.encode, wish.bitrate), (camera::Encode::Hardware, Some(2_000_000)));
    assert_eq!(wish.gop, Some(camera::Gop::Seconds(1.5)));
    assert_eq!(wish.profile, Some(camera::Profile::Main));
    assert_eq!(wish.level.unwrap().to_string(), "4.1");
    assert_eq!(camera("gop: 50").unwrap().gop, Some(camera::Gop::Pictures(50)));
    for (fields, why) in [
        ("controls: {\"brightness\": 1, \"brightness\": 2}", "\"brightness\" stands here twice"),
        ("controls: {\"focus\": 1.5}", "a number (140), true or false, or the name of a menu's entry"),
        ("controls: {\"--\": 1}", "controls: \"--\" is no name of a control"),
        ("gop: 0", "gop: 0 is not between 1 and"),
        ("gop: \"0 s\"", "gop: 0 s are not between 0.01"),
        ("gop: \"soon\"", "is not like \"2 s\""),
        ("gop: 99999999999", "gop: 99999999999 is not between 1 and 4294967295"),
        ("level: 4.3", "H.264 has no level 4.3"),
        ("level: \"4.1\"", "between 1 and 5.2"),
        ("profile: Extended", "Extended"),
        ("encode: Perhaps", "Perhaps"),
        ("bitrate: 100", "bitrate: 100 is not between 10000 and 100000000"),
        ("width: 0, height: 480", "width: 0 is not between 1 and 16384"),
        ("encode: Off, bitrate: 1000000", "bitrate: it is for what is coded here, and `encode` is Off"),
        ("encode: Off, format: Raw", "raw pictures are served coded alone"),
        ("encode: Hardware, format: HEVC", "there is no decoder for it here"),
        (
            "level: 3.0, width: 1280, height: 720",
            "level 3.0 is configured, which allows pictures of 1620 macroblocks, and 1280x720 has 3600 (level 3.1",
        ),
        (
            "level: 4.0, width: 1920, height: 1080, fps: 60",
            "245760 macroblocks a second, and this is 489600 (level 4.2 is enough)",
        ),
        (
            "level: 3.0, bitrate: 15000000",
            "level: level 3.0 is configured, which allows 12500000 bits a second, and this is 15000000 (level 3.1 is enough)",
        ),
    ] {
        let error = camera(fields).unwrap_err();
        assert!(error.contains(why), "{fields}: {error}");
    }
    if cfg!(feature = "soft-h264") {
        for (fields, why) in [
            ("encode: Software, profile: High", "openh264 codes Baseline, and High is configured"),
            (
                "encode: Software, width: 4096, height: 2160",
                "from 16x16 to 3840x2160 or 2160x3840; the nearest is 3840x2160",
            ),
            ("encode: Software, level: 4.0, bitrate: 25000000, width: 640, height: 480", "20000000 bits"),
        ] {
            let error = camera(fields).unwrap_err();
            assert!(error.contains(why), "{fields}: {error}");
        }
    }
}

#[test]
fn a_mount_has_other_names_and_the_server_another_address() {
    let config = Config::parse(
        r#"(advertise: "home.example:554", aliases: {"/Streaming/Channels/101": "test", "/cam?channel=1": "/camera0"})"#,
    )
    .unwrap();
    let aliases = config.server.aliases.iter().map(|(alias, mount)| (alias.to_string(), mount));
    let mut aliases: Vec<_> = aliases.collect();
    aliases.sort();
    assert_eq!(
        aliases,
        [("/Streaming/Channels/101".to_owned(), "test"), ("/cam?channel=1".to_owned(), "camera0")]
    );
    assert_eq!(config.server.advertise.unwrap().or_port(8554), "home.example:554");
}

#[test]
fn wrong_files_name_the_place() {
    for (text, place) in [
        ("(lisen: [])", "1:"),
        ("(\n  listen: [\"nowhere\"])", "2:"),
        ("(mounts: {\"../x\": Pattern()})", "mounts[\"../x\"]"),
        ("(udp_ports: (80, 90))", "udp_ports"),
        ("(session_timeout: 0)", "session_timeout"),
        ("(max_sessions: 0)", "max_sessions"),
        ("(workers: 0)", "workers: 0 is not between 1 and 64"),
        ("(workers: 65)", "workers: 65 is not between 1 and 64"),
        ("(mounts: {\"a\": Pattern(),\n \"a\": Pattern()})", "2:"),
        ("(mounts: {\"a\": Pattern(), \"/a\": Pattern()})", "mounts[\"/a\"]"),
        ("(mounts: {\"live/track1\": Pattern()})", "mounts[\"live/track1\"]"),
        ("(mounts: {\"a/\": Pattern(), \"a\": Pattern()})", "mounts[\"a\"]"),
        ("(mounts: {\"x/Track1\": Pattern()})", "mounts[\"x/Track1\"]: its last part"),
        ("(mounts: {\"stream=1\": Pattern()})", "mounts[\"stream=1\"]"),
        (
            "(mounts: {\"a\": Pattern(width: 15, height: 20)})",
            "mounts[\"a\"].width: the test picture cannot be 15x20",
        ),
        ("(mounts: {\"a\": Pattern(fps: NaN)})", "mounts[\"a\"].fps: NaN"),
        ("(mounts: {\"a\": Pattern(bitrate: 0)})", "mounts[\"a\"].bitrate: 0"),
        ("(mounts: {\"a\": Pattern(gop: 0)})", "mounts[\"a\"].gop: 0"),
        ("(mounts: {\"a\": File(path: \"x\", fps: -1)})", "mounts[\"a\"].fps: -1"),
        ("(mounts: {\"a\": Jpegs(path: \"x\", fps: inf)})", "mounts[\"a\"].fps: inf"),
        ("(mounts: {\"a\": Camera(device: \"x\", fps: 0)})", "mounts[\"a\"].fps: 0"),
        ("(mounts: {\"a\": Command(command: \"\")})", "mounts[\"a\"].command: it is empty"),
        ("(mounts: {\"a\": Command(command: \"a 'b\")})", "mounts[\"a\"].command: a quote is not closed"),
        ("(mounts: {\"a\": Command(command: \"a\", linger: 0)})", "mounts[\"a\"].linger: 0"),
        ("(mounts: {\"a\": Command(command: \"a\", silence: 0)})", "mounts[\"a\"].silence: 0"),
        ("(mounts: {\"a\": Rpicam(rotation: 90)})", "mounts[\"a\"].rotation: 90"),
        ("(mounts: {\"a\": Camera(device: \"x\", width: 640)})", "mounts[\"a\"].width: a size has both"),
        ("(mounts: {\"a\": Camera(device: \"x\", height: 480)})", "width is missing"),
        ("(listen: [])", "listen: "),
        ("(aliases: {\"/x\": \"test\",\n \"/x\": \"test\"})", "2:"),
        ("(aliases: {\"/x\": \"nowhere\"})", "aliases[\"/x\"]: there is no mount \"nowhere\""),
        ("(aliases: {\"/x\": \"test\", \"/y\": \"x\"})", "aliases[\"/y\"]: there is no mount \"x\""),
        ("(aliases: {\"/test?a=1\": \"test\"})", "aliases[\"/test?a=1\"]: there is a mount \"test\""),
        ("(aliases: {\"/camera0\": \"test\"})", "aliases[\"/camera0\"]: there is a mount \"camera0\""),
        ("(mounts: {}, aliases: {\"/x\": \"camera0\"})", "there is no mount \"camera0\""),
        (
            "(aliases: {\"/x?a=1&b=2\": \"test\", \"x/?b=2&a=1\": \"test\"})",
            "aliases[\"x/?b=2&a=1\"]: it is the same",
        ),
        ("(aliases: {\"rtsp://h/x\": \"test\"})", "aliases[\"rtsp://h/x\"]"),
        ("(advertise: \"rtsp://h\")", "advertise: \"rtsp://h\""),
        ("(advertise: \"h:0\")", "advertise: \"h:0\": a port"),
    ] {
        let error = Config::parse(text).unwrap_err().to_string();
        assert!(error.contains(place), "{text}: {error}");
    }
}

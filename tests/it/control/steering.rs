//! What is steered of the daemon while people watch, and its configuration.

use std::fs;

use lenslet::config::store::hash;
use lenslet::control::client::{Blocking, Error};
use lenslet::control::protocol::{
    Act, Ask, Base, Change, ConfigRequest, Look, MountState, Plan, Reply, SessionState, SessionStatus,
    Transport, Value,
};

use crate::support::{Client, Server};

fn connect(server: &Server) -> Blocking {
    Blocking::connect(&server.control()).unwrap()
}

fn sessions(control: &mut Blocking) -> Vec<SessionStatus> {
    match control.ask(Ask::Status { every_ms: None }).unwrap() {
        Reply::Status(status) => status.sessions,
        other => panic!("{other:?}"),
    }
}

fn plan(control: &mut Blocking, request: ConfigRequest) -> Plan {
    match control.ask(request).unwrap() {
        Reply::Plan(plan) => plan,
        other => panic!("{other:?}"),
    }
}

fn text(control: &mut Blocking) -> (String, u64) {
    match control.ask(ConfigRequest::Get { path: None }).unwrap() {
        Reply::Config(text) => (text.text, text.version.unwrap()),
        other => panic!("{other:?}"),
    }
}

fn refused(told: Result<Reply, Error>) -> String {
    match told {
        Err(Error::Refused(refusal)) => refusal.what,
        other => panic!("{other:?}"),
    }
}

fn play(server: &Server, mount: &str) -> Client {
    let mut player = Client::connect(server);
    let url = server.url(mount);
    let session = player.set_up_tcp(&url);
    assert_eq!(player.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]).status, 200);
    player.next_frame(0);
    player
}

/// Reads until the goodbye of RTCP.
fn says_goodbye(player: &mut Client) {
    while !player.next_frame(1).windows(4).any(|head| head == [0x81, 203, 0, 1]) {}
}

const TWO: &str = "mounts: {\"a\": Pattern(width: 64, height: 48), \"b\": Pattern(width: 64, height: 48)}";

#[test]
fn a_session_is_seen_and_ended() {
    let server = Server::with(TWO);
    let mut control = connect(&server);
    let (mut first, mut second) = (play(&server, "a"), play(&server, "b"));
    let seen = sessions(&mut control);
    let [one, other] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((one.mount.as_str(), other.mount.as_str()), ("a", "b"));
    assert_eq!((one.state, one.transport), (SessionState::Playing, Transport::Tcp));
    assert!(one.packets > 0 && one.bytes > 0 && one.address.starts_with("127.0.0.1:"), "{one:?}");
    control.ask(Act::Kick { session: one.id.clone() }).unwrap();
    says_goodbye(&mut first);
    second.next_frame(0);
    assert_eq!(sessions(&mut control).len(), 1);
    for nobody in [one.id.clone(), "x".to_owned()] {
        assert_eq!(refused(control.ask(Act::Kick { session: nobody })), "no-such-session");
    }
}

#[test]
fn a_mount_is_disabled_and_enabled_while_another_plays() {
    let server = Server::with(TWO);
    let mut control = connect(&server);
    let (mut first, mut second) = (play(&server, "a"), play(&server, "b"));
    control.ask(Act::MountDisable { mount: "a".to_owned() }).unwrap();
    says_goodbye(&mut first);
    second.next_frame(0);
    let url = server.url("a");
    let describe = || Client::connect(&server).ask(&[&format!("DESCRIBE {url} RTSP/1.0")]).status;
    assert_eq!(describe(), 404);
    let Reply::Mounts(mounts) = control.ask(Ask::Mounts {}).unwrap() else { panic!("no mounts") };
    let states: Vec<_> = mounts.iter().map(|mount| (mount.name.as_str(), mount.state)).collect();
    assert_eq!(states, [("a", MountState::Disabled), ("b", MountState::Live)]);
    control.ask(Act::MountEnable { mount: "a".to_owned() }).unwrap();
    assert_eq!(describe(), 200);
    play(&server, "a");
    assert_eq!(refused(control.ask(Act::MountDisable { mount: "c".to_owned() })), "no-such-mount");
}

#[test]
fn the_configuration_is_changed_while_people_watch_and_rolled_back() {
    let server = Server::with(TWO);
    let mut control = connect(&server);
    let (mut first, mut second) = (play(&server, "a"), play(&server, "b"));
    let (before, version) = text(&mut control);
    let after = before.replace("\"a\"", "\"c\"");
    let changes = |plan: &Plan| -> Vec<(String, Change, usize)> {
        let change = |change: &lenslet::control::protocol::MountChange| {
            (change.mount.clone(), change.change, change.interrupts.len())
        };
        plan.mounts.iter().map(change).collect()
    };
    let told = plan(&mut control, ConfigRequest::Preview { text: Some(after.clone()), to: None });
    let expected = |interrupted| {
        [
            ("a".to_owned(), Change::Removed, interrupted),
            ("b".to_owned(), Change::Kept, 0),
            ("c".to_owned(), Change::Added, 0),
        ]
    };
    assert_eq!(changes(&told), expected(1));
    let lines = |diff: &str| -> Vec<String> {
        let other = |line: &&str| {
            line.starts_with(['-', '+']) && !line.starts_with("---") && !line.starts_with("+++")
        };
        diff.lines().filter(other).map(str::to_owned).collect()
    };
    let difference = [format!("-{before}"), format!("+{after}")];
    assert_eq!(lines(&told.diff), difference);
    assert_eq!(text(&mut control), (before.clone(), version), "nothing was written");
    let apply =
        |base: u64, text: &str| ConfigRequest::Apply { text: text.to_owned(), base: Base::Version(base) };
    let done = plan(&mut control, apply(version, &after));
    assert_eq!((changes(&done).as_slice(), done.version), (&expected(0)[..], Some(version + 1)));
    assert_eq!(done.diff, told.diff);
    let diff = |control: &mut Blocking, from, to| match control.ask(ConfigRequest::Diff { from, to }) {
        Ok(Reply::Diff(diff)) => lines(&diff),
        other => panic!("{other:?}"),
    };
    assert_eq!(diff(&mut control, Some(version), None), difference);
    assert_eq!(
        diff(&mut control, Some(version + 1), Some(version)),
        [format!("-{after}"), format!("+{before}")]
    );
    assert_eq!(diff(&mut control, None, None), [""; 0], "the newest is served");
    assert_eq!(refused(control.ask(ConfigRequest::Diff { from: Some(99), to: None })), "no-such-version");
    says_goodbye(&mut first);
    second.next_frame(0);
    play(&server, "c");
    // Somebody who has seen the first version alone.
    let mut other = connect(&server);
    assert_eq!(refused(other.ask(apply(version, "(mounts: {})"))), "changed-meanwhile");
    assert_eq!(refused(other.ask(apply(version + 1, "(mount: {})"))), "no-configuration");
    assert_eq!(text(&mut control), (after, version + 1));
    let seen = plan(&mut control, ConfigRequest::Preview { text: None, to: Some(version) });
    let back = plan(&mut control, ConfigRequest::Rollback { to: version, base: None });
    assert_eq!((seen.version, back.version), (None, Some(version + 2)));
    let done =
        |plan: &Plan| changes(plan).into_iter().map(|(mount, change, _)| (mount, change)).collect::<Vec<_>>();
    assert_eq!((&seen.diff, done(&seen)), (&back.diff, done(&back)));
    assert_eq!(text(&mut control), (before.clone(), version + 2));
    // What it says already is no version more, whoever wants it.
    for request in [
        ConfigRequest::Rollback { to: version, base: None },
        ConfigRequest::Rollback { to: version + 2, base: Some(Base::Version(version + 2)) },
        ConfigRequest::Apply { text: before, base: Base::Version(version + 2) },
        ConfigRequest::Set { path: "mounts.a.width".to_owned(), value: "64".to_owned(), base: None },
    ] {
        let again = plan(&mut control, request);
        assert_eq!((again.version, again.diff.as_str()), (Some(version + 2), ""));
        assert!(again.mounts.iter().all(|mount| mount.change == Change::Kept), "{again:?}");
    }
    play(&server, "a");
    second.next_frame(0);
    let Reply::History(versions) = control.ask(ConfigRequest::History {}).unwrap() else { panic!() };
    assert_eq!(versions.iter().map(|kept| kept.version).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(versions[1].author, lenslet::config::store::author(nix::unistd::geteuid().as_raw()));
    assert_eq!(refused(control.ask(ConfigRequest::Rollback { to: 99, base: None })), "no-such-version");
    assert_eq!(refused(control.ask(ConfigRequest::Preview { text: None, to: Some(99) })), "no-such-version");
}

#[test]
fn what_was_changed_between_is_not_written_over() {
    let server = Server::with(TWO);
    let (mut one, mut other) = (connect(&server), connect(&server));
    let (before, _) = text(&mut one);
    plan(&mut one, ConfigRequest::Set { path: "workers".to_owned(), value: "1".to_owned(), base: None });
    // An edit of what was there before.
    let late = ConfigRequest::Apply { text: before.replace("\"b\"", "\"d\""), base: Base::Version(1) };
    assert_eq!(refused(other.ask(late)), "changed-meanwhile");
}

/// The file as it is told, and what it is known by.
fn read(control: &mut Blocking) -> (String, Base) {
    match control.ask(ConfigRequest::Get { path: None }).unwrap() {
        Reply::Config(text) => (text.text, Base::Hash(text.hash.unwrap())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_hand_wrote_meanwhile_is_not_written_over_though_no_versions_are_kept() {
    let server = Server::with(TWO);
    let mut control = connect(&server);
    fs::remove_dir_all(server.state().join("history")).unwrap();
    let (before, base) = read(&mut control);
    let mine = before.replace("\"b\"", "\"d\"");
    // By hand, right or wrong: what is wrong is no version in any case.
    for theirs in [before.replace("\"a\"", "\"e\""), "(mounts: {".to_owned()] {
        fs::write(server.config(), &theirs).unwrap();
        let apply = ConfigRequest::Apply { text: mine.clone(), base: base.clone() };
        assert_eq!(refused(control.ask(apply)), "changed-meanwhile");
        assert_eq!(fs::read_to_string(server.config()).unwrap(), theirs);
        fs::write(server.config(), &before).unwrap();
    }
    plan(&mut control, ConfigRequest::Apply { text: mine, base });
}

#[test]
fn what_a_hand_broke_is_written_over_by_those_alone_who_have_seen_it() {
    let server = Server::with(TWO);
    let mut control = connect(&server);
    let (right, _) = read(&mut control);
    let (_, version) = text(&mut control);
    fs::write(server.config(), "(mounts: {").unwrap();
    let apply = |base| ConfigRequest::Apply { text: right.replace("\"b\"", "\"d\""), base };
    let rollback = |base| ConfigRequest::Rollback { to: version, base: Some(base) };
    for base in [Base::Version(version), Base::Hash(hash(right.as_bytes()))] {
        assert_eq!(refused(control.ask(apply(base.clone()))), "changed-meanwhile");
        assert_eq!(refused(control.ask(rollback(base))), "changed-meanwhile");
    }
    assert_eq!(fs::read_to_string(server.config()).unwrap(), "(mounts: {");
    let (broken, base) = read(&mut control);
    assert_eq!(broken, "(mounts: {");
    plan(&mut control, rollback(base));
    assert_eq!(read(&mut control).0, right);
}

#[test]
fn what_was_refused_and_is_then_written_by_hand_is_read() {
    let server = Server::with(TWO);
    let mut control = connect(&server);
    let (before, _) = read(&mut control);
    // Another came between: it is not written.
    let after = before.replace("\"b\"", "\"d\"");
    let late = ConfigRequest::Apply { text: after.clone(), base: Base::Hash(hash(b"another")) };
    assert_eq!(refused(control.ask(late)), "changed-meanwhile");
    fs::write(server.config(), &after).unwrap();
    server.logged(&["reloaded:", "added: d", "removed: b"]);
}

#[test]
fn a_file_that_begins_with_a_byte_order_mark_is_read_as_any_other() {
    let server = Server::of(&format!(
        "\u{feff}(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), max_sessions: 7, {TWO})"
    ));
    let mut control = connect(&server);
    let Reply::Config(value) =
        control.ask(ConfigRequest::Get { path: Some("max_sessions".to_owned()) }).unwrap()
    else {
        panic!("no value")
    };
    assert_eq!((value.text.as_str(), value.is_default), ("7", false));
    let text = read(&mut control).0.replace("\"a\": Pattern(width: 64", "\"a\": Pattern(width: 128");
    let told = plan(&mut control, ConfigRequest::Preview { text: Some(text), to: None });
    assert_eq!(told.mounts[0].why.as_deref(), Some("width: 64 -> 128"));
}

#[test]
fn a_mount_is_known_by_its_other_names() {
    let server = Server::on(
        "127.0.0.1",
        r#"aliases: {"/Streaming/Channels/101": "a", "/cam?channel=1&subtype=0": "b"},"#,
        TWO,
    );
    let mut control = connect(&server);
    let done = |told: Result<Reply, Error>| match told {
        Ok(Reply::Done { said }) => said,
        other => panic!("{other:?}"),
    };
    for (alias, name) in [
        ("Streaming/Channels/101", "a"),
        ("/Streaming/Channels/101", "a"),
        // Which keys in which order is the alias's own business.
        ("/cam?subtype=0&channel=1", "b"),
    ] {
        let mount = alias.to_owned();
        assert_eq!(
            done(control.ask(Act::Keyframe { mount: mount.clone() })),
            format!("{name} makes a keyframe")
        );
        done(control.ask(Act::SetBitrate { mount: mount.clone(), bitrate_bps: 100_000 }));
        done(control.ask(Act::SetGop { mount: mount.clone(), pictures: 10 }));
        let Reply::Snapshot(picture) =
            control.ask(Look::Snapshot { mount: mount.clone(), max_width: None }).unwrap()
        else {
            panic!("no picture")
        };
        assert_eq!(picture.width, 64);
        // The refusal is of the mount.
        let no_camera = said(control.ask(Look::Controls { mount: mount.clone() }));
        assert!(no_camera.contains(&format!("{name} is no camera")), "{no_camera}");
        let disabled = done(control.ask(Act::MountDisable { mount: mount.clone() }));
        assert!(disabled.starts_with(&format!("{name} is served no longer")), "{disabled}");
        let refusal = said(control.ask(Act::Keyframe { mount: mount.clone() }));
        assert!(refusal.starts_with(&format!("mount-disabled: {name} is disabled")), "{refusal}");
        done(control.ask(Act::MountEnable { mount }));
    }
    // One that is misspelt may be meant as well.
    let near = said(control.ask(Act::Keyframe { mount: "Streaming/Chanels/101".to_owned() }));
    assert!(near.ends_with("Streaming/Channels/101 is nearest"), "{near}");
}

#[test]
fn one_value_is_written_and_all_else_of_the_file_stays() {
    let server = Server::with(&format!("/* mine */ {TWO}"));
    let mut control = connect(&server);
    let mut second = play(&server, "b");
    let (before, version) = text(&mut control);
    let set = |path: &str, value: &str| ConfigRequest::Set {
        path: path.to_owned(),
        value: value.to_owned(),
        base: None,
    };
    let done = plan(&mut control, set("mounts[\"a\"].width", "128"));
    assert_eq!(done.version, Some(version + 1));
    assert_eq!(text(&mut control).0, before.replacen("width: 64", "width: 128", 1));
    second.next_frame(0);
    let Reply::Config(value) =
        control.ask(ConfigRequest::Get { path: Some("mounts[\"a\"].width".to_owned()) }).unwrap()
    else {
        panic!("no value")
    };
    assert_eq!(value.text, "128");
    assert_eq!(refused(control.ask(set("mounts[\"a\"].widht", "1"))), "not-edited");
    assert_eq!(refused(control.ask(set("mounts[\"a\"].width", "15"))), "not-edited");
    assert_eq!(refused(control.ask(ConfigRequest::Get { path: Some("mounts[".to_owned()) })), "no-path");
    // What a shell leaves of a text is told with its quotes.
    for value in ["Front", "Front door", "1.5"] {
        let refusal = said(control.ask(set("mounts.a.label", value)));
        assert!(
            refusal.ends_with(&format!("a text has its quotes within others: '\"{value}\"'")),
            "{refusal}"
        );
    }
    assert!(said(control.ask(set("mounts.a.width", "wide"))).ends_with("nothing was changed"));
    // What is like nothing is answered with what there is.
    let unknown = said(control.ask(set("mounts.a.nope", "1")));
    assert!(unknown.contains("there is no setting nope of Pattern: it has width, height, "), "{unknown}");
    // What is not written has its default, which may be one in words, and what there is not is said not to be there.
    let mut get = |path: &str| control.ask(ConfigRequest::Get { path: Some(path.to_owned()) });
    for (path, default) in [("session_timeout", "60"), ("mounts[\"a\"].fps", "30"), ("access.basic", "false")]
    {
        let Reply::Config(value) = get(path).unwrap() else { panic!("{path}") };
        assert_eq!((value.text.as_str(), value.is_default), (default, true), "{path}");
    }
    assert_eq!(refused(get("mounts[\"a\"].max_readers")), "not-written");
    for path in ["wrokers", "mounts[\"a\"].widht", "listen[7]"] {
        assert_eq!(refused(get(path)), "no-such-setting", "{path}");
    }
    assert_eq!(refused(get("mounts[\"zz\"].fps")), "no-such-mount");
}

#[test]
fn settings_that_go_together_are_written_together() {
    let server = Server::with("/* mine */ mounts: {\"x\": Pattern(fps: 10)}");
    let mut control = connect(&server);
    let (before, version) = text(&mut control);
    let run = |words: &[&str]| {
        let output = crate::users::run(server.state(), &server.control(), words, "");
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(told).unwrap())
    };
    // What is said to do is a command, with one word to fill in.
    for (way, value, other) in [("mounts[\"x\"].width", "640", "height"), ("mounts.x.height", "360", "width")]
    {
        let (done, told) = run(&["config", "set", way, value]);
        assert!(!done && told.contains(&format!("a size has both, and {other} is missing")), "{told}");
        let command = told.split('`').nth_back(1).unwrap();
        let filled = command.replace("HEIGHT", "360").replace("WIDTH", "640");
        assert_ne!(filled, command);
        let words: Vec<String> = shell_words::split(&filled).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (done, told) = run(&words[1..]);
        assert!(done, "{command}: {told}");
        let both = ["width: 640, height: 360", "height: 360, width: 640"];
        let now = text(&mut control).0;
        assert!(
            both.iter().any(|both| now == before.replace("fps: 10", &format!("fps: 10, {both}"))),
            "{now}"
        );
        control.ask(ConfigRequest::Rollback { to: version, base: None }).unwrap();
    }
    // Of a value that is wrong in itself nothing is said of the other.
    assert!(!run(&["config", "set", "mounts.x.width", "wide"]).1.contains("HEIGHT"));
    for (more, expected) in [
        (&["workers"][..], "workers has no value: each path has one behind it"),
        (&["wrokers", "2"], "there is no setting wrokers"),
        (&["workers", "2", "--base", "1"], "the file was changed meanwhile"),
    ] {
        let (done, told) = run(&[&["config", "set", "mounts.x.fps", "5"], more].concat());
        assert!(!done && told.contains(expected), "{more:?}: {told}");
        assert_eq!(text(&mut control).0, before, "all or nothing");
    }
    let newest = text(&mut control).1.to_string();
    let (done, told) = run(&["config", "set", "workers", "2", "mounts.x.fps", "5", "--base", &newest]);
    assert!(done, "{told}");
    let expected = before.replace("fps: 10", "fps: 5").replace("5)})", "5)}, workers: 2)");
    assert_eq!(text(&mut control).0, expected, "{told}");
}

#[test]
fn what_was_disabled_stays_so_until_the_configuration_says_otherwise_of_it() {
    let server = Server::with(MOUNTS_OF_TWO);
    let mut control = Blocking::connect(&server.control()).unwrap();
    let is_served = |control: &mut Blocking, name: &str| {
        let Reply::Mounts(mounts) = control.ask(Ask::Mounts {}).unwrap() else { panic!() };
        mounts.iter().any(|mount| mount.name == name && mount.state != MountState::Disabled)
    };
    let set = |path: &str, value: &str| ConfigRequest::Set {
        path: path.to_owned(),
        value: value.to_owned(),
        base: None,
    };
    control.ask(Act::MountDisable { mount: "one".to_owned() }).unwrap();
    assert!(!is_served(&mut control, "one"));
    control.ask(set("mounts[\"two\"].label", "\"z\"")).unwrap();
    assert!(!is_served(&mut control, "one") && is_served(&mut control, "two"));
    control.ask(set("mounts[\"one\"].enabled", "false")).unwrap();
    control.ask(set("mounts[\"one\"].enabled", "true")).unwrap();
    assert!(is_served(&mut control, "one"), "the file's last word");
    // Gone and come anew it has figures of its own.
    control.ask(Act::MountDisable { mount: "one".to_owned() }).unwrap();
    control.ask(Act::MountEnable { mount: "one".to_owned() }).unwrap();
    control.ask(set("max_sessions", "7")).unwrap();
    assert!(is_served(&mut control, "one"));
}

const MOUNTS_OF_TWO: &str = r#"mounts: {
    "one": Pattern(width: 64, height: 48, fps: 5),
    "two": Pattern(width: 64, height: 48, fps: 5),
}"#;

/// Why it was refused, and what is to be done.
fn said(told: Result<Reply, Error>) -> String {
    match told {
        Err(Error::Refused(refusal)) => format!("{}: {refusal}", refusal.what),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mount_that_is_disabled_is_no_mount_that_there_is_not() {
    let server = Server::with(
        "mounts: {\"door\": Pattern(width: 64, height: 48), \"off\": Pattern(width: 64, height: 48, enabled: false)}",
    );
    let mut control = connect(&server);
    control.ask(Act::MountDisable { mount: "door".to_owned() }).unwrap();
    for mount in ["door", "off", "/door/"] {
        let name = mount.trim_matches('/');
        let expected =
            format!("mount-disabled: {name} is disabled: `lenslet mount enable {name}` has it served");
        let mount = mount.to_owned();
        for act in [
            Act::Keyframe { mount: mount.clone() },
            Act::SetBitrate { mount: mount.clone(), bitrate_bps: 100_000 },
            Act::SetControl {
                mount: mount.clone(),
                control: "brightness".to_owned(),
                value: Value::Number(1),
            },
        ] {
            assert_eq!(said(control.ask(act)), expected);
        }
        assert_eq!(said(control.ask(Look::Snapshot { mount: mount.clone(), max_width: None })), expected);
        assert_eq!(said(control.ask(Look::Controls { mount })), expected);
    }
    // As it says.
    control.ask(Act::MountEnable { mount: "off".to_owned() }).unwrap();
    control.ask(Act::Keyframe { mount: "off".to_owned() }).unwrap();
}

#[test]
fn the_mount_that_was_meant_is_named() {
    let server = Server::with(TWO.replace("\"a\"", "\"front/door\"").as_str());
    let mut control = connect(&server);
    let near = "no-such-mount: there is no mount \"front/dor\": front/door is nearest";
    for act in [
        Act::Keyframe { mount: "front/dor".to_owned() },
        Act::MountDisable { mount: "front/dor".to_owned() },
        Act::MountEnable { mount: "/front/dor".to_owned() },
    ] {
        assert_eq!(said(control.ask(act)), near);
    }
    // One that is disabled may be meant as well.
    control.ask(Act::MountDisable { mount: "front/door".to_owned() }).unwrap();
    assert_eq!(said(control.ask(Act::MountEnable { mount: "front/dor".to_owned() })), near);
    let all = "no-such-mount: there is no mount \"garden\": there are b, front/door";
    assert_eq!(said(control.ask(Act::Keyframe { mount: "garden".to_owned() })), all);
}

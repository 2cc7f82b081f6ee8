//! The configuration changes while people watch: addresses that overlap, several who change it at once.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lenslet::config::store::hash;
use lenslet::control::client::{Blocking, Error};
use lenslet::control::protocol::{Act, Alarm, Ask, Base, Change, ConfigOrigin, ConfigRequest, Reply};

use crate::support::{Client, Network, Rtp, Server};

const MOUNTS: &str = "mounts: {\"a\": Pattern(width: 64, height: 48), \"b\": Pattern(width: 64, height: 48)}";

fn play(server: &Server, mount: &str) -> Client {
    let mut client = Client::connect(server);
    let url = server.url(mount);
    let session = client.set_up_tcp(&url);
    assert_eq!(client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]).status, 200);
    client
}

/// So many packets, none of which is missing.
fn watch(client: &mut Client, last: &mut Option<u16>, packets: usize) {
    for _ in 0..packets {
        let packet = Rtp::parse(&client.next_frame(0));
        if let Some(last) = *last {
            assert_eq!(packet.seq, last.wrapping_add(1), "nothing is missing");
        }
        *last = Some(packet.seq);
    }
}

fn listening(control: &mut Blocking) -> Vec<String> {
    match control.ask(lenslet::control::protocol::Ask::Status { every_ms: None }).unwrap() {
        Reply::Status(status) => status.addresses,
        other => panic!("{other:?}"),
    }
}

fn listen_on(control: &mut Blocking, address: &str) -> Result<Reply, Error> {
    let value = format!("[\"{address}\"]");
    control.ask(ConfigRequest::Set { path: "listen".to_owned(), value, base: None })
}

fn answers(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect(address) else { return false };
    drop(stream);
    let url = format!("rtsp://{address}/a");
    Client::at(address).ask(&[&format!("OPTIONS {url} RTSP/1.0")]).status == 200
}

#[test]
fn a_preview_says_what_of_it_cannot_be_served() {
    let server = Server::on("127.0.0.1", "", MOUNTS);
    let mut control = Blocking::connect(&server.control()).unwrap();
    let text = format!("({})", MOUNTS.replace("}", ", \"cam\": Camera(device: \"/nowhere/video0\")}"));
    let Reply::Plan(plan) = control.ask(ConfigRequest::Preview { text: Some(text), to: None }).unwrap()
    else {
        panic!("no plan")
    };
    let of = |name: &str| plan.mounts.iter().find(|mount| mount.mount == name).unwrap();
    assert_eq!((of("cam").change, of("a").change), (Change::Added, Change::Kept));
    let why = of("cam").why.as_deref().unwrap_or_default();
    let expected = "/nowhere/video0: there is no such camera now: it is served once it is plugged in";
    assert!(why.contains(expected), "{why}");
    assert_eq!(of("a").why, None);
}

#[test]
fn an_address_that_overlaps_with_the_one_before_takes_its_place_while_people_watch() {
    let server = Server::on("0.0.0.0", "", MOUNTS);
    let port = server.address.port();
    let mut control = Blocking::connect(&server.control()).unwrap();
    let (mut client, mut last) = (play(&server, "a"), None);
    watch(&mut client, &mut last, 3);
    let [one, other] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(|ip| SocketAddr::from((ip, port)));
    for (address, there) in [
        (format!("127.0.0.1:{port}"), [true, false]),
        (format!("0.0.0.0:{port}"), [true, true]),
        (format!("127.0.0.2:{port}"), [false, true]),
        (format!("[::]:{port}"), [true, true]),
        (format!("127.0.0.1:{port}"), [true, false]),
    ] {
        listen_on(&mut control, &address).unwrap_or_else(|error| panic!("{address}: {error}"));
        assert_eq!(listening(&mut control), std::slice::from_ref(&address));
        assert_eq!([answers(one), answers(other)], there, "{address}");
        watch(&mut client, &mut last, 3);
        // Nobody else gets in beside it, though for a moment it was shared.
        let address: SocketAddr = address.parse().unwrap();
        let another =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None).unwrap();
        another.set_reuse_address(true).unwrap();
        assert!(another.bind(&address.into()).and_then(|()| another.listen(1)).is_err(), "{address}");
    }
}

#[test]
fn an_address_of_another_program_is_refused_and_all_is_as_it_was() {
    let server = Server::on("127.0.0.1", "", MOUNTS);
    let mut control = Blocking::connect(&server.control()).unwrap();
    let before = listening(&mut control);
    let (mut client, mut last) = (play(&server, "a"), None);
    let another = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = another.local_addr().unwrap().to_string();
    let text = fs::read_to_string(server.config()).unwrap();
    let Err(Error::Refused(refusal)) = listen_on(&mut control, &taken) else { panic!("it is listened on") };
    assert!(refusal.why.contains(&format!("cannot listen on {taken}")), "{refusal:?}");
    assert!(refusal.why.contains("another program uses this port"), "{refusal:?}");
    assert_eq!(listening(&mut control), before);
    assert!(answers(server.address));
    watch(&mut client, &mut last, 3);
    // The file as well.
    assert_eq!(refusal.what_to_do, "nothing was changed");
    assert_eq!(fs::read_to_string(server.config()).unwrap(), text);
    // Nothing of it is a version; who tried what is known.
    let Reply::History(history) = control.ask(ConfigRequest::History {}).unwrap() else { panic!() };
    assert_eq!(history.iter().map(|kept| kept.version).collect::<Vec<_>>(), [1]);
    let Reply::Status(status) =
        control.ask(lenslet::control::protocol::Ask::Status { every_ms: None }).unwrap()
    else {
        panic!("no status")
    };
    let told = format!("a change of the configuration was not made: {}", refusal.why);
    assert!(status.audit.iter().any(|entry| entry.what == told), "{:?}", status.audit);
    // The next is the next.
    assert_eq!(set(&mut control, "max_sessions", 7), 2);
}

/// By hand; the file is right, and what it says cannot be.
#[test]
fn a_file_that_cannot_be_served_is_told_until_it_can_be() {
    let server = Server::on("127.0.0.1", "", MOUNTS);
    let mut control = Blocking::connect(&server.control()).unwrap();
    let text = fs::read_to_string(server.config()).unwrap();
    let another = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = text.replacen("127.0.0.1:0", &another.local_addr().unwrap().to_string(), 1);
    let began = Instant::now();
    let mut wait = |origin: ConfigOrigin, alarmed: bool| loop {
        let Reply::Status(status) = control.ask(Ask::Status { every_ms: None }).unwrap() else { panic!() };
        let lasts = |alarm: &&Alarm| alarm.id == "config/unserved" && alarm.ended_at.is_none();
        let alarm = status.alarms.iter().find(lasts);
        if (status.config.origin, alarm.is_some()) == (origin, alarmed) {
            break (status.config.why, alarm.map(|alarm| alarm.why.clone()));
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", status.config);
    };
    wait(ConfigOrigin::File, false);
    fs::write(server.config(), &taken).unwrap();
    let (why, alarm) = wait(ConfigOrigin::LastGood, true);
    assert!(why.as_ref().is_some_and(|why| why.contains("another program uses this port")), "{why:?}");
    assert_eq!(why, alarm);
    fs::write(server.config(), &text).unwrap();
    wait(ConfigOrigin::File, false);
}

/// Sets a value: whoever edits at the same time, neither is in vain.
fn set(control: &mut Blocking, path: &str, value: usize) -> u64 {
    let request = ConfigRequest::Set { path: path.to_owned(), value: value.to_string(), base: None };
    match control.ask(request) {
        Ok(Reply::Plan(plan)) => plan.version.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_who_edit_at_once_lose_nothing_while_the_file_is_read_again_and_people_watch() {
    const EDITS: usize = 12;
    let server = Server::with(MOUNTS);
    let over = AtomicBool::new(false);
    let (mut client, mut last) = (play(&server, "a"), None);
    std::thread::scope(|threads| {
        let edit = |path: &'static str| {
            let mut control = Blocking::connect(&server.control()).unwrap();
            threads
                .spawn(move || (1..=EDITS).map(|value| set(&mut control, path, value)).collect::<Vec<u64>>())
        };
        let editors = [edit("max_sessions"), edit("mounts[\"b\"].max_readers")];
        let reloads = threads.spawn(|| {
            let mut control = Blocking::connect(&server.control()).unwrap();
            while !over.load(Ordering::SeqCst) {
                server.hang_up();
                control.ask(Act::Reload {}).unwrap();
            }
        });
        let watching = threads.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                watch(&mut client, &mut last, 1);
            }
            watch(&mut client, &mut last, 5);
        });
        let mut versions: Vec<u64> = editors.into_iter().flat_map(|editor| editor.join().unwrap()).collect();
        over.store(true, Ordering::SeqCst);
        reloads.join().unwrap();
        watching.join().unwrap();
        versions.sort_unstable();
        versions.dedup();
        assert_eq!(versions.len(), 2 * EDITS, "each edit is a version of its own");
    });
    let text = fs::read_to_string(server.config()).unwrap();
    let config = lenslet::config::Config::parse(&text).unwrap();
    assert_eq!(config.server.max_sessions, EDITS);
    assert_eq!(config.mounts["b"].serving.max_readers, Some(EDITS));
    let mut control = Blocking::connect(&server.control()).unwrap();
    let Reply::History(history) = control.ask(ConfigRequest::History {}).unwrap() else { panic!() };
    assert_eq!(history.len(), 1 + 2 * EDITS, "{history:?}");
}

#[test]
fn a_bitrate_changes_in_the_same_stream() {
    let server = Server::of(
        "(listen: [\"127.0.0.1:0\"], mounts: {\"a\": Pattern(width: 320, height: 240, bitrate: 2000000)})",
    );
    let mut control = Blocking::connect(&server.control()).unwrap();
    let (mut client, mut last) = (play(&server, "a"), None);
    let mut second = |client: &mut Client| {
        let first = loop {
            let packet = client.next_frame(0);
            let rtp = Rtp::parse(&packet);
            assert!(last.is_none_or(|last: u16| rtp.seq == last.wrapping_add(1)), "nothing is missing");
            last = Some(rtp.seq);
            if rtp.marker {
                break rtp.timestamp;
            }
        };
        let mut bytes = 0;
        loop {
            let packet = client.next_frame(0);
            let rtp = Rtp::parse(&packet);
            assert_eq!(rtp.seq, last.unwrap().wrapping_add(1), "nothing is missing");
            last = Some(rtp.seq);
            bytes += packet.len();
            if rtp.timestamp.wrapping_sub(first) >= 90_000 && rtp.marker {
                return bytes;
            }
        }
    };
    let before = second(&mut client);
    let request = ConfigRequest::Set {
        path: "mounts[\"a\"].bitrate".to_owned(),
        value: "200000".to_owned(),
        base: None,
    };
    let Reply::Plan(plan) = control.ask(request).unwrap() else { panic!("no plan") };
    assert_eq!(plan.mounts[0].change, Change::Changed);
    assert_eq!(plan.mounts[0].why.as_deref(), Some("bitrate: 2000000 -> 200000"));
    // Which, and not what: there may be passwords in a command.
    assert!(server.logged(&["written otherwise"]).ends_with("written otherwise: mounts[\"a\"].bitrate"));
    // The encoder comes to it within some pictures.
    let after = (0..10).map(|_| second(&mut client)).find(|after| after * 3 < before);
    assert!(after.is_some(), "{before} bytes a second before");
}

#[test]
fn limits_change_while_people_watch() {
    let server = Server::on("127.0.0.1", "max_sessions: 9, max_connections: 9,", MOUNTS);
    let mut control = Blocking::connect(&server.control()).unwrap();
    let (mut client, mut last) = (play(&server, "a"), None);
    watch(&mut client, &mut last, 3);
    let set_up = || {
        let (mut other, url) = (Client::connect(&server), server.url("a"));
        let setup = format!("SETUP {url}/trackID=0 RTSP/1.0");
        other.ask(&[&setup, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]).status
    };
    for (path, value, status) in [
        ("max_sessions", "1", 453),
        ("max_sessions", "9", 200),
        ("mounts[\"a\"].max_readers", "1", 453),
        ("mounts[\"a\"].max_readers", "9", 200),
    ] {
        let request = ConfigRequest::Set { path: path.to_owned(), value: value.to_owned(), base: None };
        control.ask(request).unwrap();
        assert_eq!(set_up(), status, "{path}: {value}");
        watch(&mut client, &mut last, 2);
    }
    // Who is there stays, whatever the limit is now.
    let request =
        ConfigRequest::Set { path: "max_connections".to_owned(), value: "1".to_owned(), base: None };
    control.ask(request).unwrap();
    watch(&mut client, &mut last, 3);
}

/// Sixteen mounts, the first of which is another one each time.
fn sixteen(reload: usize) -> String {
    let mount = |number: usize| {
        let gop = if number == 0 { 50 + reload } else { 50 };
        format!("\"m{number}\": Pattern(width: 64, height: 48, fps: {RATE}, gop: {gop})")
    };
    let mounts: Vec<String> = (0..16).map(mount).collect();
    format!("(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {{{}}})", mounts.join(", "))
}

/// Pictures a second.
const RATE: u32 = 25;

/// How long the others of sixteen mounts wait for a picture while one is reloaded: measured where `LENSLET_RELOADS` says how
/// often, and then no longer than one and a half intervals; else the machine may be busy, and what counts is that
/// nothing is missing.
#[test]
fn readers_of_fifteen_mounts_see_nothing_of_the_reload_of_another() {
    let measured = std::env::var("LENSLET_RELOADS").ok().map(|count| count.parse().unwrap());
    let reloads: usize = measured.unwrap_or(3);
    let server = Server::of(&sixteen(0));
    let over = AtomicBool::new(false);
    let clients: Vec<Client> = (0..16).map(|number| play(&server, &format!("m{number}"))).collect();
    let gaps: Vec<Duration> = std::thread::scope(|threads| {
        let readers: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let over = &over;
                threads.spawn(move || {
                    let (mut last, mut largest) = (None, Duration::ZERO);
                    watch(&mut client, &mut last, 5);
                    let mut before = Instant::now();
                    while !over.load(Ordering::SeqCst) {
                        watch(&mut client, &mut last, 1);
                        let now = Instant::now();
                        largest = largest.max(now - before);
                        before = now;
                    }
                    largest
                })
            })
            .collect();
        let mut control = Blocking::connect(&server.control()).unwrap();
        for reload in 1..=reloads {
            let base = Base::Hash(hash(sixteen(reload - 1).as_bytes()));
            let Reply::Plan(plan) =
                control.ask(ConfigRequest::Apply { text: sixteen(reload), base }).unwrap()
            else {
                panic!("no plan")
            };
            let restarted = plan.mounts.iter().filter(|mount| mount.change == Change::Restarted);
            assert_eq!(restarted.map(|mount| mount.mount.as_str()).collect::<Vec<_>>(), ["m0"]);
        }
        over.store(true, Ordering::SeqCst);
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let largest = gaps[1..].iter().max().unwrap();
    let interval = Duration::from_secs(1) / RATE;
    println!(
        "{reloads} reloads: the others waited at most {largest:?}, with {interval:?} from picture to picture"
    );
    assert!(measured.is_none() || *largest < interval * 3 / 2, "{gaps:?}");
}

/// Of nobody's: neither root's rights nor a folder of the session's.
#[test]
fn a_user_without_a_session_is_served_the_defaults_and_a_file_that_comes_later() {
    let Some(network) = Network::new() else { return };
    network.ip("link set lo up");
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config/lenslet");
    fs::create_dir_all(&config).unwrap();
    let nobody = 65_534;
    for folder in [home.path(), &home.path().join("config"), &config] {
        nix::unistd::chown(folder, Some(nobody.into()), Some(nobody.into())).unwrap();
    }
    let mut serve = Command::new("nsenter");
    serve.args(["-t", &network.process().to_string(), "-n", "-S", "65534", "-G", "65534"]);
    serve.arg(env!("CARGO_BIN_EXE_lenslet")).arg("serve");
    for gone in ["XDG_RUNTIME_DIR", "XDG_STATE_HOME", "STATE_DIRECTORY", "NOTIFY_SOCKET"] {
        serve.env_remove(gone);
    }
    serve.env("HOME", home.path()).env("XDG_CONFIG_HOME", home.path().join("config"));
    let mut child = serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(said.next().as_deref(), Some("listening on rtsp://localhost:8554"));
    log.by_ref().find(|line| line.contains("nobody can steer this daemon")).unwrap();
    let text = "(listen: [\"[::]:8554\"], mounts: {\"late\": Pattern(width: 64, height: 48)})";
    fs::write(config.join("new"), text).unwrap();
    fs::rename(config.join("new"), config.join("lenslet.ron")).unwrap();
    let reloaded = log.find(|line| line.contains("reloaded:")).unwrap();
    assert!(reloaded.contains("added: late; removed: ") && reloaded.contains("test"), "{reloaded}");
    // What is served becomes a version: a moment after it is told.
    while !home.path().join(".local/state/lenslet/history").is_dir() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_interface_is_listened_on_by_name_as_its_addresses_come_and_go() {
    let Some(network) = Network::new() else { return };
    network.ip("link set lo up");
    network.ip("link add cam0 type veth peer name cam1");
    network.ip("link set cam0 up");
    network.ip("link set cam1 up");
    let mut serve = network.command(env!("CARGO_BIN_EXE_lenslet"));
    let text = format!("(listen: [\"127.0.0.1:8554\", \"cam0:554\"], {MOUNTS})");
    let server = Server::run_text(serve.arg("serve"), &text);
    server.logged(&["the interface cam0 is not there or has no address yet"]);
    let mut control = Blocking::connect(&server.control()).unwrap();
    assert_eq!(listening(&mut control), ["127.0.0.1:8554"]);
    // DHCP is later than the start.
    network.ip("address add 10.77.0.1/24 dev cam0");
    server.logged(&["interfaces have other addresses"]);
    assert_eq!(listening(&mut control), ["127.0.0.1:8554", "10.77.0.1:554"]);
    network.ip("address add 10.77.0.2/24 dev cam0");
    network.ip("address add 2001:db8:77::1/64 dev cam0 nodad");
    control.ask(Act::Reload {}).unwrap();
    assert_eq!(
        listening(&mut control),
        ["127.0.0.1:8554", "10.77.0.1:554", "10.77.0.2:554", "[2001:db8:77::1]:554"],
        "at once by a reload"
    );
    network.ip("address del 10.77.0.1/24 dev cam0");
    server.logged(&["interfaces have other addresses"]);
    assert!(!listening(&mut control).contains(&"10.77.0.1:554".to_owned()));
}

//! Datagrams that are refused for a moment, and for good: who is ended for it, and what the log says.
//!
//! Routes are changed in networks of the tests' own.

use std::time::{Duration, Instant};

use crate::interop::has;
use crate::sending::{Reader, alone, ip};
use crate::support::{Client, MOUNTS, Network, Server};

/// Longer than a reader is left who is refused again and again.
const PLAYS_ON: usize = 200;

/// The test's own network behind a router, the server's before it.
struct Routed {
    server: Network,
    router: Network,
}

impl Routed {
    /// Packets towards the test are at most so many bytes on the last link.
    fn new(mtu: usize) -> Option<Self> {
        let (server, router) = (Network::new()?, Network::new()?);
        let (s, r) = (server.process(), router.process());
        ip(&format!("link add far netns {s} type veth peer name tofar netns {r}"));
        ip(&format!("link add near type veth peer name tonear netns {r}"));
        for command in
            ["link set lo up", "address add 10.9.1.1/24 dev far", "address add fd09:1::1/64 dev far nodad"]
        {
            server.ip(command);
        }
        let near = format!("mtu {mtu} up");
        for command in [
            "address add 10.9.1.2/24 dev tofar",
            "address add fd09:1::2/64 dev tofar nodad",
            "address add 10.9.2.2/24 dev tonear",
            "address add fd09:2::2/64 dev tonear nodad",
            "link set tofar up",
            &format!("link set tonear {near}"),
        ] {
            router.ip(command);
        }
        for command in ["address add 10.9.2.1/24 dev near", "address add fd09:2::1/64 dev near nodad"] {
            ip(command);
        }
        server.ip("link set far up");
        ip(&format!("link set near {near}"));
        for (v6, there, here) in [("-4", "10.9.1.2", "10.9.2.2"), ("-6", "fd09:1::2", "fd09:2::2")] {
            server.ip(&format!("{v6} route add default via {there}"));
            ip(&format!("{v6} route add default via {here}"));
        }
        let forwarding = "/proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding";
        let script = format!("echo 1 | tee {forwarding}");
        assert!(router.command("sh").args(["-c", &script]).status().unwrap().success());
        Some(Self { server, router })
    }
}

/// Reads for as long as a reader is left who is refused, and asks whether the session is still there.
fn plays_on(reader: &mut Reader, server: &Server) {
    reader.forget_until_marker();
    reader.pictures(PLAYS_ON);
    assert_eq!(reader.keep_alive(server), 200, "its session is over");
}

#[test]
fn who_is_refused_for_a_moment_plays_on() {
    if !alone("refused::who_is_refused_for_a_moment_plays_on") {
        return;
    }
    let server = Server::verbose(MOUNTS);
    let mut reader = Reader::play(&server, "127.0.0.9");
    reader.pictures(5);
    ip("route add prohibit 127.0.0.9/32 table local");
    server.logged(&["readers were not sent everything", "forbidden"]);
    ip("route del prohibit 127.0.0.9/32 table local");
    reader.forget();
    plays_on(&mut reader, &server);
}

#[test]
fn who_is_behind_a_router_that_says_no_for_a_moment_plays_on() {
    if !alone("refused::who_is_behind_a_router_that_says_no_for_a_moment_plays_on")
        || !has("nsenter", &["--version"])
    {
        return;
    }
    let Some(routed) = Routed::new(1500) else { return };
    let server = Server::inside(routed.server.process(), "10.9.1.1", "", MOUNTS);
    let mut reader = Reader::play(&server, "10.9.2.1");
    reader.pictures(5);
    routed.router.ip("route add unreachable 10.9.2.1/32");
    server.logged(&["refused"]);
    routed.router.ip("route del unreachable 10.9.2.1/32");
    reader.forget();
    plays_on(&mut reader, &server);
}

/// Pictures of one packet each, which IPv4 says nobody is to cut, longer than the link to the reader takes.
fn clip() -> tempfile::NamedTempFile {
    let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
    let slice = clip.windows(5).position(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1f == 5).unwrap();
    let keyframe = [&clip[..slice], &[0, 0, 1, 0x65, 0x88], &[0xa5; 100]].concat();
    let picture = [&[0, 0, 0, 1, 0x41, 0x9a][..], &[0xa5; 1340]].concat();
    let file = tempfile::Builder::new().suffix(".h264").tempfile().unwrap();
    std::fs::write(file.path(), [keyframe, picture.repeat(9)].concat().repeat(5)).unwrap();
    file
}

/// Who sends longer packets than a path takes is told so, and that is no refusal: the kernel cuts them from then on.
#[test]
fn who_is_behind_a_link_of_shorter_packets_plays_on() {
    if !alone("refused::who_is_behind_a_link_of_shorter_packets_plays_on") || !has("nsenter", &["--version"])
    {
        return;
    }
    let Some(routed) = Routed::new(1280) else { return };
    let clip = clip();
    let single = format!("mounts: {{\"test\": File(path: {:?}, fps: 30)}}", clip.path());
    for (on, from, version, mounts) in
        [("[fd09:1::1]", "fd09:2::1", "-6", MOUNTS), ("10.9.1.1", "10.9.2.1", "-4", &*single)]
    {
        let server = Server::inside(routed.server.process(), on, "", mounts);
        let mut reader = Reader::play(&server, from);
        // And again and again, as what was told is forgotten.
        for _ in 0..5 {
            server.logged(&["too long for the path"]);
            reader.forget();
            reader.forget_until_marker();
            reader.pictures(30);
            routed.server.ip(&format!("{version} route flush cache"));
        }
        server.logged(&["too long for the path"]);
        reader.forget();
        plays_on(&mut reader, &server);
    }
}

#[test]
fn whose_port_stays_closed_is_ended_and_the_log_says_why() {
    let server = Server::start();
    let mut reader = Reader::play(&server, "127.0.0.2");
    reader.pictures(2);
    let client = reader.close_ports();
    let began = Instant::now();
    server.logged(&["session over", "refused"]);
    assert!(began.elapsed() < Duration::from_secs(5) + SLACK, "{:?}", began.elapsed());
    drop::<Client>(client);
}

/// For a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(2);

/// A host tells of one datagram a second that it was refused, whichever of its ports it was for.
#[test]
fn all_viewers_of_a_host_that_closed_its_ports_are_ended() {
    if !alone("refused::all_viewers_of_a_host_that_closed_its_ports_are_ended")
        || !has("nsenter", &["--version"])
    {
        return;
    }
    const VIEWERS: usize = 8;
    let Some(routed) = Routed::new(1500) else { return };
    let server = Server::inside(routed.server.process(), "10.9.1.1", "", MOUNTS);
    let mut readers = [(); VIEWERS].map(|()| Reader::play(&server, "10.9.2.1"));
    for reader in &mut readers {
        reader.pictures(2);
    }
    let clients = readers.map(Reader::close_ports);
    let began = Instant::now();
    for _ in 0..VIEWERS {
        server.logged(&["session over", "refused"]);
    }
    let took = began.elapsed();
    println!("all were ended after {took:.1?}");
    // Four seconds each would be half a minute.
    assert!(took < Duration::from_secs(24), "{took:?}");
    drop(clients);
}

//! What becomes of the others when one reader's datagrams cannot go out as they are.
//!
//! Routes are changed in a network of the test's own: the test runs itself again in it.

use std::net::{SocketAddrV6, UdpSocket};
use std::process::Command;
use std::time::Instant;

use crate::interop::has;
use crate::load::{json, load};
use crate::pacing::Behind;
use crate::support::{Client, MOUNTS, PATIENCE, Rtp, Server};

/// A reader by UDP that plays, and the number of the packet that it expects.
pub(crate) struct Reader {
    // Its session lasts as long as it reads.
    client: Client,
    session: String,
    pub(crate) rtp: UdpSocket,
    _rtcp: UdpSocket,
    next: Option<u16>,
}

impl Reader {
    pub(crate) fn play(server: &Server, from: &str) -> Self {
        let url = server.url("test");
        let mut client = Client::connect_from(server.address, from);
        let (session, rtp, rtcp) = client.set_up_udp(&url);
        let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
        assert_eq!(reply.status, 200, "{reply:?}");
        Self { client, session, rtp, _rtcp: rtcp, next: None }
    }

    /// Closes its ports; its connection stays.
    pub(crate) fn close_ports(self) -> Client {
        self.client
    }

    /// What its session is answered.
    pub(crate) fn keep_alive(&mut self, server: &Server) -> u16 {
        let request = format!("GET_PARAMETER {} RTSP/1.0", server.url("test"));
        self.client.ask(&[&request, &format!("Session: {}", self.session)]).status
    }

    /// Reads whole pictures of which nothing is missing; gives the largest packet.
    pub(crate) fn pictures(&mut self, count: usize) -> usize {
        let (mut bytes, mut seen, mut largest) = ([0; 2048], 0, 0);
        while seen < count {
            let length = self.rtp.recv(&mut bytes).unwrap();
            let packet = Rtp::parse(&bytes[..length]);
            assert_eq!(packet.seq, self.next.unwrap_or(packet.seq), "a packet is missing");
            self.next = Some(packet.seq.wrapping_add(1));
            seen += usize::from(packet.marker);
            largest = largest.max(length);
        }
        largest
    }

    /// Forgets what has come.
    pub(crate) fn forget(&mut self) {
        self.rtp.set_nonblocking(true).unwrap();
        while self.rtp.recv(&mut [0; 2048]).is_ok() {}
        self.rtp.set_nonblocking(false).unwrap();
        self.next = None;
    }

    /// Waits for a picture's end, whatever was lost of it.
    pub(crate) fn forget_until_marker(&mut self) {
        let mut bytes = [0; 2048];
        while bytes[1] & 0x80 == 0 {
            self.rtp.recv(&mut bytes).unwrap();
        }
    }
}

/// Reads whole pictures of each in turn, so that nobody's socket overflows; gives the largest packet of each.
fn pictures<const N: usize>(mut readers: [&mut Reader; N], count: usize) -> [usize; N] {
    let mut largest = [0; N];
    for _ in 0..count {
        for (reader, largest) in readers.iter_mut().zip(&mut largest) {
            *largest = reader.pictures(1).max(*largest);
        }
    }
    largest
}

/// Runs a test again where it may change the routes; says whether this is there.
pub(crate) fn alone(test: &str) -> bool {
    if std::env::var_os("LENSLET_ALONE").is_some() {
        ip("link set lo up");
        return true;
    }
    if !has("unshare", &["-n", "ip", "link"]) {
        return false;
    }
    let itself = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .arg("-n")
        .arg(itself)
        .args(["--exact", test, "--nocapture"])
        .env("LENSLET_ALONE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
    print!("{text}");
    false
}

pub(crate) fn ip(arguments: &str) {
    run("ip", arguments);
}

pub(crate) fn run(program: &str, arguments: &str) {
    let done = Command::new(program).args(arguments.split(' ')).status().unwrap();
    assert!(done.success(), "{program} {arguments}");
}

#[test]
fn a_reader_whose_path_refuses_segments_is_sent_datagrams_one_by_one() {
    if !alone("sending::a_reader_whose_path_refuses_segments_is_sent_datagrams_one_by_one") {
        return;
    }
    // As behind a VPN: packets are longer than the path takes, and are sent on in fragments.
    ip("route replace local 127.0.0.9/32 dev lo table local mtu 1280");
    let server = Server::verbose(MOUNTS);
    let mut readers = ["127.0.0.1", "127.0.0.9", "127.0.0.2"].map(|from| Reader::play(&server, from));
    let largest = pictures(readers.each_mut(), 40);
    assert!(largest.iter().all(|bytes| *bytes > 1280), "no packet was too long: {largest:?}");
    server.logged(&["sending datagrams one by one"]);
}

/// Kernels before 4.18, which boards' vendors still have, send all that is to be cut apart in one datagram, and say nothing.
#[test]
fn a_kernel_that_cuts_nothing_apart_is_asked_first_and_every_packet_comes() {
    let mut command = Command::new("python3");
    command.args(["tests/fixtures/without_gso.py", env!("CARGO_BIN_EXE_lenslet"), "-v", "serve"]);
    let server = Server::by(&mut command, MOUNTS);
    let told =
        load(&server.url("test"), &["--readers", "40", "--transport", "udp", "--seconds", "3", "--json"]);
    let told = json(&told);
    assert_eq!((&told["verdict"], &told["packets"]["lost"]), (&"good".into(), &0.into()), "{told}");
    assert_eq!(told["readers"]["played"], 40, "{told}");
    server.logged(&["sending them one by one"]);
}

/// What `.local` names stand for by IPv6 where no router gives addresses. Without its scope such an address is nowhere.
#[test]
fn a_link_local_address_is_sent_to() {
    if !alone("sending::a_link_local_address_is_sent_to") {
        return;
    }
    let behind = Behind::new();
    ip("address add fe80::2/64 dev near nodad");
    behind.there("ip address add fe80::1/64 dev far nodad");
    behind.there("tc qdisc del dev far root");
    let server = Server::inside(behind.process(), "[::]", "", MOUNTS);
    let scope = nix::net::if_::if_nametoindex("near").unwrap();
    let there = SocketAddrV6::new("fe80::1".parse().unwrap(), server.address.port(), 0, scope);
    let mut client = Client::at(there.into());
    let url = format!("rtsp://[fe80::1]:{}/test", server.address.port());
    let (session, rtp, rtcp) = client.set_up_udp(&url);
    let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(rtcp.recv_from(&mut [0; 256]).unwrap().1.ip(), *there.ip(), "a sender report");
    let mut reader = Reader { client, session, rtp, _rtcp: rtcp, next: None };
    reader.pictures(3);
    // Its closed port is noticed: what is refused is told by address and scope.
    let session = reader.session.clone();
    let mut client = reader.close_ports();
    let session = format!("Session: {session}");
    let began = Instant::now();
    while client.ask(&["OPTIONS * RTSP/1.0"]).status == 200
        && client.ask(&[&format!("GET_PARAMETER {url} RTSP/1.0"), &session]).status == 200
    {
        assert!(began.elapsed() < 2 * PATIENCE, "it is kept");
        std::thread::yield_now();
    }
}

#[test]
fn a_reader_that_may_not_be_sent_to_takes_nothing_from_the_others() {
    if !alone("sending::a_reader_that_may_not_be_sent_to_takes_nothing_from_the_others") {
        return;
    }
    let server = Server::verbose(MOUNTS);
    let [mut first, mut forbidden, mut last] =
        ["127.0.0.1", "127.0.0.9", "127.0.0.2"].map(|from| Reader::play(&server, from));
    pictures([&mut first, &mut forbidden, &mut last], 5);
    ip("route add prohibit 127.0.0.9/32 table local");
    pictures([&mut first, &mut last], 40);
    server.logged(&["readers were not sent everything", "forbidden"]);
    ip("route del prohibit 127.0.0.9/32 table local");
    // It has lost packets, and is a reader again.
    forbidden.forget();
    pictures([&mut first, &mut forbidden, &mut last], 5);
}

#[test]
fn a_reader_that_closed_its_ports_takes_nothing_from_the_others() {
    let server = Server::start();
    let mut first = Reader::play(&server, "127.0.0.1");
    let mut gone = Reader::play(&server, "127.0.0.2");
    let mut last = Reader::play(&server, "127.0.0.3");
    gone.pictures(2);
    let silent = gone.close_ports();
    pictures([&mut first, &mut last], 100);
    drop(silent);
}

/// A clip of key pictures of 300 kB, which nobody need decode.
fn heavy_clip() -> tempfile::NamedTempFile {
    let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
    let slice = clip.windows(5).position(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1f == 5).unwrap();
    let picture = [&clip[..slice], &[0, 0, 1, 0x65, 0x88], &[0xa5; 300_000], &[0]].concat();
    let file = tempfile::Builder::new().suffix(".h264").tempfile().unwrap();
    std::fs::write(file.path(), picture.repeat(10)).unwrap();
    file
}

#[test]
fn a_full_socket_is_not_waited_for() {
    if !alone("sending::a_full_socket_is_not_waited_for") {
        return;
    }
    let clip = heavy_clip();
    let server = Server::verbose(&format!("mounts: {{\"test\": File(path: {:?}, fps: 30)}}", clip.path()));
    let mut readers = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(|from| Reader::play(&server, from));
    run("tc", "qdisc add dev lo root tbf rate 10mbit burst 64k limit 100m");
    server.logged(&["readers were not sent everything", "socket full"]);
    run("tc", "qdisc del dev lo root");
    for reader in &mut readers {
        // Lost is what the socket did not take, and what nobody read meanwhile.
        reader.forget();
        reader.forget_until_marker();
    }
}

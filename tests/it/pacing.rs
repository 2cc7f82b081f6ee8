//! Keyframes that are spread over time.

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Child, Command};
use std::thread::JoinHandle;
use std::time::Duration;

use lenslet::hub::{Outlet, mount};
use lenslet::media::h264::ParameterSets;
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, Track, TrackId, aac};
use lenslet::server::{Pacing, Settings};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

use crate::interop::has;
use crate::sending::{Reader, alone, ip, run};
use crate::support::{Client, Rtp, Server};

/// Pictures of which every tenth is a keyframe of 42 kB, which nobody need decode.
fn clip() -> tempfile::NamedTempFile {
    let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
    let slice = clip.windows(5).position(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1f == 5).unwrap();
    let keyframe = [&clip[..slice], &[0, 0, 1, 0x65, 0x88], &[0xa5; 42_000]].concat();
    let picture = [&[0, 0, 0, 1, 0x41, 0x9a][..], &[0xa5; 500]].concat();
    let group = [keyframe, picture.repeat(9)].concat();
    let file = tempfile::Builder::new().suffix(".h264").tempfile().unwrap();
    std::fs::write(file.path(), group.repeat(5)).unwrap();
    file
}

/// The process in whose network a server is, behind a link of 20 Mbit/s that holds half a keyframe.
pub(crate) struct Behind(Child);

impl Behind {
    pub(crate) fn new() -> Self {
        let behind = Self(Command::new("unshare").args(["-n", "sleep", "120"]).spawn().unwrap());
        let process = behind.0.id();
        // Until it has a network of its own, the link cannot be put there.
        let mine = std::fs::read_link("/proc/self/ns/net").unwrap();
        while std::fs::read_link(format!("/proc/{process}/ns/net")).unwrap() == mine {
            std::thread::yield_now();
        }
        ip(&format!("link add near type veth peer name far netns {process}"));
        ip("address add 10.9.0.2/24 dev near");
        ip("link set near up");
        let there = |command: &str| behind.there(command);
        there("ip link set lo up");
        there("ip address add 10.9.0.1/24 dev far");
        there("ip link set far up");
        there("tc qdisc add dev far root tbf rate 20mbit burst 5k limit 24k");
        behind
    }

    /// Runs a command in that network.
    pub(crate) fn there(&self, command: &str) {
        run("nsenter", &format!("-t {} -n {command}", self.0.id()));
    }

    pub(crate) fn process(&self) -> u32 {
        self.0.id()
    }

    fn serve(&self, settings: &str, clip: &tempfile::NamedTempFile) -> Server {
        let mounts = format!("mounts: {{\"test\": File(path: {:?}, fps: 30)}}", clip.path());
        Server::inside(self.0.id(), "10.9.0.1", settings, &mounts)
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Packets that are missing in so many pictures.
fn missing(reader: &Reader, pictures: usize) -> u16 {
    let (mut bytes, mut seen, mut missing, mut next) = ([0; 2048], 0, 0, None);
    while seen < pictures {
        let length = reader.rtp.recv(&mut bytes).unwrap();
        let packet = Rtp::parse(&bytes[..length]);
        missing += packet.seq.wrapping_sub(next.unwrap_or(packet.seq));
        next = Some(packet.seq.wrapping_add(1));
        seen += usize::from(packet.marker);
    }
    missing
}

#[test]
fn a_slow_link_loses_keyframes_that_are_sent_at_once_and_none_that_are_spread() {
    if !alone("pacing::a_slow_link_loses_keyframes_that_are_sent_at_once_and_none_that_are_spread")
        || !has("nsenter", &["--version"])
    {
        return;
    }
    let (clip, behind) = (clip(), Behind::new());
    let off = behind.serve("pacing: Off,", &clip);
    let lost = missing(&Reader::play(&off, "10.9.0.2"), 60);
    drop(off);
    let on = behind.serve("pacing: On,", &clip);
    let spread = missing(&Reader::play(&on, "10.9.0.2"), 200);
    // A link of which the kernel says 10 Gbit/s: nothing is spread by itself.
    println!("missing of 60 pictures at once {lost}, of 200 spread {spread}");
    assert!(lost > 20 && spread == 0, "missing at once {lost}, spread {spread}");
}

/// What the kernel says of the link is a file of the test's, in a view of the files that the server alone has.
#[test]
fn a_link_that_becomes_slow_while_somebody_watches_has_keyframes_spread_from_then_on() {
    if !alone("pacing::a_link_that_becomes_slow_while_somebody_watches_has_keyframes_spread_from_then_on")
        || !has("nsenter", &["--version"])
    {
        return;
    }
    let (clip, behind, said) = (clip(), Behind::new(), tempfile::tempdir().unwrap());
    std::fs::create_dir(said.path().join("far")).unwrap();
    let say = |speed: &str| std::fs::write(said.path().join("far/speed"), speed).unwrap();
    say("10000\n");
    let mut command = Command::new("nsenter");
    command.args(["-t", &behind.process().to_string(), "-n", "unshare", "-m", "sh", "-c"]);
    command.arg("mount --bind \"$0\" /sys/class/net && exec \"$@\"").arg(said.path());
    command.args([env!("CARGO_BIN_EXE_lenslet"), "-v", "serve"]);
    let mounts = format!("mounts: {{\"test\": File(path: {:?}, fps: 30)}}", clip.path());
    let server =
        Server::run_text(&mut command, &format!("(listen: [\"10.9.0.1:0\"], udp_ports: (0, 0), {mounts})"));
    let reader = Reader::play(&server, "10.9.0.2");
    server.logged(&["the link's speed: 10000 Mbit/s"]);
    missing(&reader, 30);
    say("10\n");
    // Of what is spread the first is told, and that alone: it was none before this.
    server.logged(&["the link's speed is 10 Mbit/s now; it was 10000 Mbit/s"]);
    server.logged(&["large pictures are spread over time"]);
}

/// The next packet, and when the kernel got it.
fn stamped(socket: &UdpSocket) -> (Rtp, Duration) {
    let mut bytes = [0; 2048];
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let mut room = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut room), MsgFlags::empty()).unwrap();
    let stamp = message.cmsgs().unwrap().find_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
        _ => None,
    });
    let length = message.bytes;
    (Rtp::parse(&bytes[..length]), stamp.unwrap())
}

#[test]
fn a_keyframe_arrives_over_half_the_interval() {
    let clip = clip();
    let mounts = format!("mounts: {{\"test\": File(path: {:?}, fps: 30)}}", clip.path());
    let server = Server::on("127.0.0.1", "pacing: On,", &mounts);
    let reader = Reader::play(&server, "127.0.0.1");
    setsockopt(&reader.rtp, sockopt::ReceiveTimestampns, &true).unwrap();
    let told = server.logged(&["large pictures are spread over time"]);
    let planned: f64 = told.split(" ms later").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!((10.0..=20.0).contains(&planned), "{told}");

    // The first may have come before its packets were stamped.
    missing(&reader, 3);
    let mut spans = Vec::new();
    let (mut first, mut next) = (None, None);
    while spans.len() < 11 {
        let (packet, at) = stamped(&reader.rtp);
        assert_eq!(packet.seq, next.unwrap_or(packet.seq), "a packet is missing");
        next = Some(packet.seq.wrapping_add(1));
        let began = *first.get_or_insert(at);
        if packet.marker {
            first = None;
        }
        if packet.marker && packet.nal == 5 {
            spans.push((at - began).as_secs_f64() * 30.0);
        }
    }
    spans.sort_unstable_by(f64::total_cmp);
    println!("planned {planned} ms; shares of the interval: {spans:.2?}");
    // Who is kept from the processor sends late, never early.
    assert!(spans[5] >= 0.3 && spans[0] <= 0.7, "{spans:?}");
}

/// A server that is told what to send, with pictures and sound.
struct Stage {
    outlet: Option<Outlet>,
    address: SocketAddr,
    time: MediaTime,
    stop: Option<smol::channel::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Slow enough that a test comes in between.
const INTERVAL: Duration = Duration::from_millis(200);

const PICTURES: TrackId = TrackId(0);
const SOUND: TrackId = TrackId(1);

impl Stage {
    fn new() -> Self {
        let listen = vec![([127, 0, 0, 1], 0).into()];
        let settings = Settings { listen, udp_ports: 0..=0, pacing: Pacing::On, ..Settings::default() };
        let server = lenslet::server::Server::bind(settings).unwrap();
        let address = server.addresses()[0];
        let (outlet, mount) = mount("cam");
        let sets = ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68, 1]);
        let sound = Codec::Aac(aac::Config::parse(&[0x12, 0x10]).unwrap());
        let tracks = [Codec::H264(sets), sound].map(|codec| Track { codec, bitrate: None });
        outlet.describe(tracks.into(), false);
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let thread = std::thread::spawn(move || {
            server.run(vec![mount], async move {
                let _ = stopped.recv().await;
            });
        });
        let time = lenslet::clock::media();
        Self { outlet: Some(outlet), address, time, stop: Some(stop), thread: Some(thread) }
    }

    fn publish(&mut self, track: TrackId, link: Link, bytes: usize) {
        if track == PICTURES {
            self.time = self.time + INTERVAL;
        }
        let head: &[u8] = if link == Link::Start { &[0, 0, 0, 1, 0x65] } else { &[0, 0, 0, 1, 0x41] };
        let head = if track == SOUND { &[] } else { head };
        let data = [head, &vec![0xa5; bytes]].concat().into();
        self.outlet.as_ref().unwrap().publish(AccessUnit {
            track,
            time: self.time,
            link,
            data,
            journey: None,
        });
    }

    /// A reader who has the first pictures: from them on it is known how often they come.
    fn seat(&mut self) -> Seat {
        let url = format!("rtsp://{}/cam", self.address);
        let mut client = Client::at(self.address);
        let (session, rtp, rtcp) = client.set_up_udp(&url);
        let sound = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let [first, second] = [0, 1].map(|at| sound[at].local_addr().unwrap().port());
        let reply = client.ask(&[
            &format!("SETUP {url}/trackID=1 RTSP/1.0"),
            &format!("Transport: RTP/AVP;unicast;client_port={first}-{second}"),
            &format!("Session: {session}"),
        ]);
        assert_eq!(reply.status, 200, "{reply:?}");
        client.hears_alone(&sound[0], &reply);
        for socket in [&rtp, &sound[0]] {
            socket.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        }
        let mut seat = Seat { client, url, session, rtp, sound, _rtcp: rtcp };
        self.publish(PICTURES, Link::Start, 100);
        assert_eq!(seat.ask("PLAY").status, 200);
        (0..3).for_each(|_| self.publish(PICTURES, Link::Follows, 100));
        (0..4).for_each(|_| assert!(seat.packet().marker));
        seat
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking());
        }
        self.outlet.take();
    }
}

struct Seat {
    client: Client,
    url: String,
    session: String,
    rtp: UdpSocket,
    sound: [UdpSocket; 2],
    _rtcp: UdpSocket,
}

impl Seat {
    fn ask(&mut self, method: &str) -> crate::support::Reply {
        let Self { url, session, .. } = self;
        self.client.ask(&[&format!("{method} {url} RTSP/1.0"), &format!("Session: {session}")])
    }

    fn packet(&self) -> Rtp {
        let mut bytes = [0; 2048];
        let length = self.rtp.recv(&mut bytes).unwrap();
        Rtp::parse(&bytes[..length])
    }

    /// Reads on to a picture's end, and gives the packet's number.
    fn rest(&self, mut from: Rtp) -> u16 {
        while !from.marker {
            let next = self.packet();
            assert_eq!((next.seq, next.timestamp), (from.seq.wrapping_add(1), from.timestamp));
            from = next;
        }
        from.seq
    }
}

/// A busy machine may let a test come too late: once in a few times it is in time.
const TRIES: usize = 10;

#[test]
fn sound_passes_a_keyframe_on_its_way_and_the_next_picture_waits() {
    let mut stage = Stage::new();
    let seat = stage.seat();
    setsockopt(&seat.sound[0], sockopt::ReceiveTimestampns, &true).unwrap();
    setsockopt(&seat.rtp, sockopt::ReceiveTimestampns, &true).unwrap();
    let passed = (0..TRIES).any(|_| {
        stage.publish(PICTURES, Link::Start, 60_000);
        let (mut last, _) = stamped(&seat.rtp);
        stage.publish(SOUND, Link::Alone, 300);
        stage.publish(PICTURES, Link::Follows, 100);
        let (_, sound) = stamped(&seat.sound[0]);
        let end = loop {
            let (packet, at) = stamped(&seat.rtp);
            assert_eq!((packet.seq, packet.timestamp), (last.seq.wrapping_add(1), last.timestamp));
            last = packet;
            if packet.marker {
                break at;
            }
        };
        let next = seat.packet();
        assert_eq!((next.seq, next.nal), (last.seq.wrapping_add(1), 1));
        sound < end
    });
    assert!(passed, "no sound came before a keyframe's end");
}

#[test]
fn a_keyframe_on_its_way_ends_after_pause_and_numbers_go_on() {
    let mut stage = Stage::new();
    let mut seat = stage.seat();
    stage.publish(PICTURES, Link::Start, 60_000);
    let first = seat.packet();
    assert_eq!(seat.ask("PAUSE").status, 200);
    let last = seat.rest(first);
    let reply = seat.ask("PLAY");
    let next = last.wrapping_add(1);
    let info = reply.header("rtp-info").unwrap();
    assert!(info.contains(&format!("trackID=0;seq={next};")), "{info}, not {next}");
    let again = seat.packet();
    assert_eq!(again.seq, next);
    seat.rest(again);
}

#[test]
fn who_leaves_within_a_keyframe_is_sent_no_more_and_the_others_all_of_it() {
    let cut = (0..TRIES).any(|_| {
        let mut stage = Stage::new();
        let stays = stage.seat();
        let mut leaves = stage.seat();
        // The one who stays was sent the pictures of the other's beginning.
        (0..4).for_each(|_| assert!(stays.packet().marker));
        stage.publish(PICTURES, Link::Start, 60_000);
        let first = stays.packet();
        let mut last = leaves.packet();
        assert_eq!(leaves.ask("TEARDOWN").status, 200);
        stays.rest(first);
        leaves.rtp.set_nonblocking(true).unwrap();
        let mut bytes = [0; 2048];
        while let Ok(length) = leaves.rtp.recv(&mut bytes) {
            last = Rtp::parse(&bytes[..length]);
        }
        !last.marker
    });
    assert!(cut, "all of each keyframe was sent after TEARDOWN");
}

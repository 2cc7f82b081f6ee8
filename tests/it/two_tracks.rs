//! A server of our own in this process, with mounts that the test describes itself: two H.264 tracks, which
//! no camera has but every rule about tracks is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lenslet::hub::{self, Outlet};
use lenslet::media::{AccessUnit, Codec, Link, Track, TrackId, h264::ParameterSets};

use crate::support::{Client, Incoming, PATIENCE, Rtp, udp_pair, workers};

/// The parts of a picture; its slice is long enough for two packets.
const SPS: [u8; 5] = [0x67, 0x42, 0xc0, 0x1e, 1];
const PPS: [u8; 2] = [0x68, 2];
const SLICE: usize = 2000;

/// What the house serves and how.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// The names of its mounts, with their numbers of tracks.
    pub(crate) mounts: &'a [(&'a str, u8)],
    pub(crate) on: &'a str,
    /// More settings of the configuration.
    pub(crate) settings: &'a str,
    /// Pictures from one keyframe to the next, if none is asked for.
    pub(crate) gop: usize,
    pub(crate) interval: Duration,
    /// Each track's keyframes come so many pictures behind those of the track before.
    pub(crate) apart: usize,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            mounts: &[("two", 2), ("one", 1)],
            on: "127.0.0.1",
            settings: "",
            gop: 30,
            interval: Duration::from_millis(33),
            apart: 0,
        }
    }
}

/// A running server and its source, stopped when dropped.
pub(crate) struct House {
    pub(crate) address: std::net::SocketAddr,
    /// Keyframes that the server asked for.
    forced: Arc<AtomicUsize>,
    stop: Option<smol::channel::Sender<()>>,
    source: Option<mpsc::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl House {
    pub(crate) fn start(plan: Plan<'_>) -> Self {
        // Of the configuration only the server's part counts; its sources are not made.
        let mounts: String =
            plan.mounts.iter().map(|(name, _)| format!("{name:?}: File(path: \"none\"),")).collect();
        let (on, settings) = (plan.on, plan.settings);
        let workers = workers(settings);
        let text =
            format!("(listen: [\"{on}:0\"], udp_ports: (0, 0), {workers} {settings} mounts: {{{mounts}}})");
        let settings = lenslet::config::Config::parse(&text).unwrap().server;
        let server = lenslet::server::Server::bind(settings).unwrap();
        let address = server.addresses()[0];
        let (outlets, mounts): (Vec<_>, Vec<_>) = plan
            .mounts
            .iter()
            .map(|(name, tracks)| {
                let (outlet, mount) = hub::mount(*name);
                outlet.describe((0..*tracks).map(|_| track()).collect(), true);
                ((outlet, *tracks), mount)
            })
            .unzip();
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let serve = std::thread::spawn(move || {
            server.run(mounts, async move {
                let _ = stopped.recv().await;
            });
        });
        let (source, ticks) = mpsc::channel();
        let forced = Arc::new(AtomicUsize::new(0));
        let (counted, gops, interval) = (forced.clone(), (plan.gop, plan.apart), plan.interval);
        let publish = std::thread::spawn(move || publish(&outlets, gops, interval, &ticks, &counted));
        Self { address, forced, stop: Some(stop), source: Some(source), threads: vec![serve, publish] }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("rtsp://{}/{path}", self.address)
    }

    fn forced(&self) -> usize {
        self.forced.load(Ordering::SeqCst)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.source.take());
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

fn track() -> Track {
    Track { codec: Codec::H264(ParameterSets::new(&SPS, &PPS)), bitrate: Some(64_000) }
}

fn picture(keyframe: bool) -> Arc<[u8]> {
    let slice = [&[0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }][..], &[0xab; SLICE]].concat();
    let sets = [&[0, 0, 0, 1][..], &SPS, &[0, 0, 0, 1], &PPS].concat();
    if keyframe { [sets, slice].concat().into() } else { slice.into() }
}

/// A picture of every track an interval, all of one instant, until the house is gone.
fn publish(
    outlets: &[(Outlet, u8)],
    (gop, apart): (usize, usize),
    interval: Duration,
    ticks: &mpsc::Receiver<()>,
    forced: &AtomicUsize,
) {
    let mut number = 0usize;
    while let Err(RecvTimeoutError::Timeout) = ticks.recv_timeout(interval) {
        let time = lenslet::clock::media();
        for (outlet, tracks) in outlets {
            let asked = outlet.take_keyframe_request();
            forced.fetch_add(usize::from(asked), Ordering::SeqCst);
            for track in (0..*tracks).map(TrackId) {
                let turn = number.wrapping_sub(track.index() * apart);
                let keyframe = asked && apart == 0 || turn.is_multiple_of(gop);
                let link = if keyframe { Link::Start } else { Link::Follows };
                outlet.publish(AccessUnit { track, time, link, journey: None, data: picture(keyframe) });
            }
        }
        number += 1;
    }
}

/// SETUP of tracks on the channels named, then PLAY; gives the session and the tracks' SSRCs.
fn play(client: &mut Client, url: &str, tracks: &[u8]) -> (String, Vec<u32>) {
    let (mut session, mut ssrcs) = (String::new(), Vec::new());
    for track in tracks {
        let setup = format!("SETUP {url}/trackID={track} RTSP/1.0");
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={}-{}", track * 2, track * 2 + 1);
        let reply = client.ask(&[&setup, &transport]);
        assert_eq!(reply.status, 200, "{reply:?}");
        session = reply.header("session").unwrap().split(';').next().unwrap().to_owned();
        let ssrc = reply.header("transport").unwrap().split_once("ssrc=").unwrap().1;
        ssrcs.push(u32::from_str_radix(ssrc, 16).unwrap());
    }
    let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
    assert_eq!(reply.status, 200, "{reply:?}");
    (session, ssrcs)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// A sender report's NTP seconds, RTP time and counts.
#[derive(Clone, Copy, Debug)]
struct SenderReport {
    ntp: f64,
    rtp: u32,
    packets: u32,
    octets: u32,
}

impl SenderReport {
    fn parse(compound: &[u8], ssrc: u32) -> Self {
        assert_eq!((compound[0] >> 6, compound[1], word(compound, 4)), (2, 200, ssrc));
        Self {
            ntp: f64::from(word(compound, 8)) + f64::from(word(compound, 12)) / f64::from(u32::MAX),
            rtp: word(compound, 16),
            packets: word(compound, 20),
            octets: word(compound, 24),
        }
    }

    /// When a timestamp is on the wall clock.
    fn wall(&self, timestamp: u32) -> f64 {
        self.ntp + f64::from(timestamp.wrapping_sub(self.rtp) as i32) / 90_000.0
    }
}

#[test]
fn both_tracks_reports_are_of_one_clock_and_count_what_was_sent() {
    let house = House::start(Plan::default());
    let mut client = Client::at(house.address);
    let (_, ssrcs) = play(&mut client, &house.url("two"), &[0, 1]);
    let (mut sent, mut stamps) = ([(0u32, 0u32); 2], [Vec::new(), Vec::new()]);
    let mut reports = [Vec::new(), Vec::new()];
    while reports.iter().any(|reports: &Vec<SenderReport>| reports.len() < 2) {
        let Incoming::Frame { channel, data } = client.next() else { panic!("only frames") };
        let index = usize::from(channel / 2);
        if channel % 2 == 0 {
            // No packet has padding, an extension or contributors: the header is 12 bytes.
            assert_eq!(data[0], 0x80);
            sent[index].0 += 1;
            sent[index].1 += data.len() as u32 - 12;
            stamps[index].push(Rtp::parse(&data).timestamp);
        } else {
            let report = SenderReport::parse(&data, ssrcs[index]);
            assert_eq!((report.packets, report.octets), sent[index], "track {index}");
            let name = data[28..].windows(8).any(|bytes| bytes == b"lenslet-");
            assert!(data[29] == 202 && name, "SDES with a CNAME behind the report");
            reports[index].push(report);
        }
    }
    for (reports, stamps) in reports.iter().zip(&stamps) {
        let (first, last) = (reports[0], reports[1]);
        let interval = last.ntp - first.ntp;
        assert!((2.4..10.0).contains(&interval), "{interval}");
        let ticks = f64::from(last.rtp.wrapping_sub(first.rtp)) / 90_000.0;
        assert!((ticks - interval).abs() < 0.001, "{ticks} of RTP in {interval}");
        assert!((first.wall(stamps[0]) - first.ntp).abs() < 1.0, "a report within the first second");
    }
    // The same pictures' instants, by either track's report.
    for stamp in stamps[0].iter().take(20) {
        let instant = reports[0][0].wall(*stamp);
        let other = stamps[1].iter().map(|stamp| (reports[1][1].wall(*stamp) - instant).abs());
        let nearest = other.fold(f64::MAX, f64::min);
        assert!(nearest < 0.001, "{nearest}");
    }
}

/// Reads pictures; whether there was a keyframe among them.
fn keyframes(client: &mut Client, pictures: usize) -> usize {
    let (mut seen, mut keyframes) = (0, 0);
    while seen < pictures {
        let packet = Rtp::parse(&client.next_frame(0));
        seen += usize::from(packet.marker);
        keyframes += usize::from(packet.marker && packet.nal == 5);
    }
    keyframes
}

fn feedback(client: &mut Client, format: u8, ssrc: u32, fci: &[u8]) {
    let length = 2 + fci.len() / 4;
    let mut packet = vec![0x80 | format, 206, 0, length as u8, 0, 0, 0, 9];
    // PLI names the sender in its header, FIR in its entry (RFC 5104 section 4.3.1).
    packet.extend(if format == 1 { ssrc } else { 0 }.to_be_bytes());
    packet.extend(fci);
    let mut frame = vec![b'$', 1, 0, packet.len() as u8];
    frame.extend(packet);
    client.send(&frame);
}

#[test]
fn a_pli_or_fir_forces_one_keyframe_and_many_are_one() {
    let house = House::start(Plan { gop: usize::MAX, ..Plan::default() });
    let mut client = Client::at(house.address);
    let (_, ssrcs) = play(&mut client, &house.url("one"), &[0]);
    keyframes(&mut client, 70);
    let before = house.forced();
    feedback(&mut client, 1, ssrcs[0], &[]);
    assert_eq!(keyframes(&mut client, 20), 1, "a PLI");
    let fir = [&ssrcs[0].to_be_bytes()[..], &[7, 0, 0, 0]].concat();
    feedback(&mut client, 4, ssrcs[0], &fir);
    assert_eq!(keyframes(&mut client, 20), 1, "a FIR");
    assert_eq!(house.forced() - before, 2);
    // What it had is used up: of many, one a second.
    for _ in 0..100 {
        feedback(&mut client, 1, ssrcs[0], &[]);
    }
    let many = keyframes(&mut client, 20);
    assert!(many <= 2, "{many} of a hundred");
    keyframes(&mut client, 70);
    feedback(&mut client, 4, ssrcs[0], &fir);
    assert_eq!(keyframes(&mut client, 20), 0, "the same FIR again");
    feedback(&mut client, 1, ssrcs[0] ^ 1, &[]);
    assert_eq!(keyframes(&mut client, 20), 0, "of a sender that is not ours");
}

#[test]
fn the_numbers_of_a_hundred_mounts_begin_at_random() {
    let names: Vec<String> = (0..100).map(|number| format!("mount{number}")).collect();
    let mounts: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let house = House::start(Plan { mounts: &mounts, gop: 1, ..Plan::default() });
    let (mut ssrcs, mut seqs, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    for name in &names {
        let mut client = Client::at(house.address);
        ssrcs.extend(play(&mut client, &house.url(name), &[0]).1);
        let packet = Rtp::parse(&client.next_frame(0));
        assert_eq!(packet.ssrc, *ssrcs.last().unwrap());
        seqs.push(packet.seq);
        // What remains when the media clock, which all share, is taken off.
        offsets.push(packet.timestamp.wrapping_sub(lenslet::clock::media().ticks(90_000) as u32) >> 20);
    }
    for (what, mut numbers, least) in [
        ("SSRCs", ssrcs, 100),
        ("sequence numbers", seqs.into_iter().map(u32::from).collect(), 95),
        ("timestamps", offsets, 90),
    ] {
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.len() >= least, "{what}: {} differ", numbers.len());
    }
}

#[test]
fn a_reader_whose_port_is_closed_is_let_go_and_the_others_play_on() {
    let house = House::start(Plan::default());
    let url = house.url("one");
    let (mut gone, mut stays) = (Client::at(house.address), Client::at(house.address));
    play(&mut stays, &url, &[0]);
    let (rtp, rtcp) = udp_pair(house.address.ip());
    let port = |socket: &std::net::UdpSocket| socket.local_addr().unwrap().port();
    let transport = format!("Transport: RTP/AVP;unicast;client_port={}-{}", port(&rtp), port(&rtcp));
    let reply = gone.ask(&[&format!("SETUP {url}/trackID=0 RTSP/1.0"), &transport]);
    let session = reply.header("session").unwrap().split(';').next().unwrap().to_owned();
    let session = format!("Session: {session}");
    assert_eq!(gone.ask(&[&format!("PLAY {url} RTSP/1.0"), &session]).status, 200);
    rtp.recv(&mut [0; 2048]).unwrap();
    drop((rtp, rtcp));
    let began = Instant::now();
    // Without a word of its own in it, the session would live for a minute; refused, for three seconds and one.
    while gone.ask(&["OPTIONS * RTSP/1.0"]).status == 200
        && gone.ask(&[&format!("GET_PARAMETER {url} RTSP/1.0"), &session]).status == 200
    {
        keyframes(&mut stays, 10);
        assert!(began.elapsed() < 2 * PATIENCE, "it is kept");
    }
    assert!(began.elapsed() > Duration::from_secs(2), "it may have come back");
    keyframes(&mut stays, 10);
}

#[test]
fn no_datagram_is_longer_than_the_configuration_allows() {
    // An IPv6 header takes 40 bytes and an IPv4 header 20, UDP's takes 8.
    for (on, headers) in [("127.0.0.1", 20 + 8), ("[::1]", 40 + 8)] {
        let house = House::start(Plan { on, settings: "max_packet: 576,", ..Plan::default() });
        let mut client = Client::at(house.address);
        let url = house.url("one");
        let (session, rtp, _rtcp) = client.set_up_udp(&url);
        let session = format!("Session: {session}");
        assert_eq!(client.ask(&[&format!("PLAY {url} RTSP/1.0"), &session]).status, 200);
        let longest = (0..60).map(|_| rtp.recv(&mut [0; 2048]).unwrap()).max().unwrap();
        // Filled, but not beyond: a router that passes no more would cut it up.
        assert!((500..=576 - headers).contains(&longest), "{on}: {longest}");
    }
}

#[test]
fn each_track_begins_at_a_keyframe_of_its_own() {
    let mounts = [("two", 2)];
    let house = House::start(Plan { mounts: &mounts, gop: 30, apart: 10, ..Plan::default() });
    let mut client = Client::at(house.address);
    let (url, mut session) = (house.url("two"), String::new());
    for track in 0..2 {
        let setup = format!("SETUP {url}/trackID={track} RTSP/1.0");
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={}-{}", track * 2, track * 2 + 1);
        let reply = client.ask(&[&setup, &transport]);
        session = reply.header("session").unwrap().split(';').next().unwrap().to_owned();
    }
    let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
    let told = reply.header("rtp-info").unwrap().split(";seq=").skip(1);
    let told: Vec<u16> = told.map(|rest| rest.split(';').next().unwrap().parse().unwrap()).collect();
    let mut firsts = [None, None];
    while firsts.contains(&None) {
        let Incoming::Frame { channel, data } = client.next() else { panic!("only frames come") };
        if channel % 2 == 0 {
            firsts[usize::from(channel / 2)].get_or_insert(data);
        }
    }
    for (first, told) in firsts.into_iter().flatten().zip(told) {
        assert_eq!(u16::from_be_bytes([first[2], first[3]]), told, "as RTP-Info says");
        // The parameter sets alone or together, and no slice that follows.
        assert!(matches!(first[12] & 0x1f, 7 | 24), "{:x?}", &first[12..16]);
    }
}

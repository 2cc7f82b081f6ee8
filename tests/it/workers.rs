//! Readers spread over several workers: what clients see is what one worker would show them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::support::{Client, MOUNTS, PATIENCE, Reply, Rtp, Server, udp_pair};
use crate::two_tracks::{House, Plan};

fn ask(client: &mut Client, method: &str, url: &str, session: &str) -> Reply {
    client.ask(&[&format!("{method} {url} RTSP/1.0"), &format!("Session: {session}")])
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, u16) {
    let mut bytes = [0; 2048];
    let (length, from) = socket.recv_from(&mut bytes).unwrap();
    (bytes[..length].to_vec(), from.port())
}

/// The next packet's number and where it came from.
fn next_seq(rtp: &UdpSocket) -> (u16, u16) {
    let (packet, from) = receive(rtp);
    (Rtp::parse(&packet).seq, from)
}

fn says_goodbye(packet: &[u8]) -> bool {
    packet.windows(4).any(|head| head == [0x81, 203, 0, 1])
}

/// A reader of either transport.
enum Reader {
    Tcp(Client),
    Udp { _client: Client, rtp: UdpSocket, rtcp: UdpSocket },
}

impl Reader {
    fn play(server: &Server, by_udp: bool) -> Self {
        let url = server.url("test");
        let mut client = Client::connect(server);
        if by_udp {
            let (session, rtp, rtcp) = client.set_up_udp(&url);
            assert_eq!(ask(&mut client, "PLAY", &url, &session).status, 200);
            Self::Udp { _client: client, rtp, rtcp }
        } else {
            let session = client.set_up_tcp(&url);
            assert_eq!(ask(&mut client, "PLAY", &url, &session).status, 200);
            Self::Tcp(client)
        }
    }

    /// The next packet, and the server's port by UDP: each worker has one of its own.
    fn packet(&mut self) -> (Vec<u8>, Option<u16>) {
        match self {
            Self::Tcp(client) => (client.next_frame(0), None),
            Self::Udp { rtp, .. } => {
                let (packet, from) = receive(rtp);
                (packet, Some(from))
            }
        }
    }

    /// Whether a goodbye comes.
    fn is_told_of_the_end(&mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let report = match self {
                Self::Tcp(client) => client.next_frame(1),
                Self::Udp { rtcp, .. } => receive(rtcp).0,
            };
            if says_goodbye(&report) {
                return true;
            }
        }
        false
    }
}

#[test]
fn readers_of_all_workers_get_the_same_packets_and_all_a_goodbye() {
    let server = Server::on("127.0.0.1", "workers: 3,", MOUNTS);
    let mut readers: Vec<Reader> = (0..12).map(|number| Reader::play(&server, number % 2 == 0)).collect();
    let mut packets: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    let (mut ports, mut shared) = (BTreeSet::new(), 0);
    for reader in &mut readers {
        let mut last: Option<u16> = None;
        for _ in 0..100 {
            let (packet, port) = reader.packet();
            ports.extend(port);
            let seq = Rtp::parse(&packet).seq;
            assert_eq!(seq, last.map_or(seq, |last| last.wrapping_add(1)), "nothing is missing");
            last = Some(seq);
            // SSRC, times and all.
            match packets.get(&seq) {
                Some(known) => {
                    assert_eq!(*known, packet, "the same to everybody");
                    shared += 1;
                }
                None => drop(packets.insert(seq, packet)),
            }
        }
    }
    assert_eq!(ports.len(), 3, "each worker has readers, and sends from ports of its own: {ports:?}");
    assert!(shared > 600, "they were read side by side: {shared}");
    let began = Instant::now();
    let stopped = std::thread::spawn(move || server.stop());
    for (number, reader) in readers.iter_mut().enumerate() {
        assert!(reader.is_told_of_the_end(), "reader {number}");
    }
    assert!(stopped.join().unwrap(), "it ends well");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn a_udp_session_is_ruled_from_connections_of_any_worker() {
    let server = Server::on("127.0.0.1", "workers: 4,", MOUNTS);
    let url = server.url("test");
    let mut ports = BTreeSet::new();
    // Connections go to the worker that has the fewest: these shift who that is, however soon it is noticed which ended.
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(Client::connect(&server));
        let mut client = Client::connect(&server);
        let (session, rtp, _rtcp) = client.set_up_udp(&url);
        assert_eq!(ask(&mut client, "PLAY", &url, &session).status, 200);
        drop(client);
        let (mut seq, from) = next_seq(&rtp);
        ports.insert(from);
        let mut elsewhere = Client::connect(&server);
        assert_eq!(ask(&mut elsewhere, "PAUSE", &url, &session).status, 200);
        // What was on its way.
        rtp.set_nonblocking(true).unwrap();
        let mut bytes = [0; 2048];
        while let Ok((length, by)) = rtp.recv_from(&mut bytes) {
            // Another test's server may send yet to whom the port was before.
            if by.port() != from {
                continue;
            }
            let next = Rtp::parse(&bytes[..length]).seq;
            assert_eq!(next, seq.wrapping_add(1));
            seq = next;
        }
        rtp.set_nonblocking(false).unwrap();
        let mut third = Client::connect(&server);
        let reply = ask(&mut third, "PLAY", &url, &session);
        assert_eq!(reply.status, 200, "{reply:?}");
        let (next, again) = next_seq(&rtp);
        assert_eq!((next, again), (seq.wrapping_add(1), from), "it goes on, from the same port");
        let info = reply.header("rtp-info").unwrap();
        assert!(info.contains(&format!("seq={next};")), "{info}: {next}");
        drop((elsewhere, third));
        let mut last = Client::connect(&server);
        assert_eq!(ask(&mut last, "TEARDOWN", &url, &session).status, 200);
        server.logged(&["session over", &session[..8]]);
        assert_eq!(ask(&mut last, "GET_PARAMETER", &url, &session).status, 454);
        idle.push(last);
    }
    assert!(ports.len() > 1, "of several workers: {ports:?}");
}

#[test]
fn a_connection_with_media_of_its_own_rules_a_session_of_another_worker() {
    let server = Server::on("127.0.0.1", "workers: 2,", MOUNTS);
    let url = server.url("test");
    let mut first = Client::connect(&server);
    let (session, rtp, _rtcp) = first.set_up_udp(&url);
    let mut second = Client::connect(&server);
    let own = second.set_up_tcp(&url);
    assert_eq!(ask(&mut second, "PLAY", &url, &own).status, 200);
    second.next_frame(0);
    assert_eq!(ask(&mut second, "PLAY", &url, &session).status, 200);
    next_seq(&rtp);
    let values = format!(
        "GET_PARAMETER {url} RTSP/1.0\r\nCSeq: 1\r\nSession: {session}\r\nContent-Length: 8\r\n\r\njitter\r\n"
    );
    second.send(values.as_bytes());
    let reply = second.next_reply().unwrap();
    assert_eq!((reply.status, &*reply.body), (200, "jitter: 0\r\n"));
    assert_eq!(ask(&mut second, "TEARDOWN", &url, &session).status, 200);
    assert_eq!(ask(&mut first, "PLAY", &url, &session).status, 454);
    second.next_frame(0);
}

#[test]
fn a_port_is_one_sessions_whichever_workers_they_are() {
    let server = Server::on("127.0.0.1", "workers: 3,", MOUNTS);
    let url = server.url("test");
    let line = format!("SETUP {url}/trackID=0 RTSP/1.0");
    let mut first = Client::connect(&server);
    let (session, rtp, rtcp) = first.set_up_udp(&url);
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    let taken = format!("Transport: RTP/AVP;unicast;client_port={}-{}", port(&rtp), port(&rtcp));
    let mut others: Vec<Client> = (0..3).map(|_| Client::connect(&server)).collect();
    let (sender, reports) = Client::connect(&server).server_ports(&url);
    for other in &mut others {
        assert_eq!(other.ask(&[&line, &taken]).status, 461, "another session's");
        let own = format!("Transport: RTP/AVP;unicast;client_port={sender}-{reports}");
        assert_eq!(other.ask(&[&line, &own]).status, 461, "the server's own");
    }
    assert_eq!(ask(&mut others[0], "TEARDOWN", &url, &session).status, 200);
    assert_eq!(others[1].ask(&[&line, &taken]).status, 200);
}

#[test]
fn a_second_track_is_set_up_by_a_connection_of_another_worker() {
    let house = House::start(Plan { settings: "workers: 3,", ..Plan::default() });
    let url = format!("rtsp://{}/two", house.address);
    let mut first = Client::at(house.address);
    let (session, rtp, _rtcp) = first.set_up_udp(&url);
    let mut second = Client::at(house.address);
    let (other_rtp, other_rtcp) = udp_pair(house.address.ip());
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    let reply = second.ask(&[
        &format!("SETUP {url}/trackID=1 RTSP/1.0"),
        &format!("Session: {session}"),
        &format!("Transport: RTP/AVP;unicast;client_port={}-{}", port(&other_rtp), port(&other_rtcp)),
    ]);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(ask(&mut second, "PLAY", &url, &session).status, 200);
    let (one, two) = (next_seq(&rtp).1, next_seq(&other_rtp).1);
    assert_eq!(one, two, "one worker sends both");
}

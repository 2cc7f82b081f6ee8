//! What readers are sent, packet by packet.

mod behind;
mod starts;
mod viewer;
pub(crate) mod waits;

use crate::support::{Client, Incoming, Reply, Rtp, Server};
use viewer::Viewer;

/// The packets of the next `pictures` pictures.
fn read(client: &mut Client, pictures: usize) -> Vec<Rtp> {
    let mut packets = Vec::new();
    while packets.iter().filter(|packet: &&Rtp| packet.marker).count() < pictures {
        packets.push(Rtp::parse(&client.next_frame(0)));
    }
    packets
}

fn play(client: &mut Client, server: &Server, path: &str, session: &str) -> Reply {
    let line = format!("PLAY {} RTSP/1.0", server.url(path));
    let reply = client.ask(&[&line, &format!("Session: {session}")]);
    assert_eq!(reply.status, 200);
    reply
}

fn field(reply: &Reply, name: &str) -> u32 {
    let info = reply.header("rtp-info").unwrap();
    let value = info.split(';').find_map(|part| part.strip_prefix(&format!("{name}="))).unwrap();
    value.parse().unwrap()
}

fn continuous(packets: &[Rtp]) {
    for pair in packets.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq.wrapping_add(1), "{pair:?}");
    }
}

#[test]
fn the_reply_to_play_comes_before_the_first_packet() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    let session = client.set_up_tcp(&server.url("test"));
    client.send(
        format!("PLAY {} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n", server.url("test")).as_bytes(),
    );
    assert!(matches!(client.next(), Incoming::Reply(reply) if reply.status == 200));
    assert!(matches!(client.next(), Incoming::Frame { .. }));
}

#[test]
fn rtp_info_names_the_first_packet() {
    let server = Server::start();
    for path in ["test", "clip"] {
        let mut client = Client::connect(&server);
        let session = client.set_up_tcp(&server.url(path));
        let reply = play(&mut client, &server, path, &session);
        let first = Rtp::parse(&client.next_frame(0));
        assert_eq!(u32::from(first.seq), field(&reply, "seq"), "{path}");
        assert_eq!(first.timestamp, field(&reply, "rtptime"), "{path}");
    }
}

#[test]
fn the_first_picture_is_a_keyframe_with_its_parameter_sets() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    let session = client.set_up_tcp(&server.url("test"));
    play(&mut client, &server, "test", &session);
    let packets = read(&mut client, 1);
    assert_eq!(packets.iter().map(|packet| packet.nal).take(3).collect::<Vec<_>>(), [7, 8, 5]);
    assert!(packets.iter().all(|packet| packet.timestamp == packets[0].timestamp));
}

#[test]
fn pictures_come_on_the_sources_grid_without_loss() {
    let server = Server::start();
    for path in ["test", "clip"] {
        let mut client = Client::connect(&server);
        let session = client.set_up_tcp(&server.url(path));
        play(&mut client, &server, path, &session);
        let packets = read(&mut client, 60);
        continuous(&packets);
        for pair in packets.windows(2).filter(|pair| pair[0].marker) {
            let ticks = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            // A picture that a busy machine made late is left out: whole intervals all the same.
            assert!(ticks > 0 && (ticks + 2) % 3000 <= 4, "{path}: {ticks}");
        }
    }
}

#[test]
fn two_readers_share_one_stream() {
    let server = Server::start();
    let mut first = Viewer::play(&server, "test", "tcp");
    first.pictures(20);
    let mut second = Viewer::play(&server, "test", "tcp");
    let theirs = second.pictures(2);
    let shared = theirs[theirs.len() - 1];
    // It begins with the keyframe that the first was sent, or with one that was asked for.
    let ours = loop {
        let last = |packet: &&Rtp| packet.marker && packet.timestamp == shared.timestamp;
        match first.packets.iter().find(last) {
            Some(ours) => break *ours,
            None => drop(first.pictures(1).len()),
        }
    };
    assert_eq!((ours.ssrc, ours.seq), (shared.ssrc, shared.seq));
}

#[test]
fn a_report_comes_with_the_first_second() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    let session = client.set_up_tcp(&server.url("test"));
    play(&mut client, &server, "test", &session);
    let first = Rtp::parse(&client.next_frame(0));
    let report = client.next_frame(1);
    assert_eq!(report[1], 200, "a sender report");
    assert_eq!(report[4..8], first.ssrc.to_be_bytes());
    let reported = u32::from_be_bytes(report[16..20].try_into().unwrap());
    assert!(reported.wrapping_sub(first.timestamp) < 90_000, "the media clock, not another");
}

#[test]
fn a_reader_that_reads_later_disturbs_nobody_and_misses_nothing() {
    let server = Server::start();
    let mut slow = Client::connect(&server);
    let session = slow.set_up_tcp(&server.url("test"));
    play(&mut slow, &server, "test", &session);
    let mut good = Client::connect(&server);
    let session = good.set_up_tcp(&server.url("test"));
    play(&mut good, &server, "test", &session);
    continuous(&read(&mut good, 90));
    continuous(&read(&mut slow, 90));
}

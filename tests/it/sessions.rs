//! Lives of sessions, seen from outside: keep-alives, timeouts, lost connections, the server's end.

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::{Client, Incoming, MOUNTS, PATIENCE, Server};

/// Short, so that a test sees sessions end; half as much is added for clients that are late.
const ONE_SECOND: &str = "session_timeout: 1,";

/// A reception report that says nothing: from whoever sends it, about nobody.
const EMPTY_REPORT: [u8; 8] = [0x80, 201, 0, 1, 1, 2, 3, 4];

fn request(client: &mut Client, method: &str, url: &str, session: &str) -> u16 {
    client.ask(&[&format!("{method} {url} RTSP/1.0"), &format!("Session: {session}")]).status
}

fn play(client: &mut Client, url: &str, session: &str) {
    assert_eq!(request(client, "PLAY", url, session), 200);
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = [0; 2048];
    let (length, from) = socket.recv_from(&mut bytes).unwrap();
    (bytes[..length].to_vec(), from)
}

/// Reads whole pictures; gives who sends them.
fn pictures(rtp: &UdpSocket, count: usize) -> SocketAddr {
    let mut seen = 0;
    loop {
        let (packet, from) = receive(rtp);
        assert_eq!(packet[0], 0x80);
        seen += usize::from(packet[1] & 0x80 != 0);
        if seen == count {
            return from;
        }
    }
}

fn interleaved_pictures(client: &mut Client, count: usize) {
    let mut seen = 0;
    while seen < count {
        seen += usize::from(client.next_frame(0)[1] & 0x80 != 0);
    }
}

fn says_goodbye(packet: &[u8]) -> bool {
    // The BYE stands last in its compound packet, behind a report and a description.
    packet.windows(4).any(|head| head == [0x81, 203, 0, 1])
}

fn wait_for_goodbye(rtcp: &UdpSocket) {
    // Reports go on coming to whoever is not let go.
    let began = Instant::now();
    while !says_goodbye(&receive(rtcp).0) {
        assert!(began.elapsed() < PATIENCE, "no BYE");
    }
}

/// Nothing has come and, pictures of another reader later, nothing comes.
fn silent(rtp: &UdpSocket, server: &Server) {
    let mut other = Client::connect(server);
    let url = server.url("test");
    let session = other.set_up_tcp(&url);
    rtp.set_nonblocking(true).unwrap();
    let mut bytes = [0; 2048];
    while rtp.recv(&mut bytes).is_ok() {}
    play(&mut other, &url, &session);
    interleaved_pictures(&mut other, 10);
    assert_eq!(rtp.recv(&mut bytes).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_session_that_says_nothing_ends_with_a_goodbye() {
    let server = Server::on("127.0.0.1", ONE_SECOND, MOUNTS);
    let url = server.url("test");
    let mut client = Client::connect(&server);
    let (session, rtp, rtcp) = client.set_up_udp(&url);
    play(&mut client, &url, &session);
    pictures(&rtp, 5);
    wait_for_goodbye(&rtcp);
    for method in ["GET_PARAMETER", "PLAY", "TEARDOWN"] {
        assert_eq!(request(&mut client, method, &url, &session), 454, "{method}");
    }
    silent(&rtp, &server);
}

#[test]
fn a_session_that_never_plays_ends_and_its_ports_are_free() {
    let server = Server::on("127.0.0.1", ONE_SECOND, MOUNTS);
    let url = server.url("test");
    let mut client = Client::connect(&server);
    let (session, rtp, rtcp) = client.set_up_udp(&url);
    let mut other = Client::connect(&server);
    let interleaved = other.set_up_tcp(&url);
    // Each asks when it is over with its own: who says nothing then is let go.
    let mut over = Vec::new();
    for (client, session) in [(&mut client, &session), (&mut other, &interleaved)] {
        while !over.iter().any(|line: &String| line.contains(&session[..8])) {
            over.push(server.logged(&["session over"]));
        }
        assert_eq!(request(client, "PLAY", &url, session), 454);
    }
    let ports = [&rtp, &rtcp].map(|socket| socket.local_addr().unwrap().port());
    let transport = format!("Transport: RTP/AVP;unicast;client_port={}-{}", ports[0], ports[1]);
    let reply = Client::connect(&server).ask(&[&format!("SETUP {url}/trackID=0 RTSP/1.0"), &transport]);
    assert_eq!(reply.status, 200);
}

#[test]
fn whoever_shows_life_is_kept() {
    // Each of these lasts more than twice as long as a silent session does.
    const PICTURES: usize = 100;
    let server = Server::on("127.0.0.1", ONE_SECOND, MOUNTS);
    let url = server.url("test");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Client::connect(&server);
            let session = client.set_up_tcp(&url);
            play(&mut client, &url, &session);
            interleaved_pictures(&mut client, PICTURES);
            assert_eq!(request(&mut client, "GET_PARAMETER", &url, &session), 200, "by its connection");
        });
        scope.spawn(|| {
            let mut client = Client::connect(&server);
            let (session, rtp, rtcp) = client.set_up_udp(&url);
            play(&mut client, &url, &session);
            for _ in 0..PICTURES / 10 {
                let mut to = pictures(&rtp, 10);
                to.set_port(to.port() + 1);
                rtcp.send_to(&EMPTY_REPORT, to).unwrap();
            }
            assert_eq!(request(&mut client, "GET_PARAMETER", &url, &session), 200, "by its reports");
        });
        scope.spawn(|| {
            let mut client = Client::connect(&server);
            let (session, rtp, _rtcp) = client.set_up_udp(&url);
            play(&mut client, &url, &session);
            for _ in 0..PICTURES / 10 {
                pictures(&rtp, 10);
                assert_eq!(client.ask(&["OPTIONS * RTSP/1.0"]).status, 200);
            }
            assert_eq!(request(&mut client, "GET_PARAMETER", &url, &session), 200, "by OPTIONS without it");
        });
        scope.spawn(|| {
            let mut client = Client::connect(&server);
            let (session, rtp, _rtcp) = client.set_up_udp(&url);
            play(&mut client, &url, &session);
            for _ in 0..PICTURES / 10 {
                pictures(&rtp, 10);
                let mut elsewhere = Client::connect(&server);
                assert_eq!(request(&mut elsewhere, "OPTIONS", &url, &session), 200, "from elsewhere");
            }
        });
    });
}

/// Closes so that the other side sees a reset.
fn reset(client: Client) {
    socket2::SockRef::from(client.socket()).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn an_interleaved_session_ends_with_its_connection() {
    let server = Server::on("127.0.0.1", "max_sessions: 1,", MOUNTS);
    let url = server.url("test");
    for end in [drop, reset] {
        let mut client = Client::connect(&server);
        let session = client.set_up_tcp(&url);
        play(&mut client, &url, &session);
        interleaved_pictures(&mut client, 3);
        let began = Instant::now();
        end(client);
        server.logged(&["session over", &session[..8]]);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    // There is place for one session, and it is free.
    Client::connect(&server).set_up_tcp(&url);
}

#[test]
fn a_udp_session_outlives_its_connection_until_its_timeout() {
    let server = Server::on("127.0.0.1", "session_timeout: 2,", MOUNTS);
    let url = server.url("test");
    let close = |mut client: Client| {
        // Half-closed: the server closes its half, and the media goes on.
        client.socket().shutdown(Shutdown::Write).unwrap();
        assert!(matches!(client.next(), Incoming::Closed));
    };
    let outlives = &|end: fn(Client)| {
        let mut client = Client::connect(&server);
        let (session, rtp, rtcp) = client.set_up_udp(&url);
        play(&mut client, &url, &session);
        pictures(&rtp, 3);
        end(client);
        pictures(&rtp, 30);
        assert_eq!(request(&mut Client::connect(&server), "GET_PARAMETER", &url, &session), 200);
        wait_for_goodbye(&rtcp);
        assert_eq!(request(&mut Client::connect(&server), "GET_PARAMETER", &url, &session), 454);
    };
    std::thread::scope(|scope| {
        for end in [drop, reset, close] {
            scope.spawn(move || outlives(end));
        }
    });
}

/// A stream of three pictures, each a keyframe of `size` bytes: the clip's own beginning, and then nothing
/// that a decoder would like.
fn large_pictures(size: usize) -> tempfile::NamedTempFile {
    let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
    let nals: Vec<&[u8]> = lenslet::media::h264::nal_units(&clip).collect();
    let of_type = |kind| *nals.iter().find(|nal| nal[0] & 0x1f == kind).unwrap();
    let parts = [of_type(7), of_type(8), &of_type(5)[..20]];
    let mut picture: Vec<u8> = parts.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect();
    picture.resize(size.max(picture.len()), 0xab);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), picture.repeat(3)).unwrap();
    file
}

#[test]
fn a_keep_alive_is_answered_at_once_though_media_is_stuck() {
    const SIZE: usize = 300_000;
    let file = large_pictures(SIZE);
    let mounts = format!("mounts: {{\"large\": File(path: {:?}, fps: 30)}}", file.path());
    let server = Server::with(&mounts);
    let url = server.url("large");
    let mut stuck = Client::connect_narrow(&server);
    let session = stuck.set_up_tcp(&url);
    play(&mut stuck, &url, &session);
    // Another reader's two seconds of 9 MB/s: more than the kernel keeps for one that does not read.
    let mut good = Client::connect(&server);
    let its = good.set_up_tcp(&url);
    play(&mut good, &url, &its);
    interleaved_pictures(&mut good, 60);
    let keep_alive = format!("GET_PARAMETER {url} RTSP/1.0\r\nCSeq: 9\r\nSession: {session}\r\n\r\n");
    stuck.send(keep_alive.as_bytes());
    // The server has it once it answers somebody who asked later.
    assert_eq!(request(&mut good, "GET_PARAMETER", &url, &its), 200);
    let (mut before, mut last) = (0, None::<u16>);
    let began = Instant::now();
    loop {
        match stuck.next() {
            Incoming::Reply(reply) => break assert_eq!(reply.status, 200),
            Incoming::Frame { channel: 0, data } => {
                let seq = u16::from_be_bytes([data[2], data[3]]);
                assert!(last.is_none_or(|last| seq == last.wrapping_add(1)), "{last:?} {seq}");
                last = Some(seq);
                before += data.len();
            }
            Incoming::Frame { .. } => {}
            Incoming::Closed => panic!("closed"),
        }
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?} and {before} bytes", began.elapsed());
    assert!(before < 60 * SIZE / 2, "it was stuck: {before} bytes");
    // And on goes the picture, at once.
    interleaved_pictures(&mut stuck, 5);
}

#[test]
fn everybody_is_told_when_the_server_stops() {
    let server = Server::start();
    let url = server.url("test");
    let address = server.address;
    let mut by_tcp = Client::connect(&server);
    let session = by_tcp.set_up_tcp(&url);
    play(&mut by_tcp, &url, &session);
    let mut by_udp = Client::connect(&server);
    let (session, rtp, rtcp) = by_udp.set_up_udp(&url);
    play(&mut by_udp, &url, &session);
    pictures(&rtp, 3);
    interleaved_pictures(&mut by_tcp, 3);
    let began = Instant::now();
    assert!(server.stop());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    wait_for_goodbye(&rtcp);
    let mut told = false;
    loop {
        match by_tcp.next() {
            Incoming::Frame { channel: 1, data } => told |= says_goodbye(&data),
            Incoming::Frame { .. } => {}
            Incoming::Closed => break,
            Incoming::Reply(reply) => panic!("{reply:?}"),
        }
    }
    assert!(told, "BYE on the interleaved channel");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn a_file_that_begins_again_goes_on_in_time() {
    let file = large_pictures(100);
    let mounts = format!("mounts: {{\"three\": File(path: {:?}, fps: 30)}}", file.path());
    let server = Server::with(&mounts);
    let url = server.url("three");
    let mut client = Client::connect(&server);
    let session = client.set_up_tcp(&url);
    play(&mut client, &url, &session);
    let mut last: Option<(u16, u32)> = None;
    // Three pictures, four times over.
    for _ in 0..3 * 4 * 3 {
        let packet = client.next_frame(0);
        let seq = u16::from_be_bytes([packet[2], packet[3]]);
        let time = u32::from_be_bytes(packet[4..8].try_into().unwrap());
        if let Some((last_seq, last_time)) = last {
            assert_eq!(seq, last_seq.wrapping_add(1));
            assert!([0, 3000].contains(&time.wrapping_sub(last_time)), "{last_time} {time}");
        }
        last = Some((seq, time));
    }
}

#[test]
fn a_describe_waits_for_a_late_source_and_nobody_else_does() {
    let (late, mount) = lenslet::hub::mount("late");
    let (ready, other_mount) = lenslet::hub::mount("ready");
    ready.describe(vec![track()], false);
    let settings = lenslet::server::Settings {
        listen: vec![([127, 0, 0, 1], 0).into()],
        ..lenslet::server::Settings::default()
    };
    let server = lenslet::server::Server::bind(settings).unwrap();
    let address = server.addresses()[0];
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let running = std::thread::spawn(move || {
        server.run(vec![mount, other_mount], async move {
            let _ = stopped.recv().await;
        });
    });
    let mut waiting = Client::at(address);
    waiting.send(format!("DESCRIBE rtsp://{address}/late RTSP/1.0\r\nCSeq: 5\r\n\r\n").as_bytes());
    let mut other = Client::at(address);
    assert_eq!(other.ask(&[&format!("DESCRIBE rtsp://{address}/ready RTSP/1.0")]).status, 200);
    while !late.wanted() {
        std::thread::yield_now();
    }
    late.describe(vec![track()], false);
    let reply = waiting.next_reply().unwrap();
    assert_eq!((reply.status, reply.header("cseq")), (200, Some("5")));
    drop(stop);
    running.join().unwrap();
}

fn track() -> lenslet::media::Track {
    let sets = lenslet::media::h264::ParameterSets::new(&[0x67, 0x42, 0xc0, 0x1e, 1], &[0x68, 2]);
    lenslet::media::Track { codec: lenslet::media::Codec::H264(sets), bitrate: None }
}

#[test]
fn a_session_outlives_its_source() {
    let file = large_pictures(1000);
    let mounts = format!("mounts: {{\"gone\": File(path: {:?}, fps: 30)}}", file.path());
    let server = Server::with(&mounts);
    let url = server.url("gone");
    let mut client = Client::connect(&server);
    let session = client.set_up_tcp(&url);
    play(&mut client, &url, &session);
    interleaved_pictures(&mut client, 3);
    let content = std::fs::read(file.path()).unwrap();
    let path = file.path().to_owned();
    drop(file);
    server.logged(&[&path.display().to_string()]);
    assert_eq!(request(&mut client, "GET_PARAMETER", &url, &session), 200);
    play(&mut client, &url, &session);
    std::fs::write(&path, content).unwrap();
    interleaved_pictures(&mut client, 3);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_session_to_the_servers_own_ports_is_refused() {
    let server = Server::start();
    let url = server.url("test");
    let setup = format!("SETUP {url}/trackID=0 RTSP/1.0");
    let mut client = Client::connect(&server);
    let reply = client.ask(&[&setup, "Transport: RTP/AVP;unicast;client_port=9998-9999"]);
    let mut parameters = reply.header("transport").unwrap().split(';');
    let ports = parameters.find_map(|parameter| parameter.strip_prefix("server_port=")).unwrap();
    // Its reports would keep it alive for ever.
    let transport = format!("Transport: RTP/AVP;unicast;client_port={ports}");
    assert_eq!(Client::connect(&server).ask(&[&setup, &transport]).status, 461);
}

#[test]
fn what_a_stalled_reader_missed_does_not_wait_for_it_in_the_kernel() {
    use crate::support::Rtp;

    let server = Server::with(
        "mounts: { \"test\": Pattern(width: 640, height: 480, fps: 30, bitrate: 4000000, gop: 30) }",
    );
    let url = server.url("test");
    let mut client = Client::connect(&server);
    // Its own buffer is small; the server's is as any client's.
    socket2::SockRef::from(client.socket()).set_recv_buffer_size(64 << 10).unwrap();
    let session = client.set_up_tcp(&url);
    play(&mut client, &url, &session);
    interleaved_pictures(&mut client, 30);
    // Another reader's six seconds.
    let mut other = Client::connect(&server);
    let its = other.set_up_tcp(&url);
    play(&mut other, &url, &its);
    interleaved_pictures(&mut other, 180);
    // A reader more than a second behind goes on at a keyframe: there its timestamps jump.
    let first = Rtp::parse(&client.next_frame(0)).timestamp;
    let mut last = first;
    loop {
        let next = Rtp::parse(&client.next_frame(0)).timestamp;
        let behind = f64::from(last.wrapping_sub(first)) / 90_000.0;
        assert!(behind < 2.5, "{behind} s of the past came first");
        if next.wrapping_sub(last) > 90_000 {
            break;
        }
        last = next;
    }
}

#[test]
fn a_source_that_fails_again_for_the_same_reason_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.h264");
    let server = Server::with(&format!("mounts: {{ \"late\": File(path: {path:?}) }}"));
    let url = server.url("late");
    let describe = format!("DESCRIBE {url} RTSP/1.0");
    assert_eq!(Client::connect(&server).ask(&[&describe]).status, 503);
    server.logged(&["No such file"]);
    std::fs::copy("tests/fixtures/bitstreams/clip.h264", &path).unwrap();
    let mut client = Client::connect(&server);
    while client.ask(&[&describe]).status != 200 {}
    server.logged(&["late", "runs again"]);
    let session = client.set_up_tcp(&url);
    let play = format!("PLAY {url} RTSP/1.0");
    assert_eq!(client.ask(&[&play, &format!("Session: {session}")]).status, 200);
    client.next_frame(0);
    std::fs::remove_file(&path).unwrap();
    // The clip ends within seconds and cannot begin again.
    server.logged(&["No such file"]);
}

/// What glibc's allocator keeps of memory that was freed is given back.
#[cfg(target_env = "gnu")]
#[test]
fn memory_after_the_last_viewer_is_what_it_was_before_the_first() {
    let server = Server::verbose("mounts: { \"test\": Pattern(gop: 30) }");
    let mut client = Client::connect(&server);
    let url = server.url("test");
    assert_eq!(client.ask(&["OPTIONS * RTSP/1.0"]).status, 200);
    let before = server.anonymous();
    let session = client.set_up_tcp(&url);
    let session = format!("Session: {session}");
    assert_eq!(client.ask(&[&format!("PLAY {url} RTSP/1.0"), &session]).status, 200);
    interleaved_pictures(&mut client, 90);
    let during = server.anonymous();
    assert_eq!(client.ask(&[&format!("TEARDOWN {url} RTSP/1.0"), &session]).status, 200);
    server.logged(&["test", "rests"]);
    let after = server.anonymous();
    println!("{before} kB before, {during} kB during, {after} kB after");
    assert!(after <= before + 2560, "{before} kB before, {during} kB during, {after} kB after");
}

#[test]
fn a_goodbye_that_is_not_waited_for_ends_the_session_all_the_same() {
    let server = Server::start();
    let url = server.url("test");
    for _ in 0..40 {
        let mut client = Client::connect(&server);
        let session = client.set_up_tcp(&url);
        play(&mut client, &url, &session);
        client.next_frame(0);
        let goodbye = format!("TEARDOWN {url} RTSP/1.0\r\nCSeq: 9\r\nSession: {session}\r\n\r\n");
        client.send(goodbye.as_bytes());
        // With pictures unread, this resets the connection.
        drop(client);
        server.logged(&["session over", &session[..8]]);
    }
}

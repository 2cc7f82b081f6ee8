//! The protocol's server half without sockets: time is an argument, and a mount may have two tracks.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use lenslet::rtsp::message::Status;
use lenslet::rtsp::server::{Answer, Connection, Event, Limits, Lower, Peer, RtpInfo, SessionId, Sessions};

const TIMEOUT: Duration = Duration::from_secs(60);

/// One client, and a house that says yes to everything about a mount of two tracks.
struct Talk {
    connection: Connection,
    sessions: Sessions,
    now: Instant,
    events: Vec<Event>,
    said: String,
}

fn name() -> [u8; 16] {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
}

impl Talk {
    fn new() -> Self {
        let limits = Limits { timeout: TIMEOUT, sessions: 10, per_address: 10 };
        let peer = Peer { addr: address("192.0.2.7:40000"), local: address("192.0.2.1:8554") };
        let mut talk = Self {
            connection: Connection::new(peer, 1),
            sessions: Sessions::new(name, limits),
            now: Instant::now(),
            events: Vec::new(),
            said: String::new(),
        };
        talk.turn();
        talk
    }

    /// Lets the connection and the house do what there is to do.
    fn turn(&mut self) {
        let wall = SystemTime::UNIX_EPOCH;
        while let Some(event) = self.connection.poll_event(&mut self.sessions, self.now, wall) {
            let answer = answer(&event);
            // Who asks is another matter, and everybody may.
            if !matches!(event, Event::SignIn(_)) {
                self.events.push(event);
            }
            match answer {
                Some(answer) => self.connection.answer(&mut self.sessions, self.now, wall, answer),
                None if matches!(self.events.last(), Some(Event::Close { .. })) => break,
                None => {}
            }
        }
        while let Some(reply) = self.connection.poll_output() {
            self.said.push_str(&String::from_utf8(reply).unwrap());
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.connection.handle_input(bytes);
        self.turn();
    }

    /// Sends a request; gives the reply.
    fn ask(&mut self, lines: &[&str]) -> String {
        self.said.clear();
        self.send(format!("{}\r\nCSeq: 1\r\n\r\n", lines.join("\r\n")).as_bytes());
        std::mem::take(&mut self.said)
    }

    /// Sets a track up without naming a session; gives the session.
    fn set_up(&mut self, track: u8) -> String {
        let line = format!("SETUP rtsp://h/cam/trackID={track} RTSP/1.0");
        let reply = self.ask(&[&line, "Transport: RTP/AVP/TCP"]);
        let session = reply.split_once("Session: ").expect(&reply).1;
        session.split(';').next().unwrap().to_owned()
    }

    /// Time goes by; whether the connection closes.
    fn wait(&mut self, time: Duration) -> bool {
        self.now += time;
        self.connection.handle_timeout(&mut self.sessions, self.now);
        self.turn();
        matches!(self.events.last(), Some(Event::Close { .. }))
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn answer(event: &Event) -> Option<Answer> {
    Some(match event {
        Event::SignIn(_) => Answer::SignedIn(None),
        Event::Describe { .. } => Answer::Described { sdp: "v=0\r\n".into() },
        Event::Setup { track, transports, .. } => {
            let track = track.unwrap_or(0);
            let chosen = match &transports[0] {
                Lower::Tcp { .. } => Lower::Tcp { interleaved: Some((track * 2, track * 2 + 1)) },
                udp => udp.clone(),
            };
            Answer::Ready { track, tracks: 2, chosen, ssrc: 1, server_port: None }
        }
        Event::Play { .. } => {
            let start = |track| RtpInfo { track, start: Some((7, 9)) };
            Answer::Playing { rtp_info: vec![start(0), start(1)] }
        }
        Event::Pause { .. } | Event::Teardown { .. } => Answer::Done,
        Event::Parameters { .. } => Answer::Values(Vec::new()),
        Event::Interleaved { .. } | Event::Close { .. } => return None,
    })
}

fn status(reply: &str) -> Status {
    Status(reply.split(' ').nth(1).expect("a reply").parse().unwrap())
}

#[test]
fn one_track_of_two_is_torn_down_and_the_other_plays_on() {
    let mut talk = Talk::new();
    let id = talk.set_up(0);
    assert_eq!(talk.set_up(1), id, "without a name, the connection's session goes on");
    let session = format!("Session: {id}");
    let reply = talk.ask(&["PLAY rtsp://h/cam RTSP/1.0", &session]);
    let info = "url=rtsp://h/cam/trackID=0;seq=7;rtptime=9,url=rtsp://h/cam/trackID=1;seq=7;rtptime=9\r\n";
    assert!(reply.contains(&format!("RTP-Info: {info}")), "{reply}");

    let reply = talk.ask(&["TEARDOWN rtsp://h/cam/trackID=1 RTSP/1.0", &session]);
    assert!(status(&reply).0 == 200 && reply.contains(&session), "{reply}");
    assert!(matches!(talk.events.last(), Some(Event::Teardown { track: Some(1), .. })));
    assert_eq!(status(&talk.ask(&["TEARDOWN rtsp://h/cam/trackID=5 RTSP/1.0", &session])).0, 404);
    assert_eq!(status(&talk.ask(&["PLAY rtsp://h/cam/trackID=0 RTSP/1.0", &session])).0, 200);

    let reply = talk.ask(&["TEARDOWN rtsp://h/cam/trackID=0 RTSP/1.0", &session]);
    assert!(status(&reply).0 == 200 && !reply.contains("Session:"), "{reply}");
    assert!(matches!(talk.events.last(), Some(Event::Teardown { track: None, .. })));
    assert_eq!(status(&talk.ask(&["PLAY rtsp://h/cam RTSP/1.0", &session])).0, 454);
    assert!(talk.sessions.is_empty());
}

#[test]
fn one_track_of_two_is_not_played_alone() {
    let mut talk = Talk::new();
    talk.set_up(0);
    let session = format!("Session: {}", talk.set_up(1));
    for (method, code) in [("PLAY", 460), ("PAUSE", 460)] {
        let line = format!("{method} rtsp://h/cam/trackID=0 RTSP/1.0");
        assert_eq!(status(&talk.ask(&[&line, &session])).0, code);
        let line = format!("{method} rtsp://h/cam/ RTSP/1.0");
        assert_eq!(status(&talk.ask(&[&line, &session])).0, 200);
    }
}

#[test]
fn a_track_joins_while_the_other_plays_and_no_track_is_set_up_twice() {
    let mut talk = Talk::new();
    let session = format!("Session: {}", talk.set_up(0));
    assert_eq!(status(&talk.ask(&["PLAY rtsp://h/cam RTSP/1.0", &session])).0, 200);
    let tcp = "Transport: RTP/AVP/TCP";
    let setup = |track: u8| format!("SETUP rtsp://h/cam/trackID={track} RTSP/1.0");
    assert_eq!(status(&talk.ask(&[&setup(0), &session, tcp])).0, 455);
    assert_eq!(status(&talk.ask(&["PLAY rtsp://h/cam/trackID=1 RTSP/1.0", &session])).0, 404);
    assert_eq!(status(&talk.ask(&[&setup(1), &session, tcp])).0, 200);
    assert_eq!(status(&talk.ask(&[&setup(1), &session, tcp])).0, 455);
    // It plays as before: an interleaved session that plays needs no keep-alive.
    talk.now += Duration::from_secs(100);
    assert_eq!(talk.sessions.expire(talk.now), []);
    assert_eq!(status(&talk.ask(&["PLAY rtsp://h/cam/trackID=1 RTSP/1.0", &session])).0, 200);
}

#[test]
fn a_second_track_comes_by_the_firsts_transport() {
    let mut talk = Talk::new();
    let session = format!("Session: {}", talk.set_up(0));
    let udp = "Transport: RTP/AVP;unicast;client_port=5000-5001";
    let line = "SETUP rtsp://h/cam/trackID=1 RTSP/1.0";
    assert_eq!(status(&talk.ask(&[line, &session, udp])).0, 461);
    let both = "Transport: RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP";
    assert!(talk.ask(&[line, &session, both]).contains("RTP/AVP/TCP;unicast;interleaved=2-3"));
}

#[test]
fn a_request_that_does_not_end_closes_the_connection_however_many_bytes_come() {
    let mut talk = Talk::new();
    let request = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX-Slow: ";
    for (number, byte) in request.iter().cycle().take(99).enumerate() {
        talk.send(&[*byte]);
        assert!(!talk.wait(Duration::from_millis(100)), "byte {number}");
    }
    assert!(talk.wait(Duration::from_millis(200)), "{:?}", talk.events);
    assert_eq!(talk.said, "");
}

#[test]
fn each_request_has_its_own_time() {
    let mut talk = Talk::new();
    for _ in 0..5 {
        talk.send(b"OPTIONS * RTSP/1.0\r\nCSeq");
        assert!(!talk.wait(Duration::from_secs(9)));
        talk.send(b": 1\r\n\r\n");
    }
    assert_eq!(talk.said.matches("RTSP/1.0 200 OK").count(), 5);
}

#[test]
fn who_says_nothing_at_all_is_not_waited_for() {
    let mut talk = Talk::new();
    assert!(!talk.wait(Duration::from_millis(9_999)));
    assert!(talk.wait(Duration::from_millis(1)));
}

#[test]
fn an_idle_connection_stays_while_it_has_a_session() {
    let mut talk = Talk::new();
    talk.ask(&["OPTIONS * RTSP/1.0"]);
    assert!(!talk.wait(Duration::from_secs(69)));
    let id = talk.set_up(0);
    assert!(!talk.wait(Duration::from_secs(69)));
    talk.ask(&["PLAY rtsp://h/cam RTSP/1.0", &format!("Session: {id}")]);
    for _ in 0..10 {
        // Interleaved and playing: alive as long as its connection.
        assert!(!talk.wait(Duration::from_secs(100)));
        assert_eq!(talk.sessions.expire(talk.now), []);
    }
    talk.ask(&["TEARDOWN rtsp://h/cam RTSP/1.0", &format!("Session: {id}")]);
    assert!(!talk.wait(Duration::from_secs(69)));
    assert!(talk.wait(Duration::from_secs(1)));
}

#[test]
fn who_lost_its_session_has_a_moment_to_hear_of_it() {
    let mut talk = Talk::new();
    let id = talk.set_up(0);
    // It was let go right before the connection is looked at.
    talk.now += Duration::from_secs(70);
    assert_eq!(talk.sessions.expire(talk.now).len(), 1);
    assert!(!talk.wait(Duration::ZERO));
    let play = ["PLAY rtsp://h/cam RTSP/1.0", &format!("Session: {id}")];
    assert!(!talk.wait(Duration::from_secs(1)));
    assert_eq!(status(&talk.ask(&play)).0, 454);
    assert!(!talk.wait(Duration::from_secs(69)));
    assert!(talk.wait(Duration::from_secs(1)));
    // Who does not ask is let go.
    let mut talk = Talk::new();
    talk.set_up(0);
    talk.now += Duration::from_secs(70);
    talk.sessions.expire(talk.now);
    assert!(!talk.wait(Duration::ZERO));
    assert!(talk.wait(Duration::from_secs(2)));
}

#[test]
fn what_refreshes_a_session_and_what_does_not() {
    let frame: &[u8] = b"$\x01\0\x01z";
    let cases: [(&[u8], bool); 7] = [
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", true),
        (b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\n\r\n", true),
        (b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\n\r\n", true),
        (b"DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", true),
        (frame, true),
        (b"\r\n\r\n", false),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", false),
    ];
    for (bytes, refreshes) in cases {
        let mut talk = Talk::new();
        let id = talk.set_up(0);
        // One that never played ends whatever its client says, and one that plays lives as long as its connection.
        for method in ["PLAY", "PAUSE"] {
            talk.ask(&[&format!("{method} rtsp://h/cam RTSP/1.0"), &format!("Session: {id}")]);
        }
        talk.now += Duration::from_secs(60);
        talk.send(bytes);
        talk.now += Duration::from_secs(60);
        let over: Vec<SessionId> = talk.sessions.expire(talk.now);
        assert_eq!(over.is_empty(), refreshes, "{id}: {}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn every_interleaved_session_of_a_connection_ends_with_it() {
    let mut talk = Talk::new();
    talk.set_up(0);
    // A UDP session of the same host, set up elsewhere.
    let peer = Peer { addr: address("192.0.2.7:40001"), local: address("192.0.2.1:8554") };
    let mut other = Connection::new(peer, 2);
    std::mem::swap(&mut talk.connection, &mut other);
    let reply = talk
        .ask(&["SETUP rtsp://h/cam/trackID=0 RTSP/1.0", "Transport: RTP/AVP;unicast;client_port=5000-5001"]);
    let udp = reply.split_once("Session: ").unwrap().1.split(';').next().unwrap().to_owned();
    std::mem::swap(&mut talk.connection, &mut other);
    talk.ask(&["PLAY rtsp://h/cam RTSP/1.0", &format!("Session: {udp}")]);
    assert_eq!(talk.connection.closed(&mut talk.sessions).len(), 1);
    assert_eq!(talk.sessions.len(), 1, "the UDP session lives on");
}

#[test]
fn as_many_headers_as_allowed_and_one_more() {
    for (headers, code) in [(254, 200), (255, 400)] {
        let mut talk = Talk::new();
        let lines: String = (0..headers).map(|number| format!("X{number}: y\r\n")).collect();
        talk.send(format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n{lines}\r\n").as_bytes());
        assert_eq!(status(&talk.said).0, code, "{headers} and CSeq");
    }
}

#[test]
fn a_body_in_thousands_of_pieces_is_read() {
    let mut talk = Talk::new();
    talk.send(b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4096\r\n\r\n");
    (0..4095).for_each(|_| talk.send(b" "));
    assert_eq!(talk.said, "");
    talk.send(b"\n");
    assert_eq!(status(&talk.said).0, 200);
}

/// What ffmpeg does where UDP does not come through: SETUP by the other transport, on the same connection, without a
/// TEARDOWN. Whatever the limits have become meanwhile, the session before is not left to play to nobody.
#[test]
fn a_session_in_the_place_of_anothers_is_no_new_viewer() {
    let mut talk = Talk::new();
    let by_udp =
        ["SETUP rtsp://h/cam/trackID=0 RTSP/1.0", "Transport: RTP/AVP;unicast;client_port=5000-5001"];
    assert_eq!(status(&talk.ask(&by_udp)), Status(200));
    talk.sessions.let_in(false);
    talk.sessions.change(Limits { timeout: TIMEOUT, sessions: 0, per_address: 0 }, Default::default());
    talk.events.clear();
    talk.set_up(0);
    let Some(Event::Setup { session, replaces: Some(old), .. }) = talk.events.last().cloned() else {
        panic!("{:?}", talk.events);
    };
    assert!(talk.sessions.contains(&session) && !talk.sessions.contains(&old));
    assert_eq!((talk.sessions.len(), talk.sessions.take_refused()), (1, 0));
    // Who has left is a new viewer like any other.
    let leaves = ["TEARDOWN rtsp://h/cam RTSP/1.0".to_owned(), format!("Session: {session}")];
    talk.ask(&leaves.each_ref().map(String::as_str));
    let reply = talk.ask(&["SETUP rtsp://h/cam/trackID=0 RTSP/1.0", "Transport: RTP/AVP/TCP"]);
    assert_eq!(status(&reply), Status(453));
}

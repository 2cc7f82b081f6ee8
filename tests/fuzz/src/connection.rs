//! The server's half of RTSP: clients that say anything, come and go, and a house that answers somehow and knows who
//! plays.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime};

use lenslet::rtsp::message::Headers;
use lenslet::rtsp::message::Status;
use lenslet::rtsp::parser::{Item, Parser};
use lenslet::rtsp::server::{Answer, Connection, Event, Limits, Lower, Peer, RtpInfo, SessionId, Sessions};

/// The next client speaks from here on.
pub const OTHER_CLIENT: u8 = 0x1e;

/// Time passes.
pub const LATER: u8 = 0x1d;

/// The client's connection is gone, and another one comes in its place.
pub const LEAVES: u8 = 0x1c;

/// The oldest session's reader reports by UDP.
pub const REPORT: u8 = 0x1b;

const CLIENTS: usize = 3;

const MOST_SESSIONS: usize = 4;

const LIMITS: Limits =
    Limits { timeout: Duration::from_secs(60), sessions: MOST_SESSIONS, per_address: MOST_SESSIONS };

thread_local! {
    static NAMES: Cell<u8> = const { Cell::new(0) };
}

/// Session names that a corpus can spell: sixteen times 01, then 02, ...
fn next_name() -> [u8; 16] {
    NAMES.set(NAMES.get().wrapping_add(1));
    [NAMES.get(); 16]
}

/// One reply to each request, in order, with its CSeq and well-formed; no question while one is open;
/// bounded sessions, and none left when everybody has gone. Nobody is asked about a session that he does not
/// have, and who has a session has it until he is told that it is over.
pub fn connection(data: &[u8]) {
    NAMES.set(0);
    let Some((house, script)) = data.split_first() else { return };
    let mut world = World::new(*house);
    let mut clients: [Client; CLIENTS] = std::array::from_fn(|_| world.client());
    let mut current = 0;
    let is_mark = |byte: &u8| matches!(*byte, OTHER_CLIENT | LATER | LEAVES | REPORT);
    for piece in script.split_inclusive(is_mark) {
        let (bytes, mark) = match piece.split_last() {
            Some((mark, bytes)) if is_mark(mark) => (bytes, Some(*mark)),
            _ => (piece, None),
        };
        // The house's byte also says how the network cuts.
        for bytes in bytes.chunks(1 + usize::from(house & 0x3f) * 8) {
            clients[current].hear(bytes, &mut world);
        }
        match mark {
            Some(LATER) => {
                world.now += Duration::from_secs(25);
                world.expire();
                for client in &mut clients {
                    client.core.handle_timeout(&mut world.sessions, world.now);
                    client.turn(&mut world);
                }
            }
            Some(LEAVES) => {
                let comes = world.client();
                world.gone(std::mem::replace(&mut clients[current], comes));
            }
            Some(REPORT) => {
                if let Some(session) = world.kept.first() {
                    world.sessions.touch(session, world.now);
                }
            }
            Some(_) => current = (current + 1) % CLIENTS,
            None => {}
        }
        world.is_of_one_mind();
    }
    for client in clients {
        world.gone(client);
    }
    world.now += Duration::from_secs(3600);
    world.expire();
    world.is_of_one_mind();
    assert!(world.sessions.is_empty(), "a session outlives everybody");
}

struct World {
    sessions: Sessions,
    now: Instant,
    house: u8,
    /// The sessions that the house has readers of.
    kept: Vec<SessionId>,
    came: u64,
}

impl World {
    fn new(house: u8) -> Self {
        Self {
            sessions: Sessions::new(next_name, LIMITS),
            now: lenslet::clock::now(),
            house,
            kept: Vec::new(),
            came: 0,
        }
    }

    fn client(&mut self) -> Client {
        self.came += 1;
        Client::new(self.came)
    }

    /// A client's connection is over.
    fn gone(&mut self, mut client: Client) {
        let over = client.core.closed(&mut self.sessions);
        self.release(&over);
    }

    fn expire(&mut self) {
        let over = self.sessions.expire(self.now);
        self.release(&over);
    }

    /// A session may be over that the house had refused to set up.
    fn release(&mut self, over: &[SessionId]) {
        self.kept.retain(|session| !over.contains(session));
    }

    /// With no question open, the house has a reader of each session and of no other.
    fn is_of_one_mind(&self) {
        for session in &self.kept {
            assert!(self.sessions.contains(session), "{session} is read and over");
        }
        assert_eq!(self.sessions.len(), self.kept.len(), "a session without a reader");
    }

    /// What a question does to the readers, before it is answered.
    fn note(&mut self, event: &Event) {
        let known = |session: &SessionId| assert!(self.kept.contains(session), "asked of nobody: {event:?}");
        match event {
            // It may be over since: then there is nothing to replace.
            Event::Setup { replaces: Some(old), .. } => self.release(std::slice::from_ref(old)),
            Event::Play { session, .. } | Event::Pause { session } => known(session),
            Event::Teardown { session, track } => {
                known(session);
                if track.is_none() {
                    self.release(std::slice::from_ref(session));
                }
            }
            Event::Parameters { session: Some(session), .. } => known(session),
            _ => {}
        }
    }

    fn answer(&mut self, event: Event) -> Option<Answer> {
        self.note(&event);
        self.house = self.house.rotate_left(1);
        let willing = self.house & 1 == 0;
        let refused =
            || Answer::Failed { status: Status(503), reason: "not now".into(), retry_after: Some(5) };
        Some(match event {
            Event::Interleaved { .. } | Event::Close { .. } => return None,
            Event::SignIn(_) => Answer::SignedIn(None),
            Event::Setup { .. } | Event::Describe { .. } | Event::Play { .. } if !willing => refused(),
            Event::Describe { .. } => Answer::Described { sdp: "v=0\r\n".into() },
            Event::Setup { transports, track, session, .. } => {
                if !self.kept.contains(&session) {
                    self.kept.push(session);
                }
                let chosen = match transports.into_iter().next().expect("what to choose from") {
                    Lower::Tcp { interleaved } => {
                        Lower::Tcp { interleaved: Some(interleaved.unwrap_or((0, 1))) }
                    }
                    udp => udp,
                };
                let track = track.unwrap_or(0);
                Answer::Ready { track, tracks: 2, chosen, ssrc: 7, server_port: Some((8000, 8001)) }
            }
            Event::Play { .. } => {
                Answer::Playing { rtp_info: vec![RtpInfo { track: 0, start: Some((1, 2)) }] }
            }
            Event::Pause { .. } | Event::Teardown { .. } => Answer::Done,
            Event::Parameters { .. } => Answer::Values(vec![("jitter".into(), "1".into())]),
        })
    }
}

struct Client {
    core: Connection,
    /// Reads the same bytes: what there is to reply to.
    parser: Parser,
    /// The CSeq of each request not replied to yet.
    asked: Vec<Option<String>>,
    closed: bool,
}

impl Client {
    fn new(number: u64) -> Self {
        // Every third one is of another address.
        let addr = ([10, 0, 0, u8::from(number.is_multiple_of(3))], 1000 + number as u16).into();
        let peer = Peer { addr, local: ([10, 0, 0, 2], 554).into() };
        Self { core: Connection::new(peer, number), parser: Parser::new(), asked: Vec::new(), closed: false }
    }

    fn hear(&mut self, bytes: &[u8], world: &mut World) {
        if self.closed {
            return;
        }
        self.parser.push(bytes);
        while let Some(item) = self.parser.poll() {
            match item {
                Item::Request(request) => self.asked.push(cseq(&request.headers)),
                // Who does not speak RTSP is not answered in it.
                Item::Invalid(invalid) if invalid.foreign.is_some() => {}
                Item::Invalid(invalid) => self.asked.push(invalid.cseq),
                Item::Interleaved { .. } | Item::Response(_) => {}
            }
        }
        self.core.handle_input(bytes);
        self.turn(world);
        if !self.closed {
            assert!(self.asked.is_empty(), "not replied to: {:?}", self.asked);
            assert!(self.core.poll_timeout(&world.sessions).is_some(), "patience has an end");
        }
    }

    fn turn(&mut self, world: &mut World) {
        while !self.closed {
            let wall = SystemTime::UNIX_EPOCH;
            let event = self.core.poll_event(&mut world.sessions, world.now, wall);
            self.read_replies();
            assert!(world.sessions.len() <= MOST_SESSIONS);
            let Some(event) = event else { return };
            self.closed = matches!(event, Event::Close { .. });
            if let Some(answer) = world.answer(event) {
                assert_eq!(self.core.poll_event(&mut world.sessions, world.now, wall), None, "one at a time");
                self.core.answer(&mut world.sessions, world.now, wall, answer);
                self.read_replies();
            }
        }
    }

    fn read_replies(&mut self) {
        while let Some(reply) = self.core.poll_output() {
            if reply.starts_with(b"HTTP/") {
                continue;
            }
            assert!(!self.asked.is_empty(), "nobody asked");
            assert_eq!(read(&reply), self.asked.remove(0), "{:?}", String::from_utf8_lossy(&reply));
        }
    }
}

fn cseq(headers: &Headers) -> Option<String> {
    let text = headers.get("CSeq")?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A reply's CSeq; the reply is whole and nothing in it ends a line that was not to end.
fn read(reply: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(reply).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    assert!(lines.next().unwrap().starts_with("RTSP/1.0 "));
    let (mut cseq, mut length) = (None, 0);
    for line in lines {
        assert!(!line.contains(|character: char| character.is_control() && character != '\t'), "{line:?}");
        let (name, value) = line.split_once(": ").unwrap();
        match name {
            "CSeq" => assert_eq!(cseq.replace(value.to_owned()), None, "twice"),
            "Content-Length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    assert_eq!(body.len(), length);
    cseq
}

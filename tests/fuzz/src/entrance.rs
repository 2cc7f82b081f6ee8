//! Whole conversations with a server that has users: who knows no password gets nowhere, and who does no further than
//! he may.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lenslet::access::{Attempt, Gate, Now, Right, Rights, Rules, Ruling};
use lenslet::rtsp::auth::{Secret, hex};
use lenslet::rtsp::message::Status;
use lenslet::rtsp::server::{Answer, Claim, Connection, Event, Limits, Lower, Peer, SessionId, Sessions};

/// The next client speaks from here on.
const OTHER_CLIENT: u8 = 0x1e;
/// Time passes.
const LATER: u8 = 0x1d;
/// Here stands an `Authorization` field with a right answer to the last challenge, for the request that has begun.
const SIGNED: u8 = 0x1a;
/// The same of another user, who may watch another mount.
const SIGNED_BY_OTHER: u8 = 0x19;
/// The first one's by SHA-256.
const SIGNED_BY_SHA256: u8 = 0x18;
/// The first one's with a count, as a client does that was told of `qop`.
const COUNTED: u8 = 0x17;

const USERS: [(&str, &str, &str); 2] =
    [("alice", "8c1f64d2a07be935", "cam"), ("bob", "d20a1b97e6f3c584", "door")];
const REALM: &str = "Lenslet";
const CLIENTS: usize = 3;

thread_local! {
    static NAMES: Cell<u8> = const { Cell::new(0) };
}

fn next_name() -> [u8; 16] {
    NAMES.set(NAMES.get().wrapping_add(1));
    [NAMES.get(); 16]
}

/// What came of a conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Came {
    /// Requests that were let in.
    pub(crate) granted: u32,
    /// Those that were asked for a password, and those of them whose nonce was over.
    pub(crate) challenged: u32,
    pub(crate) stale: u32,
    /// Those that were forbidden.
    pub(crate) forbidden: u32,
    /// PLAYs.
    pub(crate) played: u32,
}

pub(crate) fn entrance(data: &[u8]) {
    talk(data);
}

/// The same, for who wants to know what came of it.
pub(crate) fn talk(data: &[u8]) -> Came {
    NAMES.set(0);
    let mut world = World::new();
    let mut clients: [Client; CLIENTS] = std::array::from_fn(Client::new);
    let mut current = 0;
    for byte in data {
        let client = &mut clients[current];
        match *byte {
            OTHER_CLIENT => current = (current + 1) % CLIENTS,
            LATER => {
                world.later();
                clients.iter_mut().for_each(|client| client.wait(&mut world));
            }
            SIGNED => client.sign(USERS[0], "", &mut world),
            SIGNED_BY_OTHER => client.sign(USERS[1], "", &mut world),
            SIGNED_BY_SHA256 => client.sign(USERS[0], ", algorithm=SHA-256", &mut world),
            COUNTED => client.sign(USERS[0], ", qop=\"auth\"", &mut world),
            byte => client.hear(&[byte], &mut world),
        }
    }
    world.came
}

struct World {
    sessions: Sessions,
    gate: Gate,
    now: Instant,
    passed: Duration,
    /// Whose each session is.
    owners: HashMap<SessionId, Arc<str>>,
    came: Came,
}

impl World {
    fn new() -> Self {
        let mut rules = Rules::default();
        for (user, password, mount) in USERS {
            let rights = Rights { read: vec![mount.into()], control: Vec::new() };
            rules.users.add(user, password, rights).unwrap();
        }
        let limits = Limits { timeout: Duration::from_secs(60), sessions: 4, per_address: 4 };
        Self {
            sessions: Sessions::new(next_name, limits),
            gate: Gate::new(rules, [1; 32]),
            now: lenslet::clock::now(),
            passed: Duration::from_secs(1_000_000),
            owners: HashMap::new(),
            came: Came::default(),
        }
    }

    fn time(&self) -> Now {
        Now { wall: SystemTime::UNIX_EPOCH + self.passed, steady: self.passed }
    }

    fn later(&mut self) {
        let span = Duration::from_secs(200);
        (self.now, self.passed) = (self.now + span, self.passed + span);
        self.sessions.expire(self.now);
    }

    fn sign_in(&self, claim: &Claim, peer: IpAddr) -> Ruling {
        let attempt = Attempt {
            peer,
            connection: claim.connection,
            method: &claim.method,
            uri: &claim.uri,
            mount: claim.mount.as_deref(),
            is_mount: claim.mount.as_deref() == Some("cam"),
            right: if claim.changes { Right::Control } else { Right::Read },
            authorization: claim.authorization.as_deref().map(String::as_str),
            agent: claim.agent.as_deref(),
            held: claim.held.as_ref(),
            own_session: claim.own_session,
        };
        self.gate.sign_in(&attempt, self.time())
    }
}

struct Client {
    core: Connection,
    peer: IpAddr,
    /// What was said of a request that has not ended.
    begun: Vec<u8>,
    nonce: String,
    /// Who the request is of that is being answered.
    granted: Option<Arc<str>>,
    closed: bool,
}

impl Client {
    fn new(number: usize) -> Self {
        // Two of one address.
        let peer: IpAddr = [203, 0, 113, (number / 2) as u8].into();
        let ends = Peer { addr: (peer, 1000 + number as u16).into(), local: ([10, 0, 0, 2], 554).into() };
        let core = Connection::new(ends, number as u64);
        Self { core, peer, begun: Vec::new(), nonce: String::new(), granted: None, closed: false }
    }

    fn wait(&mut self, world: &mut World) {
        self.core.handle_timeout(&mut world.sessions, world.now);
        self.turn(world);
    }

    fn hear(&mut self, bytes: &[u8], world: &mut World) {
        if self.closed {
            return;
        }
        self.begun.extend(bytes);
        if self.begun.ends_with(b"\r\n\r\n") || self.begun.len() > 4096 {
            self.begun.clear();
        }
        self.core.handle_input(bytes);
        self.turn(world);
    }

    /// Says who makes the request that has begun, rightly.
    fn sign(&mut self, (user, password, _): (&str, &str, &str), by: &str, world: &mut World) {
        let text = String::from_utf8_lossy(&self.begun).into_owned();
        let mut words = text.trim_start().split(' ');
        let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if uri.contains(['"', '\\', '\r', '\n']) {
            return;
        }
        let challenge = format!("Digest realm=\"{REALM}\", nonce=\"{}\"{by}", self.nonce);
        let mut client = http_auth::PasswordClient::try_from(challenge.as_str()).unwrap();
        let parameters = http_auth::PasswordParams { username: user, password, uri, method, body: Some(&[]) };
        // What it cannot hash it does not say.
        let Ok(answer) = client.respond(&parameters) else { return };
        let value = format!("Authorization: {answer}\r\n");
        self.hear(value.as_bytes(), world);
    }

    fn turn(&mut self, world: &mut World) {
        while !self.closed {
            let wall = SystemTime::UNIX_EPOCH;
            let event = self.core.poll_event(&mut world.sessions, world.now, wall);
            self.read_replies();
            let Some(event) = event else { return };
            self.closed = matches!(event, Event::Close { .. });
            if let Some(answer) = self.answer(event, world) {
                self.core.answer(&mut world.sessions, world.now, wall, answer);
                self.read_replies();
            }
        }
    }

    /// Nobody asks anything of the house who was not let in, of no mount but his, and of no session but his.
    fn answer(&mut self, event: Event, world: &mut World) -> Option<Answer> {
        if let Some(session) = event.session().filter(|_| !matches!(event, Event::Setup { .. })) {
            let user = self.granted.as_ref().expect("nobody was let in");
            assert_eq!(world.owners.get(session), Some(user), "another one's session");
        }
        Some(match event {
            Event::SignIn(claim) => match world.sign_in(&claim, self.peer) {
                Ruling::Granted(user) => {
                    world.came.granted += 1;
                    assert!(user.is_some(), "there are users");
                    self.granted = user.as_ref().map(|user| user.name.clone());
                    Answer::SignedIn(user)
                }
                refused => {
                    self.granted = None;
                    match refused {
                        Ruling::Challenge { headers, .. } => {
                            world.came.challenged += 1;
                            world.came.stale += u32::from(headers[0].contains("stale"));
                            Answer::Unknown(headers)
                        }
                        other => {
                            world.came.forbidden += 1;
                            Answer::Forbidden { close: matches!(other, Ruling::Banned { .. }) }
                        }
                    }
                }
            },
            Event::Describe { target, .. } => {
                self.is_his(&target.path);
                Answer::Described { sdp: "v=0\r\n".into() }
            }
            Event::Setup { session, target, track, transports, .. } => {
                self.is_his(&target.path);
                let user = self.granted.clone().expect("nobody was let in");
                assert_eq!(world.owners.entry(session).or_insert_with(|| user.clone()), &user);
                let chosen = match transports.into_iter().next().expect("what to choose from") {
                    Lower::Tcp { .. } => Lower::Tcp { interleaved: Some((0, 1)) },
                    udp => udp,
                };
                Answer::Ready {
                    track: track.unwrap_or(0),
                    tracks: 2,
                    chosen,
                    ssrc: 7,
                    server_port: Some((8000, 8001)),
                }
            }
            Event::Play { .. } => {
                world.came.played += 1;
                Answer::Playing { rtp_info: Vec::new() }
            }
            Event::Pause { .. } | Event::Teardown { .. } => Answer::Done,
            Event::Parameters { .. } => Answer::failed(Status(451), "none"),
            Event::Interleaved { .. } | Event::Close { .. } => return None,
        })
    }

    fn is_his(&self, mount: &str) {
        let user = self.granted.as_deref().expect("nobody was let in");
        // No mount has this name: whoever is known is told that there is none.
        if mount.is_empty() {
            return;
        }
        assert!(USERS.contains(&(user, password_of(user), mount)), "{user} may not watch {mount:?}");
    }

    fn read_replies(&mut self) {
        while let Some(reply) = self.core.poll_output() {
            let text = String::from_utf8_lossy(&reply);
            for (user, password, _) in USERS {
                let hash = hex(&Secret::of(user, REALM, password).md5.0);
                assert!(!text.contains(password) && !text.contains(&hash), "{text}");
            }
            // Who says his answer where his number should be is told it again: it is his.
            let challenge = text.lines().find(|line| line.starts_with("WWW-Authenticate: "));
            let nonce = challenge
                .and_then(|line| line.split_once("nonce=\""))
                .and_then(|(_, rest)| rest.split_once('"'));
            assert_eq!(text.starts_with("RTSP/1.0 401 "), nonce.is_some(), "{text}");
            if let Some((nonce, _)) = nonce {
                self.nonce = nonce.to_owned();
            }
        }
    }
}

fn password_of(user: &str) -> &'static str {
    USERS.into_iter().find(|(name, _, _)| *name == user).map_or("", |(_, password, _)| password)
}

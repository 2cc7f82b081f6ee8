//! Who may watch, from where, and what an attacker gets: over RTSP, against a server that the tests give rules of their
//! own.

mod attacks;
mod audit;
mod crowd;
mod flood;
mod guesses;
mod hydra;
pub(crate) mod image;
mod limits;
mod networks;
mod reflector;
mod rows;
mod secrets;
mod sign_in;
mod thrown_out;
mod turned_away;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lenslet::access::{Gate, Network, Networks, Now, Rights, Rules, Users};
use lenslet::hub::{Outlet, mount};
use lenslet::media::h264::ParameterSets;
use lenslet::media::{AccessUnit, Codec, Link, Track, TrackId};
use lenslet::rtsp::server::{Alias, Aliases};
use lenslet::server::{Handle, Server, Settings};

use crate::support::{Client, Reply};

/// What stands in no log, no answer and no figure.
pub(crate) const PASSWORD: &str = "märker:p@ss%20 word";

/// A server of mounts `cam` and `door` (also `/Streaming/Channels/1` and `/`) that shows pictures.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) gate: Arc<Gate>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    stop: Option<smol::channel::Sender<()>>,
}

/// `alice` may watch `cam`, `bob` may everything, `empty` has an empty password.
pub(crate) fn users() -> Users {
    let mut users = Users::new("Lenslet");
    let rights = |read: &[&str], control: &[&str]| {
        let owned = |mounts: &[&str]| mounts.iter().map(|mount| (*mount).to_owned()).collect();
        Rights { read: owned(read), control: owned(control) }
    };
    users.add("alice", PASSWORD, rights(&["cam"], &[])).unwrap();
    users.add("bob", "bob's", rights(&["*"], &["*"])).unwrap();
    users.add("empty", "", rights(&["cam"], &[])).unwrap();
    users
}

pub(crate) fn rules() -> Rules {
    Rules { users: users(), ..Rules::default() }
}

pub(crate) fn networks(allow: &[&str], deny: &[&str]) -> Networks {
    let parsed = |texts: &[&str]| texts.iter().map(|text| text.parse::<Network>().unwrap()).collect();
    Networks { allow: parsed(allow), deny: parsed(deny) }
}

impl House {
    pub(crate) fn new(rules: Rules) -> Self {
        Self::with(rules, Settings::default())
    }

    /// With other settings than these.
    pub(crate) fn with(rules: Rules, settings: Settings) -> Self {
        let mut aliases = Aliases::default();
        for alias in ["/Streaming/Channels/1", "/"] {
            aliases.add(Alias::parse(alias).unwrap(), "door").unwrap();
        }
        let usual = Settings::default();
        let listen =
            if settings.listen == usual.listen { vec![([127, 0, 0, 1], 0).into()] } else { settings.listen };
        let settings = Settings { listen, udp_ports: 0..=0, aliases, ..settings };
        let server = Server::bind(settings).unwrap();
        let (address, handle) = (server.addresses()[0], server.handle());
        handle.gate().replace(rules);
        let (outlets, mounts): (Vec<_>, Vec<_>) = ["cam", "door"].into_iter().map(mount).unzip();
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let serving = std::thread::spawn(move || {
            server.run(mounts, async move {
                let _ = stopped.recv().await;
            })
        });
        let over = Arc::new(AtomicBool::new(false));
        let until = over.clone();
        let showing = std::thread::spawn(move || show(&outlets, &until));
        Self { address, gate: handle.gate(), handle, over, threads: vec![serving, showing], stop: Some(stop) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("rtsp://{}/{path}", self.address)
    }

    pub(crate) fn counted(&self, reason: &str) -> u64 {
        self.gate.counters().get(reason).copied().unwrap_or(0)
    }

    /// How often that limit was in somebody's way.
    pub(crate) fn refused(&self, limit: &str) -> u64 {
        self.handle.refused().into_iter().find(|(name, _)| *name == limit).unwrap().1
    }

    /// Waits until so many sessions are there.
    pub(crate) fn wait_for_sessions(&self, count: usize) {
        wait(|| smol::block_on(self.handle.sessions()).len() == count);
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.stop.take();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

pub(crate) fn now() -> Now {
    let steady = lenslet::clock::media().since(lenslet::media::MediaTime::default());
    Now { wall: lenslet::clock::wall(), steady }
}

/// Looks again and again, for as long as anything may take.
pub(crate) fn wait(mut until: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !until() {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not come to that");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Pictures, of which each can be shown alone.
fn show(outlets: &[Outlet], over: &AtomicBool) {
    let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68, 1]));
    for outlet in outlets {
        outlet.describe(vec![Track { codec: codec.clone(), bitrate: None }], false);
    }
    let mut data = vec![0, 0, 0, 1, 0x67, 66, 0xc0, 30, 0, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x65];
    data.resize(2000, 0xa5);
    while !over.load(Ordering::SeqCst) {
        for outlet in outlets {
            let time = lenslet::clock::media();
            let data = data[..].into();
            outlet.publish(AccessUnit { track: TrackId(0), time, link: Link::Start, journey: None, data });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A client that answers challenges, or not.
pub(crate) struct Visitor {
    pub(crate) client: Client,
    user: &'static str,
    password: &'static str,
    /// The challenge that it answers, once it was challenged: of those that it got the one with this index.
    which: usize,
    challenge: Option<String>,
}

impl Visitor {
    /// Of a user, who answers MD5.
    pub(crate) fn new(house: &House, user: &'static str, password: &'static str) -> Self {
        Self::over(Client::at(house.address), user, password)
    }

    pub(crate) fn from(house: &House, address: &str, user: &'static str, password: &'static str) -> Self {
        Self::over(Client::connect_from(house.address, address), user, password)
    }

    pub(crate) fn over(client: Client, user: &'static str, password: &'static str) -> Self {
        Self { client, user, password, which: 1, challenge: None }
    }

    pub(crate) fn alice(house: &House) -> Self {
        Self::new(house, "alice", PASSWORD)
    }

    /// It answers the first challenge, which is SHA-256.
    pub(crate) fn by_sha256(self) -> Self {
        Self { which: 0, ..self }
    }

    /// Sends a request, without an answer to any challenge.
    pub(crate) fn say(&mut self, method: &str, url: &str, headers: &[&str]) -> Reply {
        let line = format!("{method} {url} RTSP/1.0");
        let lines: Vec<&str> = std::iter::once(line.as_str()).chain(headers.iter().copied()).collect();
        self.client.ask(&lines)
    }

    /// The value of `Authorization` for a request, by the last challenge.
    pub(crate) fn answer(&self, method: &str, url: &str) -> Option<String> {
        let mut client = http_auth::PasswordClient::try_from(self.challenge.as_deref()?).unwrap();
        let (username, password) = (self.user, self.password);
        let parameters = http_auth::PasswordParams { username, password, uri: url, method, body: Some(&[]) };
        Some(client.respond(&parameters).unwrap())
    }

    /// Sends a request as a good client does: again, with an answer, if it is challenged. The last reply.
    pub(crate) fn ask(&mut self, method: &str, url: &str, headers: &[&str]) -> Reply {
        let mut last = Reply::default();
        for _ in 0..2 {
            let answer = self.answer(method, url).map(|answer| format!("Authorization: {answer}"));
            let all: Vec<&str> = headers.iter().copied().chain(answer.as_deref()).collect();
            last = self.say(method, url, &all);
            if last.status != 401 {
                break;
            }
            let fresh = challenges(&last);
            let stale = fresh.iter().any(|challenge| challenge.contains("stale"));
            let again = self.challenge.is_none() || stale;
            self.challenge = Some(fresh[self.which.min(fresh.len() - 1)].clone());
            if !again {
                break;
            }
        }
        last
    }

    /// SETUP of a mount's track, interleaved, and PLAY: gives the session.
    pub(crate) fn play(&mut self, url: &str) -> String {
        let reply =
            self.ask("SETUP", &format!("{url}/trackID=0"), &["Transport: RTP/AVP/TCP;interleaved=0-1"]);
        assert_eq!(reply.status, 200, "{reply:?}");
        let session = session(&reply);
        let reply = self.ask("PLAY", url, &[&format!("Session: {session}")]);
        assert_eq!(reply.status, 200, "{reply:?}");
        self.client.next_frame(0);
        session
    }

    /// SETUP by UDP and PLAY: gives the session and our sockets.
    pub(crate) fn play_udp(&mut self, url: &str) -> (String, std::net::UdpSocket, std::net::UdpSocket) {
        let (rtp, rtcp) = crate::support::udp_pair(self.client.socket().local_addr().unwrap().ip());
        let port = rtp.local_addr().unwrap().port();
        let transport = format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
        let reply = self.ask("SETUP", &format!("{url}/trackID=0"), &[&transport]);
        assert_eq!(reply.status, 200, "{reply:?}");
        let session = session(&reply);
        let reply = self.ask("PLAY", url, &[&format!("Session: {session}")]);
        assert_eq!(reply.status, 200, "{reply:?}");
        rtp.recv(&mut [0; 2048]).unwrap();
        (session, rtp, rtcp)
    }
}

pub(crate) fn session(reply: &Reply) -> String {
    reply.header("session").unwrap().split(';').next().unwrap().to_owned()
}

/// The values of `WWW-Authenticate`.
pub(crate) fn challenges(reply: &Reply) -> Vec<String> {
    let values = reply.headers.iter().filter(|(name, _)| name == "www-authenticate");
    values.map(|(_, value)| value.clone()).collect()
}

/// How many kB this process has resident.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

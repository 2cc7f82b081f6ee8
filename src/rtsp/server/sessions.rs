//! The server's sessions: a table without sockets.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::names::Names;
use super::tracks::Tracks;
use super::{Aliases, Lower};
use crate::rtsp::auth::Identity;
use crate::rtsp::customer::customer;
use crate::rtsp::message::Status;
use crate::rtsp::url::Target;

/// Clients send their keep-alives late: VLC has been seen 10 s behind. Of a short timeout it is a half.
const GRACE: Duration = Duration::from_secs(10);

/// A session's name: 128 random bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// What logs may tell: whoever knows all of it can steer a UDP session from its peer's address.
    pub fn shown(&self) -> impl fmt::Display {
        let Self([a, b, c, d, ..]) = *self;
        fmt::from_fn(move |f| hex(&[a, b, c, d], f))
    }

    /// Whether the value of a `Session` field is it: clients echo our `;timeout=60`.
    pub(super) fn is_named(&self, field: &str) -> bool {
        Self::parse(field).as_ref() == Some(self)
    }

    /// The one that the value of a `Session` field names, if it may be one of ours.
    fn parse(field: &str) -> Option<Self> {
        let name = field.split(';').next().unwrap_or_default().trim().as_bytes();
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let (pairs, []) = name.as_chunks::<2>() else { return None };
        let mut bytes = [0; 16];
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// How long and how many.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sessions that say nothing end after this time.
    pub timeout: Duration,
    /// Sessions at once.
    pub sessions: usize,
    /// Sessions at once of one address, unless it is this machine's own.
    pub per_address: usize,
}

/// All sessions of a server.
#[derive(Debug)]
pub struct Sessions {
    random: fn() -> [u8; 16],
    limits: Limits,
    aliases: Aliases,
    /// In boxes: of a table's places some are empty. Of a hashed one it may be more than the half.
    table: BTreeMap<SessionId, Box<Session>>,
    /// Of mounts and programs.
    names: Names,
    /// No more are let in for now.
    closed: bool,
    /// Not let in since that was asked last.
    refused: u64,
    pub(super) counts: Refusals,
}

/// How often what limit was in the way of a session, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// The server had as many as it may.
    pub server: u64,
    /// The address had.
    pub address: u64,
    /// Nobody was let in, for want of processor or memory.
    pub strained: u64,
    /// It was set up and never played, and its time was over.
    pub unplayed: u64,
    /// A connection's first byte, or a request's last, did not come in time.
    pub slow: u64,
    /// A request had too long a URI, head or body, or too much came before its answer.
    pub large: u64,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) connection: u64,
    pub(super) peer: IpAddr,
    /// Who signed in last, if anybody.
    pub(super) user: Option<Arc<Identity>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Init,
    Ready,
    Playing,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) state: State,
    pub(super) path: Arc<str>,
    /// By what other name it was set up.
    alias: Option<Arc<str>>,
    pub(super) tracks: Tracks,
    /// Tracks of the mount.
    pub(super) of: u8,
    owner: Asker,
    deadline: Instant,
    /// It did not play yet: its end is what it is, however alive its client.
    unplayed: bool,
}

impl Session {
    /// Its lower transport, once a track is set up.
    pub(super) fn lower(&self) -> Option<&Lower> {
        self.tracks.lower()
    }

    /// Whether a URL is of its mount, or of none in particular.
    pub(super) fn is_of(&self, target: &Target) -> bool {
        target.path.is_empty() || *target.path == *self.path
    }

    pub(super) fn interleaved(&self) -> bool {
        matches!(self.lower(), Some(Lower::Tcp { .. }))
    }

    /// An interleaved session belongs to its connection, a UDP session to its peer and user: a session's name
    /// alone must not let anybody in (CVE-2026-41470). Nobody has a name where there are no users, as when the last one was
    /// removed while somebody played: it is the same peer's still.
    fn belongs_to(&self, asker: &Asker) -> bool {
        let same_host = || !self.interleaved() && self.owner.peer == asker.peer;
        let same_user = asker.user.is_none() || self.owner.user == asker.user;
        same_user && (self.owner.connection == asker.connection || same_host())
    }
}

impl Sessions {
    /// An empty table. `random` makes session names.
    pub fn new(random: fn() -> [u8; 16], limits: Limits) -> Self {
        Self {
            random,
            limits,
            aliases: Aliases::default(),
            table: BTreeMap::new(),
            names: Names::default(),
            closed: false,
            refused: 0,
            counts: Refusals::default(),
        }
    }

    /// The same, where mounts have other names too.
    pub fn with_aliases(mut self, aliases: Aliases) -> Self {
        self.aliases = aliases;
        self
    }

    /// Other limits and names from now on; sessions that there are stay.
    pub fn change(&mut self, limits: Limits, aliases: Aliases) {
        self.limits = limits;
        self.aliases = aliases;
    }

    /// What a URI points at, by the mount's own name. `*` is no name of anything, also where `/` is one of a mount's.
    pub(super) fn target(&self, uri: &str, session: Option<&SessionId>) -> Result<Target, Status> {
        let mut target = Target::parse(uri)?;
        if uri != "*" {
            self.resolve(&mut target, session);
        }
        Ok(target)
    }

    /// The mount's own path in place of another name of it. In a session the name needs its query no more:
    /// clients that resolve URLs by the letter of RFC 3986 (GStreamer) lose it.
    fn resolve(&self, target: &mut Target, session: Option<&SessionId>) {
        let session = session.and_then(|session| self.table.get(session)).map(Box::as_ref);
        let lost =
            |session: &&Session| target.query.is_none() && session.alias.as_deref() == Some(&*target.path);
        let known = session.filter(lost);
        let mount = self.aliases.mount_of(target).or(known.map(|session| &*session.path));
        if let Some(mount) = mount.map(str::to_owned) {
            target.alias = Some(std::mem::replace(&mut target.path, mount));
        }
    }

    /// What is announced to clients.
    pub(super) fn timeout(&self) -> Duration {
        self.limits.timeout
    }

    /// The timeout, and some more for clients that are late.
    pub(super) fn patience(&self) -> Duration {
        self.limits.timeout + GRACE.min(self.limits.timeout / 2)
    }

    /// The session showed that it lives.
    pub fn touch(&mut self, id: &SessionId, now: Instant) {
        let deadline = now + self.patience();
        if let Some(session) = self.table.get_mut(id).filter(|session| !session.unplayed) {
            session.deadline = deadline;
        }
    }

    /// Ends sessions whose time is over. Interleaved ones that play live as long as their connection.
    pub fn expire(&mut self, now: Instant) -> Vec<SessionId> {
        let over = |session: &Session| {
            let held = session.interleaved() && session.state == State::Playing;
            session.deadline <= now && !held
        };
        let over = self.table.iter().filter(|(_, session)| over(session));
        let unplayed = over.clone().filter(|(_, session)| session.unplayed).count();
        let ids: Vec<SessionId> = over.map(|(id, _)| id.clone()).collect();
        self.counts.unplayed += unplayed as u64;
        ids.iter().for_each(|id| self.close(id));
        ids
    }

    /// It plays: from now on it lives as long as it shows life.
    pub(super) fn plays(&mut self, id: &SessionId, now: Instant) {
        if let Some(session) = self.table.get_mut(id) {
            session.state = State::Playing;
            session.unplayed = false;
        }
        self.touch(id, now);
    }

    /// How often limits were in the way.
    pub fn refusals(&self) -> Refusals {
        self.counts
    }

    /// Ends a session.
    pub fn close(&mut self, id: &SessionId) {
        self.table.remove(id);
    }

    /// Ends the interleaved sessions of a connection that is gone; those being set up too.
    pub(super) fn close_interleaved(&mut self, asker: &Asker) -> Vec<SessionId> {
        let over = |session: &Session| {
            session.owner.connection == asker.connection
                && !matches!(session.lower(), Some(Lower::Udp { .. }))
        };
        let ids: Vec<SessionId> =
            self.table.iter().filter(|(_, session)| over(session)).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.close(id));
        ids
    }

    /// Whether there is such a session.
    pub fn contains(&self, id: &SessionId) -> bool {
        self.table.contains_key(id)
    }

    /// Whether there may be new ones. The first is let in all the same: it is nobody's loss.
    pub fn let_in(&mut self, newcomers: bool) {
        self.closed = !newcomers;
    }

    /// How many were not let in since the last call.
    pub fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn open(&mut self, asker: &Asker, target: &Target, now: Instant) -> Result<SessionId, Status> {
        if self.closed && !self.table.is_empty() {
            self.refused += 1;
            self.counts.strained += 1;
            return Err(Status(453));
        }
        if self.table.len() >= self.limits.sessions {
            self.counts.server += 1;
            return Err(Status(453));
        }
        let whose = customer(asker.peer);
        let own = self.table.values().filter(|session| customer(session.owner.peer) == whose);
        if !asker.peer.is_loopback() && own.count() >= self.limits.per_address {
            self.counts.address += 1;
            return Err(Status(453));
        }
        Ok(self.enter(asker, target, now))
    }

    /// A session in the place of one that the asker leaves without a word. Who was in is no new viewer, whatever the
    /// limits have become since.
    pub(super) fn replace(
        &mut self,
        old: &SessionId,
        asker: &Asker,
        target: &Target,
        now: Instant,
    ) -> Result<SessionId, Status> {
        match self.table.remove(old) {
            Some(_) => Ok(self.enter(asker, target, now)),
            None => self.open(asker, target, now),
        }
    }

    fn enter(&mut self, asker: &Asker, target: &Target, now: Instant) -> SessionId {
        let id = SessionId((self.random)());
        let session = Session {
            state: State::Init,
            path: self.names.one(&target.path),
            alias: target.alias.as_ref().map(|alias| self.names.one(alias)),
            tracks: Tracks::default(),
            of: 0,
            owner: asker.clone(),
            deadline: now + self.patience(),
            unplayed: true,
        };
        self.table.insert(id.clone(), Box::new(session));
        id
    }

    /// The session of that name, whosever it is.
    pub(super) fn named(&self, field: &str) -> Option<SessionId> {
        SessionId::parse(field).filter(|id| self.table.contains_key(id))
    }

    /// What a program calls itself, in the one place where all have it.
    pub(super) fn name(&mut self, said: &str) -> Arc<str> {
        self.names.one(said)
    }

    /// Whether the session is the asker's.
    pub(super) fn is_of(&self, id: &SessionId, asker: &Asker) -> bool {
        self.table.get(id).is_some_and(|session| session.belongs_to(asker))
    }

    /// The session of that name, if it is the asker's.
    pub(super) fn find(&mut self, name: &str, asker: &Asker, now: Instant) -> Option<SessionId> {
        let id = self.named(name)?;
        self.table.get(&id).filter(|session| session.belongs_to(asker))?;
        // Any request keeps it alive: Media3 and Axis' library know OPTIONS alone for it.
        self.touch(&id, now);
        Some(id)
    }

    pub(super) fn get(&mut self, id: &SessionId) -> Option<&mut Session> {
        self.table.get_mut(id).map(Box::as_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> (Sessions, Asker, Instant) {
        fn counted() -> [u8; 16] {
            static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0xfeed);
            let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            u128::from(number).to_be_bytes()
        }
        let asker = Asker { connection: 1, peer: [10, 0, 0, 1].into(), user: None };
        let limits = Limits { timeout: Duration::from_secs(60), sessions: 4, per_address: 2 };
        (Sessions::new(counted, limits), asker, crate::clock::now())
    }

    fn cam() -> Target {
        Target { path: "cam".into(), ..Target::default() }
    }

    #[test]
    fn a_udp_session_ends_after_its_timeout_unless_it_shows_life() {
        let (mut sessions, asker, now) = table();
        let id = sessions.open(&asker, &cam(), now).unwrap();
        sessions.plays(&id, now);
        sessions.touch(&id, now + Duration::from_secs(60));
        assert_eq!(sessions.expire(now + Duration::from_secs(129)), []);
        assert_eq!(sessions.expire(now + Duration::from_secs(130)), [id]);
        assert!(sessions.is_empty());
    }

    #[test]
    fn a_session_that_never_plays_ends_however_alive_its_client_is() {
        let (mut sessions, asker, now) = table();
        let seconds = Duration::from_secs;
        let [held, played] = [0, 1].map(|_| sessions.open(&asker, &cam(), now).unwrap());
        sessions.plays(&played, now);
        sessions.get(&played).unwrap().state = State::Ready;
        for id in [&held, &played] {
            sessions.touch(id, now + seconds(69));
        }
        assert_eq!(sessions.expire(now + seconds(70)), [held]);
        assert_eq!(sessions.expire(now + seconds(139)), [played]);
        assert_eq!(sessions.refusals().unplayed, 1);
    }

    #[test]
    fn an_address_and_the_server_have_only_so_many_sessions() {
        let (mut sessions, asker, now) = table();
        let first = sessions.open(&asker, &cam(), now).unwrap();
        sessions.open(&Asker { connection: 2, ..asker.clone() }, &cam(), now).unwrap();
        assert_eq!(sessions.open(&Asker { connection: 3, ..asker.clone() }, &cam(), now), Err(Status(453)));
        sessions.close(&first);
        sessions.open(&Asker { connection: 3, ..asker.clone() }, &cam(), now).unwrap();
        let here = Asker { connection: 4, peer: [127, 0, 0, 1].into(), user: None };
        sessions.open(&here, &cam(), now).unwrap();
        sessions.open(&here, &cam(), now).unwrap();
        assert_eq!(sessions.open(&here, &cam(), now), Err(Status(453)), "the server's");
        assert_eq!(sessions.refusals(), Refusals { server: 1, address: 1, ..Refusals::default() });
    }

    #[test]
    fn one_customer_of_ipv6_has_only_so_many_sessions() {
        let (mut sessions, asker, now) = table();
        let from = |text: &str| Asker { peer: text.parse().unwrap(), ..asker.clone() };
        for text in ["2001:db8::1", "2001:db8::2"] {
            sessions.open(&from(text), &cam(), now).unwrap();
        }
        assert_eq!(sessions.open(&from("2001:db8::ffff:3"), &cam(), now), Err(Status(453)));
        sessions.open(&from("2001:db8:0:1::1"), &cam(), now).unwrap();
    }

    #[test]
    fn a_name_alone_lets_nobody_in() {
        let (mut sessions, asker, now) = table();
        let id = sessions.open(&asker, &cam(), now).unwrap();
        let name = id.to_string();
        assert_eq!(id.shown().to_string(), name[..8], "no more than this in logs");
        let user = |name: &str| Some(Arc::new(Identity { name: name.into(), password: 0 }));
        let elsewhere = Asker { connection: 2, peer: [10, 0, 0, 2].into(), user: None };
        let same_host = Asker { connection: 3, ..asker.clone() };
        assert_eq!(sessions.find(&name, &elsewhere, now), None);
        sessions.get(&id).unwrap().owner.user = user("anna");
        let other_user = Asker { user: user("bob"), ..same_host.clone() };
        assert_eq!(sessions.find(&name, &other_user, now), None);
        assert_eq!(sessions.find(&format!("{name};timeout=60"), &same_host, now), Some(id.clone()));
        sessions.get(&id).unwrap().tracks.insert(0, Lower::Tcp { interleaved: None });
        assert_eq!(sessions.find(&name, &same_host, now), None);
        assert_eq!(sessions.find(&name, &asker, now), Some(id));
        assert_eq!(sessions.find(&name.to_uppercase().replace('0', "O"), &asker, now), None);
    }

    #[test]
    fn while_nobody_is_let_in_the_first_is_and_those_who_are_in_stay() {
        let (mut sessions, asker, now) = table();
        sessions.let_in(false);
        let first = sessions.open(&asker, &cam(), now).unwrap();
        let other = Asker { connection: 2, ..asker.clone() };
        assert_eq!(sessions.open(&other, &cam(), now), Err(Status(453)));
        assert_eq!((sessions.take_refused(), sessions.take_refused()), (1, 0));
        assert_eq!(sessions.find(&first.to_string(), &asker, now), Some(first));
        sessions.let_in(true);
        sessions.open(&other, &cam(), now).unwrap();
    }
}

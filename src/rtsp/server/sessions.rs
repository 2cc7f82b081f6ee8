//! The server's sessions: a table without sockets.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Lower;
use crate::rtsp::message::Status;

/// Clients send their keep-alives late: VLC has been seen 10 s behind.
const GRACE: Duration = Duration::from_secs(10);

/// A session's name: 128 random bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(Arc<str>);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All sessions of a server.
#[derive(Debug)]
pub struct Sessions {
    random: fn() -> [u8; 16],
    timeout: Duration,
    most: usize,
    table: HashMap<SessionId, Session>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) connection: u64,
    pub(super) peer: IpAddr,
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
    pub(super) path: String,
    pub(super) tracks: BTreeMap<u8, Lower>,
    /// Tracks of the mount.
    pub(super) of: u8,
    owner: Asker,
    deadline: Instant,
}

impl Session {
    /// Its lower transport, once a track is set up.
    pub(super) fn lower(&self) -> Option<&Lower> {
        self.tracks.values().next()
    }

    fn interleaved(&self) -> bool {
        matches!(self.lower(), Some(Lower::Tcp { .. }))
    }

    /// An interleaved session belongs to its connection, a UDP session to its peer: a session's name
    /// alone must not let another host in (CVE-2026-41470).
    fn belongs_to(&self, asker: Asker) -> bool {
        self.owner.connection == asker.connection || (!self.interleaved() && self.owner.peer == asker.peer)
    }
}

impl Sessions {
    /// An empty table. `random` makes session names; silent sessions end after `timeout`.
    pub fn new(random: fn() -> [u8; 16], timeout: Duration, max_sessions: usize) -> Self {
        Self { random, timeout, most: max_sessions, table: HashMap::new() }
    }

    /// What is announced to clients.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The session showed that it lives.
    pub fn touch(&mut self, id: &SessionId, now: Instant) {
        let deadline = now + self.timeout + GRACE;
        if let Some(session) = self.table.get_mut(id) {
            session.deadline = deadline;
        }
    }

    /// When the next session may have to end.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table.values().map(|session| session.deadline).min()
    }

    /// Ends sessions whose time is over. Interleaved ones that play live as long as their connection.
    pub fn expire(&mut self, now: Instant) -> Vec<SessionId> {
        let over = |session: &Session| {
            let held = session.interleaved() && session.state == State::Playing;
            session.deadline <= now && !held
        };
        let ids: Vec<SessionId> =
            self.table.iter().filter(|(_, session)| over(session)).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.close(id));
        ids
    }

    /// Ends a session.
    pub fn close(&mut self, id: &SessionId) {
        self.table.remove(id);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn open(&mut self, asker: Asker, path: &str, now: Instant) -> Result<SessionId, Status> {
        if self.table.len() >= self.most {
            return Err(Status(453));
        }
        let name: String = (self.random)().iter().map(|byte| format!("{byte:02x}")).collect();
        let id = SessionId(name.into());
        let session = Session {
            state: State::Init,
            path: path.to_owned(),
            tracks: BTreeMap::new(),
            of: 0,
            owner: asker,
            deadline: now + self.timeout + GRACE,
        };
        self.table.insert(id.clone(), session);
        Ok(id)
    }

    /// The session of that name, if it is the asker's.
    pub(super) fn find(&mut self, name: &str, asker: Asker, now: Instant) -> Option<SessionId> {
        // Clients echo our `;timeout=60`.
        let name = name.split(';').next().unwrap_or_default().trim();
        let id = SessionId(name.into());
        self.table.get(&id).filter(|session| session.belongs_to(asker))?;
        self.touch(&id, now);
        Some(id)
    }

    pub(super) fn get(&mut self, id: &SessionId) -> Option<&mut Session> {
        self.table.get_mut(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> (Sessions, Asker, Instant) {
        let asker = Asker { connection: 1, peer: [10, 0, 0, 1].into() };
        (Sessions::new(|| [7; 16], Duration::from_secs(60), 2), asker, crate::clock::now())
    }

    #[test]
    fn a_udp_session_ends_after_its_timeout_unless_it_shows_life() {
        let (mut sessions, asker, now) = table();
        let id = sessions.open(asker, "cam", now).unwrap();
        sessions.touch(&id, now + Duration::from_secs(60));
        assert_eq!(sessions.expire(now + Duration::from_secs(129)), []);
        assert_eq!(sessions.expire(now + Duration::from_secs(130)), [id]);
        assert!(sessions.is_empty());
    }

    #[test]
    fn a_name_alone_lets_nobody_in() {
        let (mut sessions, asker, now) = table();
        let id = sessions.open(asker, "cam", now).unwrap();
        let name = id.to_string();
        let elsewhere = Asker { connection: 2, peer: [10, 0, 0, 2].into() };
        let same_host = Asker { connection: 3, ..asker };
        assert_eq!(sessions.find(&name, elsewhere, now), None);
        assert_eq!(sessions.find(&format!("{name};timeout=60"), same_host, now), Some(id.clone()));
        sessions.get(&id).unwrap().tracks.insert(0, Lower::Tcp { interleaved: None });
        assert_eq!(sessions.find(&name, same_host, now), None);
        assert_eq!(sessions.find(&name, asker, now), Some(id));
        assert_eq!(sessions.find(&name.to_uppercase().replace('0', "O"), asker, now), None);
    }
}

//! What requests ask of a worker's sessions, by whichever connection they came.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use smol::future::or;

use super::describe;
use super::feed::Feed;
use super::house::RETRY_AFTER;
use super::outbox::Outbox;
use super::over::Over;
use super::reader::{Client, Path, Reader, Route};
use super::udp::at_port;
use super::worker::Worker;
use crate::amount::amount;
use crate::clock;
use crate::media::TrackId;
use crate::rtsp::auth::Identity;
use crate::rtsp::message::Status;
use crate::rtsp::server::{Answer, Event, Lower, SessionId};
use crate::rtsp::url::Target;

/// PLAY waits this long for the reader's first image, so that RTP-Info is true.
const FIRST_IMAGE: Duration = Duration::from_millis(200);

/// The connection that a request came by.
pub(super) struct Caller<'a> {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    /// Absent where the connection is another worker's: it carries nothing from here.
    pub(super) line: Option<Line<'a>>,
    /// What program asks, as it says.
    pub(super) agent: Option<Arc<str>>,
    /// Who signed in, if there are users.
    pub(super) user: Option<Arc<Identity>>,
}

/// What it can carry images by.
pub(super) struct Line<'a> {
    pub(super) outbox: &'a Rc<Outbox>,
    pub(super) carried: &'a Carried,
}

/// Whose images go out on a connection: it carries one interleaved session at a time.
#[derive(Default)]
pub(super) struct Carried(Cell<Weak<Reader>>);

impl Carried {
    fn reader(&self) -> Option<Rc<Reader>> {
        let known = self.0.take();
        let reader = known.upgrade();
        self.0.set(known);
        reader
    }
}

impl Caller<'_> {
    /// A connection of another worker's.
    pub(super) fn elsewhere(peer: SocketAddr, local: SocketAddr) -> Self {
        Self { peer, local, line: None, agent: None, user: None }
    }

    fn carried(&self) -> Option<Rc<Reader>> {
        self.line.as_ref()?.carried.reader()
    }

    /// RTCP of an interleaved reader; frames on other channels are nobody's and dropped, and so are those that come
    /// behind a TEARDOWN: Synology Surveillance Station sends its last reports there (bluenviron/gortsplib#1108).
    fn interleaved(&self, channel: u8, data: &[u8]) {
        let Some(reader) = self.carried() else { return };
        if reader.uses_channel(channel)
            && let Err(error) = reader.handle_rtcp(data)
        {
            tracing::debug!(peer = %self.peer, %error, "not RTCP");
        }
    }
}

impl Worker {
    /// Does what an event asks; nothing is answered to those that want none.
    pub(super) async fn handle(self: &Rc<Self>, caller: &Caller<'_>, event: Event) -> Option<Answer> {
        match event {
            Event::Describe { target, uri } => Some(self.describe(caller, &target, &uri).await),
            Event::Setup { session, target, track, transports, replaces } => {
                if let Some(old) = replaces {
                    self.release(&old, Over::Replaced);
                }
                let done = self.set_up(caller, &session, &target, track, &transports).await;
                Some(done.unwrap_or_else(|failed| {
                    self.forget_unless_set_up(&session);
                    failed
                }))
            }
            Event::Play { session, .. } => Some(self.play(caller, &session).await),
            Event::Pause { session } => Some(self.pause(&session)),
            Event::Teardown { session, track } => Some(self.tear_down(&session, track)),
            Event::Parameters { session, .. } => Some(self.parameters(session.as_ref())),
            Event::Interleaved { channel, data } => {
                caller.interleaved(channel, &data);
                None
            }
            // The connection's own matter, whoever keeps the session.
            Event::SignIn(_) | Event::Close { .. } => None,
        }
    }

    async fn describe(&self, caller: &Caller<'_>, target: &Target, uri: &str) -> Answer {
        // Who plays on this connection is in.
        if caller.carried().is_none()
            && let Some(full) = self.house.full()
        {
            return full;
        }
        match self.house.find(target).await {
            Ok((feed, tracks)) => {
                let origin = describe::origin(caller.local.ip(), self.house.settings().advertise.as_ref());
                Answer::Described { sdp: describe::sdp(&feed, &tracks, target, uri, origin) }
            }
            Err(failed) => failed,
        }
    }

    async fn set_up(
        self: &Rc<Self>,
        caller: &Caller<'_>,
        session: &SessionId,
        target: &Target,
        track: Option<u8>,
        transports: &[Lower],
    ) -> Result<Answer, Answer> {
        let (feed, tracks) = self.house.find(target).await?;
        let track = match track {
            Some(track) if usize::from(track) < tracks.len() => track,
            Some(track) => return Err(Answer::failed(Status(404), format!("there is no track {track}"))),
            None if tracks.len() == 1 => 0,
            None => return Err(Answer::failed(Status(459), "name one of the tracks")),
        };
        let id = TrackId(track);
        let ssrc = feed.with_sender(id, crate::rtp::Sender::ssrc).unwrap_or_default();
        let (chosen, server_port) = match transports.first() {
            Some(Lower::Tcp { interleaved }) => {
                (self.set_up_tcp(caller, session, &feed, id, *interleaved)?, None)
            }
            Some(chosen @ Lower::Udp { client_port }) => {
                (chosen.clone(), Some(self.set_up_udp(caller, session, &feed, id, *client_port)?))
            }
            None => return Err(Answer::failed(Status(461), "")),
        };
        if !self.house.sessions().contains(session) {
            // Its time was over while its source began.
            self.release(session, Over::Silent);
            return Err(Answer::failed(Status(454), ""));
        }
        Ok(Answer::Ready { track, tracks: tracks.len() as u8, chosen, ssrc, server_port })
    }

    /// Gives the transport with the channels that it got.
    fn set_up_tcp(
        &self,
        caller: &Caller<'_>,
        session: &SessionId,
        feed: &Arc<Feed>,
        track: TrackId,
        asked: Option<(u8, u8)>,
    ) -> Result<Lower, Answer> {
        let Some(Line { outbox, .. }) = caller.line else {
            return Err(Answer::failed(Status(461), "that session is of another connection"));
        };
        let reader = self.reader_for(caller, session, feed, Path::Tcp(outbox.clone()))?;
        // Set up anew, its channels are free again.
        reader.remove_track(track);
        let Some((rtp, rtcp)) = channels(asked, |channel| reader.uses_channel(channel)) else {
            return Err(Answer::failed(Status(400), "no free interleaved channels"));
        };
        reader.set_track(track, Route::Tcp { rtp, rtcp });
        Ok(Lower::Tcp { interleaved: Some((rtp, rtcp)) })
    }

    /// Gives the ports that its packets and reports will come from.
    fn set_up_udp(
        self: &Rc<Self>,
        caller: &Caller<'_>,
        session: &SessionId,
        feed: &Arc<Feed>,
        track: TrackId,
        client_port: (u16, u16),
    ) -> Result<(u16, u16), Answer> {
        let pair = self.pair(caller.local).map_err(|error| Answer::failed(Status(500), error.to_string()))?;
        if caller.peer.ip() == caller.local.ip() && self.house.registry().owns(client_port) {
            // Our own reports would keep such a session alive for ever.
            return Err(Answer::failed(Status(461), format!("{client_port:?} are the server's own ports")));
        }
        let reader = self.reader_for(caller, session, feed, Path::Udp(pair.clone()))?;
        let addresses = [client_port.0, client_port.1].map(|port| at_port(caller.peer, port));
        let taken = |address| Answer::failed(Status(461), format!("{address} is another session's"));
        let destination = self.enter(&pair, session, addresses).map_err(taken)?;
        // Set up anew: who reports from the old port is nobody's reader any more.
        if let Some(old) = reader.remove_track(track) {
            self.forget(&pair, &old);
        }
        // They may have been the old one's too.
        let _ours = self.house.registry().enter(addresses, session);
        reader.set_track(track, Route::Udp(destination));
        Ok(pair.ports())
    }

    /// The session's reader, or a new one.
    fn reader_for(
        &self,
        caller: &Caller<'_>,
        session: &SessionId,
        feed: &Arc<Feed>,
        path: Path,
    ) -> Result<Rc<Reader>, Answer> {
        if let Some(reader) = self.reader(session) {
            return Ok(reader);
        }
        let name = feed.mount.name();
        if !self.serves(feed) {
            return Err(Answer::failed(Status(404), format!("there is no mount {name:?} any more")));
        }
        // The rules may be others than when the request was let in: its source took its time to begin.
        let user = caller.user.clone();
        self.house
            .gate
            .still(caller.peer.ip(), user.as_deref(), name)
            .map_err(|reason| Answer::failed(Status(403), reason.to_string()))?;
        feed.take_place().map_err(|most| {
            let reason = format!("{name:?} has {}: its `max_readers` allows no more", amount(most, "reader"));
            self.house.crowded.fetch_add(1, Ordering::Relaxed);
            Answer::Failed { status: Status(453), reason, retry_after: Some(RETRY_AFTER) }
        })?;
        let client = Client {
            number: self.house.next_number(),
            peer: caller.peer,
            agent: caller.agent.clone(),
            user,
            since: clock::now().into(),
            line: caller.line.as_ref().map(|line| Rc::downgrade(line.outbox)).unwrap_or_default(),
        };
        let reader = Rc::new(Reader::new(session.clone(), client, path, feed.clone()));
        if let (Path::Tcp(outbox), Some(line)) = (&reader.path, &caller.line) {
            outbox.carry(Rc::<Reader>::downgrade(&reader));
            line.carried.0.set(Rc::downgrade(&reader));
        }
        self.keep(&reader);
        Ok(reader)
    }

    async fn play(&self, caller: &Caller<'_>, session: &SessionId) -> Answer {
        let Some(reader) = self.reader(session) else {
            return Answer::failed(Status(454), "");
        };
        if reader.playing() {
            if reader.open_gates() {
                reader.feed.need_keyframe();
            }
            // Nothing begins now: how far it has got is no answer, and depends on the moment.
            return Answer::Playing { rtp_info: Vec::new() };
        }
        if let Some(broadcast) = self.broadcast_of(&reader) {
            broadcast.play(&reader);
        }
        tracing::info!(peer = %caller.peer, mount = reader.feed.mount.name(), session = %session.shown(), "playing");
        let late = async {
            smol::Timer::after(FIRST_IMAGE).await;
        };
        or(reader.started(), late).await;
        Answer::Playing { rtp_info: reader.answered() }
    }

    fn pause(&self, session: &SessionId) -> Answer {
        if let Some(reader) = self.reader(session) {
            reader.pause();
        }
        Answer::Done
    }

    fn tear_down(&self, session: &SessionId, track: Option<u8>) -> Answer {
        match (track, self.reader(session)) {
            (None, _) => self.release(session, Over::TornDown),
            (Some(track), Some(reader)) => {
                let track = TrackId(track);
                // A connection that cannot take it is found out by its own task.
                let _ = reader.bye_on(track);
                if let (Some(gone), Path::Udp(pair)) = (reader.remove_track(track), &reader.path) {
                    self.forget(pair, &gone);
                }
            }
            (Some(_), None) => {}
        }
        Answer::Done
    }

    fn parameters(&self, session: Option<&SessionId>) -> Answer {
        let Some(reader) = session.and_then(|session| self.reader(session)) else {
            return Answer::Values(Vec::new());
        };
        let mut values = vec![("behind_live_ms".to_owned(), reader.behind().as_millis().to_string())];
        if let Some((received, jitter)) = reader.quality() {
            values.push(("packets_received".into(), received.to_string()));
            values.push(("jitter".into(), jitter.to_string()));
        }
        Answer::Values(values)
    }
}

/// The pair of channels asked for, if nobody has it; else the first free one.
fn channels(asked: Option<(u8, u8)>, taken: impl Fn(u8) -> bool) -> Option<(u8, u8)> {
    let free = |(rtp, rtcp): &(u8, u8)| !taken(*rtp) && !taken(*rtcp);
    asked.filter(free).or_else(|| (0..=254).step_by(2).map(|first| (first, first + 1)).find(free))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_that_are_taken_are_replaced_by_free_ones() {
        let taken = |channel| [2, 3, 5, 6].contains(&channel);
        for (asked, got) in [
            (None, (0, 1)),
            (Some((0, 1)), (0, 1)),
            (Some((7, 8)), (7, 8)),
            (Some((2, 3)), (0, 1)),
            (Some((1, 2)), (0, 1)),
            (Some((6, 7)), (0, 1)),
        ] {
            assert_eq!(channels(asked, taken), Some(got), "{asked:?}");
        }
        assert_eq!(channels(None, |channel| channel < 5), Some((6, 7)));
        assert_eq!(channels(Some((0, 1)), |_| true), None);
    }
}

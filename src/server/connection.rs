//! One task a connection: bytes in, the protocol's events, the house's answers, bytes out.

use std::cell::RefCell;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use smol::Async;
use smol::future::or;
use smol::io::AsyncReadExt;

use super::broadcast::Broadcast;
use super::outbox::Outbox;
use super::reader::{Path, Reader, Route};
use super::{Shared, describe, supervise};
use crate::clock;
use crate::media::TrackId;
use crate::rtsp::message::Status;
use crate::rtsp::server::{Answer, Connection, Event, Lower, Peer, SessionId};
use crate::rtsp::url::Target;

/// PLAY waits this long for the reader's first image, so that RTP-Info is true.
const FIRST_IMAGE: Duration = Duration::from_millis(200);

/// A peer that takes nothing for this long is dropped.
const NO_PROGRESS: Duration = Duration::from_secs(15);

/// What is left to write when a connection ends may take this long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Bytes read at once.
const READ: usize = 4096;

pub(super) struct Shell {
    shared: Rc<Shared>,
    core: Connection,
    stream: Arc<Async<TcpStream>>,
    outbox: Rc<Outbox>,
    /// Whose images go out here: a connection carries one interleaved session at a time.
    carried: RefCell<Weak<Reader>>,
    local: SocketAddr,
    peer: SocketAddr,
}

/// Serves a connection to its end.
pub(super) async fn serve(shared: Rc<Shared>, stream: async_net::TcpStream) -> io::Result<()> {
    let stream: Arc<Async<TcpStream>> = stream.into();
    stream.get_ref().set_nodelay(true)?;
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (peer, local) = (canonical(stream.get_ref().peer_addr()?), canonical(stream.get_ref().local_addr()?));
    let outbox = Rc::new(Outbox::new(stream.clone()));
    let mut core = Connection::new(Peer { addr: peer, local }, shared.next_number());
    if let Some(advertise) = &shared.settings.advertise {
        core = core.advertising(advertise.or_port(local.port()));
    }
    let mut shell = Shell {
        shared: shared.clone(),
        core,
        stream,
        outbox: outbox.clone(),
        carried: RefCell::default(),
        local,
        peer,
    };
    let done = supervise::caught(or(shell.read_on(), write_on(&outbox))).await;
    // However it ended, and be it by a panic: nothing of it is left.
    let over = shell.core.closed(&mut shared.sessions.borrow_mut());
    for session in over {
        shared.release(&session);
    }
    done.unwrap_or_else(|panic| std::panic::resume_unwind(Box::new(panic)))
}

/// Closes a connection for which there is no place, with a word if the socket takes it.
pub(super) fn turn_away(stream: async_net::TcpStream) {
    use std::io::Write;
    let stream: Arc<Async<TcpStream>> = stream.into();
    let refusal = crate::rtsp::message::Response::new(Status(503)).with("Retry-After", "5");
    // Best effort: who does not get it sees the connection close.
    let _ = stream.get_ref().write(&refusal.to_bytes());
    let _ = stream.get_ref().shutdown(Shutdown::Write);
}

/// The writing half: wakes when the socket has room again.
async fn write_on(outbox: &Outbox) -> io::Result<()> {
    loop {
        outbox.unblocked(NO_PROGRESS).await?;
        outbox.pump()?;
    }
}

impl Shell {
    async fn read_on(&mut self) -> io::Result<()> {
        let mut bytes = [0; READ];
        loop {
            if self.handle_events().await? {
                return self.finish().await;
            }
            let timeout = self.core.poll_timeout(&self.shared.sessions.borrow());
            let length = match timeout {
                None => (&*self.stream).read(&mut bytes).await?,
                Some(at) => {
                    let timed_out = async {
                        smol::Timer::at(at).await;
                        Ok(None)
                    };
                    let read = async { (&*self.stream).read(&mut bytes).await.map(Some) };
                    match or(read, timed_out).await? {
                        Some(length) => length,
                        None => {
                            self.core.handle_timeout(&mut self.shared.sessions.borrow_mut(), clock::now());
                            continue;
                        }
                    }
                }
            };
            if length == 0 {
                return self.finish().await;
            }
            self.core.handle_input(&bytes[..length]);
            // A peer that never stops talking has its turn, and then the others have theirs.
            smol::future::yield_now().await;
        }
    }

    /// Handles what has come; says whether the connection is to end.
    async fn handle_events(&mut self) -> io::Result<bool> {
        loop {
            let event =
                self.core.poll_event(&mut self.shared.sessions.borrow_mut(), clock::now(), clock::wall());
            if let Err(error) = self.send_replies() {
                // The table has forgotten already what these end: nobody would come back to it.
                match event {
                    Some(Event::Teardown { session, track }) => drop(self.tear_down(&session, track)),
                    Some(Event::Setup { replaces: Some(old), .. }) => self.shared.release(&old),
                    _ => {}
                }
                return Err(error);
            }
            let Some(event) = event else { return Ok(false) };
            if let Event::Close { reason } = &event {
                tracing::debug!(peer = %self.peer, reason, "closing");
                return Ok(true);
            }
            let starting =
                if let Event::Play { session, .. } = &event { Some(session.clone()) } else { None };
            if let Some(answer) = self.handle(event).await {
                self.shared.tell_failure(self.peer, &answer);
                self.core.answer(&mut self.shared.sessions.borrow_mut(), clock::now(), clock::wall(), answer);
                self.send_replies()?;
            }
            // Only now, behind the reply to its PLAY, may a reader's first image go out.
            let starting = starting.and_then(|session| self.shared.reader(&session));
            if let Some(broadcast) = starting.and_then(|reader| self.shared.broadcast_of(&reader)) {
                broadcast.pump();
                broadcast.kick();
            }
        }
    }

    async fn handle(&mut self, event: Event) -> Option<Answer> {
        match event {
            Event::Describe { target, uri } => Some(self.describe(&target, &uri).await),
            Event::Setup { session, target, track, transports, replaces } => {
                if let Some(old) = replaces {
                    self.shared.release(&old);
                }
                let done = self.set_up(session.clone(), &target, track, &transports).await;
                Some(done.unwrap_or_else(|failed| {
                    self.shared.forget_unless_set_up(&session);
                    failed
                }))
            }
            Event::Play { session, .. } => Some(self.play(&session).await),
            Event::Pause { session } => Some(self.pause(&session)),
            Event::Teardown { session, track } => Some(self.tear_down(&session, track)),
            Event::Parameters { session, .. } => Some(self.parameters(session.as_ref())),
            Event::Interleaved { channel, data } => {
                self.interleaved(channel, &data);
                None
            }
            Event::Close { .. } => None,
        }
    }

    async fn describe(&self, target: &Target, uri: &str) -> Answer {
        match self.shared.find(target).await {
            Ok((broadcast, tracks)) => {
                let origin = describe::origin(self.local.ip(), self.shared.settings.advertise.as_ref());
                let sdp = describe::sdp(&broadcast.feed, &tracks, target, uri, origin);
                Answer::Described { sdp }
            }
            Err(failed) => failed,
        }
    }

    async fn set_up(
        &self,
        session: SessionId,
        target: &Target,
        track: Option<u8>,
        transports: &[Lower],
    ) -> Result<Answer, Answer> {
        let (broadcast, tracks) = self.shared.find(target).await?;
        let track = match track {
            Some(track) if usize::from(track) < tracks.len() => track,
            Some(track) => return Err(failed(Status(404), format!("there is no track {track}"))),
            None if tracks.len() == 1 => 0,
            None => return Err(failed(Status(459), "name one of the tracks".into())),
        };
        let Some(chosen) = transports.first() else { return Err(failed(Status(461), String::new())) };
        let ssrc = broadcast.feed.with_sender(TrackId(track), crate::rtp::Sender::ssrc).unwrap_or_default();
        let tracks = tracks.len() as u8;
        match chosen {
            Lower::Tcp { interleaved } => {
                let reader = self.reader_for(session, &broadcast, || Ok(Path::Tcp(self.outbox.clone())))?;
                // Set up anew, its channels are free again.
                reader.remove_track(TrackId(track));
                let Some((rtp, rtcp)) = channels(*interleaved, |channel| reader.uses_channel(channel)) else {
                    return Err(failed(Status(400), "no free interleaved channels".into()));
                };
                reader.set_track(TrackId(track), Route::Tcp { rtp, rtcp });
                let chosen = Lower::Tcp { interleaved: Some((rtp, rtcp)) };
                Ok(Answer::Ready { track, tracks, chosen, ssrc, server_port: None })
            }
            Lower::Udp { client_port } => {
                let pair = self
                    .shared
                    .pair(self.local.ip())
                    .map_err(|error| failed(Status(500), error.to_string()))?;
                if self.peer.ip() == self.local.ip() && pair.owns(*client_port) {
                    // Our own reports would keep such a session alive for ever.
                    return Err(failed(Status(461), format!("{client_port:?} are the server's own ports")));
                }
                let reader = self.reader_for(session, &broadcast, || Ok(Path::Udp(pair.clone())))?;
                let rtp = SocketAddr::new(self.peer.ip(), client_port.0);
                let rtcp = SocketAddr::new(self.peer.ip(), client_port.1);
                let Ok(destination) = pair.enter(&reader.session, rtp, rtcp) else {
                    let reason = format!("{rtcp} is another session's");
                    return Err(failed(Status(461), reason));
                };
                // Set up anew: who reports from the old port is nobody's reader any more.
                if let Some(old) = reader.remove_track(TrackId(track)) {
                    pair.forget(&old);
                }
                reader.set_track(TrackId(track), Route::Udp(destination));
                Ok(Answer::Ready {
                    track,
                    tracks,
                    chosen: chosen.clone(),
                    ssrc,
                    server_port: Some(pair.ports()),
                })
            }
        }
    }

    fn reader_for(
        &self,
        session: SessionId,
        broadcast: &Rc<Broadcast>,
        path: impl FnOnce() -> Result<Path, Answer>,
    ) -> Result<Rc<Reader>, Answer> {
        if let Some(reader) = self.shared.reader(&session) {
            return Ok(reader);
        }
        let reader = Rc::new(Reader::new(session.clone(), self.peer.ip(), path()?, broadcast.feed.clone()));
        if let Path::Tcp(outbox) = &reader.path {
            outbox.carry(Rc::<Reader>::downgrade(&reader));
            self.carried.replace(Rc::downgrade(&reader));
        }
        self.shared.readers.borrow_mut().insert(session, reader.clone());
        Ok(reader)
    }

    async fn play(&self, session: &SessionId) -> Answer {
        let Some(reader) = self.shared.reader(session) else {
            return failed(Status(454), String::new());
        };
        if reader.playing() {
            if reader.open_gates() {
                reader.feed.force_keyframe();
            }
            return Answer::Playing { rtp_info: reader.answered() };
        }
        if let Some(broadcast) = self.shared.broadcast_of(&reader) {
            broadcast.play(&reader);
        }
        tracing::info!(peer = %self.peer, mount = reader.feed.mount.name(), %session, "playing");
        let late = async {
            smol::Timer::after(FIRST_IMAGE).await;
        };
        or(reader.started(), late).await;
        Answer::Playing { rtp_info: reader.answered() }
    }

    fn pause(&self, session: &SessionId) -> Answer {
        if let Some(reader) = self.shared.reader(session) {
            reader.pause();
        }
        Answer::Done
    }

    fn tear_down(&self, session: &SessionId, track: Option<u8>) -> Answer {
        match (track, self.shared.reader(session)) {
            (None, _) => self.shared.release(session),
            (Some(track), Some(reader)) => {
                if let (Some(gone), Path::Udp(pair)) = (reader.remove_track(TrackId(track)), &reader.path) {
                    pair.forget(&gone);
                }
            }
            (Some(_), None) => {}
        }
        Answer::Done
    }

    fn parameters(&self, session: Option<&SessionId>) -> Answer {
        let quality =
            session.and_then(|session| self.shared.reader(session)).and_then(|reader| reader.quality());
        let values = quality.map_or_else(Vec::new, |(received, jitter)| {
            vec![("packets_received".into(), received.to_string()), ("jitter".into(), jitter.to_string())]
        });
        Answer::Values(values)
    }

    /// RTCP of an interleaved reader; frames on other channels are nobody's and dropped, and so are those that come
    /// behind a TEARDOWN: Synology Surveillance Station sends its last reports there (bluenviron/gortsplib#1108).
    fn interleaved(&self, channel: u8, data: &[u8]) {
        let Some(reader) = self.carried.borrow().upgrade() else { return };
        if reader.uses_channel(channel)
            && let Err(error) = reader.handle_rtcp(data)
        {
            tracing::debug!(peer = %self.peer, %error, "not RTCP");
        }
    }

    /// Hands the protocol's replies to the writer.
    fn send_replies(&mut self) -> io::Result<()> {
        while let Some(reply) = self.core.poll_output() {
            self.outbox.push(reply)?;
        }
        self.outbox.pump()
    }

    /// Gives the last replies a moment to leave, and to arrive: closing with bytes unread would reset
    /// the connection and take them back.
    async fn finish(&mut self) -> io::Result<()> {
        self.send_replies()?;
        let written = async {
            while !self.outbox.is_empty() {
                self.stream.writable().await?;
                self.outbox.pump()?;
            }
            self.stream.get_ref().shutdown(Shutdown::Write)?;
            let mut bytes = [0; READ];
            while (&*self.stream).read(&mut bytes).await? > 0 {}
            Ok(())
        };
        let late = async {
            smol::Timer::after(LAST_WORDS).await;
            Ok(())
        };
        or(written, late).await
    }
}

pub(super) fn failed(status: Status, reason: String) -> Answer {
    Answer::Failed { status, reason, retry_after: None }
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

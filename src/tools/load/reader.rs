//! One viewer: a session that plays and looks at packets' heads alone.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::framing::{Framing, Part};
use super::sockets::{Buffers, Connection, Pair};
use super::tally::Tally;
use super::{SlowKind, Target};
use crate::client;
use crate::rtcp;
use crate::rtsp::client::{Client, Error as ProtocolError, Event, Reply, Settings, Transport};
use crate::sdp::presentation::Presentation;

/// A server is reached within this time.
const CONNECT: Duration = Duration::from_secs(10);

/// Packets come within this time of PLAY, and never stay away for longer.
const SILENCE: Duration = Duration::from_secs(10);

/// Reports go out about this often ([RFC 3550 section 6.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.2)).
const REPORT: Duration = Duration::from_secs(2);

/// Read from a connection in one turn.
const MOST: usize = 256 << 10;

/// What a server says before it hangs up fits into this.
const LAST_WORDS: usize = 16 << 10;

/// Which of a reader's sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    Connection,
    Rtp(usize),
    Rtcp(usize),
}

/// What a reader wants of who waits for its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Its connection may be read from: nothing else is waited for any more.
    Read,
    /// Nothing is to be waited for on its connection.
    Rest,
    /// This track's pair of sockets is new.
    Watch(usize),
}

/// How far a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Opening,
    Playing,
    Leaving,
    Over,
}

/// One viewer.
pub(super) struct Reader {
    connection: Connection,
    framing: Framing,
    client: Client,
    pub(super) tracks: Vec<Track>,
    /// The track whose pictures count: the first video.
    leading: usize,
    transport: Transport,
    server: SocketAddr,
    slow: Option<SlowKind>,
    pub(super) state: State,
    opened: Instant,
    /// PLAY was sent.
    asked: Option<Instant>,
    /// PLAY was answered, or the last packet came.
    heard: Instant,
    /// A slow reader's next byte is read then.
    next_byte: Instant,
    wishes: Vec<Wish>,
    /// Bytes of the connection that a slow one read.
    pub(super) trickled: u64,
}

/// One track of it.
pub(super) struct Track {
    pub(super) tally: Tally,
    payload_type: u8,
    pair: Option<Pair>,
    channels: Option<(u8, u8)>,
    reporter: u32,
    next_report: Option<Instant>,
}

impl Reader {
    /// Begins to connect.
    pub(super) fn open(target: &Target, slow: Option<SlowKind>, now: Instant) -> Result<Self, client::Error> {
        let transport = if slow.is_some() { Transport::Tcp } else { target.transport };
        let settings = Settings { transport, keep_alive_by_options: false };
        let connection = Connection::open(target.address).map_err(|source| target.unreachable(source))?;
        Ok(Self {
            connection,
            framing: Framing::new(),
            client: Client::new(target.url.clone(), settings, now),
            tracks: Vec::new(),
            leading: 0,
            transport,
            server: target.address,
            slow,
            state: State::Opening,
            opened: now,
            asked: None,
            heard: now,
            next_byte: now,
            wishes: Vec::new(),
            trickled: 0,
        })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn pair(&self, track: usize) -> Option<&Pair> {
        self.tracks.get(track)?.pair.as_ref()
    }

    pub(super) fn poll_wish(&mut self) -> Option<Wish> {
        self.wishes.pop()
    }

    /// When PLAY was sent, once it was answered.
    pub(super) fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// When it began to connect.
    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// What came of the track whose pictures count.
    pub(super) fn leading(&self) -> Option<&Tally> {
        self.tracks.get(self.leading).map(|track| &track.tally)
    }

    /// A socket is ready.
    ///
    /// # Errors
    /// Why the session does not go on.
    pub(super) fn handle_ready(
        &mut self,
        socket: Socket,
        buffers: &mut Buffers,
        now: Instant,
    ) -> Result<(), client::Error> {
        match socket {
            Socket::Connection if !self.connection.is_connected() => self.connected(now),
            Socket::Connection => self.read(MOST, buffers, now),
            Socket::Rtp(track) => self.receive(track, false, buffers, now),
            Socket::Rtcp(track) => self.receive(track, true, buffers, now),
        }
    }

    fn connected(&mut self, now: Instant) -> Result<(), client::Error> {
        let address = self.server.to_string();
        if self.connection.connect().map_err(|source| client::Error::Connect { address, source })? {
            self.wishes.push(Wish::Read);
            self.converse(now)?;
        }
        Ok(())
    }

    /// Reads from the connection: messages go to the protocol, of frames the heads are counted.
    fn read(&mut self, most: usize, buffers: &mut Buffers, now: Instant) -> Result<(), client::Error> {
        let bytes = match self.connection.read(buffers, most) {
            Ok(None) => return Ok(()),
            Ok(Some(bytes)) => bytes,
            Err(error) => {
                self.lost(error)?;
                return self.converse(now);
            }
        };
        if bytes.is_empty() {
            self.client.closed()?;
            return self.converse(now);
        }
        self.trickled += bytes.len() as u64;
        let (tracks, client, heard) = (&mut self.tracks, &mut self.client, &mut self.heard);
        let mut spoken = false;
        self.framing.handle(bytes, |part| match part {
            Part::Frame { channel, length, start } => {
                *heard = now;
                let belongs = |track: &&mut Track| {
                    track.channels.is_some_and(|(rtp, rtcp)| channel == rtp || channel == rtcp)
                };
                if let Some(track) = tracks.iter_mut().find(belongs) {
                    track.tally.handle(start, length, now);
                }
            }
            Part::Message(bytes) => {
                spoken = true;
                client.handle_input(bytes);
            }
        });
        if spoken { self.converse(now) } else { Ok(()) }
    }

    fn receive(
        &mut self,
        track: usize,
        control: bool,
        buffers: &mut Buffers,
        now: Instant,
    ) -> Result<(), client::Error> {
        let Some(Track { tally, pair: Some(pair), .. }) = self.tracks.get_mut(track) else { return Ok(()) };
        let each = |packet: &[u8]| {
            tally.handle(packet, packet.len(), now);
        };
        pair.read(control, buffers, each).map_err(client::Error::Connection)?;
        self.heard = now;
        Ok(())
    }

    /// Does what the protocol wants next.
    fn converse(&mut self, now: Instant) -> Result<(), client::Error> {
        while let Some(event) = self.client.poll_event(now)? {
            match event {
                Event::Described(presentation) => self.described(&presentation),
                Event::Bind { track } => self.bind(track, now).map_err(client::Error::Connection)?,
                Event::SetUp { track, reply } => self.set_up(track, &reply, now),
                Event::Playing { after } => self.playing(now.checked_sub(after).unwrap_or(now), now),
                Event::Redirected { location } => {
                    let what = format!("the server redirects to {location}: load that");
                    return Err(ProtocolError::Url(what).into());
                }
                Event::Over => self.state = State::Over,
                Event::Interleaved { .. } | Event::RoundTrip(_) => {}
            }
        }
        while let Some(message) = self.client.poll_output() {
            if let Err(error) = self.connection.send(&message) {
                return self.unsent(error, now);
            }
        }
        Ok(())
    }

    /// A message cannot be sent. A server that turns us away says so and hangs up: what it said is there still.
    fn unsent(&mut self, error: io::Error, now: Instant) -> Result<(), client::Error> {
        if self.state == State::Opening {
            let mut bytes = [0; LAST_WORDS];
            if let Ok(Some(length)) = self.connection.read_into(&mut bytes) {
                let client = &mut self.client;
                self.framing.handle(&bytes[..length], |part| {
                    if let Part::Message(bytes) = part {
                        client.handle_input(bytes);
                    }
                });
                while self.client.poll_event(now)?.is_some() {}
            }
        }
        self.lost(error)?;
        self.state = State::Over;
        Ok(())
    }

    /// The connection failed. That is an end as good as any in answer to a goodbye, and no reason where there is a better.
    fn lost(&mut self, error: io::Error) -> Result<(), client::Error> {
        self.client.closed().map_err(|why| match why {
            ProtocolError::Refused { .. } => why.into(),
            _ => client::Error::Connection(error),
        })
    }

    fn described(&mut self, presentation: &Presentation) {
        let media = &presentation.media;
        self.leading = media.iter().position(|media| media.kind == "video").unwrap_or(0);
        let track = |media| Track {
            tally: Tally::new(media),
            payload_type: media.payload_type.unwrap_or_default(),
            pair: None,
            channels: None,
            reporter: random(),
            next_report: None,
        };
        self.tracks = media.iter().map(track).collect();
    }

    fn bind(&mut self, track: usize, now: Instant) -> io::Result<()> {
        let pair = Pair::bind(self.connection.local()?, self.server.ip().to_canonical())?;
        let (rtp, rtcp) = pair.ports()?;
        if let Some(track) = self.tracks.get_mut(track) {
            track.pair = Some(pair);
        }
        self.wishes.push(Wish::Watch(track));
        self.client.bound(rtp, rtcp, now);
        Ok(())
    }

    fn set_up(&mut self, index: usize, reply: &Reply, now: Instant) {
        let Some(track) = self.tracks.get_mut(index) else { return };
        // A server that names no channels has taken those that were asked for.
        let asked = ((2 * index).min(254) as u8, (2 * index + 1).min(255) as u8);
        track.channels = reply.tcp.then(|| reply.interleaved.unwrap_or(asked));
        track.next_report = Some(now + REPORT / 2 + REPORT.mul_f64(spread()));
        let (punch, report) = (track.punch(), rtcp::receiver_report(track.reporter, &[], &track.name()));
        if let Some(pair) = &mut track.pair {
            pair.open(reply.source, reply.server_port, &punch, &report);
        }
    }

    fn playing(&mut self, asked: Instant, now: Instant) {
        self.asked = Some(asked);
        self.heard = now;
        self.state = State::Playing;
        if self.slow.is_some() {
            self.wishes.push(Wish::Rest);
        }
    }

    /// Timers: called often enough.
    ///
    /// # Errors
    /// Why the session does not go on.
    pub(super) fn handle_time(&mut self, buffers: &mut Buffers, now: Instant) -> Result<(), client::Error> {
        let playing = self.state == State::Playing;
        match self.slow {
            // It hangs, as a whole: it does not keep itself alive either.
            Some(SlowKind::Stall) if playing => return Ok(()),
            Some(SlowKind::Trickle) if playing && self.next_byte <= now => {
                self.next_byte = now + Duration::from_secs(1);
                self.read(1, buffers, now)?;
            }
            _ => {}
        }
        if !self.connection.is_connected() && self.opened + CONNECT <= now {
            let address = self.server.to_string();
            return Err(client::Error::Connect { address, source: io::ErrorKind::TimedOut.into() });
        }
        if playing && self.slow.is_none() && self.heard + SILENCE <= now {
            return Err(client::Error::NoMedia { transport: self.transport, waited: SILENCE });
        }
        if self.connection.is_connected() && self.client.poll_timeout().is_some_and(|at| at <= now) {
            self.client.handle_timeout(now)?;
            self.converse(now)?;
        }
        let sent = self.report(now).and_then(|()| self.connection.flush());
        sent.or_else(|error| self.unsent(error, now))
    }

    fn report(&mut self, now: Instant) -> io::Result<()> {
        for track in &mut self.tracks {
            if track.next_report.is_some_and(|at| at <= now) {
                track.next_report = Some(now + REPORT.mul_f64(0.5 + spread()));
                let block = track.tally.report(now);
                let report = rtcp::receiver_report(track.reporter, block.as_slice(), &track.name());
                track.send_control(&mut self.connection, &report)?;
            }
        }
        Ok(())
    }

    /// Ends the session.
    pub(super) fn leave(&mut self, now: Instant) {
        for track in &mut self.tracks {
            if track.next_report.take().is_some() {
                let bye = rtcp::receiver_bye(track.reporter, &track.name());
                // Whether it arrives or not, TEARDOWN says the same.
                let _ = track.send_control(&mut self.connection, &bye);
            }
        }
        self.state = State::Leaving;
        self.client.tear_down(now);
        if self.converse(now).is_err() {
            self.state = State::Over;
        }
    }
}

impl Track {
    /// An RTP packet without a payload: opens a firewall for those that come the other way.
    fn punch(&self) -> [u8; 12] {
        let mut packet = [0; 12];
        packet[0] = 0x80;
        packet[1] = self.payload_type & 0x7f;
        packet[8..].copy_from_slice(&self.reporter.to_be_bytes());
        packet
    }

    fn send_control(&self, connection: &mut Connection, packet: &[u8]) -> io::Result<()> {
        match (&self.pair, self.channels) {
            (Some(pair), _) => pair.send_control(packet),
            (None, Some((_, channel))) => {
                let [high, low] = (packet.len() as u16).to_be_bytes();
                connection.send(&[&[b'$', channel, high, low], packet].concat())?;
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!("lenslet-{:08x}", self.reporter)
    }
}

/// From 0 to 1, so that reports of many do not go out together.
fn spread() -> f64 {
    f64::from(random()) / f64::from(u32::MAX)
}

fn random() -> u32 {
    getrandom::u32().unwrap_or(1)
}

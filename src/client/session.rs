//! One session with a server, from its URL to its goodbye.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use smol::Async;
use smol::future::{FutureExt, or};

use super::Error;
use super::sockets::{Connection, Pair};
use super::track::{Track, Unit};
use crate::clock;
use crate::rtsp::client::{self as protocol, Client, Settings, Transport, Url};
use crate::rtsp::message::framed;
use crate::sdp::presentation::Presentation;

/// A server is reached within this time.
const CONNECT: Duration = Duration::from_secs(10);

/// Packets come within this time of PLAY, and never stay away for longer: longer by TCP, where
/// nothing keeps them off but the server itself.
const NO_DATAGRAMS: Duration = Duration::from_secs(5);
const NO_FRAMES: Duration = Duration::from_secs(10);

/// Read from the connection at once.
const READ: usize = 64 << 10;

/// The same of one that takes nothing any more.
const LAST_WORDS: usize = 4 << 10;

/// What a session tells.
#[derive(Debug)]
pub enum Event {
    /// What the server offers.
    Described(Presentation),
    /// The server plays.
    Playing {
        /// Since it was asked to.
        after: Duration,
    },
    /// The first packet of any track came.
    Started,
    /// An access unit of a track that is understood.
    Unit {
        /// Which track: see [`Session::tracks`].
        track: usize,
        /// The access unit.
        unit: Unit,
    },
    /// A request was answered after this time.
    RoundTrip(Duration),
    /// Another server is to be asked: connect there.
    Redirected(String),
    /// It is over, as [`Session::tear_down`] asked.
    Over,
}

/// A session with a server.
pub struct Session {
    transport: Transport,
    client: Client,
    connection: Connection,
    server: IpAddr,
    local: IpAddr,
    tracks: Vec<Track>,
    pairs: Vec<Option<Pair>>,
    events: VecDeque<Event>,
    buffer: Vec<u8>,
    /// Since PLAY was answered or the last packet came.
    quiet_since: Option<Instant>,
    started: bool,
    strangers: u64,
}

impl Session {
    /// Connects, and begins to ask. Call [`Session::next`] until it ends.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn connect(url: &Url, settings: Settings) -> Result<Self, Error> {
        let failed = |source| Error::Connect { address: format!("{}:{}", url.host(), url.port()), source };
        let late = async {
            smol::Timer::after(CONNECT).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        let stream =
            or(async_net::TcpStream::connect((url.host(), url.port())), late).await.map_err(failed)?;
        let stream: Arc<Async<std::net::TcpStream>> = stream.into();
        let (server, local) = addresses(&stream).map_err(failed)?;
        Ok(Self {
            transport: settings.transport,
            client: Client::new(url.clone(), settings, clock::now()),
            connection: Connection::new(stream),
            server,
            local,
            tracks: Vec::new(),
            pairs: Vec::new(),
            events: VecDeque::new(),
            buffer: Vec::new(),
            quiet_since: None,
            started: false,
            strangers: 0,
        })
    }

    /// The tracks, as the media sections of the description stand there.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Datagrams that came from somebody else.
    pub fn strangers(&self) -> u64 {
        self.strangers
    }

    /// Ends the session: [`Event::Over`] follows.
    pub fn tear_down(&mut self) {
        for (index, track) in self.tracks.iter_mut().enumerate() {
            if let Some(bye) = track.bye() {
                let control = Control { pair: self.pairs.get(index), connection: &mut self.connection };
                // Whether it arrives or not, TEARDOWN says the same.
                let _ = control.send(track, &bye);
            }
        }
        self.client.tear_down(clock::now());
    }

    /// What happens next. Nothing is lost if the future is dropped before it is ready.
    ///
    /// # Errors
    /// Why the session cannot go on.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            self.handle_protocol()?;
            self.handle_time()?;
            self.send()?;
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.ready().await;
            self.read()?;
        }
    }

    fn handle_protocol(&mut self) -> Result<(), Error> {
        while let Some(event) = self.client.poll_event(clock::now())? {
            match event {
                protocol::Event::Described(presentation) => self.described(presentation),
                protocol::Event::Bind { track } => self.bind(track).map_err(Error::Connection)?,
                protocol::Event::SetUp { track, reply } => self.set_up(track, &reply),
                protocol::Event::Playing { after } => {
                    self.quiet_since = Some(clock::now());
                    self.events.push_back(Event::Playing { after });
                }
                protocol::Event::Interleaved { track, control, data } => {
                    self.handle_packet(track, &data, control)
                }
                protocol::Event::RoundTrip(time) => self.events.push_back(Event::RoundTrip(time)),
                protocol::Event::Redirected { location } => {
                    self.events.push_back(Event::Redirected(location))
                }
                protocol::Event::Over => self.events.push_back(Event::Over),
            }
        }
        Ok(())
    }

    fn described(&mut self, presentation: Presentation) {
        let wait = if self.transport == Transport::Udp { Track::REORDER } else { Duration::ZERO };
        self.tracks = presentation.media.iter().map(|media| Track::new(media.clone(), wait)).collect();
        self.pairs.resize_with(self.tracks.len(), || None);
        self.events.push_back(Event::Described(presentation));
    }

    fn bind(&mut self, track: usize) -> io::Result<()> {
        let pair = Pair::bind(self.local)?;
        let (rtp, rtcp) = pair.ports()?;
        if let Some(place) = self.pairs.get_mut(track) {
            *place = Some(pair);
        }
        self.client.bound(rtp, rtcp, clock::now());
        Ok(())
    }

    fn set_up(&mut self, track: usize, reply: &protocol::Reply) {
        let Some(known) = self.tracks.get_mut(track) else { return };
        known.set_up(reply, clock::now());
        if let Some(Some(pair)) = self.pairs.get_mut(track) {
            let source = reply.source.map(|source| source.to_canonical());
            pair.open(self.server, source, reply.server_port, &known.punch(), &known.empty_report());
        }
    }

    fn handle_packet(&mut self, track: usize, packet: &[u8], control: bool) {
        let now = clock::now();
        let Some(known) = self.tracks.get_mut(track) else { return };
        self.quiet_since = self.quiet_since.map(|_| now);
        // Some servers send before they have answered PLAY.
        if !std::mem::replace(&mut self.started, true) {
            self.events.push_back(Event::Started);
        }
        known.handle_packet(packet, control, now);
        while let Some(unit) = known.poll_unit(now) {
            self.events.push_back(Event::Unit { track, unit });
        }
    }

    fn handle_time(&mut self) -> Result<(), Error> {
        let now = clock::now();
        self.client.handle_timeout(now)?;
        for (index, track) in self.tracks.iter_mut().enumerate() {
            while let Some(unit) = track.poll_unit(now) {
                self.events.push_back(Event::Unit { track: index, unit });
            }
            if let Some(report) = track.poll_report(now) {
                let control = Control { pair: self.pairs.get(index), connection: &mut self.connection };
                control.send(track, &report).map_err(Error::Connection)?;
            }
        }
        match self.quiet_since {
            Some(since) if since + self.patience() <= now => {
                Err(Error::NoMedia { transport: self.transport, waited: self.patience() })
            }
            _ => Ok(()),
        }
    }

    fn patience(&self) -> Duration {
        if self.transport == Transport::Udp { NO_DATAGRAMS } else { NO_FRAMES }
    }

    fn send(&mut self) -> Result<(), Error> {
        self.write().or_else(|error| {
            // A server that turns us away says so and hangs up: what it said is there still.
            let mut bytes = [0; LAST_WORDS];
            if let Ok(Some(length)) = self.connection.read(&mut bytes) {
                self.client.handle_input(&bytes[..length]);
                self.handle_protocol()?;
            }
            self.lost(error)
        })
    }

    fn write(&mut self) -> io::Result<()> {
        while let Some(message) = self.client.poll_output() {
            self.connection.send(&message)?;
        }
        self.connection.flush()
    }

    /// The connection failed. That is an end as good as any in answer to a goodbye, and no reason where there is a better.
    fn lost(&mut self, error: io::Error) -> Result<(), Error> {
        self.client.closed().map_err(|why| match why {
            protocol::Error::Refused { .. } => why.into(),
            _ => Error::Connection(error),
        })
    }

    /// Waits for a socket or a timeout.
    async fn ready(&self) {
        let quiet = self.quiet_since.map(|since| since + self.patience());
        let tracks = self.tracks.iter().filter_map(Track::poll_timeout);
        let due = tracks.chain(self.client.poll_timeout()).chain(quiet).min();
        let mut timer = due.map_or_else(smol::Timer::never, smol::Timer::at);
        poll_fn(|context| {
            // Each has to be asked, so that each wakes.
            let mut ready = self.connection.poll_ready(context).is_ready();
            for pair in self.pairs.iter().flatten() {
                ready |= pair.poll_ready(context).is_ready();
            }
            ready |= timer.poll(context).is_ready();
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn read(&mut self) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = self.read_into(&mut buffer);
        self.buffer = buffer;
        done
    }

    fn read_into(&mut self, buffer: &mut Vec<u8>) -> Result<(), Error> {
        for track in 0..self.pairs.len() {
            let Some(pair) = self.pairs[track].take() else { continue };
            let others = pair.read(buffer, |packet, control| self.handle_packet(track, packet, control));
            self.pairs[track] = Some(pair);
            self.strangers += others.map_err(Error::Connection)?;
        }
        buffer.resize(READ, 0);
        match self.connection.read(buffer) {
            Ok(None) => Ok(()),
            Ok(Some(0)) => Ok(self.client.closed()?),
            Ok(Some(length)) => {
                self.client.handle_input(&buffer[..length]);
                Ok(())
            }
            Err(error) => self.lost(error),
        }
    }
}

/// Where a track's RTCP goes.
struct Control<'a> {
    pair: Option<&'a Option<Pair>>,
    connection: &'a mut Connection,
}

impl Control<'_> {
    fn send(self, track: &Track, packet: &[u8]) -> io::Result<()> {
        match (self.pair, track.control_channel()) {
            (Some(Some(pair)), _) => pair.send_control(packet),
            (_, Some(channel)) => self.connection.send(&framed(channel, packet))?,
            _ => {}
        }
        Ok(())
    }
}

/// The server's address and ours.
fn addresses(stream: &Async<std::net::TcpStream>) -> io::Result<(IpAddr, IpAddr)> {
    stream.get_ref().set_nodelay(true)?;
    let canonical = |address: SocketAddr| address.ip().to_canonical();
    Ok((canonical(stream.get_ref().peer_addr()?), canonical(stream.get_ref().local_addr()?)))
}

//! From a URL to media: which request comes next, and what the answers mean.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::exchange::{Exchange, Incoming, PATIENCE};
use super::{Error, Reply, Url, reply};
use crate::rtsp::message::{Method, Request, Response, Status};
use crate::sdp::presentation::{MediaSection, Presentation};

/// A server that names no timeout means this one
/// ([RFC 2326 section 12.37](https://www.rfc-editor.org/rfc/rfc2326#section-12.37)).
const TIMEOUT: Duration = Duration::from_secs(60);

/// Some cameras end a session after 30 s whatever they announce.
const LONGEST_SILENCE: Duration = Duration::from_secs(25);

/// A server's goodbye is waited for this long.
const GOODBYE: Duration = Duration::from_secs(1);

/// How packets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// As datagrams.
    Udp,
    /// Interleaved with RTSP on its connection.
    Tcp,
}

/// How to ask.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How packets shall come.
    pub transport: Transport,
    /// Keep the session alive by OPTIONS even where the server knows GET_PARAMETER.
    pub keep_alive_by_options: bool,
}

/// What a client tells its shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What the server offers. Tracks are counted as their media sections stand there.
    Described(Presentation),
    /// By UDP: bind a pair of ports for this track and say which by [`Client::bound`].
    Bind {
        /// Which track.
        track: usize,
    },
    /// A track is set up; its packets may come from now on.
    SetUp {
        /// Which track.
        track: usize,
        /// How the server sends it.
        reply: Reply,
    },
    /// The server plays.
    Playing {
        /// Since it was asked to.
        after: Duration,
    },
    /// An interleaved frame of a track.
    Interleaved {
        /// Which track.
        track: usize,
        /// RTCP rather than RTP, as the channel says.
        control: bool,
        /// The packet.
        data: Vec<u8>,
    },
    /// A request that costs the server nothing was answered after this time.
    RoundTrip(Duration),
    /// Ask there instead.
    Redirected {
        /// The URL.
        location: String,
    },
    /// It is over, as [`Client::tear_down`] asked.
    Over,
}

/// The protocol of one client.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    url: Url,
    exchange: Exchange,
    state: State,
    session: Option<String>,
    timeout: Duration,
    /// The next keep-alive's time, while the session needs any.
    alive: Option<Instant>,
    keep_alive: Method,
    /// The URL of the whole presentation.
    aggregate: String,
    tracks: Vec<Track>,
    events: VecDeque<Event>,
    /// What OPTIONS was refused with: where the server hangs up then, that is why.
    turned_away: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Options,
    Describe,
    /// Waits for the shell's ports.
    Bind(usize),
    Setup(usize),
    Play,
    Playing,
    /// Since when.
    Teardown(Instant),
    Over,
}

#[derive(Debug)]
struct Track {
    url: String,
    /// Media that cannot be asked for is left out.
    wanted: bool,
    channels: Option<(u8, u8)>,
}

impl Client {
    /// Begins a conversation.
    pub fn new(url: Url, settings: Settings, now: Instant) -> Self {
        let agent = concat!("Lenslet/", env!("CARGO_PKG_VERSION"));
        let mut client = Self {
            settings,
            exchange: Exchange::new(&url, agent),
            state: State::Options,
            session: None,
            timeout: TIMEOUT,
            alive: None,
            keep_alive: Method::Options,
            aggregate: url.request().to_owned(),
            url,
            tracks: Vec::new(),
            events: VecDeque::new(),
            turned_away: None,
        };
        client.exchange.ask(Method::Options, client.url.request(), &[], now);
        client
    }

    /// Bytes that arrived.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        self.exchange.handle_input(bytes);
    }

    /// Bytes to send, a message at a time.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        self.exchange.poll_output()
    }

    /// What the shell is to know or do next.
    ///
    /// # Errors
    /// Why it cannot go on; the client is over then.
    pub fn poll_event(&mut self, now: Instant) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.state == State::Over {
                return Ok(None);
            }
            let done = self.exchange.poll(now).and_then(|incoming| match incoming {
                Some(incoming) => self.handle(incoming, now).map(|()| true),
                None => Ok(false),
            });
            match done {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // Whatever is wrong with a goodbye does not matter any more.
                Err(_) if matches!(self.state, State::Teardown(_)) => self.over(),
                Err(error) => {
                    self.state = State::Over;
                    return Err(error);
                }
            }
        }
    }

    /// The ports that [`Event::Bind`] asked for.
    pub fn bound(&mut self, rtp: u16, rtcp: u16, now: Instant) {
        if let State::Bind(track) = self.state {
            self.set_up(track, &format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}"), now);
        }
    }

    /// Ends the session: always, since some servers would send on to whoever connects next.
    pub fn tear_down(&mut self, now: Instant) {
        match (&self.session, self.state) {
            (_, State::Teardown(_) | State::Over) => {}
            (None, _) => self.over(),
            (Some(session), _) => {
                self.exchange.ask(Method::Teardown, &self.aggregate, &[("Session", session)], now);
                self.state = State::Teardown(now);
            }
        }
    }

    /// The connection is gone.
    ///
    /// # Errors
    /// That it was still needed; what the server said before, if it turned us away.
    pub fn closed(&mut self) -> Result<(), Error> {
        let needed = !matches!(self.state, State::Teardown(_) | State::Over);
        self.over();
        if !needed {
            return Ok(());
        }
        let turned_away = self.turned_away.take();
        Err(turned_away.unwrap_or(Error::Closed { unanswered: self.exchange.unanswered() }))
    }

    /// When [`Client::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Over | State::Bind(_) => None,
            State::Teardown(since) => Some(since + GOODBYE),
            _ => self.exchange.overdue().into_iter().chain(self.alive).min(),
        }
    }

    /// The time of [`Client::poll_timeout`] may have come.
    ///
    /// # Errors
    /// The server is silent where an answer is needed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return Ok(());
        }
        match self.state {
            State::Teardown(_) => self.over(),
            State::Playing => {
                if self.exchange.overdue().is_some_and(|overdue| overdue <= now) {
                    // Cameras are seen that answer no keep-alive, or not that one: media tells who lives.
                    self.exchange.give_up();
                    self.keep_alive = Method::Options;
                }
                self.keep_alive(now);
            }
            _ => {
                self.state = State::Over;
                let method = self.exchange.unanswered().unwrap_or(Method::Options);
                return Err(Error::Silent { method, waited: PATIENCE });
            }
        }
        Ok(())
    }

    fn over(&mut self) {
        if self.state != State::Over {
            self.state = State::Over;
            self.events.push_back(Event::Over);
        }
    }

    fn keep_alive(&mut self, now: Instant) {
        if self.alive.is_some_and(|at| at <= now) {
            let session = self.session.clone().unwrap_or_default();
            self.exchange.ask(self.keep_alive.clone(), &self.aggregate, &[("Session", &session)], now);
            self.alive = Some(now + self.interval());
        }
    }

    /// Half the timeout, as everybody does, and never so long that impatient cameras hang up.
    fn interval(&self) -> Duration {
        (self.timeout / 2).clamp(Duration::from_secs(1), LONGEST_SILENCE)
    }

    fn handle(&mut self, incoming: Incoming, now: Instant) -> Result<(), Error> {
        match incoming {
            Incoming::Interleaved { channel, data } => self.interleaved(channel, data),
            Incoming::Redirect { location } => self.redirect(location),
            Incoming::Answer { request, response, round_trip } => {
                self.answered(&request, &response, round_trip, now)?;
            }
        }
        Ok(())
    }

    fn interleaved(&mut self, channel: u8, data: Vec<u8>) {
        let found = self.tracks.iter().enumerate().find_map(|(track, known)| {
            let (rtp, rtcp) = known.channels?;
            (channel == rtp || channel == rtcp).then_some((track, channel == rtcp))
        });
        // Frames of a channel that nobody set up are seen from servers that still send to who was here before.
        if let Some((track, control)) = found {
            self.events.push_back(Event::Interleaved { track, control, data });
        }
    }

    fn redirect(&mut self, location: String) {
        self.state = State::Over;
        self.events.push_back(Event::Redirected { location });
    }

    fn answered(
        &mut self,
        request: &Request,
        response: &Response,
        round_trip: Duration,
        now: Instant,
    ) -> Result<(), Error> {
        let ok = (200..300).contains(&response.status.0);
        let location = response.headers.get("Location");
        if let (301..=303 | 305 | 307, Some(location)) = (response.status.0, location) {
            self.redirect(location.to_owned());
            return Ok(());
        }
        if ok && matches!(request.method, Method::Options | Method::GetParameter) {
            self.events.push_back(Event::RoundTrip(round_trip));
        }
        let refused = || Error::refused(request.method.clone(), response);
        if let (State::Setup(track), false) = (self.state, ok || response.status == Status(461)) {
            return self.not_set_up(track, refused(), now);
        }
        match self.state {
            State::Options => {
                self.turned_away = (!ok).then(refused);
                self.options(response, now);
            }
            State::Describe if ok => {
                self.turned_away = None;
                self.described(response, now)?;
            }
            State::Setup(track) if ok => self.was_set_up(track, response, now)?,
            State::Play if ok => self.playing(round_trip, now),
            State::Teardown(_) => self.over(),
            // Only an unknown session ends what plays.
            State::Playing if response.status != Status(454) => {
                if !ok {
                    self.keep_alive = Method::Options;
                }
            }
            State::Over | State::Bind(_) => {}
            _ => return Err(refused()),
        }
        Ok(())
    }

    /// Whatever it answers, DESCRIBE tells more.
    fn options(&mut self, response: &Response, now: Instant) {
        let mut public = response.headers.all("Public").flat_map(|value| value.split(','));
        if !self.settings.keep_alive_by_options
            && public.any(|method| method.trim().eq_ignore_ascii_case("GET_PARAMETER"))
        {
            self.keep_alive = Method::GetParameter;
        }
        self.state = State::Describe;
        self.exchange.ask(Method::Describe, self.url.request(), &[("Accept", "application/sdp")], now);
    }

    fn described(&mut self, response: &Response, now: Instant) -> Result<(), Error> {
        let presentation = Presentation::parse(&String::from_utf8_lossy(&response.body));
        let field = response.headers.get("Content-Base").or_else(|| response.headers.get("Content-Location"));
        let base = reply::base(field, self.url.request());
        self.aggregate = reply::control(&base, presentation.control.as_deref());
        self.tracks = presentation.media.iter().map(|media| Track::new(media, &base)).collect();
        if !self.tracks.iter().any(|track| track.wanted) {
            let what = "offers no track that can be played".to_owned();
            return Err(Error::Incomplete { method: Method::Describe, what });
        }
        self.events.push_back(Event::Described(presentation));
        self.next_track(0, now);
        Ok(())
    }

    /// A track that the server does not give is done without, if there is another.
    fn not_set_up(&mut self, track: usize, refused: Error, now: Instant) -> Result<(), Error> {
        if let Some(known) = self.tracks.get_mut(track) {
            known.wanted = false;
        }
        if !self.tracks.iter().any(|track| track.wanted) {
            return Err(refused);
        }
        self.next_track(track + 1, now);
        Ok(())
    }

    /// Sets up the first wanted track from `first` on; plays when there is none.
    fn next_track(&mut self, first: usize, now: Instant) {
        let Some(track) = (first..self.tracks.len()).find(|track| self.tracks[*track].wanted) else {
            return self.play(now);
        };
        match self.settings.transport {
            Transport::Udp => {
                self.state = State::Bind(track);
                self.events.push_back(Event::Bind { track });
            }
            Transport::Tcp => {
                let rtp = (2 * track).min(254);
                self.set_up(track, &format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{}", rtp + 1), now);
            }
        }
    }

    fn set_up(&mut self, track: usize, transport: &str, now: Instant) {
        let mut fields = vec![("Transport", transport)];
        if let Some(session) = &self.session {
            fields.push(("Session", session));
        }
        let Some(url) = self.tracks.get(track).map(|track| &track.url) else { return };
        self.exchange.ask(Method::Setup, url, &fields, now);
        self.state = State::Setup(track);
    }

    fn was_set_up(&mut self, track: usize, response: &Response, now: Instant) -> Result<(), Error> {
        let lacks = |what: &str| Error::Incomplete { method: Method::Setup, what: what.to_owned() };
        let session = response.headers.get("Session").and_then(reply::session);
        // A camera may name another one with each track: the newest counts.
        let (session, timeout) = session.ok_or_else(|| lacks("names no session"))?;
        self.session = Some(session);
        self.timeout = timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(self.timeout);
        let transport = response.headers.get("Transport").ok_or_else(|| lacks("names no transport"))?;
        let chosen = Reply::parse(transport);
        if chosen.tcp != (self.settings.transport == Transport::Tcp) {
            return Err(lacks(&format!("has another transport than was asked for: {transport}")));
        }
        let asked = ((2 * track).min(254) as u8, (2 * track + 1).min(255) as u8);
        if let Some(known) = self.tracks.get_mut(track).filter(|_| chosen.tcp) {
            known.channels = chosen.interleaved.or(Some(asked));
        }
        self.events.push_back(Event::SetUp { track, reply: chosen });
        self.next_track(track + 1, now);
        Ok(())
    }

    fn play(&mut self, now: Instant) {
        let session = self.session.clone().unwrap_or_default();
        let fields = [("Session", &*session), ("Range", "npt=0.000-")];
        self.exchange.ask(Method::Play, &self.aggregate, &fields, now);
        self.state = State::Play;
    }

    fn playing(&mut self, after: Duration, now: Instant) {
        self.state = State::Playing;
        self.alive = Some(now + self.interval());
        self.events.push_back(Event::Playing { after });
    }
}

impl Track {
    fn new(media: &MediaSection, base: &str) -> Self {
        let url = reply::control(base, media.control.as_deref());
        let wanted = media.clock_rate > 0 && media.payload_type.is_some();
        Self { url, wanted, channels: None }
    }
}

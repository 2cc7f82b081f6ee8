//! One connection: requests in order, one waiting for the house at a time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::claim;
use super::methods;
use super::outcome::{Caller, Kind, Outcome};
use super::sessions::Sessions;
use super::{Answer, Event, SessionId};
use crate::plain::is_harmful;
use crate::rtsp::auth::Identity;
use crate::rtsp::message::{Request, Response};
use crate::rtsp::parser::{Foreign, Invalid, Item, Parser, repeatable};
use crate::rtsp::url;

/// The first request, and of each that begins its end, comes within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whose session ended for its silence has so long to ask, and be told so.
const TO_ASK: Duration = Duration::from_secs(2);

/// Somebody opened the port in a browser.
const HTTP: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 57\r\n\
    Connection: close\r\n\r\nThis port speaks RTSP: open rtsp://... in a video player.";

/// Bytes that may wait while a request is being answered.
const MOST_PENDING: usize = 256 << 10;

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The client.
    pub addr: SocketAddr,
    /// We.
    pub local: SocketAddr,
}

/// Characters of a client's own name that are kept.
const AGENT: usize = 128;

/// The protocol of one connection.
#[derive(Debug)]
pub struct Connection {
    caller: Caller,
    parser: Parser,
    /// In a box, while there is anything: most connections are silent most of the time.
    work: Option<Box<Work>>,
    /// Since when no request came: neither empty lines nor interleaved frames are one.
    silent: Option<Instant>,
    /// There was a request.
    asked: bool,
    /// What program asks, as it says.
    agent: Option<Arc<str>>,
}

/// What is to be done yet.
#[derive(Debug, Default)]
struct Work {
    output: VecDeque<Vec<u8>>,
    /// The request whose answer is awaited.
    waiting: Option<Waiting>,
    /// What its request asks of the house, now that it is known who makes it.
    next: Option<Event>,
    close: Option<String>,
    /// Since when something waits for its end.
    half: Option<Instant>,
}

/// A request that waits for the house, with what its reply needs.
#[derive(Debug)]
struct Waiting {
    request: Request,
    kind: Kind,
}

impl Connection {
    /// A new connection; `number` tells it from all others.
    pub fn new(peer: Peer, number: u64) -> Self {
        Self {
            caller: Caller { number, ends: peer, user: None, advertised: None, own: None },
            parser: Parser::of_client(),
            work: None,
            silent: None,
            asked: false,
            agent: None,
        }
    }

    /// The same, with the host and port by which clients reach us in place of the connection's own where a URI
    /// names none.
    pub fn advertising(mut self, authority: String) -> Self {
        self.caller.advertised = Some(authority.into());
        self
    }

    /// What program asks, as it said last in `User-Agent`: at most 128 characters, none that would act on a terminal.
    pub fn agent(&self) -> Option<&Arc<str>> {
        self.agent.as_ref()
    }

    /// Its ends.
    pub fn ends(&self) -> Peer {
        self.caller.ends
    }

    /// Who made the last request that was let in, if there are users.
    pub fn user(&self) -> Option<Arc<Identity>> {
        self.caller.user.clone()
    }

    /// Whether it is known whose it is: of who signed in, or set up a session that there still is.
    pub fn is_known(&self, sessions: &Sessions) -> bool {
        self.caller.user.is_some() || self.caller.own.as_ref().is_some_and(|own| sessions.contains(own))
    }

    /// Bytes that arrived.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
        if self.parser.pending() > MOST_PENDING {
            self.close("too much sent before its requests were answered");
        }
    }

    /// What the house is to do next; nothing while a request awaits its answer.
    pub fn poll_event(&mut self, sessions: &mut Sessions, now: Instant, wall: SystemTime) -> Option<Event> {
        if let Some(next) = self.work.as_mut().and_then(|work| work.next.take()) {
            return Some(next);
        }
        while self.work.as_ref().is_none_or(|work| work.waiting.is_none()) {
            if let Some(reason) = self.work.as_mut().and_then(|work| work.close.take()) {
                return Some(Event::Close { reason });
            }
            let Some(item) = self.parser.poll() else {
                self.falls_silent(sessions, now);
                self.waits_for_more(now);
                return None;
            };
            self.work.iter_mut().for_each(|work| work.half = None);
            match item {
                Item::Interleaved { channel, data } => {
                    self.touch_own(sessions, now);
                    return Some(Event::Interleaved { channel, data });
                }
                Item::Response(_) => {}
                Item::Invalid(invalid) => {
                    sessions.counts.large += u64::from(matches!(invalid.status.0, 413 | 414));
                    self.refuse(&invalid, wall);
                }
                Item::Request(request) => {
                    (self.silent, self.asked) = (None, true);
                    if let Some(event) = self.request(request, sessions, now, wall) {
                        return Some(event);
                    }
                }
            }
        }
        None
    }

    /// The house's answer to the event last given.
    pub fn answer(&mut self, sessions: &mut Sessions, now: Instant, wall: SystemTime, answer: Answer) {
        let waiting = self.work.as_mut().and_then(|work| work.waiting.take());
        let Some(Waiting { request, kind }) = waiting else { return };
        if let Kind::SignIn = kind {
            return self.signed_in(request, answer, sessions, now, wall);
        }
        let response = methods::answered(&mut self.caller, sessions, now, &request, kind, answer);
        self.reply(&request, response, wall);
    }

    /// Replies, whole, in order.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        let work = self.work.as_mut()?;
        let reply = work.output.pop_front();
        if reply.is_none() && work.is_done() {
            self.work = None;
        }
        reply
    }

    /// When our patience with the peer is over: look at [`Connection::handle_timeout`] then.
    pub fn poll_timeout(&self, sessions: &Sessions) -> Option<Instant> {
        let silence = if self.asked { sessions.patience() } else { PATIENCE };
        let silent = self.silent.map(|since| since + silence);
        let half = self.half().map(|since| since + PATIENCE);
        silent.into_iter().chain(half).min()
    }

    /// The time of [`Connection::poll_timeout`] may have come.
    pub fn handle_timeout(&mut self, sessions: &mut Sessions, now: Instant) {
        if self.poll_timeout(sessions).is_none_or(|timeout| now < timeout) {
            return;
        }
        let holds_session = self.caller.own.as_ref().is_some_and(|own| sessions.get(own).is_some());
        if !self.asked || self.half().is_some_and(|since| now >= since + PATIENCE) {
            sessions.counts.slow += 1;
            self.close("its request did not end in time");
        } else if holds_session {
            // A session's end is the session's matter.
            self.silent = Some(now);
        } else if self.caller.own.take().is_some() {
            // It ended meanwhile, and nobody said so.
            let silence = sessions.patience();
            self.silent = now.checked_sub(silence.saturating_sub(TO_ASK)).or(Some(now));
        } else {
            self.close("it has no session and asks nothing");
        }
    }

    /// The connection is gone: the sessions that end with it. A UDP session lives on until its timeout.
    pub fn closed(&mut self, sessions: &mut Sessions) -> Vec<SessionId> {
        self.caller.own = None;
        sessions.close_interleaved(&self.caller.asker())
    }

    /// From now on, if it was not before; with the session that it has by then.
    fn falls_silent(&mut self, sessions: &Sessions, now: Instant) {
        if self.silent.is_none() {
            self.silent = Some(now);
            self.caller.own = self.caller.own.take().filter(|own| sessions.contains(own));
        }
    }

    /// Of what came, something may be half of what is to come.
    fn waits_for_more(&mut self, now: Instant) {
        if self.parser.pending() > 0 {
            self.work().half.get_or_insert(now);
        } else if let Some(work) = &mut self.work {
            work.half = None;
        }
    }

    fn half(&self) -> Option<Instant> {
        self.work.as_ref()?.half
    }

    fn touch_own(&self, sessions: &mut Sessions, now: Instant) {
        if let Some(own) = &self.caller.own {
            sessions.touch(own, now);
        }
    }

    fn request(
        &mut self,
        request: Request,
        sessions: &mut Sessions,
        now: Instant,
        wall: SystemTime,
    ) -> Option<Event> {
        // Some keep-alives carry no session: whoever talks on its connection lives.
        self.touch_own(sessions, now);
        if let Some(said) = request.headers.get("User-Agent")
            && self.agent.as_deref() != Some(said)
        {
            let plain = said.chars().take(AGENT).map(|each| if is_harmful(each) { '?' } else { each });
            self.agent = Some(sessions.name(&plain.collect::<String>()));
        }
        tracing::debug!(
            peer = %self.caller.asker().peer,
            connection = self.caller.number,
            "{} {}",
            request.method.name(),
            url::shown(&request.uri)
        );
        let outcome = match claim::of(&self.caller, self.agent.as_deref(), &request, sessions) {
            Ok(Some(claim)) => Outcome::Ask(Event::SignIn(Box::new(claim)), Kind::SignIn),
            Ok(None) => methods::dispatch(&mut self.caller, &request, sessions, now),
            Err(response) => Outcome::Reply(response),
        };
        self.come_to(outcome, request, wall)
    }

    fn come_to(&mut self, outcome: Outcome, request: Request, wall: SystemTime) -> Option<Event> {
        match outcome {
            Outcome::Reply(response) => {
                self.reply(&request, response, wall);
                None
            }
            Outcome::Ask(event, kind) => {
                self.work().waiting = Some(Waiting { request, kind });
                Some(event)
            }
        }
    }

    /// It was said who makes the request: it goes on, or is refused.
    fn signed_in(
        &mut self,
        request: Request,
        answer: Answer,
        sessions: &mut Sessions,
        now: Instant,
        wall: SystemTime,
    ) {
        let outcome = match answer {
            Answer::SignedIn(user) => {
                if self.caller.user.as_deref() != user.as_ref() {
                    self.caller.user = user.map(Arc::new);
                }
                methods::dispatch(&mut self.caller, &request, sessions, now)
            }
            refused => {
                if let Answer::Forbidden { close: true } = refused {
                    self.close("it is banned");
                }
                Outcome::Reply(claim::refused(refused))
            }
        };
        if let Some(next) = self.come_to(outcome, request, wall) {
            self.work().next = Some(next);
        }
    }

    fn reply(&mut self, request: &Request, mut response: Response, wall: SystemTime) {
        if let Some(cseq) = repeatable(&request.headers) {
            response.headers.push("CSeq", cseq);
        }
        if let Some(timestamp) = request.headers.get("Timestamp") {
            response.headers.push("Timestamp", timestamp.to_owned());
        }
        self.send(response, wall);
        if request.headers.get("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.close("asked to");
        }
    }

    fn refuse(&mut self, invalid: &Invalid, wall: SystemTime) {
        match invalid.foreign {
            Some(Foreign::Http) => self.work().output.push_back(HTTP.into()),
            // Nothing that we could say would be understood.
            Some(Foreign::Tls) => {}
            None => {
                let mut response = Response::new(invalid.status);
                if let Some(cseq) = &invalid.cseq {
                    response.headers.push("CSeq", cseq.clone());
                }
                self.send(response, wall);
            }
        }
        if invalid.fatal {
            self.close(format!("byte {}: {}", invalid.position, invalid.what));
        }
    }

    fn send(&mut self, response: Response, wall: SystemTime) {
        let server = concat!("Lenslet/", env!("CARGO_PKG_VERSION"));
        let mut complete = response.with("Server", server).with("Date", httpdate::fmt_http_date(wall));
        // CSeq before what is long: some clients read no further when they look for it.
        complete.headers.arrange(|name| match name {
            "Server" | "Date" => 0,
            "CSeq" => 1,
            "Timestamp" => 2,
            _ => 3,
        });
        let Caller { number, .. } = self.caller;
        tracing::debug!(peer = %self.caller.asker().peer, connection = number, "{}", complete.status);
        self.work().output.push_back(complete.to_bytes());
    }

    fn close(&mut self, why: impl Into<String>) {
        self.work().close = Some(why.into());
    }

    fn work(&mut self) -> &mut Work {
        self.work.get_or_insert_default()
    }
}

impl Work {
    fn is_done(&self) -> bool {
        let Self { output, waiting, next, close, half } = self;
        let asks = waiting.is_none() && next.is_none();
        output.is_empty() && asks && close.is_none() && half.is_none()
    }
}

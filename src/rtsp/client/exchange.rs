//! One request at a time, and the response that belongs to it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::credentials::Login;
use super::url::Credentials;
use super::{Error, Url};
use crate::rtsp::message::{Headers, Method, Request, Response, Status};
use crate::rtsp::parser::{Item, Parser};

/// A response comes within this time.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What came from the server.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The response to the request in flight.
    Answer { request: Request, response: Response, round_trip: Duration },
    /// A frame.
    Interleaved { channel: u8, data: Vec<u8> },
    /// The server asks to go elsewhere ([RFC 2326 section 10.10](https://www.rfc-editor.org/rfc/rfc2326#section-10.10)).
    Redirect { location: String },
}

/// The conversation's two directions.
#[derive(Debug)]
pub(super) struct Exchange {
    parser: Parser,
    output: VecDeque<Vec<u8>>,
    credentials: Option<Credentials>,
    login: Login,
    agent: &'static str,
    cseq: u32,
    sent: Option<Sent>,
}

#[derive(Debug)]
struct Sent {
    request: Request,
    cseq: u32,
    at: Instant,
    /// It was sent again, with our name.
    authorized: bool,
}

impl Exchange {
    pub(super) fn new(url: &Url, agent: &'static str) -> Self {
        Self {
            parser: Parser::new(),
            output: VecDeque::new(),
            credentials: url.credentials().cloned(),
            login: Login::default(),
            agent,
            cseq: 0,
            sent: None,
        }
    }

    /// Asks; a request that was not answered yet is given up.
    pub(super) fn ask(&mut self, method: Method, uri: &str, fields: &[(&'static str, &str)], now: Instant) {
        let mut headers = Headers::default();
        fields.iter().for_each(|(name, value)| headers.push(*name, printable(value)));
        let version = "RTSP/1.0".to_owned();
        let request = Request { method, uri: printable(uri), version, headers, body: Vec::new() };
        self.send(request, false, now);
    }

    fn send(&mut self, request: Request, authorized: bool, now: Instant) {
        self.cseq += 1;
        // CSeq first, and what identifies us: some servers read no further.
        let mut complete = Request { headers: Headers::default(), ..request.clone() };
        complete.headers.push("CSeq", self.cseq.to_string());
        complete.headers.push("User-Agent", self.agent);
        if let Some(credentials) = &self.credentials
            && let Some(authorization) = self.login.authorization(credentials, &request)
        {
            complete.headers.push("Authorization", authorization);
        }
        complete.headers.append(&request.headers);
        self.output.push_back(complete.to_bytes());
        self.sent = Some(Sent { request, cseq: self.cseq, at: now, authorized });
    }

    pub(super) fn handle_input(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
    }

    pub(super) fn poll_output(&mut self) -> Option<Vec<u8>> {
        self.output.pop_front()
    }

    /// What is asked and not yet answered.
    pub(super) fn unanswered(&self) -> Option<Method> {
        self.sent.as_ref().map(|sent| sent.request.method.clone())
    }

    /// When the answer is overdue.
    pub(super) fn overdue(&self) -> Option<Instant> {
        self.sent.as_ref().map(|sent| sent.at + PATIENCE)
    }

    /// Expects no answer any more.
    pub(super) fn give_up(&mut self) {
        self.sent = None;
    }

    /// The next thing that came.
    ///
    /// # Errors
    /// It is no RTSP, or the server does not let us in.
    pub(super) fn poll(&mut self, now: Instant) -> Result<Option<Incoming>, Error> {
        while let Some(item) = self.parser.poll() {
            match item {
                Item::Interleaved { channel, data } => {
                    return Ok(Some(Incoming::Interleaved { channel, data }));
                }
                Item::Invalid(invalid) if invalid.fatal => {
                    return Err(Error::NotRtsp { position: invalid.position, what: invalid.what });
                }
                Item::Invalid(_) => {}
                Item::Request(request) => {
                    if let Some(location) = self.asked(&request) {
                        return Ok(Some(Incoming::Redirect { location }));
                    }
                }
                Item::Response(response) => {
                    if let Some(answer) = self.answered(response, now)? {
                        return Ok(Some(answer));
                    }
                }
            }
        }
        Ok(None)
    }

    /// A server's request: keep-alives are answered, the rest is declined. Where a REDIRECT leads.
    fn asked(&mut self, request: &Request) -> Option<String> {
        let location = request.headers.get("Location").filter(|_| request.method == Method::Redirect);
        let known = matches!(request.method, Method::Options | Method::GetParameter | Method::SetParameter);
        let status = Status(if known || location.is_some() { 200 } else { 501 });
        let mut response = Response::new(status);
        if let Some(cseq) = request.headers.get("CSeq") {
            response.headers.push("CSeq", cseq.to_owned());
        }
        if request.method == Method::Options {
            response.headers.push("Public", "OPTIONS, GET_PARAMETER, SET_PARAMETER, REDIRECT");
        }
        self.output.push_back(response.to_bytes());
        location.map(str::to_owned)
    }

    fn answered(&mut self, response: Response, now: Instant) -> Result<Option<Incoming>, Error> {
        let cseq: Option<u32> = response.headers.get("CSeq").and_then(|text| text.trim().parse().ok());
        // Another number belongs to a request that was given up; none at all is taken for the one in flight.
        let ours = |sent: &mut Sent| cseq.is_none_or(|cseq| cseq == sent.cseq);
        // 1xx says that the answer will come.
        if (100..200).contains(&response.status.0) {
            return Ok(None);
        }
        let Some(Sent { request, at, authorized, .. }) = self.sent.take_if(ours) else { return Ok(None) };
        if response.status != Status(401) {
            let round_trip = now.saturating_duration_since(at);
            return Ok(Some(Incoming::Answer { request, response, round_trip }));
        }
        if self.credentials.is_none() {
            let what = "the server asks for a user and a password: rtsp://user:password@host/path";
            return Err(Error::Unauthorized(what.into()));
        }
        let stale = response.headers.all("WWW-Authenticate").any(|text| {
            let text = text.to_ascii_lowercase().replace([' ', '"'], "");
            text.contains("stale=true")
        });
        if authorized && !stale {
            return Err(Error::Unauthorized("the server does not take this user and password".into()));
        }
        self.login.challenged(&response.headers)?;
        self.send(request, true, now);
        Ok(None)
    }
}

/// What a server gave us to say again (URLs, its session's name), so that it stays one line: control
/// characters as escapes.
fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            control if control.is_control() => clean.push_str(&format!("%{:02X}", u32::from(control))),
            character => clean.push(character),
        }
    }
    clean
}

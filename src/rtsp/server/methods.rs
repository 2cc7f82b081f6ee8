//! The methods: what each request comes to, and the reply once the house has answered.

use std::time::Instant;

use super::outcome::{Caller, Kind, Outcome, status};
use super::sessions::{Sessions, State};
use super::{Answer, Event, Lower, RtpInfo, SessionId};
use crate::rtsp::header::{range, transport};
use crate::rtsp::message::{Method, Request, Response, Status};
use crate::rtsp::url::{self, Target};

/// VLC keeps a session alive only where it finds GET_PARAMETER here.
const PUBLIC: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// Who finds no place is told to come again after so many seconds.
const RETRY_AFTER: &str = "5";

/// What a request comes to.
pub(super) fn dispatch(
    caller: &mut Caller,
    request: &Request,
    sessions: &mut Sessions,
    now: Instant,
) -> Outcome {
    match check(caller, request, sessions, now) {
        Ok(Checked { target, session }) => match &request.method {
            Method::Options => Outcome::Reply(Response::new(Status(200)).with("Public", PUBLIC)),
            Method::Describe => describe(caller, request, target),
            Method::Setup => setup(caller, request, target, session, sessions, now),
            Method::Play => play(caller, request, &target, session, sessions),
            Method::Pause => pause(&target, session, sessions),
            Method::Teardown => teardown(&target, session, sessions),
            Method::GetParameter => get_parameter(request, &target, session, sessions),
            Method::SetParameter => set_parameter(request),
            Method::Announce | Method::Record | Method::Redirect => not_allowed(),
            Method::Other(_) => status(501),
        },
        Err(response) => Outcome::Reply(response),
    }
}

struct Checked {
    target: Target,
    /// The session that the request names, or the connection's own.
    session: Option<SessionId>,
}

/// What holds for every method: Require, the URI, and a session that exists.
fn check(
    caller: &Caller,
    request: &Request,
    sessions: &mut Sessions,
    now: Instant,
) -> Result<Checked, Response> {
    let fail = |code| Response::new(Status(code));
    let required = request.headers.all("Require").chain(request.headers.all("Proxy-Require"));
    let tags = required.flat_map(|value| value.split(',')).map(str::trim);
    let unknown: Vec<&str> = tags.filter(|tag| !tag.is_empty()).collect();
    // go2rtc asks for ONVIF's back channel first, and again without it once it is told that there is none.
    if !unknown.is_empty() {
        return Err(fail(551).with("Unsupported", unknown.join(", ")));
    }
    let named = match request.headers.get("Session") {
        Some(name) => Some(sessions.find(name, &caller.asker(), now).ok_or_else(|| fail(454))?),
        None => None,
    };
    if matches!(request.method, Method::Other(_)) {
        return Err(fail(501));
    }
    let starless = matches!(request.method, Method::Options | Method::GetParameter | Method::SetParameter);
    if request.uri == "*" && !starless {
        return Err(fail(400));
    }
    let session = named.as_ref().or(caller.own.as_ref());
    let target = sessions.target(&request.uri, session).map_err(Response::new)?;
    // SETUP decides for itself whether it goes on with the connection's session.
    let own = caller.own.clone().filter(|_| request.method != Method::Setup);
    let session = named.or(own).filter(|session| sessions.is_of(session, &caller.asker()));
    Ok(Checked { target, session })
}

fn not_allowed() -> Outcome {
    Outcome::Reply(Response::new(Status(405)).with("Allow", PUBLIC))
}

fn describe(caller: &Caller, request: &Request, target: Target) -> Outcome {
    let mut accepted = request.headers.all("Accept").flat_map(|value| value.split(',')).peekable();
    let wants_sdp = accepted.peek().is_none()
        || accepted.any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*" | "")
        });
    if !wants_sdp {
        return status(406);
    }
    let uri = url::base(&request.uri, &caller.authority());
    Outcome::Ask(Event::Describe { target, uri: uri.clone() }, Kind::Describe { uri })
}

/// Sets up and no more, though QuickTime brings PLAY's Range and x-playNow with it.
fn setup(
    caller: &mut Caller,
    request: &Request,
    target: Target,
    named: Option<SessionId>,
    sessions: &mut Sessions,
    now: Instant,
) -> Outcome {
    let mut transports = match transport::acceptable(request.headers.all("Transport")) {
        Ok(transports) => transports,
        Err(code) => return Outcome::Reply(Response::new(code)),
    };
    let mut replaces = None;
    let session = match named {
        // A connection carries one interleaved session: another's name would leave that one without a writer.
        Some(named) if caller.own.as_ref().is_some_and(|own| *own != named && carried(own, sessions)) => {
            return status(454);
        }
        Some(named) => match joins(&named, &target, &mut transports, sessions) {
            Ok(()) => named,
            Err(code) => return status(code),
        },
        None => {
            // Without a session's name this is either the next track of the connection's session or,
            // where it does not fit that one, a client that starts anew (ffmpeg falls back from UDP to
            // TCP like this, without a TEARDOWN).
            let own = caller.own.clone().filter(|own| continues(own, &target, &transports, sessions));
            match own {
                Some(own) => own,
                None => {
                    replaces = caller.own.take();
                    let opened = match &replaces {
                        Some(old) => sessions.replace(old, &caller.asker(), &target, now),
                        None => sessions.open(&caller.asker(), &target, now),
                    };
                    match opened {
                        Ok(session) => session,
                        Err(full) => {
                            return Outcome::Reply(Response::new(full).with("Retry-After", RETRY_AFTER));
                        }
                    }
                }
            }
        }
    };
    caller.own = Some(session.clone());
    let track = target.track;
    let event = Event::Setup { session: session.clone(), target, track, transports, replaces };
    Outcome::Ask(event, Kind::Setup { session })
}

fn carried(id: &SessionId, sessions: &mut Sessions) -> bool {
    sessions.get(id).is_some_and(|session| session.interleaved())
}

/// Whether a SETUP that names a session may be in it.
fn joins(
    id: &SessionId,
    target: &Target,
    transports: &mut Vec<Lower>,
    sessions: &mut Sessions,
) -> Result<(), u16> {
    let Some(session) = sessions.get(id) else { return Err(454) };
    if *session.path != *target.path {
        return Err(459);
    }
    // VLC takes a track up again while the others play (its live555.cpp): TEARDOWN, SETUP and PLAY by the track's URL.
    let another = target.track.is_some_and(|track| !session.tracks.contains(track));
    if session.state == State::Playing && !another {
        return Err(455);
    }
    if let Some(lower) = session.lower() {
        // Changing a reader from one transport to the other is a new session's matter.
        transports.retain(|transport| transport.same_kind(lower));
    }
    if transports.is_empty() { Err(461) } else { Ok(()) }
}

/// Whether a SETUP without a session's name goes on with the connection's own.
fn continues(id: &SessionId, target: &Target, transports: &[Lower], sessions: &mut Sessions) -> bool {
    let Some(session) = sessions.get(id) else { return false };
    let (Some(track), Some(lower)) = (target.track, session.lower()) else { return false };
    session.state == State::Ready
        && *session.path == *target.path
        && !session.tracks.contains(track)
        && transports.first().is_some_and(|first| first.same_kind(lower))
}

fn play(
    caller: &Caller,
    request: &Request,
    target: &Target,
    session: Option<SessionId>,
    sessions: &mut Sessions,
) -> Outcome {
    let Some(id) = session else { return status(454) };
    let Some(session) = sessions.get(&id) else { return status(454) };
    if !session.is_of(target) {
        return status(404);
    }
    if session.state == State::Init {
        return status(455);
    }
    let playing = session.state == State::Playing;
    match target.track {
        Some(track) if playing && !session.tracks.contains(track) => return status(404),
        // While the others play, VLC plays a track that it took up again by its URL.
        Some(_) if !playing && session.tracks.len() > 1 => return status(460),
        _ => {}
    }
    if let Err(code) = scales(request) {
        return status(code);
    }
    let range = match range::live(request.headers.get("Range")) {
        Ok(range) => range,
        Err(code) => return Outcome::Reply(Response::new(code)),
    };
    let base = url::base(&request.uri, &caller.authority());
    let uri = if target.track.is_some() { url::without_track(&base) } else { base };
    let event = Event::Play { session: id.clone(), uri: uri.clone() };
    Outcome::Ask(event, Kind::Play { session: id, uri, range })
}

/// Scale and Speed have to be numbers and not nothing; what is played is live, at 1. Recorders (Dahua's among them) send
/// them, and Rate-Control, with live PLAYs too.
fn scales(request: &Request) -> Result<(), u16> {
    for name in ["Scale", "Speed"] {
        if let Some(text) = request.headers.get(name) {
            let number: f64 = text.trim().parse().map_err(|_| 400u16)?;
            if !number.is_finite() || number == 0.0 {
                return Err(400);
            }
        }
    }
    Ok(())
}

fn pause(target: &Target, session: Option<SessionId>, sessions: &mut Sessions) -> Outcome {
    let Some(id) = session else { return status(454) };
    match sessions.get(&id) {
        None => status(454),
        Some(session) if !session.is_of(target) => status(404),
        Some(session) if session.state == State::Init => status(455),
        Some(session) if target.track.is_some() && session.tracks.len() > 1 => status(460),
        Some(_) => Outcome::Ask(Event::Pause { session: id.clone() }, Kind::Pause { session: id }),
    }
}

fn teardown(target: &Target, session: Option<SessionId>, sessions: &mut Sessions) -> Outcome {
    let Some(id) = session else { return status(454) };
    let Some(session) = sessions.get(&id) else { return status(454) };
    if !session.is_of(target) {
        return status(404);
    }
    if let Some(track) = target.track {
        if session.tracks.len() > 1 {
            if !session.tracks.remove(track) {
                return status(404);
            }
            let kind = Kind::Teardown { session: Some(id.clone()) };
            return Outcome::Ask(Event::Teardown { session: id, track: Some(track) }, kind);
        }
        if !session.tracks.contains(track) {
            return status(404);
        }
    }
    sessions.close(&id);
    Outcome::Ask(Event::Teardown { session: id, track: None }, Kind::Teardown { session: None })
}

/// Without names it is a keep-alive, wherever it points.
fn get_parameter(
    request: &Request,
    target: &Target,
    session: Option<SessionId>,
    sessions: &mut Sessions,
) -> Outcome {
    let names = parameter_names(&request.body);
    if names.is_empty() {
        return Outcome::Reply(alive(session.as_ref()));
    }
    if session.as_ref().and_then(|id| sessions.get(id)).is_some_and(|session| !session.is_of(target)) {
        return status(404);
    }
    let event = Event::Parameters { session: session.clone(), names: names.clone() };
    Outcome::Ask(event, Kind::Parameters { session, names })
}

/// Nothing can be set: an empty body is a keep-alive, anything else is not understood.
fn set_parameter(request: &Request) -> Outcome {
    if parameter_names(&request.body).is_empty() { Outcome::Reply(alive(None)) } else { status(451) }
}

fn alive(session: Option<&SessionId>) -> Response {
    let response = Response::new(Status(200));
    match session {
        Some(session) => response.with("Session", session.to_string()),
        None => response,
    }
}

/// Names of `text/parameters`: a line each, whatever stands behind a colon.
fn parameter_names(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let names = text.lines().map(|line| line.split(':').next().unwrap_or_default().trim().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// The reply, now that the house has answered.
pub(super) fn answered(
    caller: &mut Caller,
    sessions: &mut Sessions,
    now: Instant,
    request: &Request,
    kind: Kind,
    answer: Answer,
) -> Response {
    let ok = Response::new(Status(200));
    match (kind, answer) {
        (kind, Answer::Failed { status, retry_after, .. }) => {
            failed(caller, sessions, kind, status, retry_after)
        }
        (Kind::Describe { uri }, Answer::Described { sdp }) => described(ok, &uri, sdp),
        (Kind::Setup { session }, Answer::Ready { track, tracks, chosen, ssrc, server_port }) => {
            let profile = transport::profile(request.headers.all("Transport"), &chosen);
            let header = transport_header(profile, &chosen, ssrc, server_port);
            let timeout = sessions.timeout().as_secs();
            if let Some(entry) = sessions.get(&session) {
                entry.tracks.insert(track, chosen);
                entry.of = tracks;
                if entry.state == State::Init {
                    entry.state = State::Ready;
                }
            }
            // No blank behind the semicolon: ffmpeg would not see the timeout.
            ok.with("Session", format!("{session};timeout={timeout}")).with("Transport", header)
        }
        (Kind::Play { session, uri, range }, Answer::Playing { rtp_info }) => {
            sessions.plays(&session, now);
            playing(ok, request, &session, &uri, range, &rtp_info)
        }
        (Kind::Pause { session }, Answer::Done) => {
            set_state(sessions, &session, State::Ready);
            ok.with("Session", session.to_string())
        }
        (Kind::Teardown { session }, Answer::Done) => alive(session.as_ref()),
        (Kind::Parameters { session, names }, Answer::Values(values)) => {
            parameters(session.as_ref(), &names, &values)
        }
        _ => Response::new(Status(500)),
    }
}

/// A session whose first SETUP failed is none.
fn failed(
    caller: &mut Caller,
    sessions: &mut Sessions,
    kind: Kind,
    status: Status,
    retry_after: Option<u32>,
) -> Response {
    if let Kind::Setup { session } = kind
        && sessions.get(&session).is_none_or(|entry| entry.tracks.is_empty())
    {
        sessions.close(&session);
        caller.own = caller.own.take().filter(|own| *own != session);
    }
    match retry_after {
        Some(seconds) => Response::new(status).with("Retry-After", seconds.to_string()),
        None => Response::new(status),
    }
}

fn described(ok: Response, uri: &str, sdp: String) -> Response {
    let mut response = ok
        .with("Content-Type", "application/sdp")
        .with("Content-Base", format!("{uri}/"))
        .with("Cache-Control", "no-cache");
    response.body = sdp.into_bytes();
    response
}

fn transport_header(profile: &str, chosen: &Lower, ssrc: u32, server_port: Option<(u16, u16)>) -> String {
    let lower = match chosen {
        Lower::Udp { client_port: (rtp, rtcp) } => format!("{profile}/UDP;unicast;client_port={rtp}-{rtcp}"),
        Lower::Tcp { interleaved } => {
            let (rtp, rtcp) = interleaved.unwrap_or((0, 1));
            format!("{profile}/TCP;unicast;interleaved={rtp}-{rtcp}")
        }
    };
    let ports = server_port.map_or_else(String::new, |(rtp, rtcp)| format!(";server_port={rtp}-{rtcp}"));
    format!("{lower}{ports};ssrc={ssrc:08X}")
}

fn playing(
    ok: Response,
    request: &Request,
    session: &SessionId,
    uri: &str,
    range: &str,
    rtp_info: &[RtpInfo],
) -> Response {
    let entries: Vec<String> = rtp_info.iter().filter_map(|info| rtp_info_entry(uri, info)).collect();
    let mut response = ok.with("Session", session.to_string()).with("Range", range.to_owned());
    for name in ["Scale", "Speed"] {
        if request.headers.get(name).is_some() {
            response = response.with(name, "1");
        }
    }
    // It has one entry at least (RFC 2326 section 12.33).
    if entries.is_empty() { response } else { response.with("RTP-Info", entries.join(",")) }
}

/// Of a track of which it is not known where it begins there is nothing to say: an entry has a parameter at least.
fn rtp_info_entry(uri: &str, info: &RtpInfo) -> Option<String> {
    let (seq, rtptime) = info.start?;
    let url = match uri.split_once('?') {
        None => format!("{uri}/trackID={}", info.track),
        Some((base, query)) => format!("{base}/trackID={}?{query}", info.track),
    };
    Some(format!("url={url};seq={seq};rtptime={rtptime}"))
}

fn parameters(session: Option<&SessionId>, names: &[String], values: &[(String, String)]) -> Response {
    let mut body = String::new();
    for name in names {
        match values.iter().find(|(known, _)| known == name) {
            Some((_, value)) => body.push_str(&format!("{name}: {value}\r\n")),
            None => return Response::new(Status(451)),
        }
    }
    let mut response = alive(session).with("Content-Type", "text/parameters");
    response.body = body.into_bytes();
    response
}

fn set_state(sessions: &mut Sessions, session: &SessionId, state: State) {
    if let Some(entry) = sessions.get(session) {
        entry.state = state;
    }
}

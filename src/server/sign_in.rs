//! What the gate says, as answers: to connections before anything is read of them, and to requests.

use std::io::Write;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::Arc;

use smol::Async;

use super::admission::Full;
use super::house::House;
use crate::access::{Attempt, Now, Refused, Right, Ruling};
use crate::clock;
use crate::media::MediaTime;
use crate::rtsp::message::{Response, Status};
use crate::rtsp::server::{Answer, Claim};

/// Who finds no place is told to come again after so many seconds.
const RETRY_AFTER: &str = "5";

/// What time it is for the gate.
pub(super) fn now() -> Now {
    Now { wall: clock::wall(), steady: clock::media().since(MediaTime::default()) }
}

/// Says who makes a request, and whether he may; late where that is what a wrong password costs. It is this connection
/// alone that waits.
pub(super) async fn sign_in(house: &House, peer: IpAddr, claim: &Claim) -> Answer {
    let gate = &house.gate;
    let attempt = Attempt {
        peer,
        connection: claim.connection,
        method: &claim.method,
        uri: &claim.uri,
        mount: claim.mount.as_deref(),
        is_mount: claim.mount.as_deref().is_some_and(|mount| house.has_mount(mount)),
        right: if claim.changes { Right::Control } else { Right::Read },
        authorization: claim.authorization.as_deref().map(String::as_str),
        agent: claim.agent.as_deref(),
        held: claim.held.as_ref(),
        own_session: claim.own_session,
    };
    let (answer, delay) = match gate.sign_in(&attempt, now()) {
        Ruling::Granted(user) => return Answer::SignedIn(user),
        Ruling::Forbidden(reason) => {
            tracing::debug!(%peer, "{reason}");
            return Answer::Forbidden { close: false };
        }
        Ruling::Challenge { headers, delay } => (Answer::Unknown(headers), delay),
        Ruling::Banned { delay } => (Answer::Forbidden { close: true }, delay),
    };
    if !delay.is_zero() {
        smol::Timer::after(delay).await;
    }
    answer
}

/// Closes a connection for which there is no place, with a word if the socket takes it.
pub(super) fn no_place(stream: async_net::TcpStream, full: Full) {
    turn_away(stream, no_place_for(full));
}

/// What it is told.
pub(super) fn no_place_for(full: Full) -> Response {
    let refusal = Response::new(Status(503)).with("Retry-After", RETRY_AFTER);
    with_sentence(refusal, &format!("{full}."))
}

/// Closes a connection of who is not let in, likewise.
pub(super) fn refuse(stream: async_net::TcpStream, refused: &Refused) {
    let refusal = with_sentence(Response::new(Status(403)), refused.told());
    turn_away(
        stream,
        match refused.retry_after {
            Some(after) => refusal.with("Retry-After", after.as_secs().max(1).to_string()),
            None => refusal,
        },
    );
}

fn with_sentence(response: Response, sentence: &str) -> Response {
    let mut response = response.with("Content-Type", "text/plain");
    response.body = format!("{sentence}\r\n").into_bytes();
    response
}

fn turn_away(stream: async_net::TcpStream, refusal: Response) {
    let stream: Arc<Async<TcpStream>> = stream.into();
    // Best effort: who does not get it sees the connection close.
    let _ = stream.get_ref().write(&refusal.to_bytes());
    let _ = stream.get_ref().shutdown(Shutdown::Write);
}

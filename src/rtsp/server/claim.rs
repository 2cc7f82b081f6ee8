//! Who makes a request: asked before anything of it is looked at that not everybody may know, so that who is not let in
//! is told the same of mounts and sessions that there are and of those that there are not.

use super::outcome::Caller;
use super::sessions::Sessions;
use super::{Answer, Claim};
use crate::rtsp::message::{Method, Request, Response, Status};
use crate::rtsp::parser::repeatable;

/// What is to be asked; nothing of OPTIONS, which clients send before they have a password, and some (Media3) as a
/// keep-alive that they do not repeat when it is refused.
pub(super) fn of(
    caller: &Caller,
    agent: Option<&str>,
    request: &Request,
    sessions: &Sessions,
) -> Result<Option<Claim>, Response> {
    if repeatable(&request.headers).is_none() {
        return Err(Response::new(Status(400)));
    }
    let named = request.headers.get("Session");
    let own = caller.own.as_ref().filter(|own| sessions.contains(own));
    let own_session = own.is_some_and(|own| named.is_none_or(|name| own.is_named(name)));
    if request.method == Method::Options && (named.is_none() || own_session) {
        return Ok(None);
    }
    let named = named.and_then(|name| sessions.named(name));
    let mount = sessions.target(&request.uri, named.as_ref().or(own)).ok().map(|target| target.path);
    let changes = match request.method {
        Method::SetParameter => !request.body.is_empty(),
        Method::Announce | Method::Record => true,
        _ => false,
    };
    let mut authorization = request.headers.all("Authorization");
    let authorization = match (authorization.next(), authorization.next()) {
        (Some(_), Some(_)) => Some(String::new().into()),
        (value, _) => value.map(|value| value.to_owned().into()),
    };
    Ok(Some(Claim {
        connection: caller.asker.connection,
        method: request.method.name().to_owned(),
        uri: request.uri.clone(),
        mount: mount.filter(|mount| !mount.is_empty()),
        changes,
        authorization,
        agent: agent.map(Into::into),
        held: caller.asker.user.clone(),
        own_session,
    }))
}

/// The reply to who is not let in.
pub(super) fn refused(answer: Answer) -> Response {
    match answer {
        Answer::Unknown(challenges) => {
            let challenged = |response: Response, value| response.with("WWW-Authenticate", value);
            challenges.into_iter().fold(Response::new(Status(401)), challenged)
        }
        Answer::Forbidden { .. } => Response::new(Status(403)),
        Answer::Failed { status, .. } => Response::new(status),
        _ => Response::new(Status(500)),
    }
}

//! Who asks, the server's side of it ([RFC 2617](https://www.rfc-editor.org/rfc/rfc2617) as RTSP clients speak it, with
//! SHA-256 of [RFC 7616](https://www.rfc-editor.org/rfc/rfc7616)), without sockets, files and clocks.
//!
//! | a request has | it is |
//! |---|---|
//! | no `Authorization` | asked who it is |
//! | one that cannot be read | refused, as one of a wrong password |
//! | Basic where it is not allowed | asked who it is: it was not looked at |
//! | a nonce that is too old | asked again, `stale` if the password is right; who signed in on the same connection is in |
//! | a nonce that is not ours, of another peer, or answered on another connection; a count that was there | asked again, `stale` if the password is right |
//! | a right answer of a known user | that user's |
//! | anything else | refused; it took the same time and is told the same |

mod credentials;
mod digest;
mod identity;
mod manner;
mod nonces;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use subtle::{Choice, ConstantTimeEq};

pub use digest::{Ha1, Secret, hex};
pub use identity::Identity;
pub use manner::Manner;

use credentials::{Credentials, Digest};
use digest::NOBODYS;
use nonces::{Nonces, Validity};

/// A nonce is taken for so long, if not said otherwise.
pub const NONCE_LIVES: Duration = Duration::from_secs(600);

/// Knows what was asked of whom, and checks the answers.
#[derive(Debug)]
pub struct Challenger {
    realm: String,
    basic: bool,
    nonces: Arc<Nonces>,
    lives: Duration,
}

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This user asks.
    Known(String),
    /// This user's password was right, the nonce no longer: the client repeats its request with a new one by itself.
    Stale(String),
    /// The same, but the nonce is ours and of this peer: where this user signed in before on the same connection it will do.
    Old(String),
    /// It was not looked at: Basic is not allowed.
    Unasked,
    /// It is not right; who was claimed to ask, if that could be read. A failure that counts.
    Wrong(Option<String>),
}

/// What is asked and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The request's method, as it was written.
    pub method: &'a str,
    /// The request's URI, as it was written.
    pub uri: &'a str,
    /// Who asks.
    pub peer: IpAddr,
    /// On which connection: its number.
    pub connection: u64,
    /// Now, since any fixed time.
    pub now: Duration,
}

impl Challenger {
    /// For a realm; `secret` is random and of this process alone. `basic`: passwords may cross the network in the clear.
    pub fn new(realm: &str, secret: [u8; 32], basic: bool) -> Self {
        Self { realm: realm.to_owned(), basic, nonces: Arc::new(Nonces::new(secret)), lives: NONCE_LIVES }
    }

    /// The same, where nonces are taken for so long, in whole seconds.
    pub fn with_nonces_of(self, lives: Duration) -> Self {
        Self { lives, ..self }
    }

    /// For another realm, and other rules for Basic: what was asked of clients holds.
    pub fn with(&self, realm: &str, basic: bool) -> Self {
        Self { realm: realm.to_owned(), basic, nonces: self.nonces.clone(), lives: self.lives }
    }

    /// The realm's name.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values of `WWW-Authenticate`, in the order in which clients understand them: SHA-256 before MD5, because
    /// FFmpeg takes the last; `realm` before `nonce`, because live555 reads them in that order alone.
    pub fn challenges(&self, peer: IpAddr, now: Duration, stale: bool) -> Vec<String> {
        let nonce = self.nonces.make(peer, now);
        let stale = if stale { ", stale=TRUE" } else { "" };
        let realm = &self.realm;
        let mut challenges = Vec::with_capacity(3);
        if self.basic {
            challenges.push(format!("Basic realm=\"{realm}\""));
        }
        challenges.push(format!("Digest realm=\"{realm}\", nonce=\"{nonce}\"{stale}, algorithm=SHA-256"));
        challenges.push(format!("Digest realm=\"{realm}\", nonce=\"{nonce}\"{stale}"));
        challenges
    }

    /// Checks the value of `Authorization`. `secret` gives what is known of a user.
    pub fn check(&self, value: &str, asked: &Asked<'_>, secret: impl Fn(&str) -> Option<Secret>) -> Verdict {
        match Credentials::parse(value) {
            Some(Credentials::Basic { user, password }) if self.basic => {
                let claimed = Secret::of(&user, &self.realm, &password);
                let known = secret(&user);
                let right = known.as_ref().unwrap_or(&NOBODYS).sha256.0.ct_eq(&claimed.sha256.0);
                verdict(user, known.is_some(), right)
            }
            Some(Credentials::Digest(answer)) => self.check_digest(&answer, asked, secret),
            Some(Credentials::Basic { .. }) => Verdict::Unasked,
            None => Verdict::Wrong(None),
        }
    }

    fn check_digest(
        &self,
        answer: &Digest,
        asked: &Asked<'_>,
        secret: impl Fn(&str) -> Option<Secret>,
    ) -> Verdict {
        let known = secret(&answer.user);
        // Whether there is such a user is not to be learnt from the time it takes.
        let right = answer.is_right(known.as_ref().unwrap_or(&NOBODYS), asked.method);
        let user = answer.user.clone();
        if answer.realm != self.realm || !concerns(&answer.uri, asked.uri) {
            return Verdict::Wrong(Some(user));
        }
        match verdict(user, known.is_some(), right) {
            Verdict::Known(user) => {
                let from = (asked.peer, asked.connection);
                match self.nonces.look(&answer.nonce, answer.count, from, asked.now, self.lives) {
                    Validity::Good => Verdict::Known(user),
                    Validity::Old => Verdict::Old(user),
                    Validity::Over => Verdict::Stale(user),
                }
            }
            other => other,
        }
    }
}

fn verdict(user: String, known: bool, right: Choice) -> Verdict {
    if (right & Choice::from(u8::from(known))).into() {
        Verdict::Known(user)
    } else {
        Verdict::Wrong(Some(user))
    }
}

/// Whether the URI that was hashed is about what is asked for. Clients hash the request's own, the stream's or its base's,
/// with a slash at its end or without, and some the path alone.
fn concerns(hashed: &str, asked: &str) -> bool {
    let path = |uri: &str| {
        let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        rest.trim_matches('/').to_owned()
    };
    if hashed == "*" || asked == "*" {
        return true;
    }
    let (hashed, asked) = (path(hashed), path(asked));
    let within = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let plain = |path: &str| path.split('?').next().unwrap_or_default().trim_matches('/').to_owned();
    within(&asked, &hashed) || within(&hashed, &asked) || within(&plain(&asked), &plain(&hashed))
}

#[cfg(test)]
mod tests;

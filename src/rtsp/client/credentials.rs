//! Answers to a server that asks who we are
//! ([RFC 7616](https://www.rfc-editor.org/rfc/rfc7616), [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)).

use http_auth::{PasswordClient, PasswordParams, parse_challenges};

use super::Error;
use super::url::Credentials;
use crate::rtsp::message::{Headers, Request};

/// What is known of the server's challenge.
#[derive(Debug, Default)]
pub(super) struct Login(Option<PasswordClient>);

impl Login {
    /// Takes the challenge of a 401.
    ///
    /// # Errors
    /// It is none that can be answered.
    pub(super) fn challenged(&mut self, headers: &Headers) -> Result<(), Error> {
        let mut last = "it does not say how".to_owned();
        // Digest before Basic: the password does not cross the network then.
        for scheme in ["digest", "basic"] {
            for challenge in headers.all("WWW-Authenticate").filter(|text| starts_with(text, scheme)) {
                match client(challenge) {
                    Ok(client) => {
                        self.0 = Some(client);
                        return Ok(());
                    }
                    Err(error) => last = error,
                }
            }
        }
        Err(Error::Unauthorized(format!("the server asks for a password in an unknown way: {last}")))
    }

    /// The `Authorization` of a request, once a challenge is known.
    pub(super) fn authorization(&mut self, credentials: &Credentials, request: &Request) -> Option<String> {
        let parameters = PasswordParams {
            username: &credentials.user,
            password: &credentials.password,
            uri: &request.uri,
            method: request.method.name(),
            body: Some(&request.body),
        };
        self.0.as_mut()?.respond(&parameters).ok()
    }
}

fn starts_with(text: &str, scheme: &str) -> bool {
    text.trim_start().get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

fn client(challenge: &str) -> Result<PasswordClient, String> {
    let done = PasswordClient::builder().challenges(challenge).build();
    if done.is_ok() {
        return done;
    }
    // An algorithm that nobody knows is MD5 in fact: some cameras write what they like there.
    let mut challenges = parse_challenges(challenge).map_err(|error| error.to_string())?;
    let odd = |name: &str| name.eq_ignore_ascii_case("algorithm");
    challenges.iter_mut().for_each(|challenge| challenge.params.retain(|(name, _)| !odd(name)));
    challenges.iter().fold(PasswordClient::builder(), |builder, one| builder.challenge(one)).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::message::Method;

    fn answer(challenges: &[&str]) -> Result<Option<String>, Error> {
        let mut headers = Headers::default();
        challenges.iter().for_each(|challenge| headers.push("WWW-Authenticate", (*challenge).to_owned()));
        let mut login = Login::default();
        login.challenged(&headers)?;
        let credentials = Credentials { user: "Mufasa".into(), password: "Circle".into() };
        let request = Request {
            method: Method::Describe,
            uri: "rtsp://h/cam".into(),
            version: "RTSP/1.0".into(),
            headers: Headers::default(),
            body: Vec::new(),
        };
        Ok(login.authorization(&credentials, &request))
    }

    #[test]
    fn digest_is_preferred_and_computed_as_cameras_do() {
        // RFC 2069, which is what cameras speak: MD5(MD5(user:realm:password):nonce:MD5(method:uri)).
        let answer = answer(&["Basic realm=\"r\"", "Digest realm=\"r\", nonce=\"n\""]).unwrap().unwrap();
        assert!(answer.starts_with("Digest username=\"Mufasa\""), "{answer}");
        assert!(answer.contains("response=\"5ecce78eec9661ed96152261adf7d3d3\""), "{answer}");
    }

    #[test]
    fn odd_challenges_are_answered_where_they_can_be() {
        for challenge in ["Digest realm=r, nonce=n", "Digest realm=\"r\", nonce=\"n\", algorithm=\"odd\""] {
            assert!(answer(&[challenge]).unwrap().unwrap().contains("uri=\"rtsp://h/cam\""), "{challenge}");
        }
        assert_eq!(answer(&["basic realm=r"]).unwrap().unwrap(), "Basic TXVmYXNhOkNpcmNsZQ==");
        for challenge in ["Negotiate", "Digest", ""] {
            assert!(answer(&[challenge]).is_err(), "{challenge}");
        }
    }
}

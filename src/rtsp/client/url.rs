//! The URL that a person gives, with the password that no server's log is to see.

use std::fmt;

use super::Error;

/// Where RTSP is spoken if a URL names no port.
const PORT: u16 = 554;

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// An `rtsp://` URL, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
    credentials: Option<Credentials>,
    request: String,
}

impl Url {
    /// Reads `rtsp://[user[:password]@]host[:port][/path][?query]`. A percent sign that escapes nothing
    /// stands for itself: people put passwords in as they are.
    ///
    /// # Errors
    /// It is no RTSP URL: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Url(format!("{what}: rtsp://host:port/path is needed"));
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(|| wrong("this is no URL"))?;
        if !scheme.eq_ignore_ascii_case("rtsp") {
            return Err(wrong(&format!("{scheme}:// is not spoken here")));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        // A password may hold an @ of its own, but no slash: the last one ends it.
        let (user, authority) =
            rest[..end].rsplit_once('@').map_or((None, &rest[..end]), |(user, host)| (Some(user), host));
        let (host, port) =
            host_and_port(authority).ok_or_else(|| wrong("its host or port cannot be read"))?;
        if host.is_empty() || authority.contains(char::is_whitespace) {
            return Err(wrong("it names no host"));
        }
        let path = rest[end..].split('#').next().unwrap_or_default();
        if path.chars().any(|character| character.is_control() || character == ' ') {
            return Err(wrong("it has a blank in it, write %20"));
        }
        let credentials = user.map(|user| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            Credentials { user: decode(user), password: decode(password) }
        });
        Ok(Self { host, port, credentials, request: format!("rtsp://{authority}{path}") })
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL as the server sees it: without user and password.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// The same user at another place: where a redirection leads.
    ///
    /// # Errors
    /// The place is no RTSP URL. A password is not taken to another host.
    pub fn redirected(&self, location: &str) -> Result<Self, Error> {
        let mut there = Self::parse(location)?;
        if there.credentials.is_none() && there.host.eq_ignore_ascii_case(&self.host) {
            there.credentials.clone_from(&self.credentials);
        }
        Ok(there)
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({})", self.request)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, password not shown)", self.user)
    }
}

fn host_and_port(authority: &str) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None | Some("") => PORT,
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
    };
    Some((host.to_owned(), port))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (text, host, port, request) in [
            ("rtsp://h/cam", "h", 554, "rtsp://h/cam"),
            ("RTSP://h:8554", "h", 8554, "rtsp://h:8554"),
            ("rtsp://u:p@h:1/cam?q=1#x", "h", 1, "rtsp://h:1/cam?q=1"),
            ("rtsp://[::1]:8554/cam", "::1", 8554, "rtsp://[::1]:8554/cam"),
            ("rtsp://[fe80::1]/", "fe80::1", 554, "rtsp://[fe80::1]/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host(), url.port(), url.request()), (host, port, request), "{text}");
        }
    }

    #[test]
    fn a_password_may_hold_anything_and_is_never_shown() {
        for (text, password) in [
            ("rtsp://user:p%40ss@h/", "p@ss"),
            ("rtsp://user:p@ss@h/", "p@ss"),
            ("rtsp://user:100%@h/", "100%"),
            ("rtsp://user:5%zz:x@h/", "5%zz:x"),
            ("rtsp://user@h/", ""),
        ] {
            let url = Url::parse(text).unwrap();
            let found = url.credentials().unwrap();
            assert_eq!((&*found.user, &*found.password), ("user", password), "{text}");
            let shown = format!("{url} {url:?} {found:?}");
            assert!(password.is_empty() || !shown.contains(password), "{shown}");
        }
    }

    #[test]
    fn what_is_no_rtsp_url_is_told_why() {
        for (text, part) in [
            ("cam", "no URL"),
            ("http://h/", "http://"),
            ("rtsp:///cam", "no host"),
            ("rtsp://h:x/", "port"),
            ("rtsp://h:0/", "port"),
            ("rtsp://[::1/", "host"),
            ("rtsp://h/a b", "%20"),
            ("rtsp://h/a\r\nb", "%20"),
        ] {
            let error = Url::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_does_not_follow_to_another_host() {
        let url = Url::parse("rtsp://u:p@h/a").unwrap();
        assert!(url.redirected("rtsp://h:8554/b").unwrap().credentials().is_some());
        assert!(url.redirected("rtsp://elsewhere/b").unwrap().credentials().is_none());
    }
}

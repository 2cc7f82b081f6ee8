//! The host and port of a URL ([RFC 3986 section 3.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2)).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A host by name or address, and a port if one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// As a URL has it: an IPv6 address in brackets.
    host: String,
    port: Option<u16>,
}

impl Authority {
    /// As it stands in a URL; `port` where it names none.
    pub fn or_port(&self, port: u16) -> String {
        format!("{}:{}", self.host, self.port.unwrap_or(port))
    }

    /// The host's address, if it is not a name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.trim_matches(['[', ']']).parse().ok()
    }
}

/// Why a text is no [`Authority`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityError {
    /// The host is no name, IPv4 address or IPv6 address.
    Host,
    /// The port is not between 1 and 65535.
    Port,
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => {
                "a host is a name, an IPv4 address or an IPv6 address in brackets, and nothing else"
            }
            Self::Port => "a port is between 1 and 65535",
        })
    }
}

impl std::error::Error for AuthorityError {}

impl FromStr for Authority {
    type Err = AuthorityError;

    /// Reads `host`, `host:port`, `[2001:db8::1]:port`, and an IPv6 address without brackets where no port follows.
    fn from_str(text: &str) -> Result<Self, AuthorityError> {
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self { host: format!("[{text}]"), port: None });
        }
        let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match text[end..].find(':') {
            Some(colon) => (&text[..end + colon], Some(&text[end + colon + 1..])),
            None => (text, None),
        };
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match bracketed {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
            }
        };
        if !is_host || text.contains(['/', '@']) {
            return Err(AuthorityError::Host);
        }
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|port| digits && *port > 0).ok_or(AuthorityError::Port)
        };
        Ok(Self { host: host.to_owned(), port: port.map(number).transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_every_kind_are_read_with_and_without_a_port() {
        for (text, written, is_address) in [
            ("home.example", "home.example:8554", false),
            ("home.example:554", "home.example:554", false),
            ("203.0.113.7", "203.0.113.7:8554", true),
            ("203.0.113.7:554", "203.0.113.7:554", true),
            ("[2001:db8::1]", "[2001:db8::1]:8554", true),
            ("[2001:db8::1]:554", "[2001:db8::1]:554", true),
            ("2001:db8::1", "[2001:db8::1]:8554", true),
        ] {
            let authority: Authority = text.parse().unwrap();
            assert_eq!((authority.or_port(8554).as_str(), authority.ip().is_some()), (written, is_address));
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        use AuthorityError::{Host, Port};
        for (text, why) in [
            ("", Host),
            (":554", Host),
            ("rtsp://home.example", Host),
            ("home.example/door", Host),
            ("user@home.example", Host),
            ("[home.example]:554", Host),
            ("[::1]x:5", Host),
            ("2001:db8::1:x", Port),
            ("home.example:", Port),
            ("home.example:0", Port),
            ("home.example:65536", Port),
            ("home.example:+5", Port),
            ("é:5", Host),
        ] {
            assert_eq!(text.parse::<Authority>(), Err(why), "{text}");
        }
    }
}

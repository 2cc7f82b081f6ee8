//! Networks, by CIDR ([RFC 4632](https://www.rfc-editor.org/rfc/rfc4632)).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::rtsp::customer::{CUSTOMER, customer, private_network};

/// Addresses with one prefix: `192.168.0.0/16`, `2001:db8::/32`, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Network(IpNet);

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotANetwork(String);

/// From where clients may come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// Only from these; from everywhere if there is none.
    pub allow: Vec<Network>,
    /// And never from these, whatever is allowed.
    pub deny: Vec<Network>,
}

/// Why an address is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is in this network, which is denied.
    Denied(Network),
    /// It is in no network that is allowed.
    NotAllowed,
}

impl Network {
    /// Whether the address is in it; an IPv4 address written as one of IPv6 is the same address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }

    /// Whether every address of its kind is in it.
    pub fn is_everybody(&self) -> bool {
        self.0.prefix_len() == 0
    }

    /// Its first address.
    pub fn first(&self) -> IpAddr {
        self.0.network()
    }

    /// Whether all of the other's addresses are in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Who is counted as one: an address, of IPv6 the 64 bits that a network gives to one customer at least, but where that is
    /// a private network.
    pub fn of_customer(ip: IpAddr) -> Self {
        let first = customer(ip);
        if first.is_ipv4() || private_network(ip).is_some() { Self(first.into()) } else { Self::of_64(first) }
    }

    /// The private network of IPv6 that the address is in.
    pub(super) fn of_home(ip: IpAddr) -> Option<Self> {
        private_network(ip).map(Self::of_64)
    }

    fn of_64(first: IpAddr) -> Self {
        Self(IpNet::new(first, CUSTOMER).unwrap_or_else(|_| first.into()))
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl Networks {
    /// Whether clients may come from there.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, ip: IpAddr) -> Result<(), Refusal> {
        let of = |networks: &[Network]| networks.iter().find(|network| network.contains(ip)).copied();
        match (of(&self.deny), of(&self.allow)) {
            (Some(denied), _) => Err(Refusal::Denied(denied)),
            (None, None) if !self.allow.is_empty() => Err(Refusal::NotAllowed),
            (None, _) => Ok(()),
        }
    }
}

/// Whether the address is this machine's own or one of a network that the world does not reach: RFC 1918, RFC 4193,
/// link-local, and 100.64/10 (RFC 6598), from which VPNs give addresses.
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let single = || text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
        let network =
            text.parse::<IpNet>().or_else(|_| single()).map_err(|_| NotANetwork(text.to_owned()))?;
        // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
        let canonical = match (network.addr().to_canonical(), network.prefix_len()) {
            (ip @ IpAddr::V4(_), length) if network.addr().is_ipv6() => {
                let length = length.checked_sub(96).ok_or_else(|| NotANetwork(text.to_owned()))?;
                IpNet::new(ip, length).map_err(|_| NotANetwork(text.to_owned()))?
            }
            _ => network,
        };
        Ok(Self(canonical.trunc()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no network: 192.168.1.0/24, 2001:db8::/32 or one address is needed", self.0)
    }
}

impl std::error::Error for NotANetwork {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(network) => write!(f, "its network {network} is denied"),
            Self::NotAllowed => f.write_str("it is in no network that is allowed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn networks_are_read_and_written() {
        for (text, shown) in [
            ("192.168.1.0/24", "192.168.1.0/24"),
            ("192.168.1.77/24", "192.168.1.0/24"),
            ("10.0.0.1", "10.0.0.1"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::1", "::1"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
        }
        for text in
            ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "home", "10.0.0.0 /8", "::ffff:0:0/64", "1.2.3.4:80"]
        {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains("is no network"), "{text}: {error}");
        }
    }

    #[test]
    fn an_address_is_let_in_by_what_is_allowed_and_not_denied() {
        let both =
            Networks { allow: networks(&["10.0.0.0/8", "2001:db8::/32"]), deny: networks(&["10.9.0.0/16"]) };
        let denied = |text: &str| Err(Refusal::Denied(text.parse().unwrap()));
        for (address, admitted) in [
            ("10.1.2.3", Ok(())),
            ("::ffff:10.1.2.3", Ok(())),
            ("10.9.0.1", denied("10.9.0.0/16")),
            ("::ffff:10.9.0.1", denied("10.9.0.0/16")),
            ("11.0.0.1", Err(Refusal::NotAllowed)),
            ("2001:db8:1::1", Ok(())),
            ("2001:db9::1", Err(Refusal::NotAllowed)),
        ] {
            assert_eq!(both.admit(ip(address)), admitted, "{address}");
        }
        let deny = Networks { allow: Vec::new(), deny: networks(&["10.9.0.0/16"]) };
        assert_eq!((deny.admit(ip("8.8.8.8")), deny.admit(ip("10.9.1.1"))), (Ok(()), denied("10.9.0.0/16")));
        assert_eq!(Networks::default().admit(ip("8.8.8.8")), Ok(()));
    }

    #[test]
    fn what_the_world_does_not_reach_is_private() {
        for (address, private) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("10.255.0.1", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.0.1", true),
            ("169.254.1.1", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("100.128.0.1", false),
            ("100.63.0.1", false),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:192.168.0.1", true),
            ("::ffff:8.8.8.8", false),
            ("2001:db8::1", false),
            ("8.8.8.8", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_private(ip(address)), private, "{address}");
        }
    }
}

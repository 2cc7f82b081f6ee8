//! Addresses that are listened on by the name of a network interface.

use std::net::{IpAddr, SocketAddr};

/// A port on every address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// As the kernel names it: `eth0`.
    pub name: String,
    /// The port.
    pub port: u16,
}

impl Interface {
    /// Read as it is written, if it is one: `eth0:8554`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, port) = text.rsplit_once(':')?;
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.len() <= LONGEST
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@:".contains(&byte));
        let port = port.parse().ok().filter(|_| is_name && name != "localhost")?;
        Some(Self { name: name.to_owned(), port })
    }

    /// Where it is to be listened for it, on a machine with these addresses.
    fn addresses<'a>(&'a self, of_machine: &'a [(String, IpAddr)]) -> impl Iterator<Item = SocketAddr> + 'a {
        let own = of_machine.iter().filter(|(name, _)| *name == self.name);
        own.map(|(_, ip)| SocketAddr::new(*ip, self.port))
    }
}

impl std::fmt::Display for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// The kernel's IFNAMSIZ, without the zero.
const LONGEST: usize = 15;

/// The addresses, then those of the interfaces, none of them twice.
pub(super) fn resolved(
    addresses: &[SocketAddr],
    interfaces: &[Interface],
    of_machine: &[(String, IpAddr)],
) -> Vec<SocketAddr> {
    let mut all = addresses.to_vec();
    for address in interfaces.iter().flat_map(|interface| interface.addresses(of_machine)) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

/// What this machine's interfaces have, without what is of the link alone (RFC 4291 section 2.5.6): no URL can name that.
pub(super) fn of_this_machine() -> Vec<(String, IpAddr)> {
    let Ok(found) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let address = |found: nix::ifaddrs::InterfaceAddress| {
        let storage = found.address?;
        let v4 = storage.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        let v6 = || storage.as_sockaddr_in6().map(|address| address.ip());
        let ip = v4.or_else(|| v6().filter(|ip| !ip.is_unicast_link_local()).map(IpAddr::from))?;
        Some((found.interface_name, ip))
    };
    found.filter_map(address).collect()
}

/// Why it is not listened for an interface now, though it may be later.
pub(super) fn absent(interface: &Interface, of_machine: &[(String, IpAddr)]) -> Option<String> {
    if interface.addresses(of_machine).next().is_some() {
        return None;
    }
    let mut names: Vec<&str> = of_machine.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let Interface { name, .. } = interface;
    Some(format!(
        "listen: the interface {name} is not there or has no address yet (there are: {}); it is listened for when it has one",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_interfaces_are_told_from_addresses_and_mistakes() {
        for (text, name) in [("eth0:8554", "eth0"), ("end0.20:554", "end0.20"), ("eth0:1:554", "eth0:1")] {
            assert_eq!(
                Interface::parse(text).map(|interface| interface.name).as_deref(),
                Some(name),
                "{text}"
            );
        }
        for text in [
            "0.0.0:8554",
            "192.168.1:8554",
            "localhost:8554",
            "eth0",
            "eth0:port",
            "eth0:99999",
            ":8554",
            "a-very-long-name.example:8554",
            "[::]:8554",
            "e h0:8554",
        ] {
            assert_eq!(Interface::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_interface_stands_for_each_of_its_addresses() {
        let of_machine: Vec<(String, IpAddr)> =
            [("lo", "127.0.0.1"), ("eth0", "10.0.0.7"), ("eth0", "2001:db8::7")]
                .map(|(name, ip)| (name.to_owned(), ip.parse().unwrap()))
                .into();
        let interface = |text: &str| Interface::parse(text).unwrap();
        let fixed = ["10.0.0.7:554".parse().unwrap()];
        let all = resolved(&fixed, &[interface("eth0:554"), interface("wlan0:554")], &of_machine);
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["10.0.0.7:554", "[2001:db8::7]:554"]);
        assert_eq!(absent(&interface("eth0:554"), &of_machine), None);
        assert_eq!(
            absent(&interface("wlan0:554"), &of_machine).unwrap(),
            "listen: the interface wlan0 is not there or has no address yet (there are: eth0, lo); it is listened for when it has one"
        );
    }
}

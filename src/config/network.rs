//! Addresses and ports: what is written about them, held against what can be bound.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use super::interfaces::Interface;

/// Where to listen, in the order written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listen {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) interfaces: Vec<Interface>,
}

/// Where to listen: addresses, and interfaces by name.
///
/// # Errors
/// There is none, or two take the same port of the same address.
pub(super) fn listen(written: &[String]) -> Result<Listen, String> {
    if written.is_empty() {
        return Err(
            "listen: there is no address; without `listen` it is port 8554 on every address".to_owned()
        );
    }
    let mut listen = Listen::default();
    for (index, text) in written.iter().enumerate() {
        let added = match Interface::parse(text) {
            Some(interface) => listen.add_interface(interface),
            None => {
                address(text).map_err(|why| format!("{text:?} {why}")).and_then(|address| listen.add(address))
            }
        };
        added.map_err(|why| format!("listen[{index}]: {why}"))?;
    }
    Ok(listen)
}

impl Listen {
    fn add(&mut self, address: SocketAddr) -> Result<(), String> {
        if self.addresses.contains(&address) && address.port() != 0 {
            return Err(format!("{address} stands here twice: leave one out"));
        }
        let overlaps = |other: &&SocketAddr| covers(&address, other) || covers(other, &address);
        if let Some(other) = self.addresses.iter().find(overlaps) {
            return Err(format!(
                "{address} and {other} take the same port of the same address: leave one out"
            ));
        }
        if let Some(other) = self.interfaces.iter().find(|interface| is_of_all(&address, interface)) {
            return Err(format!("{address} takes the port of {other} too: leave one out"));
        }
        self.addresses.push(address);
        Ok(())
    }

    fn add_interface(&mut self, interface: Interface) -> Result<(), String> {
        if self.interfaces.contains(&interface) {
            return Err(format!("{interface} stands here twice: leave one out"));
        }
        if let Some(other) = self.addresses.iter().find(|address| is_of_all(address, &interface)) {
            return Err(format!("{other} takes the port of {interface} too: leave one out"));
        }
        self.interfaces.push(interface);
        Ok(())
    }
}

/// Whether an address is every one, and its port an interface's.
fn is_of_all(address: &SocketAddr, interface: &Interface) -> bool {
    address.ip().is_unspecified() && address.port() == interface.port && interface.port != 0
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| match text.parse::<IpAddr>() {
        Ok(ip) => format!("has no port: {:?}", SocketAddr::new(ip, 8554).to_string()),
        Err(_) => match text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
            Ok(port) => format!("has no address: \"[::]:{port}\" is every one"),
            Err(_) if text.starts_with("localhost") => "is a name: this machine alone is \"127.0.0.1:8554\"".to_owned(),
            Err(_) => "is no address with a port, like \"0.0.0.0:8554\" or \"[::]:8554\", nor an interface with a port, like \"eth0:8554\"".to_owned(),
        },
    })
}

/// Whether `one` takes the port of `other`'s address too: `[::]` is every address, of IPv4 as well.
fn covers(one: &SocketAddr, other: &SocketAddr) -> bool {
    // For port 0 the kernel finds one that is free.
    one.port() == other.port()
        && one.port() != 0
        && match one.ip() {
            IpAddr::V4(ip) => ip.is_unspecified() && other.is_ipv4(),
            IpAddr::V6(ip) => ip.is_unspecified(),
        }
}

/// The ports from which pairs are taken for RTP and RTCP; from 0 on the kernel chooses.
///
/// # Errors
/// No pair is in it that may be used.
pub(super) fn udp_ports(first: u16, last: u16) -> Result<RangeInclusive<u16>, String> {
    if first > last {
        return Err(format!("udp_ports: {first} is more than {last}: the first port is written first"));
    }
    if first != 0 && first < 1024 {
        return Err(format!(
            "udp_ports: {first}-{last} are not all from 1024 up, where anybody may send from"
        ));
    }
    let even = first.checked_next_multiple_of(2);
    if first != 0 && even.is_none_or(|even| even >= last) {
        return Err(format!("udp_ports: {first}-{last} holds no even port and the odd one above it"));
    }
    Ok(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_take_each_others_ports_are_refused_by_name() {
        for (addresses, wrong) in [
            (&["127.0.0.1:8554", "127.0.0.1:8554"][..], Some("127.0.0.1:8554 stands here twice")),
            (&["[::]:8554", "10.0.0.1:8554"], Some("10.0.0.1:8554 and [::]:8554")),
            (&["10.0.0.1:8554", "0.0.0.0:8554"], Some("0.0.0.0:8554 and 10.0.0.1:8554")),
            (&["0.0.0.0:8554", "[::]:8554"], Some("[::]:8554 and 0.0.0.0:8554")),
            (&[], Some("there is no address")),
            (&["0.0.0.0:8554", "[::1]:8554"], None),
            (&["[::]:8554", "10.0.0.1:554"], None),
            (&["127.0.0.1:0", "127.0.0.1:0", "[::]:0"], None),
            (&["eth0:8554", "eth0:8554"], Some("listen[1]: eth0:8554 stands here twice")),
            (&["eth0:8554", "[::]:8554"], Some("[::]:8554 takes the port of eth0:8554 too")),
            (&["0.0.0.0:8554", "eth0:8554"], Some("0.0.0.0:8554 takes the port of eth0:8554 too")),
            (&["localhost:8554"], Some("this machine alone is \"127.0.0.1:8554\"")),
            (&["0.0.0.0:8554", "eth0:554", "eth1:554"], None),
        ] {
            let refusal = listen(&addresses.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).err();
            let expected =
                refusal.as_deref().zip(wrong).is_some_and(|(refusal, wrong)| refusal.contains(wrong));
            assert!(expected || refusal.is_none() && wrong.is_none(), "{addresses:?}: {refusal:?}");
        }
    }

    #[test]
    fn a_range_of_ports_holds_a_pair() {
        for (first, last) in [(8001, 8002), (8000, 8000), (65_535, 65_535), (80, 90), (9, 8), (1, 0)] {
            assert!(udp_ports(first, last).unwrap_err().starts_with("udp_ports: "), "{first}-{last}");
        }
        for (first, last) in [(8000, 8001), (8001, 8003), (65_534, 65_535), (0, 0), (0, 9000)] {
            assert_eq!(udp_ports(first, last), Ok(first..=last));
        }
    }
}

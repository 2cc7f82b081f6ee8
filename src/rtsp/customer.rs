//! Who is counted as one.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that a network gives to one customer at least.
pub const CUSTOMER: u8 = 64;

/// The first address of those that one client has: of IPv4 its one, of IPv6 that of its 64 bits. The 64 bits of a private
/// network (link-local, RFC 4193) are of everybody at home, and no provider's customer has them: there one address is one.
pub fn customer(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !is_private(ip) => IpAddr::V6(prefix(ip)),
        ip => ip,
    }
}

/// The private network of IPv6 that an address is in, by its first address: whoever is there may have as many of its
/// addresses as he likes.
pub fn private_network(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        IpAddr::V6(ip) if is_private(ip) => Some(IpAddr::V6(prefix(ip))),
        _ => None,
    }
}

fn is_private(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local() || ip.is_unique_local()
}

fn prefix(ip: Ipv6Addr) -> Ipv6Addr {
    let host = u128::MAX >> CUSTOMER;
    Ipv6Addr::from_bits(ip.to_bits() & !host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_of_a_provider_is_one_and_so_is_each_host_at_home() {
        for (address, whose) in [
            ("192.168.1.7", "192.168.1.7"),
            ("::ffff:192.168.1.7", "192.168.1.7"),
            ("2001:db8:1:2::3", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::3", "2001:db8:1:2::"),
            ("fe80::1:2", "fe80::1:2"),
            ("fd00:1:2:3::4", "fd00:1:2:3::4"),
        ] {
            assert_eq!(customer(address.parse().unwrap()), whose.parse::<IpAddr>().unwrap(), "{address}");
        }
        for (address, network) in [
            ("fe80::1:2", Some("fe80::")),
            ("fd00:1:2:3::4", Some("fd00:1:2:3::")),
            ("2001:db8::1", None),
            ("10.0.0.1", None),
        ] {
            let network = network.map(|network| network.parse().unwrap());
            assert_eq!(private_network(address.parse().unwrap()), network, "{address}");
        }
    }
}

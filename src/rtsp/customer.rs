//! Who is counted as one.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that a network gives to one customer at least.
pub const CUSTOMER: u8 = 64;

/// The first address of those that one client has: of IPv4 its one, of IPv6 that of its 64 bits.
pub fn customer(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let host = u128::MAX >> CUSTOMER;
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !host))
        }
        ip @ IpAddr::V4(_) => ip,
    }
}

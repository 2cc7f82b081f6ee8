//! How fast the link is that a local address is on.

use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};

use crate::server::pacing::Speed;

/// What the kernel says of the interface that has this address; asked once, when a reader first comes that way.
pub(super) fn speed(local: IpAddr) -> Speed {
    let local = local.to_canonical();
    if local.is_loopback() {
        return Speed::Unlimited;
    }
    let Ok(mut interfaces) = getifaddrs() else { return Speed::Unknown };
    let Some(interface) = interfaces.find(|interface| address(interface) == Some(local)) else {
        return Speed::Unknown;
    };
    let name = interface.interface_name;
    // Wi-Fi has none, and neither has a cable that is not plugged in (-1).
    let said = std::fs::read_to_string(format!("/sys/class/net/{name}/speed")).unwrap_or_default();
    let speed = parse(&said);
    tracing::debug!(%local, interface = name, "the link's speed: {speed:?}");
    speed
}

fn address(interface: &InterfaceAddress) -> Option<IpAddr> {
    let address = interface.address.as_ref()?;
    match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(v4.ip().into()),
        (_, Some(v6)) => Some(v6.ip().into()),
        _ => None,
    }
}

/// Megabits a second, as
/// [sysfs](https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-class-net) has them.
fn parse(said: &str) -> Speed {
    match said.trim().parse::<u32>() {
        Ok(megabits @ 1..=10_000_000) => Speed::Known(u64::from(megabits) * 1_000_000),
        Ok(_) | Err(_) => Speed::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_what_sysfs_says() {
        for (said, expected) in [
            ("1000\n", Speed::Known(1_000_000_000)),
            ("100", Speed::Known(100_000_000)),
            ("-1\n", Speed::Unknown),
            ("0", Speed::Unknown),
            ("4294967295", Speed::Unknown),
            ("", Speed::Unknown),
        ] {
            assert_eq!(parse(said), expected, "{said:?}");
        }
    }

    #[test]
    fn this_machine_is_no_link_and_a_strangers_address_is_not_known() {
        assert_eq!(speed("127.0.0.1".parse().unwrap()), Speed::Unlimited);
        assert_eq!(speed("::ffff:127.0.0.5".parse().unwrap()), Speed::Unlimited);
        assert_eq!(speed("203.0.113.7".parse().unwrap()), Speed::Unknown);
    }
}

//! How fast the link is that a local address is on.

use std::cell::Cell;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};

use crate::clock;
use crate::server::pacing::Speed;

/// The kernel is asked again after this long, while readers are behind the link: a cable is put in elsewhere, a switch
/// settles for less, the address moves to another adapter.
const AGAIN: Duration = Duration::from_secs(5);

/// The link, and what the kernel said last.
pub(super) struct Watched {
    local: IpAddr,
    speed: Cell<Speed>,
    /// When to ask again; `None` while it is asked.
    due: Cell<Option<Instant>>,
}

impl Watched {
    pub(super) fn new(local: IpAddr) -> Self {
        let speed = speed(local);
        tracing::debug!(%local, "the link's speed: {speed}");
        Self { local, speed: Cell::new(speed), due: Cell::new(Some(clock::now() + AGAIN)) }
    }

    pub(super) fn speed(&self) -> Speed {
        self.speed.get()
    }

    /// Whether it is time to ask again. This machine itself becomes no link.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.speed() != Speed::Unlimited && self.due.get().is_some_and(|due| due <= now)
    }

    /// Asks again, on another thread: of some adapters on USB the kernel asks the adapter itself, which takes its time.
    pub(super) async fn ask(&self) {
        self.due.set(None);
        let local = self.local;
        let (now, before) = (smol::unblock(move || speed(local)).await, self.speed());
        self.speed.set(now);
        self.due.set(Some(clock::now() + AGAIN));
        if now != before {
            tracing::info!(%local, "the link's speed is {now} now; it was {before}");
        }
    }
}

/// What the kernel says of the interface that has this address.
fn speed(local: IpAddr) -> Speed {
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
    parse(&said)
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

//! By which hosts this machine is reached.

use std::net::{IpAddr, SocketAddr};

/// A host, as it stands in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Host and port.
    pub authority: String,
    /// The interface that has the address.
    pub interface: Option<String>,
}

/// The hosts of what is listened on: those that others reach before this machine's own. `advertise` is the host that was
/// configured for clients, which then is the only one.
pub fn hosts(
    listen: &[SocketAddr],
    interfaces: &[(String, IpAddr)],
    advertise: Option<&dyn Fn(u16) -> String>,
) -> Vec<Host> {
    let mut found: Vec<(u8, Host)> = Vec::new();
    for address in listen {
        match advertise {
            Some(advertise) => {
                found.push((0, Host { authority: advertise(address.port()), interface: None }))
            }
            None => found.extend(reached_by(*address, interfaces)),
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    let mut hosts: Vec<Host> = Vec::new();
    for (_, host) in found {
        if !hosts.iter().any(|known| known.authority == host.authority) {
            hosts.push(host);
        }
    }
    hosts
}

fn reached_by(listen: SocketAddr, interfaces: &[(String, IpAddr)]) -> Vec<(u8, Host)> {
    let port = listen.port();
    if !listen.ip().is_unspecified() {
        let owner = interfaces.iter().find(|(_, ip)| *ip == listen.ip() && !ip.is_loopback());
        let interface = owner.map(|(name, _)| name.clone());
        return vec![(rank(listen.ip()), Host { authority: listen.to_string(), interface })];
    }
    // `[::]` is every address of IPv4 too.
    let usable = |ip: &IpAddr| (ip.is_ipv4() || listen.is_ipv6()) && !ip.is_loopback() && !needs_zone(ip);
    let others = interfaces.iter().filter(|(_, ip)| usable(ip)).map(|(name, ip)| {
        let authority = SocketAddr::new(*ip, port).to_string();
        (rank(*ip), Host { authority, interface: Some(name.clone()) })
    });
    let own = (u8::MAX, Host { authority: format!("localhost:{port}"), interface: None });
    others.chain([own]).collect()
}

/// What people type comes first.
fn rank(ip: IpAddr) -> u8 {
    match ip {
        ip if ip.is_loopback() => u8::MAX,
        IpAddr::V4(_) => 0,
        IpAddr::V6(_) => 1,
    }
}

/// Link-local addresses of IPv6 mean nothing without the interface's name, for which URLs of players have no place.
fn needs_zone(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_reached_by_all_its_addresses_and_others_come_first() {
        let interfaces: Vec<(String, IpAddr)> = [
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("eth0", "192.168.1.20"),
            ("eth0", "fe80::1"),
            ("eth0", "2001:db8::20"),
            ("wlan0", "10.0.0.5"),
        ]
        .map(|(name, ip)| (name.to_owned(), ip.parse().unwrap()))
        .into();
        let told = |listen: &[&str], advertise: Option<&dyn Fn(u16) -> String>| {
            let listen: Vec<SocketAddr> = listen.iter().map(|text| text.parse().unwrap()).collect();
            let shown = |host: Host| format!("{}@{}", host.authority, host.interface.unwrap_or_default());
            hosts(&listen, &interfaces, advertise).into_iter().map(shown).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            told(&["[::]:8554"], None),
            "192.168.1.20:8554@eth0 10.0.0.5:8554@wlan0 [2001:db8::20]:8554@eth0 localhost:8554@"
        );
        assert_eq!(told(&["0.0.0.0:554"], None), "192.168.1.20:554@eth0 10.0.0.5:554@wlan0 localhost:554@");
        assert_eq!(told(&["127.0.0.1:1", "10.0.0.5:2"], None), "10.0.0.5:2@wlan0 127.0.0.1:1@");
        assert_eq!(
            told(&["0.0.0.0:1", "10.0.0.5:1"], None),
            "192.168.1.20:1@eth0 10.0.0.5:1@wlan0 localhost:1@",
            "none of them twice"
        );
        let home: &dyn Fn(u16) -> String = &|port| format!("home.example:{port}");
        assert_eq!(told(&["[::]:8554", "0.0.0.0:8554"], Some(home)), "home.example:8554@");
        assert_eq!(told(&[], None), "");
    }
}

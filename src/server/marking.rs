//! How packets are marked for the queues of the network that they go through.

use std::io;
use std::os::fd::AsFd;

use socket2::SockRef;

/// Marks what a socket sends with a DSCP (RFC 2474): of a socket for IPv6 also what it sends by IPv4. With 0 nothing is
/// asked of the kernel.
///
/// # Errors
/// The kernel does not do it.
pub(super) fn mark(socket: &impl AsFd, dscp: u8, is_ipv6: bool) -> io::Result<()> {
    if dscp == 0 {
        return Ok(());
    }
    let socket = SockRef::from(socket);
    // The two bits below are the network's own (RFC 3168).
    let traffic_class = u32::from(dscp) << 2;
    if is_ipv6 {
        socket.set_tclass_v6(traffic_class)?;
    }
    socket.set_tos_v4(traffic_class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn both_families_are_marked_and_no_socket_without_a_wish() {
        let four = UdpSocket::bind("127.0.0.1:0").unwrap();
        mark(&four, 0, false).unwrap();
        assert_eq!(SockRef::from(&four).tos_v4().unwrap(), 0);
        mark(&four, 46, false).unwrap();
        assert_eq!(SockRef::from(&four).tos_v4().unwrap(), 0xb8);
        let Ok(six) = UdpSocket::bind("[::]:0") else { return };
        mark(&six, 34, true).unwrap();
        let six = SockRef::from(&six);
        assert_eq!((six.tclass_v6().unwrap(), six.tos_v4().unwrap()), (0x88, 0x88));
    }
}

//! Listeners: bound before anything is served, and whom they hand new connections to.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use async_net::TcpListener;

use super::house::Order;
use super::worker::Worker;
use super::{Error, connection, sign_in, supervise, sys};
use crate::clock;

/// A listener on the address; `[::]` takes IPv4 as well, and `0.0.0.0` where there is no IPv6.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    listen_shared(address, false)
}

/// A listener on an address that overlaps with those of ours that will be closed: `0.0.0.0:8554` with `127.0.0.1:8554`. Until
/// then both listen; if it cannot be had, they go on as if nothing had been.
pub(super) fn listen_beside(address: SocketAddr, ours: &[TcpListener]) -> Result<TcpListener, Error> {
    let shared = |sockets: &[TcpListener], shared: bool| {
        sockets.iter().try_for_each(|socket| socket2::SockRef::from(socket).set_reuse_port(shared))
    };
    shared(ours, true).map_err(|source| Error { address, source })?;
    let listener = listen_shared(address, true);
    // Another program of this user could listen there too, unseen.
    let alone = shared(ours, false)
        .and(listener.as_ref().map_or(Ok(()), |new| socket2::SockRef::from(new).set_reuse_port(false)));
    alone.map_err(|source| Error { address, source })?;
    listener
}

fn listen_shared(address: SocketAddr, shared: bool) -> Result<TcpListener, Error> {
    let bind = |address: SocketAddr| -> io::Result<TcpListener> {
        let socket =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shared)?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        socket.set_nonblocking(true)?;
        TcpListener::try_from(std::net::TcpListener::from(socket))
    };
    let no_ipv6 =
        |error: &io::Error| matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL));
    match bind(address) {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && no_ipv6(&error) => {
            bind(SocketAddr::from(([0; 4], address.port())))
        }
        done => done,
    }
    .map_err(|source| Error { address, source })
}

/// A listener, and the address that was asked for: its port may have been 0.
pub(super) struct Listener {
    pub(super) asked: SocketAddr,
    pub(super) socket: TcpListener,
}

/// The first descriptor that a service manager passes (sd_listen_fds(3)).
const FIRST: i32 = 3;

/// The TCP listeners among so many descriptors that a service manager passed to this process. Call it once, before
/// anything else is opened.
pub fn passed(count: i32) -> Vec<std::net::TcpListener> {
    let sockets = sys::inherited(FIRST, count.clamp(0, 64)).into_iter().map(socket2::Socket::from);
    sockets
        .filter(|socket| {
            let address = socket.local_addr().ok().and_then(|address| address.as_socket());
            let fits = address.is_some() && socket.is_listener().unwrap_or(false);
            if !fits {
                tracing::warn!("a socket that was passed is no TCP listener: it is closed");
            }
            fits
        })
        .map(Into::into)
        .collect()
}

/// Listens on every address; on those that inherited sockets are bound to, by these.
pub(super) fn adopt(
    addresses: &[SocketAddr],
    inherited: Vec<std::net::TcpListener>,
) -> Result<Vec<Listener>, Error> {
    let mut listeners = Vec::new();
    for socket in inherited {
        let bound = |source| Error { address: SocketAddr::from(([0; 4], 0)), source };
        let asked = socket.local_addr().map_err(bound)?;
        socket.set_nonblocking(true).map_err(bound)?;
        listeners.push(Listener { asked, socket: TcpListener::try_from(socket).map_err(bound)? });
    }
    let there = |listeners: &[Listener], address| listeners.iter().any(|listener| listener.asked == address);
    for asked in addresses {
        if !there(&listeners, *asked) {
            listeners.push(Listener { asked: *asked, socket: listen(*asked)? });
        }
    }
    Ok(listeners)
}

/// While nobody is let in, connections are taken for an eighth of the time that the others' turn was, within these: one at a
/// time, who comes last waits a whole round of pictures for each who came before, only to be refused. Where viewers are let in
/// it is one at a time: so many more at once would be too many before that is noticed.
const LEAST: Duration = Duration::from_millis(1);
const MOST: Duration = Duration::from_millis(4);

/// Hands every new connection to the worker that has the least to do.
pub(super) async fn accept(worker: Rc<Worker>, listener: &TcpListener) {
    let (mut began, mut turn) = (clock::now(), Duration::ZERO);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors: others may end soon, and asking at once again would only spin.
                tracing::warn!(%error, "cannot accept a connection");
                smol::Timer::after(Duration::from_millis(100)).await;
                continue;
            }
        };
        supervise::may_panic("listener");
        // Who connects without end has his turn, and then the others have theirs.
        let now = clock::now();
        if now.saturating_duration_since(began) >= turn {
            smol::future::yield_now().await;
            began = clock::now();
            let others = began.saturating_duration_since(now);
            turn = if worker.house.lets_in() { Duration::ZERO } else { (others / 8).clamp(LEAST, MOST) };
        }
        if let Err(refused) = worker.house.gate.admit(peer.ip(), sign_in::now()) {
            tracing::debug!(%peer, "not let in: {}", refused.reason);
            sign_in::refuse(stream, &refused);
            continue;
        }
        match worker.house.admit(peer.ip()) {
            Ok((keeper, seat)) if keeper == worker.index => connection::serve(&worker, stream, peer, seat),
            Ok((keeper, seat)) => worker.house.order(keeper, Order::Serve { stream, peer, seat }),
            Err(full) => {
                tracing::debug!(%peer, "{full}");
                sign_in::no_place(stream, full);
            }
        }
    }
}

//! One task a connection: bytes in, the protocol's events, the house's answers, bytes out.

use std::future::poll_fn;
use std::io::{self, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use smol::Async;
use smol::future::or;
use zeroize::Zeroize;

use super::admission::Call;
use super::alarm::Alarm;
use super::house::{Order, Seat};
use super::marking;
use super::outbox::Outbox;
use super::requests::Caller;
use super::worker::Worker;
use super::{sign_in, supervise};
use crate::clock;
use crate::rtsp::message::Status;
use crate::rtsp::server::{Answer, Connection, Event, Peer, SessionId};

/// A peer that takes nothing for this long is dropped.
const NO_PROGRESS: Duration = Duration::from_secs(15);

/// What is left to write when a connection ends may take this long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Bytes read at once.
const READ: usize = 4096;

struct Shell {
    worker: Rc<Worker>,
    core: Connection,
    stream: Arc<Async<TcpStream>>,
    outbox: Rc<Outbox>,
    caller: Caller,
    // In a box: what a future is given and hands on takes its room twice.
    seat: Box<Seat>,
}

/// Serves a connection in a task of its own.
pub(super) fn serve(worker: &Rc<Worker>, stream: async_net::TcpStream, peer: SocketAddr, seat: Seat) {
    let (serving, seat) = (worker.clone(), Box::new(seat));
    // Without what the stream has room for when it is asked itself.
    let stream: Arc<Async<TcpStream>> = stream.into();
    worker.spawn(async move {
        match supervise::caught(Box::pin(serve_to_its_end(serving, stream, seat))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%peer, %error, "connection over"),
            Err(panic) => tracing::error!(%peer, panic, "a connection panicked; please report this"),
        }
    });
}

async fn serve_to_its_end(
    worker: Rc<Worker>,
    stream: Arc<Async<TcpStream>>,
    seat: Box<Seat>,
) -> io::Result<()> {
    let mut shell = Shell::new(worker, stream, seat)?;
    let (outbox, call) = (shell.outbox.clone(), shell.seat.place.call());
    // Whatever it waits for, be it for what a wrong password costs, it makes way at once.
    let working = or(make_way(&call, &outbox), or(shell.read_on(), write_on(&outbox)));
    let done = supervise::caught(Box::pin(working)).await;
    // However it ended, and be it by a panic: nothing of it is left.
    let over = shell.core.closed(&mut shell.worker.house.sessions());
    over.iter().for_each(|session| shell.worker.release(session));
    done.unwrap_or_else(|panic| std::panic::resume_unwind(Box::new(panic)))
}

/// The session whose images may go out once this is answered.
pub(super) fn starting(event: &Event) -> Option<SessionId> {
    if let Event::Play { session, .. } = event { Some(session.clone()) } else { None }
}

/// Waits until another has this connection's place, and tells the peer so if the socket takes it: there is no time for
/// more, or those who make way would be as many as those who come.
async fn make_way(call: &Call, outbox: &Outbox) -> io::Result<()> {
    let full = call.given().await;
    outbox.push(sign_in::no_place_for(full).to_bytes())?;
    outbox.pump()?;
    Err(io::Error::other(full.to_string()))
}

/// The writing half: wakes when the socket has room again.
async fn write_on(outbox: &Outbox) -> io::Result<()> {
    loop {
        outbox.unblocked(NO_PROGRESS).await?;
        outbox.pump()?;
    }
}

/// Reads what has come, if anything: a connection that waits keeps no room for it.
fn read_now(mut stream: &TcpStream, handle: impl FnOnce(&[u8])) -> io::Result<Option<usize>> {
    let mut bytes = [0; READ];
    match stream.read(&mut bytes) {
        Ok(length) => {
            handle(&bytes[..length]);
            // A password may be in it.
            bytes[..length].zeroize();
            Ok(Some(length))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// An IPv4 address as such; one of IPv6 with its scope, without which nothing reaches a link-local one.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}

impl Shell {
    fn new(worker: Rc<Worker>, stream: Arc<Async<TcpStream>>, seat: Box<Seat>) -> io::Result<Self> {
        stream.get_ref().set_nodelay(true)?;
        let dscp = worker.house.settings().dscp;
        if let Err(error) = marking::mark(stream.get_ref(), dscp, stream.get_ref().local_addr()?.is_ipv6()) {
            tracing::warn!(%error, dscp, "packets are not marked");
        }
        let (peer, local) =
            (canonical(stream.get_ref().peer_addr()?), canonical(stream.get_ref().local_addr()?));
        let outbox = Rc::new(Outbox::new(stream.clone()));
        let mut core = Connection::new(Peer { addr: peer, local }, worker.house.next_number());
        if let Some(advertise) = &worker.house.settings().advertise {
            core = core.advertising(advertise.or_port(local.port()));
        }
        let caller = Caller::new(peer, local, outbox.clone());
        Ok(Self { worker, core, stream, outbox, caller, seat })
    }

    async fn read_on(&mut self) -> io::Result<()> {
        let mut alarm = Alarm::default();
        // Who had to wait to be let in has asked already: to hear of that from the reactor is another turn.
        if read_now(self.stream.get_ref(), |bytes| self.core.handle_input(bytes))? == Some(0) {
            return Box::pin(self.finish()).await;
        }
        loop {
            // In boxes: what handles a request is some kilobytes, and a connection waits most of its life.
            if Box::pin(self.handle_events()).await? {
                return Box::pin(self.finish()).await;
            }
            let timeout = self.core.poll_timeout(&self.worker.house.sessions());
            if !poll_fn(|context| self.poll_input(timeout, &mut alarm, context)).await? {
                self.core.handle_timeout(&mut self.worker.house.sessions(), clock::now());
            } else if read_now(self.stream.get_ref(), |bytes| self.core.handle_input(bytes))? == Some(0) {
                return Box::pin(self.finish()).await;
            }
            // A peer that never stops talking has its turn, and then the others have theirs.
            smol::future::yield_now().await;
        }
    }

    /// Waits for bytes; false if `timeout` may have come before them.
    fn poll_input(
        &self,
        timeout: Option<Instant>,
        alarm: &mut Alarm,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        if let Poll::Ready(readable) = self.stream.poll_readable(context) {
            return Poll::Ready(readable.map(|()| true));
        }
        let rung = timeout.is_some_and(|at| alarm.poll(at, context).is_ready());
        if rung { Poll::Ready(Ok(false)) } else { Poll::Pending }
    }

    /// Handles what has come; says whether the connection is to end.
    async fn handle_events(&mut self) -> io::Result<bool> {
        let mut sent = Ok(());
        loop {
            let event = self.core.poll_event(&mut self.worker.house.sessions(), clock::now(), clock::wall());
            if let Err(error) = std::mem::replace(&mut sent, Ok(())).and_then(|()| self.send_replies()) {
                // The table has forgotten already what these end: nobody would come back to it.
                match event {
                    Some(event @ Event::Teardown { .. }) => drop(self.handle(event).await),
                    Some(Event::Setup { replaces: Some(old), .. }) => self.worker.release(&old),
                    _ => {}
                }
                return Err(error);
            }
            let Some(event) = event else { return Ok(false) };
            supervise::may_panic("connection");
            if let Event::Close { reason } = &event {
                tracing::debug!(peer = %self.caller.peer, reason, "closing");
                return Ok(true);
            }
            if matches!(event, Event::Setup { .. }) {
                self.caller.agent.replace(self.core.agent().map(Into::into));
                self.caller.user.replace(self.core.user());
            }
            let starting = starting(&event);
            if let Some(answer) = self.handle(event).await {
                self.worker.house.tell_failure(self.caller.peer, &answer);
                let (now, wall) = (clock::now(), clock::wall());
                let mut sessions = self.worker.house.sessions();
                self.core.answer(&mut sessions, now, wall, answer);
                self.seat.place.settle(self.core.is_known(&sessions));
                drop(sessions);
                // Whether or not: what its request asks, now that it is known who makes it, the table may have forgotten.
                sent = self.send_replies();
            }
            // Only now, behind the reply to its PLAY, may a reader's first image go out.
            self.worker.begin(starting.as_ref());
        }
    }

    /// Has the worker that keeps the session do what is asked of it.
    async fn handle(&self, event: Event) -> Option<Answer> {
        if let Event::SignIn(claim) = &event {
            return Some(sign_in::sign_in(&self.worker.house, self.caller.peer.ip(), claim).await);
        }
        let Some(keeper) = self.worker.elsewhere(&event) else {
            return self.worker.handle(&self.caller, event).await;
        };
        let (answer, answered) = smol::channel::bounded(1);
        let Caller { peer, local, .. } = self.caller;
        self.worker.house.order(keeper, Order::Ask { event, peer, local, answer });
        // A worker that was lost before it answered has lost the session too.
        let lost = |_| Answer::failed(Status(454), "its worker is no more");
        Some(answered.recv().await.unwrap_or_else(lost))
    }

    /// Hands the protocol's replies to the writer.
    fn send_replies(&mut self) -> io::Result<()> {
        while let Some(reply) = self.core.poll_output() {
            self.outbox.push(reply)?;
        }
        self.outbox.pump()
    }

    /// Gives the last replies a moment to leave, and to arrive: closing with bytes unread would reset
    /// the connection and take them back.
    async fn finish(&mut self) -> io::Result<()> {
        self.send_replies()?;
        let written = async {
            while !self.outbox.is_empty() {
                self.stream.writable().await?;
                self.outbox.pump()?;
            }
            self.stream.get_ref().shutdown(Shutdown::Write)?;
            // What still comes is nobody's.
            while read_now(self.stream.get_ref(), |_| ())? != Some(0) {
                self.stream.readable().await?;
            }
            Ok(())
        };
        let late = async {
            smol::Timer::after(LAST_WORDS).await;
            Ok(())
        };
        or(written, late).await
    }
}

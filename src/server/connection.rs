//! One task a connection: bytes in, the protocol's events, the house's answers, bytes out.

use std::future::poll_fn;
use std::io::{self, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use smol::Async;
use smol::future::or;
use zeroize::Zeroize;

use super::admission::Full;
use super::alarm::{self, Alarm};
use super::house::{Order, Seat};
use super::marking;
use super::outbox::Outbox;
use super::over::Over;
use super::requests::{Caller, Carried, Line};
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
    outbox: Rc<Outbox>,
    carried: Carried,
}

/// Serves a connection in a task of its own.
pub(super) fn serve(worker: &Rc<Worker>, stream: async_net::TcpStream, peer: SocketAddr, seat: Seat) {
    let made = catch_unwind(AssertUnwindSafe(|| Shell::new(worker.clone(), stream)));
    match made.map_err(|panic| supervise::sentence(&*panic)) {
        Ok(Ok(shell)) => serve_to_its_end(worker, Box::new((shell, seat))),
        Ok(Err(error)) => tell(peer, Ok(Err(error))),
        Err(panic) => tell(peer, Err(panic)),
    }
}

fn tell(peer: SocketAddr, done: Result<io::Result<()>, String>) {
    match done {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "connection over"),
        Err(panic) => tracing::error!(%peer, panic, "a connection panicked; please report this"),
    }
}

/// The session whose images may go out once this is answered.
pub(super) fn starting(event: &Event) -> Option<SessionId> {
    if let Event::Play { session, .. } = event { Some(session.clone()) } else { None }
}

/// In boxes, and a block in place of an async function: that has room for what it is given twice.
fn serve_to_its_end(worker: &Worker, mut connection: Box<(Shell, Seat)>) {
    worker.spawn(async move {
        let (shell, seat) = &mut *connection;
        let done = supervise::contained(Box::pin(serve_on(shell, seat))).await;
        end(&mut connection.0, done);
    });
}

/// However it ended, and be it by a panic: nothing of it is left.
fn end(shell: &mut Shell, done: std::thread::Result<io::Result<()>>) {
    let cleared = catch_unwind(AssertUnwindSafe(|| {
        let over = shell.core.closed(&mut shell.worker.house.sessions());
        over.iter().for_each(|session| shell.worker.release(session, Over::Unconnected));
    }));
    tell(shell.peer(), cleared.and(done).map_err(|panic| supervise::sentence(&*panic)));
}

#[allow(
    clippy::manual_async_fn,
    reason = "it is given what it keeps: an async function has room for that twice"
)]
fn serve_on<'a>(shell: &'a mut Shell, seat: &'a Seat) -> impl Future<Output = io::Result<()>> + 'a {
    async move {
        let mut beside = Beside { seat, outbox: shell.outbox.clone(), full: None };
        let mut alarm = Alarm::default();
        // Who had to wait to be let in has asked already: to hear of that from the reactor is another turn.
        let mut over = shell.read()?;
        while !over {
            // In boxes: what handles a request is some kilobytes, and a connection waits most of its life.
            let mut handling = Box::pin(shell.handle_events(seat));
            over = poll_fn(|context| beside.poll(context, |context| handling.as_mut().poll(context))).await?;
            drop(handling);
            if over {
                break;
            }
            if poll_fn(|context| beside.poll(context, |context| shell.poll_input(&mut alarm, context)))
                .await?
            {
                over = shell.read()?;
            } else {
                shell.core.handle_timeout(&mut shell.worker.house.sessions(), clock::now());
            }
            // A peer that never stops talking has its turn, and then the others have theirs.
            smol::future::yield_now().await;
        }
        let mut finishing = Box::pin(shell.finish());
        poll_fn(|context| beside.poll(context, |context| finishing.as_mut().poll(context))).await
    }
}

/// What a connection does besides, whatever it waits for, be it for what a wrong password costs: it makes way at once, and
/// writes on when the socket has room again.
struct Beside<'a> {
    seat: &'a Seat,
    outbox: Rc<Outbox>,
    /// Waits for that room: most sockets are never full.
    full: Option<Pin<Box<dyn Future<Output = io::Result<()>>>>>,
}

impl Beside<'_> {
    fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        main: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(full) = self.seat.place.poll_given(context) {
            return Poll::Ready(Err(self.make_way(full)));
        }
        if let Poll::Ready(done) = main(context) {
            return Poll::Ready(done);
        }
        self.poll_writing(context).map(Err)
    }

    /// Another has this connection's place. Tells the peer so if the socket takes it: there is no time for more, or those
    /// who make way would be as many as those who come.
    fn make_way(&self, full: Full) -> io::Error {
        let told = self.outbox.push(sign_in::no_place_for(full).to_bytes()).and_then(|()| self.outbox.pump());
        told.err().unwrap_or_else(|| io::Error::other(full.to_string()))
    }

    /// The writing half: comes to an end when the connection does.
    fn poll_writing(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            if let Some(full) = &mut self.full {
                let room = ready!(full.as_mut().poll(context));
                self.full = None;
                if let Err(error) = room.and_then(|()| self.outbox.pump()) {
                    return Poll::Ready(error);
                }
            }
            ready!(self.outbox.poll_full(context));
            let outbox = self.outbox.clone();
            self.full = Some(Box::pin(async move { outbox.room(NO_PROGRESS).await }));
        }
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
    fn new(worker: Rc<Worker>, stream: async_net::TcpStream) -> io::Result<Self> {
        // Without what the stream has room for when it is asked itself.
        let stream: Arc<Async<TcpStream>> = stream.into();
        let stream = Arc::into_inner(stream).ok_or(io::ErrorKind::Other)?;
        stream.get_ref().set_nodelay(true)?;
        let dscp = worker.house.settings().dscp;
        if let Err(error) = marking::mark(stream.get_ref(), dscp, stream.get_ref().local_addr()?.is_ipv6()) {
            tracing::warn!(%error, dscp, "packets are not marked");
        }
        let (peer, local) =
            (canonical(stream.get_ref().peer_addr()?), canonical(stream.get_ref().local_addr()?));
        let mut core = Connection::new(Peer { addr: peer, local }, worker.house.next_number());
        if let Some(advertise) = &worker.house.settings().advertise {
            core = core.advertising(advertise.or_port(local.port()));
        }
        Ok(Self { worker, core, outbox: Rc::new(Outbox::new(stream)), carried: Carried::default() })
    }

    fn peer(&self) -> SocketAddr {
        self.core.ends().addr
    }

    fn stream(&self) -> &Async<TcpStream> {
        self.outbox.stream()
    }

    /// Takes in what has come, if anything; says whether there is no more.
    fn read(&mut self) -> io::Result<bool> {
        let Self { core, outbox, .. } = self;
        Ok(read_now(outbox.stream().get_ref(), |bytes| core.handle_input(bytes))? == Some(0))
    }

    /// Waits for bytes; false if a timeout may have come before them.
    fn poll_input(&self, alarm: &mut Alarm, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if let Poll::Ready(readable) = self.stream().poll_readable(context) {
            return Poll::Ready(readable.map(|()| true));
        }
        let timeout = self.core.poll_timeout(&self.worker.house.sessions());
        let rung = timeout.is_some_and(|at| alarm.poll(at, context).is_ready());
        if rung { Poll::Ready(Ok(false)) } else { Poll::Pending }
    }

    /// Handles what has come; says whether the connection is to end.
    async fn handle_events(&mut self, seat: &Seat) -> io::Result<bool> {
        let mut sent = Ok(());
        loop {
            let event = self.core.poll_event(&mut self.worker.house.sessions(), clock::now(), clock::wall());
            if let Err(error) = std::mem::replace(&mut sent, Ok(())).and_then(|()| self.send_replies()) {
                // The table has forgotten already what these end: nobody would come back to it.
                match event {
                    Some(event @ Event::Teardown { .. }) => drop(self.handle(event).await),
                    Some(Event::Setup { replaces: Some(old), .. }) => {
                        self.worker.release(&old, Over::Replaced)
                    }
                    _ => {}
                }
                return Err(error);
            }
            let Some(event) = event else { return Ok(false) };
            supervise::may_panic("connection");
            if let Event::Close { reason } = &event {
                tracing::debug!(peer = %self.peer(), reason, "closing");
                return Ok(true);
            }
            let starting = starting(&event);
            if let Some(answer) = self.handle(event).await {
                self.worker.house.tell_failure(self.peer(), &answer);
                let (now, wall) = (clock::now(), clock::wall());
                let mut sessions = self.worker.house.sessions();
                self.core.answer(&mut sessions, now, wall, answer);
                seat.place.settle(self.core.is_known(&sessions));
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
            return Some(sign_in::sign_in(&self.worker.house, self.peer().ip(), claim).await);
        }
        let Peer { addr: peer, local } = self.core.ends();
        let Some(keeper) = self.worker.elsewhere(&event) else {
            let caller = Caller {
                peer,
                local,
                line: Some(Line { outbox: &self.outbox, carried: &self.carried }),
                agent: self.core.agent().cloned(),
                user: self.core.user(),
            };
            return self.worker.handle(&caller, event).await;
        };
        let (answer, answered) = smol::channel::bounded(1);
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
                poll_fn(|context| self.stream().poll_writable(context)).await?;
                self.outbox.pump()?;
            }
            self.stream().get_ref().shutdown(Shutdown::Write)?;
            // What still comes is nobody's.
            while read_now(self.stream().get_ref(), |_| ())? != Some(0) {
                poll_fn(|context| self.stream().poll_readable(context)).await?;
            }
            Ok(())
        };
        let late = async {
            alarm::until(clock::now() + LAST_WORDS).await;
            Ok(())
        };
        or(written, late).await
    }
}

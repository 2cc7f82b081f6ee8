//! UDP: one pair of sockets, RTP and RTCP, per local address on which readers' connections arrived.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::rc::{Rc, Weak};

use arrayvec::ArrayVec;
use smol::Async;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::reader::{Partial, Path, Reader};
use super::sys::{self, BATCH, Datagram, SEGMENTS, SLICES};
use crate::clock;

/// Asked of the kernel for each RTP socket: a keyframe for a hundred readers. `wmem_max` may give less.
const SEND_BUFFER: usize = 4 << 20;

/// Junk datagrams read before others have their turn.
const TURN: usize = 64;

/// Payload bytes of one segmented message: IPv4's largest datagram.
const MOST_BYTES: usize = 65_507;

pub(super) struct Pair {
    rtp: Async<UdpSocket>,
    rtcp: Async<UdpSocket>,
    ports: (u16, u16),
    full: Cell<bool>,
    /// Who is first next time: nobody starves behind a full socket.
    first: Cell<usize>,
    readers: RefCell<HashMap<SocketAddr, Weak<Reader>>>,
    /// Kept for its room.
    jobs: RefCell<Vec<Job>>,
}

impl Pair {
    /// Binds the first free even port of `ports` and the one above it; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// No pair is free.
    pub(super) fn bind(local: IpAddr, ports: RangeInclusive<u16>) -> io::Result<Self> {
        if *ports.start() == 0 {
            for _ in 0..64 {
                let port = udp(SocketAddr::new(local, 0))?.local_addr()?.port() & !1;
                if port >= 1024
                    && let Ok(pair) = Self::bind_at(local, port)
                {
                    return Ok(pair);
                }
            }
        }
        let even = ports.clone().filter(|port| *port >= 1024 && port % 2 == 0 && ports.contains(&(port + 1)));
        for port in even {
            match Self::bind_at(local, port) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                done => return done,
            }
        }
        let (first, last) = (ports.start(), ports.end());
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("no free pair of UDP ports in {first}-{last} on {local}"),
        ))
    }

    fn bind_at(local: IpAddr, port: u16) -> io::Result<Self> {
        let rtp = udp(SocketAddr::new(local, port))?;
        let rtcp = udp(SocketAddr::new(local, port + 1))?;
        let reference = socket2::SockRef::from(&rtp);
        reference.set_send_buffer_size(SEND_BUFFER)?;
        sys::report_errors(rtp.as_fd(), local.is_ipv6())?;
        Ok(Self {
            rtp: Async::new(rtp)?,
            rtcp: Async::new(rtcp)?,
            ports: (port, port + 1),
            full: Cell::new(false),
            first: Cell::new(0),
            readers: RefCell::default(),
            jobs: RefCell::default(),
        })
    }

    pub(super) fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// Enters a reader under its RTCP address.
    ///
    /// # Errors
    /// The address is another reader's: their reports could not be told apart.
    pub(super) fn enter(&self, address: SocketAddr, reader: &Rc<Reader>) -> Result<(), ()> {
        let mut readers = self.readers.borrow_mut();
        match readers.get(&address).and_then(Weak::upgrade) {
            Some(other) if !Rc::ptr_eq(&other, reader) => Err(()),
            _ => {
                readers.insert(address, Rc::downgrade(reader));
                Ok(())
            }
        }
    }

    pub(super) fn forget(&self, address: &SocketAddr) {
        self.readers.borrow_mut().remove(address);
    }

    /// Whether the socket took no more at the last attempt.
    pub(super) fn full(&self) -> bool {
        self.full.get()
    }

    /// Waits for room in the socket.
    pub(super) async fn emptied(self: Rc<Self>) {
        // An error shows at the next send.
        let _ = self.rtp.writable().await;
        self.full.set(false);
    }

    /// A report; one that the socket does not take is lost, as any datagram may be.
    pub(super) fn send_report(&self, to: SocketAddr, packet: &[u8]) {
        if let Err(error) = self.rtcp.get_ref().send_to(packet, to) {
            tracing::debug!(%to, %error, "a report was not sent");
        }
    }

    /// Sends every reader of this pair what is due, in as few calls as there can be.
    pub(super) fn pump(&self, readers: &[Rc<Reader>]) {
        let mut jobs = self.jobs.take();
        while !self.full() {
            self.collect(readers, &mut jobs);
            if jobs.is_empty() {
                break;
            }
            self.send_jobs(&jobs);
            jobs.clear();
        }
        jobs.clear();
        self.jobs.replace(jobs);
    }

    /// Readers with something due, at most as many as one call takes.
    fn collect(&self, readers: &[Rc<Reader>], jobs: &mut Vec<Job>) {
        let start = self.first.get() % readers.len().max(1);
        let rotated = readers[start..].iter().chain(&readers[..start]);
        let mine =
            rotated.filter(|reader| matches!(&reader.path, Path::Udp(pair) if std::ptr::eq(&**pair, self)));
        let due =
            mine.filter_map(|reader| Some(Job { partial: reader.next_partial()?, reader: reader.clone() }));
        jobs.extend(due.take(BATCH));
    }

    fn send_jobs(&self, jobs: &[Job]) {
        let heads = rewritten_heads(jobs);
        let batch = Batch::build(jobs, &heads);
        let mut done = 0;
        let mut retried = false;
        while done < batch.datagrams.len() {
            let error = match sys::send_batch(self.rtp.as_fd(), &batch.datagrams[done..], &batch.slices) {
                Ok(sent) => {
                    for (job, packets) in &batch.owners[done..done + sent] {
                        jobs[*job].reader.sent(*packets);
                    }
                    done += sent;
                    retried = false;
                    continue;
                }
                Err(error) => error,
            };
            let (job, packets) = batch.owners[done];
            let reader = &jobs[job].reader;
            if error.kind() == io::ErrorKind::WouldBlock {
                self.full.set(true);
                self.first.set(self.first.get().wrapping_add(job));
                return;
            }
            if batch.datagrams[done].segment.is_some() && refuses_segments(&error) {
                tracing::debug!(session = %reader.session, %error, "sending datagrams one by one from now on");
                reader.plain_datagrams.set(true);
                return;
            }
            self.take_errors();
            if std::mem::replace(&mut retried, true) {
                // Not an old error of somebody else's: this reader cannot be reached now.
                self.refused(reader);
                reader.sent(packets);
                done += 1;
                retried = false;
            }
        }
    }

    /// Reads off the error queue whose datagrams were refused.
    fn take_errors(&self) {
        while let Some(address) = sys::take_error(self.rtp.as_fd()) {
            let readers = self.readers.borrow();
            let refused = readers.values().filter_map(Weak::upgrade).find(|reader| reader.sends_to(address));
            if let Some(reader) = refused {
                self.refused(&reader);
            }
        }
    }

    fn refused(&self, reader: &Reader) {
        if reader.refused.get().is_none() {
            reader.refused.set(Some(clock::now()));
        }
    }

    /// Takes what readers send to the RTP port: punches through firewalls, nothing to read in them.
    pub(super) async fn drain_rtp(&self) -> io::Result<()> {
        let mut bytes = [0; 64];
        loop {
            self.rtp.readable().await?;
            self.take_errors();
            // Then the others have their turn, however many more there are.
            for _ in 0..TURN {
                match self.rtp.get_ref().recv_from(&mut bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // A junk datagram, or the echo of a refused one of ours.
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }

    /// Hands on the next datagram that a known reader sent to the RTCP port.
    pub(super) async fn next_rtcp(&self, bytes: &mut [u8]) -> io::Result<(Rc<Reader>, usize)> {
        loop {
            let received = self.rtcp.recv_from(bytes).await;
            let (length, from) = match received {
                Ok(received) => received,
                // An answer to a report of ours: the media port's error queue tells the same.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            if let Some(reader) = self.readers.borrow().get(&from).and_then(Weak::upgrade) {
                return Ok((reader, length));
            }
            // A stranger may send without end.
            smol::future::yield_now().await;
        }
    }
}

struct Job {
    reader: Rc<Reader>,
    partial: Partial,
}

impl Job {
    /// The heads of the packets that are left.
    fn rewritten(&self) -> impl Iterator<Item = [u8; HEAD]> {
        let Partial { image, withheld, sent, .. } = &self.partial;
        image.packets().skip(*sent).map(|packet| rewrite(packet, *withheld))
    }
}

/// What one call sends, borrowed from the images.
#[derive(Default)]
struct Batch<'a> {
    slices: ArrayVec<IoSlice<'a>, SLICES>,
    datagrams: ArrayVec<Datagram<'a>, BATCH>,
    /// Whose datagram, and how many packets it holds.
    owners: ArrayVec<(usize, usize), BATCH>,
}

/// The fixed RTP header: what is rewritten for a reader from whom packets were withheld.
const HEAD: usize = 12;

/// A rewritten packet takes two slices, so that no call has more of them.
const HEADS: usize = SLICES / 2;

impl<'a> Batch<'a> {
    fn build(jobs: &'a [Job], heads: &'a [[u8; HEAD]]) -> Self {
        let mut batch = Self::default();
        let mut heads = heads.iter();
        for (index, job) in jobs.iter().enumerate() {
            let heads = if job.partial.withheld == 0 { None } else { Some(heads.by_ref()) };
            if !batch.add(index, job, heads) {
                break;
            }
        }
        batch
    }

    /// Adds a job's packets; says whether there was room for all of them.
    fn add(
        &mut self,
        index: usize,
        job: &'a Job,
        mut heads: Option<&mut std::slice::Iter<'a, [u8; HEAD]>>,
    ) -> bool {
        let partial = &job.partial;
        let mut packets = partial.image.packets().skip(partial.sent).peekable();
        while let Some(first) = packets.next() {
            if self.datagrams.is_full() || self.slices.len() + 2 * SEGMENTS > SLICES {
                return false;
            }
            let start = self.slices.len();
            let (mut count, mut bytes) = (1, first.len());
            self.add_packet(first, &mut heads);
            while !job.reader.plain_datagrams.get() && count < SEGMENTS {
                // Every segment but the last has the first one's size.
                let Some(next) =
                    packets.next_if(|next| next.len() <= first.len() && bytes + next.len() <= MOST_BYTES)
                else {
                    break;
                };
                self.add_packet(next, &mut heads);
                count += 1;
                bytes += next.len();
                if next.len() < first.len() {
                    break;
                }
            }
            let segment = (count > 1).then_some(first.len() as u16);
            self.datagrams.push(Datagram { to: &partial.to, slices: start..self.slices.len(), segment });
            self.owners.push((index, count));
        }
        true
    }

    fn add_packet(&mut self, packet: &'a [u8], heads: &mut Option<&mut std::slice::Iter<'a, [u8; HEAD]>>) {
        match heads.as_mut().and_then(|heads| heads.next()) {
            Some(head) => {
                self.slices.push(IoSlice::new(head));
                self.slices.push(IoSlice::new(&packet[HEAD.min(packet.len())..]));
            }
            None => self.slices.push(IoSlice::new(packet)),
        }
    }
}

/// Heads with continuous sequence numbers, in the jobs' order, for those that need them: as many as one
/// call can take.
fn rewritten_heads(jobs: &[Job]) -> ArrayVec<[u8; HEAD], HEADS> {
    let needing = jobs.iter().filter(|job| job.partial.withheld != 0);
    needing.flat_map(Job::rewritten).take(HEADS).collect()
}

fn rewrite(packet: &[u8], withheld: u16) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let length = packet.len().min(HEAD);
    head[..length].copy_from_slice(&packet[..length]);
    let sequence = u16::from_be_bytes([head[2], head[3]]).wrapping_sub(withheld);
    head[2..4].copy_from_slice(&sequence.to_be_bytes());
    head
}

/// [udp(7)](https://man7.org/linux/man-pages/man7/udp.7.html): what a path without segmentation answers.
fn refuses_segments(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EIO | libc::EMSGSIZE))
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

//! The one writer of a connection: replies, reports and images go out whole, one after the other.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice, Write};
use std::net::{Shutdown, TcpStream};
use std::rc::Weak;
use std::task::{Context, Poll};
use std::time::Duration;

use smol::Async;
use smol::future::or;

use super::alarm::{self, Kick};
use super::unsent;
use crate::clock;
use crate::rtp::WireImage;

/// Replies and reports that may wait for a peer that does not read; more of them end the connection.
const MOST_WAITING: usize = 256 << 10;

/// Slices in one gathered write.
const GATHER: usize = 64;

/// `$`, channel, length, and the fixed RTP header.
const HEAD: usize = 4 + 12;

pub(super) struct Outbox {
    stream: Async<TcpStream>,
    queue: RefCell<Queue>,
    supply: Cell<Option<Weak<dyn Supply>>>,
    /// The socket took no more.
    full: Kick,
    /// Bytes that the kernel takes and has not yet sent; 0: as many as it likes.
    unsent: Cell<u32>,
    /// Images that the socket took in more than one write.
    parted: Cell<u32>,
}

#[derive(Default)]
struct Queue {
    /// In a box while there are any.
    messages: Option<Box<Messages>>,
    /// In a box that is kept for who has heads of his own: most sockets take their images at once.
    flight: Option<Box<Flight>>,
    blocked: bool,
}

/// Whole replies and `$`-framed reports; the first may be partly written.
#[derive(Default)]
struct Messages {
    waiting: VecDeque<Vec<u8>>,
    written: usize,
    /// Of all that wait.
    bytes: usize,
}

/// What is written in parts.
#[derive(Default)]
struct Flight {
    image: Option<InFlight>,
    /// Rewritten heads of the image; kept for its room.
    heads: Vec<[u8; HEAD]>,
}

struct InFlight {
    image: WireImage,
    written: usize,
    /// The packets have heads of their own in [`Flight::heads`].
    rewritten: bool,
    /// The socket took less of it than it was offered, and that was counted.
    parted: bool,
}

/// Where the images of a connection come from: its reader.
pub(super) trait Supply {
    /// The next image, if one may go out now.
    fn next_outgoing(&self) -> Option<Outgoing>;
}

/// An image for one reader: as it is, or with the reader's own channel and sequence numbers.
pub(super) struct Outgoing {
    pub(super) image: WireImage,
    /// Taken off each sequence number: packets that this reader was not sent.
    pub(super) withheld: u16,
    pub(super) channel: u8,
}

impl Outbox {
    pub(super) fn new(stream: Async<TcpStream>) -> Self {
        Self {
            stream,
            queue: RefCell::default(),
            supply: Cell::default(),
            full: Kick::default(),
            unsent: Cell::new(0),
            parted: Cell::new(0),
        }
    }

    /// What it writes to.
    pub(super) fn stream(&self) -> &Async<TcpStream> {
        &self.stream
    }

    /// Carries these images from now on, for as long as somebody else holds them.
    pub(super) fn carry(&self, supply: Weak<dyn Supply>) {
        self.supply.replace(Some(supply));
    }

    /// Queues a whole message; it goes out after the image in flight.
    ///
    /// # Errors
    /// The peer does not read: too much waits already.
    pub(super) fn push(&self, message: Vec<u8>) -> io::Result<()> {
        let mut queue = self.queue.borrow_mut();
        let messages = queue.messages.get_or_insert_default();
        if messages.bytes + message.len() > MOST_WAITING {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read its replies"));
        }
        messages.bytes += message.len();
        messages.waiting.push_back(message);
        Ok(())
    }

    /// Has the socket take so many bytes unsent and no more: what is behind waits here, where it can be skipped.
    pub(super) fn hold_unsent(&self, bytes: u32) {
        let before = self.unsent.replace(bytes);
        if before != bytes {
            unsent::hold(self.stream.get_ref(), bytes, unsent::settable(), before != 0);
        }
    }

    /// Has the connection's task find that its peer says no more: it writes what waits, and closes.
    pub(super) fn hang_up(&self) {
        // It may be closed already.
        let _ = self.stream.get_ref().shutdown(Shutdown::Read);
    }

    /// Images that the socket took in more than one write.
    pub(super) fn parted(&self) -> u32 {
        self.parted.get()
    }

    /// Whether everything was handed to the kernel.
    pub(super) fn is_empty(&self) -> bool {
        let queue = self.queue.borrow();
        queue.messages.is_none() && !queue.has_image()
    }

    /// Whether an image may be written at once: nothing waits before it, and the socket took all so far.
    pub(super) fn is_ready(&self) -> bool {
        let queue = self.queue.borrow();
        !queue.blocked && queue.messages.is_none() && !queue.has_image()
    }

    /// Writes an image to an outbox that [`is_ready`](Self::is_ready), as much as the socket takes; what is
    /// left goes on when there is room. Says whether it is ready for another.
    ///
    /// # Errors
    /// The connection is over.
    pub(super) fn send(&self, image: &WireImage, withheld: u16, channel: u8) -> io::Result<bool> {
        if !own_heads(image, withheld, channel) {
            return self.send_whole(image);
        }
        let mut queue = self.queue.borrow_mut();
        queue.begin(Outgoing { image: image.clone(), withheld, channel });
        self.write_on(&mut queue, None)?;
        Ok(!queue.blocked)
    }

    /// The same of an image as it is.
    ///
    /// # Errors
    /// The connection is over.
    pub(super) fn send_whole(&self, image: &WireImage) -> io::Result<bool> {
        let bytes = image.as_bytes();
        let written = match self.stream.get_ref().write(bytes) {
            Ok(written) if written == bytes.len() => return Ok(true),
            Ok(written) => written,
            Err(error) if blocks(&error) => 0,
            Err(error) => return Err(error),
        };
        // None at all is no part of it.
        let parted = written > 0;
        self.parted.set(self.parted.get().saturating_add(parted.into()));
        let flight = InFlight { image: image.clone(), written, rewritten: false, parted };
        let mut queue = self.queue.borrow_mut();
        queue.flight().image = Some(flight);
        self.write_on(&mut queue, None)?;
        Ok(!queue.blocked)
    }

    /// Writes what the socket takes now; goes on with the reader's images when nothing else waits.
    pub(super) fn pump(&self) -> io::Result<()> {
        let known = self.supply.take();
        let supply = known.as_ref().and_then(Weak::upgrade);
        self.supply.set(known);
        self.write_on(&mut self.queue.borrow_mut(), supply.as_deref())
    }

    fn write_on(&self, queue: &mut Queue, supply: Option<&dyn Supply>) -> io::Result<()> {
        while !queue.blocked {
            let begun = queue.messages.as_ref().is_some_and(|messages| messages.written > 0);
            let more = if !begun && queue.has_image() {
                self.write_image(queue)
            } else if queue.messages.is_some() {
                self.write_message(queue)
            } else {
                match supply.and_then(Supply::next_outgoing) {
                    Some(outgoing) => {
                        queue.begin(outgoing);
                        continue;
                    }
                    None => return Ok(()),
                }
            };
            match more {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    queue.blocked = true;
                    self.full.give();
                }
                Err(error) if blocks(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until the socket was full.
    pub(super) fn poll_full(&self, context: &Context<'_>) -> Poll<()> {
        self.full.poll(context)
    }

    /// Waits until the socket takes bytes again.
    ///
    /// # Errors
    /// It took nothing for `patience`.
    pub(super) async fn room(&self, patience: Duration) -> io::Result<()> {
        let stuck = async {
            alarm::until(clock::now() + patience).await;
            Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes no data"))
        };
        // By its one task's own waker: those who wait by `writable` have places that are kept as long as the socket.
        or(poll_fn(|context| self.stream.poll_writable(context)), stuck).await?;
        self.queue.borrow_mut().blocked = false;
        Ok(())
    }

    fn write_message(&self, queue: &mut Queue) -> io::Result<()> {
        let Some(messages) = &mut queue.messages else { return Ok(()) };
        if let Some(message) = messages.waiting.front() {
            messages.written += nonzero(self.stream.get_ref().write(&message[messages.written..])?)?;
            if messages.written < message.len() {
                return Ok(());
            }
            messages.bytes -= message.len();
            messages.written = 0;
            messages.waiting.pop_front();
        }
        if messages.waiting.is_empty() {
            queue.messages = None;
        }
        Ok(())
    }

    fn write_image(&self, queue: &mut Queue) -> io::Result<()> {
        let Flight { image, heads } = queue.flight();
        let Some(flight) = image else { return Ok(()) };
        let bytes = flight.image.as_bytes();
        let mut stream = self.stream.get_ref();
        let (offered, sent) = if flight.rewritten {
            let mut slices = [IoSlice::new(&[]); GATHER];
            let count = gather(&flight.image, heads, flight.written, &mut slices);
            let offered = slices[..count].iter().map(|slice| slice.len()).sum();
            (offered, stream.write_vectored(&slices[..count])?)
        } else {
            let rest = &bytes[flight.written..];
            (rest.len(), stream.write(rest)?)
        };
        flight.written += nonzero(sent)?;
        if sent < offered && !std::mem::replace(&mut flight.parted, true) {
            self.parted.set(self.parted.get().saturating_add(1));
        }
        if flight.written == bytes.len() {
            *image = None;
            // Who has heads of his own has them for the next as well; of all others few images come this way.
            if heads.capacity() == 0 {
                queue.flight = None;
            }
        }
        Ok(())
    }
}

impl Queue {
    fn begin(&mut self, outgoing: Outgoing) {
        let Outgoing { image, withheld, channel } = outgoing;
        let rewritten = own_heads(&image, withheld, channel);
        let flight = self.flight();
        flight.heads.clear();
        if rewritten {
            flight.heads.extend(image.frames().map(|frame| rewrite(frame, channel, withheld)));
        }
        flight.image = Some(InFlight { image, written: 0, rewritten, parted: false });
    }

    fn flight(&mut self) -> &mut Flight {
        self.flight.get_or_insert_default()
    }

    fn has_image(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.image.is_some())
    }
}

/// Whether a reader's heads differ from the image's.
fn own_heads(image: &WireImage, withheld: u16, channel: u8) -> bool {
    withheld != 0 || !image.is_on(channel)
}

/// Nothing was written now, and the connection goes on.
fn blocks(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// A frame's head with the reader's own channel and sequence number.
fn rewrite(frame: &[u8], channel: u8, withheld: u16) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let length = frame.len().min(HEAD);
    head[..length].copy_from_slice(&frame[..length]);
    head[1] = channel;
    let sequence = u16::from_be_bytes([head[6], head[7]]).wrapping_sub(withheld);
    head[6..8].copy_from_slice(&sequence.to_be_bytes());
    head
}

/// Slices of the rewritten image from byte `from` on; gives how many.
fn gather<'a>(
    image: &'a WireImage,
    heads: &'a [[u8; HEAD]],
    from: usize,
    slices: &mut [IoSlice<'a>; GATHER],
) -> usize {
    let (mut start, mut count) = (0, 0);
    for (frame, head) in image.frames().zip(heads) {
        for part in [head.as_slice(), &frame[HEAD.min(frame.len())..]] {
            let end = start + part.len();
            if end > from && count < GATHER {
                slices[count] = IoSlice::new(&part[from.saturating_sub(start)..]);
                count += 1;
            }
            start = end;
        }
        if count == GATHER {
            break;
        }
    }
    count
}

fn nonzero(written: usize) -> io::Result<usize> {
    if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;
    use crate::media::h264::ParameterSets;
    use crate::media::{AccessUnit, Codec, Link, MediaTime, TrackId};
    use crate::rtp::Sender;

    /// A picture of so many bytes.
    fn image(bytes: usize) -> WireImage {
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let data = [&[0, 0, 0, 1, 0x65][..], &vec![0xab; bytes]].concat().into();
        let time = MediaTime::default();
        let unit = AccessUnit { track: TrackId(0), time, link: Link::Start, journey: None, data };
        Sender::new(TrackId(0), &codec, 1, 100, 0, 1420).packetize(&unit).unwrap()
    }

    #[test]
    fn pictures_that_the_socket_takes_in_parts_are_counted_once_each() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let outbox = Outbox::new(Async::new(listener.accept().unwrap().0).unwrap());
        // As much as a socket is given for the largest pictures.
        outbox.hold_unsent(1 << 20);
        let (large, small) = (image(16 << 20), image(1000));
        let read = |image: &WireImage| {
            let mut taken = vec![0; image.as_bytes().len()];
            smol::block_on(or(
                async {
                    loop {
                        poll_fn(|context| outbox.poll_full(context)).await;
                        outbox.room(Duration::from_secs(10)).await.unwrap();
                        outbox.pump().unwrap();
                    }
                },
                smol::unblock({
                    let mut client = client.try_clone().unwrap();
                    move || {
                        client.read_exact(&mut taken).unwrap();
                        taken
                    }
                }),
            ))
        };
        for (image, withheld, parted) in
            [(&small, 0, 0), (&large, 0, 1), (&small, 0, 1), (&small, 7, 1), (&large, 7, 2), (&large, 0, 3)]
        {
            outbox.send(image, withheld, 0).unwrap();
            let came = read(image);
            assert_eq!(came.len(), image.as_bytes().len());
            assert_eq!(outbox.parted(), parted, "{} bytes, {withheld} withheld", came.len());
            assert!(outbox.is_empty());
        }
        client.set_nonblocking(true).unwrap();
        assert!(client.read(&mut [0; 1]).is_err(), "and nothing else");
    }
}

//! One round of sending: every reader's packets by as few `sendmmsg` as there can be, without waiting.

use std::io;
use std::ops::Range;
use std::rc::Rc;

use super::Pair;
use super::cut::{CutRoom, Cuts, Key, Wanted};
use super::destination::Destination;
use crate::clock;
use crate::hub::Cursor;
use crate::rtp::WireImage;
use crate::server::sys::{MESSAGES, MessageRoom, Messages};
use crate::server::tally::Reason;

/// Who is to be sent which image.
#[derive(Default)]
pub(in crate::server) struct Round {
    jobs: Vec<Job>,
    wanted: Vec<Wanted>,
}

/// An image for a reader.
struct Job {
    /// The caller's number of the reader.
    reader: usize,
    to: Rc<Destination>,
    cut: usize,
    /// The first piece not yet sent; the first packet, when they go out one by one.
    next: usize,
}

/// Room for what a round points the kernel to, kept for the next.
#[derive(Default)]
pub(super) struct Room {
    cuts: CutRoom,
    messages: MessageRoom,
    owners: Vec<Part>,
    again: Vec<Job>,
}

/// A job, and which of its pieces or packets.
#[derive(Clone, Copy)]
struct Part {
    job: usize,
    part: usize,
}

impl Round {
    /// Adds a reader, by the caller's number; `image` is a number of the images that [`Pair::send`] is given.
    pub(in crate::server) fn add(&mut self, reader: usize, to: Rc<Destination>, image: usize, withheld: u16) {
        let key = Key { image, withheld };
        let known = self.wanted.iter().rposition(|known| known.key == key);
        let cut = known.unwrap_or_else(|| {
            self.wanted.push(Wanted { key, readers: 0 });
            self.wanted.len() - 1
        });
        self.wanted[cut].readers += 1;
        self.jobs.push(Job { reader, to, cut, next: 0 });
    }

    /// Makes room for so many readers more.
    pub(in crate::server) fn expect(&mut self, readers: usize) {
        self.jobs.reserve(readers);
    }

    /// Whether nobody is to be sent anything.
    pub(in crate::server) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Others of the same destinations have to wait, or not any more.
    pub(in crate::server) fn hold(&self, busy: bool) {
        self.jobs.iter().for_each(|job| job.to.hold(busy));
    }

    /// Sends a reader nothing more. Numbers were added in their order.
    pub(in crate::server) fn forget(&mut self, reader: usize) {
        if let Ok(at) = self.jobs.binary_search_by_key(&reader, |job| job.reader) {
            self.jobs.remove(at).to.hold(false);
        }
    }

    pub(in crate::server) fn clear(&mut self) {
        self.jobs.clear();
        self.wanted.clear();
    }
}

impl Pair {
    /// Sends the packets `which` of its image to every reader of the round. What the kernel does not take now
    /// is dropped: `lost` is told whose, and why. Never waits.
    pub(in crate::server) fn send(
        &self,
        round: &Round,
        images: &[(Cursor, WireImage)],
        which: Range<usize>,
        lost: &mut dyn FnMut(usize, Reason),
    ) {
        let mut room = self.room.take();
        let Room { cuts, messages, owners, again } = &mut room;
        let cuts = cuts.cut(&round.wanted, images, which);
        let mut sending = Sending { pair: self, cuts: &cuts, owners, again, lost, without_buffers: false };
        sending.send(&round.jobs, messages);
        // Those whose messages the kernel would not cut apart.
        while !sending.again.is_empty() {
            let plain = std::mem::take(sending.again);
            sending.send(&plain, messages);
        }
        self.room.replace(room);
    }
}

struct Sending<'a> {
    pair: &'a Pair,
    cuts: &'a Cuts<'a>,
    owners: &'a mut Vec<Part>,
    /// Jobs to go on with, packet by packet, once the others are done.
    again: &'a mut Vec<Job>,
    lost: &'a mut dyn FnMut(usize, Reason),
    /// Somebody's message found no buffers in this round.
    without_buffers: bool,
}

/// What follows from a message that was not taken.
enum Verdict {
    Again,
    /// This reader is sent no more in this round.
    Skip,
    /// Nobody is.
    Stop(Reason),
}

impl Sending<'_> {
    /// Sends all jobs, as many messages a call as it takes, until the socket is full.
    fn send(&mut self, jobs: &[Job], room: &mut MessageRoom) {
        let mut at = Part { job: 0, part: jobs.first().map_or(0, |job| job.next) };
        while at.job < jobs.len() {
            let mut messages = room.begin();
            let end = self.fill(jobs, at, &mut messages);
            match self.send_filled(jobs, &mut messages, end) {
                Ok(next) => at = next,
                Err((job, reason)) => {
                    jobs[job..].iter().for_each(|job| (self.lost)(job.reader, reason));
                    return;
                }
            }
        }
    }

    /// Writes down the jobs' messages from `at` on, at most as many as one call takes; gives where they end.
    fn fill<'m>(&mut self, jobs: &'m [Job], at: Part, messages: &mut Messages<'m>) -> Part
    where
        Self: 'm,
    {
        let cuts = self.cuts;
        self.owners.clear();
        for (number, job) in jobs.iter().enumerate().skip(at.job) {
            let from = if number == at.job { at.part } else { job.next };
            // Its session ended within an image that goes out in parts.
            if job.to.is_closed() {
                continue;
            }
            let cut = cuts.get(job.cut);
            let parts = if job.to.plain.get() { cut.packets } else { cut.pieces.len() };
            for part in from..parts {
                let place = Part { job: number, part };
                if messages.len() == MESSAGES {
                    return place;
                }
                let (slices, segment) =
                    if job.to.plain.get() { (cuts.packet(cut, part), None) } else { cuts.message(cut, part) };
                messages.push(&job.to.rtp, slices, segment);
                self.owners.push(place);
            }
        }
        Part { job: jobs.len(), part: 0 }
    }

    /// Sends what was written down, which ends at `end`; gives where to go on, or before which job the socket
    /// was full and why.
    fn send_filled(
        &mut self,
        jobs: &[Job],
        messages: &mut Messages<'_>,
        mut end: Part,
    ) -> Result<Part, (usize, Reason)> {
        let mut done = 0;
        let mut retried = false;
        while let Some(owner) = self.owners.get(done).copied() {
            let error = match messages.send(self.pair.rtp(), done) {
                Ok(sent) => {
                    done += sent;
                    retried = false;
                    continue;
                }
                Err(error) => error,
            };
            match self.judge(&jobs[owner.job], owner.part, &error, std::mem::replace(&mut retried, true)) {
                Verdict::Again => {}
                Verdict::Stop(reason) => return Err((owner.job, reason)),
                Verdict::Skip => {
                    done = self.owners.partition_point(|part| part.job <= owner.job);
                    if end.job == owner.job {
                        end = Part {
                            job: owner.job + 1,
                            part: jobs.get(owner.job + 1).map_or(0, |job| job.next),
                        };
                    }
                    retried = false;
                }
            }
        }
        Ok(end)
    }

    fn judge(&mut self, job: &Job, part: usize, error: &io::Error, retried: bool) -> Verdict {
        match error.raw_os_error() {
            Some(libc::EAGAIN) => return Verdict::Stop(Reason::SocketFull),
            Some(libc::ENOBUFS | libc::ENOMEM) => {
                if std::mem::replace(&mut self.without_buffers, true) {
                    return Verdict::Stop(Reason::NoBuffers);
                }
                // It may be this reader's own queue or link.
                (self.lost)(job.reader, Reason::NoBuffers);
                return Verdict::Skip;
            }
            _ => {}
        }
        // What came back for a datagram of before is told with the next one, whoever that is for.
        self.pair.take_errors();
        if !retried {
            return Verdict::Again;
        }
        let cut = self.cuts.get(job.cut);
        if !job.to.plain.get() && refuses_segments(error) && self.cuts.message(cut, part).1.is_some() {
            tracing::debug!(session = %job.to.session, %error, "sending datagrams one by one from now on");
            job.to.plain.set(true);
            let next = self.cuts.packets_before(cut, part);
            self.again.push(Job { to: job.to.clone(), next, ..*job });
            return Verdict::Skip;
        }
        if error.raw_os_error() != Some(libc::EMSGSIZE) {
            job.to.refuse(clock::now());
        }
        let forbidden = matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES));
        (self.lost)(job.reader, if forbidden { Reason::Forbidden } else { Reason::Unreachable });
        Verdict::Skip
    }
}

/// [udp(7)](https://man7.org/linux/man-pages/man7/udp.7.html): what a path without segmentation answers.
fn refuses_segments(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EIO | libc::EMSGSIZE))
}

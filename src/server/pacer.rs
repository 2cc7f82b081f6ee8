//! Sends large images in parts: each to all readers who came to it in the same round.

use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::pacing::{Burst, Pacing, Progress};
use super::reader::Reader;
use super::tally::Reason;
use super::udp::{Destination, Pair, Round};
use crate::hub::Cursor;
use crate::media::TrackId;
use crate::rtp::WireImage;

/// Told whose image ends here, and why.
pub(super) type Lost<'a> = dyn FnMut(&Rc<Reader>, Reason) + 'a;

#[derive(Default)]
pub(super) struct Pacer {
    jobs: Vec<Job>,
    /// Jobs that are over, kept for their room.
    spare: Vec<Job>,
    gone: Vec<usize>,
    planned: Planned,
}

/// An image, and those to whom it goes.
struct Job {
    pair: Rc<Pair>,
    /// One, or none when it is over.
    image: Vec<(Cursor, WireImage)>,
    /// By their numbers here.
    readers: Vec<Rc<Reader>>,
    round: Round,
    /// `None`: not begun.
    progress: Option<Progress>,
}

/// What was spread so far, and by how much its last packets were planned to be late for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Planned {
    pub(super) images: u32,
    pub(super) longest: Duration,
    sum: Duration,
}

impl Planned {
    fn note(&mut self, delay: Duration) {
        self.images = self.images.saturating_add(1);
        self.longest = self.longest.max(delay);
        self.sum = self.sum.saturating_add(delay);
    }

    pub(super) fn mean(&self) -> Duration {
        self.sum / self.images.max(1)
    }
}

impl Pacer {
    pub(super) fn planned(&self) -> Planned {
        self.planned
    }

    /// When there is more to send.
    pub(super) fn next(&self) -> Option<Instant> {
        self.jobs.iter().filter_map(|job| job.progress.as_ref()).map(Progress::next).min()
    }

    /// A reader is to be sent an image.
    pub(super) fn add(
        &mut self,
        (pair, reader): (&Rc<Pair>, &Rc<Reader>),
        image: &(Cursor, WireImage),
        to: Rc<Destination>,
        withheld: u16,
    ) {
        let like = |job: &Job| {
            job.progress.is_none()
                && Rc::ptr_eq(&job.pair, pair)
                && job.image.iter().any(|(at, _)| *at == image.0)
        };
        let number = self.jobs.iter().rposition(like).unwrap_or_else(|| {
            let mut job = self.spare.pop().unwrap_or_else(|| Job::new(pair));
            job.pair = pair.clone();
            job.image.push(image.clone());
            self.jobs.push(job);
            self.jobs.len() - 1
        });
        let job = &mut self.jobs[number];
        job.round.add(job.readers.len(), to, 0, withheld);
        job.readers.push(reader.clone());
    }

    /// Sends what was added: whole, or the first part of it; `spread` is told how much later the end of a picture
    /// goes out for that.
    pub(super) fn begin(
        &mut self,
        pacing: Pacing,
        interval: impl Fn(TrackId) -> Duration,
        now: Instant,
        spread: &mut dyn FnMut(Duration),
        lost: &mut Lost<'_>,
    ) {
        for number in (0..self.jobs.len()).rev() {
            let job = &mut self.jobs[number];
            let (None, [(_, image)]) = (&job.progress, &job.image[..]) else { continue };
            let (bytes, packets) = (image.as_bytes().len(), usize::from(image.packets));
            let burst = Burst { bytes, packets, readers: job.readers.len(), interval: interval(image.track) };
            match pacing.plan(job.pair.speed(), &burst) {
                None => {
                    job.send(0..packets, &mut self.gone, lost);
                    self.put_aside(number);
                }
                Some(plan) => {
                    tracing::trace!(?burst, ?plan, "a picture is spread");
                    self.planned.note(plan.delay());
                    spread(plan.delay());
                    job.round.hold(true);
                    job.progress = Some(Progress::new(plan, packets, now));
                }
            }
        }
        self.go_on(now, lost);
    }

    /// Sends what is due; says whether an image's end went out: who waited for it may be sent more.
    pub(super) fn go_on(&mut self, now: Instant, lost: &mut Lost<'_>) -> bool {
        let mut ended = false;
        for number in (0..self.jobs.len()).rev() {
            let job = &mut self.jobs[number];
            let Some(progress) = &mut job.progress else { continue };
            let due = progress.take(now);
            let over = progress.is_over();
            if !due.is_empty() {
                job.send(due, &mut self.gone, lost);
            }
            if over {
                job.round.hold(false);
                self.put_aside(number);
                ended = true;
            }
        }
        ended
    }

    fn put_aside(&mut self, number: usize) {
        let mut job = self.jobs.swap_remove(number);
        job.image.clear();
        job.readers.clear();
        job.round.clear();
        job.progress = None;
        self.spare.push(job);
    }
}

impl Job {
    fn new(pair: &Rc<Pair>) -> Self {
        Self {
            pair: pair.clone(),
            image: Vec::with_capacity(1),
            readers: Vec::new(),
            round: Round::default(),
            progress: None,
        }
    }

    /// Sends these packets to all; those who cannot be sent them are sent no more of the image.
    fn send(&mut self, which: Range<usize>, gone: &mut Vec<usize>, lost: &mut Lost<'_>) {
        let Self { pair, image, readers, round, .. } = self;
        pair.send(round, image, which, &mut |number, reason| {
            gone.push(number);
            if let Some(reader) = readers.get(number) {
                lost(reader, reason);
            }
        });
        gone.drain(..).for_each(|number| round.forget(number));
    }
}

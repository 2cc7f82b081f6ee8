//! Sends what a mount's readers are due: TCP by one `write` each, UDP by one `sendmmsg` for all.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::feed::Feed;
use super::outbox::Outbox;
use super::reader::{Due, Path, Reader, Way};
use super::tally::Reason;
use super::udp::{Pair, Round};
use super::unsent::Unsent;
use super::view::{Seen, View};
use crate::clock;
use crate::hub::Cursor;
use crate::media::Link;

/// What was not sent is told at most this often.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct FanOut {
    /// Kept for its room, like the next.
    seen: RefCell<Seen>,
    rounds: RefCell<Rounds>,
    /// Who is first in the next round: nobody starves behind a full socket.
    first: Cell<usize>,
    told: Cell<Option<(Instant, u32)>>,
    unsent: RefCell<Unsent>,
    /// The newest image looked at for that.
    noted: Cell<Cursor>,
    /// When a backlog's next image is due, of whichever reader.
    due: Cell<Option<Instant>>,
    wants_keyframe: Cell<bool>,
}

impl FanOut {
    /// Sends every reader what it is due; who does not keep up is left behind, and nobody waits.
    pub(super) fn pump(&self, feed: &Feed, readers: &[Rc<Reader>]) {
        let mut view = View::new(feed.images(), feed.newest_time(), clock::now(), self.seen.take());
        let unsent = self.note_newest(&mut view);
        let mut rounds = self.rounds.take();
        let mut more = true;
        self.due.set(None);
        while more {
            more = self.collect(&mut view, readers, &mut rounds, unsent);
            for (pair, round) in &mut rounds {
                self.send(feed, readers, &view, pair, round);
                round.clear();
            }
        }
        self.rounds.replace(rounds);
        // A report comes behind the first image.
        let by_udp = readers.iter().filter(|reader| matches!(reader.path, Path::Udp(_)));
        by_udp.for_each(|reader| self.see_to(reader, view.now));
        if self.wants_keyframe.take() {
            feed.force_keyframe();
        }
        self.tell(feed, view.now);
        self.seen.replace(view.done());
    }

    /// When there is something to send whatever the source does.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.get()
    }

    /// What is to be seen to with a reader that was just sent something: now it is at hand, with 500 others it is not.
    fn see_to(&self, reader: &Reader, now: Instant) {
        // A connection that failed ends in its own task: its socket is readable then.
        let _ = reader.report(now);
        self.due.set(self.due.get().into_iter().chain(reader.due()).min());
        if reader.wants_keyframe.take() {
            self.wants_keyframe.set(true);
        }
    }

    /// How much TCP sockets are to take unsent, with the newest image in mind.
    fn note_newest(&self, view: &mut View<'_>) -> u32 {
        let mut unsent = self.unsent.borrow_mut();
        if self.noted.replace(view.end()) != view.end()
            && let Some(image) = view.last()
            && image.link == Link::Start
        {
            unsent.note(image.as_bytes().len(), view.now);
        }
        unsent.bytes()
    }

    /// Writes what TCP readers are due, and notes the next image of every UDP reader; says whether one is due
    /// more than that.
    fn collect(&self, view: &mut View<'_>, readers: &[Rc<Reader>], rounds: &mut Rounds, unsent: u32) -> bool {
        let start = self.first.get().checked_rem(readers.len()).unwrap_or_default();
        let (behind, ahead) = readers.split_at(start);
        let mut more = false;
        for (number, reader) in (start..).zip(ahead).chain((0..).zip(behind)) {
            match &reader.path {
                Path::Tcp(outbox) => {
                    outbox.hold_unsent(unsent);
                    write(view, reader, outbox);
                    self.see_to(reader, view.now);
                }
                Path::Udp(pair) => {
                    if let Some(Due { image, withheld, way: Way::Udp(to), last }) = reader.next(view) {
                        round_of(rounds, pair).add(number, to, image, withheld);
                        more |= !last;
                    }
                }
            }
        }
        more
    }

    fn send(&self, feed: &Feed, readers: &[Rc<Reader>], view: &View<'_>, pair: &Pair, round: &Round) {
        let mut first = None;
        pair.send(round, view.images(), 0..usize::MAX, &mut |number, reason| {
            feed.tally.add(reason, 1);
            if let Some(reader) = readers.get(number) {
                reader.tally.add(reason, 1);
            }
            if matches!(reason, Reason::SocketFull | Reason::NoBuffers) {
                first.get_or_insert(number);
            }
        });
        if let Some(first) = first {
            self.first.set(first);
        }
    }

    /// Tells what was not sent: at once, and then what there is more of it by the minute.
    fn tell(&self, feed: &Feed, now: Instant) {
        let sum = feed.tally.sum();
        let due = match self.told.get() {
            None => sum > 0,
            Some((at, told)) => sum != told && now.saturating_duration_since(at) >= TELL_EVERY,
        };
        if due {
            self.told.set(Some((now, sum)));
            tracing::info!(
                mount = feed.mount.name(),
                "readers were not sent everything so far: {}",
                feed.tally
            );
        }
    }
}

type Rounds = Vec<(Rc<Pair>, Round)>;

fn round_of<'a>(rounds: &'a mut Rounds, pair: &Rc<Pair>) -> &'a mut Round {
    let known = rounds.iter().position(|(known, _)| Rc::ptr_eq(known, pair));
    let number = known.unwrap_or_else(|| {
        rounds.push((pair.clone(), Round::default()));
        rounds.len() - 1
    });
    &mut rounds[number].1
}

/// Writes an interleaved reader's images for as long as its socket takes them.
fn write(view: &mut View<'_>, reader: &Reader, outbox: &Outbox) {
    if !outbox.is_ready() {
        // A connection that failed ends in its own task: its socket is readable then.
        let _ = outbox.pump();
        return;
    }
    while let Some(Due { image, withheld, way: Way::Tcp(channel), last }) = reader.next(view) {
        if !outbox.send(view.image(image), withheld, channel).unwrap_or(false) || last {
            return;
        }
    }
}

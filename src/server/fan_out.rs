//! Sends what a mount's readers are due: TCP by one `write` each, UDP by one `sendmmsg` for all.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::feed::Feed;
use super::measure::Measure;
use super::moment::Moment;
use super::outbox::Outbox;
use super::pacer::Pacer;
use super::pacing::Pacing;
use super::reader::{Due, Path, Reader, Way};
use super::tally::{Reason, Told};
use super::tempo::Tempo;
use super::udp::{Pair, Round};
use super::unsent::Unsent;
use super::variants::Variants;
use super::view::{Found, Seen, View};
use crate::clock;
use crate::hub::Cursor;
use crate::media::{Link, TrackId};

/// How pictures are spread is told at most this often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Of images that came while nobody looked, only the newest say how they come.
const LOOK_BACK: u64 = 8;

#[derive(Default)]
pub(super) struct FanOut {
    pacing: Cell<Pacing>,
    pacer: RefCell<Pacer>,
    /// Of each track.
    tempos: RefCell<Vec<Tempo>>,
    told_planned: Cell<Option<Instant>>,
    /// Kept for its room, like the next.
    seen: RefCell<Seen>,
    rounds: RefCell<Rounds>,
    variants: RefCell<Variants>,
    /// Who is first in the next round: nobody starves behind a full socket.
    first: Cell<usize>,
    told: Cell<Told>,
    unsent: RefCell<Unsent>,
    /// The newest image looked at for that.
    noted: Cell<Cursor>,
    pub(super) measure: Measure,
    /// When a backlog's next image is due, of whichever reader.
    due: Cell<Option<Instant>>,
    wants_keyframe: Cell<bool>,
}

impl FanOut {
    pub(super) fn new(pacing: Pacing) -> Self {
        Self { pacing: Cell::new(pacing), ..Self::default() }
    }

    /// Spreads large pictures otherwise, from the next on.
    pub(super) fn pace(&self, pacing: Pacing) {
        self.pacing.set(pacing);
    }

    /// When a part of an image is due.
    pub(super) fn next_part(&self) -> Option<Instant> {
        self.pacer.borrow().next()
    }

    /// Sends the parts of images that are due; says whether an image's end was among them.
    pub(super) fn go_on(&self, readers: &[Rc<Reader>]) -> bool {
        let mut pacer = self.pacer.borrow_mut();
        if pacer.next().is_none() {
            return false;
        }
        let mut losses = Losses::default();
        let ended = pacer.go_on(clock::now(), &mut |reader, reason| losses.count(reader, reason));
        self.put_first(readers, losses.first);
        ended
    }

    /// Sends every reader what it is due; who does not keep up is left behind, and nobody waits.
    pub(super) fn pump(&self, feed: &Feed, readers: &[Rc<Reader>]) {
        self.go_on(readers);
        let mut view = View::new(feed.images(), feed.newest_time(), clock::now(), self.seen.take());
        let unsent = self.note_newest(&mut view);
        let mut rounds = self.rounds.take();
        let (mut more, now) = (true, Moment::from(view.now));
        self.due.set(None);
        while more {
            more = self.collect(&mut view, readers, &mut rounds, (unsent, now));
            for (pair, round) in &mut rounds {
                self.send(readers, &view, pair, round);
                round.clear();
            }
            self.begin_parts(feed, readers, view.now);
        }
        self.rounds.replace(rounds);
        self.variants.borrow_mut().end_round();
        self.measure.end_round(&view, feed);
        // A report comes behind the first image.
        let by_udp = readers.iter().filter(|reader| matches!(reader.path, Path::Udp(_)));
        by_udp.for_each(|reader| self.see_to(reader, now));
        if self.wants_keyframe.take() {
            feed.need_keyframe();
        }
        feed.ask_for_what_is_owed(view.now);
        self.tell(feed, view.now);
        self.tell_planned(feed, view.now);
        self.seen.replace(view.done());
    }

    /// When there is something to send whatever the source does.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.get()
    }

    /// What is to be seen to with a reader that was just sent something: now it is at hand, with 500 others it is not.
    fn see_to(&self, reader: &Reader, now: Moment) {
        // A connection that failed ends in its own task: its socket is readable then.
        let _ = reader.report(now);
        // One that is past was not taken: its connection has no room, or its codec is not sent any more. What makes room
        // goes on with it, and to look again at once would be to look for ever.
        let due = reader.due().filter(|due| Moment::from(*due) > now);
        self.due.set(self.due.get().into_iter().chain(due).min());
        if reader.wants_keyframe.take() {
            self.wants_keyframe.set(true);
        }
    }

    /// What is new among the images: gives how much TCP sockets are to take unsent, with the newest keyframe in mind.
    fn note_newest(&self, view: &mut View<'_>) -> u32 {
        let (mut unsent, mut tempos) = (self.unsent.borrow_mut(), self.tempos.borrow_mut());
        let end = view.end();
        let mut at = self.noted.replace(end).max(Cursor(end.0.saturating_sub(LOOK_BACK)));
        while at < end {
            if let Found::Here(number) = view.find(at) {
                let image = view.image(number);
                let track = image.track.index();
                if tempos.len() <= track {
                    tempos.resize_with(track + 1, Tempo::default);
                }
                tempos[track].note(image);
                if image.link == Link::Start {
                    unsent.note(image.as_bytes().len(), view.now);
                }
            }
            at = at.next();
        }
        unsent.bytes()
    }

    /// Writes what TCP readers are due, and notes the next image of every UDP reader, large ones apart; says
    /// whether one is due more than that.
    fn collect(
        &self,
        view: &mut View<'_>,
        readers: &[Rc<Reader>],
        rounds: &mut Rounds,
        (unsent, now): (u32, Moment),
    ) -> bool {
        let start = self.first.get().checked_rem(readers.len()).unwrap_or_default();
        let (behind, ahead) = readers.split_at(start);
        let (mut pacer, tempos) = (self.pacer.borrow_mut(), self.tempos.borrow());
        let mut variants = self.variants.borrow_mut();
        let mut more = false;
        let mut ready = ready_by_udp(readers);
        for (number, reader) in (start..).zip(ahead).chain((0..).zip(behind)) {
            match &reader.path {
                Path::Tcp(outbox) => {
                    outbox.hold_unsent(unsent);
                    write(view, reader, outbox, (&mut variants, &self.measure));
                    self.see_to(reader, now);
                }
                Path::Udp(pair) => {
                    let Some(Due { image, withheld, way: Way::Udp(to), last }) = reader.next(view) else {
                        continue;
                    };
                    let found = &view.images()[image];
                    let heavy =
                        tempos.get(found.1.track.index()).is_some_and(|tempo| tempo.is_heavy(&found.1));
                    if heavy && self.pacing.get().applies(pair.speed()) {
                        pacer.add((pair, reader), found, to, withheld);
                    } else {
                        let round = round_of(rounds, pair);
                        round.expect(std::mem::take(&mut ready));
                        round.add(number, to, image, withheld);
                    }
                    more |= !last;
                }
            }
        }
        more
    }

    fn send(&self, readers: &[Rc<Reader>], view: &View<'_>, pair: &Pair, round: &Round) {
        let mut losses = Losses::default();
        pair.send(round, view.images(), 0..usize::MAX, &mut |number, reason| {
            if let Some(reader) = readers.get(number) {
                losses.count(reader, reason);
            }
        });
        if !round.is_empty() {
            self.measure.handed();
        }
        self.put_first(readers, losses.first);
    }

    /// Begins to send the large images that were noted.
    fn begin_parts(&self, feed: &Feed, readers: &[Rc<Reader>], now: Instant) {
        let tempos = self.tempos.borrow();
        let interval = |track: TrackId| tempos.get(track.index()).map(Tempo::interval).unwrap_or_default();
        let mut losses = Losses::default();
        let mut spread = |delay| feed.mount.latency().count_spread(delay);
        self.pacer.borrow_mut().begin(
            self.pacing.get(),
            interval,
            now,
            &mut spread,
            &mut |reader, reason| {
                losses.count(reader, reason);
            },
        );
        self.put_first(readers, losses.first);
    }

    /// Who found no room is first in the next round.
    fn put_first(&self, readers: &[Rc<Reader>], reader: Option<Rc<Reader>>) {
        if let Some(reader) = reader
            && let Some(number) = readers.iter().position(|known| Rc::ptr_eq(known, &reader))
        {
            self.first.set(number);
        }
    }

    /// Tells what was not sent.
    fn tell(&self, feed: &Feed, now: Instant) {
        let mut told = self.told.get();
        if told.is_due(&feed.tally, now) {
            self.told.set(told);
            tracing::info!(
                mount = feed.mount.name(),
                "readers were not sent everything so far: {}",
                feed.tally
            );
        }
    }

    /// Tells how much later large images arrive for being spread: once, and by the minute to who wants to know more.
    fn tell_planned(&self, feed: &Feed, now: Instant) {
        let planned = self.pacer.borrow().planned();
        let told = self.told_planned.get();
        if planned.images == 0 || told.is_some_and(|at| now.saturating_duration_since(at) < TELL_EVERY) {
            return;
        }
        self.told_planned.set(Some(now));
        let (mount, images) = (feed.mount.name(), planned.images);
        let [mean, longest] = [planned.mean(), planned.longest].map(|delay| delay.as_secs_f64() * 1000.0);
        if told.is_none() {
            tracing::info!(
                mount,
                "large pictures are spread over time: the last of it {mean:.1} ms later than at once"
            );
        } else {
            tracing::debug!(
                mount,
                images,
                "planned delay of pictures that were spread: {mean:.1} ms on average, {longest:.1} ms at most"
            );
        }
    }
}

/// What the kernel did not take.
#[derive(Default)]
struct Losses {
    /// The first who found no room.
    first: Option<Rc<Reader>>,
}

impl Losses {
    fn count(&mut self, reader: &Rc<Reader>, reason: Reason) {
        reader.left_out(reason, 1);
        if matches!(reason, Reason::SocketFull | Reason::NoBuffers) {
            self.first.get_or_insert_with(|| reader.clone());
        }
    }
}

/// How many readers have no image on its way by UDP. In a loop as short as this the processor fetches the memory of many
/// readers at a time, which a round of sending to all of them has driven out of its caches; where they are gone through with
/// what each takes, it waits for three places of every one.
fn ready_by_udp(readers: &[Rc<Reader>]) -> usize {
    readers.iter().filter(|reader| reader.is_ready_by_udp()).count()
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
fn write(
    view: &mut View<'_>,
    reader: &Reader,
    outbox: &Outbox,
    (variants, measure): (&mut Variants, &Measure),
) {
    if !outbox.is_ready() {
        // A connection that failed ends in its own task: its socket is readable then.
        let _ = outbox.pump();
        return;
    }
    while let Some(Due { image, withheld, way: Way::Tcp(channel), last }) = reader.next(view) {
        let (at, image) = (view.place(image), view.image(image));
        let elsewhere = withheld == 0 && !image.is_on(channel);
        let variant = if elsewhere { variants.get(at, image, channel) } else { None };
        let sent = match variant {
            Some(variant) => outbox.send_whole(variant),
            None => outbox.send(image, withheld, channel),
        };
        let ready = sent.unwrap_or(false);
        measure.handed();
        if !ready || last {
            return;
        }
    }
}

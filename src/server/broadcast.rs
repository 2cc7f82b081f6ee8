//! One task a mount and worker: has each access unit packetized once and sends the image to every reader of this
//! worker that keeps up.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::alarm::{Alarm, Kick};
use super::fan_out::FanOut;
use super::feed::{Feed, Taken};
use super::join::FRESH;
use super::pacing::Pacing;
use super::reader::Reader;
use super::supervise;
use crate::clock;
use crate::hub::{Cursor, Mount, Slot};
use crate::media::{AccessUnit, Link};

/// Reports go out at the latest this long after they are due.
const REPORT_TICK: Duration = Duration::from_secs(1);

pub(super) struct Broadcast {
    pub(super) feed: Arc<Feed>,
    /// It takes access units in whether it has readers or not: one worker's has to.
    home: bool,
    /// How far it has looked at the mount's access units and images.
    seen: Cell<Taken>,
    readers: RefCell<Vec<Rc<Reader>>>,
    /// Changes of the mount that were looked at.
    changes: Cell<u64>,
    kick: Kick,
    fan_out: FanOut,
}

impl Broadcast {
    pub(super) fn new(feed: Arc<Feed>, home: bool, pacing: Pacing) -> Self {
        Self {
            seen: Cell::new(feed.taken()),
            fan_out: FanOut::new(pacing),
            feed,
            home,
            readers: RefCell::default(),
            changes: Cell::default(),
            kick: Kick::default(),
        }
    }

    fn mount(&self) -> &Mount {
        &self.feed.mount
    }

    /// Runs until the mount's source is gone. A picture's round allocates nothing: what is waited for is
    /// kept from one to the next.
    pub(super) async fn run(self: Rc<Self>) {
        let mut alarm = Alarm::default();
        loop {
            match poll_fn(|context| self.poll_work(&mut alarm, context)).await {
                Woken::Unit(None) => return,
                Woken::Unit(Some(slot)) => self.handle_unit(slot),
                Woken::Part => self.go_on(),
                Woken::Other => {
                    self.pump();
                    // Whatever is due all the time, others have their turn.
                    smol::future::yield_now().await;
                }
            }
        }
    }

    /// A new access unit, a part of an image, or anything else to look at the readers for: a kick, a backlog's due
    /// time, a report.
    fn poll_work(&self, alarm: &mut Alarm, context: &mut Context<'_>) -> Poll<Woken> {
        if self.kick.poll(context).is_ready() {
            return Poll::Ready(Woken::Other);
        }
        // Others need not be woken for pictures that nobody sees here.
        if (self.home || !self.readers.borrow().is_empty())
            && let Poll::Ready(slot) = self.mount().units().poll_next(self.seen.get().unit, context)
        {
            return Poll::Ready(Woken::Unit(slot));
        }
        while let Poll::Ready(changes) = self.mount().poll_changed(self.changes.get(), context) {
            self.changes.set(changes);
            self.feed.forget_what_nobody_will_see();
        }
        let (part, other) = (self.fan_out.next_part(), self.next_due());
        let Some(at) = part.into_iter().chain(other).min() else { return Poll::Pending };
        let woken = if part == Some(at) { Woken::Part } else { Woken::Other };
        alarm.poll(at, context).map(|()| woken)
    }

    /// When readers have to be looked at whatever the source does.
    fn next_due(&self) -> Option<Instant> {
        let tick = (!self.readers.borrow().is_empty()).then(|| clock::now() + REPORT_TICK);
        self.fan_out.due().into_iter().chain(tick).min()
    }

    // This and the next are functions of their own so that profiles, and tests/bench/instructions.rs, find them.
    #[inline(never)]
    fn handle_unit(&self, slot: Slot<AccessUnit>) {
        supervise::may_panic(self.mount().name());
        self.follow(self.feed.take(self.seen.get().unit, slot));
    }

    /// Goes through the images that are new here: who waits for a start may find it in them.
    fn follow(&self, taken: Taken) {
        let mut at = self.seen.replace(taken).image;
        if at >= taken.image {
            return;
        }
        while at < taken.image {
            match self.feed.images().get(at) {
                Slot::Here(image) => {
                    // Of most images nobody's: for those readers are looked at once, and that is to send them.
                    if image.link != Link::Follows {
                        self.readers.borrow().iter().for_each(|reader| reader.offer_start(at, &image));
                    }
                    at = at.next();
                }
                Slot::Gone(oldest) => at = oldest,
                Slot::Ahead => break,
            }
        }
        self.pump();
    }

    /// Sends what every reader is due.
    pub(super) fn pump(&self) {
        self.fan_out.pump(&self.feed, &self.readers.borrow());
    }

    /// Sends the parts of images that are due.
    #[inline(never)]
    fn go_on(&self) {
        if self.fan_out.go_on(&self.readers.borrow()) {
            // Who waited for an image's end has the next one now.
            self.pump();
        }
    }

    /// Spreads large pictures otherwise, from the next on.
    pub(super) fn pace(&self, pacing: Pacing) {
        self.fan_out.pace(pacing);
    }

    /// Has the task look at its readers again.
    pub(super) fn kick(&self) {
        self.kick.give();
    }

    /// Makes a reader play: see the module `join` for where it starts.
    pub(super) fn play(&self, reader: &Rc<Reader>) {
        if reader.playing() {
            return;
        }
        let mut readers = self.readers.borrow_mut();
        let first = readers.is_empty();
        if !readers.iter().any(|known| Rc::ptr_eq(known, reader)) {
            readers.push(reader.clone());
            self.feed.enter(1);
        }
        drop(readers);
        // This task may have been woken before the one that packetizes: a keyframe may lie ready.
        let taken = self.feed.begin();
        if first {
            // What went by while nobody was here is nobody's start.
            self.seen.set(taken);
        } else {
            self.follow(taken);
        }
        let newest = self
            .feed
            .images()
            .newest(Cursor::default(), |image| image.link == Link::Start && reader.has(image.track));
        let fresh = newest.as_ref().is_some_and(|(_, image)| clock::media().since(image.time) <= FRESH);
        let comes = !fresh && self.feed.want_keyframe();
        let start = newest.filter(|_| !comes);
        if start.is_none() && !comes {
            self.feed.need_keyframe();
        }
        let start = start.as_ref().map(|(at, image)| (*at, image));
        // Only now: a source that rests begins with the keyframe that was asked for, not with one of its own
        // and then that.
        let demand = self.mount().want();
        reader.join(demand, taken.image, start, !fresh);
        if !self.home {
            // It has slept until now.
            self.kick();
        }
    }

    /// Forgets a reader.
    pub(super) fn leave(&self, reader: &Rc<Reader>) {
        reader.pause();
        let mut readers = self.readers.borrow_mut();
        let before = readers.len();
        readers.retain(|known| !Rc::ptr_eq(known, reader));
        self.feed.leave(before - readers.len());
        if readers.is_empty() {
            self.fan_out.measure.rest(&self.feed);
        }
        drop(readers);
        self.feed.forget_what_nobody_will_see();
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.feed.leave(self.readers.get_mut().len());
    }
}

enum Woken {
    Unit(Option<Slot<AccessUnit>>),
    /// Of an image that goes out in parts.
    Part,
    Other,
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, publish, serve};
    use super::*;
    use crate::media::Track;

    #[test]
    fn readers_who_join_within_a_second_share_one_keyframe() {
        serve(
            &["cam"],
            1,
            || (),
            |house, address, outlets| {
                let outlet = &outlets[0];
                let tracks: Vec<Track> = house.feeds()[0].mount.tracks().unwrap().to_vec();
                outlet.describe(tracks, true);
                let mut clients = [(); 3].map(|()| Client::set_up(address, "cam"));
                let began = clock::now();
                let asked = clients.each_mut().map(|client| {
                    // Nothing is published: it waits for what it asked for.
                    assert!(client.play().contains(" 200 "));
                    outlet.take_keyframe_request()
                });
                if clock::now() < began + Duration::from_millis(900) {
                    assert_eq!(asked, [true, false, false]);
                }
                publish(outlet);
                let starts = clients.each_ref().map(|client| client.packet().1);
                assert!(starts.iter().all(|start| *start == starts[0]), "all start there: {starts:?}");
            },
        );
    }
}

//! One task a mount: packetizes each access unit once and sends the image to every reader that keeps up.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::alarm::{Alarm, Kick};
use super::feed::Feed;
use super::join::FRESH;
use super::reader::{Path, Reader};
use super::udp::Pair;
use crate::clock;
use crate::hub::{Cursor, Mount, Slot};
use crate::media::{AccessUnit, Link};

/// Reports go out at the latest this long after they are due.
const REPORT_TICK: Duration = Duration::from_secs(1);

pub(super) struct Broadcast {
    pub(super) feed: Rc<Feed>,
    /// The next access unit to packetize.
    next_unit: Cell<Cursor>,
    readers: RefCell<Vec<Rc<Reader>>>,
    /// Changes of the mount that were looked at.
    seen: Cell<u64>,
    kick: Kick,
    /// Kept for its room.
    pairs: RefCell<Vec<Rc<Pair>>>,
}

impl Broadcast {
    pub(super) fn new(feed: Feed) -> Self {
        Self {
            next_unit: Cell::new(feed.mount.units().end()),
            feed: Rc::new(feed),
            readers: RefCell::default(),
            seen: Cell::default(),
            kick: Kick::default(),
            pairs: RefCell::default(),
        }
    }

    fn mount(&self) -> &Mount {
        &self.feed.mount
    }

    /// Runs until the mount's source is gone. A picture's round allocates nothing: what is waited for is
    /// kept from one to the next.
    pub(super) async fn run(self: Rc<Self>) {
        let mut alarm = Alarm::default();
        let mut room = pin!(None);
        loop {
            match poll_fn(|context| self.poll_work(&mut alarm, room.as_mut(), Pair::emptied, context)).await {
                Woken::Unit(None) => return,
                Woken::Unit(Some(slot)) => drop(self.handle_slot(slot)),
                Woken::Other => self.pump(),
            }
        }
    }

    /// Handles what stands at the next unit's place; says whether anything did.
    fn handle_slot(&self, slot: Slot<AccessUnit>) -> bool {
        match slot {
            Slot::Here(unit) => {
                self.next_unit.set(self.next_unit.get().next());
                self.handle_unit(&unit);
            }
            Slot::Gone(oldest) => {
                tracing::warn!(mount = self.mount().name(), "the server fell behind the source");
                self.next_unit.set(oldest);
            }
            Slot::Ahead => return false,
        }
        true
    }

    /// A new access unit, or anything else to look at the readers for: a kick, a socket with room, a
    /// backlog's due time, a report.
    fn poll_work<Room: Future>(
        &self,
        alarm: &mut Alarm,
        mut room: Pin<&mut Option<Room>>,
        emptied: impl Fn(Rc<Pair>) -> Room,
        context: &mut Context<'_>,
    ) -> Poll<Woken> {
        if self.kick.poll(context).is_ready() {
            return Poll::Ready(Woken::Other);
        }
        if let Poll::Ready(slot) = self.mount().units().poll_next(self.next_unit.get(), context) {
            return Poll::Ready(Woken::Unit(slot));
        }
        while let Poll::Ready(changes) = self.mount().poll_changed(self.seen.get(), context) {
            self.seen.set(changes);
            self.forget_what_nobody_will_see();
        }
        if room.is_none() {
            room.set(self.full_pair().map(emptied));
        }
        if room.as_mut().as_pin_mut().is_some_and(|room| room.poll(context).is_ready()) {
            room.set(None);
            return Poll::Ready(Woken::Other);
        }
        let rung = self.next_due().is_some_and(|at| alarm.poll(at, context).is_ready());
        if rung { Poll::Ready(Woken::Other) } else { Poll::Pending }
    }

    fn full_pair(&self) -> Option<Rc<Pair>> {
        self.readers.borrow().iter().find_map(|reader| match &reader.path {
            Path::Udp(pair) if pair.full() => Some(pair.clone()),
            _ => None,
        })
    }

    /// When readers have to be looked at whatever the source does.
    fn next_due(&self) -> Option<Instant> {
        let readers = self.readers.borrow();
        let tick = (!readers.is_empty()).then(|| clock::now() + REPORT_TICK);
        readers.iter().filter_map(|reader| reader.due()).chain(tick).min()
    }

    fn handle_unit(&self, unit: &AccessUnit) {
        let Some((at, image)) = self.feed.packetize(unit) else { return };
        for reader in self.readers.borrow().iter() {
            reader.offer_start(at, &image);
        }
        self.pump();
    }

    /// Sends what every reader is due; ends those whose connection failed.
    pub(super) fn pump(&self) {
        let now = clock::now();
        let mut pairs = self.pairs.take();
        for reader in self.readers.borrow().iter().filter(|reader| reader.playing()) {
            match &reader.path {
                Path::Tcp(outbox) => {
                    // A failed write ends the connection in its own task: its socket is readable then.
                    let _ = outbox.pump();
                    if reader.report(now).is_ok() {
                        let _ = outbox.pump();
                    }
                }
                Path::Udp(pair) if !pairs.iter().any(|known| Rc::ptr_eq(known, pair)) => {
                    pairs.push(pair.clone())
                }
                Path::Udp(_) => {}
            }
        }
        for pair in pairs.drain(..) {
            let readers = self.readers.borrow();
            pair.pump(&readers);
            for reader in readers
                .iter()
                .filter(|reader| matches!(&reader.path, Path::Udp(its) if Rc::ptr_eq(its, &pair)))
            {
                let _ = reader.report(now);
            }
        }
        self.pairs.replace(pairs);
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
        // This task may have been woken before the one that packetizes: a keyframe may lie ready.
        while self.handle_slot(self.mount().units().get(self.next_unit.get())) {}
        if !self.mount().state().flows() {
            // What is left is of the time before the source rested.
            self.feed.images().clear();
        }
        let end = self.feed.images().end();
        let newest = self
            .feed
            .images()
            .newest(Cursor::default(), |image| image.link == Link::Start && reader.has(image.track));
        let fresh = newest.as_ref().is_some_and(|(_, image)| clock::media().since(image.time) <= FRESH);
        let start = if !fresh && self.feed.force_keyframe() { None } else { newest };
        let start = start.as_ref().map(|(at, image)| (*at, image));
        // Only now: a source that rests begins with the keyframe that was asked for, not with one of its own
        // and then that.
        let demand = self.mount().want();
        reader.join(demand, end, start, !fresh);
        let mut readers = self.readers.borrow_mut();
        if !readers.iter().any(|known| Rc::ptr_eq(known, reader)) {
            readers.push(reader.clone());
        }
    }

    /// Forgets a reader.
    pub(super) fn leave(&self, reader: &Rc<Reader>) {
        reader.pause();
        let mut readers = self.readers.borrow_mut();
        readers.retain(|known| !Rc::ptr_eq(known, reader));
        drop(readers);
        self.forget_what_nobody_will_see();
    }

    /// A source that still plays may have another reader soon, who starts in what is there; one that rests
    /// begins anew for the next.
    fn forget_what_nobody_will_see(&self) {
        if self.readers.borrow().is_empty() && !self.mount().state().flows() {
            self.feed.images().clear();
        }
    }
}

enum Woken {
    Unit(Option<Slot<AccessUnit>>),
    Other,
}

/// When a reader is unreachable for this long it is dropped.
pub(super) const UNREACHABLE: Duration = Duration::from_secs(5);

/// Whether datagrams to a reader have been refused for too long.
pub(super) fn unreachable(reader: &Reader, now: Instant) -> bool {
    reader.refused.get().is_some_and(|since| now.saturating_duration_since(since) > UNREACHABLE)
}

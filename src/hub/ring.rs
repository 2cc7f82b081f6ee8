//! A ring of the newest items: one writer, any number of cursors, nobody waits for anybody.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::media::MediaTime;

/// A place in a ring: the number of items written before it. Never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub u64);

impl Cursor {
    /// The place after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The place so many items before this one.
    pub fn back(self, items: u64) -> Self {
        Self(self.0.saturating_sub(items))
    }
}

/// What stands at a cursor.
#[derive(Debug, PartialEq, Eq)]
pub enum Slot<T> {
    /// The item.
    Here(T),
    /// Not written yet.
    Ahead,
    /// Evicted: the oldest item left stands at this cursor.
    Gone(Cursor),
}

/// What a ring must know of an item to bound itself.
pub trait Weigh {
    /// Bytes that the item keeps alive.
    fn bytes(&self) -> usize;
    /// When it was captured.
    fn time(&self) -> MediaTime;
    /// Whether decoding can start here.
    fn starts(&self) -> bool;
}

/// How much a ring may hold. Whichever bound is met first evicts the oldest item; the newest always stays.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Items.
    pub items: usize,
    /// Sum of [`Weigh::bytes`].
    pub bytes: usize,
    /// Age against the newest item.
    pub age: Duration,
    /// Groups of pictures: items before the `groups`-th newest start are evicted.
    pub groups: usize,
}

/// The ring itself. Items are handed out as clones: keep them cheap to clone.
#[derive(Debug)]
pub struct Ring<T> {
    shared: Mutex<Shared<T>>,
}

/// Who waited for what was written.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<Waker>);

#[derive(Debug)]
struct Shared<T> {
    bounds: Bounds,
    items: VecDeque<T>,
    /// Cursor of the item at the front.
    oldest: u64,
    bytes: usize,
    starts: usize,
    wakers: Vec<Waker>,
    /// An emptied list, for those who wait again while the others are still being woken.
    spare: Vec<Waker>,
    closed: bool,
}

impl<T: Clone + Weigh> Ring<T> {
    /// An empty ring.
    pub fn new(bounds: Bounds) -> Self {
        let shared = Shared {
            items: VecDeque::with_capacity(bounds.items.min(64)),
            bounds,
            oldest: 0,
            bytes: 0,
            starts: 0,
            wakers: Vec::new(),
            spare: Vec::new(),
            closed: false,
        };
        Self { shared: Mutex::new(shared) }
    }

    /// Writes the next item, evicts what the bounds no longer allow and wakes whoever waits.
    pub fn push(&self, item: T) -> Cursor {
        self.push_evicting(item, |_, _| {})
    }

    /// The same, and hands on what is evicted, with the bytes that the bounds have left without it: under the lock, so that
    /// nothing may be done with it that takes time.
    pub fn push_evicting(&self, item: T, evicted: impl FnMut(T, usize)) -> Cursor {
        let (at, waiting) = self.put_evicting(item, evicted);
        self.wake(waiting);
        at
    }

    /// The same, but leaves it to [`Ring::wake`] to wake whoever waits: for who holds a lock that they would wait for next.
    pub(super) fn put(&self, item: T) -> (Cursor, Waiting) {
        self.put_evicting(item, |_, _| {})
    }

    fn put_evicting(&self, item: T, evicted: impl FnMut(T, usize)) -> (Cursor, Waiting) {
        let mut ring = self.lock();
        ring.bytes += item.bytes();
        ring.starts += usize::from(item.starts());
        let newest = item.time();
        ring.items.push_back(item);
        ring.evict_what_exceeds(newest, evicted);
        let at = Cursor(ring.end() - 1);
        (at, Waiting(ring.take_wakers()))
    }

    /// What stands at `cursor`.
    pub fn get(&self, cursor: Cursor) -> Slot<T> {
        self.lock().get(cursor)
    }

    /// Waits for what stands at `cursor`; `None` once the ring is closed and everything was read.
    pub fn poll_next(&self, cursor: Cursor, context: &mut Context<'_>) -> Poll<Option<Slot<T>>> {
        let mut ring = self.lock();
        match ring.get(cursor) {
            Slot::Ahead if ring.closed => Poll::Ready(None),
            Slot::Ahead => {
                if !ring.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                    ring.wakers.push(context.waker().clone());
                }
                Poll::Pending
            }
            slot => Poll::Ready(Some(slot)),
        }
    }

    /// Where the next item will stand.
    pub fn end(&self) -> Cursor {
        Cursor(self.lock().end())
    }

    /// The newest item at or after `from` for which `wanted` holds.
    pub fn newest(&self, from: Cursor, wanted: impl Fn(&T) -> bool) -> Option<(Cursor, T)> {
        let ring = self.lock();
        let first = from.0.saturating_sub(ring.oldest) as usize;
        let items = ring.items.iter().enumerate().skip(first);
        let (index, item) = items.rev().find(|(_, item)| wanted(item))?;
        Some((Cursor(ring.oldest + index as u64), item.clone()))
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Forgets the items before a cursor.
    pub fn forget(&self, before: Cursor) {
        let mut ring = self.lock();
        while ring.oldest < before.0 && !ring.items.is_empty() {
            ring.evict();
        }
    }

    /// Holds so many bytes from now on, and evicts what is more.
    pub fn hold(&self, bytes: usize) {
        let mut ring = self.lock();
        ring.bounds.bytes = bytes;
        if let Some(newest) = ring.items.back().map(Weigh::time) {
            ring.evict_what_exceeds(newest, |_, _| {});
        }
    }

    /// Forgets the items; cursors stay valid.
    pub fn clear(&self) {
        let mut ring = self.lock();
        while !ring.items.is_empty() {
            ring.evict();
        }
    }

    /// Ends the ring: who has read everything is told so.
    pub fn close(&self) {
        let mut ring = self.lock();
        ring.closed = true;
        let wakers = ring.take_wakers();
        drop(ring);
        self.wake(Waiting(wakers));
    }

    /// Wakes outside the lock, then gives the list back so that neither a push nor who waits allocates.
    pub(super) fn wake(&self, Waiting(mut wakers): Waiting) {
        wakers.drain(..).for_each(Waker::wake);
        self.lock().spare = wakers;
    }

    /// A panic elsewhere leaves the ring whole: every change is made under the lock in one go.
    fn lock(&self) -> MutexGuard<'_, Shared<T>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone + Weigh> Shared<T> {
    fn end(&self) -> u64 {
        self.oldest + self.items.len() as u64
    }

    fn get(&self, cursor: Cursor) -> Slot<T> {
        match cursor.0.checked_sub(self.oldest) {
            None => Slot::Gone(Cursor(self.oldest)),
            Some(index) => self.items.get(index as usize).cloned().map_or(Slot::Ahead, Slot::Here),
        }
    }

    fn take_wakers(&mut self) -> Vec<Waker> {
        std::mem::replace(&mut self.wakers, std::mem::take(&mut self.spare))
    }

    fn evict_what_exceeds(&mut self, newest: MediaTime, mut evicted: impl FnMut(T, usize)) {
        while self.items.len() > 1 && self.exceeds(newest) {
            let Some(item) = self.evict() else { return };
            evicted(item, self.bounds.bytes.saturating_sub(self.bytes));
        }
    }

    fn exceeds(&self, newest: MediaTime) -> bool {
        let bounds = &self.bounds;
        let oldest = self.items.front().map_or(newest, Weigh::time);
        self.items.len() > bounds.items
            || self.bytes > bounds.bytes
            || newest.since(oldest) > bounds.age
            || self.starts > bounds.groups
    }

    fn evict(&mut self) -> Option<T> {
        let item = self.items.pop_front()?;
        self.oldest += 1;
        self.bytes -= item.bytes();
        self.starts -= usize::from(item.starts());
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Item(u64, bool);

    impl Weigh for Item {
        fn bytes(&self) -> usize {
            10
        }
        fn time(&self) -> MediaTime {
            MediaTime::from_duration(Duration::from_secs(self.0))
        }
        fn starts(&self) -> bool {
            self.1
        }
    }

    const WIDE: Bounds = Bounds { items: 100, bytes: 1000, age: Duration::from_secs(100), groups: 100 };

    fn filled(bounds: Bounds, items: u64) -> Ring<Item> {
        let ring = Ring::new(bounds);
        for number in 0..items {
            ring.push(Item(number, number % 4 == 0));
        }
        ring
    }

    #[test]
    fn a_cursor_reads_every_item_once_and_then_waits() {
        let ring = filled(WIDE, 3);
        assert_eq!(ring.get(Cursor(0)), Slot::Here(Item(0, true)));
        assert_eq!(ring.get(Cursor(2)), Slot::Here(Item(2, false)));
        assert_eq!(ring.get(Cursor(3)), Slot::Ahead);
    }

    #[test]
    fn each_bound_evicts_the_oldest() {
        for (bounds, oldest) in [
            (Bounds { items: 4, ..WIDE }, 6),
            (Bounds { bytes: 35, ..WIDE }, 7),
            (Bounds { age: Duration::from_secs(4), ..WIDE }, 5),
            (Bounds { groups: 2, ..WIDE }, 1), // starts are 0, 4 and 8: evicting the first leaves two
        ] {
            let ring = filled(bounds, 10);
            assert_eq!(ring.get(Cursor(0)), Slot::Gone(Cursor(oldest)), "{bounds:?}");
        }
    }

    #[test]
    fn a_ring_that_is_to_hold_less_evicts_at_once_and_one_that_may_hold_more_keeps_more() {
        let ring = filled(Bounds { bytes: 60, ..WIDE }, 10);
        ring.hold(35);
        assert_eq!((ring.get(Cursor(6)), ring.end()), (Slot::Gone(Cursor(7)), Cursor(10)));
        ring.hold(50);
        for number in 10..20 {
            ring.push(Item(number, false));
        }
        assert_eq!(ring.get(Cursor(0)), Slot::Gone(Cursor(15)));
        ring.hold(0);
        assert_eq!(ring.get(Cursor(0)), Slot::Gone(Cursor(19)), "the newest stays");
    }

    #[test]
    fn what_stands_before_a_cursor_is_forgotten_and_nothing_behind_it() {
        let ring = filled(WIDE, 6);
        ring.forget(Cursor(4));
        assert_eq!(
            (ring.get(Cursor(3)), ring.get(Cursor(4))),
            (Slot::Gone(Cursor(4)), Slot::Here(Item(4, true)))
        );
        ring.forget(Cursor(100));
        assert_eq!((ring.end(), ring.get(Cursor(6))), (Cursor(6), Slot::Ahead));
    }

    #[test]
    fn the_newest_item_stays_whatever_its_size() {
        let ring = filled(Bounds { bytes: 5, ..WIDE }, 2);
        assert_eq!(ring.get(Cursor(1)), Slot::Here(Item(1, false)));
    }

    #[test]
    fn the_newest_start_is_found_at_or_after_a_cursor() {
        let ring = filled(WIDE, 10);
        assert_eq!(ring.newest(Cursor(0), Weigh::starts).map(|(at, _)| at), Some(Cursor(8)));
        assert_eq!(ring.newest(Cursor(9), Weigh::starts), None);
    }

    #[test]
    fn a_closed_ring_is_read_to_its_end() {
        let ring = filled(WIDE, 1);
        ring.close();
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(ring.poll_next(Cursor(0), &mut context), Poll::Ready(Some(Slot::Here(_)))));
        assert!(matches!(ring.poll_next(Cursor(1), &mut context), Poll::Ready(None)));
    }
}

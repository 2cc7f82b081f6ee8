//! What a mount's ring holds, as one round of sending sees it: each image is asked for once, whoever reads it.

use std::time::Instant;

use crate::hub::{Cursor, Ring, Slot};
use crate::media::MediaTime;
use crate::rtp::WireImage;

/// The ring and the clock at one instant.
pub(super) struct View<'a> {
    ring: &'a Ring<WireImage>,
    end: Cursor,
    pub(super) newest: MediaTime,
    pub(super) now: Instant,
    seen: Seen,
}

/// Images that were asked for, and where they stand; kept for its room.
pub(super) type Seen = Vec<(Cursor, WireImage)>;

/// What stands at a cursor.
pub(super) enum Found {
    /// The image of this number: see [`View::image`].
    Here(usize),
    /// Not written yet.
    Ahead,
    /// Evicted: the oldest left stands at this cursor.
    Gone(Cursor),
}

/// Readers are within a few images of each other, or alone.
const NEAR: usize = 8;

impl<'a> View<'a> {
    /// `newest`: the time of the newest image; `seen`: room of a view before.
    pub(super) fn new(ring: &'a Ring<WireImage>, newest: MediaTime, now: Instant, mut seen: Seen) -> Self {
        seen.clear();
        Self { ring, end: ring.end(), newest, now, seen }
    }

    /// Where the next image will stand.
    pub(super) fn end(&self) -> Cursor {
        self.end
    }

    pub(super) fn find(&mut self, cursor: Cursor) -> Found {
        if cursor >= self.end {
            return Found::Ahead;
        }
        let known = self.seen.iter().rev().take(NEAR).position(|(at, _)| *at == cursor);
        if let Some(back) = known {
            return Found::Here(self.seen.len() - 1 - back);
        }
        match self.ring.get(cursor) {
            Slot::Here(image) => {
                self.seen.push((cursor, image));
                Found::Here(self.seen.len() - 1)
            }
            Slot::Ahead => Found::Ahead,
            Slot::Gone(oldest) => Found::Gone(oldest),
        }
    }

    /// The newest image at or after `from` for which `wanted` holds.
    pub(super) fn newest_where(&self, from: Cursor, wanted: impl Fn(&WireImage) -> bool) -> Option<Cursor> {
        self.ring.newest(from, wanted).map(|(at, _)| at)
    }

    /// An image that was found.
    pub(super) fn image(&self, number: usize) -> &WireImage {
        &self.seen[number].1
    }

    /// Where an image that was found stands.
    pub(super) fn place(&self, number: usize) -> Cursor {
        self.seen[number].0
    }

    /// All that were found, by their numbers.
    pub(super) fn images(&self) -> &[(Cursor, WireImage)] {
        &self.seen
    }

    /// Lets go of the images and gives the room back.
    pub(super) fn done(mut self) -> Seen {
        self.seen.clear();
        self.seen
    }
}

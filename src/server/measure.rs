//! Measures how long pictures take until the kernel has them, per worker; the figures are the mount's.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::feed::Feed;
use super::view::View;
use crate::clock;
use crate::hub::Cursor;
use crate::media::MediaTime;

/// The figures are told so often while somebody watches.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Measure {
    /// The first image that was in no round yet; none while nobody watches here.
    next: Cell<Option<Cursor>>,
    /// When this round's first packets were the kernel's.
    first: Cell<Option<MediaTime>>,
    told: Cell<Option<Instant>>,
}

impl Measure {
    /// The kernel has been given packets.
    pub(super) fn handed(&self) {
        if self.first.get().is_none() {
            self.first.set(Some(clock::media()));
        }
    }

    /// A round is over: everybody was sent what is new. Images are new in one round alone.
    pub(super) fn end_round(&self, view: &View<'_>, feed: &Feed) {
        let first = self.first.take();
        let from = self.next.replace(Some(view.end()));
        let (Some(first), Some(from)) = (first, from) else { return };
        let last = clock::media();
        // Those that somebody was sent, or could have been.
        let new = view.images().iter().filter(|(at, _)| *at >= from);
        for journey in new.filter_map(|(_, image)| image.journey.as_ref()) {
            feed.mount.latency().count(journey, first, last);
        }
        let told = self.told.get().unwrap_or(view.now);
        if view.now.saturating_duration_since(told) >= TELL_EVERY {
            self.tell(feed);
            self.told.set(Some(view.now));
        } else {
            self.told.set(Some(told));
        }
    }

    /// Nobody watches here any more: what is made meanwhile is nobody's delay.
    pub(super) fn rest(&self, feed: &Feed) {
        if self.next.take().is_some() && self.told.take().is_some() {
            self.tell(feed);
        }
    }

    fn tell(&self, feed: &Feed) {
        let latency = feed.mount.latency();
        if latency.pictures() > 0 {
            tracing::debug!(mount = feed.mount.name(), "median and p99 so far: {latency}");
        }
    }
}

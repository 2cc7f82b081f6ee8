//! What becomes of whole pictures.

use std::time::Duration;

use super::pace::Pace;
use super::settings::Settings;
use crate::clock;
use crate::hub::Outlet;
use crate::media::{AccessUnit, Journey, MediaTime, Track, TrackId};
use crate::source::camera::stream::{Skipped, Stream};
use crate::source::times::Times;

/// What becomes of whole pictures.
pub(super) struct Pictures<'a> {
    outlet: &'a Outlet,
    stream: Stream,
    pace: Pace,
    times: Times,
    pub(super) published: u64,
    /// Whether there were some since the last look.
    pub(super) any: bool,
    pub(super) unfit: Option<String>,
}

impl<'a> Pictures<'a> {
    pub(super) fn new(settings: &Settings, outlet: &'a Outlet) -> Self {
        settings.fps.inspect(|fps| outlet.expects(*fps));
        Self {
            outlet,
            stream: Stream::new(settings.format),
            pace: Pace::new(settings.fps),
            times: Times::default(),
            published: 0,
            any: false,
            unfit: None,
        }
    }

    /// How far pictures are ahead of the clock, by their times.
    pub(super) fn ahead(&self, now: MediaTime) -> Duration {
        self.pace.ahead(now)
    }

    pub(super) fn take(&mut self, picture: &[u8], began: MediaTime) {
        let (data, link) = match self.stream.take(picture, false) {
            Ok(unit) => unit,
            Err(Skipped::Early) => {
                self.outlet.comes(clock::media());
                return;
            }
            Err(Skipped::Broken(reason)) => {
                tracing::debug!(mount = self.outlet.name(), "a picture was left out: {reason}");
                return;
            }
            Err(Skipped::Unfit(why)) => {
                self.unfit = Some(why);
                return;
            }
        };
        let Some(codec) = self.stream.codec() else { return };
        self.outlet.describe(vec![Track { codec, bitrate: None }], false);
        let time = self.times.next(self.pace.next(began), self.stream.slice());
        // When the program took it nobody knows: it is measured from its first byte on.
        let journey = Some(Journey::new(began, began, clock::media()));
        self.outlet.publish(AccessUnit { track: TrackId(0), time, link, journey, data });
        self.published += 1;
        self.any = true;
    }
}

//! What is shown while a source fails or is silent: whoever makes it, it goes where the source's access units go,
//! and never between them.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::shared::{LEAST, Shared, Shown, State, Status};
use crate::media::{AccessUnit, Kind, MediaTime, Picture, Track};

/// A source that is wanted and gave nothing for this long is silent, or for three times as long as it takes from a
/// picture to the next.
const SILENCE: Duration = Duration::from_secs(2);

/// One of which a single picture is known may be one that gives a picture in so long.
const UNKNOWN: Duration = Duration::from_secs(30);

/// One that rested may take so long to begin: programs take some seconds, and so do their cameras.
const START: Duration = Duration::from_secs(5);

/// How long a source may give nothing after a picture that came so long after the one before it.
pub(super) fn patience(interval: Option<Duration>) -> Duration {
    interval.map_or(UNKNOWN, |interval| SILENCE.max(interval * 3))
}

/// The end of a mount for whoever shows something while its source does not.
#[derive(Debug)]
pub struct StandIn(Arc<Shared>);

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nobody wants the mount, or there is nothing to show: wait for the waker.
    Nothing,
    /// The source gives pictures, or may yet: look again then.
    From(MediaTime),
    /// Something has to be shown; the last picture was of that time.
    Show {
        /// When the last picture was taken.
        since: MediaTime,
    },
}

impl StandIn {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The mount's path without the leading slash.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether the mount ends.
    pub fn stopped(&self) -> bool {
        self.0.stopped()
    }

    /// Sets who is woken when demand begins or ends, a keyframe is asked for, the source fails or the mount ends.
    pub fn wake_by(&self, waker: Waker) {
        self.0.status().shown.waker = Some(waker);
    }

    /// What there is to do `now`.
    pub fn need(&self, now: MediaTime) -> Need {
        let mut status = self.0.status();
        if !self.0.wanted() {
            status.shown.awaited = None;
            return Need::Nothing;
        }
        status.shown.awaited.get_or_insert(now);
        let (Some(_), Some(since)) = (&status.shown.last, status.shown.newest) else { return Need::Nothing };
        match status.missing(now) {
            Ok(_) => Need::Show { since },
            Err(until) => Need::From(until),
        }
    }

    /// The last keyframe that the source gave, and its track.
    pub fn last(&self) -> Option<(AccessUnit, Track)> {
        let status = self.0.status();
        let last = status.shown.last.clone()?;
        let track = status.tracks.as_ref()?.get(last.track.index())?.clone();
        (track.codec.kind() == Kind::Video).then_some((last, track))
    }

    /// The last picture itself, if the source has left it: once.
    pub fn take_left(&self) -> Option<Picture> {
        self.0.status().shown.left.take()
    }

    /// Whether a keyframe was asked for since the last call: somebody joins.
    pub fn take_keyframe_request(&self) -> bool {
        std::mem::take(&mut self.0.status().shown.keyframe)
    }

    /// Shows a picture that needs none before it, unless the source gives its own again; says whether it did.
    pub fn publish(&self, mut unit: AccessUnit) -> bool {
        let mut waiting = None;
        self.0.change(|status| {
            let Ok(reason) = status.missing(unit.time) else { return false };
            // A source's times may be ahead of the clock by what it smooths.
            let last = status.shown.floor.max(status.shown.newest);
            unit.time = unit.time.max(last.map_or(unit.time, |last| last + LEAST));
            status.shown.floor = Some(unit.time);
            let changed = status.become_state(State::StandIn(reason));
            waiting = Some(self.0.units.put(unit).1);
            changed
        });
        let published = waiting.is_some();
        waiting.into_iter().for_each(|waiting| self.0.units.wake(waiting));
        published
    }
}

impl Status {
    /// Why its pictures are missing; else when they will be, if none comes.
    fn missing(&self, now: MediaTime) -> Result<Arc<str>, MediaTime> {
        let Shown { newest, interval, awaited, gone, .. } = &self.shown;
        let patience = patience(*interval);
        let from = match (&self.state, gone) {
            // One that failed is missed until it gives a picture, however often it begins.
            (State::Failed(reason) | State::StandIn(reason), _)
            | (State::Idle | State::Starting, Some(reason)) => return Ok(reason.clone()),
            (State::Live, _) => newest.map(|newest| newest + patience),
            (State::Idle | State::Starting, None) => {
                let begun = awaited.map(|awaited| awaited + patience.max(START));
                begun.max(newest.map(|newest| newest + patience))
            }
        };
        match from {
            Some(from) if from > now => Err(from),
            _ => Ok("it gives no pictures".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Cursor, Mount, Outlet, Slot, mount};
    use crate::media::{Codec, Link, TrackId};

    fn at(millis: u64) -> MediaTime {
        MediaTime::from_duration(Duration::from_millis(10_000 + millis))
    }

    fn unit(millis: u64, link: Link) -> AccessUnit {
        AccessUnit { track: TrackId(0), time: at(millis), link, data: [0][..].into(), journey: None }
    }

    /// A mount that is wanted and has shown a keyframe at 0 and a picture at 40 ms.
    fn live() -> (Outlet, Mount, StandIn) {
        let (outlet, mount) = mount("test");
        outlet.describe(vec![Track { codec: Codec::Jpeg, bitrate: None }], false);
        std::mem::forget(mount.want());
        outlet.publish(unit(0, Link::Start));
        outlet.publish(unit(40, Link::Follows));
        let stand_in = outlet.stand_in();
        (outlet, mount, stand_in)
    }

    /// Milliseconds of what was published.
    fn times(mount: &Mount) -> Vec<u128> {
        let mut cursor = Cursor::default();
        let mut times = Vec::new();
        while let Slot::Here(unit) = mount.units().get(cursor) {
            times.push(unit.time.since(at(0)).as_millis());
            cursor = cursor.next();
        }
        times
    }

    #[test]
    fn a_source_that_gives_pictures_is_left_alone_and_a_silent_one_is_not() {
        let (outlet, mount, stand_in) = live();
        assert_eq!(stand_in.need(at(1000)), Need::From(at(2040)));
        assert!(!stand_in.publish(unit(1000, Link::Start)), "it is not silent");
        assert_eq!(stand_in.need(at(2040)), Need::Show { since: at(40) });
        assert!(stand_in.publish(unit(2040, Link::Start)));
        assert!(matches!(mount.state(), State::StandIn(_)) && mount.forces_keyframes());
        assert_eq!(times(&mount), [0, 40, 2040]);
        drop(outlet);
    }

    #[test]
    fn what_failed_is_missed_until_it_gives_a_picture_however_often_it_begins() {
        let (outlet, mount, stand_in) = live();
        outlet.fail("unplugged");
        assert_eq!(stand_in.need(at(50)), Need::Show { since: at(40) });
        outlet.idle();
        assert_eq!(stand_in.need(at(300)), Need::Show { since: at(40) });
        outlet.starting();
        assert_eq!(stand_in.need(at(310)), Need::Show { since: at(40) });
        assert!(stand_in.publish(unit(320, Link::Start)), "it took that long to make");
        assert_eq!(mount.state(), State::StandIn("unplugged".into()));
        outlet.publish(unit(400, Link::Start));
        outlet.starting();
        assert_eq!(stand_in.need(at(410)), Need::From(at(5050)), "that was another time");
    }

    #[test]
    fn a_source_that_rested_may_take_a_while_to_begin_and_then_is_missed() {
        let (outlet, mount) = mount("test");
        outlet.describe(vec![Track { codec: Codec::Jpeg, bitrate: None }], false);
        let stand_in = outlet.stand_in();
        outlet.publish(unit(0, Link::Start));
        outlet.publish(unit(40, Link::Follows));
        outlet.fail("it ended while nobody watched");
        outlet.idle();
        assert_eq!(stand_in.need(at(70_000)), Need::Nothing, "nobody wants it");
        let _demand = mount.want();
        assert_eq!(stand_in.need(at(80_000)), Need::From(at(85_000)));
        outlet.starting();
        assert_eq!(stand_in.need(at(84_999)), Need::From(at(85_000)));
        assert!(!stand_in.publish(unit(84_999, Link::Start)));
        assert_eq!(stand_in.need(at(85_000)), Need::Show { since: at(40) });
        assert!(stand_in.publish(unit(85_000, Link::Start)));
        assert_eq!(mount.state(), State::StandIn("it gives no pictures".into()));
    }

    #[test]
    fn a_slow_source_has_three_times_its_interval() {
        let (outlet, _mount, stand_in) = live();
        outlet.publish(unit(60_040, Link::Follows));
        assert_eq!(stand_in.need(at(200_000)), Need::From(at(240_040)));
    }

    #[test]
    fn a_source_of_one_picture_may_be_one_of_few() {
        let (outlet, mount) = mount("test");
        outlet.describe(vec![Track { codec: Codec::Jpeg, bitrate: None }], false);
        let _demand = mount.want();
        outlet.publish(unit(0, Link::Start));
        let stand_in = outlet.stand_in();
        assert_eq!(stand_in.need(at(20_000)), Need::From(at(30_000)));
        assert!(!stand_in.publish(unit(20_000, Link::Start)), "its next may be on its way");
        outlet.publish(unit(20_000, Link::Start));
        assert_eq!(stand_in.need(at(40_000)), Need::From(at(80_000)));
    }

    #[test]
    fn how_long_a_source_was_away_says_nothing_of_how_far_apart_its_pictures_are() {
        let (outlet, _mount, stand_in) = live();
        outlet.fail("unplugged");
        outlet.publish(unit(60_000, Link::Start));
        assert_eq!(
            stand_in.need(at(60_000)),
            Need::From(at(62_000)),
            "it may hang right behind its first picture"
        );
    }

    #[test]
    fn a_source_whose_rate_is_known_is_silent_behind_its_first_picture_too() {
        for (rate, from) in [(30.0, 2000), (0.2, 15_000), (0.0, 30_000), (f64::NAN, 30_000)] {
            let (outlet, mount) = mount("test");
            outlet.describe(vec![Track { codec: Codec::Jpeg, bitrate: None }], false);
            let _demand = mount.want();
            outlet.expects(rate);
            outlet.publish(unit(0, Link::Start));
            assert_eq!(outlet.stand_in().need(at(0)), Need::From(at(from)), "{rate}");
        }
    }

    #[test]
    fn behind_it_the_source_goes_on_with_a_keyframe_and_a_later_time() {
        let (outlet, mount, stand_in) = live();
        outlet.fail("unplugged");
        assert!(mount.can_stand_in());
        assert!(stand_in.publish(unit(100, Link::Start)));
        outlet.fail("unplugged still");
        assert_eq!(mount.state(), State::StandIn("unplugged still".into()), "who joins is shown something");
        outlet.starting();
        outlet.publish(unit(90, Link::Follows));
        assert!(outlet.take_keyframe_request(), "one is asked for");
        assert_eq!(times(&mount), [0, 40, 100], "what needs the pictures before is dropped");
        // It was taken before the last that was shown instead, and comes after it.
        outlet.publish(unit(95, Link::Start));
        outlet.publish(unit(99, Link::Follows));
        outlet.publish(unit(130, Link::Follows));
        assert_eq!((mount.state(), times(&mount)), (State::Live, vec![0, 40, 100, 101, 102, 130]));
        assert!(!stand_in.publish(unit(140, Link::Start)), "the source is back");
    }

    #[test]
    fn what_a_source_leaves_is_taken_once_and_holds_until_it_gives_another_picture() {
        let (outlet, _mount, stand_in) = live();
        outlet.leave(Picture::black(16, 16));
        assert_eq!(stand_in.take_left().map(|picture| picture.width), Some(16));
        assert!(stand_in.take_left().is_none());
        outlet.leave(Picture::black(16, 16));
        outlet.publish(unit(80, Link::Follows));
        assert!(stand_in.take_left().is_none(), "it is not the last any more");
    }

    #[test]
    fn nothing_is_shown_to_nobody_or_of_a_source_that_never_gave_a_picture() {
        let (outlet, mount) = mount("test");
        let stand_in = outlet.stand_in();
        outlet.fail("absent");
        let demand = mount.want();
        assert_eq!((stand_in.need(at(0)), mount.can_stand_in()), (Need::Nothing, false));
        outlet.publish(unit(0, Link::Start));
        outlet.fail("gone");
        drop(demand);
        assert_eq!(stand_in.need(at(9000)), Need::Nothing);
    }
}

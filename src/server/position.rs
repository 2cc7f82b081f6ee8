//! Where a reader stands in its mount's images. No sockets, no clock.
//!
//! ```text
//! Paused --join--> Waiting (no start yet) --keyframe--> Started --PLAY answered--> Playing --pause--> Paused
//! ```
//! A reader that is answered before its keyframe came plays from that keyframe on. While it plays, one
//! that falls behind goes on at the newest keyframe ahead of it; none ahead, it is sent no picture until
//! the next one comes.

use std::time::{Duration, Instant};

use super::join::CATCH_UP;
use super::tally::Reason;
use super::view::{Found, View};
use crate::hub::Cursor;
use crate::media::{Link, MediaTime, TrackId};
use crate::rtp::WireImage;

/// A reader this far behind the newest image is behind.
const BEHIND: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Position {
    place: Place,
    /// The PLAY was answered: images may go out.
    answered: bool,
    /// In a box: most readers have no backlog.
    catch_up: Option<Box<CatchUp>>,
    /// Pictures are left out until a keyframe: others were left out before them, for this reason.
    broken: Option<Reason>,
    /// The time of the newest image that it was given; 0 before the first.
    sent: MediaTime,
}

#[derive(Clone, Copy, Default)]
enum Place {
    #[default]
    Paused,
    /// The first start at or after this cursor will be the reader's.
    Waiting(Cursor),
    /// The next image.
    At(Cursor),
}

/// A backlog that goes out faster than it was captured.
struct CatchUp {
    began: Instant,
    base: MediaTime,
    backlog: Duration,
    /// When the next image is due, if that is waited for.
    due: Option<Instant>,
}

/// What a reader is to be sent next.
pub(super) enum Next {
    /// The view's image of this number.
    Image(usize),
    /// Nothing now: see [`Position::due`].
    Nothing,
    /// It fell behind and goes on elsewhere, past so many images; without a keyframe ahead it waits for one.
    /// Ask again.
    Jumped { reason: Reason, images: u64, keyframe_ahead: bool },
    /// One picture of those before that keyframe was left out. Ask again.
    LeftOut(Reason),
}

impl Position {
    /// Whether it was joined and not yet paused.
    pub(super) fn playing(&self) -> bool {
        !matches!(self.place, Place::Paused)
    }

    /// Whether it waits for something to start at.
    pub(super) fn waiting(&self) -> bool {
        matches!(self.place, Place::Waiting(_))
    }

    /// Goes to `start`, or waits for the first start at or after `wait_from`.
    pub(super) fn join(&mut self, wait_from: Cursor, start: Option<Cursor>) {
        *self = Self { place: start.map_or(Place::Waiting(wait_from), Place::At), ..Self::default() };
    }

    /// What lies between its start, an image of `base`, and `newest` goes out [`CATCH_UP`] times faster
    /// than it was captured.
    pub(super) fn catch_up(&mut self, base: MediaTime, newest: MediaTime, now: Instant) {
        let backlog = newest.since(base);
        self.catch_up = Some(Box::new(CatchUp { began: now, base, backlog, due: None }));
    }

    /// A start was written at `at`: says whether the reader waited for it and begins there.
    pub(super) fn offer_start(&mut self, at: Cursor) -> bool {
        let waited = matches!(self.place, Place::Waiting(from) if at >= from);
        if waited {
            self.place = Place::At(at);
        }
        waited
    }

    /// Images may go out from now on; gives where the first stands, if that is known.
    pub(super) fn answered(&mut self) -> Option<Cursor> {
        self.answered = true;
        match self.place {
            Place::At(cursor) => Some(cursor),
            Place::Paused | Place::Waiting(_) => None,
        }
    }

    pub(super) fn pause(&mut self) {
        *self = Self::default();
    }

    /// When a backlog's next image is due, if that is what it waits for.
    pub(super) fn due(&self) -> Option<Instant> {
        self.catch_up.as_ref()?.due
    }

    /// Whether it has been sent what the view has.
    pub(super) fn is_at_end(&self, view: &View<'_>) -> bool {
        !matches!(self.place, Place::At(cursor) if cursor < view.end())
    }

    /// How far what it was given lies behind the `newest` image. Of what it was given all is `written`, or not; the next
    /// image will stand at `end`.
    pub(super) fn behind(&self, newest: MediaTime, end: Cursor, written: bool) -> Duration {
        let Place::At(cursor) = self.place else { return Duration::ZERO };
        // B-pictures come last and are not the newest: who has everything is not behind.
        if cursor >= end && written && self.broken.is_none() {
            return Duration::ZERO;
        }
        let sent = Some(self.sent).filter(|sent| *sent > MediaTime::default());
        let last = sent.or(self.catch_up.as_ref().map(|it| it.base));
        last.map_or(Duration::ZERO, |last| newest.since(last))
    }

    /// The next image of those that it `takes` that may go out now, and moves past it. One whose track is `busy`
    /// may not: the image before is still on its way.
    pub(super) fn next(
        &mut self,
        view: &mut View<'_>,
        takes: impl Fn(&WireImage) -> bool,
        busy: impl Fn(TrackId) -> bool,
    ) -> Next {
        self.catch_up.iter_mut().for_each(|it| it.due = None);
        loop {
            let Place::At(cursor) = self.place else { return Next::Nothing };
            if !self.answered {
                return Next::Nothing;
            }
            let number = match view.find(cursor) {
                Found::Here(number) => number,
                Found::Gone(oldest) => return self.jump(view, cursor, oldest, Reason::Evicted, takes),
                Found::Ahead => {
                    self.catch_up = None;
                    return Next::Nothing;
                }
            };
            let image = view.image(number);
            // First: a reader that waits for a keyframe takes no such picture at all.
            if let Some(reason) = self.broken.filter(|_| image.link == Link::Follows) {
                self.place = Place::At(cursor.next());
                return Next::LeftOut(reason);
            }
            if !takes(image) {
                self.place = Place::At(cursor.next());
                continue;
            }
            if view.newest.since(image.time) > self.allowed() {
                return self.jump(view, cursor, cursor.next(), Reason::BehindLive, takes);
            }
            let waits = self.catch_up.as_mut().is_some_and(|it| it.waits(image.time, view.now));
            if waits || busy(image.track) {
                return Next::Nothing;
            }
            self.broken = self.broken.filter(|_| image.link != Link::Start);
            self.sent = self.sent.max(image.time);
            self.place = Place::At(cursor.next());
            if cursor.next() >= view.end() {
                self.catch_up = None;
            }
            return Next::Image(number);
        }
    }

    /// How far it may lag behind the newest image.
    fn allowed(&self) -> Duration {
        self.catch_up.as_ref().map_or(Duration::ZERO, |it| it.backlog) + BEHIND
    }

    /// Goes from `at` to the newest keyframe at or after `from`; to the end if there is none.
    fn jump(
        &mut self,
        view: &View<'_>,
        at: Cursor,
        from: Cursor,
        reason: Reason,
        takes: impl Fn(&WireImage) -> bool,
    ) -> Next {
        let ahead = view.newest_where(from, |image| image.link == Link::Start && takes(image));
        let keyframe_ahead = ahead.is_some();
        let to = ahead.unwrap_or_else(|| view.end());
        self.place = Place::At(to);
        self.broken = Some(reason);
        self.catch_up = None;
        Next::Jumped { reason, images: to.0.saturating_sub(at.0), keyframe_ahead }
    }
}

impl CatchUp {
    /// Whether an image of that time is not yet due.
    fn waits(&mut self, time: MediaTime, now: Instant) -> bool {
        let due = self.began + time.since(self.base) / CATCH_UP;
        self.due = Some(due).filter(|due| *due > now);
        self.due.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Bounds, Ring};
    use crate::media::h264::ParameterSets;
    use crate::media::{AccessUnit, Codec};
    use crate::rtp::Sender;

    /// Images 100 ms apart, and a reader of all of them.
    struct Mount {
        sender: Sender,
        images: Ring<WireImage>,
        newest: MediaTime,
        position: Position,
        now: Instant,
        left_out: u32,
        busy: bool,
    }

    const INTERVAL: Duration = Duration::from_millis(100);

    impl Mount {
        /// `K` is a keyframe, `p` a picture that follows, `a` stands alone.
        fn new(images: &str) -> Self {
            let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
            let wide = Duration::from_secs(100);
            let bounds = Bounds { items: 50, bytes: 1 << 20, age: wide, groups: 50 };
            let mut mount = Self {
                sender: Sender::new(TrackId(0), &codec, 1, 0, 0, 1420),
                images: Ring::new(bounds),
                newest: MediaTime::default(),
                position: Position::default(),
                now: crate::clock::now(),
                left_out: 0,
                busy: false,
            };
            mount.write(images);
            mount
        }

        fn write(&mut self, images: &str) {
            for kind in images.chars() {
                let link = match kind {
                    'K' => Link::Start,
                    'p' => Link::Follows,
                    _ => Link::Alone,
                };
                self.newest = self.newest + INTERVAL;
                let data = [0, 0, 0, 1, 0x65, 1][..].into();
                let unit = AccessUnit { track: TrackId(0), time: self.newest, link, journey: None, data };
                let at = self.images.push(self.sender.packetize(&unit).unwrap());
                if link == Link::Start {
                    self.position.offer_start(at);
                }
            }
        }

        /// A reader of the image `start`, whose PLAY was answered.
        fn playing_from(images: &str, start: u64) -> Self {
            let mut mount = Self::new(images);
            mount.position.join(Cursor(0), Some(Cursor(start)));
            mount.position.answered();
            mount
        }

        /// What goes out now: places of images, `J` and `j` for jumps with and without a keyframe ahead.
        fn sent(&mut self) -> String {
            let mut sent = Vec::new();
            let mut view = View::new(&self.images, self.newest, self.now, Vec::new());
            loop {
                match self.position.next(&mut view, |_| true, |_| self.busy) {
                    Next::Image(number) => sent.push(view.image(number).first_seq.to_string()),
                    Next::Jumped { keyframe_ahead: true, .. } => sent.push("J".into()),
                    Next::Jumped { keyframe_ahead: false, .. } => sent.push("j".into()),
                    Next::LeftOut(_) => self.left_out += 1,
                    Next::Nothing => return sent.join(" "),
                }
            }
        }
    }

    #[test]
    fn nothing_goes_out_before_play_is_answered_or_after_pause() {
        let mut mount = Mount::new("Kp");
        assert_eq!(mount.sent(), "");
        mount.position.join(Cursor(0), Some(Cursor(0)));
        assert!(mount.position.playing());
        assert_eq!(mount.sent(), "");
        assert_eq!(mount.position.answered(), Some(Cursor(0)));
        assert_eq!(mount.sent(), "0 1");
        mount.position.pause();
        mount.write("K");
        assert!(!mount.position.playing());
        assert_eq!(mount.sent(), "");
    }

    #[test]
    fn a_waiting_reader_begins_at_the_first_keyframe_after_its_play() {
        let mut mount = Mount::new("Kp");
        mount.position.join(mount.images.end(), None);
        assert!(!mount.position.offer_start(Cursor(0)), "an old one");
        assert_eq!(mount.position.answered(), None);
        mount.write("ppK");
        assert!(!mount.position.offer_start(Cursor(4)), "it waits no more");
        mount.write("p");
        assert_eq!(mount.sent(), "4 5");
    }

    #[test]
    fn a_reader_up_to_a_second_behind_is_sent_everything() {
        let mut mount = Mount::playing_from("KpppppKpppp", 0);
        assert_eq!(mount.sent(), "0 1 2 3 4 5 6 7 8 9 10");
    }

    #[test]
    fn a_reader_that_is_behind_goes_to_the_newest_keyframe_ahead() {
        let mut mount = Mount::playing_from("KpppKpppKppp", 0);
        assert_eq!(mount.sent(), "J 8 9 10 11");
    }

    #[test]
    fn without_a_keyframe_ahead_it_is_sent_no_picture_until_the_next_one() {
        let mut mount = Mount::playing_from("Kppppppppppp", 1);
        mount.write("p");
        assert_eq!(mount.sent(), "j");
        mount.write("ppapp");
        assert_eq!(mount.sent(), "15", "what stands alone still goes out");
        mount.write("pKpp");
        assert_eq!(mount.sent(), "19 20 21");
        assert_eq!(mount.left_out, 5, "and each is counted");
    }

    #[test]
    fn a_reader_whose_image_is_gone_goes_to_the_newest_keyframe_left() {
        let mut mount = Mount::playing_from("K", 0);
        mount.write(&"pppppKpppp".repeat(6));
        assert_eq!(mount.sent(), "J 56 57 58 59 60");
        mount.write(&"p".repeat(60));
        assert_eq!(mount.sent(), "j");
        mount.write("pK");
        assert_eq!(mount.sent(), "122");
    }

    #[test]
    fn nothing_overtakes_an_image_that_is_on_its_way() {
        let mut mount = Mount::playing_from("Kp", 0);
        mount.busy = true;
        assert_eq!(mount.sent(), "");
        mount.write("p");
        mount.busy = false;
        assert_eq!(mount.sent(), "0 1 2");
        mount.busy = true;
        mount.write(&"p".repeat(12));
        assert_eq!(mount.sent(), "j", "but it does not wait for ever");
    }

    #[test]
    fn a_backlog_goes_out_four_times_as_fast_and_then_live() {
        let mut mount = Mount::playing_from(&format!("K{}", "p".repeat(20)), 0);
        mount.position.catch_up(MediaTime::default() + INTERVAL, mount.newest, mount.now);
        assert_eq!(mount.sent(), "0");
        assert_eq!(mount.position.due(), Some(mount.now + INTERVAL / 4));
        mount.now += INTERVAL;
        assert_eq!(mount.sent(), "1 2 3 4");
        mount.now += INTERVAL * 4;
        assert_eq!(mount.sent(), (5..=20).map(|at| at.to_string()).collect::<Vec<_>>().join(" "));
        mount.write("p");
        assert_eq!(mount.sent(), "21", "as it comes");
    }

    #[test]
    fn how_far_behind_it_is_can_be_told() {
        let mut mount = Mount::playing_from(&format!("K{}", "p".repeat(20)), 0);
        mount.position.catch_up(MediaTime::default() + INTERVAL, mount.newest, mount.now);
        let behind = |mount: &Mount, written| {
            mount.position.behind(mount.newest, mount.images.end(), written).as_millis()
        };
        assert_eq!(behind(&mount, true), 2000, "nothing was sent yet");
        mount.now += INTERVAL;
        mount.sent();
        assert_eq!(behind(&mount, true), 1600);
        mount.now += INTERVAL * 4;
        mount.sent();
        assert_eq!((behind(&mount, true), behind(&mount, false)), (0, 0));
        mount.write("pp");
        assert_eq!(behind(&mount, true), 200, "its socket takes nothing");
        mount.write(&"p".repeat(10));
        assert_eq!(mount.sent(), "j");
        assert_eq!(behind(&mount, true), 1200, "it waits for a keyframe");
        mount.write("K");
        mount.sent();
        assert_eq!(behind(&mount, true), 0);
        mount.position.pause();
        assert_eq!(behind(&mount, true), 0);
    }

    #[test]
    fn a_backlog_that_grows_by_more_than_a_second_is_behind() {
        let mut mount = Mount::playing_from(&format!("K{}", "p".repeat(20)), 0);
        mount.position.catch_up(MediaTime::default() + INTERVAL, mount.newest, mount.now);
        mount.now += INTERVAL * 10;
        mount.write("Kppppppppp");
        assert!(mount.sent().starts_with("0 1 2"), "2 s of backlog and 1 s");

        let mut mount = Mount::playing_from(&format!("K{}", "p".repeat(20)), 0);
        mount.position.catch_up(MediaTime::default() + INTERVAL, mount.newest, mount.now);
        mount.now += INTERVAL * 11;
        mount.write("Kpppppppppp");
        assert_eq!(mount.sent(), "J 21 22 23 24 25 26 27 28 29 30 31");
    }
}

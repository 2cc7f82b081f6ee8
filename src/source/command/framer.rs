//! What a program writes, cut into pictures.
//!
//! Where a picture ends in a byte stream of H.264 or H.265 is known when the next one begins: a picture's time
//! late, or when nothing more came for long. A program that hands over one picture at a time (`rpicam-vid --flush`) lets it be known at once: nothing
//! more comes for some milliseconds. Whether it does so is learned first, and unlearned when a picture was cut.
//!
//! A pause says nothing of a program whose pictures come fast: it stands still, perhaps in the middle of one. Of one whose
//! pictures are far apart it says that this one is over.

use std::mem;
use std::time::Duration;

use crate::media::jpeg::Unfit;
use crate::media::{MediaTime, h264, h265, jpeg};
use crate::source::camera::Coding;

/// A start code, and as much of a NAL unit as tells a first slice.
const LOOK: usize = 4 + 3;

/// No program stops for so long in the middle of a picture, unless it stops for good.
pub(super) const LONG: Duration = Duration::from_millis(500);

/// What it makes a difference to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    No,
    /// Some milliseconds, whether more comes.
    ForMore,
    /// Whether nothing more comes for [`LONG`].
    ForLong,
}

/// Cuts bytes into pictures.
pub(super) struct Framer {
    cutter: Cutter,
    /// When the first bytes of the picture being read came.
    began: MediaTime,
    trust: Trust,
    /// How much of it was there when nothing more came, and when that was.
    quiet: Option<(usize, MediaTime)>,
    /// When the first bytes of the picture before it came.
    before: Option<MediaTime>,
    /// A picture was closed because nothing more came; what has come since, while it is too little to say whether
    /// that was right.
    closed: Option<Vec<u8>>,
    /// A pause means that a picture is over, if it is a long one; not of a program that has been seen to make one in the
    /// middle of a picture.
    pauses: bool,
}

enum Cutter {
    H264(h264::Splitter),
    H265(h265::Splitter),
    Jpeg(jpeg::Splitter),
}

/// Too much came without a picture's end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endless;

impl Framer {
    pub(super) fn new(coding: Coding) -> Self {
        let cutter = match coding {
            Coding::H264 => Cutter::H264(h264::Splitter::new()),
            Coding::Hevc => Cutter::H265(h265::Splitter::new()),
            Coding::Mjpeg => Cutter::Jpeg(jpeg::Splitter::new()),
        };
        Self {
            cutter,
            began: MediaTime::default(),
            trust: Trust::default(),
            quiet: None,
            before: None,
            closed: None,
            pauses: true,
        }
    }

    /// Takes in what came `now`; hands out each picture that is whole, and when it began to come.
    ///
    /// # Errors
    /// See [`Endless`].
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        now: MediaTime,
        mut each: impl FnMut(&[u8], MediaTime),
    ) -> Result<(), Endless> {
        let Some(mut head) = self.closed.take() else { return self.cut(bytes, now, &mut each) };
        if head.is_empty() {
            self.began = now;
        }
        head.extend_from_slice(bytes);
        if head.len() < LOOK {
            self.closed = Some(head);
            return Ok(());
        }
        if !self.cutter.begins(&head) {
            self.trust.lose();
            self.pauses = false;
        }
        let began = self.began;
        self.cut(&head, began, &mut each)
    }

    fn cut(
        &mut self,
        bytes: &[u8],
        now: MediaTime,
        each: &mut impl FnMut(&[u8], MediaTime),
    ) -> Result<(), Endless> {
        let Self { cutter, began, trust, quiet, before, .. } = self;
        if cutter.pending() == 0 {
            *began = now;
        }
        let whole = |unit: &[u8]| {
            match quiet.take() {
                Some((length, _)) if length == unit.len() => trust.gain(),
                Some(_) => trust.lose(),
                None => {}
            }
            *before = Some(*began);
            each(unit, mem::replace(began, now));
        };
        match cutter {
            Cutter::H264(splitter) => splitter.push(bytes, whole).map_err(|_| Endless),
            Cutter::H265(splitter) => splitter.push(bytes, whole).map_err(|_| Endless),
            Cutter::Jpeg(splitter) => {
                splitter.push(bytes);
                while let Some(picture) = splitter.poll_picture() {
                    let picture = picture.map_err(|_: Unfit| Endless)?;
                    each(&picture, mem::replace(began, now));
                }
                Ok(())
            }
        }
    }

    /// Nothing more came for a while: the picture may be whole.
    pub(super) fn quiet(&mut self, now: MediaTime, each: impl FnOnce(&[u8], MediaTime)) {
        if !self.cutter.holds_slice() {
            return;
        }
        let pending = self.cutter.pending();
        let since = match self.quiet {
            Some((before, since)) if before == pending => since,
            before => {
                if before.is_some() {
                    // It went on after the last time.
                    self.trust.lose();
                }
                self.quiet = Some((pending, now));
                now
            }
        };
        if self.trust.is_earned() || self.pauses() && now.since(since) >= LONG {
            let began = self.began;
            self.before = Some(began);
            let whole = |unit: &[u8]| each(unit, began);
            match &mut self.cutter {
                Cutter::H264(splitter) => splitter.finish(whole),
                Cutter::H265(splitter) => splitter.finish(whole),
                Cutter::Jpeg(_) => {}
            }
            (self.quiet, self.closed) = (None, Some(Vec::new()));
        }
    }

    /// Whether it makes a difference when nothing more comes.
    pub(super) fn waits(&self) -> Waits {
        match self.quiet {
            _ if !self.cutter.holds_slice() => Waits::No,
            Some((length, _)) if length == self.cutter.pending() => {
                if self.pauses() {
                    Waits::ForLong
                } else {
                    Waits::No
                }
            }
            _ => Waits::ForMore,
        }
    }

    /// Whether a long pause means that a picture is over.
    fn pauses(&self) -> bool {
        self.pauses && self.before.is_none_or(|before| self.began.since(before) >= LONG)
    }

    /// Whether a picture is handed out before the next one begins.
    pub(super) fn is_eager(&self) -> bool {
        matches!(self.cutter, Cutter::Jpeg(_)) || self.trust.is_earned()
    }
}

impl Cutter {
    fn pending(&self) -> usize {
        match self {
            Self::H264(splitter) => splitter.pending(),
            Self::H265(splitter) => splitter.pending(),
            Self::Jpeg(splitter) => splitter.pending(),
        }
    }

    /// Of JPEGs the end is known without waiting.
    fn holds_slice(&self) -> bool {
        match self {
            Self::H264(splitter) => splitter.holds_slice(),
            Self::H265(splitter) => splitter.holds_slice(),
            Self::Jpeg(_) => false,
        }
    }

    fn begins(&self, annex_b: &[u8]) -> bool {
        match self {
            Self::H264(_) => h264::begins_unit(annex_b),
            Self::H265(_) => h265::begins_unit(annex_b),
            Self::Jpeg(_) => true,
        }
    }
}

/// Whether a program's pictures come each in one piece.
#[derive(Debug, Default)]
struct Trust(i32);

impl Trust {
    /// After so many that did.
    const EARNED: i32 = 16;
    /// A picture that was cut takes so many that were not.
    const LOST: i32 = -600;

    fn gain(&mut self) {
        self.0 = (self.0 + 1).min(Self::EARNED);
    }

    fn lose(&mut self) {
        // Before any was closed too early it only has to be learned.
        self.0 = if self.is_earned() { Self::LOST } else { self.0.min(0) };
    }

    fn is_earned(&self) -> bool {
        self.0 == Self::EARNED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYFRAME: &[u8] =
        &[0, 0, 0, 1, 0x67, 66, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0x88, 5, 0, 0, 1, 0x65, 0x40, 5];

    fn at(millis: u64) -> MediaTime {
        MediaTime::from_duration(Duration::from_millis(millis))
    }

    fn picture(number: u8) -> Vec<u8> {
        vec![0, 0, 0, 1, 0x41, 0x9a, number, 7, 7]
    }

    /// A framer, the pictures that it gave and when each began.
    struct Seen(Framer, Vec<(Vec<u8>, MediaTime)>);

    impl Seen {
        fn new() -> Self {
            Self(Framer::new(Coding::H264), Vec::new())
        }

        fn push(&mut self, bytes: &[u8], millis: u64) {
            self.0.push(bytes, at(millis), |unit, began| self.1.push((unit.to_vec(), began))).unwrap();
        }

        fn quiet(&mut self) {
            self.quiet_at(0);
        }

        fn quiet_at(&mut self, millis: u64) {
            self.0.quiet(at(millis), |unit, began| self.1.push((unit.to_vec(), began)));
        }

        /// Enough pictures, each in one piece, to be trusted.
        fn learned() -> Self {
            let mut seen = Self::new();
            seen.push(KEYFRAME, 0);
            seen.quiet();
            for number in 0..16 {
                assert!(!seen.0.is_eager(), "after {number}");
                seen.push(&picture(number), 10 + u64::from(number));
                seen.quiet();
            }
            seen.1.clear();
            seen
        }
    }

    #[test]
    fn every_split_gives_the_same_pictures_each_from_when_it_began() {
        let stream = [KEYFRAME, &picture(1), &picture(2)].concat();
        for split in 1..stream.len() {
            let mut seen = Seen::new();
            seen.push(&stream[..split], 10);
            seen.push(&stream[split..], 20);
            seen.push(&picture(3), 30);
            let units: Vec<&[u8]> = seen.1.iter().map(|(unit, _)| unit.as_slice()).collect();
            assert_eq!(units, [KEYFRAME, &picture(1), &picture(2)], "split at {split}");
            assert_eq!(seen.1[0].1, at(10));
        }
    }

    #[test]
    fn pictures_that_come_in_one_piece_are_handed_out_at_once() {
        let mut seen = Seen::learned();
        assert!(seen.0.is_eager());
        seen.push(&picture(40), 100);
        assert_eq!(seen.1, []);
        assert_eq!(seen.0.waits(), Waits::ForMore);
        seen.quiet();
        assert_eq!(seen.0.waits(), Waits::No);
        seen.push(KEYFRAME, 140);
        seen.quiet();
        seen.quiet();
        assert_eq!(seen.1, [(picture(40), at(100)), (KEYFRAME.to_vec(), at(140))]);
        // A byte at a time is no reason to doubt.
        for byte in picture(41) {
            seen.push(&[byte], 180);
        }
        seen.quiet();
        assert_eq!(seen.1[2..], [(picture(41), at(180))]);
        assert!(seen.0.is_eager());
    }

    #[test]
    fn a_picture_that_comes_in_pieces_ends_the_trust() {
        for (first, rest) in [
            (&picture(1)[..7], &picture(1)[7..]),
            // Between two slices.
            (&KEYFRAME[..18], &KEYFRAME[18..]),
        ] {
            let mut seen = Seen::learned();
            seen.push(first, 100);
            seen.quiet();
            seen.push(&[rest, &[0; 8]].concat(), 110);
            assert!(!seen.0.is_eager());
            seen.1.clear();
            // From now on a picture ends where the next begins, in pieces or not.
            for number in 0..20 {
                seen.push(&picture(number)[..6], 200);
                seen.quiet();
                seen.push(&picture(number)[6..], 210);
                seen.quiet();
            }
            let units: Vec<&[u8]> = seen.1.iter().map(|(unit, _)| unit.as_slice()).collect();
            // The first may have what was left of the one that was cut before it.
            assert_eq!(units[units.len() - 18..], (1..19).map(picture).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_picture_behind_which_nothing_comes_for_long_is_whole_until_that_was_wrong() {
        let mut seen = Seen::new();
        for (number, begins) in [(1, 0), (2, 5000), (3, 25_000)] {
            seen.push(&picture(number), begins);
            seen.quiet_at(begins + 4);
            assert_eq!(seen.0.waits(), Waits::ForLong);
            seen.quiet_at(begins + 503);
            assert_eq!(seen.1.len(), usize::from(number) - 1);
            seen.quiet_at(begins + 504);
            assert_eq!(seen.1.last(), Some(&(picture(number), at(begins))));
        }
        // A picture that goes on after a pause.
        seen.push(&picture(4)[..7], 40_000);
        seen.quiet_at(40_004);
        seen.quiet_at(41_000);
        seen.push(&[&picture(4)[7..], &[0; 8]].concat(), 42_000);
        seen.push(&picture(5), 43_000);
        seen.1.clear();
        seen.quiet_at(43_004);
        assert_eq!(seen.0.waits(), Waits::No);
        seen.quiet_at(44_000);
        assert_eq!(seen.1, [], "pauses mean nothing any more");
    }

    #[test]
    fn a_program_of_many_pictures_a_second_that_stands_still_in_one_of_them_goes_on_with_it() {
        let mut seen = Seen::new();
        seen.push(KEYFRAME, 0);
        for number in 1..4 {
            seen.push(&picture(number), 40 * u64::from(number));
        }
        seen.push(&picture(4)[..7], 160);
        for now in [164, 664, 5_000] {
            seen.quiet_at(now);
        }
        assert_eq!((seen.1.len(), seen.0.waits()), (4, Waits::No));
        seen.push(&picture(4)[7..], 6_000);
        seen.push(&picture(5), 6_040);
        assert_eq!(seen.1.last(), Some(&(picture(4), at(160))));
    }

    #[test]
    fn parameter_sets_alone_are_kept_for_their_picture() {
        let mut seen = Seen::learned();
        seen.push(&picture(40), 100);
        seen.quiet();
        seen.1.clear();
        seen.push(&KEYFRAME[..12], 140);
        seen.quiet();
        seen.push(&KEYFRAME[12..], 141);
        seen.quiet();
        let whole = seen.1.concat_units();
        assert!(whole.starts_with(KEYFRAME), "{whole:?}");
    }

    #[test]
    fn jpegs_end_where_they_say() {
        let jpeg = std::fs::read("tests/fixtures/bitstreams/420.jpg").unwrap();
        let mut framer = Framer::new(Coding::Mjpeg);
        let mut pictures = Vec::new();
        framer.push(&jpeg[..100], at(1), |_, _| panic!("not whole")).unwrap();
        framer.push(&jpeg[100..], at(2), |unit, began| pictures.push((unit.to_vec(), began))).unwrap();
        assert_eq!(pictures, [(jpeg, at(1))]);
    }

    #[test]
    fn what_never_ends_is_refused() {
        let mut framer = Framer::new(Coding::H264);
        let text = vec![b'x'; 1 << 20];
        let endless = (0..9).find_map(|_| framer.push(&text, at(0), |_, _| panic!("a picture?")).err());
        assert_eq!(endless, Some(Endless));
    }

    trait Units {
        fn concat_units(&self) -> Vec<u8>;
    }

    impl Units for Vec<(Vec<u8>, MediaTime)> {
        fn concat_units(&self) -> Vec<u8> {
            self.iter().flat_map(|(unit, _)| unit.clone()).collect()
        }
    }
}

//! Which picture a coded one is of. Pure.
//!
//! An encoder gives a picture's timestamp back with what it coded of it. Not every picture comes back:
//! `bcm2835-codec` leaves out those for which its rate control has no bits, without a word.

use std::collections::VecDeque;
use std::time::Duration;

use crate::media::MediaTime;

/// Pictures that an encoder may hold at most; more of them were left out.
const MOST: usize = 64;

/// Pictures that an encoder has, in their order.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    waiting: VecDeque<(u64, Picture)>,
    /// The last stamp given, in microseconds.
    last: u64,
}

/// When a picture was taken, and when it came.
pub(super) type Picture = (MediaTime, MediaTime);

/// What a coded picture is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paired {
    /// The picture; none if it was given before somebody else's, or never.
    pub(super) picture: Option<Picture>,
    /// Pictures before it that the encoder has left out.
    pub(super) left_out: u64,
}

impl Pairs {
    /// The stamp, in microseconds, for a picture that was taken at `time` and came at `captured`: no other has it.
    pub(super) fn give(&mut self, time: MediaTime, captured: MediaTime) -> u64 {
        let micros = (time.as_nanos() / 1_000).max(self.last + 1);
        // What is published has times that rise too.
        let time = time.max(MediaTime::from_duration(Duration::from_micros(micros)));
        self.last = micros;
        if self.waiting.len() == MOST {
            self.waiting.pop_front();
        }
        self.waiting.push_back((micros, (time, captured)));
        micros
    }

    /// The picture of that stamp was not given after all: the encoder never had it, and leaves nothing out.
    pub(super) fn not_given(&mut self, micros: u64) {
        self.waiting.pop_back_if(|(stamp, _)| *stamp == micros);
    }

    /// The picture that came back with the stamp `micros`.
    pub(super) fn take(&mut self, micros: u64) -> Paired {
        match self.waiting.iter().position(|(stamp, _)| *stamp == micros) {
            Some(place) => {
                let picture = self.waiting.drain(..=place).next_back().map(|(_, picture)| picture);
                Paired { picture, left_out: place as u64 }
            }
            // A driver that loses stamps gives none; then they are in their order.
            None if micros == 0 => {
                Paired { picture: self.waiting.pop_front().map(|(_, picture)| picture), left_out: 0 }
            }
            None => Paired { picture: None, left_out: 0 },
        }
    }

    /// Whether of each picture that was given something came back.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets the pictures; stamps are not used again.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> MediaTime {
        MediaTime::from_nanos(micros * 1_000 + 7)
    }

    fn paired(time: Option<MediaTime>, left_out: u64) -> Paired {
        Paired { picture: time.map(|time| (time, time)), left_out }
    }

    #[test]
    fn what_the_encoder_leaves_out_is_counted_and_the_rest_keeps_its_times() {
        let mut pairs = Pairs::default();
        let stamps: Vec<u64> =
            (1..=5).map(|number| pairs.give(at(number * 1_000), at(number * 1_000))).collect();
        assert_eq!(stamps, [1_000, 2_000, 3_000, 4_000, 5_000]);
        assert_eq!(pairs.take(1_000), paired(Some(at(1_000)), 0));
        assert_eq!(pairs.take(4_000), paired(Some(at(4_000)), 2));
        assert_eq!(pairs.take(4_000), paired(None, 0), "the same again");
        assert_eq!(pairs.take(77), paired(None, 0), "of no picture that was given");
        assert_eq!(pairs.take(0), paired(Some(at(5_000)), 0), "a driver that loses the stamp");
        assert_eq!(pairs.take(0), paired(None, 0));
    }

    #[test]
    fn a_picture_that_could_not_be_given_is_none_that_the_encoder_left_out() {
        let mut pairs = Pairs::default();
        pairs.give(at(1_000), at(1_000));
        let stamp = pairs.give(at(2_000), at(2_000));
        pairs.not_given(stamp);
        pairs.not_given(1_000_000);
        pairs.give(at(3_000), at(3_000));
        assert_eq!(pairs.take(1_000), paired(Some(at(1_000)), 0));
        assert_eq!(pairs.take(3_000), paired(Some(at(3_000)), 0));
    }

    #[test]
    fn two_pictures_of_one_instant_have_two_stamps_and_rising_times() {
        let mut pairs = Pairs::default();
        let stamps = [at(500), at(500), at(400)].map(|time| pairs.give(time, time));
        assert_eq!(stamps, [500, 501, 502]);
        let times = stamps.map(|stamp| pairs.take(stamp).picture.unwrap().0);
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
        pairs.give(at(1_000), at(1_000));
        pairs.forget();
        assert_eq!(pairs.take(1_000), paired(None, 0));
        assert!(pairs.give(at(400), at(400)) > 1_000, "a stamp that may still come back is not used again");
    }

    #[test]
    fn an_encoder_that_gives_nothing_costs_little_memory() {
        let mut pairs = Pairs::default();
        for number in 0..10_000 {
            pairs.give(at(number), at(number));
        }
        assert_eq!(pairs.waiting.len(), MOST);
    }
}

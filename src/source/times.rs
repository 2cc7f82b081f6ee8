//! When a picture is shown, from when the driver says it was taken.
//!
//! Pictures come in the order of decoding. Where that is the order of display, times rise, whatever the
//! driver stamps. A picture that is shown before one that came before it (a B-picture) has its time between
//! those of its neighbours: the driver's, where it stamps with the instant of capture; else, since the
//! driver stamps with the instant of transfer, by its place between them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::media::MediaTime;
use crate::media::h264::{PictureCount, SliceHeader};

/// Two pictures of one instant would be one to a reader: 9 ticks of RTP's clock.
const LEAST: Duration = Duration::from_micros(100);
/// A picture is not longer on its way from the sensor: such a stamp is of another clock. It is less than after what time a
/// source is believed to be silent, by the time of its last picture.
const OLDEST: Duration = Duration::from_millis(1500);
/// A decoder holds no more for others to be shown first (ITU-T H.264 section A.3.1).
const DEPTH: usize = 32;

/// Gives the pictures of one stream their times.
#[derive(Debug, Default)]
pub(super) struct Times {
    counts: PictureCount,
    /// Counts and times since the last IDR picture, in the order of decoding.
    given: VecDeque<(i64, MediaTime)>,
    /// The latest of those before them.
    floor: Option<MediaTime>,
}

/// When a picture was taken: by its driver's `stamp` if that can be, else when it `arrived`, with false.
pub(super) fn taken(stamp: Option<MediaTime>, arrived: MediaTime) -> (MediaTime, bool) {
    match stamp {
        Some(stamp) if stamp <= arrived && arrived.since(stamp) <= OLDEST => (stamp, true),
        _ => (arrived, false),
    }
}

impl Times {
    /// When the next picture in the order of decoding is shown; its first slice's header, where its coding
    /// has one and it can be read, says in which order.
    pub(super) fn next(&mut self, taken: MediaTime, header: Option<&SliceHeader>) -> MediaTime {
        let count = header.and_then(|header| self.counts.of(header));
        if count.is_none() || header.is_some_and(|header| header.idr) {
            // Shown after all that came before.
            self.floor = self.floor.max(self.given.drain(..).map(|(_, time)| time).max());
        }
        let count = count.unwrap_or_default();
        let time = self.between(count, taken);
        self.given.push_back((count, time));
        if self.given.len() > DEPTH {
            self.floor = self.floor.max(self.given.pop_front().map(|(_, time)| time));
        }
        time
    }

    fn between(&self, count: i64, taken: MediaTime) -> MediaTime {
        let given = || self.given.iter().copied();
        let before = given().filter(|(other, _)| *other <= count).max_by_key(|(_, time)| *time);
        let after = given().filter(|(other, _)| *other > count).min_by_key(|(_, time)| *time);
        let least = before.map(|(_, time)| time).max(self.floor.filter(|_| before.is_none()));
        let time = least.map_or(taken, |least| taken.max(least + LEAST));
        let Some((next, end)) = after.filter(|(_, end)| time >= *end) else { return time };
        let Some((last, start)) = before else {
            return least.map_or(end - LEAST, |least| least + end.since(least) / 2);
        };
        // Counts have a fixed step a frame, so that they are a measure of time.
        let part = (count - last) as f64 / (next - last) as f64;
        start + end.since(start).mul_f64(part.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::h264::SliceOrder;

    fn at(millis: u64) -> MediaTime {
        MediaTime::from_duration(Duration::from_millis(1000 + millis))
    }

    fn header(low: u32, idr: bool) -> SliceHeader {
        let order = SliceOrder::Count { low, limit: 256, bottom: 0 };
        SliceHeader { idr, reference: low.is_multiple_of(6), frame_num: 0, field: None, order }
    }

    /// The times in milliseconds of pictures given as (stamp in milliseconds, count).
    fn times(pictures: &[(u64, u32)]) -> Vec<f64> {
        let mut times = Times::default();
        let next = |&(stamp, count): &(u64, u32)| {
            times.next(at(stamp), Some(&header(count, count == 0))).since(at(0)).as_secs_f64() * 1e3
        };
        pictures.iter().map(next).map(|time| (time * 10.0).round() / 10.0).collect()
    }

    #[test]
    fn equal_and_backward_stamps_rise_where_decoding_is_display() {
        assert_eq!(times(&[(0, 0), (40, 6), (40, 12), (30, 18), (80, 24)]), [0.0, 40.0, 40.1, 40.2, 80.0]);
        let mut uncounted = Times::default();
        assert_eq!(uncounted.next(at(5), None), at(5));
        assert_eq!(uncounted.next(at(5), None), at(5) + LEAST);
        assert_eq!(uncounted.next(at(3), None), at(5) + LEAST * 2);
    }

    #[test]
    fn b_pictures_keep_the_instants_at_which_they_were_taken() {
        // I0 P3 B1 B2 P6 B4 B5 I7 P10 B8: stamped with the instant of capture.
        let pictures = [
            (0, 0),
            (120, 6),
            (40, 2),
            (80, 4),
            (240, 12),
            (160, 8),
            (200, 10),
            (280, 0),
            (400, 6),
            (320, 2),
        ];
        assert_eq!(times(&pictures), pictures.map(|(stamp, _)| stamp as f64));
    }

    #[test]
    fn b_pictures_stamped_when_they_came_are_shown_between_their_neighbours() {
        let counts = [0, 6, 2, 4, 12, 8, 10, 18, 14, 16, 0, 6, 2, 4];
        let pictures: Vec<(u64, u32)> = (0..).step_by(30).zip(counts).collect();
        let times = times(&pictures);
        assert_eq!(times[..10], [0.0, 30.0, 10.0, 20.0, 120.0, 60.0, 90.0, 210.0, 150.0, 180.0]);
        assert_eq!(times[10..], [300.0, 330.0, 310.0, 320.0], "an IDR picture is after all before it");
    }

    #[test]
    fn a_stamp_that_cannot_be_is_none() {
        assert_eq!(taken(Some(at(5)), at(9)), (at(5), true));
        assert_eq!(taken(None, at(9)), (at(9), false));
        assert_eq!(taken(Some(at(10)), at(9)), (at(9), false), "it was taken after it came");
        assert_eq!(taken(Some(at(0)), at(1_501)), (at(1_501), false), "a clock of its own");
    }

    #[test]
    fn a_hostile_stream_is_held_in_little_memory() {
        let mut random = 1_u64;
        let mut times = Times::default();
        for _ in 0..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            times.next(at(random >> 54), Some(&header((random >> 33) as u32 & 0xff, random >> 61 == 0)));
            assert!(times.given.len() <= DEPTH);
        }
    }
}

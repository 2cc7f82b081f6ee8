//! How often a track's pictures come and how large they are: what is larger than usual is spread over time.

use std::time::Duration;

use crate::media::{Link, MediaTime};
use crate::rtp::WireImage;

/// Until two pictures were seen.
const ASSUMED: Duration = Duration::from_millis(33);

/// Intervals that count: the one in the middle is it.
const RECENT: usize = 5;

/// Smaller ones are no burst.
const PACKETS: u16 = 8;

#[derive(Debug, Default)]
pub(super) struct Tempo {
    newest: Option<MediaTime>,
    /// Images since `newest`: pictures that are coded out of order come behind later ones.
    since: u32,
    recent: [Duration; RECENT],
    /// Intervals seen so far.
    seen: usize,
    /// Bytes of a usual image.
    mean: usize,
}

impl Tempo {
    /// The next image of the track.
    pub(super) fn note(&mut self, image: &WireImage) {
        let bytes = image.as_bytes().len();
        self.mean = if self.newest.is_none() { bytes } else { (self.mean * 15 + bytes) / 16 };
        self.since += 1;
        let newest = *self.newest.get_or_insert(image.time);
        if image.time > newest {
            self.recent[self.seen % RECENT] = image.time.since(newest) / self.since;
            self.seen += 1;
        }
        if image.time >= newest {
            self.newest = Some(image.time);
            self.since = 0;
        }
    }

    /// From one picture to the next.
    pub(super) fn interval(&self) -> Duration {
        let mut recent = self.recent;
        let recent = &mut recent[..self.seen.min(RECENT)];
        recent.sort_unstable();
        recent.get(recent.len() / 2).copied().unwrap_or(ASSUMED)
    }

    /// Whether an image is worth spreading: one that needs none before it, or one of twice the usual size.
    pub(super) fn is_heavy(&self, image: &WireImage) -> bool {
        image.packets > PACKETS && (image.link != Link::Follows || image.as_bytes().len() > 2 * self.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::h264::ParameterSets;
    use crate::media::{AccessUnit, Codec, TrackId};
    use crate::rtp::Sender;

    fn image(millis: u64, link: Link, bytes: usize) -> WireImage {
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let data = [&[0, 0, 1, 0x65][..], &vec![0xa5; bytes]].concat().into();
        let time = MediaTime::from_nanos(millis * 1_000_000);
        let unit = AccessUnit { track: TrackId(0), time, link, data, journey: None };
        Sender::new(TrackId(0), &codec, 1, 0, 0, 1420).packetize(&unit).unwrap()
    }

    fn interval(times: &[u64]) -> u128 {
        let mut tempo = Tempo::default();
        times.iter().for_each(|time| tempo.note(&image(*time, Link::Follows, 10)));
        tempo.interval().as_millis()
    }

    #[test]
    fn the_interval_is_the_one_of_most_pictures() {
        for (times, expected) in [
            (&[][..], 33),
            (&[5], 33),
            (&[5, 45], 40),
            (&[0, 40, 80, 120], 40),
            (&[0, 36, 80, 124, 160, 200], 40),
            // A pause, pictures at once, a clock that goes back.
            (&[0, 40, 80, 120, 5000, 5040], 40),
            (&[0, 40, 80, 120, 121, 160], 40),
            (&[100, 140, 180, 20, 60, 220, 260], 40),
            // B-pictures.
            (&[0, 120, 40, 80, 240, 160, 200, 360, 280, 320, 480, 400, 440], 40),
            // Fields.
            (&[0, 0, 40, 40, 80, 80, 120, 120], 40),
        ] {
            assert_eq!(interval(times), expected, "{times:?}");
        }
    }

    #[test]
    fn keyframes_and_what_is_twice_as_large_as_usual_are_heavy() {
        let mut tempo = Tempo::default();
        let (small, large) = (image(0, Link::Follows, 15_000), image(0, Link::Follows, 40_000));
        (0..20).for_each(|_| tempo.note(&small));
        let weighed = [
            &small,
            &large,
            &image(0, Link::Start, 15_000),
            &image(0, Link::Alone, 15_000),
            &image(0, Link::Start, 8_000),
        ]
        .map(|image| tempo.is_heavy(image));
        assert_eq!(weighed, [false, true, true, true, false]);
        (0..100).for_each(|_| tempo.note(&large));
        assert!(!tempo.is_heavy(&large));
    }
}

//! Images on other interleaved channels than the usual: made once for all who have these, where there are several.

use crate::hub::Cursor;
use crate::rtp::{Spare, WireImage};

/// So many are made in one round; clients that each want other channels have heads rewritten for them.
const MOST: usize = 8;

/// Bytes of theirs that are kept for the next round.
const KEPT: usize = 1 << 20;

/// Rounds without any after which their memory is given back.
const UNUSED: u32 = 256;

#[derive(Default)]
pub(super) struct Variants {
    made: Vec<(Cursor, u8, WireImage)>,
    /// Who was the first of a channel has heads rewritten: he may be the only one, and a copy of the packets costs as much as
    /// the heads of some.
    wanted: Vec<(Cursor, u8)>,
    spare: Spare,
    unused: u32,
}

impl Variants {
    /// The image that stands at `at`, on a channel; none for the first who asks, and if there are too many already.
    pub(super) fn get(&mut self, at: Cursor, image: &WireImage, channel: u8) -> Option<&WireImage> {
        let known = self.made.iter().rposition(|(of, on, _)| (*of, *on) == (at, channel));
        let number = match known {
            Some(number) => number,
            None if !self.wanted.contains(&(at, channel)) => {
                if self.wanted.len() < MOST {
                    self.wanted.push((at, channel));
                }
                return None;
            }
            None => {
                self.made.push((at, channel, image.on_channel(channel, &mut self.spare)));
                self.made.len() - 1
            }
        };
        self.made.get(number).map(|(_, _, image)| image)
    }

    /// A round is over. Who was not sent all of one has it yet, and its memory is used again when he has.
    pub(super) fn end_round(&mut self) {
        self.wanted.clear();
        if self.made.is_empty() {
            self.unused = self.unused.saturating_add(1);
            if self.unused == UNUSED {
                self.spare.clear();
            }
            return;
        }
        self.unused = 0;
        let spare = &mut self.spare;
        self.made.drain(..).for_each(|(_, _, image)| image.give_to(spare, KEPT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::h264::ParameterSets;
    use crate::media::{AccessUnit, Codec, Link, MediaTime, TrackId};
    use crate::rtp::Sender;

    #[test]
    fn who_has_the_same_channel_shares_one_and_there_are_not_many() {
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let data = [&[0, 0, 0, 1, 0x65][..], &[0xab; 5000]].concat().into();
        let unit = AccessUnit {
            track: TrackId(0),
            time: MediaTime::default(),
            link: Link::Start,
            journey: None,
            data,
        };
        let image = Sender::new(TrackId(0), &codec, 1, 100, 0, 1420).packetize(&unit).unwrap();
        let mut variants = Variants::default();
        for round in 0..3 {
            let at = Cursor(round);
            assert!(variants.get(at, &image, 2).is_none(), "one alone");
            let first = variants.get(at, &image, 2).unwrap().as_bytes().as_ptr();
            assert_eq!(variants.get(at, &image, 2).unwrap().as_bytes().as_ptr(), first, "shared");
            assert!(variants.get(at, &image, 6).is_none());
            let made = variants.get(at, &image, 6).unwrap();
            assert!(made.frames().all(|frame| frame[..2] == [b'$', 6]));
            assert!(made.packets().eq(image.packets()));
            assert!(image.frames().all(|frame| frame[..2] == [b'$', 0]), "and the image is as it was");
            let mut twice = |channel: u8| [(); 2].map(|()| variants.get(at, &image, channel).is_some());
            let more = (7..).take_while(|channel| twice(*channel) == [false, true]).count();
            assert_eq!(more, MOST - 2);
            assert!(variants.get(at, &image, 2).is_some(), "what is there is there");
            variants.end_round();
        }
        let kept = variants.spare.bytes();
        assert!(kept > 5000, "{kept}");
        (0..UNUSED).for_each(|_| variants.end_round());
        assert_eq!(variants.spare.bytes(), 0);
    }
}

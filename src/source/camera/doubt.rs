//! Keyframes of H.264 that a camera may have cut short. Nothing in their bytes says so, and to decode each would cost more
//! than all else; but a keyframe that is far smaller than those before is worth a look, once in a while.

use std::time::{Duration, Instant};

use crate::encode;

/// A look costs as much as a picture's decoding: so often at most.
const PAUSE: Duration = Duration::from_secs(10);

/// What keyframes weigh, and when one was looked at.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    /// Bytes of the last one that was not in doubt.
    usual: usize,
    looked: Option<Instant>,
}

impl Doubt {
    /// Looks at a keyframe that came `now`; says what is wrong with it, if it was looked at and something is.
    pub(super) fn look(&mut self, keyframe: &[u8], now: Instant) -> Option<&'static str> {
        if !encode::SOFTWARE {
            return None;
        }
        let length = keyframe.len();
        if length.saturating_mul(3) > self.usual.saturating_mul(2) {
            self.usual = length;
            return None;
        }
        if self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < PAUSE) {
            return None;
        }
        self.looked = Some(now);
        if encode::decode_h264(keyframe).is_err() {
            return Some("a keyframe does not decode: it is cut short or damaged, and readers see it so");
        }
        // What it shows became simpler.
        self.usual = length;
        None
    }
}

#[cfg(all(test, feature = "soft-h264"))]
mod tests {
    use super::*;

    #[test]
    fn a_keyframe_that_is_cut_short_is_told_of_once_in_a_while() {
        let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
        let mut whole = Vec::new();
        let mut splitter = crate::media::h264::Splitter::new();
        let mut each = |unit: &[u8]| {
            if whole.is_empty() {
                whole = unit.to_vec();
            }
        };
        splitter.push(&clip, &mut each).unwrap();
        splitter.finish(&mut each);
        let start = crate::clock::now();
        let mut doubt = Doubt::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        for part in [2, 3] {
            let short = &whole[..whole.len() / part];
            let mut doubt = Doubt::default();
            assert_eq!(doubt.look(&whole, at(0)), None);
            assert!(doubt.look(short, at(1)).is_some(), "1/{part}");
            assert_eq!(doubt.look(short, at(2)), None, "not each");
            assert_eq!(doubt.look(&whole, at(3)), None);
            assert!(doubt.look(short, at(11)).is_some());
        }
        // One that is whole and small was in doubt once.
        let large = [&whole[..], &[0; 100_000]].concat();
        assert_eq!(doubt.look(&large, at(0)), None);
        assert_eq!(doubt.look(&whole, at(1)), None);
        assert_eq!(doubt.usual, whole.len());
    }
}

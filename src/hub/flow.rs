//! What a mount's source gave, counted.

use std::time::Duration;

use crate::media::{AccessUnit, Link, MediaTime};

/// What a mount's source gave since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Bytes, of all tracks.
    pub bytes: u64,
    /// Pictures.
    pub pictures: u64,
    /// The newest keyframe's time.
    pub keyframe: Option<MediaTime>,
    /// Pictures from the last keyframe but one to the last.
    pub group: Option<u32>,
    /// How often the source failed.
    pub failures: u32,
    /// Pictures since the newest keyframe, with it.
    pub since_keyframe: u32,
    /// The first picture's time and the last one's since it began, failed or rested.
    pub run: Option<(MediaTime, MediaTime)>,
}

impl Flow {
    pub(super) fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.run = None;
    }

    pub(super) fn rest(&mut self) {
        self.run = None;
    }

    /// For how long pictures have come since it began, failed or rested; none if none did.
    pub fn played(&self) -> Option<Duration> {
        self.run.map(|(first, last)| last.since(first))
    }

    pub(super) fn count(&mut self, unit: &AccessUnit) {
        self.bytes += unit.data.len() as u64;
        match unit.link {
            Link::Alone => return,
            Link::Follows => {}
            Link::Start => {
                self.group = self.keyframe.map(|_| self.since_keyframe);
                self.keyframe = Some(unit.time);
                self.since_keyframe = 0;
            }
        }
        self.run = Some((self.run.map_or(unit.time, |(first, _)| first), unit.time));
        self.pictures += 1;
        self.since_keyframe = self.since_keyframe.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::TrackId;

    #[test]
    fn pictures_bytes_and_groups_are_counted_and_sound_is_no_picture() {
        let mut flow = Flow::default();
        let links = [Link::Start, Link::Follows, Link::Alone, Link::Follows, Link::Start, Link::Follows];
        for (at, link) in links.into_iter().enumerate() {
            let time = MediaTime::from_nanos(at as u64);
            flow.count(&AccessUnit { track: TrackId(0), time, link, journey: None, data: [0; 10].into() });
        }
        assert_eq!((flow.bytes, flow.pictures, flow.group), (60, 5, Some(3)));
        assert_eq!(flow.keyframe, Some(MediaTime::from_nanos(4)));
        assert_eq!(flow.played(), Some(Duration::from_nanos(5)));
        flow.fail();
        assert_eq!(flow.played(), None);
    }
}

//! The tracks of a session that are set up, and how each goes out.

use super::Lower;

/// As small as it can be: there are a thousand sessions, most of one track or two.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    first: [Option<(u8, Lower)>; 2],
    more: Option<Box<Tracks>>,
}

impl Tracks {
    /// Sets a track up, or anew.
    pub(super) fn insert(&mut self, track: u8, lower: Lower) {
        self.remove(track);
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(free) => *free = Some((track, lower)),
            None => self.more.get_or_insert_default().insert(track, lower),
        }
    }

    /// Whether there was one.
    pub(super) fn remove(&mut self, track: u8) -> bool {
        let here = self.first.iter_mut().find_map(|place| place.take_if(|(of, _)| *of == track));
        here.is_some() || self.more.as_mut().is_some_and(|more| more.remove(track))
    }

    pub(super) fn contains(&self, track: u8) -> bool {
        self.iter().any(|(of, _)| *of == track)
    }

    /// How one of them goes out: all do in the same way.
    pub(super) fn lower(&self) -> Option<&Lower> {
        self.iter().next().map(|(_, lower)| lower)
    }

    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lower().is_none()
    }

    fn iter(&self) -> impl Iterator<Item = &(u8, Lower)> {
        let all = std::iter::successors(Some(self), |tracks| tracks.more.as_deref());
        all.flat_map(|tracks| tracks.first.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_come_and_go_however_many() {
        let lower = |port| Lower::Udp { client_port: (port, port + 1) };
        let mut tracks = Tracks::default();
        for track in 0..5 {
            assert!(!tracks.remove(track));
            tracks.insert(track, lower(1));
            tracks.insert(track, lower(u16::from(track)));
            assert_eq!((tracks.len(), tracks.lower()), (usize::from(track) + 1, Some(&lower(0))));
        }
        for track in 0..5 {
            assert!(tracks.contains(track) && tracks.remove(track) && !tracks.contains(track));
            assert_eq!((tracks.len(), tracks.is_empty()), (4 - usize::from(track), track == 4));
        }
        tracks.insert(7, lower(7));
        assert_eq!(tracks.lower(), Some(&lower(7)));
    }
}

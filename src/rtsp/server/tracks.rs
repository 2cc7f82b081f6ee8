//! The tracks of a session that are set up, and how each goes out.

use super::Lower;

/// As small as it can be: there are a thousand sessions, of one track or two.
#[derive(Debug, Default)]
pub(super) struct Tracks(Vec<(u8, Lower)>);

impl Tracks {
    /// Sets a track up, or anew.
    pub(super) fn insert(&mut self, track: u8, lower: Lower) {
        match self.0.iter_mut().find(|(of, _)| *of == track) {
            Some(known) => known.1 = lower,
            None => {
                self.0.reserve_exact(1);
                self.0.push((track, lower));
            }
        }
    }

    /// Whether there was one.
    pub(super) fn remove(&mut self, track: u8) -> bool {
        let before = self.0.len();
        self.0.retain(|(of, _)| *of != track);
        self.0.len() < before
    }

    pub(super) fn contains(&self, track: u8) -> bool {
        self.0.iter().any(|(of, _)| *of == track)
    }

    /// How one of them goes out: all do in the same way.
    pub(super) fn lower(&self) -> Option<&Lower> {
        self.0.first().map(|(_, lower)| lower)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

//! What is told of pictures that are left out: each round would tell it again.

use std::collections::BTreeSet;

/// Pictures of a round that are told of.
const MOST: usize = 100;

/// What was told of a folder or file in this round and in the one before.
#[derive(Debug)]
pub(super) struct Notes {
    path: String,
    before: BTreeSet<String>,
    told: BTreeSet<String>,
}

impl Notes {
    pub(super) fn new(path: String) -> Self {
        Self { path, before: BTreeSet::new(), told: BTreeSet::new() }
    }

    /// Tells why a picture is left out, unless that was told already.
    pub(super) fn skipped(&mut self, sentence: &str) {
        match self.told.len() {
            0..MOST => self.tell(sentence),
            MOST => self.tell("more pictures are left out, which are not named"),
            _ => {}
        }
    }

    /// A round is over: what was not told again in it may be told anew.
    pub(super) fn round(&mut self) {
        self.before = std::mem::take(&mut self.told);
    }

    fn tell(&mut self, sentence: &str) {
        if self.told.insert(sentence.to_owned()) && !self.before.contains(sentence) {
            tracing::warn!(path = self.path, "{sentence}");
        }
    }
}

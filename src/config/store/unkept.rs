//! What the file says and is no version, since that could not be written: a disk that is full.

use std::sync::PoisonError;

use super::{BY_HAND, Error, Store};
use crate::clock;

/// A text that is served and no version.
#[derive(Clone, Debug)]
pub(super) struct Unkept {
    text: String,
    author: String,
    why: String,
}

impl Store {
    /// Why this, which the file says, is no version, where that was tried in vain.
    pub fn unkept(&self, text: &str) -> Option<String> {
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        unkept.as_ref().filter(|unkept| unkept.text == text).map(|unkept| unkept.why.clone())
    }

    /// Tries again to make what could not be kept a version, of whom it is, if the file says it still.
    pub fn keep_again(&self) {
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(Unkept { text, author, .. }) = unkept {
            self.remember_of(&text, &author, clock::wall());
        }
    }

    /// Who wrote what the file says.
    pub(super) fn author_of(&self, bytes: &[u8]) -> String {
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = unkept.as_ref().filter(|unkept| unkept.text.as_bytes() == bytes);
        theirs.map_or_else(|| BY_HAND.to_owned(), |unkept| unkept.author.clone())
    }

    /// Remembers what became of it.
    pub(super) fn note_kept<T>(&self, text: &str, author: &str, kept: &Result<T, Error>) {
        let unkept = kept.as_ref().err().map(|why| Unkept {
            text: text.to_owned(),
            author: author.to_owned(),
            why: why.of_daemon(),
        });
        *self.unkept.lock().unwrap_or_else(PoisonError::into_inner) = unkept;
    }
}

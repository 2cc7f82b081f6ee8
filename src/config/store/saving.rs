//! Another text for the file, and a version of it.

use std::fs;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::replace::replace_for;
use super::{BY_HAND, Error, Store, Version};
use crate::config::Config;

/// A new file's: others may have no business with what is in it.
const MODE: u32 = 0o640;

/// What the file has to say still, for another text to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// These bytes; none: there is no file.
    Bytes(Option<Vec<u8>>),
    /// The newest version, which is this.
    Version(u64),
    /// What has this [`hash`].
    Hash(String),
}

/// A text that was written and is no version yet.
#[derive(Debug)]
pub struct Written {
    text: String,
    /// What the file said before; none: there was none.
    before: Option<Vec<u8>>,
    /// Whether the file said something else.
    is_new: bool,
    /// Why what it said before is no version, where it is none.
    lost: Option<Error>,
}

impl Written {
    /// Why what the file said before cannot be gone back to, where that is so.
    pub fn lost(&self) -> Option<String> {
        let why = self.lost.as_ref()?.of_daemon();
        Some(format!("what the file said before is no version that can be gone back to: {why}"))
    }
}

/// What a file's text is known by: nobody makes another text with the same.
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Store {
    /// Writes a text into the file, if it still holds what was `found` there, and keeps it as a version; gives the version's
    /// number, which is the newest one's where the file says that already.
    ///
    /// # Errors
    /// See [`Error`]; then nothing was written, unless it is that it was not kept.
    pub fn save(
        &self,
        text: &str,
        author: &str,
        found: Option<&[u8]>,
        now: SystemTime,
    ) -> Result<u64, Error> {
        let seen = Seen::Bytes(found.map(<[u8]>::to_vec));
        let written = self.write(text, &[seen], now)?;
        self.make_version(&written, author, now).map_err(|why| Error::NotKept(Box::new(why)))
    }

    /// Writes a text into the file, if all holds that was `seen` of it. What it said before is a version, or put aside.
    ///
    /// # Errors
    /// See [`Error`]; then nothing was written.
    pub fn write(&self, text: &str, seen: &[Seen], now: SystemTime) -> Result<Written, Error> {
        Config::parse(text).map_err(|error| Error::Invalid(error.in_file(&self.path)))?;
        let _one_at_a_time = self.history.lock()?;
        let before = self.read()?;
        if !seen.iter().all(|seen| self.says(before.as_deref(), seen)) {
            let right = before.as_ref().filter(|bytes| self.parse(bytes).is_ok());
            let newest = right.and_then(|bytes| self.keep(bytes, BY_HAND, now).ok());
            return Err(Error::Changed { newest });
        }
        let text = text.to_owned();
        // What goes is kept before it goes.
        let mut lost = None;
        if let Some(bytes) = &before {
            // Of whom it is that could not keep it before.
            let author = self.author_of(bytes);
            let kept = self.keep(bytes, &author, now);
            if bytes == text.as_bytes() {
                return Ok(Written { text, before, is_new: false, lost: None });
            }
            lost = kept.err();
        }
        replace_for(&self.state, &self.path, text.as_bytes(), MODE)?;
        Ok(Written { text, before, is_new: true, lost })
    }

    /// Keeps what was written as a version; gives its number.
    ///
    /// # Errors
    /// It cannot be kept. The file is what counts: it says what was written all the same.
    pub fn make_version(&self, written: &Written, author: &str, now: SystemTime) -> Result<u64, Error> {
        let add = || {
            let _one_at_a_time = self.history.lock()?;
            let newest = self.history.newest();
            let there = self.read()?.unwrap_or_default();
            // It was damaged, or gone, and is what it was. Or somebody has written another since, which is the newest.
            let is = |bytes: &[u8]| {
                newest.as_ref().filter(|newest| self.is(newest, bytes)).map(|newest| newest.number)
            };
            match is(written.text.as_bytes()).or_else(|| is(&there)) {
                Some(newest) => Ok(newest),
                None => self.history.add(&written.text, author, now),
            }
        };
        let kept = add();
        self.note_kept(&written.text, author, &kept);
        kept
    }

    /// Has the file say again what it said before this was written; nothing of it is left among the versions.
    ///
    /// # Errors
    /// Somebody has written another since, or it cannot be written.
    pub fn take_back(&self, written: &Written) -> Result<(), Error> {
        let _one_at_a_time = self.history.lock()?;
        if !written.is_new {
            return Ok(());
        }
        if self.read()?.as_deref() != Some(written.text.as_bytes()) {
            return Err(Error::Changed { newest: self.newest() });
        }
        match &written.before {
            Some(bytes) => replace_for(&self.state, &self.path, bytes, MODE),
            None => {
                let gone = fs::remove_file(&self.path);
                gone.map_err(|error| Error::system("remove", &self.path, error))
            }
        }
    }

    /// Writes a version that was kept into the file again, as the newest.
    ///
    /// # Errors
    /// There is none of that number, it is damaged, and as [`Store::save`].
    pub fn rollback(&self, number: u64, author: &str, now: SystemTime) -> Result<u64, Error> {
        let text = self.text_for_now(number)?;
        let found = self.read()?;
        self.save(&text, author, found.as_deref(), now)
    }

    /// Makes a text that is served a version, where it is not the newest one: somebody wrote it by hand.
    pub fn remember(&self, text: &str) {
        self.remember_of(text, BY_HAND, crate::clock::wall());
    }

    pub(super) fn remember_of(&self, text: &str, author: &str, now: SystemTime) {
        let keep = || {
            let _one_at_a_time = self.history.lock()?;
            // Somebody may have saved another since it was read, which is a version already.
            if !self.read().is_ok_and(|there| there.as_deref() == Some(text.as_bytes())) {
                return Ok(());
            }
            self.keep(text.as_bytes(), author, now).map(drop)
        };
        self.note_kept(text, author, &keep());
    }

    /// Keeps what a file holds: as a version if it is a configuration, else aside.
    fn keep(&self, bytes: &[u8], author: &str, now: SystemTime) -> Result<u64, Error> {
        let newest = self.history.newest();
        let text = String::from_utf8_lossy(bytes);
        if let Some(newest) = newest.as_ref().filter(|newest| self.is(newest, bytes)) {
            return Ok(newest.number);
        }
        match self.parse(bytes) {
            Ok(_) => self.history.add(&text, author, now),
            Err(_) => self.history.put_aside(bytes).map(|()| newest.map_or(0, |newest| newest.number)),
        }
    }

    /// Whether that is what a version says.
    pub(super) fn is(&self, version: &Version, bytes: &[u8]) -> bool {
        self.history.text(version.number).is_ok_and(|kept| kept.as_bytes() == bytes)
    }

    /// Whether that is what was seen.
    fn says(&self, there: Option<&[u8]>, seen: &Seen) -> bool {
        match seen {
            Seen::Bytes(found) => there == found.as_deref(),
            Seen::Version(number) => {
                self.newest() == Some(*number)
                    && self.history.text(*number).ok().as_deref().map(str::as_bytes) == there
            }
            Seen::Hash(seen) => hash(there.unwrap_or_default()) == *seen,
        }
    }
}

//! A restore that is on its way: written down whole before the first file is touched, done whoever comes next.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::wiped::{Text, whole};
use super::{Error, Kept, Place};
use crate::clock;
use crate::config::store::{self, Version};

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The configuration's file: others may keep what is theirs in the same folder. None in what an earlier program wrote down.
    #[serde(default)]
    pub(super) file: Option<PathBuf>,
    /// The configuration's new text.
    pub(super) config: Option<String>,
    /// Who is written to have changed it.
    pub(super) author: String,
    /// The versions, where none are kept.
    pub(super) history: Vec<Kept>,
    /// The sections' new texts by their names.
    pub(super) sections: Vec<(String, Text)>,
}

/// Whose restore was begun before.
#[derive(Deserialize)]
struct Begun {
    #[serde(default)]
    file: Option<PathBuf>,
}

impl Place {
    fn pending(&self) -> PathBuf {
        self.state.join("restore.json")
    }

    /// From here on it will be done, even if the power goes now.
    pub(super) fn promise(&self, pending: &Pending) -> Result<(), Error> {
        let path = self.pending();
        let before = fs::read(&path).map(Zeroizing::new).ok();
        let before = before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(file) = before.and_then(|before: Begun| before.file)
            && file != self.file()
        {
            return Err(Error::Another { file, pending: path });
        }
        let text = whole(|out| serde_json::to_writer(out, pending));
        store::replace_secret_for(&self.state, &path, &text).map_err(Error::Config)
    }

    /// The configuration's file, wherever who asks stands.
    pub(super) fn file(&self) -> PathBuf {
        std::path::absolute(self.store.path()).unwrap_or_else(|_| self.store.path().to_owned())
    }

    /// Ends a restore that was interrupted, if there is one; says whether there was.
    ///
    /// # Errors
    /// It cannot be ended: something cannot be written.
    pub fn finish(&self) -> Result<bool, Error> {
        let path = self.pending();
        let bytes = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::system("read", &path, error)),
        };
        // It has its name only once it is whole: what is not was damaged on the disk, and nothing was begun or all was done.
        match serde_json::from_slice::<Pending>(&bytes) {
            // It is for who reads that file to finish.
            Ok(Pending { file: Some(file), .. }) if file != self.file() => return Ok(false),
            Ok(pending) => self.fulfil(&pending)?,
            Err(error) => {
                tracing::error!(%error, "{}: a restore that cannot be read is given up", path.display())
            }
        }
        fs::remove_file(&path).map_err(|error| Error::system("remove", &path, error))?;
        Ok(true)
    }

    /// Done twice it is as done once. The configuration comes last: who sees it change finds the rest there.
    fn fulfil(&self, pending: &Pending) -> Result<(), Error> {
        let version = |kept: &Kept| {
            let Kept { version, at, author, text } = kept;
            let bytes = text.len() as u64;
            (
                Version { number: *version, at: at.clone(), author: author.clone(), bytes, damage: None },
                text.clone(),
            )
        };
        let history: Vec<(Version, String)> = pending.history.iter().map(version).collect();
        self.store.adopt(&history).map_err(Error::Config)?;
        for (name, text) in &pending.sections {
            let section = self.section(name)?;
            if section.text()?.as_ref() != Some(text) {
                store::replace_secret_for(&self.state, &section.path, text.as_bytes())
                    .map_err(Error::Config)?;
            }
        }
        let Some(text) = &pending.config else { return Ok(()) };
        // What is damaged may be no text: it is put aside.
        let found = self.store.found().map_err(Error::Config)?;
        if found.as_deref() != Some(text.as_bytes()) {
            match self.store.save(text, &pending.author, found.as_deref(), clock::wall()) {
                // Done again it would be as it is: a daemon keeps it as soon as it can.
                Err(error @ store::Error::NotKept(_)) => tracing::warn!("{error}"),
                saved => {
                    saved.map_err(Error::Config)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn section(&self, name: &str) -> Result<&super::Section, Error> {
        self.sections
            .iter()
            .find(|section| section.name == name)
            .ok_or_else(|| Error::Section(name.chars().filter(|character| !character.is_control()).collect()))
    }
}

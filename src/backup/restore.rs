//! A backup held against what is here, and put in its place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::pending::Pending;
use super::{Backup, Error, Kept, Place, Text, devices};
use crate::amount::amount;
use crate::config::{self, Config};

/// Whose cameras' names are taken where both have a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// Those of this board's file.
    Ours,
    /// Those of the backup.
    Theirs,
}

/// What a restore would do.
#[derive(Debug)]
pub struct Restore {
    pending: Pending,
    /// The configuration's text before and after it, where it changes.
    pub config: Option<(String, String)>,
    /// Device names of this board that stay: by their path, with the backup's.
    pub kept: Vec<(String, String, String)>,
    /// Cameras that are not here: by their path.
    pub absent: Vec<(String, String)>,
    /// Sections of the configuration that this version does not know.
    pub aside: Vec<String>,
    /// Versions that come along; none where some are kept here.
    pub versions: usize,
    /// What the files of the sections that change say now, in their order.
    before: Vec<Option<Text>>,
}

impl Restore {
    /// Of this backup; nothing is changed yet.
    ///
    /// # Errors
    /// Its configuration is none for this version, or it has something that this version does not know.
    pub fn of(place: &Place, backup: &Backup, whose: Devices) -> Result<Self, Error> {
        let contents = &backup.contents;
        let found = place.store.written().unwrap_or_default();
        let ours = found.as_deref().map(devices::of).unwrap_or_default();
        let mut kept = Vec::new();
        let mut text = contents.config.clone();
        if let (Some(theirs), Devices::Ours) = (&mut text, whose) {
            kept = differing(&ours, &devices::of(theirs));
            let stay = kept.iter().map(|(path, ours, _)| (path.clone(), ours.clone())).collect();
            *theirs = devices::set(theirs, &stay).map_err(Error::Devices)?;
        }
        // Without a file the test picture and every camera are served: in words, where there is a file here.
        let text = text.or_else(|| found.as_ref().map(|_| "()\n".to_owned()));
        let mut absent = Vec::new();
        // One of an earlier program's.
        let mut aside = Vec::new();
        let text = text.map(|text| match config::migrate(&text) {
            Some(Ok(translated)) if Config::parse(&text).is_err() => {
                aside = translated.aside;
                translated.text
            }
            _ => text,
        });
        if let Some(text) = &text {
            let right = Config::parse(text).map(drop);
            right.map_err(|error| Error::Config(crate::config::store::Error::Invalid(error)))?;
            absent =
                devices::of(text).into_iter().filter(|(_, device)| !Path::new(device).exists()).collect();
        }
        // What nobody can read takes nobody's place.
        place.are_right(&contents.sections).map_err(|error| match error {
            Error::Damaged { name, why, .. } => Error::Spoilt(name, why),
            other => other,
        })?;
        let (mut sections, mut before_of_sections) = (Vec::new(), Vec::new());
        for (name, text) in &contents.sections {
            let now = place.section(name)?.text()?;
            if now.as_ref() != Some(text) {
                sections.push((name.clone(), text.clone()));
                before_of_sections.push(now);
            }
        }
        let versions = place.store.history().map_err(Error::Config)?;
        let is_bare = versions.iter().all(|version| version.damage.is_some());
        let history: Vec<Kept> = if is_bare { contents.history.clone() } else { Vec::new() };
        let versions = history.len();
        let before = found.unwrap_or_default();
        let config = text.clone().filter(|text| *text != before).map(|text| (before, text));
        let author = format!("restore of {} ({})", backup.made, backup.host);
        let pending = Pending { file: Some(place.file()), config: text, author, history, sections };
        Ok(Self { pending, config, kept, absent, aside, versions, before: before_of_sections })
    }

    /// The sections whose files change: each one's name, its text now and that of the backup. They may hold secrets.
    pub fn sections(&self) -> impl Iterator<Item = (&str, Option<&str>, &str)> {
        let before = self.before.iter().map(Option::as_deref);
        self.pending.sections.iter().zip(before).map(|((name, after), before)| (&**name, before, &**after))
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.config.is_none() && self.pending.sections.is_empty() && self.versions == 0
    }

    /// Does it: all of it, or, where the power goes before it is written down, nothing.
    ///
    /// # Errors
    /// Something cannot be written. What was begun then is finished by who comes next.
    pub fn carry_out(&self, place: &Place) -> Result<(), Error> {
        // What can be seen beforehand leaves nothing that is half done.
        place.store.found().map_err(Error::Config)?;
        if self.pending.config.is_some() && place.store.path().exists() {
            place.store.may_save().map_err(Error::Config)?;
        }
        place.promise(&self.pending)?;
        place.finish().map(drop).map_err(|error| Error::Unfinished(Box::new(error)))
    }

    /// What else it does, a line each.
    pub fn notes(&self) -> String {
        let mut notes = String::new();
        for (path, ours, theirs) in &self.kept {
            let _ = writeln!(notes, "{path} stays {ours} on this board (in the backup: {theirs})");
        }
        for (path, device) in &self.absent {
            let _ = writeln!(
                notes,
                "{path}: {device} is not here now; `lenslet probe` lists the cameras that are"
            );
        }
        for section in &self.aside {
            let _ = writeln!(
                notes,
                "this version has no section {section}: it is kept as a comment, and does nothing"
            );
        }
        for (name, _) in &self.pending.sections {
            let _ = writeln!(notes, "{name}: as in the backup");
        }
        if self.versions > 0 {
            let (versions, come) = (self.versions, if self.versions == 1 { "comes" } else { "come" });
            let _ =
                writeln!(notes, "{} of the configuration {come} along", amount(versions, "earlier version"));
        }
        notes
    }
}

/// What both name, and otherwise: path, ours, theirs.
fn differing(
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
) -> Vec<(String, String, String)> {
    let both = |(path, theirs): (&String, &String)| {
        let ours = ours.get(path).filter(|ours| *ours != theirs)?;
        Some((path.clone(), ours.clone(), theirs.clone()))
    };
    theirs.iter().filter_map(both).collect()
}

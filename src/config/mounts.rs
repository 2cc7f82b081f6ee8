//! Mounts: what is written about them, held against what their sources can serve.

use std::collections::BTreeMap;

use super::MountSettings;
use super::file::MountFile;
use crate::rtsp::url::Target;
use crate::source::{self, camera, command, file, jpegs};

/// The mounts by path, none of them twice.
///
/// # Errors
/// The first that can never be served, by name, with the field that is wrong.
pub(super) fn mounts(written: Vec<(String, MountFile)>) -> Result<BTreeMap<String, MountSettings>, String> {
    let mut mounts = BTreeMap::new();
    for (path, settings) in written {
        let wrong = |why: String| format!("mounts[{path:?}]: {why}");
        let clean = clean(&path).map_err(|why| wrong(why.to_owned()))?;
        let settings = settings.into_settings().map_err(|error| wrong(error.to_string()))?;
        settings.check().map_err(|error| wrong(error.to_string()))?;
        if mounts.insert(clean.to_owned(), settings).is_some() {
            return Err(wrong("there is such a mount already".to_owned()));
        }
    }
    Ok(mounts)
}

/// The path without slashes at its ends.
fn clean(path: &str) -> Result<&str, &'static str> {
    let clean = path.trim_matches('/');
    let named = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    if clean.is_empty()
        || !clean.chars().all(named)
        || clean.split('/').any(|part| matches!(part, "" | "." | ".."))
    {
        return Err("a path is letters, digits, '-', '_', '.' and single '/'");
    }
    if Target::parse(&format!("/{clean}")).is_ok_and(|target| target.track.is_some()) {
        return Err("its last part would be read as the name of a track");
    }
    Ok(clean)
}

/// Why a mount cannot be served now, though it may be later.
pub(super) fn absent(name: &str, settings: &MountSettings) -> Option<String> {
    let found = match settings {
        MountSettings::Pattern(_) => Ok(()),
        MountSettings::File(settings) => file::File::new(settings.clone()).look(),
        MountSettings::Command(settings) => command::Command::new(settings.clone()).look(),
        MountSettings::Jpegs(settings) => jpegs::Jpegs::new(settings.clone()).look(),
        MountSettings::Camera(settings) => match settings.look() {
            Err(camera::Unserved::Now(why)) => Err(source::Error::new(why)),
            Ok(()) | Err(camera::Unserved::AsConfigured(_)) => Ok(()),
        },
    };
    found.err().map(|error| format!("mounts[{name:?}]: {error}"))
}

/// Why a mount cannot be served by this board and what is attached to it, as it is configured.
pub(super) fn unfit(name: &str, settings: &MountSettings) -> Option<String> {
    let MountSettings::Camera(settings) = settings else { return None };
    match settings.look() {
        Err(camera::Unserved::AsConfigured(why)) => Some(format!("mounts[{name:?}]: {why}")),
        Ok(()) | Err(camera::Unserved::Now(_)) => None,
    }
}

impl MountSettings {
    fn check(&self) -> Result<(), source::Error> {
        match self {
            Self::Pattern(settings) => settings.check(),
            Self::File(settings) => settings.check(),
            Self::Jpegs(settings) => settings.check(),
            Self::Command(settings) => settings.check(),
            Self::Camera(settings) => settings.check(),
        }
    }
}

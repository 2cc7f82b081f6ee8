//! Mounts: what is written about them, held against what their sources can serve.

use std::collections::BTreeMap;

use super::file::MountFile;
use super::syntax::quoted;
use super::{Mount, MountSettings};
use crate::rtsp::url::Target;
use crate::source::{self, camera, command, file, jpegs};

/// The mounts by path, none of them twice.
///
/// # Errors
/// Each that can never be served, by name, with the field that is wrong.
pub(super) fn mounts(written: Vec<(String, MountFile)>) -> Result<BTreeMap<String, Mount>, Vec<String>> {
    let mut mounts = BTreeMap::new();
    let mut wrong = Vec::new();
    for (path, settings) in written {
        if let Err(why) = add(&mut mounts, &path, settings) {
            wrong.push(format!("mounts[{}]: {why}", quoted(&path)));
        }
    }
    if wrong.is_empty() { Ok(mounts) } else { Err(wrong) }
}

fn add(mounts: &mut BTreeMap<String, Mount>, path: &str, settings: MountFile) -> Result<(), String> {
    let clean = clean(path)?;
    let mount = settings.into_mount().map_err(|error| error.to_string())?;
    mount.source.check().map_err(|error| error.to_string())?;
    if let Some(label) = &mount.serving.label {
        label_is_right(label)?;
    }
    match mounts.insert(clean.to_owned(), mount) {
        Some(_) => Err("there is such a mount already, with other slashes: leave one out".to_owned()),
        None => Ok(()),
    }
}

/// Players are told it in a line of SDP (RFC 8866 section 5.3).
fn label_is_right(label: &str) -> Result<(), String> {
    if label.trim().is_empty() {
        return Err("label: there is nothing in it: leave it out".to_owned());
    }
    match label.chars().find(|character| character.is_control()) {
        Some(character) => Err(format!("label: {character:?} cannot be in it: it is one line")),
        None if label.len() > LONGEST_LABEL => Err(format!("label: it is longer than {LONGEST_LABEL} bytes")),
        None => Ok(()),
    }
}

/// Bytes of a label.
const LONGEST_LABEL: usize = 200;

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
        return Err("its last part would be read as the name of a track: call it otherwise, as in `cam/one`");
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
            Ok(_) | Err(camera::Unserved::AsConfigured(_)) => Ok(()),
        },
    };
    found.err().map(|error| format!("mounts[{name:?}]: {error}"))
}

/// Why a mount cannot be served by this board and what is attached to it, as it is configured.
pub(super) fn unfit(name: &str, settings: &MountSettings) -> Option<String> {
    let MountSettings::Camera(settings) = settings else { return None };
    match settings.look() {
        Err(camera::Unserved::AsConfigured(why)) => Some(format!("mounts[{name:?}]: {why}")),
        Ok(_) | Err(camera::Unserved::Now(_)) => None,
    }
}

/// What of a mount is served otherwise than it is configured, by this board and what is attached to it, beside the others.
pub(super) fn otherwise(
    name: &str,
    settings: &MountSettings,
    mounts: &BTreeMap<String, Mount>,
) -> Vec<String> {
    let MountSettings::Camera(settings) = settings else { return Vec::new() };
    let told = settings.look().unwrap_or_default();
    let told = told.into_iter().chain(shared(name, settings, mounts));
    told.map(|otherwise| format!("mounts[{name:?}]: {otherwise}")).collect()
}

/// That another mount has the same camera.
fn shared(name: &str, settings: &camera::Settings, mounts: &BTreeMap<String, Mount>) -> Option<String> {
    if mounts.get(name).is_some_and(|mount| !mount.enabled) {
        return None;
    }
    let same = |mount: &Mount| match &mount.source {
        MountSettings::Camera(other) => mount.enabled && settings.is_of_the_camera_of(other),
        _ => false,
    };
    let others = mounts.iter().filter(|(other, mount)| *other != name && same(mount));
    let others: Vec<String> = others.map(|(other, _)| format!("mounts[{other:?}]")).collect();
    (!others.is_empty()).then(|| {
        format!(
            "{}: it is the camera of {} too, and plays while they do not (another path of one mount is what \
             `aliases` are for)",
            settings.device.display(),
            others.join(" and ")
        )
    })
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

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn two_mounts_of_one_camera_are_told_with_both_names() {
        let camera = "Camera(device: \"/nowhere/video0\"";
        let text = format!(
            "(mounts: {{ \"a\": {camera}), \"b\": {camera}, fps: 5), \"c\": {camera}, enabled: false), \"d\": Camera(device: \"/nowhere/video1\") }})"
        );
        let config = Config::parse(&text).unwrap();
        let of = |other| format!("/nowhere/video0: it is the camera of mounts[\"{other}\"] too");
        let told = config.otherwise();
        assert_eq!(told.len(), 2, "{told:?}");
        for (told, (one, other)) in told.into_iter().zip([("a", "b"), ("b", "a")]) {
            assert!(told.starts_with(&format!("mounts[\"{one}\"]: {}", of(other))), "{told}");
        }
        assert!(config.doubts("b").last().unwrap().starts_with(&of("a")), "{:?}", config.doubts("b"));
    }
}

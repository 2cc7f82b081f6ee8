//! The way to a setting as people write it: `mounts.cam.fps` for `mounts["cam"].fps`, and names that are misspelt.

use super::super::nearest;
use super::super::syntax::{Kind, Path, Step, Value};

/// The path with the steps into maps as such: a shell takes the quotes off `mounts["cam"]`, and many write `mounts.cam`.
#[must_use]
pub fn fitted(path: &Path, tree: &Value) -> Path {
    let mut fitted = Path::default();
    for step in &path.0 {
        let is_map = tree.at(&fitted).is_some_and(|value| matches!(value.kind, Kind::Map(_)));
        // What is not written yet is no map yet.
        let holds_names =
            is_map || matches!(fitted.0.last(), Some(Step::Field(name)) if MAPS.contains(&name.as_str()));
        fitted.0.push(match step {
            Step::Field(name) if holds_names => Step::Key(name.clone()),
            Step::Index(number) if holds_names => Step::Key(number.to_string()),
            step => step.clone(),
        });
    }
    fitted
}

/// That the path leads into a mount that there is not, in a sentence that names the one that is meant; none: it does not.
pub fn no_such_mount(path: &Path, tree: &Value) -> Option<String> {
    let [Step::Field(first), Step::Key(mount), ..] = &path.0[..] else { return None };
    let there = tree.step(path.0.first()?).map(|mounts| &mounts.kind);
    let names: Vec<&str> = match there {
        Some(Kind::Map(entries)) => entries.iter().filter_map(|entry| entry.name()).collect(),
        _ => Vec::new(),
    };
    if first != MOUNTS || names.contains(&mount.as_str()) {
        return None;
    }
    let meant = match (nearest(mount, names.iter().copied()), &names[..]) {
        (Some(near), _) => format!("{near} is nearest"),
        (None, []) => "there are none".to_owned(),
        (None, names) => format!("there are {}", names.join(", ")),
    };
    Some(format!("there is no mount {mount:?} in the file: {meant}"))
}

const MOUNTS: &str = "mounts";

/// Settings that hold others by names.
const MAPS: [&str; 3] = [MOUNTS, "aliases", "controls"];

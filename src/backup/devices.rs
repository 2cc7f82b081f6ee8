//! What of a configuration belongs to the board: the names of its cameras.

use std::collections::BTreeMap;

use crate::config::edit;
use crate::config::syntax::{self, Kind, Path, Step, Value, quoted};

/// The cameras' names by their path: `mounts["door"].device`.
pub(super) fn of(text: &str) -> BTreeMap<String, String> {
    let (Some(tree), _) = syntax::parse(text) else { return BTreeMap::new() };
    let Some(Kind::Map(mounts)) = tree.step(&Step::Field("mounts".into())).map(|mounts| &mounts.kind) else {
        return BTreeMap::new();
    };
    let device = |mount: &syntax::Entry| {
        let name = mount.name()?;
        let path = Path::default().field("mounts").key(name).field("device");
        match &mount.value.step(&Step::Field("device".into()))?.kind {
            Kind::Text(device) if is_camera(&mount.value) => Some((path.to_string(), device.clone())),
            _ => None,
        }
    };
    mounts.iter().filter_map(device).collect()
}

fn is_camera(mount: &Value) -> bool {
    matches!(&mount.kind, Kind::Struct { name: Some((name, _)), .. } if name == "Camera")
}

/// The text with other names for its cameras; those that it has not are passed over.
///
/// # Errors
/// The text is no configuration.
pub(super) fn set(text: &str, devices: &BTreeMap<String, String>) -> Result<String, edit::Error> {
    let there = of(text);
    devices
        .iter()
        .filter(|(path, device)| there.get(*path).is_some_and(|known| known != *device))
        .try_fold(text.to_owned(), |text, (path, device)| edit::set(&text, path, &quoted(device)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"( // mine
    mounts: {
        "door": Camera(device: "/dev/video0" /* left */, fps: 5),
        "a-b": Pattern(),
        "yard": Camera(format: H264, device: "/dev/v4l/by-id/x"),
    },
)"#;

    #[test]
    fn cameras_names_are_found_and_changed_and_nothing_else() {
        let devices = of(TEXT);
        let expected =
            [("mounts[\"door\"].device", "/dev/video0"), ("mounts[\"yard\"].device", "/dev/v4l/by-id/x")];
        assert_eq!(devices.iter().map(|(path, name)| (&**path, &**name)).collect::<Vec<_>>(), expected);
        let other = BTreeMap::from([
            ("mounts[\"door\"].device".to_owned(), "/dev/video7".to_owned()),
            ("mounts[\"gone\"].device".to_owned(), "/dev/video8".to_owned()),
        ]);
        assert_eq!(set(TEXT, &other).unwrap(), TEXT.replace("/dev/video0", "/dev/video7"));
        assert!(of("(mounts: ").is_empty() && of("").is_empty());
    }
}

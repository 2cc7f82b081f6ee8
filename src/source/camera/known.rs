//! Which camera a mount has, after it was unplugged: the same one wherever it is attached, or another one in its place.

use std::path::{Path, PathBuf};

use super::probe;
use crate::v4l2::{Capability, Error};

/// What a camera is recognized by after it was unplugged.
#[derive(Debug)]
pub(super) struct Known {
    stable: Option<PathBuf>,
    capability: Capability,
}

impl Known {
    /// The camera that was found at that path.
    pub(super) fn new(path: &Path, capability: &Capability) -> Self {
        Self { stable: probe::stable_name(path), capability: capability.clone() }
    }

    /// The name that udev gave it.
    pub(super) fn stable(&self) -> Option<&Path> {
        self.stable.as_deref()
    }

    /// Whether what is found at `path` is that camera. A name that bears its serial number goes with it to another port;
    /// what has no such name is told by its port.
    fn is(&self, path: &Path, found: &Capability) -> bool {
        let known = &self.capability;
        let by_serial = path.starts_with("/dev/v4l/by-id") && self.stable.as_deref() == Some(path);
        found == known || by_serial && (&found.driver, &found.card) == (&known.driver, &known.card)
    }

    /// Whether what is found at the configured path is there in its place: at the port that it had, or at the one that is
    /// configured. What merely has its number now may be another mount's.
    fn makes_room_for(&self, configured: &Path, found: &Capability) -> bool {
        configured.starts_with("/dev/v4l/by-path") || found.bus == self.capability.bus
    }

    /// The camera where it is attached now, among those that there are (none: one that does not answer); else what is in its
    /// place, which is said by true.
    ///
    /// # Errors
    /// It is not there, or cannot be opened, or another one has its number.
    pub(super) fn find<T>(
        &self,
        configured: &Path,
        nodes: &[PathBuf],
        ask: impl Fn(&Path) -> Option<Result<T, Error>>,
        capability: impl Fn(&T) -> &Capability,
    ) -> Result<(T, bool), Error> {
        let named = self.stable().unwrap_or(configured);
        let mut failure = None;
        for path in std::iter::once(named).chain(nodes.iter().map(PathBuf::as_path)) {
            match ask(path) {
                Some(Ok(opened)) if self.is(path, capability(&opened)) => return Ok((opened, false)),
                Some(Err(error)) => failure = failure.or((path == named).then_some(error)),
                Some(Ok(_)) | None => {}
            }
        }
        if let Some(Ok(opened)) = ask(configured) {
            let found = capability(&opened);
            if self.makes_room_for(configured, found) {
                return Ok((opened, true));
            }
            return Err(Error::Unfit(configured.to_owned(), self.replaced_by(found)));
        }
        match failure {
            // It was there once.
            None | Some(Error::Missing(_)) => Err(Error::Gone(named.to_owned())),
            Some(error) => Err(error),
        }
    }

    fn replaced_by(&self, found: &Capability) -> String {
        let Capability { card, bus, .. } = &self.capability;
        format!(
            "it is another camera now, {} at {}; this mount's, {card} at {bus}, is gone: plug it in, or `lenslet mount disable` and `enable` the mount to have the other one",
            found.card, found.bus
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_ID: &str = "/dev/v4l/by-id/usb-C920_1234-video-index0";
    const BY_PATH: &str = "/dev/v4l/by-path/pci-0000:01:00.0-usb-0:1.2:1.0-video-index0";

    fn at(card: &str, bus: &str) -> Capability {
        Capability::named("uvcvideo", card, bus)
    }

    fn known(stable: Option<&str>) -> Known {
        Known { stable: stable.map(PathBuf::from), capability: at("C920", "usb-1") }
    }

    #[test]
    fn a_camera_with_a_serial_number_is_known_at_another_port() {
        let node = "/dev/video2";
        for (stable, path, found, same) in [
            (Some(BY_ID), BY_ID, at("C920", "usb-1"), true),
            (Some(BY_ID), BY_ID, at("C920", "usb-2"), true),
            (Some(BY_ID), BY_ID, at("C270", "usb-1"), false),
            (Some(BY_ID), node, at("C920", "usb-2"), false),
            (Some(BY_ID), node, at("C920", "usb-1"), true),
            (Some(BY_PATH), BY_PATH, at("C920", "usb-2"), false),
            (None, node, at("C920", "usb-2"), false),
            (None, node, at("C920", "usb-1"), true),
        ] {
            assert_eq!(known(stable).is(Path::new(path), &found), same, "{stable:?} {path:?} {found:?}");
        }
    }

    #[test]
    fn the_same_camera_comes_first_then_another_in_its_place_and_one_that_has_its_number_is_told() {
        let (video0, video2) = ("/dev/video0", "/dev/video2");
        let another =
            "/dev/video0: it is another camera now, C270 at usb-2; this mount's, C920 at usb-1, is gone: ";
        let gone = "/dev/video0: the camera is gone (unplugged?)";
        let by_id_gone = format!("{BY_ID}: the camera is gone (unplugged?)");
        for (configured, stable, attached, expected) in [
            // Under another number, though another camera has its own.
            (video0, None, vec![(video0, "C270", "usb-2"), (video2, "C920", "usb-1")], Ok((video2, false))),
            (video0, Some(BY_ID), vec![(BY_ID, "C920", "usb-7")], Ok((BY_ID, false))),
            // Another model at its port.
            (video0, None, vec![(video0, "C270", "usb-1")], Ok((video0, true))),
            (video0, Some(BY_ID), vec![(video0, "C270", "usb-1")], Ok((video0, true))),
            // Whatever is at the port that is configured.
            (BY_PATH, Some(BY_ID), vec![(BY_PATH, "C270", "usb-9")], Ok((BY_PATH, true))),
            // Another mount's, perhaps.
            (video0, None, vec![(video0, "C270", "usb-2")], Err(another)),
            (video0, None, vec![(video2, "C270", "usb-1")], Err(gone)),
            (BY_ID, Some(BY_ID), vec![(video2, "C270", "usb-1")], Err(&*by_id_gone)),
        ] {
            let known = known(stable);
            let nodes = [video0, video2].map(PathBuf::from);
            let ask = |path: &Path| {
                let found = attached.iter().find(|(there, _, _)| Path::new(there) == path);
                Some(match found {
                    Some((there, card, bus)) => Ok((*there, at(card, bus))),
                    None => Err(Error::Missing(path.to_owned())),
                })
            };
            let found = known.find(Path::new(configured), &nodes, ask, |(_, capability)| capability);
            match (found.map(|((path, _), another)| (path, another)), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{configured} {attached:?}"),
                (Err(error), Err(told)) => assert!(error.to_string().starts_with(told), "{error}"),
                (found, expected) => panic!("{configured} {attached:?}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_camera_that_cannot_be_opened_is_told_as_that() {
        let busy = |path: &Path| Some(Err::<Capability, _>(Error::Busy(path.to_owned(), None)));
        let error = known(None).find(Path::new("/dev/video0"), &[], busy, |found| found).unwrap_err();
        assert_eq!(error.to_string(), "/dev/video0: in use by another program");
    }
}

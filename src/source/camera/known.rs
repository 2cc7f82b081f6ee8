//! Which camera a mount has, after it was unplugged: the same one wherever it is attached, or another one in its place.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::probe;
use crate::v4l2::{Capability, Error};

/// Another camera that is in the place of a mount's for so long has taken it: of a device that is two cameras the wrong one may
/// be there first.
const TAKEN: Duration = Duration::from_secs(2);

/// What a camera is recognized by after it was unplugged.
#[derive(Debug)]
pub(super) struct Known {
    stable: Option<PathBuf>,
    capability: Capability,
    /// What is in its place, and since when that is known.
    another: Option<(Capability, Instant)>,
}

impl Known {
    /// The camera that was found at that path.
    pub(super) fn new(path: &Path, capability: &Capability) -> Self {
        Self { stable: probe::stable_name(path), capability: capability.clone(), another: None }
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
        let port = !found.bus.is_empty() && found.bus == self.capability.bus;
        port || configured.starts_with("/dev/v4l/by-path")
    }

    /// The camera where it is attached now, among those that there are (none: one that does not answer); else what is in its
    /// place, which is said by true.
    ///
    /// # Errors
    /// It is not there, or cannot be opened, or another one has its number, or has its place since a moment ago.
    pub(super) fn find<T>(
        &mut self,
        configured: &Path,
        nodes: &[PathBuf],
        now: Instant,
        ask: impl Fn(&Path) -> Option<Result<T, Error>>,
        capability: impl Fn(&T) -> &Capability,
    ) -> Result<(T, bool), Error> {
        let before = self.another.take();
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
            if !self.makes_room_for(configured, found) {
                return Err(Error::Unfit(configured.to_owned(), self.replaced_by(found)));
            }
            let since = before.filter(|(another, _)| another == found).map_or(now, |(_, since)| since);
            if now.saturating_duration_since(since) >= TAKEN {
                return Ok((opened, true));
            }
            let why =
                format!("another camera, {}, is in its place: it is taken if that stays so", found.card);
            self.another = Some((found.clone(), since));
            return Err(Error::Unfit(configured.to_owned(), why));
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
        Known { stable: stable.map(PathBuf::from), capability: at("C920", "usb-1"), another: None }
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
            let mut known = known(stable);
            let nodes = [video0, video2].map(PathBuf::from);
            let ask = |path: &Path| {
                let found = attached.iter().find(|(there, _, _)| Path::new(there) == path);
                Some(match found {
                    Some((there, card, bus)) => Ok((*there, at(card, bus))),
                    None => Err(Error::Missing(path.to_owned())),
                })
            };
            let began = crate::clock::now();
            let mut find =
                |now| known.find(Path::new(configured), &nodes, now, ask, |(_, capability)| capability);
            let taken = matches!(expected, Ok((_, true)));
            for early in [began, began + TAKEN / 2].into_iter().filter(|_| taken) {
                let error = find(early).unwrap_err().to_string();
                assert!(
                    error.ends_with("another camera, C270, is in its place: it is taken if that stays so"),
                    "{error}"
                );
            }
            let found = find(began + TAKEN);
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
        let now = crate::clock::now();
        let error = known(None).find(Path::new("/dev/video0"), &[], now, busy, |found| found).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/dev/video0: in use by another program (`sudo fuser -v /dev/video0` says which)"
        );
    }

    #[test]
    fn the_wrong_half_of_a_device_that_is_two_cameras_is_not_taken_though_it_is_there_first() {
        let mut known = known(None);
        let began = crate::clock::now();
        let mut find = |seconds: u64, there: &[(&'static str, &str)]| {
            let nodes = ["/dev/video0", "/dev/video2"].map(PathBuf::from);
            let ask = |path: &Path| {
                let found = there.iter().find(|(node, _)| Path::new(node) == path);
                Some(
                    found
                        .map(|(node, card)| (*node, at(card, "usb-1")))
                        .ok_or(Error::Missing(path.to_owned())),
                )
            };
            let now = began + Duration::from_secs(seconds);
            let found = known.find(&nodes[0], &nodes, now, ask, |(_, capability)| capability);
            found.ok().map(|((node, _), another)| (node, another))
        };
        let (infrared, both) = ([("/dev/video0", "IR")], [("/dev/video0", "IR"), ("/dev/video2", "C920")]);
        assert_eq!(find(0, &infrared), None);
        assert_eq!(find(1, &both), Some(("/dev/video2", false)));
        // Unplugged again: what was there before counts no more.
        assert_eq!(find(60, &[]), None);
        assert_eq!(find(70, &infrared), None);
        assert_eq!(find(72, &infrared), Some(("/dev/video0", true)));
    }
}

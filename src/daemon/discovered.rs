//! Cameras that become mounts by themselves: each keeps its number for as long as the daemon runs, be it there or not.

use std::path::{Path, PathBuf};

use crate::source::camera::Found;

/// The cameras that were seen so far.
#[derive(Clone, Debug)]
pub(super) struct Discovered {
    look: fn() -> Vec<Found>,
    known: Vec<Known>,
}

#[derive(Clone, Debug)]
struct Known {
    /// By which it is opened.
    device: PathBuf,
    id: Option<PathBuf>,
    /// Driver, name and where it is attached.
    place: [String; 3],
    /// The how manieth node of that place it is: some cameras have several.
    node: usize,
}

impl Discovered {
    /// None yet.
    pub(super) fn new(look: fn() -> Vec<Found>) -> Self {
        Self { look, known: Vec::new() }
    }

    /// Looks what is there now; gives the cameras that were never seen before.
    pub(super) fn look(&mut self) -> Vec<Found> {
        self.note((self.look)())
    }

    fn note(&mut self, found: Vec<Found>) -> Vec<Found> {
        let (mut came, mut places) = (Vec::new(), Vec::new());
        for camera in found.into_iter().filter(|camera| camera.served) {
            let place = [&camera.node.driver, &camera.node.card, &camera.node.bus].map(Clone::clone);
            let node = places.iter().filter(|known| **known == place).count();
            places.push(place.clone());
            let this = Known { device: camera.device().to_owned(), id: camera.id.clone(), place, node };
            if !self.known.iter().any(|known| known.is(&this)) {
                self.known.push(this);
                came.push(camera);
            }
        }
        came
    }

    /// By which each is opened, by its number.
    pub(super) fn devices(&self) -> impl Iterator<Item = &Path> {
        self.known.iter().map(|known| known.device.as_path())
    }
}

impl Known {
    /// Whether that is this camera, by whatever node it is reached. udev may not have named it yet; then it is known by its place.
    fn is(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(one), Some(other)) => one == other,
            _ => (&self.place, self.node) == (&other.place, other.node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::camera::Node;

    fn camera(path: &str, id: Option<&str>, bus: &str) -> Found {
        let node = Node { card: "Cam".into(), driver: "uvcvideo".into(), bus: bus.into(), ..Node::default() };
        let id = id.map(|id| Path::new("/dev/v4l/by-id").join(id));
        Found { path: path.into(), id, node, served: true, ..Found::default() }
    }

    #[test]
    fn a_camera_keeps_its_number_whatever_comes_and_goes() {
        let mut seen = Discovered::new(Vec::new);
        let one = || camera("/dev/video0", Some("one"), "usb-1");
        let two = |node| camera(node, None, "usb-2");
        let later = || camera("/dev/video6", Some("late"), "usb-2");
        for (found, came, devices) in [
            (vec![], 0, vec![]),
            (vec![one()], 1, vec!["/dev/v4l/by-id/one"]),
            (vec![], 0, vec!["/dev/v4l/by-id/one"]),
            // It is another node, and one came before it.
            (
                vec![two("/dev/video0"), camera("/dev/video2", Some("one"), "usb-9")],
                1,
                vec!["/dev/v4l/by-id/one", "/dev/video0"],
            ),
            // udev has named it.
            (vec![later()], 0, vec!["/dev/v4l/by-id/one", "/dev/video0"]),
            // Two nodes of one camera are two.
            (
                vec![
                    two("/dev/video4"),
                    two("/dev/video5"),
                    Found { served: false, ..camera("/dev/video7", None, "x") },
                ],
                1,
                vec!["/dev/v4l/by-id/one", "/dev/video0", "/dev/video5"],
            ),
        ] {
            assert_eq!(seen.note(found).len(), came);
            assert_eq!(seen.devices().map(|path| path.to_str().unwrap()).collect::<Vec<_>>(), devices);
        }
    }
}

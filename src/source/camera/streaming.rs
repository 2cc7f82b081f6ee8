//! Which mount of this server streams from which camera: of two that have the same one the kernel says no more than that
//! it is busy.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::source::Error;
use crate::v4l2;

/// Nodes that stream, and their mounts.
static STREAMING: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());

/// A node that streams, until it is dropped.
#[derive(Debug)]
pub(super) struct Streaming(PathBuf);

impl Streaming {
    pub(super) fn new(device: &Path, mount: &str) -> Self {
        let node = real(device);
        streaming(|all| all.push((node.clone(), mount.to_owned())));
        Self(node)
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        streaming(|all| {
            if let Some(place) = all.iter().position(|(node, _)| *node == self.0) {
                all.remove(place);
            }
        });
    }
}

/// The mount that streams from a camera.
pub(super) fn mount(device: &Path) -> Option<String> {
    let device = real(device);
    streaming(|all| all.iter().find(|(node, _)| *node == device).map(|(_, mount)| mount.clone()))
}

/// What a camera's driver says, to one who does not stream from it.
pub(super) fn sentence(error: v4l2::Error) -> Error {
    match &error {
        v4l2::Error::Busy(device, _) => match mount(device) {
            Some(mount) => Error::new(format!(
                "{}: in use by the mount {mount:?} of this server: a camera can be one mount's at a time",
                device.display()
            )),
            None => Error::new(error.to_string()),
        },
        _ => Error::new(error.to_string()),
    }
}

/// By whatever name it is given.
pub(super) fn real(device: &Path) -> PathBuf {
    device.canonicalize().unwrap_or_else(|_| device.to_owned())
}

fn streaming<T>(act: impl FnOnce(&mut Vec<(PathBuf, String)>) -> T) -> T {
    act(&mut STREAMING.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_another_mount_has_is_told_with_its_name_for_as_long_as_it_streams() {
        let folder = tempfile::tempdir().unwrap();
        let (node, name) = (folder.path().join("video0"), folder.path().join("by-id"));
        std::fs::write(&node, "").unwrap();
        std::os::unix::fs::symlink(&node, &name).unwrap();
        let busy = || sentence(v4l2::Error::Busy(node.clone(), None)).to_string();
        assert!(busy().contains("in use by another program"), "{}", busy());
        let streaming = Streaming::new(&name, "front/door");
        let told = "in use by the mount \"front/door\" of this server: a camera can be one mount's at a time";
        assert_eq!(busy(), format!("{}: {told}", node.display()));
        let gone = sentence(v4l2::Error::Gone(node.clone())).to_string();
        assert!(gone.contains("the camera is gone"), "{gone}");
        drop(streaming);
        assert_eq!(mount(&node), None);
    }
}

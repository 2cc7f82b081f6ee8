//! What can go wrong with a V4L2 node, as facts a person can act on.

use std::fmt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::holder::Holder;

/// Who may not set a control may stream all the same, and is refused by these answers in its own sense.
pub(super) const SET_CONTROL: &str = "VIDIOC_S_EXT_CTRLS";

/// Why a V4L2 node did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no such node.
    Missing(PathBuf),
    /// It is something, and no V4L2 node; the text says what it is.
    NoVideo(PathBuf, &'static str),
    /// This process may not open it.
    Denied(PathBuf),
    /// Another program streams from it; which one, where that can be seen.
    Busy(PathBuf, Option<Holder>),
    /// It was there and is not any more.
    Gone(PathBuf),
    /// It gives none of what was asked for; the text says what.
    Unfit(PathBuf, String),
    /// The driver refused a call.
    Refused {
        /// The node.
        device: PathBuf,
        /// The call, as the kernel names it.
        call: &'static str,
        /// The driver's answer.
        errno: Errno,
    },
}

impl Error {
    /// What the driver's answer to `call` means.
    pub(super) fn from_errno(device: &Path, call: &'static str, errno: Errno) -> Self {
        let device = device.to_owned();
        match errno {
            // A part of its path is a file.
            Errno::ENOENT | Errno::ENOTDIR if call == "open" => Self::Missing(device),
            Errno::EISDIR if call == "open" => Self::NoVideo(device, "it is a folder, and no camera"),
            Errno::ENOTTY if call == "VIDIOC_QUERYCAP" => {
                let file = device.is_file();
                Self::NoVideo(
                    device,
                    if file {
                        "it is a file, and no camera: a `File` mount plays files"
                    } else {
                        "it is a device, and no camera"
                    },
                )
            }
            Errno::EACCES | Errno::EPERM if call == SET_CONTROL => Self::Unfit(
                device,
                "the driver lets nobody set it now: it is read-only, or another control sets it by itself"
                    .to_owned(),
            ),
            Errno::EBUSY if call == SET_CONTROL => {
                Self::Unfit(device, "the driver does not set it while pictures come".to_owned())
            }
            Errno::EACCES | Errno::EPERM => Self::Denied(device),
            Errno::EBUSY => {
                let holder = Holder::of(&device);
                Self::Busy(device, holder)
            }
            // ENXIO: the node is there and its driver is not.
            Errno::ENODEV | Errno::ENXIO => Self::Gone(device),
            _ => Self::Refused { device, call, errno },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(device) => write!(f, "{}: there is no such camera", device.display()),
            Self::NoVideo(device, what) => write!(
                f,
                "{}: {what}; `device` is a node such as /dev/video0, and `lenslet probe` lists those that are there",
                device.display()
            ),
            Self::Denied(device) => {
                write!(f, "{}: permission denied: add the user to the group `video`", device.display())
            }
            Self::Busy(device, Some(holder)) => {
                write!(f, "{}: in use by pid {} ({})", device.display(), holder.pid, holder.name)
            }
            Self::Busy(device, None) => {
                write!(f, "{}: in use by another program", device.display())
            }
            Self::Gone(device) => {
                write!(f, "{}: the camera is gone (unplugged?)", device.display())
            }
            Self::Unfit(device, what) => write!(f, "{}: {what}", device.display()),
            Self::Refused { device, call, errno } => {
                write!(f, "{}: {call} failed: {}", device.display(), errno.desc())
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_control_that_cannot_be_set_is_not_told_as_a_camera_that_cannot_be_opened() {
        let node = Path::new("/dev/video0");
        for (call, errno, told) in [
            ("open", Errno::EACCES, "permission denied: add the user to the group `video`"),
            (SET_CONTROL, Errno::EACCES, "the driver lets nobody set it now: it is read-only, or another"),
            (SET_CONTROL, Errno::EPERM, "the driver lets nobody set it now"),
            ("VIDIOC_STREAMON", Errno::EBUSY, "in use by another program"),
            (SET_CONTROL, Errno::EBUSY, "the driver does not set it while pictures come"),
            (SET_CONTROL, Errno::ERANGE, "VIDIOC_S_EXT_CTRLS failed: "),
            (SET_CONTROL, Errno::ENODEV, "the camera is gone"),
        ] {
            let is = Error::from_errno(node, call, errno).to_string();
            assert!(is.starts_with(&format!("/dev/video0: {told}")), "{call} {errno}: {is}");
        }
    }

    #[test]
    fn a_node_in_use_is_told_with_its_holder() {
        let node = tempfile::NamedTempFile::new().unwrap();
        let told = || Error::from_errno(node.path(), "VIDIOC_STREAMON", Errno::EBUSY).to_string();
        let name = node.path().display();
        assert_eq!(told(), format!("{name}: in use by another program"), "who it is cannot be seen");
        let input = std::fs::File::open(node.path()).unwrap();
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(input)).spawn().unwrap();
        let told = told();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(told, format!("{name}: in use by pid {} (sleep)", child.id()));
    }

    #[test]
    fn a_node_that_may_not_be_opened_is_told_with_the_group() {
        use std::os::unix::fs::PermissionsExt;
        for errno in [Errno::EACCES, Errno::EPERM] {
            let error = Error::from_errno(Path::new("/dev/video0"), "open", errno);
            assert_eq!(
                error.to_string(),
                "/dev/video0: permission denied: add the user to the group `video`"
            );
        }
        let node = tempfile::NamedTempFile::new().unwrap();
        std::fs::set_permissions(node.path(), std::fs::Permissions::from_mode(0o000)).unwrap();
        match crate::v4l2::Device::open(node.path()) {
            Err(error) => assert_eq!(error, Error::Denied(node.path().to_owned())),
            // Root may.
            Ok(_) => assert!(nix::unistd::Uid::effective().is_root()),
        }
    }

    #[test]
    fn what_is_no_camera_is_told_with_what_it_is_and_what_to_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let below = file.path().join("video0");
        let advice =
            "; `device` is a node such as /dev/video0, and `lenslet probe` lists those that are there";
        for (path, what, advised) in [
            (Path::new("/"), "it is a folder, and no camera", true),
            (Path::new("/dev/null"), "it is a device, and no camera", true),
            (file.path(), "it is a file, and no camera: a `File` mount plays files", true),
            (Path::new("/nowhere/video0"), "there is no such camera", false),
            (&below, "there is no such camera", false),
        ] {
            let told = crate::v4l2::Device::open(path).and_then(|device| device.capability()).unwrap_err();
            let advice = if advised { advice } else { "" };
            assert_eq!(told.to_string(), format!("{}: {what}{advice}", path.display()));
        }
    }

    #[test]
    fn an_unplugged_camera_is_called_gone() {
        let error = Error::from_errno(Path::new("/dev/video0"), "VIDIOC_DQBUF", Errno::ENODEV);
        assert_eq!(error.to_string(), "/dev/video0: the camera is gone (unplugged?)");
    }
}

//! What can go wrong with a V4L2 node, as facts a person can act on.

use std::fmt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::holder::Holder;

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
    /// A control cannot be set as things are; the text says why.
    Held(PathBuf, &'static str),
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

/// Calls that one program alone succeeds with.
const CLAIMS: [&str; 6] =
    ["open", "VIDIOC_S_DV_TIMINGS", "VIDIOC_S_FMT", "VIDIOC_S_PARM", "VIDIOC_REQBUFS", "VIDIOC_STREAMON"];
const SET: &str = "VIDIOC_S_EXT_CTRLS";

impl Error {
    /// What a person does about a node that may not be opened.
    pub const IF_DENIED: &str = "add the user to the group `video`";

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
            Errno::EACCES | Errno::EPERM if call == "open" => Self::Denied(device),
            // uvcvideo's answer for a focus that is automatic, and a sensor's for a flip while it streams.
            Errno::EACCES if call == SET => Self::Held(device, "another control sets it, an automatic one"),
            Errno::EBUSY if call == SET => Self::Held(device, "not while the camera streams"),
            Errno::EBUSY if CLAIMS.contains(&call) => {
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
                write!(f, "{}: permission denied: {}", device.display(), Self::IF_DENIED)
            }
            Self::Busy(device, Some(holder)) => {
                write!(f, "{}: in use by pid {} ({})", device.display(), holder.pid, holder.name)
            }
            Self::Busy(device, None) => {
                let device = device.display();
                write!(f, "{device}: in use by another program (`sudo fuser -v {device}` says which)")
            }
            Self::Gone(device) => {
                write!(f, "{}: the camera is gone (unplugged?)", device.display())
            }
            Self::Held(device, why) => {
                write!(f, "{}: the driver refuses that for now: {why}", device.display())
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
    fn a_node_in_use_is_told_with_its_holder() {
        let node = tempfile::NamedTempFile::new().unwrap();
        let told = || Error::from_errno(node.path(), "VIDIOC_STREAMON", Errno::EBUSY).to_string();
        let name = node.path().display();
        let unseen = format!("{name}: in use by another program (`sudo fuser -v {name}` says which)");
        assert_eq!(told(), unseen, "who it is cannot be seen");
        let input = std::fs::File::open(node.path()).unwrap();
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(input)).spawn().unwrap();
        let told = told();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(told, format!("{name}: in use by pid {} (sleep)", child.id()));
    }

    #[test]
    fn a_control_that_cannot_be_set_now_is_no_matter_of_groups_and_of_other_programs() {
        for (errno, told) in [
            (
                Errno::EACCES,
                "/dev/video0: the driver refuses that for now: another control sets it, an automatic one",
            ),
            (Errno::EBUSY, "/dev/video0: the driver refuses that for now: not while the camera streams"),
            (Errno::EPERM, "/dev/video0: VIDIOC_S_EXT_CTRLS failed: Operation not permitted"),
        ] {
            let error = Error::from_errno(Path::new("/dev/video0"), "VIDIOC_S_EXT_CTRLS", errno);
            assert_eq!(error.to_string(), told);
        }
        let error = Error::from_errno(Path::new("/dev/video0"), "VIDIOC_DQBUF", Errno::EBUSY);
        assert_eq!(error.to_string(), "/dev/video0: VIDIOC_DQBUF failed: Device or resource busy");
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

//! A V4L2 node: opening it and asking what it is.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use v4l2_sys_mit::{
    V4L2_BUF_CAP_SUPPORTS_DMABUF, V4L2_CAP_DEVICE_CAPS, V4L2_CAP_META_CAPTURE, V4L2_CAP_META_OUTPUT,
    V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE_MPLANE, V4L2_CAP_VIDEO_M2M,
    V4L2_CAP_VIDEO_M2M_MPLANE, V4L2_CAP_VIDEO_OUTPUT, V4L2_CAP_VIDEO_OUTPUT_MPLANE,
    V4L2_CTRL_FLAG_HAS_PAYLOAD, V4L2_CTRL_FLAG_INACTIVE, V4L2_CTRL_FLAG_READ_ONLY, V4L2_CTRL_TYPE_BITMASK,
    V4L2_CTRL_TYPE_BOOLEAN, V4L2_CTRL_TYPE_BUTTON, V4L2_CTRL_TYPE_CTRL_CLASS, V4L2_CTRL_TYPE_INTEGER,
    V4L2_CTRL_TYPE_INTEGER_MENU, V4L2_CTRL_TYPE_MENU, V4L2_IN_ST_NO_POWER, V4L2_IN_ST_NO_SIGNAL,
};

use super::error::Error;
use super::format::{FourCc, Intervals, Memory, Offer, Queue, Queues, Sizes};
use super::sys;

/// Entries read of one of a driver's lists; a list without end is a driver's fault.
const LIST: u32 = 256;

/// An open V4L2 node, in non-blocking mode.
#[derive(Debug)]
pub struct Device {
    fd: OwnedFd,
    path: PathBuf,
}

/// Who a node is and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The driver's name: `uvcvideo`.
    pub driver: String,
    /// The device's name for people.
    pub card: String,
    /// Where it is attached: `usb-0000:01:00.0-1.2`.
    pub bus: String,
    flags: u32,
}

/// What a driver says of a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// The least value.
    pub least: i64,
    /// The greatest value.
    pub greatest: i64,
    /// From one value to the next, from the least on.
    pub step: i64,
    /// The value it has unless set.
    pub default: i64,
}

/// A control as it is found in a driver's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its number.
    pub id: u32,
    /// The driver's name for it: `White Balance, Automatic`.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// What it can be.
    pub control: Control,
    /// Whether it cannot be set.
    pub read_only: bool,
    /// Whether another control keeps it from having an effect.
    pub inactive: bool,
}

/// What a control takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, or bits.
    Integer,
    /// 0 or 1.
    Boolean,
    /// An entry of a menu, by its number.
    Menu,
    /// Any number presses it.
    Button,
    /// Text, a structure, a number of 64 bits, or more numbers than one.
    Other,
    /// It is the title of others.
    Title,
}

impl Kind {
    fn new(described: &sys::Described) -> Self {
        match described.kind {
            V4L2_CTRL_TYPE_CTRL_CLASS => Self::Title,
            // An array of what is one number elsewhere.
            _ if described.flags & V4L2_CTRL_FLAG_HAS_PAYLOAD != 0 => Self::Other,
            V4L2_CTRL_TYPE_INTEGER | V4L2_CTRL_TYPE_BITMASK => Self::Integer,
            V4L2_CTRL_TYPE_BOOLEAN => Self::Boolean,
            V4L2_CTRL_TYPE_MENU | V4L2_CTRL_TYPE_INTEGER_MENU => Self::Menu,
            V4L2_CTRL_TYPE_BUTTON => Self::Button,
            _ => Self::Other,
        }
    }
}

impl Control {
    fn new(described: &sys::Described) -> Self {
        let sys::Described { least, greatest, step, default, .. } = *described;
        Self { least, greatest, step, default }
    }

    /// The value next to, or below, the one asked for.
    pub fn nearest(&self, asked: i64) -> i64 {
        let inside = asked.min(self.greatest).max(self.least);
        inside - (inside - self.least) % self.step.max(1)
    }
}

impl Device {
    /// Opens a node.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Denied`], [`Error::Busy`], [`Error::Gone`], or of a folder [`Error::NoVideo`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let fd = sys::uninterrupted(|| open(path, flags, Mode::empty()))
            .map_err(|errno| Error::from_errno(path, "open", errno))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks who it is and what it can do.
    ///
    /// # Errors
    ///
    /// The driver's; [`Error::NoVideo`] where this is no V4L2 node.
    pub fn capability(&self) -> Result<Capability, Error> {
        let answer = sys::capability(self.as_fd()).map_err(|errno| self.error("VIDIOC_QUERYCAP", errno))?;
        // `capabilities` is of the whole device: a camera's metadata node claims pictures there.
        let whole = answer.capabilities & V4L2_CAP_DEVICE_CAPS == 0;
        Ok(Capability {
            driver: sys::text(&answer.driver),
            card: sys::text(&answer.card),
            bus: sys::text(&answer.bus_info),
            flags: if whole { answer.capabilities } else { answer.device_caps },
        })
    }

    /// The pixel formats it offers.
    pub fn offers(&self, queue: Queue) -> Vec<Offer> {
        (0..LIST).map_while(|index| sys::offer(self.as_fd(), queue, index).ok()).collect()
    }

    /// Whether anything comes in: what feeds it is powered and connected. A driver that does not say has.
    pub fn has_signal(&self) -> bool {
        let status = sys::input_status(self.as_fd()).unwrap_or_default();
        status & (V4L2_IN_ST_NO_POWER | V4L2_IN_ST_NO_SIGNAL) == 0
    }

    /// The picture sizes it offers in `format`; empty where the driver does not say.
    pub fn sizes(&self, format: FourCc) -> Vec<Sizes> {
        (0..LIST).map_while(|index| sys::sizes(self.as_fd(), format, index).ok()).flatten().collect()
    }

    /// The times between pictures it offers in `format` at this width and height; empty where the
    /// driver does not say.
    pub fn intervals(&self, format: FourCc, size: (u32, u32)) -> Vec<Intervals> {
        (0..LIST)
            .map_while(|index| sys::intervals(self.as_fd(), format, size, index).ok())
            .flatten()
            .collect()
    }

    /// Whether it has the control `id` and the control can be used.
    pub fn has_control(&self, id: u32) -> bool {
        sys::control(self.as_fd(), id).is_some()
    }

    /// What the control `id` can be; none without it.
    pub fn control(&self, id: u32) -> Option<Control> {
        sys::control(self.as_fd(), id).as_ref().map(Control::new)
    }

    /// The controls it has, in the order of their numbers; those that cannot be used are left out.
    pub fn controls(&self) -> Vec<Described> {
        let mut controls = Vec::new();
        let mut id = 0;
        for _ in 0..LIST {
            // A driver that goes back would go round for ever.
            let Some(next) = sys::control_after(self.as_fd(), id).filter(|next| next.id > id) else { break };
            id = next.id;
            if next.is_enabled() {
                controls.push(Described {
                    id,
                    kind: Kind::new(&next),
                    control: Control::new(&next),
                    read_only: next.flags & V4L2_CTRL_FLAG_READ_ONLY != 0,
                    inactive: next.flags & V4L2_CTRL_FLAG_INACTIVE != 0,
                    name: next.name,
                });
            }
        }
        controls
    }

    /// The value of a control that is one number; none where it cannot be read.
    pub fn value(&self, id: u32) -> Option<i32> {
        sys::value(self.as_fd(), id)
    }

    /// The entries of the menu `id` by number and name; those that the driver leaves out are left out.
    pub fn menu(&self, id: u32) -> Vec<(u32, String)> {
        let Some(control) = sys::control(self.as_fd(), id) else { return Vec::new() };
        let numbers = control.kind == V4L2_CTRL_TYPE_INTEGER_MENU;
        let entry = |index| {
            if numbers {
                sys::menu_number(self.as_fd(), id, index).map(|number| number.to_string())
            } else {
                sys::menu_entry(self.as_fd(), id, index)
            }
        };
        let (Ok(first), Ok(last)) = (u32::try_from(control.least), u32::try_from(control.greatest)) else {
            return Vec::new();
        };
        (first..=last.min(first.saturating_add(LIST)))
            .filter_map(|index| Some((index, entry(index)?)))
            .collect()
    }

    /// Whether a queue takes pictures in other drivers' memory (DMABUF). The node has no buffers now.
    pub fn imports(&self, queue: Queue) -> bool {
        // The kernel says so or, where it is too old to say, refuses.
        match sys::request_buffers(self.as_fd(), queue, Memory::DmaBuf, 0) {
            Ok(requested) => {
                requested.capabilities == 0 || requested.capabilities & V4L2_BUF_CAP_SUPPORTS_DMABUF != 0
            }
            Err(_) => false,
        }
    }

    /// Looks whether nobody else streams from it: asks for no buffers, which the kernel refuses while another has some. Who has
    /// them is not disturbed, and this process must have none.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`].
    pub fn free(&self, queue: Queue) -> Result<(), Error> {
        match sys::request_buffers(self.as_fd(), queue, Memory::Mmap, 0) {
            Err(Errno::EBUSY) => Err(self.error("VIDIOC_REQBUFS", Errno::EBUSY)),
            // Whatever else it says tells nothing of that.
            _ => Ok(()),
        }
    }

    /// Sets a control; for a button any value presses it.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn set_control(&self, id: u32, value: i32) -> Result<(), Error> {
        sys::set_control(self.as_fd(), id, value).map_err(|errno| self.error("VIDIOC_S_EXT_CTRLS", errno))
    }

    /// What the driver's answer to `call` means for this node.
    pub(super) fn error(&self, call: &'static str, errno: Errno) -> Error {
        Error::from_errno(&self.path, call, errno)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Capability {
    /// The driver whose pictures come from another program.
    pub const LOOPBACK: &str = "v4l2 loopback";

    #[cfg(test)]
    pub(crate) fn named(driver: &str, card: &str, bus: &str) -> Self {
        Self { driver: driver.to_owned(), card: card.to_owned(), bus: bus.to_owned(), flags: 0 }
    }

    /// Whether another program feeds it: v4l2loopback. It is no camera before, if loaded with `exclusive_caps=1`.
    pub fn is_loopback(&self) -> bool {
        self.driver == Self::LOOPBACK
    }

    /// Both queues, if the node is memory to memory: an encoder, a decoder, a converter.
    pub fn memory_to_memory(&self) -> Option<Queues> {
        if self.flags & V4L2_CAP_STREAMING == 0 {
            return None;
        }
        if self.flags & V4L2_CAP_VIDEO_M2M_MPLANE != 0 {
            return Some(Queues { output: Queue::OutputMplane, capture: Queue::CaptureMplane });
        }
        let single = Queues { output: Queue::Output, capture: Queue::Capture };
        (self.flags & V4L2_CAP_VIDEO_M2M != 0).then_some(single)
    }

    /// The queue to capture pictures from, if the node is a camera: neither an encoder or other
    /// memory-to-memory device, nor an output, nor a camera's metadata.
    pub fn camera(&self) -> Option<Queue> {
        let mut other = V4L2_CAP_VIDEO_M2M
            | V4L2_CAP_VIDEO_M2M_MPLANE
            | V4L2_CAP_VIDEO_OUTPUT
            | V4L2_CAP_VIDEO_OUTPUT_MPLANE
            | V4L2_CAP_META_CAPTURE
            | V4L2_CAP_META_OUTPUT;
        // One node is both of its ends, unless the module is loaded with `exclusive_caps=1`.
        if self.is_loopback() {
            other &= !V4L2_CAP_VIDEO_OUTPUT;
        }
        if self.flags & other != 0 || self.flags & V4L2_CAP_STREAMING == 0 {
            return None;
        }
        if self.flags & V4L2_CAP_VIDEO_CAPTURE != 0 {
            return Some(Queue::Capture);
        }
        (self.flags & V4L2_CAP_VIDEO_CAPTURE_MPLANE != 0).then_some(Queue::CaptureMplane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capability(flags: u32) -> Capability {
        Capability { driver: String::new(), card: String::new(), bus: String::new(), flags }
    }

    #[test]
    fn only_nodes_that_capture_pictures_are_cameras() {
        let streaming = V4L2_CAP_STREAMING;
        assert_eq!(capability(streaming | V4L2_CAP_VIDEO_CAPTURE).camera(), Some(Queue::Capture));
        let planes = capability(streaming | V4L2_CAP_VIDEO_CAPTURE_MPLANE);
        assert_eq!(planes.camera(), Some(Queue::CaptureMplane));
        for other in [V4L2_CAP_META_CAPTURE, V4L2_CAP_VIDEO_M2M_MPLANE, V4L2_CAP_VIDEO_OUTPUT] {
            assert_eq!(capability(streaming | other).camera(), None);
            assert_eq!(capability(streaming | other | V4L2_CAP_VIDEO_CAPTURE).camera(), None);
        }
        let both = capability(streaming | V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_OUTPUT);
        let loopback = Capability { driver: Capability::LOOPBACK.to_owned(), ..both };
        assert_eq!(loopback.camera(), Some(Queue::Capture));
        let unfed = capability(streaming | V4L2_CAP_VIDEO_OUTPUT);
        assert_eq!(Capability { driver: Capability::LOOPBACK.to_owned(), ..unfed }.camera(), None);
    }
}

//! Video4Linux2 as Lenslet uses it: nodes, formats, capture, and one place to wait.
//!
//! The `v4l` crate lists nodes; everything that talks to a driver is here, since that crate panics on
//! values that drivers choose (control types, colour spaces). Nothing here believes a driver: counts are
//! bounded, lengths are cut at the mapping, unknown values are passed on or left out.
//!
//! ```text
//! Device::open -> capability, formats, sizes, intervals
//!        |
//! Capture::start: S_FMT, S_PARM, REQBUFS, mmap, QBUF, STREAMON
//!        |   ^
//! dequeue|   |requeue      Alarm::wait: poll(2) on the device and on a waker
//!        v   |
//!       Filled { memory, MediaTime, flags }
//! ```
//!
//! A V4L2 descriptor is in `POLLERR` whenever nothing streams, so it never goes on an asynchronous
//! reactor: each device has a thread, and the thread waits in [`Alarm::wait`].

mod capture;
mod device;
mod error;
mod format;
mod poll;
mod sys;

pub use capture::{Capture, Filled, Prepared, Wish};
pub use device::{Capability, Device};
pub use error::Error;
pub use format::{
    Colour, Format, FourCc, Interval, Intervals, MAX_PLANES, Memory, Offer, Plane, Queue, Sizes,
};
pub use poll::{Alarm, Ready};

/// The control that makes an encoder's next picture a keyframe:
/// [`V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME`](https://docs.kernel.org/userspace-api/media/v4l/ext-ctrls-codec.html).
pub const FORCE_KEY_FRAME: u32 = v4l2_sys_mit::V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME;

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
//! An encoder has two queues:
//!
//! ```text
//!  planes_mut, give | give_shared        take_coded, bytes, requeue
//!                 OUTPUT -> [ Encoder ] -> CAPTURE
//!            take_back
//! ```
//!
//! A V4L2 descriptor is in `POLLERR` whenever nothing streams, so it never goes on an asynchronous
//! reactor: each device has a thread, and the thread waits in [`Alarm::wait`].

mod capture;
mod device;
mod dv;
mod encoder;
mod error;
mod format;
mod holder;
mod poll;
mod sys;

pub use capture::{Capture, Filled, Prepared, Stopper, Wish};
pub use device::{Capability, Control, Described, Device, Kind};
#[cfg(test)]
pub(crate) use dv::tests::timings;
pub use dv::{Incoming, Timings};
pub use encoder::{Coded, Encoder, EncoderWish, PreparedEncoder, SharedPlane};
pub use error::Error;
pub use format::{
    Colour, Format, FourCc, Interval, Intervals, Lines, MAX_PLANES, Memory, Offer, Plane, Queue, Queues,
    Sizes,
};
pub use holder::Holder;
pub use poll::{Alarm, Ready, Seen, Watch};

/// Controls of encoders, by their
/// [numbers](https://docs.kernel.org/userspace-api/media/v4l/ext-ctrls-codec.html).
pub mod controls {
    pub use v4l2_sys_mit::{
        V4L2_CID_MPEG_VIDEO_B_FRAMES as B_FRAMES, V4L2_CID_MPEG_VIDEO_BITRATE as BITRATE,
        V4L2_CID_MPEG_VIDEO_BITRATE_MODE as BITRATE_MODE,
        V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME as FORCE_KEY_FRAME, V4L2_CID_MPEG_VIDEO_GOP_SIZE as GOP_SIZE,
        V4L2_CID_MPEG_VIDEO_H264_I_PERIOD as H264_I_PERIOD, V4L2_CID_MPEG_VIDEO_H264_LEVEL as H264_LEVEL,
        V4L2_CID_MPEG_VIDEO_H264_PROFILE as H264_PROFILE, V4L2_CID_MPEG_VIDEO_HEADER_MODE as HEADER_MODE,
        V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR as PREPEND_SPSPPS_TO_IDR,
        V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER as REPEAT_SEQ_HEADER, V4L2_MPEG_VIDEO_BITRATE_MODE_VBR as VBR,
        V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME as JOINED_WITH_1ST_FRAME,
    };
}

/// The control that makes an encoder's next picture a keyframe:
/// [`V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME`](https://docs.kernel.org/userspace-api/media/v4l/ext-ctrls-codec.html).
pub const FORCE_KEY_FRAME: u32 = controls::FORCE_KEY_FRAME;

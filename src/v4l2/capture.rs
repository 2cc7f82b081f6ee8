//! Capturing: buffers go to the driver empty and come back filled.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use v4l2_sys_mit::{
    V4L2_BUF_FLAG_ERROR, V4L2_BUF_FLAG_KEYFRAME, V4L2_BUF_FLAG_TIMESTAMP_MASK,
    V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
};

use super::device::Device;
use super::error::Error;
use super::format::{Format, FourCc, Interval, Queue};
use super::sys::{self, Ask, Mapping};
use crate::media::MediaTime;

/// Buffers asked for: one being filled, one filled, one in our hands, one for a late thread.
const BUFFERS: u32 = 4;
/// Buffers believed at most; the kernel's `VIDEO_MAX_FRAME`.
const MOST: u32 = 32;

/// What is asked of the driver; the answer is [`Capture::format`] and [`Capture::interval`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The pixel format, which is insisted on.
    pub fourcc: FourCc,
    /// Width and height; the driver may choose others.
    pub size: Option<(u32, u32)>,
    /// The time between pictures; the driver may choose another or know none.
    pub interval: Option<Interval>,
}

/// A node that streams. Dropping it stops the stream and closes the node.
#[derive(Debug)]
pub struct Capture {
    device: Device,
    queue: Queue,
    format: Format,
    interval: Option<Interval>,
    mappings: Vec<Arc<Mapping>>,
}

/// A filled buffer. [`Capture::requeue`] gives it back; one that is dropped instead is lost to the
/// stream until the next start.
pub struct Filled {
    index: u32,
    mapping: Arc<Mapping>,
    start: usize,
    end: usize,
    flags: u32,
    /// The driver's count of pictures, those it had no buffer for included.
    pub sequence: u32,
    /// The driver's time of capture, where the driver stamps with `CLOCK_MONOTONIC`.
    pub time: Option<MediaTime>,
}

impl Capture {
    /// Sets up `device` as wished and starts the stream.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if somebody else streams, [`Error::Unfit`] if the driver settled on another pixel
    /// format or on buffers that cannot be used, else the driver's.
    pub fn start(device: Device, queue: Queue, wish: &Wish) -> Result<Self, Error> {
        let format = set_format(&device, queue, wish)?;
        let interval = match wish.interval {
            Some(interval) => sys::set_interval(device.as_fd(), queue, interval)
                .map_err(|errno| device.error("VIDIOC_S_PARM", errno))?,
            None => None,
        };
        let count = sys::request_buffers(device.as_fd(), queue, BUFFERS)
            .map_err(|errno| device.error("VIDIOC_REQBUFS", errno))?;
        // From here on dropping it frees the buffers.
        let mut capture = Self { device, queue, format, interval, mappings: Vec::new() };
        for index in 0..count.min(MOST) {
            let buffer = capture.buffer(Ask::Query, "VIDIOC_QUERYBUF", index)?;
            let mapping = Mapping::new(capture.as_fd(), &buffer)
                .map_err(|errno| capture.device.error("mmap", errno))?;
            capture.mappings.push(Arc::new(mapping));
        }
        if capture.mappings.is_empty() {
            return Err(capture.unfit("the driver has no buffers"));
        }
        for index in 0..capture.mappings.len() as u32 {
            capture.buffer(Ask::Queue, "VIDIOC_QBUF", index)?;
        }
        sys::stream_on(capture.as_fd(), queue)
            .map_err(|errno| capture.device.error("VIDIOC_STREAMON", errno))?;
        Ok(capture)
    }

    /// The format the driver settled on.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// The time between pictures the driver settled on, where it knows one.
    pub fn interval(&self) -> Option<Interval> {
        self.interval
    }

    /// The node.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The next filled buffer, or none yet.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] once the device is unplugged, else the driver's.
    pub fn dequeue(&mut self) -> Result<Option<Filled>, Error> {
        let buffer = match sys::buffer(self.as_fd(), Ask::Dequeue, self.queue, 0) {
            Ok(buffer) => buffer,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(self.device.error("VIDIOC_DQBUF", errno)),
        };
        let Some(mapping) = self.mappings.get(buffer.index as usize) else {
            return Err(self.unfit("the driver gave a buffer that does not exist"));
        };
        let length = mapping.bytes().len();
        let start = (buffer.offset as usize).min(length);
        Ok(Some(Filled {
            index: buffer.index,
            mapping: mapping.clone(),
            start,
            end: start.saturating_add(buffer.used as usize).min(length),
            flags: buffer.flags,
            sequence: buffer.sequence,
            time: stamp(&buffer),
        }))
    }

    /// Gives a buffer back to be filled again. One of another capture is dropped.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn requeue(&mut self, filled: Filled) -> Result<(), Error> {
        let own = self.mappings.get(filled.index as usize);
        if !own.is_some_and(|own| Arc::ptr_eq(own, &filled.mapping)) {
            return Ok(());
        }
        self.buffer(Ask::Queue, "VIDIOC_QBUF", filled.index).map(drop)
    }

    fn buffer(&self, ask: Ask, call: &'static str, index: u32) -> Result<sys::Buffer, Error> {
        sys::buffer(self.as_fd(), ask, self.queue, index).map_err(|errno| self.device.error(call, errno))
    }

    fn unfit(&self, what: &str) -> Error {
        Error::Unfit(self.device.path().to_owned(), what.to_owned())
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // An unplugged device refuses both, and there is nothing left to stop or free then.
        let _ = sys::stream_off(self.as_fd(), self.queue);
        self.mappings.clear();
        let _ = sys::request_buffers(self.as_fd(), self.queue, 0);
    }
}

impl Filled {
    /// The picture.
    pub fn bytes(&self) -> &[u8] {
        self.mapping.bytes().get(self.start..self.end).unwrap_or_default()
    }

    /// Whether the driver says that the picture is damaged.
    pub fn is_damaged(&self) -> bool {
        self.flags & V4L2_BUF_FLAG_ERROR != 0
    }

    /// Whether the driver says that the picture is a keyframe. Few cameras' drivers do.
    pub fn is_keyframe(&self) -> bool {
        self.flags & V4L2_BUF_FLAG_KEYFRAME != 0
    }
}

impl fmt::Debug for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filled")
            .field("index", &self.index)
            .field("bytes", &(self.end - self.start))
            .field("flags", &format_args!("{:#x}", self.flags))
            .field("sequence", &self.sequence)
            .field("time", &self.time)
            .finish()
    }
}

fn set_format(device: &Device, queue: Queue, wish: &Wish) -> Result<Format, Error> {
    let format = sys::set_format(device.as_fd(), queue, wish.fourcc, wish.size)
        .map_err(|errno| device.error("VIDIOC_S_FMT", errno))?;
    let unfit = |what| Err(Error::Unfit(device.path().to_owned(), what));
    if format.fourcc != wish.fourcc {
        return unfit(format!("asked for {}, the driver gives {}", wish.fourcc, format.fourcc));
    }
    if format.planes != 1 {
        return unfit(format!("{} comes in {} planes", format.fourcc, format.planes));
    }
    Ok(format)
}

fn stamp(buffer: &sys::Buffer) -> Option<MediaTime> {
    if buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC {
        return None;
    }
    let seconds = u64::try_from(buffer.seconds).ok()?;
    let micros = u64::try_from(buffer.micros).ok()?;
    let since = Duration::from_secs(seconds).checked_add(Duration::from_micros(micros))?;
    // A driver that forgot to stamp leaves zeros.
    (!since.is_zero()).then(|| MediaTime::from_duration(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(flags: u32, seconds: i64, micros: i64) -> sys::Buffer {
        let (index, used, offset, sequence, length, map_at) = (0, 0, 0, 0, 0, 0);
        sys::Buffer { index, used, offset, flags, sequence, seconds, micros, length, map_at }
    }

    #[test]
    fn a_stamp_of_another_clock_is_no_time() {
        let monotonic = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        let time = Some(MediaTime::from_nanos(2_000_003_000));
        assert_eq!(stamp(&buffer(monotonic, 2, 3)), time);
        assert_eq!(stamp(&buffer(0x4000, 2, 3)), None);
        assert_eq!(stamp(&buffer(monotonic, 0, 0)), None);
        assert_eq!(stamp(&buffer(monotonic, -1, i64::MIN)), None);
        assert!(stamp(&buffer(monotonic, i64::MAX, i64::MAX)).is_some());
    }
}

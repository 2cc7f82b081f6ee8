//! Capturing: buffers go to the driver empty and come back filled.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use nix::errno::Errno;
use v4l2_sys_mit::{
    V4L2_BUF_FLAG_ERROR, V4L2_BUF_FLAG_KEYFRAME, V4L2_BUF_FLAG_TIMESTAMP_MASK,
    V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
};

use super::device::Device;
use super::error::Error;
use super::format::{Format, FourCc, Interval, Lines, MAX_PLANES, Memory, Queue};
use super::sys::{self, Ask, Asked, Mapping};
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

/// A node that is set up and does not stream yet.
#[derive(Debug)]
pub struct Prepared {
    device: Device,
    queue: Queue,
    format: Format,
    interval: Option<Interval>,
}

/// A node that streams. Dropping it stops the stream and closes the node.
#[derive(Debug)]
pub struct Capture {
    device: Device,
    queue: Queue,
    format: Format,
    interval: Option<Interval>,
    buffers: Vec<Arc<Planes>>,
}

/// Stops a capture whose thread cannot.
#[derive(Debug)]
pub struct Stopper {
    /// Another descriptor of the same open node.
    node: OwnedFd,
    queue: Queue,
}

impl Stopper {
    /// Stops the stream and frees the node for whoever opens it next. What the capture still does is refused.
    pub fn stop(&self) {
        // What refuses is gone, and free.
        let _ = sys::stream_off(self.node.as_fd(), self.queue);
        let _ = sys::request_buffers(self.node.as_fd(), self.queue, Memory::Mmap, 0);
    }
}

/// A buffer's planes in memory.
type Planes = ArrayVec<Mapping, MAX_PLANES>;

/// A filled buffer. [`Capture::requeue`] gives it back; one that is dropped instead is lost to the
/// stream until the next start.
pub struct Filled {
    index: u32,
    memory: Arc<Planes>,
    /// Where in each plane the picture is.
    filled: ArrayVec<std::ops::Range<usize>, MAX_PLANES>,
    flags: u32,
    /// The driver's count of pictures, those it had no buffer for included.
    pub sequence: u32,
    /// The driver's time of capture, where the driver stamps with `CLOCK_MONOTONIC`.
    pub time: Option<MediaTime>,
}

impl Prepared {
    /// Sets up `device` as wished.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if somebody else streams, [`Error::Unfit`] if the driver settled on another pixel
    /// format, else the driver's.
    pub fn new(device: Device, queue: Queue, wish: &Wish) -> Result<Self, Error> {
        let asked =
            Asked { fourcc: wish.fourcc, size: wish.size, lines: Lines::new(), sizeimage: 0, colour: None };
        let format = set_format(&device, queue, &asked)?;
        let interval = match wish.interval {
            Some(interval) => sys::set_interval(device.as_fd(), queue, interval)
                .map_err(|errno| device.error("VIDIOC_S_PARM", errno))?,
            None => None,
        };
        Ok(Self { device, queue, format, interval })
    }

    /// Asks for lines of so many bytes; the answer is [`Prepared::format`].
    ///
    /// # Errors
    ///
    /// As [`Prepared::new`].
    pub fn set_lines(&mut self, lines: Lines) -> Result<(), Error> {
        let asked = Asked {
            fourcc: self.format.fourcc,
            size: Some((self.format.width, self.format.height)),
            lines,
            sizeimage: 0,
            colour: None,
        };
        self.format = set_format(&self.device, self.queue, &asked)?;
        Ok(())
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

    /// Starts the stream with about so many buffers.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if somebody else streams, [`Error::Unfit`] if its buffers cannot be used, else the
    /// driver's.
    pub fn start(self, buffers: u32) -> Result<Capture, Error> {
        let Self { device, queue, format, interval } = self;
        let requested = sys::request_buffers(device.as_fd(), queue, Memory::Mmap, buffers)
            .map_err(|errno| device.error("VIDIOC_REQBUFS", errno))?;
        // From here on dropping it frees the buffers.
        let mut capture = Capture { device, queue, format, interval, buffers: Vec::new() };
        for index in 0..requested.count.min(MOST) {
            let planes = capture.map(index)?;
            capture.buffers.push(Arc::new(planes));
        }
        if capture.buffers.is_empty() {
            return Err(capture.unfit("the driver has no buffers"));
        }
        for index in 0..capture.buffers.len() as u32 {
            capture.buffer(Ask::Queue, "VIDIOC_QBUF", index)?;
        }
        sys::stream_on(capture.as_fd(), queue)
            .map_err(|errno| capture.device.error("VIDIOC_STREAMON", errno))?;
        Ok(capture)
    }
}

impl Capture {
    /// Sets up `device` as wished and starts the stream.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::new`] and [`Prepared::start`].
    pub fn start(device: Device, queue: Queue, wish: &Wish) -> Result<Self, Error> {
        Prepared::new(device, queue, wish)?.start(BUFFERS)
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
        let buffer = match sys::buffer(self.as_fd(), Ask::Dequeue, self.queue, Memory::Mmap, 0) {
            Ok(buffer) => buffer,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(self.device.error("VIDIOC_DQBUF", errno)),
        };
        let Some(memory) = self.buffers.get(buffer.index as usize) else {
            return Err(self.unfit("the driver gave a buffer that does not exist"));
        };
        Ok(Some(Filled {
            index: buffer.index,
            memory: memory.clone(),
            filled: filled(&buffer, memory),
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
        let own = self.buffers.get(filled.index as usize);
        if !own.is_some_and(|own| Arc::ptr_eq(own, &filled.memory)) {
            return Ok(());
        }
        self.buffer(Ask::Queue, "VIDIOC_QBUF", filled.index).map(drop)
    }

    /// What stops it from another thread.
    ///
    /// # Errors
    ///
    /// There is no descriptor left.
    pub fn stopper(&self) -> Result<Stopper, Error> {
        let node = self.as_fd().try_clone_to_owned();
        let code = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or_default());
        let node = node.map_err(|error| self.device.error("dup", code(error)))?;
        Ok(Stopper { node, queue: self.queue })
    }

    /// How many buffers there are.
    pub fn buffers(&self) -> u32 {
        self.buffers.len() as u32
    }

    /// Descriptors by which another device reads this buffer's planes, one each.
    ///
    /// # Errors
    ///
    /// The driver's: not every driver can.
    pub fn export(&self, index: u32) -> Result<ArrayVec<OwnedFd, MAX_PLANES>, Error> {
        let planes = self.buffers.get(index as usize).map_or(0, |planes| planes.len() as u32);
        (0..planes)
            .map(|plane| {
                sys::export(self.as_fd(), self.queue, index, plane)
                    .map_err(|errno| self.device.error("VIDIOC_EXPBUF", errno))
            })
            .collect()
    }

    fn map(&self, index: u32) -> Result<Planes, Error> {
        let buffer = self.buffer(Ask::Query, "VIDIOC_QUERYBUF", index)?;
        let map = |plane| Mapping::new(self.as_fd(), plane, false);
        let planes: nix::Result<Planes> = buffer.planes.iter().map(map).collect();
        planes.map_err(|errno| self.device.error("mmap", errno))
    }

    fn buffer(&self, ask: Ask<'_>, call: &'static str, index: u32) -> Result<sys::Buffer, Error> {
        sys::buffer(self.as_fd(), ask, self.queue, Memory::Mmap, index)
            .map_err(|errno| self.device.error(call, errno))
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
        self.buffers.clear();
        let _ = sys::request_buffers(self.as_fd(), self.queue, Memory::Mmap, 0);
    }
}

impl Filled {
    /// A buffer that no driver has, filled with that, for tests.
    #[cfg(test)]
    pub(crate) fn of(sequence: u32, bytes: &[u8]) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let length = bytes.len() as u32;
        let plane = sys::BufferPlane { used: length, offset: 0, length, map_at: 0 };
        let memory =
            Arc::new(std::iter::once(Mapping::new(file.as_file().as_fd(), &plane, false).unwrap()).collect());
        let filled = std::iter::once(0..bytes.len()).collect();
        Self { index: 0, memory, filled, flags: 0, sequence, time: None }
    }

    /// The picture, or of one in several planes the first.
    pub fn bytes(&self) -> &[u8] {
        self.plane(0)
    }

    /// What is filled of a plane; empty if there is none.
    pub fn plane(&self, plane: usize) -> &[u8] {
        let (memory, filled) = (self.memory.get(plane), self.filled.get(plane).cloned());
        memory.zip(filled).and_then(|(memory, filled)| memory.bytes().get(filled)).unwrap_or_default()
    }

    /// How many planes there are.
    pub fn planes(&self) -> usize {
        self.memory.len()
    }

    /// Which of the capture's buffers it is: from 0 to [`Capture::buffers`].
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Where in a plane's memory the picture begins and ends, and how much memory there is, in bytes.
    pub fn extent(&self, plane: usize) -> Option<(std::ops::Range<usize>, usize)> {
        Some((self.filled.get(plane)?.clone(), self.memory.get(plane)?.bytes().len()))
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
            .field("filled", &self.filled)
            .field("flags", &format_args!("{:#x}", self.flags))
            .field("sequence", &self.sequence)
            .field("time", &self.time)
            .finish()
    }
}

fn set_format(device: &Device, queue: Queue, asked: &Asked) -> Result<Format, Error> {
    let format =
        sys::set_format(device.as_fd(), queue, asked).map_err(|errno| device.error("VIDIOC_S_FMT", errno))?;
    match unfit(asked.fourcc, &format) {
        Some(what) => Err(Error::Unfit(device.path().to_owned(), what)),
        None => Ok(format),
    }
}

/// Why what the driver settled on is not what was insisted on.
fn unfit(asked: FourCc, format: &Format) -> Option<String> {
    let given = format.fourcc;
    if given != asked {
        return Some(format!("asked for {asked}, the driver gives {given}"));
    }
    format.planes.is_empty().then(|| format!("the driver gives {given} in no plane at all"))
}

/// Where in each plane the picture is: what the driver says, cut at the memory there is.
fn filled(buffer: &sys::Buffer, memory: &Planes) -> ArrayVec<std::ops::Range<usize>, MAX_PLANES> {
    let range = |(plane, memory): (&sys::BufferPlane, &Mapping)| {
        let length = memory.bytes().len();
        let start = (plane.offset as usize).min(length);
        start..start.saturating_add(plane.used as usize).min(length)
    };
    buffer.planes.iter().zip(memory).map(range).collect()
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
    use crate::v4l2::{Colour, Plane};

    fn buffer(flags: u32, seconds: i64, micros: i64) -> sys::Buffer {
        sys::Buffer { index: 0, flags, sequence: 0, seconds, micros, planes: ArrayVec::new() }
    }

    #[test]
    fn a_driver_that_settles_on_another_format_is_unfit_and_on_another_size_is_not() {
        let settled = |fourcc, planes: usize| {
            let planes = (0..planes).map(|_| Plane { bytesperline: 640, sizeimage: 0 }).collect();
            Format { fourcc, width: 320, height: 240, field: 1, planes, colour: Colour::default() }
        };
        for (given, planes, why) in [
            (FourCc::MJPG, 1, Some("asked for MJPG, the driver gives H264")),
            (FourCc::H264, 0, Some("the driver gives H264 in no plane at all")),
            (FourCc::H264, 1, None),
        ] {
            // Of the first row the wish is another.
            assert_eq!(unfit(given, &settled(FourCc::H264, planes)).as_deref(), why);
        }
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

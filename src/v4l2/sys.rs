//! The kernel's calls. Unsafe code lives here, safe functions come out.
#![allow(unsafe_code, reason = "ioctl(2) and mmap(2) have no safe form")]

use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::{request_code_read, request_code_readwrite, request_code_write};
use v4l2_sys_mit::*;

use super::format::{Format, FourCc, Interval, Intervals, Offer, Queue, Sizes};

/// Planes a buffer has at most: the kernel's `VIDEO_MAX_PLANES`.
const MAX_PLANES: usize = 8;

/// What a buffer's ioctl asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// `VIDIOC_QUERYBUF`: where is it?
    Query,
    /// `VIDIOC_QBUF`: fill it.
    Queue,
    /// `VIDIOC_DQBUF`: give one that is filled.
    Dequeue,
}

/// What the driver says of a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffer {
    pub(super) index: u32,
    /// Bytes filled in the first plane, from its offset.
    pub(super) used: u32,
    /// Bytes of the first plane before the picture.
    pub(super) offset: u32,
    pub(super) flags: u32,
    pub(super) sequence: u32,
    pub(super) seconds: i64,
    pub(super) micros: i64,
    /// Bytes of the first plane.
    pub(super) length: u32,
    /// Where to map the first plane.
    pub(super) map_at: u32,
}

/// Repeats what a signal interrupted.
pub(super) fn uninterrupted<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// A structure of the kernel's interface.
///
/// # Safety
///
/// Every pattern of bits, all zeros too, is a value of it.
unsafe trait Plain: Sized {
    fn zeroed() -> Self {
        // SAFETY: who implements this trait promises that zeros are a value.
        unsafe { std::mem::zeroed() }
    }
}

macro_rules! plain {
    ($($name:ty),*) => {$(
        // SAFETY: integers, arrays of them and raw pointers alone.
        unsafe impl Plain for $name {}
    )*};
}

plain!(v4l2_capability, v4l2_fmtdesc, v4l2_frmsizeenum, v4l2_frmivalenum, v4l2_format);
plain!(v4l2_streamparm, v4l2_requestbuffers, v4l2_buffer, v4l2_buffer_time64, v4l2_plane);
plain!(v4l2_queryctrl, v4l2_control, v4l2_input, c_int);

type Request = nix::sys::ioctl::ioctl_num_type;

/// Calls the driver.
///
/// # Safety
///
/// `request` is a request whose argument is a `T`, and pointers in `argument` are good for what the
/// request does with them.
unsafe fn ioctl<T: Plain>(fd: BorrowedFd<'_>, request: Request, argument: &mut T) -> nix::Result<()> {
    uninterrupted(|| {
        let argument = std::ptr::from_mut(argument);
        // SAFETY: the descriptor is open while borrowed, the caller vouches for request and argument.
        Errno::result(unsafe { libc::ioctl(fd.as_raw_fd(), request as _, argument) })
    })
    .map(drop)
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident = $code:ident($number:literal, $argument:ty);)*) => {$(
        $(#[$doc])*
        fn $name(fd: BorrowedFd<'_>, argument: &mut $argument) -> nix::Result<()> {
            let request = $code!(b'V', $number, size_of::<$argument>());
            // SAFETY: number, direction and argument are those of `videodev2.h`; the argument has no
            // pointer that the kernel follows.
            unsafe { ioctl(fd, request, argument) }
        }
    )*};
}

calls! {
    vidioc_querycap = request_code_read(0, v4l2_capability);
    vidioc_enum_fmt = request_code_readwrite(2, v4l2_fmtdesc);
    vidioc_g_fmt = request_code_readwrite(4, v4l2_format);
    vidioc_s_fmt = request_code_readwrite(5, v4l2_format);
    vidioc_reqbufs = request_code_readwrite(8, v4l2_requestbuffers);
    vidioc_streamon = request_code_write(18, c_int);
    vidioc_streamoff = request_code_write(19, c_int);
    vidioc_g_parm = request_code_readwrite(21, v4l2_streamparm);
    vidioc_s_parm = request_code_readwrite(22, v4l2_streamparm);
    vidioc_enuminput = request_code_readwrite(26, v4l2_input);
    vidioc_s_ctrl = request_code_readwrite(28, v4l2_control);
    vidioc_queryctrl = request_code_readwrite(36, v4l2_queryctrl);
    vidioc_g_input = request_code_read(38, c_int);
    vidioc_enum_framesizes = request_code_readwrite(74, v4l2_frmsizeenum);
    vidioc_enum_frameintervals = request_code_readwrite(75, v4l2_frmivalenum);
}

impl Queue {
    fn buffer_type(self) -> u32 {
        match self {
            Self::Capture => V4L2_BUF_TYPE_VIDEO_CAPTURE,
            Self::CaptureMplane => V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
        }
    }
}

/// `VIDIOC_QUERYCAP`.
pub(super) fn capability(fd: BorrowedFd<'_>) -> nix::Result<v4l2_capability> {
    let mut capability = v4l2_capability::zeroed();
    vidioc_querycap(fd, &mut capability)?;
    Ok(capability)
}

/// `VIDIOC_ENUM_FMT`: the pixel format with this index.
pub(super) fn offer(fd: BorrowedFd<'_>, queue: Queue, index: u32) -> nix::Result<Offer> {
    let mut description = v4l2_fmtdesc::zeroed();
    description.index = index;
    description.type_ = queue.buffer_type();
    vidioc_enum_fmt(fd, &mut description)?;
    Ok(Offer {
        fourcc: description.pixelformat.into(),
        description: text(&description.description),
        compressed: description.flags & V4L2_FMT_FLAG_COMPRESSED != 0,
    })
}

/// `VIDIOC_ENUM_FRAMESIZES`: the sizes with this index; none where their kind is unknown.
pub(super) fn sizes(fd: BorrowedFd<'_>, format: FourCc, index: u32) -> nix::Result<Option<Sizes>> {
    let mut answer = v4l2_frmsizeenum::zeroed();
    answer.index = index;
    answer.pixel_format = format.into();
    vidioc_enum_framesizes(fd, &mut answer)?;
    // SAFETY: both members are integers alone, so any bits are a value of either.
    let one = unsafe { answer.__bindgen_anon_1.discrete };
    // SAFETY: as above.
    let range = unsafe { answer.__bindgen_anon_1.stepwise };
    Ok(match answer.type_ {
        V4L2_FRMSIZE_TYPE_DISCRETE => Some(Sizes::One(one.width, one.height)),
        V4L2_FRMSIZE_TYPE_CONTINUOUS | V4L2_FRMSIZE_TYPE_STEPWISE => Some(Sizes::Range {
            least: (range.min_width, range.min_height),
            greatest: (range.max_width, range.max_height),
            step: (range.step_width.max(1), range.step_height.max(1)),
        }),
        _ => None,
    })
}

/// `VIDIOC_ENUM_FRAMEINTERVALS`: the intervals with this index; none where their kind is unknown.
pub(super) fn intervals(
    fd: BorrowedFd<'_>,
    format: FourCc,
    (width, height): (u32, u32),
    index: u32,
) -> nix::Result<Option<Intervals>> {
    let mut answer = v4l2_frmivalenum::zeroed();
    answer.index = index;
    answer.pixel_format = format.into();
    answer.width = width;
    answer.height = height;
    vidioc_enum_frameintervals(fd, &mut answer)?;
    // SAFETY: both members are integers alone, so any bits are a value of either.
    let one = unsafe { answer.__bindgen_anon_1.discrete };
    // SAFETY: as above.
    let range = unsafe { answer.__bindgen_anon_1.stepwise };
    Ok(match answer.type_ {
        V4L2_FRMIVAL_TYPE_DISCRETE => Some(Intervals::One(one.into())),
        V4L2_FRMIVAL_TYPE_CONTINUOUS | V4L2_FRMIVAL_TYPE_STEPWISE => {
            Some(Intervals::Range { shortest: range.min.into(), longest: range.max.into() })
        }
        _ => None,
    })
}

impl From<v4l2_fract> for Interval {
    fn from(fraction: v4l2_fract) -> Self {
        Self { numerator: fraction.numerator, denominator: fraction.denominator }
    }
}

/// `VIDIOC_ENUMINPUT` of the current input: its status.
pub(super) fn input_status(fd: BorrowedFd<'_>) -> nix::Result<u32> {
    let mut index: c_int = 0;
    vidioc_g_input(fd, &mut index)?;
    let mut input = v4l2_input::zeroed();
    input.index = u32::try_from(index).map_err(|_| Errno::EINVAL)?;
    vidioc_enuminput(fd, &mut input)?;
    Ok(input.status)
}

/// `VIDIOC_S_FMT`, from the format that is set now; what was not asked for the driver chooses.
pub(super) fn set_format(
    fd: BorrowedFd<'_>,
    queue: Queue,
    fourcc: FourCc,
    size: Option<(u32, u32)>,
) -> nix::Result<Format> {
    let mut format = v4l2_format::zeroed();
    format.type_ = queue.buffer_type();
    // A driver without a format yet (v4l2loopback before its writer) refuses; zeros will do then.
    let _ = vidioc_g_fmt(fd, &mut format);
    // SAFETY: integers alone; the kernel lets width, height and pixelformat share their places in both.
    let mut pix = unsafe { format.fmt.pix };
    pix.pixelformat = fourcc.into();
    (pix.width, pix.height) = size.unwrap_or((pix.width, pix.height));
    if queue == Queue::Capture {
        (pix.bytesperline, pix.sizeimage) = (0, 0);
        format.fmt.pix = pix;
    } else {
        // SAFETY: integers alone.
        let mut planes = unsafe { format.fmt.pix_mp };
        (planes.width, planes.height) = (pix.width, pix.height);
        planes.pixelformat = pix.pixelformat;
        planes.num_planes = 0;
        format.fmt.pix_mp = planes;
    }
    vidioc_s_fmt(fd, &mut format)?;
    Ok(settled(&format, queue))
}

fn settled(format: &v4l2_format, queue: Queue) -> Format {
    // SAFETY: integers alone.
    let pix = unsafe { format.fmt.pix };
    // SAFETY: integers alone.
    let planes = unsafe { format.fmt.pix_mp };
    let (fourcc, width, height) = (pix.pixelformat.into(), pix.width, pix.height);
    match queue {
        Queue::Capture => {
            let (stride, size) = (pix.bytesperline, pix.sizeimage);
            Format { fourcc, width, height, stride, size, planes: 1 }
        }
        Queue::CaptureMplane => {
            let first = { planes.plane_fmt }[0];
            let (stride, size) = (first.bytesperline, first.sizeimage);
            Format { fourcc, width, height, stride, size, planes: planes.num_planes }
        }
    }
}

/// `VIDIOC_S_PARM`: asks for a time between pictures and gives what the driver made of it; none where it
/// cannot set any.
pub(super) fn set_interval(
    fd: BorrowedFd<'_>,
    queue: Queue,
    interval: Interval,
) -> nix::Result<Option<Interval>> {
    let mut parameters = v4l2_streamparm::zeroed();
    parameters.type_ = queue.buffer_type();
    match vidioc_g_parm(fd, &mut parameters) {
        Err(Errno::ENOTTY | Errno::EINVAL) => return Ok(None),
        result => result?,
    }
    // SAFETY: integers alone.
    let mut capture = unsafe { parameters.parm.capture };
    if capture.capability & V4L2_CAP_TIMEPERFRAME == 0 {
        return Ok(None);
    }
    capture.timeperframe = v4l2_fract { numerator: interval.numerator, denominator: interval.denominator };
    parameters.parm.capture = capture;
    vidioc_s_parm(fd, &mut parameters)?;
    // SAFETY: integers alone.
    Ok(Some(unsafe { parameters.parm.capture }.timeperframe.into()))
}

/// `VIDIOC_REQBUFS` for mapped buffers: gives how many there are. Zero frees them.
pub(super) fn request_buffers(fd: BorrowedFd<'_>, queue: Queue, count: u32) -> nix::Result<u32> {
    let mut request = v4l2_requestbuffers::zeroed();
    request.count = count;
    request.type_ = queue.buffer_type();
    request.memory = V4L2_MEMORY_MMAP;
    vidioc_reqbufs(fd, &mut request)?;
    Ok(request.count)
}

/// `VIDIOC_STREAMON`.
pub(super) fn stream_on(fd: BorrowedFd<'_>, queue: Queue) -> nix::Result<()> {
    vidioc_streamon(fd, &mut (queue.buffer_type() as c_int))
}

/// `VIDIOC_STREAMOFF`: takes every buffer back.
pub(super) fn stream_off(fd: BorrowedFd<'_>, queue: Queue) -> nix::Result<()> {
    vidioc_streamoff(fd, &mut (queue.buffer_type() as c_int))
}

/// Whether the node has this control and it can be used.
pub(super) fn has_control(fd: BorrowedFd<'_>, id: u32) -> bool {
    let mut query = v4l2_queryctrl::zeroed();
    query.id = id;
    vidioc_queryctrl(fd, &mut query).is_ok() && query.flags & V4L2_CTRL_FLAG_DISABLED == 0
}

/// `VIDIOC_S_CTRL`.
pub(super) fn set_control(fd: BorrowedFd<'_>, id: u32, value: i32) -> nix::Result<()> {
    vidioc_s_ctrl(fd, &mut v4l2_control { id, value })
}

/// `VIDIOC_QUERYBUF`, `VIDIOC_QBUF` or `VIDIOC_DQBUF` of a mapped buffer.
pub(super) fn buffer(fd: BorrowedFd<'_>, ask: Ask, queue: Queue, index: u32) -> nix::Result<Buffer> {
    match buffer_with::<timeval>(fd, ask, queue, index) {
        // A 32-bit kernel built without 32-bit time knows the other structure alone.
        Err(Errno::ENOTTY) if cfg!(target_pointer_width = "32") => {
            buffer_with::<timeval64>(fd, ask, queue, index)
        }
        result => result,
    }
}

/// A time in `struct v4l2_buffer`.
trait Stamp: Copy {
    fn seconds_micros(self) -> (i64, i64);
}

impl Stamp for timeval {
    #[allow(clippy::unnecessary_cast, reason = "time_t has 32 bits on 32-bit targets")]
    fn seconds_micros(self) -> (i64, i64) {
        (self.tv_sec as i64, self.tv_usec as i64)
    }
}

impl Stamp for timeval64 {
    fn seconds_micros(self) -> (i64, i64) {
        (self.tv_sec, self.tv_usec)
    }
}

fn buffer_with<T: Stamp>(fd: BorrowedFd<'_>, ask: Ask, queue: Queue, index: u32) -> nix::Result<Buffer>
where
    v4l2_buffer_of<T>: Plain,
{
    let mut planes: [v4l2_plane; MAX_PLANES] = std::array::from_fn(|_| v4l2_plane::zeroed());
    let mut buffer = v4l2_buffer_of::<T>::zeroed();
    buffer.index = index;
    buffer.type_ = queue.buffer_type();
    buffer.memory = V4L2_MEMORY_MMAP;
    if queue == Queue::CaptureMplane {
        buffer.m.planes = planes.as_mut_ptr();
        buffer.length = MAX_PLANES as u32;
    }
    let size = size_of::<v4l2_buffer_of<T>>();
    let request = match ask {
        Ask::Query => request_code_readwrite!(b'V', 9, size),
        Ask::Queue => request_code_readwrite!(b'V', 15, size),
        Ask::Dequeue => request_code_readwrite!(b'V', 17, size),
    };
    // SAFETY: the request takes this structure; its `planes`, where used, are `length` planes that
    // outlive the call, and mapped memory needs no pointer to it.
    unsafe { ioctl(fd, request, &mut buffer) }?;
    let (seconds, micros) = buffer.timestamp.seconds_micros();
    let (used, offset, length, map_at) = match queue {
        Queue::Capture => {
            // SAFETY: an integer.
            (buffer.bytesused, 0, buffer.length, unsafe { buffer.m.offset })
        }
        Queue::CaptureMplane => {
            let plane = planes[0];
            let used = plane.bytesused.saturating_sub(plane.data_offset);
            // SAFETY: an integer.
            (used, plane.data_offset, plane.length, unsafe { plane.m.mem_offset })
        }
    };
    let v4l2_buffer_of { index, flags, sequence, .. } = buffer;
    Ok(Buffer { index, used, offset, flags, sequence, seconds, micros, length, map_at })
}

/// A driver's buffer in this process's memory.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<libc::c_void>,
    length: NonZeroUsize,
}

// SAFETY: memory that no thread owns; `Mapping` only lends it out for reading.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a buffer that [`Ask::Query`] told of.
    pub(super) fn new(fd: BorrowedFd<'_>, buffer: &Buffer) -> nix::Result<Self> {
        let length = NonZeroUsize::new(buffer.length as usize).ok_or(Errno::EINVAL)?;
        #[allow(clippy::unnecessary_fallible_conversions, reason = "off_t has 32 bits with 32-bit glibc")]
        let offset = libc::off_t::try_from(buffer.map_at).map_err(|_| Errno::EOVERFLOW)?;
        let (protection, flags) = (ProtFlags::PROT_READ, MapFlags::MAP_SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice touches nobody's memory.
        let start = unsafe { mmap(None, length, protection, flags, fd, offset) }?;
        Ok(Self { start, length })
    }

    /// The memory. Only to be read while the driver does not fill it: between dequeue and requeue.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: `length` bytes at `start` are mapped readable until drop. The driver writes to them
        // only while they are queued, and `capture` lends them out only while they are not.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length.get()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping, whole, and no slice of it outlives `self`.
        let _ = unsafe { munmap(self.start, self.length.get()) };
    }
}

/// A driver's text: up to the first zero, whatever its bytes are.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}

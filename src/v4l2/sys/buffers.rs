//! Buffers, streams, an encoder's commands and events.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use arrayvec::ArrayVec;
use nix::errno::Errno;
use nix::libc::{self, c_int};
use v4l2_sys_mit::*;

use super::super::format::{MAX_PLANES, Memory, Queue};
use super::{Plain, Request, calls, ioctl};

/// What a buffer's ioctl asks for.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Ask<'a> {
    /// `VIDIOC_QUERYBUF`: where is it?
    Query,
    /// `VIDIOC_QBUF`: fill it.
    Queue,
    /// `VIDIOC_QBUF`: code it.
    Give(&'a Picture<'a>),
    /// `VIDIOC_DQBUF`: give one that is done.
    Dequeue,
}

/// A picture for an OUTPUT queue.
#[derive(Clone, Debug)]
pub(in super::super) struct Picture<'a> {
    /// Microseconds that come back with what is coded of it.
    pub(in super::super) micros: u64,
    pub(in super::super) planes: ArrayVec<PicturePlane<'a>, MAX_PLANES>,
}

impl Picture<'_> {
    /// Whether there is nothing in it, or in one of its planes.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.planes.is_empty() || self.planes.iter().any(|plane| plane.used <= plane.offset)
    }
}

/// A plane of a picture.
#[derive(Clone, Debug)]
pub(in super::super) struct PicturePlane<'a> {
    /// Bytes of it, those before it included.
    pub(in super::super) used: u32,
    /// Bytes before it.
    pub(in super::super) offset: u32,
    /// Whose memory, with [`Memory::DmaBuf`], and how much of it there is.
    pub(in super::super) shared: Option<(BorrowedFd<'a>, u32)>,
}

/// What the driver says of a buffer.
#[derive(Clone, Debug)]
pub(in super::super) struct Buffer {
    pub(in super::super) index: u32,
    pub(in super::super) flags: u32,
    pub(in super::super) sequence: u32,
    pub(in super::super) seconds: i64,
    pub(in super::super) micros: i64,
    pub(in super::super) planes: ArrayVec<BufferPlane, MAX_PLANES>,
}

/// What the driver says of a buffer's plane.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct BufferPlane {
    /// Bytes filled, from the offset.
    pub(in super::super) used: u32,
    /// Bytes before what is filled.
    pub(in super::super) offset: u32,
    /// Bytes of all.
    pub(in super::super) length: u32,
    /// Where to map it.
    pub(in super::super) map_at: u32,
}

/// What a driver made of a request for buffers.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Requested {
    pub(in super::super) count: u32,
    /// The kernel's `V4L2_BUF_CAP_*`; zero before 4.20.
    pub(in super::super) capabilities: u32,
}

calls! {
    vidioc_reqbufs = request_code_readwrite(8, v4l2_requestbuffers);
    vidioc_expbuf = request_code_readwrite(16, v4l2_exportbuffer);
    vidioc_streamon = request_code_write(18, c_int);
    vidioc_streamoff = request_code_write(19, c_int);
    vidioc_encoder_cmd = request_code_readwrite(77, v4l2_encoder_cmd);
    vidioc_subscribe_event = request_code_write(90, v4l2_event_subscription);
}

impl Memory {
    fn number(self) -> u32 {
        match self {
            Self::Mmap => V4L2_MEMORY_MMAP,
            Self::DmaBuf => V4L2_MEMORY_DMABUF,
        }
    }
}

/// `VIDIOC_REQBUFS`: gives how many there are. Zero frees them.
pub(in super::super) fn request_buffers(
    fd: BorrowedFd<'_>,
    queue: Queue,
    memory: Memory,
    count: u32,
) -> nix::Result<Requested> {
    let mut request = v4l2_requestbuffers::zeroed();
    request.count = count;
    request.type_ = queue.buffer_type();
    request.memory = memory.number();
    vidioc_reqbufs(fd, &mut request)?;
    Ok(Requested { count: request.count, capabilities: request.capabilities })
}

/// `VIDIOC_EXPBUF`: a descriptor by which another device reads a plane of a mapped buffer.
pub(in super::super) fn export(
    fd: BorrowedFd<'_>,
    queue: Queue,
    index: u32,
    plane: u32,
) -> nix::Result<OwnedFd> {
    let mut request = v4l2_exportbuffer::zeroed();
    (request.type_, request.index, request.plane) = (queue.buffer_type(), index, plane);
    request.flags = (libc::O_CLOEXEC | libc::O_RDONLY) as u32;
    vidioc_expbuf(fd, &mut request)?;
    if request.fd < 0 {
        return Err(Errno::EBADF);
    }
    // SAFETY: the kernel has just opened it for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(request.fd) })
}

/// `VIDIOC_STREAMON`.
pub(in super::super) fn stream_on(fd: BorrowedFd<'_>, queue: Queue) -> nix::Result<()> {
    vidioc_streamon(fd, &mut (queue.buffer_type() as c_int))
}

/// `VIDIOC_STREAMOFF`: takes every buffer back.
pub(in super::super) fn stream_off(fd: BorrowedFd<'_>, queue: Queue) -> nix::Result<()> {
    vidioc_streamoff(fd, &mut (queue.buffer_type() as c_int))
}

/// `VIDIOC_ENCODER_CMD`: code what was given and then no more.
pub(in super::super) fn stop_encoder(fd: BorrowedFd<'_>) -> nix::Result<()> {
    let mut command = v4l2_encoder_cmd::zeroed();
    command.cmd = V4L2_ENC_CMD_STOP;
    vidioc_encoder_cmd(fd, &mut command)
}

/// `VIDIOC_SUBSCRIBE_EVENT`: one of the kernel's `V4L2_EVENT_*`, of an input or what else it is of.
pub(in super::super) fn subscribe(fd: BorrowedFd<'_>, event: u32, of: u32) -> nix::Result<()> {
    let mut subscription = v4l2_event_subscription::zeroed();
    (subscription.type_, subscription.id) = (event, of);
    vidioc_subscribe_event(fd, &mut subscription)
}

/// `VIDIOC_DQEVENT`: the next event's type; `ENOENT` without one.
pub(in super::super) fn event(fd: BorrowedFd<'_>) -> nix::Result<u32> {
    match event_with::<timespec>(fd) {
        // A 32-bit kernel built without 32-bit time knows the other structure alone.
        Err(Errno::ENOTTY) if cfg!(target_pointer_width = "32") => event_with::<timespec64>(fd),
        result => result,
    }
}

fn event_with<T: Plain>(fd: BorrowedFd<'_>) -> nix::Result<u32> {
    let mut event = v4l2_event_of::<T>::zeroed();
    let request = nix::request_code_read!(b'V', 89, size_of::<v4l2_event_of<T>>());
    // SAFETY: the request takes this structure, which has no pointer that the kernel follows.
    unsafe { ioctl(fd, request, &mut event) }?;
    Ok(event.type_)
}

/// `VIDIOC_QUERYBUF`, `VIDIOC_QBUF` or `VIDIOC_DQBUF`.
pub(in super::super) fn buffer(
    fd: BorrowedFd<'_>,
    ask: Ask<'_>,
    queue: Queue,
    memory: Memory,
    index: u32,
) -> nix::Result<Buffer> {
    match buffer_with::<timeval>(fd, ask, queue, memory, index) {
        // A 32-bit kernel built without 32-bit time knows the other structure alone.
        Err(Errno::ENOTTY) if cfg!(target_pointer_width = "32") => {
            buffer_with::<timeval64>(fd, ask, queue, memory, index)
        }
        result => result,
    }
}

/// A time in `struct v4l2_buffer`.
trait Stamp: Plain + Copy {
    fn of(micros: u64) -> Self;
    fn seconds_micros(self) -> (i64, i64);
}

impl Stamp for timeval {
    #[allow(clippy::unnecessary_cast, reason = "time_t has 32 bits on 32-bit targets")]
    fn of(micros: u64) -> Self {
        Self { tv_sec: (micros / 1_000_000) as time_t, tv_usec: (micros % 1_000_000) as time_t }
    }

    #[allow(clippy::unnecessary_cast, reason = "time_t has 32 bits on 32-bit targets")]
    fn seconds_micros(self) -> (i64, i64) {
        (self.tv_sec as i64, self.tv_usec as i64)
    }
}

impl Stamp for timeval64 {
    fn of(micros: u64) -> Self {
        Self { tv_sec: (micros / 1_000_000) as i64, tv_usec: (micros % 1_000_000) as i64 }
    }

    fn seconds_micros(self) -> (i64, i64) {
        (self.tv_sec, self.tv_usec)
    }
}

fn buffer_with<T: Stamp>(
    fd: BorrowedFd<'_>,
    ask: Ask<'_>,
    queue: Queue,
    memory: Memory,
    index: u32,
) -> nix::Result<Buffer> {
    let mut planes: [v4l2_plane; MAX_PLANES] = std::array::from_fn(|_| v4l2_plane::zeroed());
    let mut buffer = v4l2_buffer_of::<T>::zeroed();
    (buffer.index, buffer.type_, buffer.memory) = (index, queue.buffer_type(), memory.number());
    if let Ask::Give(picture) = ask {
        buffer.timestamp = T::of(picture.micros);
        buffer.field = V4L2_FIELD_NONE;
        describe(picture, &mut buffer, &mut planes);
    }
    if queue.is_mplane() {
        buffer.length = match ask {
            Ask::Give(picture) => picture.planes.len() as u32,
            _ => MAX_PLANES as u32,
        };
        buffer.m.planes = planes.as_mut_ptr();
    }
    let request = number::<T>(ask);
    // SAFETY: the request takes this structure; its `planes`, where used, are at least `length` planes
    // that outlive the call; shared memory is named by descriptors that are open while borrowed.
    unsafe { ioctl(fd, request, &mut buffer) }?;
    Ok(told(&buffer, queue, &planes))
}

fn number<T>(ask: Ask<'_>) -> Request {
    let size = size_of::<v4l2_buffer_of<T>>();
    match ask {
        Ask::Query => nix::request_code_readwrite!(b'V', 9, size),
        Ask::Queue | Ask::Give(_) => nix::request_code_readwrite!(b'V', 15, size),
        Ask::Dequeue => nix::request_code_readwrite!(b'V', 17, size),
    }
}

/// Writes a picture's planes to where either kind of queue looks for them.
fn describe<T>(picture: &Picture<'_>, buffer: &mut v4l2_buffer_of<T>, planes: &mut [v4l2_plane]) {
    for (to, from) in planes.iter_mut().zip(&picture.planes) {
        (to.bytesused, to.data_offset) = (from.used, from.offset);
        if let Some((fd, length)) = from.shared {
            to.length = length;
            to.m.fd = fd.as_raw_fd();
        }
    }
    if let Some(first) = picture.planes.first() {
        buffer.bytesused = first.used;
        if let Some((fd, length)) = first.shared {
            buffer.length = length;
            buffer.m.fd = fd.as_raw_fd();
        }
    }
}

fn told<T: Stamp>(buffer: &v4l2_buffer_of<T>, queue: Queue, planes: &[v4l2_plane]) -> Buffer {
    let (seconds, micros) = buffer.timestamp.seconds_micros();
    let planes = if queue.is_mplane() {
        let plane = |plane: &v4l2_plane| BufferPlane {
            used: plane.bytesused.saturating_sub(plane.data_offset),
            offset: plane.data_offset,
            length: plane.length,
            // SAFETY: an integer.
            map_at: unsafe { plane.m.mem_offset },
        };
        planes.iter().take(buffer.length as usize).map(plane).collect()
    } else {
        let plane = BufferPlane {
            used: buffer.bytesused,
            offset: 0,
            length: buffer.length,
            // SAFETY: an integer.
            map_at: unsafe { buffer.m.offset },
        };
        ArrayVec::from_iter([plane])
    };
    let v4l2_buffer_of { index, flags, sequence, .. } = *buffer;
    Buffer { index, flags, sequence, seconds, micros, planes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_which_a_plane_is_empty_is_empty() {
        let picture = |planes: &[(u32, u32)]| {
            let plane = |&(used, offset): &(u32, u32)| PicturePlane { used, offset, shared: None };
            Picture { micros: 1, planes: planes.iter().map(plane).collect() }
        };
        for (planes, empty) in [
            (&[][..], true),
            (&[(0, 0)], true),
            (&[(64, 64)], true),
            (&[(100, 0), (0, 0)], true),
            (&[(100, 0)], false),
            (&[(100, 64), (50, 0)], false),
        ] {
            assert_eq!(picture(planes).is_empty(), empty, "{planes:?}");
        }
    }
}

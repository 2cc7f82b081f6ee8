//! A stateful encoder: pictures go to its OUTPUT queue, what is coded of them comes from its CAPTURE queue.
//!
//! [The kernel's order of calls](https://docs.kernel.org/userspace-api/media/v4l/dev-encoder.html), and where
//! drivers differ, that of `bcm2835-codec`: its component is made at the first `VIDIOC_REQBUFS` and is given
//! all controls and formats then, so that these come before.

use std::os::fd::{AsFd, BorrowedFd};

use arrayvec::ArrayVec;
use nix::errno::Errno;
use v4l2_sys_mit::{V4L2_BUF_FLAG_ERROR, V4L2_BUF_FLAG_KEYFRAME, V4L2_BUF_FLAG_LAST, V4L2_EVENT_EOS};

use super::device::Device;
use super::error::Error;
use super::format::{Colour, Format, FourCc, Interval, Lines, MAX_PLANES, Memory, Queue, Queues};
use super::sys::{self, Ask, Asked, Mapping, Picture, PicturePlane};

/// Buffers believed at most; the kernel's `VIDEO_MAX_FRAME`.
const MOST: u32 = 32;

/// What is asked of an encoder; the driver's answer is [`PreparedEncoder::input`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderWish {
    /// The pixel format of pictures, which is insisted on.
    pub input: FourCc,
    /// Their width and height, which are insisted on.
    pub size: (u32, u32),
    /// Bytes from line to line of their planes; the driver may want others.
    pub lines: Lines,
    /// What their samples mean.
    pub colour: Colour,
    /// How they are to be coded, which is insisted on.
    pub coded: FourCc,
    /// Bytes of the largest coded picture; the driver may want others.
    pub coded_size: u32,
    /// The time between pictures, by which an encoder controls its rate.
    pub interval: Option<Interval>,
}

/// An encoder whose formats are set.
#[derive(Debug)]
pub struct PreparedEncoder {
    device: Device,
    queues: Queues,
    input: Format,
}

/// An encoder that streams. Dropping it stops both queues and closes the node.
#[derive(Debug)]
pub struct Encoder {
    device: Device,
    queues: Queues,
    input: Format,
    memory: Memory,
    /// One a buffer of the OUTPUT queue.
    slots: Vec<Slot>,
    coded: Vec<Mapping>,
}

/// A buffer of the OUTPUT queue.
#[derive(Debug, Default)]
struct Slot {
    /// Empty with [`Memory::DmaBuf`].
    planes: ArrayVec<Mapping, MAX_PLANES>,
    /// Whether the driver has it.
    given: bool,
}

/// A plane of another driver's buffer: its memory, all of it in bytes, and where in it the samples are.
#[derive(Clone, Copy, Debug)]
pub struct SharedPlane<'a> {
    /// The memory.
    pub memory: BorrowedFd<'a>,
    /// Bytes of it.
    pub length: usize,
    /// The first byte that is of the picture.
    pub start: usize,
    /// The byte after the last one that is of the picture.
    pub end: usize,
}

/// A coded picture. [`Encoder::requeue`] gives its buffer back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coded {
    index: u32,
    start: usize,
    end: usize,
    flags: u32,
    /// The microseconds that the picture was given with.
    pub micros: u64,
}

impl PreparedEncoder {
    /// Sets the formats of `device`, whose controls are set already.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`] if the driver wants other pictures, [`Error::Busy`] if others have all the encoders
    /// there are, else the driver's.
    pub fn new(device: Device, queues: Queues, wish: &EncoderWish) -> Result<Self, Error> {
        let size = Some(wish.size);
        let coded = Asked {
            fourcc: wish.coded,
            size,
            lines: Lines::new(),
            sizeimage: wish.coded_size,
            colour: Some(Colour::default()),
        };
        let input = Asked {
            fourcc: wish.input,
            size,
            lines: wish.lines.clone(),
            sizeimage: 0,
            colour: Some(wish.colour),
        };
        // What is coded first, since the formats of pictures depend on it.
        set_format(&device, queues.capture, &coded)?;
        let input = set_format(&device, queues.output, &input)?;
        // Some drivers forget it over that.
        if sys::format(device.as_fd(), queues.capture).is_ok_and(|now| now.fourcc != wish.coded) {
            set_format(&device, queues.capture, &coded)?;
        }
        // A driver that rounds sizes up to whole macroblocks is told what to show of them; others refuse.
        if (input.width, input.height) != wish.size {
            let cropped = sys::crop(device.as_fd(), queues.output, wish.size);
            if cropped != Ok(wish.size) {
                let (width, height) = wish.size;
                let what = format!("the encoder takes {}x{} for {width}x{height}", input.width, input.height);
                return Err(Error::Unfit(device.path().to_owned(), what));
            }
        }
        if let Some(interval) = wish.interval {
            sys::set_interval(device.as_fd(), queues.output, interval)
                .map_err(|errno| device.error("VIDIOC_S_PARM", errno))?;
        }
        // Not every driver has it, and the last buffer says the same.
        let _ = sys::subscribe(device.as_fd(), V4L2_EVENT_EOS, 0);
        Ok(Self { device, queues, input })
    }

    /// The format of pictures that the driver settled on.
    pub fn input(&self) -> &Format {
        &self.input
    }

    /// The node.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Starts both queues, with about so many buffers for pictures and for coded ones. With
    /// [`Memory::DmaBuf`] there are exactly so many for pictures, or else [`Memory::Mmap`] is used:
    /// [`Encoder::memory`] says which.
    ///
    /// # Errors
    ///
    /// The driver's; a refusal of `VIDIOC_STREAMON` means a level, bitrate or size beyond it, or no memory.
    pub fn start(self, memory: Memory, pictures: u32, coded: u32) -> Result<Encoder, Error> {
        let Self { device, queues, input } = self;
        let (slots, coded_buffers) = (Vec::new(), Vec::new());
        let mut encoder = Encoder { device, queues, input, memory, slots, coded: coded_buffers };
        let count = encoder.request_pictures(memory, pictures)?;
        let requested = sys::request_buffers(encoder.as_fd(), queues.capture, Memory::Mmap, coded)
            .map_err(|errno| encoder.device.error("VIDIOC_REQBUFS", errno))?;
        for index in 0..count {
            let planes = match encoder.memory {
                Memory::Mmap => encoder.map(queues.output, index)?,
                Memory::DmaBuf => ArrayVec::new(),
            };
            encoder.slots.push(Slot { planes, given: false });
        }
        for index in 0..requested.count.min(MOST) {
            let Some(plane) = encoder.map(queues.capture, index)?.into_iter().next() else {
                return Err(encoder.unfit("the driver has coded pictures in no memory"));
            };
            encoder.coded.push(plane);
        }
        if encoder.slots.is_empty() || encoder.coded.is_empty() {
            return Err(encoder.unfit("the driver has no buffers"));
        }
        for index in 0..encoder.coded.len() as u32 {
            encoder.buffer(Ask::Queue, "VIDIOC_QBUF", queues.capture, index)?;
        }
        for queue in [queues.output, queues.capture] {
            sys::stream_on(encoder.as_fd(), queue)
                .map_err(|errno| encoder.device.error("VIDIOC_STREAMON", errno))?;
        }
        Ok(encoder)
    }
}

impl Encoder {
    fn request_pictures(&mut self, memory: Memory, count: u32) -> Result<u32, Error> {
        let request = |memory| sys::request_buffers(self.device.as_fd(), self.queues.output, memory, count);
        if memory == Memory::DmaBuf {
            match request(Memory::DmaBuf) {
                Ok(requested) if requested.count >= count => return Ok(count.min(MOST)),
                Ok(_) => {
                    let _ = sys::request_buffers(self.device.as_fd(), self.queues.output, Memory::DmaBuf, 0);
                }
                Err(_) => {}
            }
        }
        self.memory = Memory::Mmap;
        let requested = request(Memory::Mmap).map_err(|errno| self.device.error("VIDIOC_REQBUFS", errno))?;
        Ok(requested.count.min(MOST))
    }

    /// Whose memory pictures are in.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// The format of pictures.
    pub fn input(&self) -> &Format {
        &self.input
    }

    /// The node.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How many buffers for pictures there are.
    pub fn pictures(&self) -> u32 {
        self.slots.len() as u32
    }

    /// How many pictures the driver has.
    pub fn given(&self) -> usize {
        self.slots.iter().filter(|slot| slot.given).count()
    }

    /// A buffer of its own memory that the driver has not.
    pub fn vacant(&self) -> Option<u32> {
        let vacant = |slot: &Slot| !slot.given && !slot.planes.is_empty();
        self.slots.iter().position(vacant).map(|index| index as u32)
    }

    /// The planes of such a buffer, to be filled; empty while the driver has it.
    pub fn planes_mut(&mut self, index: u32) -> ArrayVec<&mut [u8], MAX_PLANES> {
        let slot = self.slots.get_mut(index as usize).filter(|slot| !slot.given);
        slot.map(|slot| slot.planes.iter_mut().map(Mapping::bytes_mut).collect()).unwrap_or_default()
    }

    /// Gives a filled buffer of its own memory to be coded; `micros` come back with what is coded of it.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn give(&mut self, index: u32, micros: u64) -> Result<(), Error> {
        let plane = |plane: &super::Plane| PicturePlane { used: plane.sizeimage, offset: 0, shared: None };
        let planes = self.input.planes.iter().map(plane).collect();
        self.queue(index, &Picture { micros, planes })
    }

    /// Gives a picture in another driver's memory to be coded. For as long as the buffer `index` is not
    /// [taken back](Encoder::take_back), nobody may write to it. The same memory under the same index costs
    /// the kernel least.
    ///
    /// # Errors
    ///
    /// The driver's: it may be unable to read that memory.
    pub fn give_shared(&mut self, index: u32, micros: u64, planes: &[SharedPlane<'_>]) -> Result<(), Error> {
        let planes = planes.iter().take(MAX_PLANES).copied().map(PicturePlane::from).collect();
        self.queue(index, &Picture { micros, planes })
    }

    fn queue(&mut self, index: u32, picture: &Picture<'_>) -> Result<(), Error> {
        // To bcm2835-codec and others nothing means that nothing will follow.
        if picture.is_empty() {
            return Err(self.unfit("an empty picture is not coded"));
        }
        if self.slots.get(index as usize).is_none_or(|slot| slot.given) {
            return Err(self.unfit("there is no such buffer, or the driver has it"));
        }
        self.buffer(Ask::Give(picture), "VIDIOC_QBUF", self.queues.output, index)?;
        self.slots[index as usize].given = true;
        Ok(())
    }

    /// The buffer of a picture that the driver has read, or none yet.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn take_back(&mut self) -> Result<Option<u32>, Error> {
        let Some(buffer) = self.dequeue(self.queues.output, self.memory)? else { return Ok(None) };
        if let Some(slot) = self.slots.get_mut(buffer.index as usize) {
            slot.given = false;
        }
        Ok(Some(buffer.index))
    }

    /// The next coded picture, or none yet.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn take_coded(&mut self) -> Result<Option<Coded>, Error> {
        let Some(buffer) = self.dequeue(self.queues.capture, Memory::Mmap)? else { return Ok(None) };
        let Some(memory) = self.coded.get(buffer.index as usize) else {
            return Err(self.unfit("the driver gave a buffer that does not exist"));
        };
        let length = memory.bytes().len();
        let (offset, used) = buffer.planes.first().map_or((0, 0), |plane| (plane.offset, plane.used));
        let start = (offset as usize).min(length);
        let end = start.saturating_add(used as usize).min(length);
        let seconds = u64::try_from(buffer.seconds).unwrap_or(0);
        let micros = seconds.saturating_mul(1_000_000).saturating_add(buffer.micros.unsigned_abs());
        Ok(Some(Coded { index: buffer.index, start, end, flags: buffer.flags, micros }))
    }

    /// The bytes of a coded picture that was not given back yet.
    pub fn bytes(&self, coded: &Coded) -> &[u8] {
        let memory = self.coded.get(coded.index as usize).map(Mapping::bytes).unwrap_or_default();
        memory.get(coded.start..coded.end).unwrap_or_default()
    }

    /// Gives a coded picture's buffer back, to be filled again.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn requeue(&mut self, coded: Coded) -> Result<(), Error> {
        self.buffer(Ask::Queue, "VIDIOC_QBUF", self.queues.capture, coded.index).map(drop)
    }

    /// Tells it that no picture follows: it codes what it has, and the last has [`Coded::is_last`].
    ///
    /// # Errors
    ///
    /// The driver's: not every driver can.
    pub fn stop(&self) -> Result<(), Error> {
        sys::stop_encoder(self.as_fd()).map_err(|errno| self.device.error("VIDIOC_ENCODER_CMD", errno))
    }

    /// Takes the events that came, which would end every wait; says whether one told of the stream's end.
    pub fn take_events(&self) -> bool {
        let events = std::iter::from_fn(|| sys::event(self.as_fd()).ok());
        // The kernel keeps a few a subscription.
        events.take(64).fold(false, |end, event| end | (event == V4L2_EVENT_EOS))
    }

    fn dequeue(&self, queue: Queue, memory: Memory) -> Result<Option<sys::Buffer>, Error> {
        match sys::buffer(self.as_fd(), Ask::Dequeue, queue, memory, 0) {
            Ok(buffer) => Ok(Some(buffer)),
            // EPIPE: the last one was taken.
            Err(Errno::EAGAIN | Errno::EPIPE) => Ok(None),
            Err(errno) => Err(self.device.error("VIDIOC_DQBUF", errno)),
        }
    }

    fn map(&self, queue: Queue, index: u32) -> Result<ArrayVec<Mapping, MAX_PLANES>, Error> {
        let buffer = sys::buffer(self.as_fd(), Ask::Query, queue, Memory::Mmap, index)
            .map_err(|errno| self.device.error("VIDIOC_QUERYBUF", errno))?;
        let map = |plane| Mapping::new(self.as_fd(), plane, queue.is_output());
        let planes: nix::Result<_> = buffer.planes.iter().map(map).collect();
        planes.map_err(|errno| self.device.error("mmap", errno))
    }

    fn buffer(
        &self,
        ask: Ask<'_>,
        call: &'static str,
        queue: Queue,
        index: u32,
    ) -> Result<sys::Buffer, Error> {
        let memory = if queue.is_output() { self.memory } else { Memory::Mmap };
        sys::buffer(self.as_fd(), ask, queue, memory, index).map_err(|errno| self.device.error(call, errno))
    }

    fn unfit(&self, what: &str) -> Error {
        Error::Unfit(self.device.path().to_owned(), what.to_owned())
    }
}

impl<'a> From<SharedPlane<'a>> for PicturePlane<'a> {
    fn from(plane: SharedPlane<'a>) -> Self {
        // No driver has a buffer so large that it does not fit.
        let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let shared = Some((plane.memory, size(plane.length)));
        Self { used: size(plane.end), offset: size(plane.start), shared }
    }
}

impl Coded {
    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        self.flags & V4L2_BUF_FLAG_LAST != 0
    }

    /// Whether the driver says that it is damaged.
    pub fn is_damaged(&self) -> bool {
        self.flags & V4L2_BUF_FLAG_ERROR != 0
    }

    /// Whether the driver says that it is a keyframe.
    pub fn is_keyframe(&self) -> bool {
        self.flags & V4L2_BUF_FLAG_KEYFRAME != 0
    }
}

impl AsFd for Encoder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // A driver that refuses has nothing left to stop or free.
        for queue in [self.queues.output, self.queues.capture] {
            let _ = sys::stream_off(self.as_fd(), queue);
        }
        self.slots.clear();
        self.coded.clear();
        let _ = sys::request_buffers(self.as_fd(), self.queues.output, self.memory, 0);
        let _ = sys::request_buffers(self.as_fd(), self.queues.capture, Memory::Mmap, 0);
    }
}

fn set_format(device: &Device, queue: Queue, asked: &Asked) -> Result<Format, Error> {
    let format =
        sys::set_format(device.as_fd(), queue, asked).map_err(|errno| device.error("VIDIOC_S_FMT", errno))?;
    if format.fourcc != asked.fourcc {
        let what = format!("asked for {}, the encoder takes {}", asked.fourcc, format.fourcc);
        return Err(Error::Unfit(device.path().to_owned(), what));
    }
    if format.planes.is_empty() {
        let what = format!("the encoder has {} in no plane at all", format.fourcc);
        return Err(Error::Unfit(device.path().to_owned(), what));
    }
    Ok(format)
}

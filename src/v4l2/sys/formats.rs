//! Formats, sizes, rates and crops.

use std::os::fd::BorrowedFd;

use arrayvec::ArrayVec;
use nix::errno::Errno;
use v4l2_sys_mit::*;

use super::super::format::{
    Colour, Format, FourCc, Interval, Intervals, Lines, MAX_PLANES, Offer, Plane, Queue, Sizes,
};
use super::{Plain, calls, ioctl, text};

/// What `VIDIOC_S_FMT` is asked for; the driver chooses what is zero or none.
#[derive(Clone, Debug)]
pub(in super::super) struct Asked {
    pub(in super::super) fourcc: FourCc,
    pub(in super::super) size: Option<(u32, u32)>,
    /// Bytes from line to line of its planes.
    pub(in super::super) lines: Lines,
    /// Bytes of the first plane.
    pub(in super::super) sizeimage: u32,
    pub(in super::super) colour: Option<Colour>,
}

calls! {
    vidioc_enum_fmt = request_code_readwrite(2, v4l2_fmtdesc);
    vidioc_g_fmt = request_code_readwrite(4, v4l2_format);
    vidioc_s_fmt = request_code_readwrite(5, v4l2_format);
    vidioc_g_parm = request_code_readwrite(21, v4l2_streamparm);
    vidioc_s_parm = request_code_readwrite(22, v4l2_streamparm);
    vidioc_enum_framesizes = request_code_readwrite(74, v4l2_frmsizeenum);
    vidioc_enum_frameintervals = request_code_readwrite(75, v4l2_frmivalenum);
    vidioc_s_selection = request_code_readwrite(95, v4l2_selection);
}

/// `VIDIOC_ENUM_FMT`: the pixel format with this index.
pub(in super::super) fn offer(fd: BorrowedFd<'_>, queue: Queue, index: u32) -> nix::Result<Offer> {
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
pub(in super::super) fn sizes(fd: BorrowedFd<'_>, format: FourCc, index: u32) -> nix::Result<Option<Sizes>> {
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
pub(in super::super) fn intervals(
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

/// `VIDIOC_G_FMT`.
pub(in super::super) fn format(fd: BorrowedFd<'_>, queue: Queue) -> nix::Result<Format> {
    let mut format = v4l2_format::zeroed();
    format.type_ = queue.buffer_type();
    vidioc_g_fmt(fd, &mut format)?;
    Ok(settled(&format, queue))
}

/// `VIDIOC_S_FMT`, from the format that is set now; what was not asked for the driver chooses.
pub(in super::super) fn set_format(fd: BorrowedFd<'_>, queue: Queue, asked: &Asked) -> nix::Result<Format> {
    let mut format = v4l2_format::zeroed();
    format.type_ = queue.buffer_type();
    // A driver without a format yet (v4l2loopback before its writer) refuses; zeros will do then.
    let _ = vidioc_g_fmt(fd, &mut format);
    if queue.is_mplane() {
        ask_mplane(&mut format, asked);
    } else {
        ask(&mut format, asked);
    }
    vidioc_s_fmt(fd, &mut format)?;
    Ok(settled(&format, queue))
}

fn ask(format: &mut v4l2_format, asked: &Asked) {
    // SAFETY: integers alone.
    let mut pix = unsafe { format.fmt.pix };
    pix.pixelformat = asked.fourcc.into();
    (pix.width, pix.height) = asked.size.unwrap_or((pix.width, pix.height));
    pix.bytesperline = asked.lines.first().copied().unwrap_or_default();
    pix.sizeimage = asked.sizeimage;
    if let Some(colour) = asked.colour {
        pix.field = V4L2_FIELD_NONE;
        pix.colorspace = colour.colorspace;
        pix.priv_ = V4L2_PIX_FMT_PRIV_MAGIC;
        (pix.ycbcr_enc, pix.quantization) = (colour.ycbcr_enc, colour.quantization);
        pix.xfer_func = colour.xfer_func;
    }
    format.fmt.pix = pix;
}

fn ask_mplane(format: &mut v4l2_format, asked: &Asked) {
    // SAFETY: integers alone.
    let mut pix = unsafe { format.fmt.pix_mp };
    pix.pixelformat = asked.fourcc.into();
    (pix.width, pix.height) = asked.size.unwrap_or((pix.width, pix.height));
    // How many there are the driver says.
    let mut planes = [v4l2_plane_pix_format { sizeimage: 0, bytesperline: 0, reserved: [0; 6] }; MAX_PLANES];
    for (plane, bytes) in planes.iter_mut().zip(&asked.lines) {
        plane.bytesperline = *bytes;
    }
    planes[0].sizeimage = asked.sizeimage;
    pix.plane_fmt = planes;
    pix.num_planes = (asked.lines.len() as u8).max(u8::from(asked.sizeimage != 0));
    if let Some(colour) = asked.colour {
        pix.field = V4L2_FIELD_NONE;
        pix.colorspace = colour.colorspace;
        // Wider than the driver's are no values of it.
        (pix.ycbcr_enc, pix.quantization) = (colour.ycbcr_enc as u8, colour.quantization as u8);
        pix.xfer_func = colour.xfer_func as u8;
    }
    format.fmt.pix_mp = pix;
}

fn settled(format: &v4l2_format, queue: Queue) -> Format {
    // SAFETY: integers alone; width, height and pixelformat have one place in both.
    let pix = unsafe { format.fmt.pix };
    // SAFETY: integers alone.
    let mplane = unsafe { format.fmt.pix_mp };
    let (fourcc, width, height, field) = (pix.pixelformat.into(), pix.width, pix.height, pix.field);
    if queue.is_mplane() {
        let all = mplane.plane_fmt;
        let plane = |plane: &v4l2_plane_pix_format| Plane {
            bytesperline: plane.bytesperline,
            sizeimage: plane.sizeimage,
        };
        let planes = all.iter().take(mplane.num_planes.into()).map(plane).collect();
        let colour = Colour {
            colorspace: mplane.colorspace,
            ycbcr_enc: mplane.ycbcr_enc.into(),
            quantization: mplane.quantization.into(),
            xfer_func: mplane.xfer_func.into(),
        };
        return Format { fourcc, width, height, field, planes, colour };
    }
    let plane = Plane { bytesperline: pix.bytesperline, sizeimage: pix.sizeimage };
    let extended = pix.priv_ == V4L2_PIX_FMT_PRIV_MAGIC;
    let known = |value: u32| if extended { value } else { 0 };
    let colour = Colour {
        colorspace: pix.colorspace,
        ycbcr_enc: known(pix.ycbcr_enc),
        quantization: known(pix.quantization),
        xfer_func: known(pix.xfer_func),
    };
    Format { fourcc, width, height, field, planes: ArrayVec::from_iter([plane]), colour }
}

/// `VIDIOC_S_PARM`: asks for a time between pictures and gives what the driver made of it; none where it
/// cannot set any.
pub(in super::super) fn set_interval(
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
    // SAFETY: integers alone; capability and interval have one place in both members.
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

/// `VIDIOC_S_SELECTION` of what is coded of each picture: its upper left, this wide and high. Gives what
/// the driver made of it.
pub(in super::super) fn crop(fd: BorrowedFd<'_>, queue: Queue, size: (u32, u32)) -> nix::Result<(u32, u32)> {
    let mut selection = v4l2_selection::zeroed();
    // Its type has no planes, whatever the queue has.
    let single = if queue.is_output() { Queue::Output } else { Queue::Capture };
    selection.type_ = single.buffer_type();
    selection.target = V4L2_SEL_TGT_CROP;
    (selection.r.width, selection.r.height) = size;
    vidioc_s_selection(fd, &mut selection)?;
    Ok((selection.r.width, selection.r.height))
}

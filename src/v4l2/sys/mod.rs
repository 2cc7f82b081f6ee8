//! The kernel's calls. Unsafe code lives here, safe functions come out.
#![allow(unsafe_code, reason = "ioctl(2) and mmap(2) have no safe form")]

mod buffers;
mod controls;
mod dv;
mod formats;
mod mapping;

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc::{self, c_int};
use v4l2_sys_mit::*;

use super::format::Queue;

pub(super) use buffers::*;
pub(super) use controls::*;
pub(super) use dv::*;
pub(super) use formats::*;
pub(super) use mapping::Mapping;

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
plain!(v4l2_streamparm, v4l2_requestbuffers, v4l2_exportbuffer, v4l2_plane, v4l2_selection);
plain!(
    v4l2_queryctrl,
    v4l2_querymenu,
    v4l2_control,
    v4l2_ext_control,
    v4l2_ext_controls,
    v4l2_query_ext_ctrl
);
plain!(v4l2_dv_timings, v4l2_edid);
plain!(v4l2_input, v4l2_encoder_cmd, v4l2_event_subscription, c_int);

// SAFETY: integers, arrays of them and raw pointers alone, a `Plain` among them.
unsafe impl<T: Plain> Plain for v4l2_buffer_of<T> {}
// SAFETY: as above.
unsafe impl<T: Plain> Plain for v4l2_event_of<T> {}
plain!(timeval, timeval64, timespec, timespec64);

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
            let request = nix::$code!(b'V', $number, size_of::<$argument>());
            // SAFETY: number, direction and argument are those of `videodev2.h`; the argument has no
            // pointer that the kernel follows.
            unsafe { ioctl(fd, request, argument) }
        }
    )*};
}

use calls;

calls! {
    vidioc_querycap = request_code_read(0, v4l2_capability);
    vidioc_enuminput = request_code_readwrite(26, v4l2_input);
    vidioc_g_input = request_code_read(38, c_int);
}

impl Queue {
    fn buffer_type(self) -> u32 {
        match self {
            Self::Capture => V4L2_BUF_TYPE_VIDEO_CAPTURE,
            Self::CaptureMplane => V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
            Self::Output => V4L2_BUF_TYPE_VIDEO_OUTPUT,
            Self::OutputMplane => V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
        }
    }
}

/// `VIDIOC_QUERYCAP`.
pub(super) fn capability(fd: BorrowedFd<'_>) -> nix::Result<v4l2_capability> {
    let mut capability = v4l2_capability::zeroed();
    vidioc_querycap(fd, &mut capability)?;
    Ok(capability)
}

/// `VIDIOC_G_INPUT`: the current input.
pub(super) fn input(fd: BorrowedFd<'_>) -> nix::Result<u32> {
    let mut index: c_int = 0;
    vidioc_g_input(fd, &mut index)?;
    u32::try_from(index).map_err(|_| Errno::EINVAL)
}

/// `VIDIOC_ENUMINPUT` of the current input: its status.
pub(super) fn input_status(fd: BorrowedFd<'_>) -> nix::Result<u32> {
    let mut input = v4l2_input::zeroed();
    input.index = self::input(fd)?;
    vidioc_enuminput(fd, &mut input)?;
    Ok(input.status)
}

/// A driver's text: up to the first zero, whatever its bytes are.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of `videodev2.h`, as a C compiler for the target has them: for 64 bits, for 32-bit ARM with
    /// 32-bit time, and there with 64-bit time.
    #[test]
    fn requests_have_the_kernels_numbers() {
        let sizes = |wide: u32, narrow: u32| if cfg!(target_pointer_width = "64") { wide } else { narrow };
        macro_rules! number {
            ($code:ident, $number:literal, $argument:ty) => {
                nix::$code!(b'V', $number, size_of::<$argument>()) as u32
            };
        }
        for (number, kernels) in [
            (number!(request_code_readwrite, 9, v4l2_buffer), sizes(0xc058_5609, 0xc044_5609)),
            (number!(request_code_readwrite, 15, v4l2_buffer), sizes(0xc058_560f, 0xc044_560f)),
            (number!(request_code_readwrite, 17, v4l2_buffer), sizes(0xc058_5611, 0xc044_5611)),
            (number!(request_code_readwrite, 15, v4l2_buffer_time64), sizes(0xc058_560f, 0xc050_560f)),
            (number!(request_code_read, 89, v4l2_event), sizes(0x8088_5659, 0x8080_5659)),
            (number!(request_code_read, 89, v4l2_event_time64), 0x8088_5659),
            (number!(request_code_readwrite, 5, v4l2_format), sizes(0xc0d0_5605, 0xc0cc_5605)),
            (number!(request_code_readwrite, 72, v4l2_ext_controls), sizes(0xc020_5648, 0xc018_5648)),
            (number!(request_code_readwrite, 103, v4l2_query_ext_ctrl), 0xc0e8_5667),
            (number!(request_code_readwrite, 37, v4l2_querymenu), 0xc02c_5625),
            (number!(request_code_readwrite, 8, v4l2_requestbuffers), 0xc014_5608),
            (number!(request_code_readwrite, 16, v4l2_exportbuffer), 0xc040_5610),
            (number!(request_code_readwrite, 77, v4l2_encoder_cmd), 0xc028_564d),
            (number!(request_code_write, 90, v4l2_event_subscription), 0x4020_565a),
            (number!(request_code_readwrite, 95, v4l2_selection), 0xc040_565f),
            (number!(request_code_readwrite, 22, v4l2_streamparm), 0xc0cc_5616),
            (number!(request_code_write, 18, c_int), 0x4004_5612),
            (number!(request_code_readwrite, 40, v4l2_edid), sizes(0xc028_5628, 0xc024_5628)),
            (number!(request_code_readwrite, 41, v4l2_edid), sizes(0xc028_5629, 0xc024_5629)),
            (number!(request_code_readwrite, 87, v4l2_dv_timings), 0xc084_5657),
            (number!(request_code_readwrite, 88, v4l2_dv_timings), 0xc084_5658),
            (number!(request_code_read, 99, v4l2_dv_timings), 0x8084_5663),
        ] {
            assert_eq!(format!("{number:#x}"), format!("{kernels:#x}"));
        }
    }

    #[test]
    fn what_the_kernel_reads_is_where_it_looks() {
        assert_eq!(std::mem::offset_of!(v4l2_event, u), 8);
        assert_eq!(std::mem::offset_of!(v4l2_event, pending), 72);
        assert_eq!(std::mem::offset_of!(v4l2_selection, r), 12);
        assert_eq!(std::mem::offset_of!(v4l2_bt_timings, pixelclock), 16);
        assert_eq!(std::mem::offset_of!(v4l2_bt_timings, flags), 64);
        assert_eq!(std::mem::offset_of!(v4l2_dv_timings, __bindgen_anon_1), 4);
        assert_eq!(std::mem::offset_of!(v4l2_edid, edid), 32);
        assert_eq!(std::mem::offset_of!(v4l2_ext_control, __bindgen_anon_1), 12);
        let (wide, narrow) =
            (std::mem::offset_of!(v4l2_buffer, m), std::mem::offset_of!(v4l2_buffer_time64, m));
        assert_eq!((wide, narrow), if cfg!(target_pointer_width = "64") { (64, 64) } else { (52, 64) });
    }
}

//! Hand-written bindings of the kernel's
//! [`videodev2.h`](https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/videodev2.h).
//!
//! Names and layouts are the kernel's; unions that C leaves without a name are called what `bindgen`
//! calls them, since the `v4l` crate is written against its output. An ioctl's number holds the size of
//! its argument, so every size is asserted here, for 64-bit targets and for 32-bit ARM.
//!
//! `struct v4l2_buffer` exists twice on 32-bit targets, with 32-bit and with 64-bit time. The kernel
//! tells them apart by size: [`v4l2_buffer`] is the first, [`v4l2_buffer_time64`] the second.
#![no_std]
#![allow(missing_docs, reason = "fields are documented by the kernel")]
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]

use core::ffi::{c_char, c_int, c_long, c_ulong, c_void};

/// Structures with their size in bytes on 64-bit targets and on 32-bit ARM.
macro_rules! structs {
    ($($(#[$attribute:meta])* $name:ident [$wide:literal, $narrow:literal] { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$attribute])*
        #[doc = concat!("The kernel's `struct ", stringify!($name), "`.")]
        #[derive(Clone, Copy)]
        #[repr(C)]
        pub struct $name { $(pub $field: $type,)* }
        assert_size!($name, $wide, $narrow);
    )*};
}

macro_rules! unions {
    ($($(#[$attribute:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        pub union $name { $(pub $field: $type,)* }
    )*};
}

macro_rules! assert_size {
    ($name:ty, $wide:literal, $narrow:literal) => {
        #[cfg(target_pointer_width = "64")]
        const _: () = assert!(size_of::<$name>() == $wide, stringify!($name));
        #[cfg(target_arch = "arm")]
        const _: () = assert!(size_of::<$name>() == $narrow, stringify!($name));
    };
}

/// Seconds as the kernel's oldest ABI of this target counts them.
pub type time_t = c_long;
/// A set of analogue TV standards.
pub type v4l2_std_id = u64;

// Devices, formats, sizes and rates.
structs! {
    v4l2_capability [104, 104] {
        driver: [u8; 16], card: [u8; 32], bus_info: [u8; 32], version: u32, capabilities: u32,
        device_caps: u32, reserved: [u32; 3],
    }
    v4l2_fract [8, 8] { numerator: u32, denominator: u32, }
    v4l2_rect [16, 16] { left: i32, top: i32, width: u32, height: u32, }
    v4l2_fmtdesc [64, 64] {
        index: u32, type_: u32, flags: u32, description: [u8; 32], pixelformat: u32, mbus_code: u32,
        reserved: [u32; 3],
    }
    v4l2_frmsize_discrete [8, 8] { width: u32, height: u32, }
    v4l2_frmsize_stepwise [24, 24] {
        min_width: u32, max_width: u32, step_width: u32, min_height: u32, max_height: u32, step_height: u32,
    }
    v4l2_frmsizeenum [44, 44] {
        index: u32, pixel_format: u32, type_: u32, __bindgen_anon_1: v4l2_frmsizeenum__bindgen_ty_1,
        reserved: [u32; 2],
    }
    v4l2_frmival_stepwise [24, 24] { min: v4l2_fract, max: v4l2_fract, step: v4l2_fract, }
    v4l2_frmivalenum [52, 52] {
        index: u32, pixel_format: u32, width: u32, height: u32, type_: u32,
        __bindgen_anon_1: v4l2_frmivalenum__bindgen_ty_1, reserved: [u32; 2],
    }
    v4l2_pix_format [48, 48] {
        width: u32, height: u32, pixelformat: u32, field: u32, bytesperline: u32, sizeimage: u32,
        colorspace: u32, priv_: u32, flags: u32, ycbcr_enc: u32, quantization: u32, xfer_func: u32,
    }
    #[repr(packed)]
    v4l2_plane_pix_format [20, 20] { sizeimage: u32, bytesperline: u32, reserved: [u16; 6], }
    #[repr(packed)]
    v4l2_pix_format_mplane [192, 192] {
        width: u32, height: u32, pixelformat: u32, field: u32, colorspace: u32,
        plane_fmt: [v4l2_plane_pix_format; 8], num_planes: u8, flags: u8, ycbcr_enc: u8,
        quantization: u8, xfer_func: u8, reserved: [u8; 7],
    }
    v4l2_format [208, 204] { type_: u32, fmt: v4l2_format__bindgen_ty_1, }
    v4l2_captureparm [40, 40] {
        capability: u32, capturemode: u32, timeperframe: v4l2_fract, extendedmode: u32, readbuffers: u32,
        reserved: [u32; 4],
    }
    v4l2_outputparm [40, 40] {
        capability: u32, outputmode: u32, timeperframe: v4l2_fract, extendedmode: u32, writebuffers: u32,
        reserved: [u32; 4],
    }
    v4l2_streamparm [204, 204] { type_: u32, parm: v4l2_streamparm__bindgen_ty_1, }
}

unions! {
    /// The size in [`v4l2_frmsizeenum`].
    v4l2_frmsizeenum__bindgen_ty_1 { discrete: v4l2_frmsize_discrete, stepwise: v4l2_frmsize_stepwise, }
    /// The interval in [`v4l2_frmivalenum`].
    v4l2_frmivalenum__bindgen_ty_1 { discrete: v4l2_fract, stepwise: v4l2_frmival_stepwise, }
    /// The format in [`v4l2_format`]; the pointer stands for those in the kernel's `v4l2_window`,
    /// which give the union its alignment.
    v4l2_format__bindgen_ty_1 {
        pix: v4l2_pix_format, pix_mp: v4l2_pix_format_mplane, raw_data: [u8; 200], pointer: *mut c_void,
    }
    /// The parameters in [`v4l2_streamparm`].
    v4l2_streamparm__bindgen_ty_1 { capture: v4l2_captureparm, output: v4l2_outputparm, raw_data: [u8; 200], }
}

// Buffers.
structs! {
    v4l2_requestbuffers [20, 20] {
        count: u32, type_: u32, memory: u32, capabilities: u32, flags: u8, reserved: [u8; 3],
    }
    v4l2_exportbuffer [64, 64] {
        type_: u32, index: u32, plane: u32, flags: u32, fd: i32, reserved: [u32; 11],
    }
    v4l2_timecode [16, 16] {
        type_: u32, flags: u32, frames: u8, seconds: u8, minutes: u8, hours: u8, userbits: [u8; 4],
    }
    v4l2_plane [64, 60] {
        bytesused: u32, length: u32, m: v4l2_plane__bindgen_ty_1, data_offset: u32, reserved: [u32; 11],
    }
    timeval [16, 8] { tv_sec: time_t, tv_usec: time_t, }
    timeval64 [16, 16] { tv_sec: i64, tv_usec: i64, }
    v4l2_encoder_cmd [40, 40] { cmd: u32, flags: u32, data: [u32; 8], }
    v4l2_selection [64, 64] { type_: u32, target: u32, flags: u32, r: v4l2_rect, reserved: [u32; 9], }
}

unions! {
    /// Where a [`v4l2_plane`] lies.
    v4l2_plane__bindgen_ty_1 { mem_offset: u32, userptr: c_ulong, fd: i32, }
    /// Where a [`v4l2_buffer`] lies.
    v4l2_buffer__bindgen_ty_1 { offset: u32, userptr: c_ulong, planes: *mut v4l2_plane, fd: i32, }
}

/// The kernel's `struct v4l2_buffer` with a timestamp of type `T`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct v4l2_buffer_of<T> {
    pub index: u32,
    pub type_: u32,
    pub bytesused: u32,
    pub flags: u32,
    pub field: u32,
    pub timestamp: T,
    pub timecode: v4l2_timecode,
    pub sequence: u32,
    pub memory: u32,
    pub m: v4l2_buffer__bindgen_ty_1,
    pub length: u32,
    pub reserved2: u32,
    pub request_fd: i32,
}

/// `struct v4l2_buffer` with the target's oldest time, which every kernel that serves it understands.
pub type v4l2_buffer = v4l2_buffer_of<timeval>;
/// `struct v4l2_buffer` with 64-bit time, which 32-bit kernels know since 5.6.
pub type v4l2_buffer_time64 = v4l2_buffer_of<timeval64>;
assert_size!(v4l2_buffer, 88, 68);
assert_size!(v4l2_buffer_time64, 88, 80);

// Events.
structs! {
    timespec [16, 8] { tv_sec: time_t, tv_nsec: time_t, }
    timespec64 [16, 16] { tv_sec: i64, tv_nsec: i64, }
    v4l2_event_src_change [4, 4] { changes: u32, }
    v4l2_event_subscription [32, 32] { type_: u32, id: u32, flags: u32, reserved: [u32; 5], }
}

unions! {
    /// What a [`v4l2_event`] tells; the number stands for those in the kernel's `v4l2_event_ctrl`, which
    /// give the union its alignment.
    v4l2_event__bindgen_ty_1 { src_change: v4l2_event_src_change, data: [u8; 64], value64: i64, }
}

/// The kernel's `struct v4l2_event` with a timestamp of type `T`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct v4l2_event_of<T> {
    pub type_: u32,
    pub u: v4l2_event__bindgen_ty_1,
    pub pending: u32,
    pub sequence: u32,
    pub timestamp: T,
    pub id: u32,
    pub reserved: [u32; 8],
}

/// `struct v4l2_event` with the target's oldest time, which every kernel that serves it understands.
pub type v4l2_event = v4l2_event_of<timespec>;
/// `struct v4l2_event` with 64-bit time, which 32-bit kernels know since 5.6.
pub type v4l2_event_time64 = v4l2_event_of<timespec64>;
assert_size!(v4l2_event, 136, 128);
assert_size!(v4l2_event_time64, 136, 136);

// Digital video: HDMI.
structs! {
    #[repr(packed)]
    v4l2_bt_timings [124, 124] {
        width: u32, height: u32, interlaced: u32, polarities: u32, pixelclock: u64, hfrontporch: u32, hsync: u32,
        hbackporch: u32, vfrontporch: u32, vsync: u32, vbackporch: u32, il_vfrontporch: u32, il_vsync: u32,
        il_vbackporch: u32, standards: u32, flags: u32, picture_aspect: v4l2_fract, cea861_vic: u8, hdmi_vic: u8,
        reserved: [u8; 46],
    }
    #[repr(packed)]
    v4l2_dv_timings [132, 132] { type_: u32, __bindgen_anon_1: v4l2_dv_timings__bindgen_ty_1, }
    v4l2_edid [40, 36] { pad: u32, start_block: u32, blocks: u32, reserved: [u32; 5], edid: *mut u8, }
}

unions! {
    /// The timings in [`v4l2_dv_timings`].
    v4l2_dv_timings__bindgen_ty_1 { bt: v4l2_bt_timings, reserved: [u32; 32], }
}

// Controls.
structs! {
    v4l2_control [8, 8] { id: u32, value: i32, }
    v4l2_queryctrl [68, 68] {
        id: u32, type_: u32, name: [u8; 32], minimum: i32, maximum: i32, step: i32, default_value: i32,
        flags: u32, reserved: [u32; 2],
    }
    v4l2_query_ext_ctrl [232, 232] {
        id: u32, type_: u32, name: [c_char; 32], minimum: i64, maximum: i64, step: u64, default_value: i64,
        flags: u32, elem_size: u32, elems: u32, nr_of_dims: u32, dims: [u32; 4], reserved: [u32; 32],
    }
    #[repr(packed)]
    v4l2_querymenu [44, 44] {
        id: u32, index: u32, __bindgen_anon_1: v4l2_querymenu__bindgen_ty_1, reserved: u32,
    }
    #[repr(packed)]
    v4l2_ext_control [20, 20] {
        id: u32, size: u32, reserved2: [u32; 1], __bindgen_anon_1: v4l2_ext_control__bindgen_ty_1,
    }
    v4l2_ext_controls [32, 24] {
        which: u32, count: u32, error_idx: u32, request_fd: i32, reserved: [u32; 1],
        controls: *mut v4l2_ext_control,
    }
}

unions! {
    /// The item in [`v4l2_querymenu`].
    v4l2_querymenu__bindgen_ty_1 { name: [u8; 32], value: i64, }
    /// The value in [`v4l2_ext_control`].
    v4l2_ext_control__bindgen_ty_1 {
        value: i32, value64: i64, string: *mut c_char, p_u8: *mut u8, p_u16: *mut u16, p_u32: *mut u32,
        ptr: *mut c_void,
    }
}

// What the `v4l` crate computes ioctl numbers from and nobody here calls.
structs! {
    v4l2_audio [52, 52] { index: u32, name: [u8; 32], capability: u32, mode: u32, reserved: [u32; 2], }
    v4l2_audioout [52, 52] { index: u32, name: [u8; 32], capability: u32, mode: u32, reserved: [u32; 2], }
    v4l2_crop [20, 20] { type_: u32, c: v4l2_rect, }
    v4l2_cropcap [44, 44] { type_: u32, bounds: v4l2_rect, defrect: v4l2_rect, pixelaspect: v4l2_fract, }
    v4l2_enc_idx_entry [32, 32] { offset: u64, pts: u64, length: u32, flags: u32, reserved: [u32; 2], }
    v4l2_enc_idx [2072, 2072] {
        entries: u32, entries_cap: u32, reserved: [u32; 4], entry: [v4l2_enc_idx_entry; 64],
    }
    v4l2_framebuffer [48, 44] { capability: u32, flags: u32, base: *mut c_void, fmt: [u32; 8], }
    v4l2_frequency [44, 44] { tuner: u32, type_: u32, frequency: u32, reserved: [u32; 8], }
    v4l2_input [80, 80] {
        index: u32, name: [u8; 32], type_: u32, audioset: u32, tuner: u32, std: v4l2_std_id, status: u32,
        capabilities: u32, reserved: [u32; 3],
    }
    v4l2_output [72, 72] {
        index: u32, name: [u8; 32], type_: u32, audioset: u32, modulator: u32, std: v4l2_std_id,
        capabilities: u32, reserved: [u32; 3],
    }
    v4l2_jpegcompression [140, 140] {
        quality: c_int, APPn: c_int, APP_len: c_int, APP_data: [c_char; 60], COM_len: c_int,
        COM_data: [c_char; 60], jpeg_markers: u32,
    }
    v4l2_modulator [68, 68] {
        index: u32, name: [u8; 32], capability: u32, rangelow: u32, rangehigh: u32, txsubchans: u32,
        type_: u32, reserved: [u32; 3],
    }
    v4l2_sliced_vbi_cap [116, 116] {
        service_set: u16, service_lines: [[u16; 24]; 2], type_: u32, reserved: [u32; 3],
    }
    v4l2_standard [72, 72] {
        index: u32, id: v4l2_std_id, name: [u8; 24], frameperiod: v4l2_fract, framelines: u32,
        reserved: [u32; 4],
    }
    v4l2_tuner [84, 84] {
        index: u32, name: [u8; 32], type_: u32, capability: u32, rangelow: u32, rangehigh: u32,
        rxsubchans: u32, audmode: u32, signal: i32, afc: i32, reserved: [u32; 4],
    }
}

macro_rules! constants {
    ($($name:ident: $type:ty = $value:expr;)*) => {$(
        #[doc = concat!("The kernel's `", stringify!($name), "`.")]
        pub const $name: $type = $value;
    )*};
}

constants! {
    V4L2_CAP_VIDEO_CAPTURE: u32 = 0x0000_0001;
    V4L2_CAP_VIDEO_OUTPUT: u32 = 0x0000_0002;
    V4L2_CAP_VIDEO_CAPTURE_MPLANE: u32 = 0x0000_1000;
    V4L2_CAP_VIDEO_OUTPUT_MPLANE: u32 = 0x0000_2000;
    V4L2_CAP_VIDEO_M2M_MPLANE: u32 = 0x0000_4000;
    V4L2_CAP_VIDEO_M2M: u32 = 0x0000_8000;
    V4L2_CAP_META_CAPTURE: u32 = 0x0080_0000;
    V4L2_CAP_STREAMING: u32 = 0x0400_0000;
    V4L2_CAP_META_OUTPUT: u32 = 0x0800_0000;
    V4L2_CAP_DEVICE_CAPS: u32 = 0x8000_0000;
    V4L2_CAP_TIMEPERFRAME: u32 = 0x0000_1000;

    V4L2_IN_ST_NO_POWER: u32 = 0x0000_0001;
    V4L2_IN_ST_NO_SIGNAL: u32 = 0x0000_0002;

    V4L2_BUF_TYPE_VIDEO_CAPTURE: u32 = 1;
    V4L2_BUF_TYPE_VIDEO_OUTPUT: u32 = 2;
    V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE: u32 = 9;
    V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE: u32 = 10;
    V4L2_MEMORY_MMAP: u32 = 1;
    V4L2_MEMORY_DMABUF: u32 = 4;
    V4L2_FIELD_NONE: u32 = 1;
    V4L2_PIX_FMT_PRIV_MAGIC: u32 = 0xfeed_cafe;
    V4L2_BUF_FLAG_KEYFRAME: u32 = 0x0000_0008;
    V4L2_BUF_FLAG_ERROR: u32 = 0x0000_0040;
    V4L2_BUF_FLAG_TIMESTAMP_MASK: u32 = 0x0000_e000;
    V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC: u32 = 0x0000_2000;
    V4L2_BUF_FLAG_LAST: u32 = 0x0010_0000;
    V4L2_BUF_CAP_SUPPORTS_DMABUF: u32 = 0x0000_0004;

    V4L2_ENC_CMD_START: u32 = 0;
    V4L2_ENC_CMD_STOP: u32 = 1;
    V4L2_EVENT_EOS: u32 = 2;
    V4L2_EVENT_SOURCE_CHANGE: u32 = 5;
    V4L2_SEL_TGT_CROP: u32 = 0x0000;

    V4L2_DV_BT_656_1120: u32 = 0;
    V4L2_DV_FL_CAN_REDUCE_FPS: u32 = 1 << 1;
    V4L2_DV_FL_REDUCED_FPS: u32 = 1 << 2;
    V4L2_CID_DV_RX_POWER_PRESENT: u32 = 0x00a0_0900 + 100;

    V4L2_FMT_FLAG_COMPRESSED: u32 = 0x0001;
    V4L2_FMT_FLAG_EMULATED: u32 = 0x0002;

    V4L2_CTRL_FLAG_DISABLED: u32 = 0x0000_0001;
    V4L2_CTRL_FLAG_READ_ONLY: u32 = 0x0000_0004;
    V4L2_CTRL_FLAG_INACTIVE: u32 = 0x0000_0010;
    V4L2_CTRL_FLAG_HAS_PAYLOAD: u32 = 0x0000_0100;
    V4L2_CTRL_WHICH_CUR_VAL: u32 = 0;
    V4L2_CTRL_TYPE_INTEGER: u32 = 1;
    V4L2_CTRL_TYPE_BOOLEAN: u32 = 2;
    V4L2_CTRL_TYPE_MENU: u32 = 3;
    V4L2_CTRL_TYPE_BUTTON: u32 = 4;
    V4L2_CTRL_TYPE_CTRL_CLASS: u32 = 6;
    V4L2_CTRL_TYPE_BITMASK: u32 = 8;
    V4L2_CTRL_TYPE_INTEGER_MENU: u32 = 9;
    V4L2_CTRL_FLAG_NEXT_CTRL: u32 = 0x8000_0000;
    V4L2_CTRL_FLAG_NEXT_COMPOUND: u32 = 0x4000_0000;
    V4L2_CID_MPEG_VIDEO_B_FRAMES: u32 = 0x0099_0900 + 202;
    V4L2_CID_MPEG_VIDEO_GOP_SIZE: u32 = 0x0099_0900 + 203;
    V4L2_CID_MPEG_VIDEO_BITRATE_MODE: u32 = 0x0099_0900 + 206;
    V4L2_CID_MPEG_VIDEO_BITRATE: u32 = 0x0099_0900 + 207;
    V4L2_CID_MPEG_VIDEO_HEADER_MODE: u32 = 0x0099_0900 + 216;
    V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER: u32 = 0x0099_0900 + 226;
    V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME: u32 = 0x0099_0900 + 229;
    V4L2_CID_MPEG_VIDEO_H264_I_PERIOD: u32 = 0x0099_0900 + 358;
    V4L2_CID_MPEG_VIDEO_H264_LEVEL: u32 = 0x0099_0900 + 359;
    V4L2_CID_MPEG_VIDEO_H264_PROFILE: u32 = 0x0099_0900 + 363;
    V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR: u32 = 0x0099_0900 + 644;
    V4L2_MPEG_VIDEO_BITRATE_MODE_VBR: u32 = 0;
    V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME: u32 = 1;

    V4L2_FRMSIZE_TYPE_DISCRETE: u32 = 1;
    V4L2_FRMSIZE_TYPE_CONTINUOUS: u32 = 2;
    V4L2_FRMSIZE_TYPE_STEPWISE: u32 = 3;
    V4L2_FRMIVAL_TYPE_DISCRETE: u32 = 1;
    V4L2_FRMIVAL_TYPE_CONTINUOUS: u32 = 2;
    V4L2_FRMIVAL_TYPE_STEPWISE: u32 = 3;

    // The names that `bindgen` makes of an enum's constants.
    v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE: u32 = V4L2_FRMSIZE_TYPE_DISCRETE;
    v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_CONTINUOUS: u32 = V4L2_FRMSIZE_TYPE_CONTINUOUS;
    v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_STEPWISE: u32 = V4L2_FRMSIZE_TYPE_STEPWISE;
    v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE: u32 = V4L2_FRMIVAL_TYPE_DISCRETE;
    v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_CONTINUOUS: u32 = V4L2_FRMIVAL_TYPE_CONTINUOUS;
    v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_STEPWISE: u32 = V4L2_FRMIVAL_TYPE_STEPWISE;
}

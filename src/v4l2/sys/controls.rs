//! Controls and menus.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use v4l2_sys_mit::*;

use super::{Plain, calls, ioctl, text};

/// What a driver says of a control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Described {
    pub(in super::super) id: u32,
    pub(in super::super) name: String,
    /// One of the kernel's `V4L2_CTRL_TYPE_*`.
    pub(in super::super) kind: u32,
    pub(in super::super) least: i64,
    pub(in super::super) greatest: i64,
    pub(in super::super) step: i64,
    pub(in super::super) default: i64,
    pub(in super::super) flags: u32,
}

calls! {
    vidioc_g_ctrl = request_code_readwrite(27, v4l2_control);
    vidioc_s_ctrl = request_code_readwrite(28, v4l2_control);
    vidioc_queryctrl = request_code_readwrite(36, v4l2_queryctrl);
    vidioc_querymenu = request_code_readwrite(37, v4l2_querymenu);
    vidioc_query_ext_ctrl = request_code_readwrite(103, v4l2_query_ext_ctrl);
}

/// `VIDIOC_QUERY_EXT_CTRL`, or `VIDIOC_QUERYCTRL` of a driver that lacks it; none without the control, or
/// while it cannot be used.
pub(in super::super) fn control(fd: BorrowedFd<'_>, id: u32) -> Option<Described> {
    described(fd, id).filter(Described::is_enabled)
}

/// The control with the next higher number, one that cannot be used, or is an array, too.
pub(in super::super) fn control_after(fd: BorrowedFd<'_>, id: u32) -> Option<Described> {
    described(fd, id | V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND)
}

impl Described {
    /// Whether it can be used.
    pub(in super::super) fn is_enabled(&self) -> bool {
        self.flags & V4L2_CTRL_FLAG_DISABLED == 0
    }
}

fn described(fd: BorrowedFd<'_>, id: u32) -> Option<Described> {
    let mut query = v4l2_query_ext_ctrl::zeroed();
    query.id = id;
    match vidioc_query_ext_ctrl(fd, &mut query) {
        Ok(()) => Some(Described {
            id: query.id,
            name: text(&query.name.map(|letter| letter as u8)),
            kind: query.type_,
            least: query.minimum,
            greatest: query.maximum,
            step: i64::try_from(query.step).unwrap_or(i64::MAX),
            default: query.default_value,
            flags: query.flags,
        }),
        Err(Errno::ENOTTY) => old_control(fd, id),
        Err(_) => None,
    }
}

fn old_control(fd: BorrowedFd<'_>, id: u32) -> Option<Described> {
    let mut query = v4l2_queryctrl::zeroed();
    // It knows of no arrays.
    query.id = id & !V4L2_CTRL_FLAG_NEXT_COMPOUND;
    vidioc_queryctrl(fd, &mut query).ok()?;
    Some(Described {
        id: query.id,
        name: text(&query.name),
        kind: query.type_,
        least: query.minimum.into(),
        greatest: query.maximum.into(),
        step: query.step.into(),
        default: query.default_value.into(),
        flags: query.flags,
    })
}

/// `VIDIOC_QUERYMENU`: the driver's name of a menu's entry; none without the entry.
pub(in super::super) fn menu_entry(fd: BorrowedFd<'_>, id: u32, index: u32) -> Option<String> {
    let mut menu = v4l2_querymenu::zeroed();
    (menu.id, menu.index) = (id, index);
    vidioc_querymenu(fd, &mut menu).ok()?;
    // SAFETY: bytes, whatever they are.
    Some(text(&unsafe { menu.__bindgen_anon_1.name }))
}

/// `VIDIOC_QUERYMENU` of a menu of numbers: an entry's.
pub(in super::super) fn menu_number(fd: BorrowedFd<'_>, id: u32, index: u32) -> Option<i64> {
    let mut menu = v4l2_querymenu::zeroed();
    (menu.id, menu.index) = (id, index);
    vidioc_querymenu(fd, &mut menu).ok()?;
    // SAFETY: bits, whatever they are.
    Some(unsafe { menu.__bindgen_anon_1.value })
}

/// `VIDIOC_G_CTRL`: the value of a control that is one number.
pub(in super::super) fn value(fd: BorrowedFd<'_>, id: u32) -> Option<i32> {
    let mut control = v4l2_control { id, value: 0 };
    vidioc_g_ctrl(fd, &mut control).ok().map(|()| control.value)
}

/// `VIDIOC_S_EXT_CTRLS` of one control, or `VIDIOC_S_CTRL` of a driver that lacks it.
pub(in super::super) fn set_control(fd: BorrowedFd<'_>, id: u32, value: i32) -> nix::Result<()> {
    let mut control = v4l2_ext_control::zeroed();
    control.id = id;
    control.__bindgen_anon_1.value = value;
    let mut controls = v4l2_ext_controls::zeroed();
    controls.which = V4L2_CTRL_WHICH_CUR_VAL;
    controls.count = 1;
    controls.controls = &raw mut control;
    let request = nix::request_code_readwrite!(b'V', 72, size_of::<v4l2_ext_controls>());
    // SAFETY: the request takes this structure; its pointer is to `count` controls that outlive the call.
    match unsafe { ioctl(fd, request, &mut controls) } {
        Err(Errno::ENOTTY) => vidioc_s_ctrl(fd, &mut v4l2_control { id, value }),
        result => result,
    }
}

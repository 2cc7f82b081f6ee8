//! Digital video (HDMI): what comes in, by which timings, and what a node tells sources of itself (EDID).

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use v4l2_sys_mit::*;

use super::{Plain, calls, ioctl};

calls! {
    vidioc_g_edid = request_code_readwrite(40, v4l2_edid);
    vidioc_s_dv_timings = request_code_readwrite(87, v4l2_dv_timings);
    vidioc_g_dv_timings = request_code_readwrite(88, v4l2_dv_timings);
    vidioc_query_dv_timings = request_code_read(99, v4l2_dv_timings);
}

/// `VIDIOC_QUERY_DV_TIMINGS`: those of what comes in; none of a kind that is not known.
pub(in super::super) fn query_timings(fd: BorrowedFd<'_>) -> nix::Result<Option<v4l2_bt_timings>> {
    let mut timings = v4l2_dv_timings::zeroed();
    vidioc_query_dv_timings(fd, &mut timings)?;
    Ok(bt(&timings))
}

/// `VIDIOC_G_DV_TIMINGS`: those that are set, likewise.
pub(in super::super) fn timings(fd: BorrowedFd<'_>) -> nix::Result<Option<v4l2_bt_timings>> {
    let mut timings = v4l2_dv_timings::zeroed();
    vidioc_g_dv_timings(fd, &mut timings)?;
    Ok(bt(&timings))
}

/// `VIDIOC_S_DV_TIMINGS`.
pub(in super::super) fn set_timings(fd: BorrowedFd<'_>, bt: v4l2_bt_timings) -> nix::Result<()> {
    let mut timings = v4l2_dv_timings::zeroed();
    timings.type_ = V4L2_DV_BT_656_1120;
    timings.__bindgen_anon_1.bt = bt;
    vidioc_s_dv_timings(fd, &mut timings)
}

fn bt(timings: &v4l2_dv_timings) -> Option<v4l2_bt_timings> {
    // SAFETY: integers alone.
    (timings.type_ == V4L2_DV_BT_656_1120).then_some(unsafe { timings.__bindgen_anon_1.bt })
}

/// `VIDIOC_G_EDID` of no block: how many an input has.
pub(in super::super) fn edid_blocks(fd: BorrowedFd<'_>, input: u32) -> nix::Result<u32> {
    // No block is where nothing points to, and the kernel follows that pointer for blocks alone.
    let mut edid = v4l2_edid::zeroed();
    edid.pad = input;
    match vidioc_g_edid(fd, &mut edid) {
        Ok(()) => Ok(edid.blocks),
        Err(Errno::ENODATA) => Ok(0),
        Err(errno) => Err(errno),
    }
}

/// `VIDIOC_S_EDID` of an input: 128 bytes a block.
pub(in super::super) fn set_edid(fd: BorrowedFd<'_>, input: u32, blocks: &[[u8; 128]]) -> nix::Result<()> {
    // The kernel writes back what it took.
    let mut bytes = blocks.to_vec();
    let mut edid = v4l2_edid::zeroed();
    (edid.pad, edid.blocks) = (input, bytes.len() as u32);
    edid.edid = bytes.as_mut_ptr().cast();
    let request = nix::request_code_readwrite!(b'V', 41, size_of::<v4l2_edid>());
    // SAFETY: the request takes this structure; its pointer is to `blocks` times 128 bytes that outlive the call.
    unsafe { ioctl(fd, request, &mut edid) }
}

//! Nodes that take digital video (HDMI): what comes in, by which timings it is captured, and whether that changed.

use std::fmt;
use std::os::fd::AsFd;

use nix::errno::Errno;
use v4l2_sys_mit::{
    V4L2_CID_DV_RX_POWER_PRESENT, V4L2_DV_FL_CAN_REDUCE_FPS, V4L2_DV_FL_REDUCED_FPS,
    V4L2_EVENT_SOURCE_CHANGE, v4l2_bt_timings,
};

use super::device::Device;
use super::error::Error;
use super::sys;

/// Events taken at once; a driver that always has another one is at fault.
const EVENTS: u32 = 64;

/// How pictures come in: size, rate and what is between them.
#[derive(Clone, Copy)]
pub struct Timings(v4l2_bt_timings);

/// What comes in.
#[derive(Clone, Copy, Debug)]
pub enum Incoming {
    /// Pictures, by these timings.
    Pictures(Timings),
    /// Nothing: `ENOLINK`.
    NoLink,
    /// Something to which the receiver does not lock: `ENOLCK`.
    NoLock,
    /// What the receiver is not made for: `ERANGE`.
    OutOfRange,
}

impl Timings {
    /// Width and height, of both fields together.
    pub fn size(&self) -> (u32, u32) {
        (self.0.width, self.0.height)
    }

    /// Whole pictures a second; 0 where the driver's numbers make none.
    pub fn rate(&self) -> f64 {
        let bt = &self.0;
        let sum = |parts: &[u32]| parts.iter().map(|part| u64::from(*part)).sum::<u64>() as f64;
        let wide = sum(&[bt.width, bt.hfrontporch, bt.hsync, bt.hbackporch]);
        let interlaced =
            if self.is_interlaced() { sum(&[bt.il_vfrontporch, bt.il_vsync, bt.il_vbackporch]) } else { 0.0 };
        let high = sum(&[bt.height, bt.vfrontporch, bt.vsync, bt.vbackporch]) + interlaced;
        let reduced = V4L2_DV_FL_CAN_REDUCE_FPS | V4L2_DV_FL_REDUCED_FPS;
        let slower = if bt.flags & reduced == reduced { 1000.0 / 1001.0 } else { 1.0 };
        let pixels = wide * high;
        if pixels > 0.0 { bt.pixelclock as f64 * slower / pixels } else { 0.0 }
    }

    /// Whether each picture comes as two fields.
    pub fn is_interlaced(&self) -> bool {
        self.0.interlaced != 0
    }
}

impl fmt::Debug for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.size();
        write!(f, "{width}x{height}{} at {}", if self.is_interlaced() { "i" } else { "" }, self.rate())
    }
}

impl Device {
    /// What comes in now, whatever is set; none where the node takes no digital video.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn incoming(&self) -> Result<Option<Incoming>, Error> {
        match sys::query_timings(self.as_fd()) {
            // Timings of another kind nobody has made yet.
            Ok(timings) => Ok(timings.map(Timings).map(Incoming::Pictures)),
            Err(Errno::ENOLINK) => Ok(Some(Incoming::NoLink)),
            Err(Errno::ENOLCK) => Ok(Some(Incoming::NoLock)),
            Err(Errno::ERANGE) => Ok(Some(Incoming::OutOfRange)),
            // ENODATA: the input that is chosen is another kind's.
            Err(Errno::ENOTTY | Errno::ENODATA | Errno::EINVAL) => Ok(None),
            Err(errno) => Err(self.error("VIDIOC_QUERY_DV_TIMINGS", errno)),
        }
    }

    /// The timings that are set.
    pub fn timings(&self) -> Option<Timings> {
        sys::timings(self.as_fd()).ok().flatten().map(Timings)
    }

    /// Has pictures be captured by these timings.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if somebody streams by others, else the driver's.
    pub fn set_timings(&self, timings: &Timings) -> Result<(), Error> {
        sys::set_timings(self.as_fd(), timings.0).map_err(|errno| self.error("VIDIOC_S_DV_TIMINGS", errno))
    }

    /// Whether a source that is on is connected; none where the driver does not say.
    pub fn has_power(&self) -> Option<bool> {
        // A bit an input, by an order of the driver's own.
        self.value(V4L2_CID_DV_RX_POWER_PRESENT).map(|inputs| inputs != 0)
    }

    /// Whether the input tells sources what they may send; none where it cannot.
    pub fn has_edid(&self) -> Option<bool> {
        sys::edid_blocks(self.as_fd(), self.input()).ok().map(|blocks| blocks > 0)
    }

    /// Has the input tell sources what they may send.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub fn set_edid(&self, blocks: &[[u8; 128]]) -> Result<(), Error> {
        sys::set_edid(self.as_fd(), self.input(), blocks).map_err(|errno| self.error("VIDIOC_S_EDID", errno))
    }

    /// Has [`Device::source_changed`] say so; false where the driver cannot.
    pub fn watch_source(&self) -> bool {
        sys::subscribe(self.as_fd(), V4L2_EVENT_SOURCE_CHANGE, self.input()).is_ok()
    }

    /// Whether something else comes in than at the last look.
    pub fn source_changed(&self) -> bool {
        let events = (0..EVENTS).map_while(|_| sys::event(self.as_fd()).ok());
        events.filter(|event| *event == V4L2_EVENT_SOURCE_CHANGE).count() > 0
    }

    fn input(&self) -> u32 {
        sys::input(self.as_fd()).unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use v4l2_sys_mit::v4l2_fract;

    use super::*;

    /// Timings of a picture with so many pixels a line and lines around it.
    pub(crate) fn timings(size: (u32, u32), blank: (u32, u32), pixelclock: u64, interlaced: bool) -> Timings {
        Timings(v4l2_bt_timings {
            width: size.0,
            height: size.1,
            interlaced: interlaced.into(),
            polarities: 0,
            pixelclock,
            hfrontporch: blank.0,
            hsync: 0,
            hbackporch: 0,
            vfrontporch: 0,
            vsync: blank.1,
            vbackporch: 0,
            il_vfrontporch: 0,
            il_vsync: blank.1,
            il_vbackporch: u32::from(interlaced),
            standards: 0,
            flags: V4L2_DV_FL_REDUCED_FPS,
            picture_aspect: v4l2_fract { numerator: 0, denominator: 0 },
            cea861_vic: 0,
            hdmi_vic: 0,
            reserved: [0; 46],
        })
    }

    #[test]
    fn a_rate_is_the_pixel_clock_over_all_that_a_picture_takes() {
        let hundredths = |timings: Timings| (timings.rate() * 100.0).round();
        assert_eq!(hundredths(timings((1920, 1080), (280, 45), 148_500_000, false)), 6000.0);
        assert_eq!(hundredths(timings((640, 480), (160, 45), 25_175_000, false)), 5994.0);
        // 1080i50: 25 pictures of two fields, the second one line longer.
        assert_eq!(hundredths(timings((1920, 1080), (720, 22), 74_250_000, true)), 2500.0);
        let mut slower = timings((1280, 720), (370, 30), 74_250_000, false);
        slower.0.flags |= V4L2_DV_FL_CAN_REDUCE_FPS;
        assert_eq!(hundredths(slower), 5994.0);
        assert_eq!(timings((0, 0), (0, 0), u64::MAX, true).rate(), 0.0);
        assert!(timings((u32::MAX, u32::MAX), (u32::MAX, u32::MAX), 1, true).rate() >= 0.0);
    }
}

//! What comes in at a node that takes HDMI, and what follows from it. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::board::{Offered, Size};
use crate::v4l2::Incoming;

/// Rates so near are one: receivers measure them.
const NEAR: f64 = 1.025;

/// What comes in by HDMI.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Signal {
    /// Pictures.
    Pictures {
        /// Pixels a line.
        width: u32,
        /// Lines, of both fields together.
        height: u32,
        /// A second; 0 where that is not known.
        rate: f64,
        /// Whether each comes as two fields.
        #[serde(default)]
        interlaced: bool,
    },
    /// Nothing, and no source that is on is connected.
    NoCable,
    /// Nothing.
    NoSignal,
    /// Something to which the receiver does not lock.
    NoLock,
    /// What the receiver is not made for.
    OutOfRange,
}

impl Signal {
    /// What the driver says; `power` is whether a source that is on is connected, if it says that.
    pub(super) fn new(incoming: &Incoming, power: Option<bool>) -> Self {
        match incoming {
            Incoming::Pictures(timings) => {
                let ((width, height), rate) = (timings.size(), timings.rate());
                match width.min(height) {
                    // Measured before there was much to measure.
                    0 => Self::NoLock,
                    _ => Self::Pictures { width, height, rate, interlaced: timings.is_interlaced() },
                }
            }
            Incoming::NoLink if power == Some(false) => Self::NoCable,
            Incoming::NoLink => Self::NoSignal,
            Incoming::NoLock => Self::NoLock,
            Incoming::OutOfRange => Self::OutOfRange,
        }
    }

    /// Whether there are pictures.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Pictures { .. })
    }

    /// Whether it is captured as `set` is: else it is begun anew.
    pub(super) fn is_captured_as(&self, set: &Self) -> bool {
        match (*self, *set) {
            (
                Self::Pictures { width, height, rate, interlaced },
                Self::Pictures { width: wide, height: high, rate: other, interlaced: fields },
            ) => {
                let near = rate <= other * NEAR && other <= rate * NEAR;
                (width, height, interlaced, near) == (wide, high, fields, true)
            }
            _ => false,
        }
    }

    /// Has formats without a size have this one: a driver that does not scale names none. At its rate, where the driver
    /// names none.
    pub(super) fn fill(&self, formats: &mut [Offered]) {
        let Self::Pictures { width, height, rate, .. } = *self else { return };
        for format in formats {
            if format.sizes.is_empty() && format.range.is_none() {
                format.sizes.push(Size { width, height, ..Size::default() });
            }
            let unsaid = format.sizes.iter_mut().filter(|size| size.rates.is_empty() && rate > 0.0);
            unsaid.for_each(|size| size.rates.push(rate));
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pictures { width, height, rate, interlaced } => {
                write!(f, "{width}x{height}{}", if *interlaced { " interlaced" } else { "" })?;
                if *rate > 0.0 { write!(f, " at {}", (rate * 100.0).round() / 100.0) } else { Ok(()) }
            }
            Self::NoCable => f.write_str(
                "HDMI: no signal comes in, and no cable: connect a source, and switch it on",
            ),
            Self::NoSignal => f.write_str("HDMI: no signal comes in: is the source on and awake?"),
            Self::NoLock => f.write_str(
                "HDMI: something comes in, and the receiver never locks to it: perhaps the cable is too long or damaged",
            ),
            Self::OutOfRange => f.write_str(
                "HDMI: the signal is out of range for the receiver: have the source send a smaller size or rate",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v4l2::timings;

    fn pictures(width: u32, height: u32, rate: f64) -> Signal {
        Signal::Pictures { width, height, rate, interlaced: false }
    }

    #[test]
    fn what_the_driver_says_is_told_for_what_it_is() {
        let full = Incoming::Pictures(timings((1920, 1080), (280, 45), 74_250_000, false));
        let fields = Incoming::Pictures(timings((1920, 1080), (720, 22), 74_250_000, true));
        let nothing = Incoming::Pictures(timings((0, 1080), (280, 45), 74_250_000, false));
        let unmeasured = Incoming::Pictures(timings((640, 480), (160, 45), 0, false));
        for (incoming, power, told) in [
            (full, Some(true), "1920x1080 at 30"),
            (fields, None, "1920x1080 interlaced at 25"),
            (unmeasured, None, "640x480"),
            (nothing, None, "HDMI: something comes in, and the receiver never locks to it"),
            (Incoming::NoLink, Some(false), "HDMI: no signal comes in, and no cable"),
            (Incoming::NoLink, Some(true), "HDMI: no signal comes in: is the source on"),
            (Incoming::NoLink, None, "HDMI: no signal comes in: is the source on"),
            (Incoming::NoLock, Some(true), "HDMI: something comes in, and the receiver never locks to it"),
            (Incoming::OutOfRange, Some(true), "HDMI: the signal is out of range"),
        ] {
            let signal = Signal::new(&incoming, power);
            assert!(signal.to_string().starts_with(told), "{incoming:?}: {signal}");
            assert_eq!(signal.is_good(), !told.starts_with("HDMI"), "{signal}");
        }
    }

    #[test]
    fn another_size_or_rate_begins_anew_and_what_a_receiver_measures_a_little_otherwise_does_not() {
        let set = pictures(1280, 720, 60.0);
        for (now, same) in [
            (set, true),
            (pictures(1280, 720, 59.94), true),
            (pictures(1280, 720, 59.0), true),
            (pictures(1280, 720, 50.0), false),
            (pictures(1280, 720, 0.0), false),
            (pictures(1280, 722, 60.0), false),
            (pictures(720, 720, 60.0), false),
            (Signal::Pictures { width: 1280, height: 720, rate: 60.0, interlaced: true }, false),
            (Signal::NoSignal, false),
            (Signal::NoLock, false),
        ] {
            assert_eq!(now.is_captured_as(&set), same, "{now}");
        }
        let unmeasured = pictures(1280, 720, 0.0);
        assert!(unmeasured.is_captured_as(&unmeasured));
        assert!(!Signal::NoCable.is_captured_as(&Signal::NoCable));
    }

    #[test]
    fn a_driver_that_names_no_size_has_that_of_the_signal() {
        let size = |width, rates: &[f64]| Size { width, height: 480, rates: rates.into(), between: false };
        let format = |sizes: Vec<Size>| Offered { fourcc: "UYVY".to_owned(), sizes, ..Offered::default() };
        for (signal, sizes, filled) in [
            (pictures(640, 480, 60.0), vec![], vec![size(640, &[60.0])]),
            (pictures(640, 480, 0.0), vec![], vec![size(640, &[])]),
            // One that scales, or has rates of its own.
            (pictures(640, 480, 60.0), vec![size(320, &[])], vec![size(320, &[60.0])]),
            (pictures(640, 480, 60.0), vec![size(320, &[30.0])], vec![size(320, &[30.0])]),
            (Signal::NoSignal, vec![], vec![]),
        ] {
            let mut formats = [format(sizes)];
            signal.fill(&mut formats);
            assert_eq!(formats[0].sizes, filled, "{signal}");
        }
    }
}

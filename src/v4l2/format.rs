//! Pixel formats, picture sizes and rates.

use std::fmt;

use arrayvec::ArrayVec;

/// Planes a buffer has at most: the kernel's `VIDEO_MAX_PLANES`.
pub const MAX_PLANES: usize = 8;

/// A queue of a node's buffers, as the kernel names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Pictures from the driver, one plane a buffer: `V4L2_BUF_TYPE_VIDEO_CAPTURE`.
    Capture,
    /// Pictures from the driver, several planes a buffer: `V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE`.
    CaptureMplane,
    /// Pictures to the driver, one plane a buffer: `V4L2_BUF_TYPE_VIDEO_OUTPUT`.
    Output,
    /// Pictures to the driver, several planes a buffer: `V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE`.
    OutputMplane,
}

/// Whose memory a queue's buffers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The driver's, mapped into this process: `V4L2_MEMORY_MMAP`.
    Mmap,
    /// Another driver's, named by a descriptor: `V4L2_MEMORY_DMABUF`.
    DmaBuf,
}

/// Bytes from one line to the next, of each plane of a buffer; none are whatever the driver has.
pub type Lines = ArrayVec<u32, MAX_PLANES>;

/// A pixel format's four-character code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

/// A pixel format that a node offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its code.
    pub fourcc: FourCc,
    /// The driver's name for it.
    pub description: String,
    /// Whether the bytes are coded rather than raw samples.
    pub compressed: bool,
}

/// Picture sizes in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// This width and height.
    One(u32, u32),
    /// Any from the least to the greatest width and height, in steps.
    Range {
        /// The least width and height.
        least: (u32, u32),
        /// The greatest width and height.
        greatest: (u32, u32),
        /// From one width, and one height, to the next; 1 where the driver takes any.
        step: (u32, u32),
    },
}

/// The time between two pictures: a fraction of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Above the line.
    pub numerator: u32,
    /// Below the line.
    pub denominator: u32,
}

/// Times between two pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intervals {
    /// This one.
    One(Interval),
    /// Any from the shortest to the longest.
    Range {
        /// The shortest.
        shortest: Interval,
        /// The longest.
        longest: Interval,
    },
}

/// The format a driver settled on, whatever it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The pixel format.
    pub fourcc: FourCc,
    /// Pixels a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// The order of lines: the kernel's `enum v4l2_field`; 1 is every line in turn.
    pub field: u32,
    /// The planes of a buffer: one, except of a multi-planar queue.
    pub planes: ArrayVec<Plane, MAX_PLANES>,
    /// What the samples mean.
    pub colour: Colour,
}

/// A plane of memory in a [`Format`]. In one plane there may be all of a picture's samples: luma, then
/// chroma (`YU12`, `NV12`), with strides of chroma that follow from luma's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plane {
    /// Bytes from one line to the next; 0 for coded formats.
    pub bytesperline: u32,
    /// Bytes of the largest picture.
    pub sizeimage: u32,
}

/// What samples mean, in the kernel's
/// [numbers](https://docs.kernel.org/userspace-api/media/v4l/colorspaces-defs.html); 0 where the driver
/// does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colour {
    /// `enum v4l2_colorspace`.
    pub colorspace: u32,
    /// `enum v4l2_ycbcr_encoding`.
    pub ycbcr_enc: u32,
    /// `enum v4l2_quantization`.
    pub quantization: u32,
    /// `enum v4l2_xfer_func`.
    pub xfer_func: u32,
}

/// The two queues of an encoder, a decoder or a converter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Pictures to it.
    pub output: Queue,
    /// What it makes of them.
    pub capture: Queue,
}

impl Queue {
    /// Whether a buffer has several planes.
    pub fn is_mplane(self) -> bool {
        matches!(self, Self::CaptureMplane | Self::OutputMplane)
    }

    /// Whether pictures go to the driver.
    pub fn is_output(self) -> bool {
        matches!(self, Self::Output | Self::OutputMplane)
    }
}

impl Format {
    /// Bytes from one line to the next in the first plane; 0 for coded formats.
    pub fn bytesperline(&self) -> u32 {
        self.planes.first().map_or(0, |plane| plane.bytesperline)
    }

    /// Likewise in each plane.
    pub fn lines(&self) -> Lines {
        self.planes.iter().map(|plane| plane.bytesperline).collect()
    }
}

impl FourCc {
    /// H.264 as a byte stream, an access unit a buffer.
    pub const H264: Self = Self(*b"H264");
    /// H.265 as a byte stream, an access unit a buffer.
    pub const HEVC: Self = Self(*b"HEVC");
    /// A JPEG a buffer; cameras leave the Huffman tables out, or not.
    pub const MJPG: Self = Self(*b"MJPG");
    /// A JPEG a buffer, whole by itself.
    pub const JPEG: Self = Self(*b"JPEG");

    /// Whether it is a raw Bayer mosaic, packed or not.
    ///
    /// The [kernel's codes](https://docs.kernel.org/userspace-api/media/v4l/pixfmt-bayer.html) begin
    /// with the mosaic's first colours (`BA81`, `GBRG`, `GRBG`, `RGGB` for 8 bits, `pBAA`, `RG10`, ...).
    pub fn is_bayer(self) -> bool {
        match &self.0 {
            b"BA81" | b"GBRG" | b"GRBG" | b"RGGB" | b"BYR2" => true,
            [b'p', b'B' | b'G' | b'g' | b'R', ..] => true,
            [b'B', b'G' | b'A', tail @ ..] | [b'G', b'B' | b'R', tail @ ..] => depth(*tail),
            [b'R', b'G', tail @ ..] => depth(*tail),
            _ => false,
        }
    }
}

/// Whether the tail of a Bayer code is a bit depth: `10`, `12`, `14`, `16`.
fn depth(tail: [u8; 2]) -> bool {
    matches!(&tail, b"10" | b"12" | b"14" | b"16")
}

impl Interval {
    /// Pictures a second; 0 where the driver's fraction makes none.
    pub fn rate(self) -> f64 {
        if self.numerator == 0 {
            return 0.0;
        }
        f64::from(self.denominator) / f64::from(self.numerator)
    }

    /// The time between two pictures at `rate` pictures a second; none where `rate` is no rate.
    pub fn from_rate(rate: f64) -> Option<Self> {
        (rate.is_finite() && rate > 0.0 && rate <= 1_000.0)
            .then(|| Self { numerator: 1_000, denominator: (rate * 1_000.0).round() as u32 })
    }
}

impl From<u32> for FourCc {
    fn from(code: u32) -> Self {
        // The top bit says big-endian, which is no letter.
        Self((code & 0x7fff_ffff).to_le_bytes())
    }
}

impl From<FourCc> for u32 {
    fn from(code: FourCc) -> Self {
        Self::from_le_bytes(code.0)
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.0.iter().map(|&byte| printable(byte)).collect();
        f.write_str(text.trim_end())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '?' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bayer_is_told_from_what_looks_like_it() {
        for bayer in [b"BA81", b"RG10", b"pBAA", b"BG12", b"GR16", b"RGGB", b"BA10"] {
            assert!(FourCc(*bayer).is_bayer(), "{}", FourCc(*bayer));
        }
        for other in [b"YUYV", b"RGB3", b"BGR3", b"GREY", b"H264", b"RGBP", b"BGR4"] {
            assert!(!FourCc(*other).is_bayer(), "{}", FourCc(*other));
        }
    }

    #[test]
    fn a_rate_of_nothing_is_no_rate() {
        assert_eq!(Interval { numerator: 0, denominator: 30 }.rate(), 0.0);
        assert_eq!(Interval::from_rate(f64::NAN), None);
        assert_eq!(Interval::from_rate(15.0).map(Interval::rate), Some(15.0));
    }
}

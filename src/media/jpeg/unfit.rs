//! Why a picture is not served.

use std::fmt;

/// Why a JPEG cannot go out over RTP, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Nothing of a JPEG begins in it.
    NoJpeg,
    /// It ends before its picture does.
    Truncated,
    /// A marker segment says what it cannot.
    Malformed(u8),
    /// Progressive, lossless, arithmetic coding or the like: the marker of its frame header.
    NotBaseline(u8),
    /// So many bits a sample.
    Precision(u8),
    /// Not three components as 4:2:0 or 4:2:2 have them.
    Sampling,
    /// 4:2:2 in MCUs of 16x16 pixels, in each of which the blocks are in another order than in two of 16x8.
    DoubledUnits,
    /// Width and height.
    Size(u16, u16),
    /// A quantization table of 16 bits, or one that is missing, or two for the colours.
    Quantization,
    /// Huffman tables other than the usual ones.
    Huffman,
    /// Several scans, or restart markers that were not announced.
    Scan,
    /// 16 MB or more.
    TooLong,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoJpeg => write!(f, "this is no JPEG"),
            Self::Truncated => write!(f, "the JPEG is cut short; the picture is left out"),
            Self::Malformed(marker) => write!(f, "the JPEG is damaged at its marker ff{marker:02x}"),
            Self::NotBaseline(marker) => write!(
                f,
                "RTP carries baseline JPEG only, and this one is of another process (marker ff{marker:02x}); \
                 save it as baseline, not progressive"
            ),
            Self::Precision(bits) => write!(f, "{bits} bits a sample; RTP carries JPEG of 8"),
            Self::Sampling => {
                write!(f, "RTP carries JPEG of 4:2:0 and 4:2:2 in colour only; save it with one of them")
            }
            Self::DoubledUnits => write!(
                f,
                "its 4:2:2 is coded in units of 16x16 pixels, as ffmpeg does, and RTP carries units of 16x8; \
                 save it as 4:2:0"
            ),
            Self::Size(width, height) => write!(
                f,
                "{width}x{height} is more than 2040x2040, the largest JPEG that RTP carries (or nothing); \
                 choose a smaller size, or H.264"
            ),
            Self::Quantization => {
                write!(
                    f,
                    "RTP carries JPEG with two quantization tables of 8 bits; save it at a higher quality"
                )
            }
            Self::Huffman => write!(
                f,
                "RTP carries JPEG with the standard Huffman tables only; save it without optimizing them"
            ),
            Self::Scan => write!(f, "RTP carries JPEG of one whole scan; save it as baseline"),
            Self::TooLong => write!(f, "RTP carries JPEG of less than 16 MB; choose a smaller size"),
        }
    }
}

impl std::error::Error for Unfit {}

//! Which pixel formats have their samples in the same order, and how those lie in memory. Pure.

use crate::v4l2::FourCc;

/// How samples lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Samples {
    /// Rows of so many bytes for so many pixels.
    Packed { bytes: usize, pixels: usize },
    /// 4:2:0 of luma, and of both chromas by turns.
    SemiPlanar,
    /// 4:2:0 of luma, one chroma and the other.
    Planar,
}

/// The pixel formats whose samples lie in the same order, in one plane of memory and in several.
const SAME: [[FourCc; 2]; 4] = [
    [FourCc(*b"NV12"), FourCc(*b"NM12")],
    [FourCc(*b"NV21"), FourCc(*b"NM21")],
    [FourCc(*b"YU12"), FourCc(*b"YM12")],
    [FourCc(*b"YV12"), FourCc(*b"YM21")],
];

/// How a pixel format's samples lie; none where that is unknown.
pub(super) fn samples(format: FourCc) -> Option<Samples> {
    Some(match &format.0 {
        b"YUYV" | b"UYVY" | b"YVYU" | b"VYUY" => Samples::Packed { bytes: 4, pixels: 2 },
        b"RGBP" => Samples::Packed { bytes: 2, pixels: 1 },
        b"RGB3" | b"BGR3" => Samples::Packed { bytes: 3, pixels: 1 },
        b"BGR4" | b"AB24" | b"AR24" | b"XR24" | b"XB24" | b"RGB4" => Samples::Packed { bytes: 4, pixels: 1 },
        b"NV12" | b"NM12" | b"NV21" | b"NM21" => Samples::SemiPlanar,
        b"YU12" | b"YM12" | b"YV12" | b"YM21" => Samples::Planar,
        _ => return None,
    })
}

/// The pixel format among `taken` in which the samples of `given` can be handed on as they are: itself
/// first.
pub(super) fn same_samples(given: FourCc, taken: impl Fn(FourCc) -> bool) -> Option<FourCc> {
    samples(given)?;
    let others = SAME.into_iter().filter(|pair| pair.contains(&given)).flatten();
    std::iter::once(given).chain(others).find(|format| taken(*format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_in_several_planes_is_coded_as_the_one_with_the_same_samples() {
        let codec = |format: FourCc| [*b"NV12", *b"YUYV"].contains(&format.0);
        assert_eq!(same_samples(FourCc(*b"NM12"), codec), Some(FourCc(*b"NV12")));
        assert_eq!(same_samples(FourCc(*b"YUYV"), codec), Some(FourCc(*b"YUYV")));
        assert_eq!(same_samples(FourCc(*b"NV21"), codec), None);
        assert_eq!(same_samples(FourCc(*b"MJPG"), |_| true), None);
    }
}

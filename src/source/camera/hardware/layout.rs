//! Where a picture's samples are in memory, and copying them to where an encoder has them. Pure.

use arrayvec::ArrayVec;

use crate::source::camera::samples::{Samples, samples};
use crate::v4l2::Format;

/// The rows of bytes that make a picture: packed samples; luma and chroma; luma, blue and red.
pub(super) type Layout = ArrayVec<Rows, 3>;

/// Rows of bytes in a plane of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    plane: usize,
    start: usize,
    stride: usize,
    /// Bytes of a row that are samples.
    row: usize,
    rows: usize,
}

/// Where the samples of a picture of `width` and `height` are in buffers of this format.
///
/// # Errors
/// That is unknown, or cannot be: in a sentence.
pub(super) fn layout(format: &Format, (width, height): (u32, u32)) -> Result<Layout, String> {
    let wrong = |why: String| format!("{} of {width}x{height}: {why}", format.fourcc);
    let (width, height) = (width as usize, height as usize);
    let luma = format.bytesperline() as usize;
    // The driver's own height, which may be rounded up, is where chroma begins.
    let coded = format.height as usize;
    let half = |side: usize| side.div_ceil(2);
    let known = samples(format.fourcc).ok_or_else(|| wrong("how its samples lie is not known".to_owned()))?;
    let extents: ArrayVec<(usize, usize, usize, usize), 3> = match known {
        Samples::Packed { bytes, pixels } => {
            [(luma, width.div_ceil(pixels) * bytes, height, coded)].into_iter().collect()
        }
        Samples::SemiPlanar => {
            let chroma = (luma, 2 * half(width), half(height), half(coded));
            [(luma, width, height, coded), chroma].into_iter().collect()
        }
        Samples::Planar => {
            let chroma = (luma / 2, half(width), half(height), half(coded));
            [(luma, width, height, coded), chroma, chroma].into_iter().collect()
        }
    };
    let apart = format.planes.len() > 1;
    if format.planes.is_empty() || apart && format.planes.len() != extents.len() {
        return Err(wrong(format!("comes in {} planes of memory", format.planes.len())));
    }
    let mut next = 0;
    let mut layout = Layout::new();
    for (number, (stride, row, rows, whole)) in extents.into_iter().enumerate() {
        let (plane, start) = if apart { (number, 0) } else { (0, next) };
        let stride = if apart { format.planes[number].bytesperline as usize } else { stride };
        if stride < row {
            return Err(wrong(format!("lines of {row} bytes cannot be {stride} bytes apart")));
        }
        layout.push(Rows { plane, start, stride, row, rows });
        let ends = stride.checked_mul(whole).and_then(|bytes| bytes.checked_add(start));
        next = ends.ok_or_else(|| wrong(format!("lines {stride} bytes apart")))?;
    }
    Ok(layout)
}

/// Whether planes of these lengths hold a whole picture.
pub(super) fn fits(layout: &Layout, length: impl Fn(usize) -> usize) -> bool {
    layout.iter().all(|rows| {
        rows.rows == 0 || rows.start + rows.stride * (rows.rows - 1) + rows.row <= length(rows.plane)
    })
}

/// Copies a picture; gives the bytes copied, or none if one of the buffers is too short for it.
pub(super) fn copy<'a>(
    from: &Layout,
    source: impl Fn(usize) -> &'a [u8],
    to: &Layout,
    target: &mut [&mut [u8]],
) -> Option<usize> {
    let mut copied = 0;
    for (from, to) in from.iter().zip(to) {
        let source = source(from.plane).get(from.start..)?;
        let target = target.get_mut(to.plane)?.get_mut(to.start..)?;
        if from.stride == to.stride && from.rows > 0 {
            // One piece, the padding of the last row left out.
            let bytes = from.stride * (from.rows - 1) + from.row;
            target.get_mut(..bytes)?.copy_from_slice(source.get(..bytes)?);
            copied += bytes;
            continue;
        }
        for row in 0..from.rows {
            let (read, write) = (row * from.stride, row * to.stride);
            let bytes = source.get(read..read + from.row)?;
            target.get_mut(write..write + from.row)?.copy_from_slice(bytes);
            copied += from.row;
        }
    }
    Some(copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v4l2::{Colour, FourCc, Plane};

    fn format(fourcc: &[u8; 4], width: u32, height: u32, strides: &[u32]) -> Format {
        let plane = |stride: &u32| Plane { bytesperline: *stride, sizeimage: stride * height };
        let planes = strides.iter().map(plane).collect();
        Format { fourcc: FourCc(*fourcc), width, height, field: 1, planes, colour: Colour::default() }
    }

    /// A picture of which every sample has its own value, in the given format.
    fn drawn(format: &Format, size: (u32, u32)) -> (Layout, Vec<Vec<u8>>) {
        let layout = layout(format, size).unwrap();
        let mut planes = vec![Vec::new(); format.planes.len()];
        let mut sample = 0_u8;
        for rows in &layout {
            for row in 0..rows.rows {
                let plane: &mut Vec<u8> = &mut planes[rows.plane];
                plane.resize((rows.start + row * rows.stride).max(plane.len()), 0xee);
                plane.extend((0..rows.row).map(|_| {
                    sample = sample.wrapping_add(7);
                    sample
                }));
            }
        }
        (layout, planes)
    }

    #[test]
    fn samples_arrive_whatever_the_strides_and_planes() {
        let size = (34, 6);
        for (from, to) in [
            (format(b"YUYV", 34, 6, &[68]), format(b"YUYV", 34, 6, &[128])),
            (format(b"YU12", 34, 6, &[34]), format(b"YU12", 34, 6, &[64])),
            (format(b"YU12", 34, 6, &[64]), format(b"YU12", 34, 6, &[64])),
            (format(b"YM12", 34, 6, &[48, 24, 24]), format(b"YU12", 34, 6, &[64])),
            (format(b"NM12", 34, 6, &[40, 40]), format(b"NV12", 34, 6, &[64])),
            (format(b"NV12", 34, 6, &[34]), format(b"NM12", 34, 6, &[64, 96])),
            (format(b"NV12", 34, 6, &[34]), format(b"NV12", 34, 8, &[64])),
        ] {
            let (read, pictures) = drawn(&from, size);
            let (write, expected) = drawn(&to, size);
            let mut target: Vec<Vec<u8>> = expected.iter().map(|plane| vec![0xee; plane.len()]).collect();
            let mut planes: Vec<&mut [u8]> = target.iter_mut().map(Vec::as_mut_slice).collect();
            let copied = copy(&read, |plane| &pictures[plane], &write, &mut planes).unwrap();
            let padded = from.planes == to.planes;
            assert!(
                padded || copied == read.iter().map(|rows| rows.row * rows.rows).sum::<usize>(),
                "{from:?}"
            );
            assert_eq!(target, expected, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_buffer_that_is_too_short_is_not_read() {
        let (layout, planes) = drawn(&format(b"NV12", 34, 6, &[34]), (34, 6));
        let mut target = vec![0; 34 * 9];
        for length in 0..planes[0].len() {
            assert_eq!(copy(&layout, |_| &planes[0][..length], &layout, &mut [&mut target]), None);
            let mut short = vec![0; length];
            assert_eq!(copy(&layout, |_| &planes[0], &layout, &mut [&mut short]), None);
        }
    }

    #[test]
    fn what_cannot_be_is_no_layout() {
        for (wrong, why) in [
            (format(b"YUYV", 34, 6, &[67]), "lines of 68 bytes cannot be 67 bytes apart"),
            (format(b"YU12", 34, 6, &[0]), "lines of 34 bytes cannot be 0 bytes apart"),
            (format(b"NM12", 34, 6, &[34, 32]), "lines of 34 bytes cannot be 32 bytes apart"),
            (format(b"YM12", 34, 6, &[34, 17]), "comes in 2 planes of memory"),
            (format(b"H264", 34, 6, &[34]), "how its samples lie is not known"),
            (format(b"NV12", 34, 6, &[]), "comes in 0 planes of memory"),
        ] {
            let told = layout(&wrong, (34, 6)).unwrap_err();
            assert_eq!(told, format!("{} of 34x6: {why}", wrong.fourcc), "{wrong:?}");
        }
    }
}

//! Raw pictures as cameras give them, into planar 4:2:0.
//!
//! What a driver says of its buffers is held together in [`Layout::new`]; from then on a buffer is long
//! enough or refused, whole, before a byte of it is read.

use arrayvec::ArrayVec;
use lenslet_pixels::{high, low, mean_of_high, mean_of_low};

use super::Unreadable;
use crate::media::Picture;

/// How samples of 8 bits lie in memory, by the kernel's names
/// ([packed](https://docs.kernel.org/userspace-api/media/v4l/pixfmt-packed-yuv.html),
/// [planar](https://docs.kernel.org/userspace-api/media/v4l/pixfmt-yuv-planar.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 4:2:2 in one plane: luma, blue, luma, red.
    Yuyv,
    /// 4:2:2 in one plane: blue, luma, red, luma.
    Uyvy,
    /// 4:2:0: luma, then blue and red by turns.
    Nv12,
    /// 4:2:0: luma, then red and blue by turns.
    Nv21,
    /// 4:2:0: luma, blue, red.
    Yu12,
    /// 4:2:0: luma, red, blue.
    Yv12,
}

/// Where the samples of a driver's pictures are.
#[derive(Clone, Debug)]
pub struct Layout {
    samples: Samples,
    /// Of the picture made of it: even.
    width: usize,
    height: usize,
    /// Memory planes that a buffer has.
    memory: usize,
    components: ArrayVec<Component, 3>,
    /// Chroma of two rows of 4:2:2, their mean, blue and red by turns: kept from one picture to the next.
    chroma: Vec<u8>,
}

/// Rows of bytes in a memory plane.
#[derive(Clone, Copy, Debug)]
struct Component {
    memory: usize,
    start: usize,
    stride: usize,
    /// Bytes read of each row.
    row: usize,
    /// Where the last row ends: no buffer may be shorter.
    end: usize,
}

/// Pixels of a side: fewer have no chroma, and no sensor has more.
const SIDE: std::ops::RangeInclusive<usize> = 2..=32_768;

impl Samples {
    /// The pixel format with this four-character code, all in one memory plane or in several.
    pub fn from_fourcc(code: [u8; 4]) -> Option<Self> {
        Some(match &code {
            b"YUYV" => Self::Yuyv,
            b"UYVY" => Self::Uyvy,
            b"NV12" | b"NM12" => Self::Nv12,
            b"NV21" | b"NM21" => Self::Nv21,
            b"YU12" | b"YM12" => Self::Yu12,
            b"YV12" | b"YM21" => Self::Yv12,
            _ => return None,
        })
    }

    /// Components of their own: packed samples, luma and chroma, or luma, blue and red.
    fn count(self) -> usize {
        match self {
            Self::Yuyv | Self::Uyvy => 1,
            Self::Nv12 | Self::Nv21 => 2,
            Self::Yu12 | Self::Yv12 => 3,
        }
    }
}

impl Layout {
    /// Pictures of a width and height in buffers whose memory planes have these strides, in bytes: one for
    /// all, or one a component. In one plane the components follow each other, and chroma has the stride
    /// that goes with luma's.
    ///
    /// # Errors
    /// It cannot be so: in a sentence.
    pub fn new(samples: Samples, (width, height): (u32, u32), strides: &[u32]) -> Result<Self, String> {
        let (width, height) = (width as usize, height as usize);
        let wrong = |why: String| format!("{samples:?} of {width}x{height}: {why}");
        if !SIDE.contains(&width) || !SIDE.contains(&height) {
            return Err(wrong("is no picture".into()));
        }
        let memory = strides.len();
        if memory == 0 || (memory != 1 && memory != samples.count()) {
            return Err(wrong(format!("comes in {memory} planes")));
        }
        let mut components = ArrayVec::new();
        let mut start = 0_usize;
        for number in 0..samples.count() {
            let (row, rows) = extent(samples, number, width, height);
            let stride = match strides.get(number) {
                Some(stride) if memory > 1 || number == 0 => *stride as usize,
                // Half as many samples, at one byte a sample or two.
                _ if samples.count() == 3 => strides[0] as usize / 2,
                _ => strides[0] as usize,
            };
            if stride < row {
                return Err(wrong(format!("lines of {row} bytes cannot be {stride} bytes apart")));
            }
            let whole = stride.checked_mul(rows).and_then(|bytes| bytes.checked_add(start));
            let whole = whole.ok_or_else(|| wrong(format!("lines {stride} bytes apart")))?;
            // The padding behind the last row need not be there.
            let end = whole - (stride - row);
            components.push(Component {
                memory: if memory > 1 { number } else { 0 },
                start,
                stride,
                row,
                end,
            });
            start = if memory > 1 { 0 } else { whole };
        }
        let (width, height) = (width & !1, height & !1);
        let packed = matches!(samples, Samples::Yuyv | Samples::Uyvy);
        let chroma = vec![0; if packed { width } else { 0 }];
        Ok(Self { samples, width, height, memory, components, chroma })
    }

    /// A picture of the size that comes of it: an odd last column or row is left out.
    pub fn picture(&self) -> Picture {
        Picture::black(self.width, self.height)
    }

    /// Reads a buffer's planes into a picture of this size. Chroma of 4:2:2 becomes the mean of two rows.
    ///
    /// # Errors
    /// The buffer is shorter than the layout.
    pub fn read(&mut self, planes: &[&[u8]], to: &mut Picture) -> Result<(), Unreadable> {
        if planes.len() < self.memory {
            return Err(Unreadable("without all its planes"));
        }
        if self.components.iter().any(|component| planes[component.memory].len() < component.end) {
            return Err(Unreadable("shorter than its format"));
        }
        if (to.width, to.height) != (self.width, self.height) {
            *to = self.picture();
        }
        let rows = |number: usize| self.components.get(number).map(|component| component.rows(planes));
        let (half, half_rows) = (self.width / 2, self.height / 2);
        match (self.samples, rows(0), rows(1), rows(2)) {
            (Samples::Yuyv | Samples::Uyvy, Some(_), ..) => self.unpack(planes, to),
            (Samples::Nv12 | Samples::Nv21, Some(luma), Some(chroma), _) => {
                copy(luma, &mut to.luma, self.width);
                let (first, second) = match self.samples {
                    Samples::Nv12 => (&mut to.blue, &mut to.red),
                    _ => (&mut to.red, &mut to.blue),
                };
                let halves = first.chunks_exact_mut(half).zip(second.chunks_exact_mut(half));
                for (row, (first, second)) in chroma.zip(halves) {
                    low(pairs(row), first);
                    high(pairs(row), second);
                }
            }
            (_, Some(luma), Some(second), Some(third)) => {
                copy(luma, &mut to.luma, self.width);
                let (blue, red) =
                    if self.samples == Samples::Yu12 { (second, third) } else { (third, second) };
                copy(blue.take(half_rows), &mut to.blue, half);
                copy(red.take(half_rows), &mut to.red, half);
            }
            _ => return Err(Unreadable("without all its planes")),
        }
        Ok(())
    }

    /// 4:2:2, two rows at once.
    fn unpack(&mut self, planes: &[&[u8]], to: &mut Picture) {
        let (width, half) = (self.width, self.width / 2);
        let Some(component) = self.components.first().copied() else { return };
        let mut packed = component.rows(planes);
        let colours = to.blue.chunks_exact_mut(half).zip(to.red.chunks_exact_mut(half));
        for (luma, (blue, red)) in to.luma.chunks_exact_mut(2 * width).zip(colours) {
            let (Some(upper), Some(lower)) = (packed.next(), packed.next()) else { return };
            let (upper, lower) = (&pairs(upper)[..width], &pairs(lower)[..width]);
            let (first, second) = luma.split_at_mut(width);
            if self.samples == Samples::Yuyv {
                low(upper, first);
                low(lower, second);
                mean_of_high(upper, lower, &mut self.chroma);
            } else {
                high(upper, first);
                high(lower, second);
                mean_of_low(upper, lower, &mut self.chroma);
            }
            let chroma = pairs(&self.chroma);
            low(chroma, blue);
            high(chroma, red);
        }
    }
}

impl Component {
    /// Its rows; the buffer is long enough.
    fn rows<'a>(&self, planes: &[&'a [u8]]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = planes.get(self.memory).and_then(|plane| plane.get(self.start..self.end));
        let row = self.row;
        bytes.unwrap_or_default().chunks(self.stride.max(1)).map(move |bytes| &bytes[..row.min(bytes.len())])
    }
}

/// Bytes a row, and rows, of a component.
fn extent(samples: Samples, number: usize, width: usize, height: usize) -> (usize, usize) {
    match (samples, number) {
        (Samples::Yuyv | Samples::Uyvy, _) => (width.div_ceil(2) * 4, height),
        (_, 0) => (width, height),
        (Samples::Nv12 | Samples::Nv21, _) => (width.div_ceil(2) * 2, height.div_ceil(2)),
        (Samples::Yu12 | Samples::Yv12, _) => (width.div_ceil(2), height.div_ceil(2)),
    }
}

fn copy<'a>(rows: impl Iterator<Item = &'a [u8]>, to: &mut [u8], width: usize) {
    to.chunks_exact_mut(width).zip(rows).for_each(|(to, row)| to.copy_from_slice(&row[..width]));
}

fn pairs(row: &[u8]) -> &[[u8; 2]] {
    row.as_chunks().0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Luma, blue and red of any picture: a gradient in which every sample of a small picture is its own.
    fn sample(component: usize, x: usize, y: usize) -> u8 {
        (component * 85 + x * 3 + y * 7) as u8
    }

    /// Rows of a component with padding that must not be seen.
    fn plane(rows: usize, stride: usize, row: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
        (0..rows)
            .flat_map(|number| {
                let mut bytes = row(number);
                assert!(bytes.len() <= stride);
                bytes.resize(stride, 0xee);
                bytes
            })
            .collect()
    }

    /// A camera's buffer, as memory planes, in its format; luma rows are `stride` apart.
    fn buffer(samples: Samples, width: usize, height: usize, stride: usize) -> Vec<Vec<u8>> {
        let (half, half_rows) = (width.div_ceil(2), height.div_ceil(2));
        let luma = |y| (0..width).map(|x| sample(0, x, y)).collect::<Vec<_>>();
        let row = |component, y| (0..half).map(|x| sample(component, x, y)).collect::<Vec<_>>();
        let turns = |first, second, y| -> Vec<u8> {
            (0..half).flat_map(|x| [sample(first, x, y), sample(second, x, y)]).collect()
        };
        let packed = |y| -> Vec<u8> {
            (0..half)
                .flat_map(|x| {
                    let (a, b) = (sample(0, 2 * x, y), sample(0, 2 * x + 1, y));
                    let (blue, red) = (sample(1, x, y), sample(2, x, y));
                    if samples == Samples::Yuyv { [a, blue, b, red] } else { [blue, a, red, b] }
                })
                .collect()
        };
        match samples {
            Samples::Yuyv | Samples::Uyvy => vec![plane(height, stride, packed)],
            Samples::Nv12 => {
                vec![plane(height, stride, luma), plane(half_rows, stride, |y| turns(1, 2, y))]
            }
            Samples::Nv21 => {
                vec![plane(height, stride, luma), plane(half_rows, stride, |y| turns(2, 1, y))]
            }
            Samples::Yu12 | Samples::Yv12 => {
                let order = if samples == Samples::Yu12 { [1, 2] } else { [2, 1] };
                let chroma = order.map(|component| plane(half_rows, stride / 2, |y| row(component, y)));
                [vec![plane(height, stride, luma)], chroma.to_vec()].concat()
            }
        }
    }

    const ALL: [Samples; 6] =
        [Samples::Yuyv, Samples::Uyvy, Samples::Nv12, Samples::Nv21, Samples::Yu12, Samples::Yv12];

    /// Sizes and strides: tight, padded, 322 wide (no multiple of anything), odd.
    fn shapes(samples: Samples) -> impl Iterator<Item = (usize, usize, usize)> {
        let bytes = if matches!(samples, Samples::Yuyv | Samples::Uyvy) { 2 } else { 1 };
        let even = |width: usize| width.next_multiple_of(2) * bytes;
        [(320, 6, even(320)), (322, 8, even(322)), (322, 8, 704), (64, 2, 192), (35, 7, even(35)), (3, 3, 32)]
            .into_iter()
    }

    fn strides(samples: Samples, stride: usize) -> Vec<u32> {
        let stride = stride as u32;
        match samples.count() {
            3 => vec![stride, stride / 2, stride / 2],
            count => vec![stride; count],
        }
    }

    #[test]
    fn every_format_is_read_to_the_sample() {
        for (samples, (width, height, stride)) in ALL.into_iter().flat_map(|s| shapes(s).map(move |x| (s, x)))
        {
            let planes = buffer(samples, width, height, stride);
            let several: Vec<&[u8]> = planes.iter().map(Vec::as_slice).collect();
            let one = planes.concat();
            let size = (width as u32, height as u32);
            for (strides, planes) in
                [(strides(samples, stride), several), (vec![stride as u32], vec![&one[..]])]
            {
                let what = format!("{samples:?} {width}x{height}, {strides:?}");
                let mut layout = Layout::new(samples, size, &strides).unwrap();
                let mut picture = Picture::black(2, 2);
                layout.read(&planes, &mut picture).unwrap();
                assert_eq!((picture.width, picture.height), (width & !1, height & !1), "{what}");
                for (at, luma) in picture.luma.iter().enumerate() {
                    let (x, y) = (at % picture.width, at / picture.width);
                    assert_eq!(*luma, sample(0, x, y), "{what}: luma of {x}, {y}");
                }
                for (component, plane) in [(1, &picture.blue), (2, &picture.red)] {
                    for (at, colour) in plane.iter().enumerate() {
                        let (x, y) = (at % (picture.width / 2), at / (picture.width / 2));
                        let expected = match samples {
                            Samples::Yuyv | Samples::Uyvy => {
                                let pair = [0, 1].map(|row| u16::from(sample(component, x, 2 * y + row)));
                                pair.iter().sum::<u16>().div_ceil(2) as u8
                            }
                            _ => sample(component, x, y),
                        };
                        assert_eq!(*colour, expected, "{what}: component {component} of {x}, {y}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_buffer_that_is_too_short_is_refused_and_one_without_the_last_padding_is_not() {
        for (samples, (width, height, stride)) in ALL.into_iter().flat_map(|s| shapes(s).map(move |x| (s, x)))
        {
            let whole = buffer(samples, width, height, stride).concat();
            let size = (width as u32, height as u32);
            let mut layout = Layout::new(samples, size, &[stride as u32]).unwrap();
            let mut picture = layout.picture();
            let end = layout.components.last().unwrap().end;
            assert!(end <= whole.len());
            assert!(layout.read(&[&whole[..end]], &mut picture).is_ok(), "{samples:?} {width}x{height}");
            for length in [0, 1, end / 2, end - 1] {
                let read = layout.read(&[&whole[..length]], &mut picture);
                assert_eq!(read, Err(Unreadable("shorter than its format")), "{samples:?} {length} of {end}");
            }
            assert_eq!(layout.read(&[], &mut picture), Err(Unreadable("without all its planes")));
        }
    }

    #[test]
    fn layouts_that_cannot_be_are_refused() {
        for (samples, size, strides, why) in [
            (Samples::Yuyv, (322, 240), &[643][..], "lines of 644 bytes cannot be 643 bytes apart"),
            (Samples::Nv12, (640, 480), &[640, 639], "cannot be 639"),
            (Samples::Yu12, (640, 480), &[640, 320], "comes in 2 planes"),
            (Samples::Yu12, (640, 480), &[641, 320, 319], "cannot be 319"),
            (Samples::Yv12, (5, 5), &[5], "cannot be 2"),
            (Samples::Uyvy, (640, 480), &[], "comes in 0 planes"),
            (Samples::Uyvy, (640, 480), &[1280, 1280], "comes in 2 planes"),
            (Samples::Nv21, (0, 480), &[640], "is no picture"),
            (Samples::Nv21, (640, 1), &[640], "is no picture"),
            (Samples::Nv12, (u32::MAX, u32::MAX), &[u32::MAX], "is no picture"),
        ] {
            let error = Layout::new(samples, size, strides).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}

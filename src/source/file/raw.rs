//! A raw byte stream of H.264 or H.265 (Annex B).

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::bytes::Bytes;
use super::elementary::{Assembler, Pictures};
use super::rounds::Times;
use super::{Notes, Reading, Unit};
use crate::media::h264::{self, DisplayOrder, Frame};
use crate::media::{Codec, Track, TrackId, h265};
use crate::source::Error;

/// Read at once; the first tells H.264 from H.265.
const BLOCK: usize = 64 << 10;

/// A file with so much before its next picture is none: it is not read to its end to find that out.
const BARREN: usize = 64 << 20;

/// Where neither the file nor the configuration says.
const DEFAULT_RATE: f64 = 25.0;

/// A frame's time in ticks; rates are held to 0.001 pictures a second and to 0.1..=1000.
const FRAME: i64 = 1000;

/// Finds access units in either.
enum Splitter {
    H264(h264::Splitter),
    H265(h265::Splitter),
}

impl Splitter {
    fn push(&mut self, bytes: &[u8], each: impl FnMut(&[u8])) -> Result<(), Error> {
        let pushed = match self {
            Self::H264(splitter) => splitter.push(bytes, each).is_ok(),
            Self::H265(splitter) => splitter.push(bytes, each).is_ok(),
        };
        if pushed { Ok(()) } else { Err(Error::new("no H.264 or H.265 start code within 8 MB")) }
    }

    fn finish(&mut self, each: impl FnOnce(&[u8])) {
        match self {
            Self::H264(splitter) => splitter.finish(each),
            Self::H265(splitter) => splitter.finish(each),
        }
    }
}

/// A stream of H.265 has a VPS of layer 0, sublayer 0; as a header of H.264 that would be of no type.
fn pictures(head: &[u8]) -> Pictures {
    let h265 = h264::nal_units(head).any(|nal| nal.starts_with(&[0x40, 1]));
    if h265 { Pictures::H265 } else { Pictures::H264 }
}

/// One reading of the stream, picture by picture.
pub(super) struct Stream<'a> {
    bytes: Bytes,
    offset: u64,
    splitter: Splitter,
    assembler: Assembler,
    order: DisplayOrder,
    ready: VecDeque<Frame>,
    block: Vec<u8>,
    /// Bytes since the last picture.
    barren: usize,
    ended: bool,
    /// Ticks a second, once the first picture is there.
    scale: Option<NonZeroU32>,
    /// Frames given.
    given: i64,
    fps: Option<f64>,
    notes: &'a Notes,
}

impl<'a> Stream<'a> {
    /// A stream at this rate if its file is wrong or does not say one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn new(bytes: Bytes, fps: Option<f64>, notes: &'a Notes) -> Result<Self, Error> {
        let mut block = vec![0; BLOCK];
        let length = bytes.read_some(0, &mut block)?;
        let pictures = pictures(&block[..length]);
        let splitter = match pictures {
            Pictures::H264 => Splitter::H264(h264::Splitter::new()),
            Pictures::H265 => Splitter::H265(h265::Splitter::new()),
        };
        Ok(Self {
            bytes,
            offset: 0,
            splitter,
            assembler: Assembler::new(pictures),
            order: DisplayOrder::new(),
            ready: VecDeque::new(),
            block,
            barren: 0,
            ended: false,
            scale: None,
            given: 0,
            fps,
            notes,
        })
    }

    /// Ticks a second.
    fn scale(&self) -> NonZeroU32 {
        let said = || {
            let rate = match self.assembler.codec()? {
                Codec::H264(sets) => sets.picture()?.rate,
                Codec::H265(sets) => sets.picture()?.rate,
                Codec::Jpeg | Codec::Aac(_) => None,
            };
            rate.filter(|rate| (1.0..=240.0).contains(rate))
        };
        let rate = self.fps.or_else(said).unwrap_or_else(|| {
            self.notes.warn("the file has no picture rate: set `fps`; 25 is taken".to_owned());
            DEFAULT_RATE
        });
        let scale = (rate.clamp(0.1, 1000.0) * FRAME as f64).round();
        NonZeroU32::new(scale as u32).unwrap_or(NonZeroU32::MIN)
    }

    /// Reads a block.
    fn fill(&mut self) -> Result<(), Error> {
        let length = self.bytes.read_some(self.offset, &mut self.block)?;
        self.offset += length as u64;
        let Self { splitter, assembler, order, ready, block, .. } = self;
        let before = ready.len();
        let mut take = |unit: &[u8]| {
            if let Some((data, link)) = assembler.assemble(unit) {
                order.push(data, link, assembler.slice());
                ready.extend(std::iter::from_fn(|| order.pop()));
            }
        };
        if length == 0 {
            self.ended = true;
            splitter.finish(take);
            order.finish();
            ready.extend(std::iter::from_fn(|| order.pop()));
            return Ok(());
        }
        splitter.push(&block[..length], &mut take)?;
        self.barren = if ready.len() > before { 0 } else { self.barren + length };
        if self.barren > BARREN {
            return Err(Error::new(
                "no H.264 or H.265 picture with parameter sets within 64 MB; is it a raw Annex-B stream?",
            ));
        }
        Ok(())
    }
}

impl Reading for Stream<'_> {
    fn next(&mut self) -> Result<Option<Unit>, Error> {
        while self.ready.is_empty() && !self.ended {
            self.fill()?;
        }
        let Some(Frame { data, link, place }) = self.ready.pop_front() else { return Ok(None) };
        let scale = match self.scale {
            Some(scale) => scale,
            None => *self.scale.insert(self.scale()),
        };
        // At a steady pace, in the order of decoding; shown in that of display.
        let shown = i64::try_from(place).unwrap_or(i64::MAX).saturating_mul(FRAME);
        let times = Times { decoded: self.given.saturating_mul(FRAME), shown, duration: FRAME, scale };
        self.given += 1;
        Ok(Some(Unit { track: TrackId(0), times, link, data }))
    }

    fn tracks(&self) -> Option<Vec<Track>> {
        Some(vec![Track { codec: self.assembler.codec()?, bitrate: None }])
    }
}

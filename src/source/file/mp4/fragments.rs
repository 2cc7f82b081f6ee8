//! Samples that come in fragments: ISO/IEC 14496-12 section 8.8.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use shiguredo_mp4::Decode;
use shiguredo_mp4::boxes::{MoofBox, TrafBox, TrexBox, TrunBox};

use super::boxes::{Header, boxes, header, word};
use super::movie::{Edit, Movie, Trak, damaged};
use super::{LARGEST_INDEX, MOST_BOXES, Sample};
use crate::source::Error;
use crate::source::file::bytes::Bytes;
use crate::source::file::rounds::Times;

/// Samples that a run may have that says nothing of each: what it takes is no longer bounded by its size.
const MOST_ALIKE: u32 = 1 << 16;

/// Samples that are known ahead of the one that is due: tracks may be fragmented one after the other.
const MOST_AHEAD: usize = 1 << 16;

/// The fragments after the index.
pub(super) struct Fragments {
    tracks: Vec<Track>,
    /// Where the next box begins.
    offset: u64,
    ended: bool,
}

struct Track {
    id: u32,
    scale: NonZeroU32,
    edit: Edit,
    defaults: Option<TrexBox>,
    /// When the next sample is decoded if its fragment does not say.
    decoded: i64,
    ahead: VecDeque<Sample>,
}

impl Fragments {
    /// The fragments of these tracks, from `offset` on.
    pub(super) fn new(movie: &Movie<'_>, served: &[&Trak<'_>], offset: u64) -> Self {
        let defaults: Vec<TrexBox> = movie
            .defaults()
            .filter_map(|trex| TrexBox::decode(trex.whole).ok())
            .map(|(trex, _)| trex)
            .collect();
        let track = |trak: &&Trak<'_>| Track {
            id: trak.id,
            scale: trak.scale,
            edit: trak.edit,
            defaults: defaults.iter().find(|trex| trex.track_id == trak.id).cloned(),
            decoded: 0,
            ahead: VecDeque::new(),
        };
        Self { tracks: served.iter().map(track).collect(), offset, ended: false }
    }

    /// The next sample in the order of decoding, across the fragments of all tracks.
    pub(super) fn next(&mut self, bytes: &Bytes) -> Result<Option<Sample>, Error> {
        let waits = |track: &Track| track.ahead.is_empty();
        while !self.ended && self.tracks.iter().any(waits) && self.ahead() < MOST_AHEAD {
            self.fragment(bytes)?;
        }
        let first = self.tracks.iter().filter_map(|track| track.ahead.front().copied());
        let first =
            first.reduce(|one, two| if two.times.decoding() < one.times.decoding() { two } else { one });
        if let Some(track) = first.and_then(|first| self.tracks.get_mut(first.track)) {
            track.ahead.pop_front();
        }
        Ok(first)
    }

    fn ahead(&self) -> usize {
        self.tracks.iter().map(|track| track.ahead.len()).sum()
    }

    /// Reads the next fragment's index. What is cut short, as a recording without power is, ends the round.
    fn fragment(&mut self, bytes: &Bytes) -> Result<(), Error> {
        for _ in 0..MOST_BOXES {
            let Some(Header { kind, head, size }) = header(bytes, self.offset)? else { break };
            let offset = self.offset;
            self.offset = offset.saturating_add(size);
            if kind != *b"moof" {
                continue;
            }
            if size > LARGEST_INDEX {
                return Err(damaged("moof: too large"));
            }
            let Some(whole) = bytes.read(offset, size as usize)? else { break };
            bounded(whole.get(head as usize..).unwrap_or_default())?;
            let (moof, _) = MoofBox::decode(&whole).map_err(|_| damaged("moof"))?;
            return self.take(&moof, offset, bytes.length());
        }
        self.ended = true;
        Ok(())
    }

    fn take(&mut self, moof: &MoofBox, offset: u64, length: u64) -> Result<(), Error> {
        // Where the samples of a track begin that does not say: behind those of the one before it.
        let mut behind = offset;
        for traf in &moof.traf_boxes {
            let header = &traf.tfhd_box;
            let base = match header.base_data_offset {
                Some(base) => base,
                None if header.default_base_is_moof => offset,
                None => behind,
            };
            let index = self.tracks.iter().position(|track| track.id == header.track_id);
            behind = match index.and_then(|index| Some((index, self.tracks.get_mut(index)?))) {
                Some((index, track)) => track.take(index, traf, base)?,
                None => base,
            };
        }
        for track in &mut self.tracks {
            let there = |sample: &Sample| sample.offset.saturating_add(u64::from(sample.size)) <= length;
            if let Some(cut) = track.ahead.iter().position(|sample| !there(sample)) {
                track.ahead.truncate(cut);
                self.ended = true;
            }
        }
        Ok(())
    }
}

impl Track {
    /// Takes the samples of a fragment; says where their bytes end.
    fn take(&mut self, index: usize, traf: &TrafBox, base: u64) -> Result<u64, Error> {
        if let Some(tfdt) = &traf.tfdt_box {
            self.decoded = i64::try_from(tfdt.base_media_decode_time).unwrap_or(i64::MAX);
        }
        let mut end = base;
        for trun in &traf.trun_boxes {
            if let Some(offset) = trun.data_offset {
                end = base.saturating_add_signed(i64::from(offset));
            }
            end = self.run(index, traf, trun, end)?;
        }
        Ok(end)
    }

    fn run(&mut self, index: usize, traf: &TrafBox, trun: &TrunBox, mut offset: u64) -> Result<u64, Error> {
        let (header, defaults) = (&traf.tfhd_box, self.defaults.as_ref());
        let description = header.sample_description_index;
        let description = description.or(defaults.map(|trex| trex.default_sample_description_index));
        let durations = header.default_sample_duration.or(defaults.map(|trex| trex.default_sample_duration));
        let sizes = header.default_sample_size.or(defaults.map(|trex| trex.default_sample_size));
        for sample in &trun.samples {
            let duration = i64::from(sample.duration.or(durations).ok_or_else(|| damaged("trex"))?);
            let size = sample.size.or(sizes).ok_or_else(|| damaged("trex"))?;
            let decoded = self.decoded.saturating_add(self.edit.shift());
            let shown = decoded.saturating_add(sample.composition_time_offset.unwrap_or_default());
            self.ahead.push_back(Sample {
                track: index,
                times: Times { decoded, shown, duration, scale: self.scale },
                description: description.unwrap_or(1).saturating_sub(1) as usize,
                offset,
                size,
            });
            offset = offset.saturating_add(u64::from(size));
            self.decoded = self.decoded.saturating_add(duration);
        }
        Ok(offset)
    }
}

/// Refuses runs that would take far more memory than the fragment has bytes.
fn bounded(moof: &[u8]) -> Result<(), Error> {
    let trafs = boxes(moof).filter(|found| found.kind == *b"traf");
    let truns = trafs.flat_map(|traf| boxes(traf.payload)).filter(|found| found.kind == *b"trun");
    let mut alike = 0_u32;
    for trun in truns {
        let of_each = word(trun.payload, 0).is_some_and(|flags| flags & 0xf00 != 0);
        if !of_each {
            alike = alike.saturating_add(word(trun.payload, 4).unwrap_or_default());
        }
    }
    if alike > MOST_ALIKE { Err(damaged("trun: absurdly many samples")) } else { Ok(()) }
}

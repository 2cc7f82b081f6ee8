//! Samples that the index lists one by one: ISO/IEC 14496-12 section 8.6 and 8.7.

use std::num::NonZeroU32;

use shiguredo_mp4::aux::{SampleAccessor, SampleTableAccessor};
use shiguredo_mp4::boxes::{
    Co64Box, CttsBox, SampleEntry, StblBox, StcoBox, StscBox, StsdBox, StssBox, StszBox, SttsBox, UnknownBox,
};
use shiguredo_mp4::{BoxSize, BoxType, Decode, Either};

use super::Sample;
use super::boxes::{boxes, find};
use super::movie::{Edit, Kind, Trak, damaged, missing};
use crate::source::Error;
use crate::source::file::rounds::Times;

/// Keyframes that are looked at for the one from which the first picture of an edit can be decoded.
const BACK: usize = 64;

/// The tracks, each with its next sample.
pub(super) struct Table {
    tracks: Vec<Cursor>,
}

struct Cursor {
    samples: SampleTableAccessor<StblBox>,
    /// Its number, from 1.
    next: NonZeroU32,
    scale: NonZeroU32,
    edit: Edit,
}

type Accessor<'a> = SampleAccessor<'a, StblBox>;

impl Table {
    /// The samples of these tracks; `None` if the first has none.
    pub(super) fn read(traks: &[&Trak<'_>]) -> Result<Option<Self>, Error> {
        let tracks = traks.iter().map(|trak| Cursor::read(trak)).collect::<Result<Vec<_>, _>>()?;
        let empty = tracks.first().is_none_or(|pictures| pictures.samples.sample_count() == 0);
        Ok((!empty).then_some(Self { tracks }))
    }

    /// The next sample in the order of decoding.
    pub(super) fn next(&mut self) -> Option<Sample> {
        let next = self.tracks.iter().enumerate().filter_map(|(track, cursor)| cursor.sample(track));
        let next =
            next.reduce(|one, two| if two.times.decoding() < one.times.decoding() { two } else { one })?;
        let cursor = self.tracks.get_mut(next.track)?;
        // A sample more than can be numbered: there is none.
        cursor.next = cursor.next.saturating_add(1);
        Some(next)
    }
}

impl Cursor {
    fn read(trak: &Trak<'_>) -> Result<Self, Error> {
        let samples = tables(trak.stbl)?;
        let mut edit = trak.edit;
        let at = samples.get_sample_by_timestamp(u64::try_from(edit.begin).unwrap_or_default());
        let next = match at {
            Some(at) if trak.kind == Kind::Video => keyframe(&samples, &at, edit.begin),
            Some(at) => at.index(),
            None => {
                // An edit of what is not there.
                edit = Edit { begin: 0, length: None, ..edit };
                NonZeroU32::MIN
            }
        };
        Ok(Self { samples, next, scale: trak.scale, edit })
    }

    fn sample(&self, track: usize) -> Option<Sample> {
        let sample = self.samples.get_sample(self.next)?;
        let decoded = i64::try_from(sample.timestamp()).unwrap_or(i64::MAX);
        let decoded = decoded.saturating_add(self.edit.shift());
        let shown = decoded.saturating_add(sample.composition_time_offset().unwrap_or_default());
        // Nothing that is shown needs what is decoded later.
        (decoded < self.edit.end()).then(|| Sample {
            track,
            times: Times { decoded, shown, duration: i64::from(sample.duration()), scale: self.scale },
            description: sample.chunk().sample_entry_index(),
            offset: sample.data_offset(),
            size: sample.data_size(),
        })
    }
}

/// The last keyframe that is shown at or before `begin`, at which `at` is decoded.
fn keyframe(samples: &SampleTableAccessor<StblBox>, at: &Accessor<'_>, begin: i64) -> NonZeroU32 {
    let mut key = at.sync_sample();
    for _ in 0..BACK {
        let Some(found) = key else { break };
        let shown = i64::try_from(found.timestamp()).unwrap_or(i64::MAX);
        if shown.saturating_add(found.composition_time_offset().unwrap_or_default()) <= begin {
            return found.index();
        }
        let before = NonZeroU32::new(found.index().get() - 1);
        key = before.and_then(|before| samples.get_sample(before)).and_then(|before| before.sync_sample());
    }
    NonZeroU32::MIN
}

/// The sample tables of a `stbl` box. Descriptions are left to the module `movie`, which bears with what
/// QuickTime writes.
fn tables(stbl: &[u8]) -> Result<SampleTableAccessor<StblBox>, Error> {
    let count =
        find(stbl, b"stsd").and_then(|stsd| stsd.payload.get(8..)).map_or(0, |stsd| boxes(stsd).count());
    let entry = || {
        let box_type = BoxType::Normal(*b"none");
        SampleEntry::Unknown(UnknownBox { box_type, box_size: BoxSize::U32(8), payload: Vec::new() })
    };
    let stco = optional::<StcoBox>(stbl, b"stco")?.map(Either::A);
    let stco_or_co64_box = match stco {
        Some(stco) => stco,
        None => Either::B(needed::<Co64Box>(stbl, b"co64")?),
    };
    if find(stbl, b"stz2").is_some() {
        return Err(missing("stsz: compact sizes are not read"));
    }
    let stbl = StblBox {
        stsd_box: StsdBox { entries: std::iter::repeat_with(entry).take(count).collect() },
        stts_box: needed::<SttsBox>(stbl, b"stts")?,
        ctts_box: optional::<CttsBox>(stbl, b"ctts")?,
        cslg_box: None,
        stsc_box: needed::<StscBox>(stbl, b"stsc")?,
        stsz_box: needed::<StszBox>(stbl, b"stsz")?,
        stco_or_co64_box,
        stss_box: optional::<StssBox>(stbl, b"stss")?,
        sdtp_box: None,
        unknown_boxes: Vec::new(),
    };
    SampleTableAccessor::new(stbl).map_err(|error| damaged(&format!("stbl: {error}")))
}

fn optional<T: Decode>(stbl: &[u8], kind: &[u8; 4]) -> Result<Option<T>, Error> {
    let Some(found) = find(stbl, kind) else { return Ok(None) };
    let decoded = T::decode(found.whole).map_err(|_| damaged(&kind.escape_ascii().to_string()))?;
    Ok(Some(decoded.0))
}

fn needed<T: Decode>(stbl: &[u8], kind: &[u8; 4]) -> Result<T, Error> {
    optional(stbl, kind)?.ok_or_else(|| missing(&kind.escape_ascii().to_string()))
}

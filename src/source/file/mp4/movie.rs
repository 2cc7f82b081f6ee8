//! The index of a file: its tracks, how they are coded, and when they are played
//! (ISO/IEC 14496-12 section 8).

use std::num::NonZeroU32;

use shiguredo_mp4::Decode;
use shiguredo_mp4::boxes::{ElstBox, EsdsBox};

use super::boxes::{Found, boxes, find, word};
use crate::media::aac;
use crate::source::Error;
use crate::source::file::elementary::Coding;

/// More tracks than these there are not.
const MOST_TRACKS: usize = 64;

/// More sample descriptions of a track than these there are not.
const MOST_DESCRIPTIONS: usize = 64;

/// Fields of a visual sample entry before its boxes: ISO/IEC 14496-12 section 12.1.3.
const VISUAL: usize = 78;

/// Fields of an audio sample entry before its boxes: ISO/IEC 14496-12 section 12.2.3.
const AUDIO: usize = 28;

/// A `moov` box.
pub(super) struct Movie<'a> {
    traks: Vec<Trak<'a>>,
    mvex: Option<&'a [u8]>,
}

/// What a track is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
    Other,
}

/// A `trak` box.
pub(super) struct Trak<'a> {
    pub(super) id: u32,
    pub(super) kind: Kind,
    /// Ticks a second.
    pub(super) scale: NonZeroU32,
    pub(super) edit: Edit,
    /// Its sample tables.
    pub(super) stbl: &'a [u8],
    descriptions: Vec<([u8; 4], Option<Coding>)>,
}

/// The part of a track that is played: ISO/IEC 14496-12 section 8.6.6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Edit {
    /// What the presentation waits for the track, in the track's ticks.
    pub(super) delay: i64,
    /// The time of the track's media at which its presentation begins.
    pub(super) begin: i64,
    /// How long it is presented.
    pub(super) length: Option<i64>,
    /// There are more parts.
    pub(super) more: bool,
}

impl Edit {
    /// What takes a time of the media to that of the presentation.
    pub(super) fn shift(&self) -> i64 {
        self.delay.saturating_sub(self.begin)
    }

    /// When the presentation of the track is over.
    pub(super) fn end(&self) -> i64 {
        self.length.map_or(i64::MAX, |length| self.delay.saturating_add(length))
    }

    fn read(trak: &[u8], movie: NonZeroU32, track: NonZeroU32) -> Result<Self, Error> {
        let Some(elst) = find(trak, b"edts").and_then(|edts| find(edts.payload, b"elst")) else {
            return Ok(Self::default());
        };
        let (elst, _) = ElstBox::decode(elst.whole).map_err(|_| damaged("elst"))?;
        let ticks = |duration: u64| {
            let ticks = u128::from(duration) * u128::from(track.get()) / u128::from(movie.get());
            i64::try_from(ticks).unwrap_or(i64::MAX)
        };
        let mut edit = Self::default();
        let mut entries = elst.entries.iter().peekable();
        while let Some(empty) = entries.next_if(|entry| entry.media_time < 0) {
            edit.delay = edit.delay.saturating_add(ticks(empty.edit_duration));
        }
        if let Some(first) = entries.next() {
            edit.begin = first.media_time;
            edit.length = (first.edit_duration > 0).then(|| ticks(first.edit_duration));
        }
        edit.more = entries.next().is_some();
        Ok(edit)
    }
}

impl<'a> Movie<'a> {
    /// Reads the payload of a `moov` box.
    pub(super) fn read(moov: &'a [u8]) -> Result<Self, Error> {
        let mvhd = find(moov, b"mvhd").ok_or_else(|| missing("mvhd"))?;
        let scale = timescale(mvhd.payload).ok_or_else(|| damaged("mvhd"))?;
        let traks = boxes(moov).filter(|found| found.kind == *b"trak").take(MOST_TRACKS);
        let traks = traks.filter_map(|trak| Trak::read(trak.payload, scale).transpose());
        let traks = traks.collect::<Result<_, _>>()?;
        Ok(Self { traks, mvex: find(moov, b"mvex").map(|mvex| mvex.payload) })
    }

    pub(super) fn traks(&self) -> &[Trak<'a>] {
        &self.traks
    }

    /// Whether samples may come in fragments.
    pub(super) fn fragmented(&self) -> bool {
        self.mvex.is_some()
    }

    /// The `trex` boxes: what fragments leave unsaid.
    pub(super) fn defaults(&self) -> impl Iterator<Item = Found<'a>> {
        boxes(self.mvex.unwrap_or_default()).filter(|found| found.kind == *b"trex")
    }
}

impl<'a> Trak<'a> {
    /// `None` for a track without the boxes that every track has.
    fn read(trak: &'a [u8], movie: NonZeroU32) -> Result<Option<Self>, Error> {
        let id = find(trak, b"tkhd").and_then(|tkhd| word(tkhd.payload, after_times(tkhd.payload)?));
        let mdia = find(trak, b"mdia").map(|mdia| mdia.payload).unwrap_or_default();
        let scale = find(mdia, b"mdhd").and_then(|mdhd| timescale(mdhd.payload));
        let handler = find(mdia, b"hdlr").and_then(|hdlr| word(hdlr.payload, 8));
        let stbl = find(mdia, b"minf").and_then(|minf| find(minf.payload, b"stbl"));
        let (Some(id), Some(scale), Some(handler), Some(stbl)) = (id, scale, handler, stbl) else {
            return Ok(None);
        };
        let kind = match &handler.to_be_bytes() {
            b"vide" => Kind::Video,
            b"soun" => Kind::Audio,
            _ => Kind::Other,
        };
        let descriptions = descriptions(stbl.payload);
        let edit = match kind {
            Kind::Other => Edit::default(),
            Kind::Video | Kind::Audio => Edit::read(trak, movie, scale)?,
        };
        Ok(Some(Self { id, kind, scale, edit, stbl: stbl.payload, descriptions }))
    }

    /// Whether it is coded in a way that is served.
    pub(super) fn served(&self) -> bool {
        self.descriptions.iter().any(|(_, coding)| coding.is_some())
    }

    /// How its samples are coded, description by description.
    pub(super) fn codings(&self) -> Vec<Option<Coding>> {
        self.descriptions.iter().map(|(_, coding)| coding.clone()).collect()
    }

    /// What it is, for people: `hvc1 video`.
    pub(super) fn what(&self) -> String {
        let codec = self.descriptions.first().map(|(kind, _)| kind.escape_ascii().to_string());
        let kind = match self.kind {
            Kind::Video => "video",
            Kind::Audio => "audio",
            Kind::Other => "data",
        };
        format!("{} {kind}", codec.unwrap_or_default())
    }
}

/// What is told of a box that cannot be read.
pub(super) fn damaged(kind: &str) -> Error {
    Error::new(format!("its index is damaged (box {kind}); make it anew: `ffmpeg -i FILE -c copy NEW.mp4`"))
}

/// What is told of a box that is not there.
pub(super) fn missing(kind: &str) -> Error {
    Error::new(format!(
        "its index is not complete (no box {kind}); make it anew: `ffmpeg -i FILE -c copy NEW.mp4`"
    ))
}

fn descriptions(stbl: &[u8]) -> Vec<([u8; 4], Option<Coding>)> {
    let entries = find(stbl, b"stsd").and_then(|stsd| stsd.payload.get(8..)).unwrap_or_default();
    boxes(entries).take(MOST_DESCRIPTIONS).map(|entry| (entry.kind, coding(&entry))).collect()
}

fn coding(entry: &Found<'_>) -> Option<Coding> {
    match &entry.kind {
        b"avc1" | b"avc2" | b"avc3" | b"avc4" => {
            Coding::avcc(find(entry.payload.get(VISUAL..)?, b"avcC")?.whole)
        }
        b"hvc1" | b"hev1" => Coding::hvcc(find(entry.payload.get(VISUAL..)?, b"hvcC")?.whole),
        b"mp4a" => audio(entry.payload).map(Coding::Aac),
        _ => None,
    }
}

/// The AAC configuration of an audio sample entry, in QuickTime's three versions too.
fn audio(entry: &[u8]) -> Option<aac::Config> {
    let more = match word(entry, 6)? & 0xffff {
        1 => 16,
        2 => 36,
        _ => 0,
    };
    let boxes = entry.get(AUDIO + more..)?;
    let esds = find(boxes, b"esds").or_else(|| find(find(boxes, b"wave")?.payload, b"esds"))?;
    let (esds, _) = EsdsBox::decode(esds.whole).ok()?;
    let specific = esds.es.dec_config_descr.dec_specific_info?;
    aac::Config::parse(&specific.payload).ok()
}

/// Where the fields after the times of creation and change stand, in a box that has them.
fn after_times(payload: &[u8]) -> Option<usize> {
    payload.first().map(|version| if *version == 1 { 20 } else { 12 })
}

fn timescale(header: &[u8]) -> Option<NonZeroU32> {
    NonZeroU32::new(word(header, after_times(header)?)?)
}

//! MP4 and MOV (ISO/IEC 14496-12), fragmented or not.
//!
//! The index (`moov`, each `moof`) is read whole and bounded; samples are read as they are due.

mod boxes;
mod fragments;
mod movie;
mod table;

use std::collections::BTreeSet;

use super::bytes::Bytes;
use super::elementary::Elementary;
use super::rounds::Times;
use super::{LARGEST, Notes, Reading, Unit};
use crate::media::{Track, TrackId};
use crate::source::Error;
use boxes::{Header, header};
use fragments::Fragments;
use movie::{Kind, Movie, Trak};
use table::Table;

/// An index larger than this is refused: it takes up to four times as much memory. Two hours of pictures
/// and sound take 7 MB.
const LARGEST_INDEX: u64 = 16 << 20;

/// More boxes than these before the index: the file is none.
const MOST_BOXES: usize = 4096;

/// So many samples in a row without an access unit are no stream.
const BARREN: usize = 10_000;

/// Where a sample stands and when it is due.
#[derive(Clone, Copy, Debug)]
struct Sample {
    track: usize,
    times: Times,
    /// Its place among its track's sample descriptions.
    description: usize,
    offset: u64,
    size: u32,
}

/// The samples of the tracks that are served, in the order of decoding.
enum Samples {
    Table(Table),
    Fragments(Box<Fragments>),
}

/// A reading of the file.
struct Mp4 {
    bytes: Bytes,
    samples: Samples,
    tracks: Vec<Elementary>,
    /// An access unit was given.
    given: bool,
}

/// Reads the index; the first access unit is read when it is asked for.
///
/// # Errors
/// There is no index, it is damaged, or it has nothing that is served.
pub(super) fn open(bytes: Bytes, notes: &Notes) -> Result<Box<dyn Reading>, Error> {
    let (index, after) = index(&bytes)?;
    let movie = Movie::read(&index)?;
    let served = served(&movie, notes)?;
    let tracks = served.iter().map(|trak| Elementary::new(trak.codings())).collect();
    let samples = match Table::read(&served)? {
        Some(table) => Samples::Table(table),
        None if movie.fragmented() => Samples::Fragments(Box::new(Fragments::new(&movie, &served, after))),
        None => return Err(Error::new("it has no pictures: its index is empty")),
    };
    Ok(Box::new(Mp4 { bytes, samples, tracks, given: false }))
}

/// The `moov` box without its header, and where the file goes on after it.
fn index(bytes: &Bytes) -> Result<(Vec<u8>, u64), Error> {
    let mut offset = 0;
    for _ in 0..MOST_BOXES {
        let Some(Header { kind, head, size }) = header(bytes, offset)? else { break };
        if kind == *b"moov" {
            if size > LARGEST_INDEX {
                let what = format!("its index has {} MB, more than 16 MB are not read", size >> 20);
                return Err(Error::new(format!("{what}; cut it into shorter files")));
            }
            let index = bytes.read(offset + head, (size - head) as usize)?;
            let index =
                index.ok_or_else(|| Error::new("it ends inside its index (moov): it is cut short"))?;
            return Ok((index, offset + size));
        }
        offset = offset.saturating_add(size);
    }
    let what = if offset > bytes.length() { "it is cut short and " } else { "it " };
    Err(Error::new(format!("{what}has no index (moov box); is it still being written or copied?")))
}

/// The first track of pictures that can be served; says which are left out.
fn served<'a>(movie: &'a Movie<'a>, notes: &Notes) -> Result<Vec<&'a Trak<'a>>, Error> {
    let pictures = movie.traks().iter().find(|trak| trak.kind == Kind::Video && trak.served());
    let known: BTreeSet<String> = movie.traks().iter().map(Trak::what).collect();
    let Some(pictures) = pictures else {
        let what = known.into_iter().collect::<Vec<_>>().join(", ");
        let what = if what.is_empty() { "no tracks".to_owned() } else { what };
        return Err(Error::new(format!("it has no H.264 track that can be served, but {what}")));
    };
    for other in movie.traks().iter().filter(|trak| trak.id != pictures.id) {
        notes.info(format!("track {} ({}) is left out", other.id, other.what()));
    }
    if pictures.edit.more {
        notes.warn("its edit list has several parts: only the first is played".to_owned());
    }
    Ok(vec![pictures])
}

impl Mp4 {
    /// The access unit that a sample is, if it can be decoded.
    fn unit(&mut self, sample: &Sample) -> Result<Option<Unit>, Error> {
        let Sample { track, times, description, offset, size } = *sample;
        let length = size as usize;
        if length > LARGEST {
            return Err(Error::new(format!(
                "a sample of {} MB at byte {offset}: is it damaged?",
                length >> 20
            )));
        }
        let Some(bytes) = self.bytes.read(offset, length)? else {
            return Err(Error::new(format!(
                "it ends before the sample at byte {offset}: it is cut short or still being written"
            )));
        };
        let Some(elementary) = self.tracks.get_mut(track) else { return Ok(None) };
        let unit = elementary.unit(description, &bytes);
        Ok(unit.map(|(data, link)| Unit { track: TrackId(track as u8), times, link, data }))
    }
}

impl Reading for Mp4 {
    fn next(&mut self) -> Result<Option<Unit>, Error> {
        for _ in 0..BARREN {
            let sample = match &mut self.samples {
                // What its tables say is true only of what was there as they were read.
                Samples::Table(_) if self.given && self.bytes.written() => None,
                Samples::Table(table) => table.next(),
                Samples::Fragments(fragments) => fragments.next(&self.bytes)?,
            };
            let Some(sample) = sample else { return Ok(None) };
            if let Some(unit) = self.unit(&sample)? {
                self.given = true;
                return Ok(Some(unit));
            }
        }
        Err(Error::new("it has 10000 samples in a row without a picture that can be decoded; is it damaged?"))
    }

    fn tracks(&self) -> Option<Vec<Track>> {
        let tracks = self.tracks.iter().map(|track| Some(Track { codec: track.codec()?, bitrate: None }));
        tracks.collect()
    }
}

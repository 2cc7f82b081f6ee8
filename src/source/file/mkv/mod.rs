//! Matroska and WebM ([RFC 9559](https://www.rfc-editor.org/rfc/rfc9559)), from a muxer or a recorder's live
//! stream.
//!
//! Nothing but what the tracks are is read whole; heads of blocks are read a little ahead, their content as it
//! is due. Indices (SeekHead, Cues) are not needed and not trusted.

mod blocks;
mod clusters;
mod ebml;
mod order;
mod tracks;

use super::bytes::Bytes;
use super::elementary::{Coding, Elementary};
use super::{LARGEST, Notes, Reading, Unit, no_pictures};
use crate::media::{Track, TrackId};
use crate::source::Error;
use clusters::{Clusters, Placed};
use ebml::{element, find, unsigned};
use order::{Frame, Grid, Order};
use tracks::{Entry, Kind};

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const INFO: u32 = 0x1549_a966;
const TIMESTAMP_SCALE: u32 = 0x2a_d7b1;
const TRACKS: u32 = 0x1654_ae6b;

/// What the file says of its tracks, or of itself: with subtitles' headers at most this.
const LARGEST_INDEX: u64 = 4 << 20;

/// More elements than these before the tracks: the file is none.
const MOST_ELEMENTS: usize = 4096;

/// Frames that are known ahead: one track may stand before the other, or end before it.
const MOST_AHEAD: usize = 1024;

/// So many frames in a row without an access unit are no stream.
const BARREN: usize = 10_000;

/// Nanoseconds of a tick where the file does not say it.
const TICK: u64 = 1_000_000;

/// A tick is at most a second.
const LONGEST_TICK: u64 = 1_000_000_000;

/// What stands before the clusters.
struct Index {
    /// Nanoseconds.
    tick: u64,
    /// Where the tracks' content begins, and the content.
    tracks: (u64, Vec<u8>),
    /// Where the first cluster begins, or what is in its place.
    clusters: u64,
}

/// A reading of the file.
struct Mkv<'a> {
    bytes: Bytes,
    notes: &'a Notes,
    /// What told of the tracks as the file was opened, and where.
    index: (u64, Vec<u8>),
    tick: u64,
    clusters: Clusters,
    tracks: Vec<Served>,
    /// Why no more frames come from the file, if that is not its end.
    damage: Option<Error>,
    /// An access unit was given.
    given: bool,
}

/// A track that is served.
struct Served {
    entry: Entry,
    elementary: Elementary,
    order: Order,
    grid: Option<Grid>,
}

/// Reads what the tracks are; the first access unit is read when it is asked for.
///
/// # Errors
/// That is not there, damaged, or has nothing that is served.
pub(super) fn open<'a>(bytes: Bytes, notes: &'a Notes) -> Result<Box<dyn Reading + 'a>, Error> {
    let Index { tick, tracks: index, clusters } = index(&bytes)?;
    let served = served(tracks::entries(&index.1), notes)?;
    let tracks = served.into_iter().map(|entry| Served::new(entry, tick)).collect();
    let clusters = Clusters::new(clusters);
    let (damage, given) = (None, false);
    Ok(Box::new(Mkv { bytes, notes, index, tick, clusters, tracks, damage, given }))
}

/// Goes through what stands before the first cluster; farther, if the tracks are not there.
fn index(bytes: &Bytes) -> Result<Index, Error> {
    let (mut offset, mut tick, mut tracks, mut clusters) = (0, TICK, None, None);
    for _ in 0..MOST_ELEMENTS {
        let Some(found) = element(bytes, offset)? else { break };
        if found.id == CLUSTER {
            clusters = clusters.or(Some(offset));
            if tracks.is_some() {
                break;
            }
        }
        if found.id == SEGMENT {
            offset = found.content;
            continue;
        }
        let Some(end) = found.end() else { break };
        match found.id {
            INFO => tick = tick_of(&content(bytes, found)?)?,
            TRACKS => tracks = Some((found.content, content(bytes, found)?)),
            _ => {}
        }
        offset = end;
    }
    let tracks = tracks.ok_or_else(|| {
        let cut = if offset > bytes.length() { "it is cut short and " } else { "it " };
        Error::new(format!(
            "{cut}does not say what is in it (no Tracks); is it still being written or copied?"
        ))
    })?;
    Ok(Index { tick, tracks, clusters: clusters.unwrap_or(offset) })
}

fn content(bytes: &Bytes, found: ebml::Element) -> Result<Vec<u8>, Error> {
    let size = found.size.unwrap_or_default();
    if size > LARGEST_INDEX {
        let what = format!("what it says of its tracks has {} MB, more than 4 MB are not read", size >> 20);
        return Err(Error::new(what));
    }
    let content = bytes.read(found.content, size as usize)?;
    content.ok_or_else(|| Error::new("it ends before its first picture: it is cut short"))
}

fn tick_of(info: &[u8]) -> Result<u64, Error> {
    let Some(tick) = find(info, TIMESTAMP_SCALE) else { return Ok(TICK) };
    let tick = unsigned(tick).filter(|tick| (1..=LONGEST_TICK).contains(tick));
    tick.ok_or_else(|| {
        Error::new("its TimestampScale is absurd; make it anew: `ffmpeg -i FILE -c copy NEW.mkv`")
    })
}

/// The first track of pictures and the first of sound that can be served; says which are left out.
fn served(entries: Vec<Entry>, notes: &Notes) -> Result<Vec<Entry>, Error> {
    let first = |kind| entries.iter().position(|entry| entry.kind == kind && entry.coding.is_some());
    let Some(pictures) = first(Kind::Video) else {
        return Err(no_pictures(entries.iter().map(Entry::what)));
    };
    let served: Vec<usize> = std::iter::once(pictures).chain(first(Kind::Audio)).collect();
    for (_, other) in entries.iter().enumerate().filter(|(place, _)| !served.contains(place)) {
        notes.info(format!("track {} ({}) is left out", other.number, other.what()));
    }
    Ok(served.iter().map(|place| entries[*place].clone()).collect())
}

impl Served {
    fn new(entry: Entry, tick: u64) -> Self {
        let grid = match (&entry.coding, entry.duration) {
            (Some(Coding::Aac(config)), _) => {
                let samples = u64::from(config.samples()) * 1_000_000_000;
                (samples > 0).then(|| Grid::new(samples, config.sample_rate().max(1), tick))
            }
            (_, duration) => duration.map(|duration| Grid::new(duration, 1, tick)),
        };
        let duration = grid.map(|grid| clamped(grid.after(1)));
        Self {
            elementary: Elementary::new(vec![entry.coding.clone()]),
            order: Order::new(entry.kind == Kind::Video, duration),
            grid,
            entry,
        }
    }

    fn take(&mut self, placed: &Placed, tick: u64) {
        let time = placed.time * i128::from(tick) - i128::from(self.entry.delay);
        let time = self.grid.as_mut().map_or(time, |grid| grid.exact(time));
        let frames = placed.block.frames.iter();
        let duration = placed
            .duration
            .map(|duration| clamped(i128::from(duration) * i128::from(tick) / frames.len().max(1) as i128));
        for (number, (begin, size)) in frames.enumerate() {
            let after = self.grid.map_or(0, |grid| grid.after(number as i128));
            let offset = placed.offset.saturating_add(*begin);
            self.order.push(Frame { offset, size: *size, shown: clamped(time + after), duration });
        }
    }
}

/// What cannot be counted is held to be absurd later.
fn clamped(nanos: i128) -> i64 {
    nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

impl Mkv<'_> {
    /// Reads blocks until it is known which frame is the next one.
    fn look_ahead(&mut self) {
        let waits = |track: &Served| !track.order.is_ready();
        while self.damage.is_none() && self.tracks.iter().any(waits) && self.ahead() < MOST_AHEAD {
            match self.clusters.next(&self.bytes) {
                Ok(Some(placed)) => {
                    let number = placed.block.track;
                    if let Some(track) = self.tracks.iter_mut().find(|track| track.entry.number == number) {
                        track.take(&placed, self.tick);
                    }
                }
                // It may be longer the next time: recordings are.
                Ok(None) => break,
                Err(damage) => self.damage = Some(damage),
            }
        }
    }

    fn ahead(&self) -> usize {
        self.tracks.iter().map(|track| track.order.waiting()).sum()
    }

    /// The next access unit, if its frame can be decoded; `None` outside at the end.
    fn frame(&mut self) -> Result<Option<Option<Unit>>, Error> {
        self.look_ahead();
        let tracks = self.tracks.iter_mut().enumerate();
        let next = tracks.filter_map(|(index, track)| Some((track.order.decoded()?, index, track)));
        let Some((_, index, track)) = next.min_by_key(|(decoded, index, _)| (*decoded, *index)) else {
            return Ok(None);
        };
        let Some((frame, times)) = track.order.pop() else { return Ok(None) };
        let stripped = &track.entry.stripped;
        let length = usize::try_from(frame.size).unwrap_or(usize::MAX).saturating_add(stripped.len());
        if length > LARGEST {
            let (offset, size) = (frame.offset, frame.size >> 20);
            return Err(Error::new(format!("a frame of {size} MB at byte {offset}: is it damaged?")));
        }
        let Some(mut content) = self.bytes.read(frame.offset, frame.size as usize)? else {
            // Cut while it was played.
            return Ok(None);
        };
        if !stripped.is_empty() {
            content.splice(..0, stripped.iter().copied());
        }
        let unit = track.elementary.unit(0, &content);
        Ok(Some(unit.map(|(data, link)| Unit { track: TrackId(index as u8), times, link, data })))
    }

    /// Whether another file was written over this one. One that is still being recorded is the same.
    fn replaced(&self) -> Result<bool, Error> {
        let (offset, tracks) = &self.index;
        Ok(self.bytes.written() && self.bytes.read(*offset, tracks.len())?.as_ref() != Some(tracks))
    }
}

impl Reading for Mkv<'_> {
    fn next(&mut self) -> Result<Option<Unit>, Error> {
        for _ in 0..BARREN {
            if self.given && self.replaced()? {
                return Ok(None);
            }
            match self.frame()? {
                Some(Some(unit)) => {
                    self.given = true;
                    return Ok(Some(unit));
                }
                Some(None) => {}
                None => {
                    let Some(damage) = &self.damage else { return Ok(None) };
                    if !self.given {
                        return Err(damage.clone());
                    }
                    self.notes.warn(format!("{damage}; it is played up to there"));
                    return Ok(None);
                }
            }
        }
        Err(Error::new("it has 10000 frames in a row without a picture that can be decoded; is it damaged?"))
    }

    fn tracks(&self) -> Option<Vec<Track>> {
        let codec = |track: &Served| Some(Track { codec: track.elementary.codec()?, bitrate: None });
        self.tracks.iter().map(codec).collect()
    }
}

#[cfg(test)]
mod tests;

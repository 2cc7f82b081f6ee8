//! MP4 and MOV (ISO/IEC 14496-12), fragmented or not.
//!
//! The index (`moov`, each `moof`) is read whole and bounded; samples are read as they are due.

mod boxes;
mod fragments;
mod movie;
mod table;

use super::bytes::Bytes;
use super::elementary::Elementary;
use super::rounds::Times;
use super::{LARGEST, Notes, Reading, Unit, no_pictures};
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

/// The first track of pictures and the first of sound that can be served; says which are left out.
fn served<'a>(movie: &'a Movie<'a>, notes: &Notes) -> Result<Vec<&'a Trak<'a>>, Error> {
    let first = |kind| movie.traks().iter().find(|trak| trak.kind == kind && trak.served());
    let (pictures, audio) = (first(Kind::Video), first(Kind::Audio));
    let Some(pictures) = pictures else {
        return Err(no_pictures(movie.traks().iter().map(Trak::what)));
    };
    let served: Vec<&Trak<'_>> = std::iter::once(pictures).chain(audio).collect();
    for other in movie.traks().iter().filter(|trak| served.iter().all(|served| served.id != trak.id)) {
        notes.info(format!("track {} ({}) is left out", other.id, other.what()));
    }
    if served.iter().any(|trak| trak.edit.more) {
        notes.warn("its edit list has several parts: only the first is played".to_owned());
    }
    Ok(served)
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
        let Some(bytes) = self.bytes.read_on(offset, length)? else {
            return Err(Error::new(format!(
                "it ends before the sample at byte {offset}: it is cut short or still being written"
            )));
        };
        let Some(elementary) = self.tracks.get_mut(track) else { return Ok(None) };
        let unit = elementary.unit(description, &bytes);
        // Files cut the last one short; who plays it hears all of it.
        let whole = elementary.duration(times.scale);
        let times = Times { duration: whole.unwrap_or(times.duration), ..times };
        Ok(unit.map(|(data, link)| Unit { track: TrackId(track as u8), times, link, data }))
    }
}

impl Reading for Mp4 {
    fn next(&mut self) -> Result<Option<Unit>, Error> {
        for _ in 0..BARREN {
            let sample = match &mut self.samples {
                Samples::Table(table) => table.next(),
                Samples::Fragments(fragments) => fragments.next(&self.bytes)?,
            };
            let Some(sample) = sample else { return Ok(None) };
            let unit = self.unit(&sample);
            // What its tables say is true only of what was there as they were read; and what could not be read is of
            // another file by now, which begins anew.
            let tables = matches!(self.samples, Samples::Table(_));
            if self.given && (tables && self.bytes.was_written() || unit.is_err() && self.bytes.written()) {
                return Ok(None);
            }
            if let Some(unit) = unit? {
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::playing::Playing;
    use super::super::{File, Settings};
    use crate::media::{Link, MediaTime, TrackId};

    /// Where the pictures of a group of the fixtures are shown, in frames.
    const SHOWN: [i64; 25] =
        [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11, 16, 14, 13, 15, 20, 18, 17, 19, 24, 22, 21, 23];

    fn fixture(name: &str) -> Vec<u8> {
        fs::read(Path::new("tests/fixtures/bitstreams").join(name)).unwrap()
    }

    fn file(content: &[u8]) -> (tempfile::NamedTempFile, File) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        let source = File::new(Settings { path: file.path().to_owned(), fps: None });
        (file, source)
    }

    fn refusal(content: &[u8]) -> String {
        let (_file, source) = file(content);
        let mut playing = match Playing::start(&source, MediaTime::default()) {
            Ok(playing) => playing,
            Err(error) => return error.to_string(),
        };
        (0..1000).find_map(|_| playing.next().err()).map_or("nothing".to_owned(), |error| error.to_string())
    }

    /// When the access units of the first reading are shown, in frames from the edit's beginning.
    fn shown(content: &[u8]) -> Vec<i64> {
        let (_file, source) = file(content);
        let mut reading = source.open().unwrap();
        let units = std::iter::from_fn(|| reading.next().unwrap());
        units.map(|unit| (unit.times.shown * 25).div_euclid(i64::from(unit.times.scale.get()))).collect()
    }

    /// Where the payload of the last box of this kind begins; brands and x264's own words come before.
    fn place(content: &[u8], kind: &[u8; 4]) -> usize {
        content.windows(4).rposition(|window| window == kind).unwrap() + 4
    }

    fn put(content: &mut [u8], at: usize, word: u32) {
        content[at..at + 4].copy_from_slice(&word.to_be_bytes());
    }

    #[test]
    fn pictures_have_the_times_of_the_file() {
        let both: Vec<i64> = (0..2).flat_map(|group| SHOWN.map(|place| group * 25 + place)).collect();
        assert_eq!(shown(&fixture("b-pictures.mp4")), both);
        let later: Vec<i64> = both.iter().map(|place| place + 2).collect();
        assert_eq!(shown(&fixture("fragments.mp4")), later, "its edit list says nothing of the delay");
        let before: Vec<i64> = both.iter().map(|place| place - 13).collect();
        assert_eq!(shown(&fixture("edited.mp4")), before, "what the first picture shown needs");
    }

    #[test]
    fn h265_has_its_times_and_parameter_sets() {
        let (_file, source) = file(&fixture("h265.mp4"));
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let units: Vec<_> = (0..40).map(|_| playing.next().unwrap().1).collect();
        let mut times: Vec<u64> = units.iter().map(|unit| unit.time.as_nanos() / 1_000_000).collect();
        assert_eq!(times[..5].iter().map(|time| time - times[0]).collect::<Vec<_>>(), [0, 160, 80, 40, 120]);
        times.sort_unstable();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 40), "{times:?}");
        for (number, unit) in units.iter().enumerate() {
            let kinds: Vec<u8> =
                crate::media::h265::nal_units(&unit.data).map(|nal| nal[0] >> 1 & 0x3f).collect();
            assert_eq!(unit.link == Link::Start, number % 10 == 0, "{number}: {kinds:?}");
            assert_eq!(kinds.starts_with(&[32, 33, 34]), number % 10 == 0, "{number}: {kinds:?}");
        }
        assert!(matches!(playing.tracks().unwrap()[0].codec, crate::media::Codec::H265(_)));
    }

    #[test]
    fn sound_goes_with_its_pictures_over_many_rounds() {
        let (_file, source) = file(&fixture("pictures-and-sound.mp4"));
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let units: Vec<_> = (0..1000).map(|_| playing.next().unwrap().1).collect();
        let times = |track| {
            let units = units.iter().filter(move |unit| unit.track == TrackId(track));
            units.map(|unit| unit.time.as_nanos() as f64 / 1e9).collect::<Vec<_>>()
        };
        let (mut pictures, sound) = (times(0), times(1));
        pictures.sort_by(f64::total_cmp);
        // 25 pictures are 1 s; the sound is longer and sets the round's length.
        let packet = 1024.0 / 16_000.0;
        assert!(sound.windows(2).all(|pair| (pair[1] - pair[0] - packet).abs() < 1e-6), "{sound:?}");
        let rounds = units.chunk_by(|_, next| !(next.track == TrackId(0) && next.link == Link::Start));
        assert!(rounds.count() > 20);
        let starts = units.iter().filter(|unit| unit.link == Link::Start).map(|unit| unit.time.as_nanos());
        let starts: Vec<u64> = starts.collect();
        for start in &starts {
            let since = (*start as f64 / 1e9 - sound[0]) / packet;
            assert!((since - since.round()).abs() < 1e-4, "{since} packets after the first: skewed");
        }
        assert_eq!(playing.tracks().unwrap().len(), 2);
    }

    #[test]
    fn an_edit_begins_at_the_keyframe_before_it_and_ends_in_time() {
        let mut content = fixture("b-pictures.mp4");
        let elst = place(&content, b"elst");
        // Flags and count; then the length in ms, the beginning in ticks of which a frame has 512.
        put(&mut content, elst + 8, 400);
        put(&mut content, elst + 12, (2 + 30) * 512);
        let times = shown(&content);
        assert_eq!(times.len(), 17, "decoded two frames before they are shown, ten frames long");
        assert_eq!(times, SHOWN.map(|place| place - 5)[..17]);
        put(&mut content, elst + 12, 1 << 30);
        assert_eq!(shown(&content).len(), 50, "an edit of what is not there");
        put(&mut content, elst + 12, u32::MAX);
        assert_eq!(shown(&content)[..2], [10 + 2, 10 + 6], "nothing but a delay");
    }

    #[test]
    fn rounds_follow_without_a_gap() {
        for name in ["b-pictures.mp4", "fragments.mp4", "edited.mp4"] {
            let (_file, source) = file(&fixture(name));
            let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
            let mut times: Vec<u64> =
                (0..150).map(|_| playing.next().unwrap().1.time.as_nanos() / 1_000_000).collect();
            assert_eq!(times[50] - times[0], 2000, "{name}");
            times.sort_unstable();
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 40), "{name}: {times:?}");
        }
    }

    #[test]
    fn every_round_begins_with_a_keyframe_and_its_parameter_sets() {
        let (_file, source) = file(&fixture("b-pictures.mp4"));
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        for number in 0..150 {
            let unit = playing.next().unwrap().1;
            assert_eq!(unit.link == Link::Start, number % 25 == 0, "{number}");
            let first = crate::media::h264::nal_units(&unit.data).next().map(|nal| nal[0] & 0x1f);
            assert!((unit.link == Link::Start) == (first == Some(7)), "{number}: {first:?}");
        }
    }

    #[test]
    fn what_is_written_to_is_read_anew() {
        let (file, source) = file(&fixture("b-pictures.mp4"));
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        playing.next().unwrap();
        fs::write(file.path(), fixture("fields.h264")).unwrap();
        let tracks = |playing: &Playing<'_>| playing.tracks().unwrap();
        let before = tracks(&playing);
        // What was read before goes out; the round is not played to its end.
        let more = (0..100).find(|_| {
            playing.next().unwrap();
            tracks(&playing) != before
        });
        assert!(more.is_some());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let whole = fixture("b-pictures.mp4");
        let (moov, stsz) = (place(&whole, b"moov") - 8, place(&whole, b"stsz"));
        let changed = |at: usize, word: u32| {
            let mut content = whole.clone();
            put(&mut content, at, word);
            content
        };
        let of_kind =
            |kind: &[u8; 4], other: &[u8; 4]| changed(place(&whole, kind) - 4, u32::from_be_bytes(*other));
        let mut large = fixture("fragments.mp4");
        let moov_of_large = place(&large, b"moov") - 8;
        put(&mut large, moov_of_large, 100 << 20);
        for (content, sentence) in [
            (whole[..moov].to_vec(), "no index"),
            (whole[..whole.len() - 9].to_vec(), "ends inside its index"),
            (whole[..2000].to_vec(), "cut short and has no index"),
            (large, "index has 100 MB"),
            (changed(stsz + 8, u32::MAX), "damaged (box stsz)"),
            (changed(stsz + 8, 49), "damaged (box stbl"),
            (changed(stsz + 4, 9 << 20), "a sample of 9 MB"),
            (changed(stsz + 12, 9 << 20), "a sample of 9 MB"),
            (changed(place(&whole, b"stco") + 8, 1 << 30), "ends before the sample at byte 1073741824"),
            (of_kind(b"stts", b"none"), "not complete (no box stts)"),
            (of_kind(b"avc1", b"hvcX"), "but hvcX video"),
            (of_kind(b"trak", b"none"), "but no tracks"),
            (of_kind(b"avcC", b"none"), "but avc1 video"),
        ] {
            let told = refusal(&content);
            assert!(told.contains(sentence), "{sentence}: {told}");
        }
    }

    #[test]
    fn as_many_samples_as_can_be_counted_take_no_memory_and_end() {
        let mut content = fixture("b-pictures.mp4");
        let (stsz, stts) = (place(&content, b"stsz"), place(&content, b"stts"));
        let (stsc, ctts) = (place(&content, b"stsc"), place(&content, b"ctts"));
        let (count, stco) = (u32::MAX - 1, place(&content, b"stco"));
        put(&mut content, stsz + 4, 1);
        put(&mut content, stsz + 8, count);
        put(&mut content, stts + 8, count);
        put(&mut content, stsc + 12, count);
        put(&mut content, stco + 8, 0);
        put(&mut content, ctts - 4, u32::from_be_bytes(*b"none"));
        let edts = place(&content, b"edts");
        put(&mut content, edts - 4, u32::from_be_bytes(*b"none"));
        let told = refusal(&content);
        assert!(told.contains("10000 samples in a row"), "{told}");
        let mut content = fixture("fragments.mp4");
        let trun = place(&content, b"trun");
        put(&mut content, trun, 0);
        put(&mut content, trun + 4, 1 << 24);
        let told = refusal(&content);
        assert!(told.contains("absurdly many"), "{told}");
    }

    #[test]
    fn damaged_files_harm_nobody() {
        let mut random = 1_u64;
        let mut next = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize
        };
        for name in ["b-pictures.mp4", "fragments.mp4", "edited.mp4"] {
            let whole = fixture(name);
            let boxes = place(&whole, b"moov");
            for round in 0..300 {
                let mut content = whole.clone();
                for _ in 0..1 + round % 8 {
                    // The index more often than pictures.
                    let from = if next() % 8 > 0 { boxes } else { 0 };
                    let at = from + next() % (content.len() - from - 4).min(1400);
                    match next() % 4 {
                        0 => put(&mut content, at, u32::MAX >> (next() % 32)),
                        1 => content[at] ^= 1 << (next() % 8),
                        _ => content[at] = next() as u8,
                    }
                }
                if next() % 16 == 0 {
                    content.truncate(next() % whole.len());
                }
                let (_file, source) = file(&content);
                if let Ok(mut playing) = Playing::start(&source, MediaTime::default()) {
                    let mut due = MediaTime::default();
                    for _ in 0..200 {
                        let Ok((next, _)) = playing.next() else { break };
                        assert!(next >= due, "{name}, round {round}");
                        due = next;
                    }
                }
            }
        }
    }
}

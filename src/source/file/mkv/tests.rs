//! Files as muxers write them, and as they may be.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::super::playing::Playing;
use super::super::{File, Settings};
use super::ebml::elements;
use super::*;
use crate::media::{AccessUnit, Codec, Link, MediaTime};

/// Where the pictures of `seamless.mkv` are shown, in frames of 40 ms.
const SHOWN: [i64; 24] =
    [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11, 16, 14, 13, 15, 20, 18, 17, 19, 23, 21, 22];

const MS: i64 = 1_000_000;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/fixtures/bitstreams").join(name)).unwrap()
}

fn file(content: &[u8]) -> (tempfile::NamedTempFile, File) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    let source = File::new(Settings { path: file.path().to_owned(), fps: None });
    (file, source)
}

/// The access units of one reading.
fn units(content: &[u8]) -> Vec<Unit> {
    let (_file, source) = file(content);
    let mut reading = source.open().unwrap();
    std::iter::from_fn(|| reading.next().unwrap()).collect()
}

/// What a file has, whatever it is written like: track, time, bytes.
fn told(content: &[u8]) -> Vec<(u8, i64, Vec<u8>)> {
    let unit = |unit: Unit| (unit.track.0, unit.times.shown, unit.data.to_vec());
    let mut told: Vec<_> = units(content).into_iter().map(unit).collect();
    told.sort_by_key(|unit| unit.0);
    told
}

fn refusal(content: &[u8]) -> String {
    let (_file, source) = file(content);
    let mut playing = match Playing::start(&source, MediaTime::default()) {
        Ok(playing) => playing,
        Err(error) => return error.to_string(),
    };
    (0..3000).find_map(|_| playing.next().err()).map_or("nothing".to_owned(), |error| error.to_string())
}

fn take(playing: &mut Playing<'_>, count: usize) -> Vec<AccessUnit> {
    (0..count).map(|_| playing.next().unwrap().1).collect()
}

/// An element, its size in eight bytes.
fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let size = (1 << 56 | content.len() as u64).to_be_bytes();
    [id_bytes(id), size.to_vec(), content.to_vec()].concat()
}

/// An element whose size is not known.
fn open_ended(id: u32, content: &[u8]) -> Vec<u8> {
    [id_bytes(id), vec![0xff], content.to_vec()].concat()
}

fn id_bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

const VOID: u32 = 0xec;
const CRC: u32 = 0xbf;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63a2;
const DEFAULT_DURATION: u32 = 0x23_e383;
const TIMESTAMP: u32 = 0xe7;
const SIMPLE_BLOCK: u32 = 0xa3;

/// The content of `seamless.mkv`, to be written in another way.
struct Clip {
    /// The content of its `TrackEntry` elements.
    entries: Vec<Vec<(u32, Vec<u8>)>>,
    /// Track, milliseconds, frame.
    blocks: Vec<(u8, u16, Vec<u8>)>,
}

impl Clip {
    fn read() -> Self {
        let whole = fixture("seamless.mkv");
        let segment = find(&whole, SEGMENT).unwrap();
        let entries = elements(find(segment, TRACKS).unwrap()).filter(|found| found.id == TRACK_ENTRY);
        let fields = |entry: &[u8]| elements(entry).map(|found| (found.id, found.content.to_vec())).collect();
        let cluster = find(segment, CLUSTER).unwrap();
        let blocks = elements(cluster).filter(|found| found.id == SIMPLE_BLOCK).map(|found| {
            let time = u16::from_be_bytes([found.content[1], found.content[2]]);
            (found.content[0] & 0x7f, time, found.content[4..].to_vec())
        });
        Self { entries: entries.map(|entry| fields(entry.content)).collect(), blocks: blocks.collect() }
    }

    /// Puts or takes a field of a track.
    fn set(&mut self, track: usize, id: u32, content: Option<&[u8]>) {
        self.entries[track].retain(|field| field.0 != id);
        self.entries[track].extend(content.map(|content| (id, content.to_vec())));
    }

    fn tracks(&self) -> Vec<u8> {
        let entry = |fields: &Vec<(u32, Vec<u8>)>| {
            let fields: Vec<u8> = fields.iter().flat_map(|(id, content)| element(*id, content)).collect();
            element(TRACK_ENTRY, &fields)
        };
        element(TRACKS, &self.entries.iter().flat_map(entry).collect::<Vec<_>>())
    }

    fn simple_blocks(&self) -> Vec<Vec<u8>> {
        let block = |(track, time, frame): &(u8, u16, Vec<u8>)| {
            element(SIMPLE_BLOCK, &[&head(*track, *time, 0x80)[..], frame].concat())
        };
        self.blocks.iter().map(block).collect()
    }

    /// Every block in the same cluster.
    fn cluster(&self) -> Vec<u8> {
        element(CLUSTER, &[element(TIMESTAMP, &[]), self.simple_blocks().concat()].concat())
    }

    fn written(&self) -> Vec<u8> {
        file_of(&[self.tracks(), self.cluster()].concat())
    }
}

/// What a block begins with.
fn head(track: u8, time: u16, flags: u8) -> [u8; 4] {
    let [high, low] = time.to_be_bytes();
    [0x80 | track, high, low, flags]
}

fn file_of(segment: &[u8]) -> Vec<u8> {
    let doc_type = element(0x4282, b"matroska");
    [element(EBML, &doc_type), element(SEGMENT, segment)].concat()
}

#[test]
fn pictures_and_sound_have_the_times_of_the_file() {
    let units = units(&fixture("seamless.mkv"));
    let times = |track| {
        let units = units.iter().filter(move |unit| unit.track == TrackId(track));
        units.map(|unit| (unit.times.decoded, unit.times.shown, unit.times.duration)).collect::<Vec<_>>()
    };
    let pictures: Vec<_> =
        (0..).zip(SHOWN).map(|(number, shown)| (number * 40 * MS, shown * 40 * MS, 40 * MS)).collect();
    assert_eq!(times(0), pictures);
    let sound: Vec<_> = (0..15).map(|number| (number * 64 * MS, number * 64 * MS, 64 * MS)).collect();
    assert_eq!(times(1), sound);
    assert!(units.is_sorted_by_key(|unit| unit.times.decoded), "one beside the other");
}

#[test]
fn every_access_unit_is_that_of_the_mp4_file() {
    let of = |name: &str, track: u8| {
        let units = units(&fixture(name)).into_iter().filter(move |unit| unit.track == TrackId(track));
        units.map(|unit| unit.data.to_vec()).collect::<Vec<_>>()
    };
    for (mkv, mp4, tracks) in [("seamless.mkv", "seamless.mp4", 2), ("h265.mkv", "h265.mp4", 1)] {
        for track in 0..tracks {
            assert_eq!(of(mkv, track), of(mp4, track), "{mkv}, track {track}");
        }
    }
}

#[test]
fn h265_has_its_times_and_parameter_sets() {
    let (_file, source) = file(&fixture("h265.mkv"));
    let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
    let units = take(&mut playing, 40);
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
    assert!(matches!(playing.tracks().unwrap()[0].codec, Codec::H265(_)));
}

#[test]
fn rounds_follow_without_a_gap() {
    let (_file, source) = file(&fixture("seamless.mkv"));
    let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
    let units = take(&mut playing, 39 * 5);
    for (track, step) in [(0, 40), (1, 64)] {
        let units = units.iter().filter(|unit| unit.track == TrackId(track));
        let mut times: Vec<u64> = units.map(|unit| unit.time.as_nanos() / 1_000_000).collect();
        times.sort_unstable();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == step), "{track}: {times:?}");
    }
    assert_eq!(playing.tracks().unwrap().len(), 2);
}

#[test]
fn a_file_is_the_same_however_it_is_written() {
    let expected = told(&fixture("seamless.mkv"));
    let clip = Clip::read();
    assert_eq!(told(&clip.written()), expected);
    let (tracks, cluster) = (clip.tracks(), clip.cluster());
    let (void, crc) = (element(VOID, &[0; 300]), element(CRC, &[1, 2, 3, 4]));
    let blocks = clip.simple_blocks();
    // A cluster for every three blocks, of times before its own too.
    let small: Vec<u8> = clip
        .blocks
        .chunks(3)
        .flat_map(|blocks| {
            let blocks = blocks.iter().flat_map(|(track, time, frame)| {
                let head = head(*track, time.wrapping_sub(500), 0);
                [void.clone(), element(SIMPLE_BLOCK, &[&head[..], frame].concat())].concat()
            });
            let time = element(TIMESTAMP, &500_u16.to_be_bytes());
            open_ended(CLUSTER, &[crc.clone(), time, blocks.collect()].concat())
        })
        .collect();
    let groups = clip.blocks.iter().map(|(track, time, frame)| {
        let block = element(0xa1, &[&head(*track, *time, 0)[..], frame].concat());
        let duration = element(0x9b, &[if *track == 1 { 40 } else { 64 }]);
        element(0xa0, &[block, duration, element(0xfb, &[0xd8])].concat())
    });
    let live =
        [&element(EBML, &element(0x4282, b"webm"))[..], &open_ended(SEGMENT, &tracks), &small].concat();
    for (written, content) in [
        ("the tracks last", file_of(&[cluster.clone(), tracks.clone()].concat())),
        ("elements of no interest", file_of(&[&crc[..], &void, &tracks, &void, &cluster].concat())),
        ("a live stream", live),
        ("no time of its own", file_of(&[tracks.clone(), element(CLUSTER, &blocks.concat())].concat())),
        ("groups", file_of(&[tracks, element(CLUSTER, &groups.collect::<Vec<_>>().concat())].concat())),
    ] {
        assert_eq!(told(&content), expected, "{written}");
    }
}

#[test]
fn laced_sound_and_stripped_headers_are_whole_again() {
    let expected = told(&fixture("seamless.mkv"));
    let clip = Clip::read();
    let mut sound = clip.blocks.iter().filter(|block| block.0 == 2);
    let frames: Vec<&[u8]> = sound.by_ref().map(|block| &block.2[..]).collect();
    let sizes: Vec<usize> = frames[..3].iter().map(|frame| frame.len()).collect();
    assert!(sizes[0] > 255 && sizes[1] < 255, "{sizes:?}");
    let xiph = [vec![2, 255, (sizes[0] - 255) as u8], vec![sizes[1] as u8]].concat();
    let first = 0x4000 | sizes[0] as u16;
    let second = 0x4000 | (sizes[1] as i32 - sizes[0] as i32 + 0x1fff) as u16;
    let ebml = [&[2][..], &first.to_be_bytes(), &second.to_be_bytes()].concat();
    for (flags, lace) in [(0x02, xiph), (0x06, ebml)] {
        let block = [&head(2, 0, flags)[..], &lace, &frames[..3].concat()].concat();
        let laced = element(SIMPLE_BLOCK, &block);
        let others = clip.simple_blocks().into_iter().zip(&clip.blocks);
        let others = others.filter(|(_, block)| block.0 != 2 || block.1 >= 3 * 64).map(|(block, _)| block);
        let cluster = element(CLUSTER, &[laced, others.collect::<Vec<_>>().concat()].concat());
        assert_eq!(told(&file_of(&[clip.tracks(), cluster].concat())), expected, "flags {flags}");
    }
    let mut stripped = Clip::read();
    let compression = [element(0x4254, &[3]), element(0x4255, &[0, 0])].concat();
    let encoding = element(0x6240, &element(0x5034, &compression));
    stripped.set(0, 0x6d80, Some(&encoding));
    for (_, _, frame) in stripped.blocks.iter_mut().filter(|block| block.0 == 1) {
        assert_eq!(frame.drain(..2).collect::<Vec<_>>(), [0, 0]);
    }
    assert_eq!(told(&stripped.written()), expected);
}

#[test]
fn times_need_neither_milliseconds_nor_a_rate() {
    let mut clip = Clip::read();
    clip.set(0, DEFAULT_DURATION, None);
    assert_eq!(told(&clip.written()), told(&fixture("seamless.mkv")));
    let (_file, source) = file(&clip.written());
    let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
    let units = take(&mut playing, 39 * 2);
    let starts: Vec<u64> = units
        .iter()
        .filter(|unit| unit.link == Link::Start)
        .map(|unit| unit.time.as_nanos() / 1_000_000)
        .collect();
    assert_eq!(starts[1] - starts[0], 960, "the last picture lasts as long as the others");
    // Ticks of two milliseconds.
    clip.blocks.iter_mut().for_each(|(_, time, _)| *time /= 2);
    let info = element(INFO, &element(TIMESTAMP_SCALE, &2_000_000_u32.to_be_bytes()));
    let coarse = file_of(&[info, clip.tracks(), clip.cluster()].concat());
    assert_eq!(told(&coarse), told(&fixture("seamless.mkv")));
    // A decoder that is behind by one packet of sound.
    clip.set(1, 0x56aa, Some(&64_000_000_u32.to_be_bytes()));
    let units = units_of_sound(&clip.written());
    assert_eq!(units[..2], [-64 * MS, -32 * MS]);
}

#[test]
fn pictures_at_a_steady_rate_have_exact_times() {
    let mut clip = Clip::read();
    clip.set(0, DEFAULT_DURATION, Some(&33_333_333_u32.to_be_bytes()));
    for (_, time, _) in clip.blocks.iter_mut().filter(|block| block.0 == 1) {
        *time = (u32::from(*time / 40) * 100 + 1).div_euclid(3) as u16;
    }
    let shown = told(&clip.written()).into_iter().filter(|unit| unit.0 == 0).map(|unit| unit.1);
    assert_eq!(shown.collect::<Vec<_>>(), SHOWN.map(|place| place * 33_333_333));
}

fn units_of_sound(content: &[u8]) -> Vec<i64> {
    let units = units(content).into_iter().filter(|unit| unit.track == TrackId(1));
    units.map(|unit| unit.times.shown).collect()
}

#[test]
fn sound_that_cannot_be_carried_is_left_out() {
    let pictures = |told: Vec<(u8, i64, Vec<u8>)>| -> Vec<_> {
        told.into_iter().filter(|unit| unit.0 == 0).collect::<Vec<_>>()
    };
    let expected = pictures(told(&fixture("seamless.mkv")));
    for (id, content) in [(CODEC_ID, Some(&b"A_OPUS"[..])), (CODEC_PRIVATE, None), (TRACK_TYPE, Some(&[17]))]
    {
        let mut clip = Clip::read();
        clip.set(1, id, content);
        assert_eq!(told(&clip.written()), expected, "{id:x}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let with = |id: u32, content: Option<&[u8]>| {
        let mut clip = Clip::read();
        clip.set(0, id, content);
        clip.written()
    };
    let encoding = |content: &[u8]| with(0x6d80, Some(&element(0x6240, content)));
    let clip = Clip::read();
    let (whole, tracks) = (clip.written(), clip.tracks());
    let scale = |scale| element(INFO, &element(TIMESTAMP_SCALE, scale));
    let place = whole.windows(4).position(|window| window == CLUSTER.to_be_bytes()).unwrap();
    for (content, sentence) in [
        (
            with(CODEC_ID, Some(b"V_VP9")),
            "but A_AAC audio, V_VP9 video; make one: `ffmpeg -i FILE -c:v libx264",
        ),
        (with(CODEC_PRIVATE, None), "V_MPEG4/ISO/AVC video, without CodecPrivate"),
        (with(CODEC_PRIVATE, Some(&[1, 100])), "V_MPEG4/ISO/AVC video, with damaged CodecPrivate"),
        (with(CODEC_ID, Some(b"\x1b[2J")), "\\x1b[2J video"),
        (encoding(&element(0x5034, &[])), "V_MPEG4/ISO/AVC video, compressed"),
        (encoding(&element(0x5033, &[1])), "V_MPEG4/ISO/AVC video, encrypted"),
        (file_of(&element(TRACKS, &[])), "no tracks at all"),
        (file_of(&clip.cluster()), "does not say what is in it"),
        (file_of(&element(VOID, &[0; 300]))[..99].to_vec(), "it is cut short and does not say what is in it"),
        (whole[..place - 1].to_vec(), "it ends before its first picture: it is cut short"),
        (whole[..place + 400].to_vec(), "cut short at byte"),
        (whole[..place + 15].to_vec(), "cut short at byte"),
        (whole[..place + 12].to_vec(), "no H.264 or H.265 picture"),
        (tracks.clone(), "no H.264 or H.265 picture"),
        (file_of(&[scale(&[]), tracks.clone()].concat()), "TimestampScale is absurd"),
        (file_of(&[scale(&[255; 8]), tracks.clone()].concat()), "TimestampScale is absurd"),
        (file_of(&[tracks.clone(), vec![0; 12]].concat()), "damaged at byte"),
        (file_of(&open_ended(TRACKS, &tracks)), "does not say what is in it"),
    ] {
        let said = refusal(&content);
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    let mut large = whole;
    let size = large.windows(4).position(|window| window == TRACKS.to_be_bytes()).unwrap() + 4;
    large[size..size + 8].copy_from_slice(&(1_u64 << 56 | 100 << 20).to_be_bytes());
    assert!(refusal(&large).contains("has 100 MB, more than 4 MB"), "{}", refusal(&large));
}

#[test]
fn what_is_cut_or_damaged_is_played_up_to_there() {
    let clip = Clip::read();
    let whole = clip.written();
    let mut damaged =
        file_of(&[clip.tracks(), element(CLUSTER, &clip.simple_blocks()[..20].concat())].concat());
    damaged.extend([0; 100]);
    let mut joined = whole.clone();
    joined.extend(&whole);
    for (content, expected) in [(&whole[..whole.len() - 1], 38), (&damaged, 20), (&joined, 39)] {
        let (_file, source) = file(content);
        let mut reading = source.open().unwrap();
        let units = std::iter::from_fn(|| reading.next().unwrap());
        assert_eq!(units.count(), expected);
        assert!(source.notes.told.borrow().len() == 1, "{:?}", source.notes);
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        take(&mut playing, 100);
    }
}

#[test]
fn what_is_written_over_is_read_anew_and_what_grows_goes_on() {
    let clip = Clip::read();
    let blocks = clip.simple_blocks();
    let begun = [clip.tracks(), open_ended(CLUSTER, &blocks[..20].concat())].concat();
    let begun = [element(EBML, &[]), open_ended(SEGMENT, &begun)].concat();
    let (file, source) = file(&begun);
    let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
    let mut units = take(&mut playing, 3);
    fs::OpenOptions::new().append(true).open(file.path()).unwrap().write_all(&blocks[20..].concat()).unwrap();
    units.extend(take(&mut playing, 36));
    let mut sent: Vec<_> = units.iter().map(|unit| (unit.track.0, unit.data.to_vec())).collect();
    sent.sort_by_key(|unit| unit.0);
    let expected: Vec<_> =
        told(&fixture("seamless.mkv")).into_iter().map(|(track, _, data)| (track, data)).collect();
    assert_eq!(sent, expected);
    take(&mut playing, 1);
    fs::write(file.path(), fixture("h265.mkv")).unwrap();
    take(&mut playing, 1);
    assert!(matches!(playing.tracks().unwrap()[0].codec, Codec::H265(_)));
}

#[test]
fn absurd_files_take_neither_memory_nor_time() {
    let clip = Clip::read();
    let tracks = clip.tracks();
    // Elements of nothing, as many as there is room for.
    let nothing = [VOID as u8, 0x80].repeat(1 << 20);
    let said = refusal(&file_of(&[tracks.clone(), nothing].concat()));
    assert!(said.contains("elements in a row without a block"), "{said}");
    // A block that is as large as the file, which has a hole in it.
    let block = [&[SIMPLE_BLOCK as u8][..], &(1_u64 << 56 | 1 << 40).to_be_bytes(), &head(1, 0, 0)].concat();
    let (hole, source) = file(&file_of(&[tracks, open_ended(CLUSTER, &block)].concat()));
    hole.as_file().set_len(1 << 41).unwrap();
    let said = Playing::start(&source, MediaTime::default()).map(drop).unwrap_err().to_string();
    assert!(said.contains("a frame of 1048575 MB"), "{said}");
    // Sound alone that never ends, beside one picture.
    let mut endless = Clip::read();
    let sound = endless.blocks.iter().find(|block| block.0 == 2).unwrap().clone();
    endless.blocks.truncate(1);
    endless.blocks.extend(std::iter::repeat_n(sound, 3000));
    assert!(refusal(&endless.written()).contains("more than 1000 access units a second"));
}

#[test]
fn damaged_files_harm_nobody() {
    let mut random = 1_u64;
    let mut next = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize
    };
    for name in ["seamless.mkv", "h265.mkv"] {
        let whole = fixture(name);
        let cluster = whole.windows(4).position(|window| window == CLUSTER.to_be_bytes()).unwrap();
        let heads: Vec<usize> =
            (cluster..whole.len() - 2).filter(|at| whole[*at] == SIMPLE_BLOCK as u8).collect();
        for round in 0..300 {
            let mut content = whole.clone();
            for _ in 0..1 + round % 8 {
                // What tells of tracks and blocks more often than pictures.
                let at = match next() % 8 {
                    0 => next() % whole.len(),
                    1..=4 => next() % (cluster + 16),
                    _ => heads[next() % heads.len()] + next() % 12,
                };
                let at = at.min(whole.len() - 8);
                match next() % 4 {
                    0 => content[at..at + 8].fill(255),
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

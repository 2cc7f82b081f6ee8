//! One reading of a file after the other, as one stream.

use super::rounds::Rounds;
use super::{File, Reading, Unit};
use crate::media::{AccessUnit, Link, MediaTime, Track, TrackId};
use crate::source::Error;

/// A file that is being played.
pub(super) struct Playing<'a> {
    file: &'a File,
    reading: Box<dyn Reading + 'a>,
    rounds: Rounds,
    /// Read already: the first of its round.
    ready: Option<Unit>,
}

impl<'a> Playing<'a> {
    /// Opens the file and reads up to its first keyframe, which is due `now`.
    pub(super) fn start(file: &'a File, now: MediaTime) -> Result<Self, Error> {
        let failed = |error| file.error(&error);
        let (mut reading, first) = open(file)?;
        let opening = (first.track.index(), first.times);
        let mut passed = Vec::new();
        let mut unit = first;
        while unit.track != TrackId(0) || unit.link != Link::Start {
            passed.push((unit.track.index(), unit.times));
            unit = reading.next().map_err(failed)?.ok_or_else(|| failed(nothing()))?;
        }
        let mut rounds = Rounds::new(now, opening, unit.times);
        for (track, times) in &passed {
            rounds.pass(*track, times).map_err(failed)?;
        }
        Ok(Self { file, reading, rounds, ready: Some(unit) })
    }

    /// The next access unit in the order of decoding, and when it is due; the file, or what is in its place
    /// now, begins again at its end.
    pub(super) fn next(&mut self) -> Result<(MediaTime, AccessUnit), Error> {
        let failed = |error| self.file.error(&error);
        let read = match self.ready.take() {
            Some(unit) => Some(unit),
            None => self.reading.next().map_err(failed)?,
        };
        let unit = match read {
            Some(unit) => unit,
            None => {
                let (reading, first) = open(self.file)?;
                self.reading = reading;
                self.rounds.again(first.track.index(), first.times).map_err(failed)?;
                first
            }
        };
        let Unit { track, times, link, data } = unit;
        let (due, time) = self.rounds.place(track.index(), &times).map_err(failed)?;
        Ok((due, AccessUnit { track, time, link, journey: None, data }))
    }

    /// The tracks as they are after the access unit that was given last.
    pub(super) fn tracks(&self) -> Option<Vec<Track>> {
        self.reading.tracks()
    }
}

/// A reading and its first access unit.
fn open(file: &File) -> Result<(Box<dyn Reading + '_>, Unit), Error> {
    let mut reading = file.open()?;
    let first =
        reading.next().and_then(|unit| unit.ok_or_else(nothing)).map_err(|error| file.error(&error))?;
    Ok((reading, first))
}

fn nothing() -> Error {
    Error::new(
        "no H.264 or H.265 picture with parameter sets in it; name an MP4, MOV, MKV or raw Annex-B file",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::FileExt;
    use std::path::Path;

    use super::super::Settings;
    use super::*;
    use crate::hub::{Cursor, Mount, Slot, State, mount};
    use crate::source::spawn;

    fn at(path: impl AsRef<Path>) -> File {
        File::new(Settings { path: path.as_ref().to_owned(), fps: None })
    }

    fn source(content: &[u8]) -> (tempfile::NamedTempFile, File) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        let source = at(file.path());
        (file, source)
    }

    fn refusal(source: &File) -> String {
        Playing::start(source, MediaTime::default()).map(|_| ()).unwrap_err().to_string()
    }

    /// SPS 0, PPS 0 and an IDR picture that ends in `mark`, which is not 0.
    fn picture(mark: u8) -> [u8; 21] {
        let [sps, pps] = [0b1010_0000, 0b1100_0001];
        [0, 0, 0, 1, 0x67, 66, 0xc0, 30, sps, 0, 0, 1, 0x68, pps, 0, 0, 1, 0x65, 0x88, 0x80, mark]
    }

    fn marks(playing: &mut Playing<'_>, count: u64) -> Vec<u8> {
        (0..count).map(|_| *playing.next().unwrap().1.data.last().unwrap()).collect()
    }

    /// The times of the frames, in whole frames, in the order of decoding.
    fn places(name: &str, count: u64) -> Vec<u64> {
        let source = at(Path::new("tests/fixtures/bitstreams").join(name));
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let frame = u64::from(1_000_000_000_u32 / 25);
        let times = (0..count).map(|_| playing.next().unwrap().1.time.as_nanos());
        times.map(|nanos| nanos / frame).collect()
    }

    #[test]
    fn the_file_begins_again_at_its_end() {
        let (_file, source) = source(&[picture(1), picture(2)].concat());
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        assert_eq!(marks(&mut playing, 5), [1, 2, 1, 2, 1]);
    }

    #[test]
    fn b_pictures_have_the_times_at_which_they_are_shown() {
        // What the encoder itself said, written to MP4.
        let group = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11, 16, 14, 13, 15, 19, 17, 18];
        let expected: Vec<u64> = (0..4).flat_map(|number| group.map(|place| number * 20 + place)).collect();
        assert_eq!(places("b-pictures.h264", 80), expected, "and on, where the file begins again");
    }

    #[test]
    fn a_raw_stream_of_h265_is_known_by_its_content() {
        let source = at("tests/fixtures/bitstreams/open-gop.h265");
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let first = playing.next().unwrap().1;
        assert_eq!(first.link, Link::Start);
        assert!(matches!(playing.tracks().unwrap()[0].codec, crate::media::Codec::H265(_)));
        let mut times: Vec<u64> = (0..100).map(|_| playing.next().unwrap().1.time.as_nanos()).collect();
        times.sort_unstable();
        times.dedup();
        assert!(times.len() > 90, "{times:?}");
    }

    #[test]
    fn two_fields_take_the_time_of_one_frame() {
        assert_eq!(places("fields.h264", 50), (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_stream_of_several_pps_has_them_all_before_each_idr_picture() {
        let source = at("tests/fixtures/bitstreams/three-pps.h264");
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let heads: Vec<Vec<u8>> = (0..60)
            .map(|_| playing.next().unwrap().1)
            .filter(|unit| unit.link == Link::Start)
            .map(|unit| crate::media::h264::nal_units(&unit.data).map(|nal| nal[0] & 0x1f).collect())
            .collect();
        let (two, one) = (&[7, 8, 8, 5][..], &[7, 8, 5][..]);
        assert_eq!(heads, [two, two, one, one, two, two]);
    }

    #[test]
    fn a_file_that_is_replaced_or_cut_is_taken_as_it_is_at_its_next_beginning() {
        let (file, source) = source(&[picture(1), picture(2)].concat());
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        assert_eq!(marks(&mut playing, 1), [1]);
        let other = file.path().with_extension("other");
        fs::write(&other, picture(3)).unwrap();
        fs::rename(&other, file.path()).unwrap();
        assert_eq!(marks(&mut playing, 3), [2, 3, 3], "what was begun is played to its end");
        fs::write(file.path(), []).unwrap();
        let emptied = (0..3).find_map(|_| playing.next().err()).unwrap().to_string();
        assert!(emptied.contains("no H.264 or H.265 picture"), "{emptied}");
        fs::write(file.path(), picture(4)).unwrap();
        assert_eq!(marks(&mut playing, 1), [4]);
        fs::remove_file(file.path()).unwrap();
        let removed = playing.next().unwrap_err().to_string();
        assert!(removed.contains("No such file"), "{removed}");
        fs::write(file.path(), []).unwrap();
    }

    #[test]
    fn another_file_in_its_place_goes_at_its_own_rate() {
        let fixture = |name: &str| fs::read(Path::new("tests/fixtures/bitstreams").join(name)).unwrap();
        let (file, source) = source(&fixture("clip.h264"));
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let mut times = Vec::new();
        for _ in 0..2 {
            times.push(playing.next().unwrap().1.time);
        }
        fs::write(file.path(), fixture("fields.h264")).unwrap();
        let step = |times: &[MediaTime]| times[times.len() - 1].since(times[times.len() - 2]).as_micros();
        assert_eq!(step(&times), 33_333);
        while step(&times) / 10 == 3333 {
            times.push(playing.next().unwrap().1.time);
        }
        times.push(playing.next().unwrap().1.time);
        assert_eq!(step(&times), 40_000);
        let before = times[times.len() - 2].since(MediaTime::default()).as_millis();
        assert_eq!(before, (times.len() as u128 - 3) * 1000 / 30 + 40, "time goes on");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_path() {
        for (content, sentence) in
            [(&b""[..], "no H.264 or H.265 picture"), (b"this is text", "no H.264 or H.265 picture")]
        {
            let (file, source) = source(content);
            let error = refusal(&source);
            assert!(error.contains(sentence) && error.contains(file.path().to_str().unwrap()), "{error}");
        }
        assert!(refusal(&at("/nowhere/clip.h264")).starts_with("/nowhere/clip.h264: "));
        for other in ["/", "/dev/zero", "/dev/null"] {
            let error = refusal(&at(other));
            assert!(error.contains("name an MP4"), "{error}");
        }
        // It opens, and reading it fails.
        let unreadable = refusal(&at("/proc/self/mem"));
        assert!(unreadable.starts_with("/proc/self/mem: Input/output error"), "{unreadable}");
    }

    #[test]
    fn a_pipe_without_a_writer_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.h264");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(refusal(&at(&pipe)).contains("name an MP4"));
    }

    #[test]
    fn a_large_file_is_read_piece_by_piece() {
        let (file, source) = source(&picture(1).repeat(1000));
        file.as_file().set_len(2 << 30).unwrap();
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let mut pictures = 0;
        let error = loop {
            match playing.next() {
                Ok(_) => pictures += 1,
                Err(error) => break error.to_string(),
            }
        };
        assert!((900..=1000).contains(&pictures), "{pictures}");
        assert!(error.contains("within 8 MB"), "{error}");
    }

    #[test]
    fn a_file_of_slices_without_parameter_sets_is_not_read_to_its_end() {
        let (file, source) = source(&[]);
        for place in 0..40 {
            file.as_file().write_all_at(&[0, 0, 1, 0x41, 0x9a, 0xff], place << 22).unwrap();
        }
        assert!(refusal(&source).contains("within 64 MB"));
    }

    fn units(mount: &Mount, count: u64) -> Vec<AccessUnit> {
        let take = |at| std::future::poll_fn(move |context| mount.units().poll_next(Cursor(at), context));
        (0..count)
            .map(|number| match smol::block_on(take(number)) {
                Some(Slot::Here(unit)) => unit,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_mount_has_them_in_the_order_of_decoding_stamped_with_that_of_display() {
        let (outlet, mount) = mount("test");
        let running =
            spawn("test", Box::new(at("tests/fixtures/bitstreams/b-pictures.h264")), outlet).unwrap();
        let demand = mount.want();
        let units = units(&mount, 9);
        let start = units[0].time;
        let later: Vec<u128> = units.iter().map(|unit| unit.time.since(start).as_millis()).collect();
        assert_eq!(later, [0, 160, 80, 40, 120, 320, 240, 200, 280]);
        assert_eq!(mount.state(), State::Live);
        mount.stop();
        drop(demand);
        running.join();
    }
}

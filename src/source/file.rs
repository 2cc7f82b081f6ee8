//! A raw `.h264` file, looped in real time.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use super::grid::Grid;
use super::{Error, Source, rest, until_wanted, waker};
use crate::clock;
use crate::hub::Outlet;
use crate::media::h264::{Assembler, DisplayOrder, Frame, Splitter};
use crate::media::{AccessUnit, Codec, MediaTime, Track, TrackId};

/// Read at once.
const BLOCK: usize = 64 << 10;

/// A file with so much before its next picture is none: it is not read to its end to find that out.
const BARREN: usize = 64 << 20;

/// It plays on for this long after the last reader left: a SETUP and its PLAY, or a reader that
/// reconnects, find one stream.
const LINGER: Duration = Duration::from_secs(5);

/// Where neither the file nor the configuration says.
const DEFAULT_RATE: f64 = 25.0;

/// Which file, and how fast.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// A raw H.264 byte stream (Annex B).
    pub path: PathBuf,
    /// Pictures a second, where the file does not say or says wrong.
    pub fps: Option<f64>,
}

/// Serves the file while somebody watches, from its beginning.
#[derive(Debug)]
pub struct File {
    settings: Settings,
}

/// One reading of the file, picture by picture.
struct Reading {
    file: fs::File,
    splitter: Splitter,
    assembler: Assembler,
    ready: VecDeque<Frame>,
    block: Vec<u8>,
    /// Bytes since the last picture.
    barren: usize,
    ended: bool,
}

/// One reading after the other, as one stream.
struct Playing<'a> {
    source: &'a File,
    reading: Reading,
    order: DisplayOrder,
    /// Counted from the frame `first` on.
    grid: Grid,
    rate: f64,
    first: u64,
}

impl File {
    /// A source of this file; it is opened when somebody wants it.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn open(&self) -> Result<Reading, Error> {
        let failed = |error: io::Error| self.error(&error.to_string());
        // To open a pipe waits for its writer, unless it is asked not to.
        let mut options = fs::OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK);
        let file = options.open(&self.settings.path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(self.error("this is a folder, a pipe or a device; name a raw .h264 file"));
        }
        Ok(Reading {
            file,
            splitter: Splitter::new(),
            assembler: Assembler::new(),
            ready: VecDeque::new(),
            block: vec![0; BLOCK],
            barren: 0,
            ended: false,
        })
    }

    fn error(&self, what: &str) -> Error {
        Error::new(format!("{}: {what}", self.settings.path.display()))
    }

    fn rate(&self, reading: &Reading) -> f64 {
        let said = || {
            reading.assembler.parameter_sets()?.picture()?.rate.filter(|rate| (1.0..=240.0).contains(rate))
        };
        self.settings.fps.or_else(said).unwrap_or_else(|| {
            tracing::warn!(file = %self.settings.path.display(), "the file has no picture rate: set `fps`; 25 is taken");
            DEFAULT_RATE
        })
    }
}

impl<'a> Playing<'a> {
    /// Opens the file and reads up to its first picture.
    fn start(source: &'a File, now: MediaTime) -> Result<Self, Error> {
        let mut order = DisplayOrder::new();
        let reading = Self::open(source, &mut order)?;
        let rate = source.rate(&reading);
        Ok(Self { source, reading, order, grid: Grid::new(now, rate), rate, first: 0 })
    }

    /// A reading that has a picture ready.
    fn open(source: &File, order: &mut DisplayOrder) -> Result<Reading, Error> {
        let mut reading = source.open()?;
        while reading.ready.is_empty() && !reading.ended {
            reading.fill(order).map_err(|error| source.error(&error.to_string()))?;
        }
        if reading.ready.is_empty() {
            let what = "no H.264 picture with parameter sets in it; a raw Annex-B stream is needed";
            return Err(source.error(what));
        }
        Ok(reading)
    }

    /// The next frame in the order of decoding, `number` frames having gone before; the file, or what is
    /// in its place now, begins again at its end.
    fn next(&mut self, number: u64) -> Result<Frame, Error> {
        loop {
            if let Some(frame) = self.reading.ready.pop_front() {
                return Ok(frame);
            }
            if self.reading.ended {
                self.reading = Self::open(self.source, &mut self.order)?;
                self.keep_time(number);
            } else {
                let failed = |error: io::Error| self.source.error(&error.to_string());
                self.reading.fill(&mut self.order).map_err(failed)?;
            }
        }
    }

    /// Another file may have another rate.
    fn keep_time(&mut self, number: u64) {
        let sets = self.reading.assembler.parameter_sets();
        let rate = if sets.is_some() { self.source.rate(&self.reading) } else { self.rate };
        if rate != self.rate {
            self.grid = Grid::new(self.time(number), rate);
            self.rate = rate;
            self.first = number;
        }
    }

    /// When frame `number` is due, in whichever order frames are counted.
    fn time(&self, number: u64) -> MediaTime {
        self.grid.time(number.saturating_sub(self.first))
    }

    fn describe(&self, outlet: &Outlet) {
        if let Some(sets) = self.reading.assembler.parameter_sets() {
            let codec = Codec::H264(sets.clone());
            outlet.describe(vec![Track { codec, bitrate: None }], false);
        }
    }
}

impl Reading {
    /// Reads a block.
    fn fill(&mut self, order: &mut DisplayOrder) -> io::Result<()> {
        let length = self.file.read(&mut self.block)?;
        let Self { splitter, assembler, ready, block, .. } = self;
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
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        splitter.push(&block[..length], &mut take).map_err(|_| wrong("no H.264 start code within 8 MB"))?;
        self.barren = if ready.len() > before { 0 } else { self.barren + length };
        if self.barren > BARREN {
            return Err(wrong(
                "no H.264 picture with parameter sets within 64 MB; is it a raw Annex-B stream?",
            ));
        }
        Ok(())
    }
}

impl Source for File {
    fn run(&mut self, outlet: &Outlet) -> Result<(), Error> {
        outlet.wake_by(waker());
        if !until_wanted(outlet) {
            return Ok(());
        }
        outlet.starting();
        let mut playing = Playing::start(self, clock::media())?;
        let mut watched = clock::now();
        for number in 0.. {
            let Frame { data, link, place } = playing.next(number)?;
            playing.describe(outlet);
            let due = playing.time(number);
            while clock::media() < due && !outlet.stopped() {
                rest(due.since(clock::media()));
            }
            if outlet.wanted() {
                watched = clock::now();
            }
            if outlet.stopped() || watched.elapsed() > LINGER {
                break;
            }
            // In the order of decoding, at a steady pace; stamped with the instant at which it is shown.
            let time = playing.time(place);
            outlet.publish(AccessUnit { track: TrackId(0), time, link, data });
        }
        outlet.idle();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::path::Path;

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
        (0..count).map(|number| *playing.next(number).unwrap().data.last().unwrap()).collect()
    }

    /// The times of the frames, in whole frames, in the order of decoding.
    fn places(name: &str, count: u64) -> Vec<u64> {
        let source = at(Path::new("tests/fixtures/bitstreams").join(name));
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let frame = u64::from(1_000_000_000_u32 / 25);
        let times = (0..count).map(|number| {
            let place = playing.next(number).unwrap().place;
            playing.time(place).as_nanos()
        });
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
    fn two_fields_take_the_time_of_one_frame() {
        assert_eq!(places("fields.h264", 50), (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_stream_of_several_pps_has_them_all_before_each_idr_picture() {
        let source = at("tests/fixtures/bitstreams/three-pps.h264");
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let heads: Vec<Vec<u8>> = (0..60)
            .map(|number| playing.next(number).unwrap())
            .filter(|frame| frame.link == crate::media::Link::Start)
            .map(|frame| crate::media::h264::nal_units(&frame.data).map(|nal| nal[0] & 0x1f).collect())
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
        let emptied = (0..3).find_map(|number| playing.next(number).err()).unwrap().to_string();
        assert!(emptied.contains("no H.264 picture"), "{emptied}");
        fs::write(file.path(), picture(4)).unwrap();
        assert_eq!(marks(&mut playing, 1), [4]);
        fs::remove_file(file.path()).unwrap();
        let removed = playing.next(9).unwrap_err().to_string();
        assert!(removed.contains("No such file"), "{removed}");
        fs::write(file.path(), []).unwrap();
    }

    #[test]
    fn another_file_in_its_place_goes_at_its_own_rate() {
        let fixture = |name: &str| fs::read(Path::new("tests/fixtures/bitstreams").join(name)).unwrap();
        let (file, source) = source(&fixture("clip.h264"));
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        assert_eq!(playing.rate, 30.0);
        fs::write(file.path(), fixture("fields.h264")).unwrap();
        let mut number = 0;
        while playing.rate == 30.0 {
            playing.next(number).unwrap();
            number += 1;
        }
        assert_eq!(playing.rate, 25.0);
        let place = playing.next(number).unwrap().place;
        let step = playing.time(place).since(playing.time(place - 1));
        assert_eq!(step, Duration::from_millis(40));
        let before = playing.time(number - 1).since(MediaTime::default()).as_millis();
        assert_eq!(before, u128::from(number - 1) * 1000 / 30, "time goes on");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_path() {
        for (content, sentence) in [(&b""[..], "no H.264 picture"), (b"this is text", "no H.264 picture")] {
            let (file, source) = source(content);
            let error = refusal(&source);
            assert!(error.contains(sentence) && error.contains(file.path().to_str().unwrap()), "{error}");
        }
        assert!(refusal(&at("/nowhere/clip.h264")).starts_with("/nowhere/clip.h264: "));
        for other in ["/", "/dev/zero", "/dev/null"] {
            let error = refusal(&at(other));
            assert!(error.contains("name a raw .h264 file"), "{error}");
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
        assert!(refusal(&at(&pipe)).contains("name a raw .h264 file"));
    }

    #[test]
    fn a_large_file_is_read_piece_by_piece() {
        let (file, source) = source(&picture(1).repeat(1000));
        file.as_file().set_len(2 << 30).unwrap();
        let mut playing = Playing::start(&source, MediaTime::default()).unwrap();
        let mut pictures = 0_u64;
        let error = loop {
            match playing.next(pictures) {
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

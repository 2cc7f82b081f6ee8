//! A raw `.h264` file, looped in real time.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::grid::Grid;
use super::{Error, Source, rest, until_wanted, waker};
use crate::clock;
use crate::hub::Outlet;
use crate::media::h264::{Assembler, Splitter};
use crate::media::{AccessUnit, Codec, Link, Track, TrackId};

/// Read at once.
const BLOCK: usize = 64 << 10;

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

/// One reading of the file, access unit by access unit.
struct Reading {
    file: fs::File,
    splitter: Splitter,
    assembler: Assembler,
    ready: std::collections::VecDeque<(Arc<[u8]>, Link)>,
    block: Vec<u8>,
    ended: bool,
}

impl File {
    /// A source of this file; it is opened when somebody wants it.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn open(&self) -> Result<Reading, Error> {
        let failed = |error: io::Error| self.error(&error.to_string());
        let file = fs::File::open(&self.settings.path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(self.error("this is a folder; name a raw .h264 file"));
        }
        Ok(Reading {
            file,
            splitter: Splitter::new(),
            assembler: Assembler::new(),
            ready: Default::default(),
            block: vec![0; BLOCK],
            ended: false,
        })
    }

    fn error(&self, what: &str) -> Error {
        Error::new(format!("{}: {what}", self.settings.path.display()))
    }

    /// The next access unit; the file begins again at its end.
    fn next(&self, reading: &mut Reading) -> Result<(Arc<[u8]>, Link), Error> {
        let mut rewound = false;
        loop {
            if let Some(unit) = reading.ready.pop_front() {
                return Ok(unit);
            }
            if reading.ended {
                if rewound {
                    return Err(self.error(
                        "no H.264 picture with parameter sets in it; a raw Annex-B stream is needed",
                    ));
                }
                rewound = true;
                *reading = self.open()?;
            }
            reading.fill().map_err(|error| self.error(&error.to_string()))?;
        }
    }

    fn describe(&self, reading: &Reading, outlet: &Outlet) {
        if let Some(sets) = reading.assembler.parameter_sets() {
            let codec = Codec::H264(sets.clone());
            outlet.describe(vec![Track { codec, bitrate: None }], false);
        }
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

impl Reading {
    /// Reads a block.
    fn fill(&mut self) -> io::Result<()> {
        let length = self.file.read(&mut self.block)?;
        let Self { splitter, assembler, ready, block, .. } = self;
        let take = |unit: &[u8]| ready.extend(assembler.assemble(unit));
        if length == 0 {
            self.ended = true;
            splitter.finish(take);
            return Ok(());
        }
        splitter
            .push(&block[..length], take)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "no H.264 start code within 8 MB"))
    }
}

impl Source for File {
    fn run(&mut self, outlet: &Outlet) -> Result<(), Error> {
        outlet.wake_by(waker());
        if !until_wanted(outlet) {
            return Ok(());
        }
        outlet.starting();
        let mut reading = self.open()?;
        let mut unit = self.next(&mut reading)?;
        let grid = Grid::new(clock::media(), self.rate(&reading));
        let mut watched = clock::now();
        for number in 0.. {
            self.describe(&reading, outlet);
            let due = grid.time(number);
            while clock::media() < due && !outlet.stopped() {
                rest(due.since(clock::media()));
            }
            if outlet.wanted() {
                watched = clock::now();
            }
            if outlet.stopped() || watched.elapsed() > LINGER {
                break;
            }
            let (data, link) = unit;
            outlet.publish(AccessUnit { track: TrackId(0), time: due, link, data });
            unit = self.next(&mut reading)?;
        }
        outlet.idle();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(content: &[u8]) -> (tempfile::NamedTempFile, File) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        let settings = Settings { path: file.path().to_owned(), fps: None };
        (file, File::new(settings))
    }

    #[test]
    fn the_file_begins_again_at_its_end() {
        let picture = |byte| [0, 0, 0, 1, 0x67, 66, 0xc0, 30, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0x88, byte];
        let (_file, source) = source(&[picture(1), picture(2)].concat());
        let mut reading = source.open().unwrap();
        let last: Vec<u8> = (0..5).map(|_| *source.next(&mut reading).unwrap().0.last().unwrap()).collect();
        assert_eq!(last, [1, 2, 1, 2, 1]);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_path() {
        for (content, sentence) in [(&b""[..], "no H.264 picture"), (b"this is text", "no H.264 picture")] {
            let (file, source) = source(content);
            let error = source.next(&mut source.open().unwrap()).unwrap_err().to_string();
            assert!(error.contains(sentence) && error.contains(file.path().to_str().unwrap()), "{error}");
        }
        let absent = File::new(Settings { path: "/nowhere/clip.h264".into(), fps: None });
        assert!(absent.open().map(|_| ()).unwrap_err().to_string().starts_with("/nowhere/clip.h264: "));
        let folder = File::new(Settings { path: "/".into(), fps: None });
        assert!(folder.open().map(|_| ()).unwrap_err().to_string().contains("folder"));
    }
}

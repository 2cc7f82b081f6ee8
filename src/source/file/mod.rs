//! A file that plays in real time, round after round, as if it were a camera.
//!
//! What it holds is told by its content: a raw byte stream of H.264 or H.265, MP4 and its kin (MOV, fragmented
//! MP4), Matroska and WebM.

mod bytes;
mod elementary;
mod mkv;
mod mp4;
mod playing;
mod raw;
mod rounds;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Error, Source, at_rest, check_fps, rest, until_wanted, waker};
use crate::clock;
use crate::hub::Outlet;
use crate::media::{AccessUnit, Journey, Link, MediaTime, Track, TrackId};
use bytes::{Bytes, Holds};
use playing::Playing;
use rounds::Times;

/// It plays on for this long after the last reader left: a SETUP and its PLAY, or a reader that
/// reconnects, find one stream.
const LINGER: Duration = Duration::from_secs(5);

/// An access unit larger than this is none.
const LARGEST: usize = 8 << 20;

/// Which file, and how fast.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// MP4, MOV, MKV or a raw byte stream of H.264 or H.265 (Annex B).
    pub path: PathBuf,
    /// Pictures a second of a raw stream, where the file does not say or says wrong.
    pub fps: Option<f64>,
}

impl Settings {
    /// Holds the settings against what can be; whether there is a file is another matter.
    ///
    /// # Errors
    /// A field that cannot be, in a sentence that names it.
    pub fn check(&self) -> Result<(), Error> {
        check_fps(self.fps)
    }
}

/// Serves the file while somebody watches, from its beginning.
#[derive(Debug)]
pub struct File {
    settings: Settings,
    notes: Notes,
}

/// What was told of a file: each round reads it anew, and would tell it again.
#[derive(Debug)]
struct Notes {
    file: String,
    told: RefCell<BTreeSet<String>>,
}

impl Notes {
    /// Tells what people may want to know, once.
    fn info(&self, sentence: String) {
        if self.told.borrow_mut().insert(sentence.clone()) {
            tracing::info!(file = self.file, "{sentence}");
        }
    }

    /// Tells what is not as it should be, once.
    fn warn(&self, sentence: String) {
        if self.told.borrow_mut().insert(sentence.clone()) {
            tracing::warn!(file = self.file, "{sentence}");
        }
    }
}

/// An access unit as it stands in a file.
#[derive(Debug)]
struct Unit {
    track: TrackId,
    times: Times,
    link: Link,
    data: Arc<[u8]>,
}

/// One reading of a file, from its beginning to its end.
trait Reading {
    /// The next access unit in the order of decoding of all tracks; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    fn next(&mut self) -> Result<Option<Unit>, Error>;

    /// The tracks as they are after the access unit that was given last: pictures first. `None` before the
    /// first picture.
    fn tracks(&self) -> Option<Vec<Track>>;
}

impl File {
    /// A source of this file; it is opened when somebody wants it.
    pub fn new(settings: Settings) -> Self {
        let notes = Notes { file: settings.path.display().to_string(), told: RefCell::default() };
        Self { settings, notes }
    }

    /// Looks whether the file is there now and of a kind that is served.
    ///
    /// # Errors
    /// Why not, in a sentence that names it.
    pub fn look(&self) -> Result<(), Error> {
        self.open().map(drop)
    }

    /// Its access units without waiting, round after round, each with the instant at which it is due: the first
    /// keyframe at the media clock's start. What [`Source::run`] publishes, for whoever has no clock.
    ///
    /// # Errors
    /// It cannot be read, or has nothing that is served; what the iterator gives last is why it ended.
    pub fn units(&self) -> Result<impl Iterator<Item = Result<(MediaTime, AccessUnit), Error>> + '_, Error> {
        let mut playing = Playing::start(self, MediaTime::default())?;
        let mut failed = false;
        Ok(std::iter::from_fn(move || {
            let next = (!failed).then(|| playing.next())?;
            failed = next.is_err();
            Some(next)
        }))
    }

    fn open(&self) -> Result<Box<dyn Reading + '_>, Error> {
        let failed = |error: io::Error| self.error(&Error::new(error.to_string()));
        // To open a pipe waits for its writer, unless it is asked not to.
        let mut options = fs::OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK);
        let file = options.open(&self.settings.path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            let what =
                "this is a folder, a pipe or a device; name an MP4, MOV, MKV or raw .h264 or .h265 file";
            return Err(self.error(&Error::new(what)));
        }
        let bytes = Bytes::new(file).map_err(failed)?;
        self.reading(bytes).map_err(|error| self.error(&error))
    }

    fn reading(&self, bytes: Bytes) -> Result<Box<dyn Reading + '_>, Error> {
        let holds = bytes.holds()?;
        if self.settings.fps.is_some() && matches!(holds, Holds::Mp4 | Holds::Mkv) {
            self.notes.info("`fps` is for raw streams; this file has its own times".to_owned());
        }
        match holds {
            Holds::Mp4 => Ok(mp4::open(bytes, &self.notes)?),
            Holds::Mkv => Ok(mkv::open(bytes, &self.notes)?),
            Holds::Stream => Ok(Box::new(raw::Stream::new(bytes, self.settings.fps, &self.notes)?)),
            Holds::Other(what) => Err(Error::new(format!(
                "this is {what}, which is not served; make an MP4 file of it: `ffmpeg -i FILE -c copy FILE.mp4`"
            ))),
        }
    }

    fn error(&self, what: &Error) -> Error {
        Error::new(format!("{}: {what}", self.settings.path.display()))
    }
}

/// What is told of a file of these tracks, none of which has pictures that are served.
fn no_pictures(tracks: impl Iterator<Item = String>) -> Error {
    let known: BTreeSet<String> = tracks.collect();
    if known.is_empty() {
        return Error::new("it has no H.264 or H.265 track that can be served, but no tracks at all");
    }
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    Error::new(format!(
        "it has no H.264 or H.265 track that can be served, but {known}; make one: \
         `ffmpeg -i FILE -c:v libx264 -c:a aac NEW.mp4`"
    ))
}

/// Whether somebody watches, or did a moment ago.
pub(super) struct Watched {
    last: Instant,
}

impl Watched {
    pub(super) fn new() -> Self {
        Self { last: clock::now() }
    }

    fn by(&mut self, outlet: &Outlet) -> bool {
        if outlet.wanted() {
            self.last = clock::now();
        }
        !outlet.stopped() && clock::now().duration_since(self.last) <= LINGER
    }

    /// Waits until `due`; false if the source is to end or rest before that.
    pub(super) fn until(&mut self, due: MediaTime, outlet: &Outlet) -> bool {
        while self.by(outlet) {
            let left = due.since(clock::media());
            if left.is_zero() {
                return true;
            }
            // Whoever leaves wakes nobody when the lingering is over.
            rest(left.min(LINGER));
        }
        false
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
        let mut watched = Watched::new();
        loop {
            let (due, mut unit) = playing.next()?;
            let read = clock::media();
            if let Some(tracks) = playing.tracks() {
                outlet.describe(tracks, false);
            }
            if !watched.until(due, outlet) {
                break;
            }
            // Nobody waits for what is read before it is due.
            unit.journey = Some(Journey::new(due, read, clock::media()));
            // In the order of decoding, stamped with the instant at which it is shown.
            outlet.publish(unit);
        }
        drop(playing);
        outlet.idle();
        at_rest(outlet);
        Ok(())
    }
}

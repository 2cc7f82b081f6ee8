//! JPEGs that play as if a camera took them: a folder of pictures, or a file of one behind the other.

mod notes;
mod pictures;

use std::path::PathBuf;

use super::file::Watched;
use super::grid::Grid;
use super::{Error, Source, at_rest, check_fps, until_wanted, waker};
use crate::clock;
use crate::hub::Outlet;
use crate::media::jpeg::{Image, Unfit};
use crate::media::{AccessUnit, Codec, Journey, Link, Track, TrackId};
use notes::Notes;
use pictures::{Found, Lacks, Pictures};

/// Pictures a second where the configuration does not say.
const RATE: f64 = 5.0;

/// Which pictures, and how fast.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// A folder of `.jpg` and `.jpeg` files, or a file of JPEGs one behind the other.
    pub path: PathBuf,
    /// Pictures a second; 5 if it is not said.
    pub fps: Option<f64>,
}

impl Settings {
    /// Holds the settings against what can be; whether there are pictures is another matter.
    ///
    /// # Errors
    /// A field that cannot be, in a sentence that names it.
    pub fn check(&self) -> Result<(), Error> {
        check_fps(self.fps)
    }
}

/// Serves the pictures while somebody watches, from the first, round after round.
///
/// A folder is listed once a round, and a picture is read when it is due: what is added, replaced or removed
/// shows at the latest in the next round.
#[derive(Debug)]
pub struct Jpegs {
    settings: Settings,
    notes: Notes,
}

impl Jpegs {
    /// A source of these pictures; they are looked for when somebody wants them.
    pub fn new(settings: Settings) -> Self {
        Self { notes: Notes::new(settings.path.display().to_string()), settings }
    }

    /// Looks whether the folder or file is there now.
    ///
    /// # Errors
    /// Why not, in a sentence that names it.
    pub fn look(&self) -> Result<(), Error> {
        self.begin().map(drop)
    }

    fn error(&self, what: impl std::fmt::Display) -> Error {
        Error::new(format!("{}: {what}", self.settings.path.display()))
    }

    fn begin(&self) -> Result<Round, Error> {
        let pictures = Pictures::begin(&self.settings.path).map_err(|error| self.error(error))?;
        Ok(Round { pictures, shown: false, first: None })
    }

    /// Why nothing was shown in a round.
    fn nothing(&self, round: &Round) -> Error {
        match (&round.first, &round.pictures) {
            (Some(first), _) => self.error(format!("none of its pictures can be served; {first}")),
            (None, Pictures::Folder(..)) => self.error("there is no .jpg or .jpeg file in this folder"),
            (None, Pictures::Stream(_)) => self.error("there is no JPEG in this file"),
        }
    }

    /// Publishes pictures until nobody wants them.
    fn play(&mut self, outlet: &Outlet) -> Result<(), Error> {
        let grid = Grid::new(clock::media(), self.settings.fps.unwrap_or(RATE));
        let mut watched = Watched::new();
        let mut number = 0;
        let mut round = self.begin()?;
        while watched.until(grid.time(number), outlet) {
            let found = round.pictures.next().map_err(|error| self.error(error))?;
            let Some(Found { name, jpeg }) = found else {
                if !round.shown {
                    return Err(self.nothing(&round));
                }
                self.notes.round();
                round = self.begin()?;
                continue;
            };
            match jpeg.and_then(fit) {
                Ok(jpeg) => {
                    outlet.describe(vec![Track { codec: Codec::Jpeg, bitrate: None }], false);
                    let (time, read) = (grid.time(number), clock::media());
                    outlet.publish(AccessUnit {
                        track: TrackId(0),
                        time,
                        link: Link::Start,
                        journey: Some(Journey::new(time, read, clock::media())),
                        data: jpeg.into(),
                    });
                    round.shown = true;
                    // What is late is not made up for.
                    number = grid.number(clock::media()).max(number + 1);
                }
                Err(lacks) => {
                    let sentence = format!("{name}: {}", advice(&lacks));
                    self.notes.skipped(&sentence);
                    round.first.get_or_insert(sentence);
                }
            }
        }
        Ok(())
    }
}

impl Source for Jpegs {
    fn run(&mut self, outlet: &Outlet) -> Result<(), Error> {
        outlet.wake_by(waker());
        if !until_wanted(outlet) {
            return Ok(());
        }
        outlet.starting();
        self.play(outlet)?;
        outlet.idle();
        at_rest(outlet);
        Ok(())
    }
}

/// A round, and what came of it until now.
struct Round {
    pictures: Pictures,
    shown: bool,
    /// What was said of the first picture that was left out.
    first: Option<String>,
}

/// The picture, if RTP can carry it.
fn fit(jpeg: Vec<u8>) -> Result<Vec<u8>, Lacks> {
    Image::parse(&jpeg).map_err(Lacks::Unfit)?;
    Ok(jpeg)
}

/// What a picture lacks, and the command that helps.
fn advice(lacks: &Lacks) -> String {
    let unfit = match lacks {
        Lacks::Unread(why) => return why.clone(),
        Lacks::Unfit(unfit) => unfit,
    };
    match unfit {
        Unfit::NotBaseline(_) | Unfit::Huffman | Unfit::Scan => {
            format!("{unfit}: `jpegtran -outfile NEW.jpg OLD.jpg` does so without loss")
        }
        Unfit::Sampling
        | Unfit::DoubledUnits
        | Unfit::Quantization
        | Unfit::Precision(_)
        | Unfit::Size(..)
        | Unfit::TooLong => {
            format!(
                "{unfit}: `ffmpeg -i OLD.jpg -vf \"scale='min(2040,iw)':'min(2040,ih)':\
                 force_original_aspect_ratio=decrease\" -pix_fmt yuvj420p -huffman default NEW.jpg` makes one \
                 that fits"
            )
        }
        Unfit::NoJpeg | Unfit::Truncated | Unfit::Malformed(_) => unfit.to_string(),
    }
}

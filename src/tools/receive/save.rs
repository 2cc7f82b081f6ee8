//! The file that a track is written into, in the form that players open: H.264 and H.265 as byte streams,
//! JPEGs one behind the other, AAC as ADTS.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Error, unwritable};
use crate::client::{Track, Unit};

/// A file that is being written.
pub(super) struct Save {
    path: PathBuf,
    file: BufWriter<File>,
    /// The first to be saved is a keyframe.
    begun: bool,
}

/// Opens a file to be written anew. What is in it stays until there is something better: see [`begin`].
pub(super) fn open(path: &Path) -> io::Result<BufWriter<File>> {
    File::options().write(true).create(true).truncate(false).open(path).map(BufWriter::new)
}

/// Empties the file, if it is one that can be.
pub(super) fn begin(file: &BufWriter<File>) -> io::Result<()> {
    let file = file.get_ref();
    if file.metadata()?.is_file() { file.set_len(0) } else { Ok(()) }
}

impl Save {
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let file = open(path).map_err(unwritable(path))?;
        Ok(Self { path: path.to_owned(), file, begun: false })
    }

    pub(super) fn write(&mut self, track: &Track, unit: &Unit) -> Result<(), Error> {
        if !self.begun {
            if !unit.keyframe {
                return Ok(());
            }
            begin(&self.file).map_err(unwritable(&self.path))?;
            self.begun = true;
        }
        if track.media().encoding == "MPEG4-GENERIC" {
            let header = track.adts_header(unit.data.len());
            let header = header.ok_or_else(|| io::Error::other("ADTS cannot say what this sound is"));
            let header = header.map_err(unwritable(&self.path))?;
            self.file.write_all(&header).map_err(unwritable(&self.path))?;
        }
        self.file.write_all(&unit.data).map_err(unwritable(&self.path))
    }

    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(unwritable(&self.path))
    }
}

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

impl Save {
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let file = BufWriter::new(File::create(path).map_err(unwritable(path))?);
        Ok(Self { path: path.to_owned(), file, begun: false })
    }

    pub(super) fn write(&mut self, track: &Track, unit: &Unit) -> Result<(), Error> {
        self.begun |= unit.keyframe;
        if !self.begun {
            return Ok(());
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

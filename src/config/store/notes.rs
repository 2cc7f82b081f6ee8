//! Where a file's versions are is noted where they usually are: the file that says so may get lost.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::history::checksum;
use super::replace_for;

/// Notes under the usual folder where a file's versions are, if it says that they are elsewhere: the file may get lost. As far as
/// the usual folder can be written.
pub fn note_state(config: &Path, usual: &Path, state: &Path) {
    let note = note_of(config, usual);
    let done = if state == usual {
        if note.exists() { fs::remove_file(&note) } else { Ok(()) }
    } else if noted_state(config, usual).as_deref() == Some(state) {
        Ok(())
    } else {
        replace_for(usual, &note, state.as_os_str().as_encoded_bytes(), 0o644).map_err(io::Error::other)
    };
    if let Err(error) = done {
        tracing::debug!(%error, "where the versions are is known by the configuration's file alone");
    }
}

/// What was noted there.
pub fn noted_state(config: &Path, usual: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(note_of(config, usual)).ok()?;
    Some(PathBuf::from(text)).filter(|path| path.is_absolute())
}

fn note_of(config: &Path, usual: &Path) -> PathBuf {
    let whole = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
    usual.join("places").join(folder_name(&whole))
}

/// A file's path as the name of one folder; long ones are cut, and told apart by their hash.
pub(super) fn folder_name(path: &Path) -> String {
    const LONGEST: usize = 200;
    let name = path.to_string_lossy().replace('%', "%25").replace('/', "%");
    let name = name.trim_start_matches('%');
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let end: String = path.file_name().unwrap_or_default().to_string_lossy().chars().take(40).collect();
    format!("{}%{end}", checksum(name))
}

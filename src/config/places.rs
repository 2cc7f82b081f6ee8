//! Where the daemon keeps what is its own, where the file says so.

use std::path::{Path, PathBuf};

use super::syntax::{self, Kind, Step};

/// Folders and files that are the daemon's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Where versions and what is kept across starts are.
    pub state_dir: Option<PathBuf>,
    /// Where it can be seen and steered.
    pub control_socket: Option<PathBuf>,
}

impl Places {
    /// Those of a file. One that is damaged is read as far as it can be: its versions are needed then.
    pub fn of_file(path: &Path) -> Self {
        Self::of_text(&String::from_utf8_lossy(&super::read(path).unwrap_or_default()))
    }

    /// Those of a file's text, likewise.
    pub fn of_text(text: &str) -> Self {
        let tree = syntax::parse(text.strip_prefix('\u{feff}').unwrap_or(text)).0;
        let read = |name: &str| {
            let value = tree.as_ref()?.step(&Step::Field(name.to_owned()))?;
            let Kind::Text(written) = &value.kind else { return None };
            absolute(name, written).ok()
        };
        let guessed = |name: &str| read(name).or_else(|| guess(name, text));
        Self { state_dir: guessed(STATE_DIR), control_socket: guessed(CONTROL_SOCKET) }
    }

    /// Whether a file's text says where they are, be it by saying nothing of it: else it is lost.
    pub fn are_said(text: &str) -> bool {
        let (tree, mistakes) = syntax::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
        tree.is_some() && mistakes.is_empty()
    }

    pub(super) fn read(
        state_dir: Option<&str>,
        control_socket: Option<&str>,
        wrong: &mut Vec<String>,
    ) -> Self {
        let mut read =
            |name: &str, written: Option<&str>| absolute(name, written?).map_err(|why| wrong.push(why)).ok();
        Self { state_dir: read(STATE_DIR, state_dir), control_socket: read(CONTROL_SOCKET, control_socket) }
    }
}

const STATE_DIR: &str = "state_dir";
const CONTROL_SOCKET: &str = "control_socket";

fn absolute(name: &str, written: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(written);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(format!("{name}: {written:?} is no path from the root on, like {}", example(name)))
    }
}

fn example(name: &str) -> &'static str {
    if name == STATE_DIR { "\"/data/lenslet\"" } else { "\"/run/lenslet/control.sock\"" }
}

/// What stands behind the name in a text that is no RON any more.
fn guess(name: &str, text: &str) -> Option<PathBuf> {
    let line = text.lines().map(str::trim_start).find_map(|line| line.strip_prefix(name))?;
    let written = line.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?.split('"').next()?;
    absolute(name, written).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn places_are_read_of_a_damaged_file_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lenslet.ron");
        let places = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let Places { state_dir, control_socket } = Places::of_file(&path);
            [state_dir, control_socket].map(|path| path.map(|path| path.display().to_string()))
        };
        let (state, socket) = (Some("/data/lenslet".to_owned()), Some("/run/l.sock".to_owned()));
        let right = "(\n    state_dir: \"/data/lenslet\",\n    control_socket: \"/run/l.sock\",\n)";
        assert_eq!(places(right), [state.clone(), socket.clone()]);
        for damaged in
            [right.replace(')', "mounts: {"), right.replace('(', "}{ \u{0}"), right.replace("\",", "\"")]
        {
            assert_eq!(places(&damaged), [state.clone(), socket.clone()], "{damaged}");
        }
        for without in ["", "()", "(workers: 1)", "(state_dir: 1)", "(state_dir: \"data\")", "state_dir"] {
            assert_eq!(places(without), [None, None], "{without}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Places::of_file(&path), Places::default());
    }

    #[test]
    fn a_place_begins_at_the_root() {
        let error = Config::parse("(state_dir: \"data\")").unwrap_err().to_string();
        assert!(
            error.contains("state_dir: \"data\" is no path from the root on, like \"/data/lenslet\""),
            "{error}"
        );
    }
}

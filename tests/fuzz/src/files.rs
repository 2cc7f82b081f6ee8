//! Files that hold anything.

use std::path::PathBuf;
use std::{env, fs, process, thread};

use lenslet::media::{AccessUnit, Link, MediaTime, TrackId, h264};
use lenslet::source::file::{File, Settings};

/// Access units of all rounds that are looked at.
const UNITS: usize = 80;

/// No access unit is larger.
const LARGEST: usize = 8 << 20;

/// MP4 and MOV, fragmented or not.
pub(crate) fn mp4(data: &[u8]) {
    plays(data, "mp4");
}

/// Matroska and WebM.
pub(crate) fn mkv(data: &[u8]) {
    plays(data, "mkv");
}

/// Refuses a file with a sentence, or plays it: the same access units twice, due one after the other, pictures
/// from a keyframe on, well-formed and no larger than the file allows.
fn plays(data: &[u8], kind: &str) {
    let file = Written::new(data, kind);
    let source = File::new(Settings { path: file.0.clone(), fps: None });
    let (first, ended) = played(&source);
    assert!(first.is_empty() || source.look().is_ok());
    let (again, ended_again) = played(&source);
    assert_eq!(ended, ended_again);
    assert!(first.iter().map(told).eq(again.iter().map(told)), "the same file plays the same");
    assert!(ended.is_none_or(|sentence| sentence.contains(file.0.to_str().unwrap())));
    let mut before = MediaTime::default();
    let mut begun = false;
    for (due, unit) in &first {
        assert!(*due >= before, "back in time");
        before = *due;
        assert!(!unit.data.is_empty() && unit.data.len() <= 2 * LARGEST);
        if unit.track != TrackId(0) {
            assert_eq!((unit.track, unit.link), (TrackId(1), Link::Alone));
            continue;
        }
        begun |= unit.link == Link::Start;
        assert!(begun && unit.link != Link::Alone, "pictures begin at a keyframe");
        assert!(unit.data.starts_with(&[0, 0, 0, 1]) || unit.data.starts_with(&[0, 0, 1]));
        assert!(h264::nal_units(&unit.data).next().is_some());
    }
}

type Due = (MediaTime, AccessUnit);

fn told((due, unit): &Due) -> (MediaTime, TrackId, MediaTime, &[u8]) {
    (*due, unit.track, unit.time, &unit.data)
}

/// The first access units, and why there are no more.
fn played(source: &File) -> (Vec<Due>, Option<String>) {
    let mut played = Vec::new();
    let units = match source.units() {
        Ok(units) => units,
        Err(error) => return (played, Some(error.to_string())),
    };
    for unit in units.take(UNITS) {
        match unit {
            Ok(unit) => played.push(unit),
            Err(error) => return (played, Some(error.to_string())),
        }
    }
    (played, None)
}

/// A file that is there as long as this.
struct Written(PathBuf);

impl Written {
    fn new(data: &[u8], kind: &str) -> Self {
        // Targets run side by side in one process, and in several.
        let name = format!("lenslet-fuzz-{}-{:?}.{kind}", process::id(), thread::current().id());
        let path = env::temp_dir().join(name);
        fs::write(&path, data).unwrap();
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

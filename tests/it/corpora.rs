//! Every kept corpus through its fuzz target, without a fuzzer: what was once found stays found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/lib.rs"]
pub(crate) mod targets;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
}

/// Names in a folder, without `.rs`.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap().trim_end_matches(".rs").to_owned()).collect()
}

#[test]
fn every_kept_input_holds() {
    for (name, target) in targets::TARGETS {
        let folder = folder("corpus").join(name);
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let data = fs::read(&file).unwrap();
            if std::panic::catch_unwind(|| target(&data)).is_err() {
                panic!("{}: {:?}", file.display(), data.escape_ascii().to_string());
            }
        }
    }
}

/// What is kept for `entrance` are whole conversations: some sign in, by each way of answering, and play; some are refused.
#[test]
fn the_kept_conversations_of_the_entrance_go_through_it() {
    let came: Vec<_> = fs::read_dir(folder("corpus/entrance"))
        .unwrap()
        .map(|entry| targets::entrance::talk(&fs::read(entry.unwrap().path()).unwrap()))
        .collect();
    let some = |what: fn(&targets::entrance::Came) -> u32| came.iter().filter(|came| what(came) > 0).count();
    assert!(some(|came| came.granted) >= 5 && some(|came| came.played) >= 2, "{came:?}");
    assert!(some(|came| came.challenged) >= 5 && some(|came| came.stale) >= 1, "{came:?}");
    assert!(some(|came| came.forbidden) >= 2, "{came:?}");
    let whole =
        |name: &str| targets::entrance::talk(&fs::read(folder("corpus/entrance").join(name)).unwrap());
    for name in ["by-sha256", "counted"] {
        let came = whole(name);
        assert!(came.granted >= 4 && came.played >= 1, "{name}: {came:?}");
    }
}

#[test]
fn every_target_has_its_file_and_its_corpus() {
    let known: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("fuzz_targets")), known);
    assert_eq!(names(&folder("corpus")), known);
}

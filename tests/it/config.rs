//! Configurations as people write them: wrong ones and what is said of them, and those that are shipped.

use std::fs;
use std::path::{Path, PathBuf};

use lenslet::config::Config;

use crate::support::{Client, Server};

fn here(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// The files of a folder that end so, by name.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == ending)).collect();
    files.sort();
    files
}

/// `LENSLET_EXPECT=write` writes what is said now beside each file, to be read by a person before it is kept.
#[test]
fn every_mistake_is_answered_with_its_sentence() {
    let folder = here("tests/fixtures/config/invalid");
    let files = files(&folder, "ron");
    assert!(files.len() >= 40, "{}", files.len());
    let write = std::env::var("LENSLET_EXPECT").is_ok_and(|value| value == "write");
    let mut differ = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let said = match Config::load(file) {
            Ok(_) => panic!("{name} is taken"),
            Err(error) => error.to_string().replace(file.to_str().unwrap(), name) + "\n",
        };
        let expected = file.with_extension("expected");
        if write {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            differ.push(said);
        }
    }
    assert!(differ.is_empty(), "not as expected:\n{}", differ.join("\n"));
}

#[test]
fn a_mount_is_served_as_its_settings_say() {
    let server = Server::with(
        r#"mounts: {"door": Pattern(width: 64, height: 48, label: "Front door", max_readers: 1), "off": Pattern(enabled: false)}"#,
    );
    let mut client = Client::connect(&server);
    let url = server.url("door");
    let described = client.ask(&[&format!("DESCRIBE {url} RTSP/1.0")]);
    assert!(described.body.contains("s=Front door\r\n"), "{}", described.body);
    let off = server.url("off");
    assert_eq!(client.ask(&[&format!("DESCRIBE {off} RTSP/1.0")]).status, 404);
    client.set_up_tcp(&url);
    let mut other = Client::connect(&server);
    let setup = format!("SETUP {url}/trackID=0 RTSP/1.0");
    let refused = other.ask(&[&setup, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]);
    assert_eq!(refused.status, 453);
}
